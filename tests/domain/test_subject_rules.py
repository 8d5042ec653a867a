"""Corrections and annulments: their targets, and the rules that they must keep."""

from typing import Any

import pytest
from msgspec import structs

from iku.domain import merger, subject_rules
from iku.domain.conflict import (
    Category,
    Conflict,
    Corrected,
    Dimension,
    Handled,
    Level,
    Manner,
    Merged,
    Phase,
    Reclassified,
    Rejected,
    Reopened,
    Resolved,
    Verified,
    decider,
)
from iku.domain.decider import DecisionPremises, Invalid
from iku.domain.fact import Annulled
from tests.domain.story import HERE, given, on, recorded, refused, repeats
from tests.domain.test_conflict import annulled, corrected, reported, resolved, verified


def case(*events: Any) -> Conflict:
    found = given(decider, reported("2021-03-01"), *events)
    assert isinstance(found, Conflict)
    return found


def reopened(day: str) -> Reopened:
    return Reopened(effective_on=on(day))


# Corrections.


def test_a_corrected_date_holds_from_the_beginning() -> None:
    found = case(resolved("2021-04-01"))
    after = recorded(decider, found, corrected(2, effective_on=on("2021-03-15")))
    assert [c.effective_on for c in after.closings] == [on("2021-03-15")]
    assert after.state_on(on("2021-03-20")).manner == "mediasi"


def test_a_corrected_category_holds_from_the_beginning() -> None:
    found = case(verified("2021-03-02"))
    right = corrected(1, category=Category.SARA, dimension="agama")
    after = recorded(decider, found, right)
    assert after.state_on(on("2021-03-01")).category == "sara"


@pytest.mark.parametrize(
    ("wrong", "path", "sides"),
    [
        (corrected(4, manner=Manner.ISLAH), "corrects", ("is 4", "version is 3")),
        (annulled(4), "annuls", ("is 4", "version is 3")),
        (
            corrected(2),
            "corrects",
            (
                "a correction must change at least one field",
                "must change at least one field",
            ),
        ),
        (
            corrected(2, phase=Phase.PEMULIHAN),
            "phase",
            ("2, resolved", "has no field of this name"),
        ),
        (
            corrected(3, manner=Manner.ISLAH),
            "corrects",
            (
                "version 3 is recorded as corrected",
                "correct the event to which version 3 refers",
            ),
        ),
    ],
)
def test_a_correction_names_a_fact_and_fields_that_it_has(
    wrong: Any, path: str, sides: tuple[str, ...]
) -> None:
    found = case(resolved("2021-04-01"), corrected(2, manner=Manner.ISLAH))
    refusal = refused(decider, found, wrong, *sides)
    assert isinstance(refusal, Invalid)
    assert refusal.path == path


def test_an_annulment_is_not_corrected() -> None:
    found = case(resolved("2021-04-01"), annulled(2))
    wrong = corrected(3, manner=Manner.ISLAH)
    sides = (
        "version 3 is recorded as annulled",
        "correct the event to which version 3 refers",
    )
    refused(decider, found, wrong, *sides)


def test_an_annulled_fact_is_not_corrected() -> None:
    found = case(resolved("2021-04-01"), annulled(2))
    refused(decider, found, corrected(2, manner=Manner.ISLAH), "is 2", "was annulled")


def test_a_correction_to_what_stands_already_is_a_repetition() -> None:
    found = case(resolved("2021-04-01"))
    same = corrected(2, manner=Manner.MEDIASI)
    repeats(
        decider,
        found,
        same,
        2,
        "the correction of version 2",
        "already recorded, at version 2",
    )
    right = corrected(2, manner=Manner.ISLAH)
    found = recorded(decider, found, right)
    repeats(
        decider,
        found,
        right,
        3,
        "the correction of version 2",
        "already recorded, at version 3",
    )


def test_a_correction_may_be_repeated_once_another_has_changed_it() -> None:
    found = case(resolved("2021-04-01"))
    first = corrected(2, manner=Manner.ISLAH)
    found = recorded(decider, found, first)
    found = recorded(decider, found, corrected(2, manner=Manner.PUTUSAN_INKRAH))
    found = recorded(decider, found, first)
    assert found.closings[0].manner == "islah"


def test_a_correction_leaves_a_course_that_could_have_happened() -> None:
    found = case(resolved("2021-04-01"), reopened("2021-05-01"))
    late = corrected(2, effective_on=on("2021-05-02"))
    refused(decider, found, late, "reopened on 2021-05-01", "open since 2021-03-01")
    early = corrected(1, effective_on=on("2021-04-02"))
    refused(decider, found, early, "on 2021-04-01", "was reported on 2021-04-02")


def test_a_case_taken_away_may_still_be_put_right() -> None:
    found = case(resolved("2021-04-01"), Rejected(reason="Bukan konflik"))
    recorded(decider, found, corrected(2, manner=Manner.ISLAH))
    recorded(decider, found, annulled(2))


# Cleared fields.


def test_a_correction_clears_an_optional_field_from_the_beginning() -> None:
    first = reported("2021-03-01", occurred_on=on("2021-02-01"), reference="LP/1")
    found = given(decider, first)
    assert found.text_versions("reference") == {"reference": 1}
    after = recorded(decider, found, corrected(1, occurred_on=None, reference=None))
    assert after.report.occurred_on is None
    assert after.text_versions("title", "reference") == {"title": 1}
    back = recorded(decider, after, annulled(2))
    assert back.report == first
    assert back.text_versions("reference") == {"reference": 1}


