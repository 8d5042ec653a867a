"""A case: its legal facts, and its state after them."""

from datetime import date
from typing import Any

import pytest
from msgspec import ValidationError, convert, structs

from iku.domain import conflict
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
    Referred,
    Rejected,
    Reopened,
    Report,
    Reported,
    Resolved,
    Returned,
    Verified,
    decider,
)
from iku.domain.decider import DecisionContext, Invalid
from iku.domain.fact import Annulled
from tests.domain.story import AREA, HERE, given, on, recorded, refused, repeats


def reported(day: str = "2021-03-01", **fields: Any) -> Reported:
    stated: dict[str, Any] = {
        "category": Category.IPOLEKSOSBUD,
        "dimension": Dimension.SOSIAL,
        "title": "Perselisihan warga",
        "effective_on": on(day),
    }
    return Reported(**{**stated, **fields})


def verified(day: str) -> Verified:
    return Verified(effective_on=on(day))


def resolved(day: str, manner: Manner = Manner.MEDIASI) -> Resolved:
    return Resolved(effective_on=on(day), manner=manner)


def reopened(day: str) -> Reopened:
    return Reopened(effective_on=on(day))


def reclassified(day: str, **fields: Any) -> Reclassified:
    return Reclassified(effective_on=on(day), **fields)


def corrected(version: int, **fields: Any) -> Corrected:
    return Corrected(corrects=version, reason="Salah catat", **fields)


def annulled(version: int) -> Annulled:
    return Annulled(annuls=version, reason="Keliru")


def case(*events: Any, context: DecisionContext = HERE) -> Conflict:
    found = given(decider, *events, context=context)
    assert isinstance(found, Conflict)
    return found


SARA: dict[str, Any] = {"category": Category.SARA, "dimension": Dimension.AGAMA}
IPOLEKSOSBUD: dict[str, Any] = {
    "category": Category.IPOLEKSOSBUD,
    "dimension": Dimension.SOSIAL,
}


# The state of a case.


def test_a_level_reaches_itself_and_those_below() -> None:
    reaches = [[a.reaches(b) for b in Level] for a in Level]
    assert reaches == [[i >= j for j in range(4)] for i in range(4)]


def test_each_dimension_belongs_to_one_category() -> None:
    assert sorted(d for of in conflict.DIMENSIONS.values() for d in of) == sorted(
        Dimension
    )
    assert conflict.DIMENSIONS[Category.SARA] == (
        "suku",
        "agama",
        "ras",
        "antargolongan",
    )


def test_a_case_of_boundaries_or_natural_resources_is_of_no_indicators_category() -> (
    None
):
    assert conflict.DIMENSIONS[Category.LAINNYA] == (
        *("batas_wilayah", "sumber_daya_alam", "distribusi_sda"),
    )
    border: dict[str, Any] = {
        "category": Category.LAINNYA,
        "dimension": Dimension.BATAS_WILAYAH,
    }
    found = recorded(decider, case(reported()), reclassified("2021-05-01", **border))
    assert found.state_on(on("2021-05-01")).category is Category.LAINNYA
    back = recorded(decider, found, reclassified("2021-06-01", **SARA))
    assert back.state_on(on("2021-06-01")).category is Category.SARA
    stray = reported(category=Category.SARA, dimension=Dimension.BATAS_WILAYAH)
    refused(decider, None, stray, "batas_wilayah", "suku, agama, ras, antargolongan")


def test_a_report_without_its_number_is_the_fact() -> None:
    fields = {**SARA, "title": "Perkara", "effective_on": "2021-03-01", "area": AREA}
    report = convert({**fields, "number": "K1"}, Report)
    assert report.to_event() == convert({**fields, "type": "reported"}, Reported)
    assert report.number == "K1"


def test_a_case_is_what_it_was_reported_as_until_something_changes() -> None:
    found = case(reported(), reclassified("2021-07-01", **SARA), resolved("2021-08-01"))
    assert found.state_on(on("2021-02-28")) is None
    days = ["2021-03-01", "2021-06-30", "2021-07-01", "2021-07-31", "2021-08-01"]
    segments = [s for day in days if (s := found.state_on(on(day)))]
    assert [s.category for s in segments] == ["ipoleksosbud"] * 2 + ["sara"] * 3
    assert [s.dimension for s in segments] == ["sosial"] * 2 + ["agama"] * 3
    assert [s.manner for s in segments] == [None] * 4 + ["mediasi"]
    assert segments[-1].resolved_on == on("2021-08-01")
    assert segments[-1].end is None
    assert [s.end for s in found.timeline] == [on("2021-07-01"), on("2021-08-01"), None]


def test_a_day_ends_as_the_later_of_its_changes_left_it() -> None:
    found = case(
        reported(),
        resolved("2021-03-01"),
        reopened("2021-03-01"),
        resolved("2021-04-01"),
    )
    assert [s.start for s in found.timeline] == [on("2021-03-01"), on("2021-04-01")]
    assert found.timeline[0].resolved_on is None


def test_a_reopening_never_erases_a_closing_date() -> None:
    found = case(
        reported(),
        resolved("2021-04-01"),
        reopened("2021-05-01"),
        resolved("2021-06-01", Manner.ISLAH),
        reopened("2021-07-01"),
    )
    assert [c.effective_on for c in found.closings] == [
        on("2021-04-01"),
        on("2021-06-01"),
    ]
    assert [r.effective_on for r in found.reopenings] == [
        on("2021-05-01"),
        on("2021-07-01"),
    ]


def test_closings_and_reopenings_stand_in_the_order_of_their_days() -> None:
    late = case(
        reported(),
        resolved("2021-08-01"),
        reopened("2021-09-01"),
        annulled(3),
        annulled(2),
        resolved("2021-04-01"),
        reopened("2021-05-01"),
        annulled(5),
        annulled(4),
    )
    assert [c.effective_on.month for c in late.closings] == [4, 8]
    assert [r.effective_on.month for r in late.reopenings] == [5, 9]


def test_verification_is_known_or_not_whatever_its_day() -> None:
    assert not case(reported()).verified
    assert case(reported(), verified("2021-03-05")).verified
    assert not case(reported(), verified("2021-03-05"), annulled(2)).verified


# Legal facts.


def test_each_change_is_recorded_once() -> None:
    changes: list[Any] = [
        verified("2021-03-02"),
        Handled(effective_on=on("2021-03-03"), phase=Phase.PENGHENTIAN, note="Mediasi"),
        Referred(effective_on=on("2021-03-04")),
        resolved("2021-04-01"),
        reopened("2021-05-01"),
        reclassified("2021-06-01", **SARA),
        corrected(1, title="Perselisihan dua warga"),
        annulled(3),
        Rejected(reason="Bukan konflik", effective_on=on("2021-07-01")),
    ]
    found: Any = recorded(decider, None, reported(area=AREA))
    for change in changes:
        found = recorded(decider, found, change)
    assert found.history == (reported(area=AREA), *changes)


def test_a_closing_stated_again_after_its_reopening_is_a_repetition() -> None:
    found = case(reported(), resolved("2021-04-01"), reopened("2021-05-01"))
    sides = "resolved on 2021-04-01", "already recorded, at version 2"
    repeats(decider, found, resolved("2021-04-01"), 2, *sides)


def test_a_report_is_not_recorded_again_even_after_it_was_corrected() -> None:
    found = case(reported(), corrected(1, title="Lain"))
    repeats(decider, found, reported(), 1, "reported on 2021-03-01", "version 1")


def test_a_case_closed_and_reopened_twice_on_one_day_is_open_at_its_end() -> None:
    day = "2021-04-01"
    found: Any = case(reported())
    for again in (resolved(day), reopened(day), resolved(day), reopened(day)):
        found = recorded(decider, found, again)
    assert len(found.history) == 5
    assert found.state_on(on(day)).resolved_on is None
    # Both are in force; a third one would repeat the last of them.
    repeats(decider, found, reopened(day), 5, "reopened on 2021-04-01", "version 5")


def test_two_handlings_or_referrals_that_are_alike_are_two_facts() -> None:
    handled = Handled(effective_on=on("2021-04-01"), phase=Phase.PENGHENTIAN)
    referred = Referred(effective_on=on("2021-04-01"))
    found = case(reported(), handled, handled, referred, referred)
    assert [type(event) for event in found.history[1:]] == [
        *(Handled, Handled, Referred, Referred)
    ]


def test_a_case_is_verified_once_unless_that_is_annulled() -> None:
    found = case(reported(), verified("2021-03-05"))
    repeats(decider, found, verified("2021-03-05"), 2, "verified on 2021-03-05")
    sides = "verified again on 2021-03-09", "was verified on 2021-03-05"
    refused(decider, found, verified("2021-03-09"), *sides)
    freed = recorded(decider, recorded(decider, found, annulled(2)), annulled(3))
    assert freed.verified
    again = recorded(
        decider, recorded(decider, freed, annulled(2)), verified("2021-03-09")
    )
    # If the first were restored, two would be in force.
    sides = "verified again on 2021-03-09", "was verified on 2021-03-05"
    refused(decider, again, annulled(5), *sides)