def test_a_field_that_was_cleared_may_be_stated_again() -> None:
    found = given(decider, reported("2021-03-01", reference="LP/1"))
    found = recorded(decider, found, corrected(1, reference=None))
    found = recorded(decider, found, corrected(1, reference="LP/2"))
    assert found.text_versions("reference") == {"reference": 3}


def test_a_dimension_may_be_cleared_of_a_reclassification() -> None:
    shift = Reclassified(
        effective_on=on("2021-05-01"),
        dimension=Dimension.POLITIK,
        level=Level.KEKERASAN,
    )
    after = recorded(decider, case(shift), corrected(2, dimension=None))
    now = after.state_on(on("2021-05-01"))
    assert (now.dimension, now.level) == ("sosial", "kekerasan")


@pytest.mark.parametrize(
    ("wrong", "path", "sides"),
    [
        (
            corrected(1, title=None),
            "title",
            ("title is cleared", "it is required in version 1, reported"),
        ),
        (corrected(1, level=None), "level", ("required in version 1, reported",)),
        (
            corrected(2, effective_on=None),
            "effective_on",
            ("required in version 2, resolved",),
        ),
        (
            corrected(1, occurred_on=None),
            "occurred_on",
            ("occurred_on is cleared", "it has no value in version 1, reported"),
        ),
        (
            corrected(1, title="Lain", area=None),
            "area",
            ("no value in version 1, reported",),
        ),
        (
            corrected(2, area=None),
            "area",
            ("area is corrected, but version 2, resolved, has no field of this name",),
        ),
    ],
)
def test_what_a_fact_must_have_or_has_not_is_not_cleared(
    wrong: Any, path: str, sides: tuple[str, ...]
) -> None:
    refusal = refused(decider, case(resolved("2021-04-01")), wrong, *sides)
    assert isinstance(refusal, Invalid)
    assert refusal.path == path


def test_to_clear_a_field_again_is_a_repetition_but_not_with_another_change() -> None:
    found = given(decider, reported("2021-03-01", occurred_on=on("2021-02-01")))
    found = recorded(decider, found, corrected(1, occurred_on=None))
    repeats(
        decider,
        found,
        corrected(1, occurred_on=None),
        2,
        "already recorded, at version 2",
    )
    both = corrected(1, occurred_on=None, title="Lain")
    refused(decider, found, both, "occurred_on is cleared", "has no value")


# Annulments.


def test_an_annulment_takes_a_fact_away_once() -> None:
    found = recorded(decider, case(resolved("2021-04-01")), annulled(2))
    assert found.closings == []
    again = Annulled(annuls=2, reason="Alasan lain")
    repeats(
        decider,
        found,
        again,
        3,
        "the annulment of version 2",
        "already recorded, at version 3",
    )


def test_an_annulment_leaves_a_course_that_could_have_happened() -> None:
    found = case(resolved("2021-04-01"), reopened("2021-05-01"))
    refused(decider, found, annulled(2), "2021-05-01", "open since 2021-03-01")


def test_an_annulment_is_taken_back_only_if_the_fact_still_fits() -> None:
    found = case(resolved("2021-04-01"), annulled(2), resolved("2021-05-01"))
    sides = "2021-05-01", "was resolved on 2021-04-01"
    refused(decider, found, annulled(3), *sides)
    free = recorded(decider, found, annulled(4))
    back = recorded(decider, free, annulled(3))
    assert [c.effective_on for c in back.closings] == [on("2021-04-01")]


def test_an_annulled_correction_leaves_the_fact_as_it_was() -> None:
    found = case(resolved("2021-04-01"), corrected(2, manner=Manner.ISLAH))
    assert recorded(decider, found, annulled(3)).closings[0].manner == "mediasi"


def test_a_fact_annulled_may_be_told_again() -> None:
    found = case(resolved("2021-04-01"), annulled(2))
    again = recorded(decider, found, resolved("2021-04-01"))
    assert len(again.closings) == 1


def test_an_annulled_merger_is_recorded_anew_and_not_brought_back() -> None:
    peers = {"K02": Conflict((reported("2021-03-01"),))}
    here = structs.replace(HERE, related_subjects=peers)
    merged = Merged(into="K02", reason="Sama")
    found = given(decider, reported("2021-03-01"), merged, annulled(2), context=here)
    refused(decider, found, annulled(3), "annuls is 3", "record the merger again")
    assert recorded(decider, found, merged, here).exclusion_status == "merged into K02"


def test_a_report_that_was_annulled_is_not_taken_for_recorded() -> None:
    found = case(annulled(1))
    refused(
        decider,
        found,
        reported("2021-03-01"),
        "this number is already used by the case",
    )


# Words.


def test_a_fact_is_named_as_a_person_says_it() -> None:
    assert subject_rules.event_name(resolved("2021-04-01")) == "resolved"
    handled = Handled(effective_on=on("2021-04-01"), phase=Phase.PEMULIHAN)
    assert subject_rules.event_name(handled) == "handled"


def test_what_names_no_other_subject_rests_on_none() -> None:
    facts: list[Any] = [
        Verified(effective_on=on("2021-04-01")),
        Resolved(effective_on=on("2021-04-01"), manner=Manner.ISLAH),
        Corrected(corrects=1, reason="Salah"),
    ]
    assert [merger.premises(fact, "K01", None) for fact in facts] == [
        DecisionPremises()
    ] * 3