def test_a_case_verified_twice_in_former_days_takes_further_facts() -> None:
    twice = (reported(), verified("2021-03-05"), verified("2021-03-09"))
    found = decider.fold(twice)
    assert recorded(decider, found, resolved("2021-04-01")).verified
    refused(decider, found, verified("2021-03-10"), "2021-03-10", "2021-03-05")


def test_a_reclassification_into_what_the_case_is_on_that_day_is_refused() -> None:
    found = case(reported(), reclassified("2021-05-01", **SARA))
    same = reclassified("2021-06-01", **SARA, level=Level.PERSETERUAN)
    sides = (
        "on 2021-06-01 the case is already sara, agama, perseteruan",
        "changes nothing",
    )
    refused(decider, found, same, *sides)
    refused(decider, found, reclassified("2021-06-01"), *sides)
    # Before that day it is still the other one.
    early = recorded(decider, found, reclassified("2021-04-01", **SARA))
    assert early.state_on(on("2021-04-01")).category == "sara"


def test_a_case_may_be_what_it_was_before_twice_on_one_day() -> None:
    day = "2021-05-01"
    found: Any = case(reported())
    there, back = reclassified(day, **SARA), reclassified(day, **IPOLEKSOSBUD)
    for again in (there, back, there):
        found = recorded(decider, found, again)
    assert found.state_on(on(day)).category == "sara"


def test_an_idle_reclassification_of_former_days_still_stands() -> None:
    found = decider.fold((reported(), reclassified("2021-05-01", **IPOLEKSOSBUD)))
    assert found is not None
    assert [s.category for s in found.timeline] == ["ipoleksosbud"]
    recorded(decider, found, reclassified("2021-06-01", **SARA))


def test_a_number_serves_one_case() -> None:
    found = case(reported("2021-03-01"))
    refused(decider, found, reported("2021-04-01"), "2021-04-01", "2021-03-01")


def test_nothing_happens_to_a_case_never_reported() -> None:
    refused(decider, None, resolved("2021-04-01"), "resolved", "never reported")


@pytest.mark.parametrize(
    "change",
    [
        verified("2021-02-28"),
        Handled(effective_on=on("2021-02-28"), phase=Phase.PENCEGAHAN),
        Referred(effective_on=on("2021-02-28")),
        resolved("2021-02-28"),
        reopened("2021-02-28"),
        reclassified("2021-02-28", level=Level.KEKERASAN),
    ],
    ids=lambda change: type(change).__name__,
)
def test_nothing_happens_to_a_case_before_its_report(change: Any) -> None:
    refused(decider, case(reported("2021-03-01")), change, "2021-02-28", "2021-03-01")


def test_a_case_may_be_closed_on_the_day_of_its_report() -> None:
    recorded(decider, case(reported("2021-03-01")), resolved("2021-03-01"))


def test_a_closed_case_is_not_closed_again() -> None:
    found = case(reported(), resolved("2021-04-01"), reclassified("2021-05-01", **SARA))
    sides = "resolved again on 2021-06-01", "was resolved on 2021-04-01"
    refused(decider, found, resolved("2021-06-01"), *sides)


def test_a_closing_learnt_late_must_fit_those_known() -> None:
    found = case(reported(), resolved("2021-04-01"))
    refused(decider, found, resolved("2021-03-15"), "2021-04-01", "2021-03-15")


def test_an_open_case_is_not_reopened_and_the_day_it_opened_is_told() -> None:
    found = case(reported("2021-03-01"), reclassified("2021-05-01", **SARA))
    sides = "reopened on 2021-06-01", "open since 2021-03-01"
    refused(decider, found, reopened("2021-06-01"), *sides)
    again = case(
        reported(),
        resolved("2021-04-01"),
        reopened("2021-05-01"),
        reclassified("2021-05-20", level=Level.KEKERASAN),
    )
    sides = "reopened on 2021-06-01", "open since 2021-05-01"
    refused(decider, again, reopened("2021-06-01"), *sides)


def test_no_case_occurs_after_its_report() -> None:
    late = reported("2021-03-01", occurred_on=on("2021-03-02"))
    refused(
        decider, None, late, "reported earlier, on 2021-03-01", "occurred on 2021-03-02"
    )
    recorded(decider, None, reported("2021-03-01", occurred_on=on("2021-03-01")))


def test_a_dimension_must_be_one_of_its_categorys() -> None:
    stray = reported(category=Category.SARA)
    refusal = refused(decider, None, stray, "sosial", "suku, agama, ras, antargolongan")
    assert isinstance(refusal, Invalid)
    assert refusal.path == "dimension"
    half = reclassified("2021-05-01", category=Category.SARA)
    refused(decider, case(reported()), half, "sosial", "sara")
    wrong = corrected(1, dimension=Dimension.RAS)
    refused(decider, case(reported()), wrong, "ras", "ipoleksosbud")


def test_each_part_of_a_reclassification_may_be_left_out() -> None:
    found = case(reported(), reclassified("2021-05-01", dimension=Dimension.POLITIK))
    raised = recorded(decider, found, reclassified("2021-06-01", level=Level.KEKERASAN))
    now = raised.state_on(on("2021-06-01"))
    assert (now.category, now.dimension, now.level) == (
        "ipoleksosbud",
        "politik",
        "kekerasan",
    )


@pytest.mark.parametrize("field", ["effective_on", "occurred_on"])
def test_a_day_that_has_not_come_or_before_the_republic_is_refused(field: str) -> None:
    coming = structs.replace(reported(), **{field: on("2022-07-01")})
    refused(decider, None, coming, field, "2022-07-01", "2022-06-30")
    ancient = structs.replace(reported(), **{field: on("1945-08-16")})
    refused(decider, None, ancient, field, "1945-08-16", "1945-08-17")


def test_an_area_must_exist() -> None:
    nowhere = "35.76.09.9999"
    refusal = refused(decider, None, reported(area=nowhere), nowhere, "no area")
    assert isinstance(refusal, Invalid)
    assert refusal.path == "area"
    refused(decider, case(reported()), corrected(1, area=nowhere), nowhere, "no area")
    recorded(decider, case(reported()), corrected(1, area=AREA))


OTHER = DecisionContext(HERE.today, "A01", HERE.areas, {"A02": case(reported())})

# Returned for completion.


def returned(day: str, missing: str = "Surat pelapor") -> Returned:
    return Returned(effective_on=on(day), missing=missing)


def test_a_report_is_returned_until_it_is_corrected() -> None:
    found = recorded(decider, case(reported()), returned("2021-03-02"))
    assert found.open_return.version == 2
    assert found.open_return.event.missing == "Surat pelapor"
    # A correction of the return itself does not complete the report.
    reworded = recorded(decider, found, corrected(2, missing="Hari kejadian"))
    assert reworded.open_return.event.missing == "Hari kejadian"
    done = recorded(decider, reworded, corrected(1, occurred_on=on("2021-02-27")))
    assert done.open_return is None
    assert recorded(decider, done, annulled(4)).open_return.version == 2
    assert recorded(decider, done, verified("2021-03-05")).verified


def test_a_report_may_be_returned_more_than_once() -> None:
    found = case(reported(), returned("2021-03-02"))
    repeats(decider, found, returned("2021-03-02"), 2, "returned on 2021-03-02")
    other = recorded(decider, found, returned("2021-03-02", "Hari kejadian"))
    assert other.open_return.version == 3
    done = recorded(decider, found, corrected(1, title="Lain"))
    again = recorded(decider, done, returned("2021-03-02"))
    assert again.open_return.version == 4


def test_a_return_ends_with_verification_rejection_or_its_annulment() -> None:
    found = case(reported(), returned("2021-03-02"))
    for end in (
        verified("2021-03-05"),
        Rejected(reason="Bukan konflik"),
        annulled(2),
        annulled(1),
    ):
        assert recorded(decider, found, end).open_return is None


def test_a_report_is_not_returned_once_it_was_decided_upon() -> None:
    sure = case(reported(), verified("2021-03-05"))
    late = returned("2021-03-06")
    refused(decider, sure, late, "returned on 2021-03-06", "verified on 2021-03-05")
    recorded(decider, recorded(decider, sure, annulled(2)), late)
    gone = case(reported(), Rejected(reason="Bukan konflik"))
    refused(decider, gone, late, "returned", "already rejected")
    merged = case(reported(), Merged(into="A02", reason="Sama"), context=OTHER)
    refused(decider, merged, late, "merged into A02", context=OTHER)
    early = returned("2021-02-28")
    refused(decider, case(reported()), early, "2021-02-28", "2021-03-01")


# Retroactive removal: rejection, merger, annulment.


def test_a_rejected_case_takes_no_more_changes_until_the_rejection_is_annulled() -> (
    None
):
    rejected = case(reported(), Rejected(reason="Bukan konflik"))
    assert rejected.exclusion_status == "rejected"
    sides = "resolved", "is already rejected"
    refused(decider, rejected, resolved("2021-04-01"), *sides)
    again = recorded(decider, rejected, annulled(2))
    assert again.exclusion_status is None
    recorded(decider, again, resolved("2021-04-01"))


def test_a_case_is_merged_into_another_that_counts() -> None:
    merged = Merged(into="A02", reason="Peristiwa yang sama")
    found = recorded(decider, case(reported()), merged, OTHER)
    assert found.exclusion_status == "merged into A02"
    refused(decider, found, resolved("2021-04-01"), "merged into A02", context=OTHER)


@pytest.mark.parametrize(
    ("into", "side"),
    [
        ("A01", "A01 cannot be merged into itself"),
        ("A98", "does not exist"),
        ("A77", "does not exist"),
    ],
)
def test_a_case_is_not_merged_into_itself_or_into_nothing(into: str, side: str) -> None:
    refusal = refused(
        decider, case(reported()), Merged(into=into, reason="Sama"), into, side
    )
    assert isinstance(refusal, Invalid)
    assert refusal.path == "into"


def test_a_case_is_not_merged_into_one_that_was_taken_away() -> None:
    gone = case(reported(), Rejected(reason="Bukan konflik"))
    here = DecisionContext(HERE.today, "A01", frozenset(), {"A~2": gone})
    sides = "merged into A/2", "A/2 is already rejected"
    merged = Merged(into="A/2", reason="Sama")
    refused(decider, case(reported()), merged, *sides, context=here)


def test_a_merger_may_be_corrected_to_another_case_that_counts() -> None:
    peers = {"A02": case(reported()), "A03": case(reported())}
    here = DecisionContext(HERE.today, "A01", frozenset(), peers)
    found = case(reported(), Merged(into="A02", reason="Sama"), context=here)
    assert recorded(
        decider, found, corrected(2, into="A03"), here
    ).exclusion_status == ("merged into A03")
    refused(
        decider, found, corrected(2, into="A98"), "A98", "does not exist", context=here
    )


def test_the_other_case_a_merger_names_is_a_peer() -> None:
    def peers(command: Any) -> tuple[str, ...]:
        return decider.premises_of(command, "A01", None).related_subjects

    assert peers(Merged(into="A/2", reason="Sama")) == ("A~2",)
    assert peers(corrected(2, into="A03")) == ("A03",)
    assert peers(resolved("2021-04-01")) == ()


def test_a_case_whose_report_is_annulled_has_no_course_at_all() -> None:
    found = case(reported(), verified("2021-03-02"), resolved("2021-04-01"))
    gone = recorded(decider, found, annulled(1))
    assert gone.exclusion_status == "annulled"
    assert gone.timeline == ()
    assert gone.state_on(date(2021, 12, 31)) is None
    refused(decider, gone, reopened("2021-05-01"), "reopened", "already annulled")
    back = recorded(decider, gone, annulled(4))
    assert back.timeline == found.timeline


# Fields.


@pytest.mark.parametrize(
    "wrong",
    [
        {"title": ""},
        {"title": "   "},
        {"title": "dua\nbaris"},
        {"title": "akhir baris\n"},
        {"title": "x" * 501},
        {"title": "\u0958" * 251},  # twice as long in NFC
        {"level": "parah"},
        {"status": "open"},
        {"number": "K 1"},
        {"nomor": "K1"},
    ],
    ids=lambda wrong: str(wrong)[:30],
)
def test_a_fact_with_such_a_field_is_not_read(wrong: dict[str, str]) -> None:
    right = {
        "type": "reported",
        "category": "sara",
        "dimension": "agama",
        "title": "Perkara",
        "effective_on": "2021-03-01",
    }
    assert convert(right, conflict.Event)
    with pytest.raises(ValidationError):
        convert({**right, **wrong}, conflict.Event)


# The fact to which a text belongs.


def test_a_title_is_found_at_the_last_correction_that_restated_it() -> None:
    first = reported("2021-03-01")
    case = given(decider, first)
    assert case.text_versions("title", "reference") == {"title": 1}
    case = given(decider, first, corrected(1, title="Lain", reference="LP/1"))
    assert case.text_versions("title", "reference") == {"title": 2, "reference": 2}
    history = (first, corrected(1, title="Lain"), corrected(1, title="Ketiga"))
    case = given(decider, *history, corrected(1, level=Level.KEKERASAN))
    assert case.text_versions("title") == {"title": 3}
    assert given(decider, *history, annulled(3)).text_versions("title") == {"title": 2}


def test_once_annulled_a_report_is_worded_as_it_was_recorded() -> None:
    first = reported("2021-03-01")
    case = given(decider, first, corrected(1, title="Lain"), annulled(1))
    assert case.text_versions("title", "reference") == {"title": 1}
