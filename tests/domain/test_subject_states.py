"""The state of a subject on a day agrees with a day-by-day evaluation."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import msgspec
from hypothesis import given as for_all
from hypothesis import settings

from iku.domain import conflict, organisation, subject_kinds
from iku.domain.conflict import Conflict
from iku.domain.fact import Annulled
from iku.domain.organisation import Organisation
from iku.domain.subject_states import StateInterval, decode_columns
from tests.domain import chance, recount
from tests.domain.story import given, on
from tests.domain.test_explaining_cases import VERIFIED, case, reported, resolved
from tests.domain.test_explaining_organisations import organised
from tests.samples import examples


def follow_each_other(spans: Sequence[StateInterval]) -> None:
    """The spans cover every day, and are stored and read without loss."""
    assert [s.valid_to for s in spans[:-1]] == [s.valid_from for s in spans[1:]]
    assert spans[-1].valid_to is None
    for span in spans:
        assert span.valid_to is None or span.valid_from < span.valid_to
        shape, stored = type(span.state_of_subject), span.state_of_subject.columns
        assert decode_columns(shape, "A01", stored) == msgspec.to_builtins(
            span.state_of_subject
        )


def ends(span: StateInterval) -> set[Any]:
    """The first day, and the last day or one much later."""
    last = span.valid_to and span.valid_to - timedelta(days=1)
    return {span.valid_from, last or on("2031-12-31")}


@settings(max_examples=examples(100, 25), deadline=None)
@for_all(chance.case_histories)
def test_a_case_is_on_each_day_what_its_facts_say(history: list[Any]) -> None:
    found = Conflict(tuple(history))
    spans = subject_kinds.state_intervals("conflict", "A01", found)
    facts = list(recount.remaining(history))
    follow_each_other(spans)
    waits = found.open_return and found.open_return.event.effective_on
    for span in spans:
        shown: Any = span.state_of_subject
        if found.exclusion_status:
            assert shown.status == found.exclusion_status.split(" ")[0]
            continue
        for day in ends(span):
            then = recount.case_on(facts, day)
            assert then is not None
            assert (shown.category, shown.dimension) == (then.category, then.dimension)
            assert (shown.level, shown.manner) == (then.level, then.closed_by)
            pending = "returned" if waits and waits <= day else "open"
            assert shown.status == ("resolved" if then.closed_by else pending)


@settings(max_examples=examples(100, 25), deadline=None)
@for_all(chance.organisation_histories)
def test_an_organisation_is_on_each_day_what_its_facts_say(history: list[Any]) -> None:
    found = Organisation(tuple(history))
    spans = subject_kinds.state_intervals("organisation", "A01", found)
    facts = list(recount.remaining(history))
    follow_each_other(spans)
    for span in spans:
        shown: Any = span.state_of_subject
        if found.exclusion_status:
            assert shown.status == found.exclusion_status.split(" ")[0]
            continue
        for day in ends(span):
            then = recount.organisation_on(facts, day)
            assert shown.expired == then.expired
            assert (shown.status in {"active", "suspended"}) == then.exists
            if then.exists:
                assert (shown.status == "suspended") == then.suspended


def statuses(category: str, state: Any) -> list[tuple[str, str]]:
    """The states by their first day."""
    spans = subject_kinds.state_intervals(category, "A01", state)
    follow_each_other(spans)
    return [(str(s.valid_from), s.state_of_subject.columns.status) for s in spans]


def test_a_report_waits_from_the_day_on_which_it_was_returned() -> None:
    given_back = conflict.Returned(effective_on=on("2021-03-05"), missing="Surat")
    found = given(conflict.decider, reported(), given_back)
    assert statuses("conflict", found) == [
        ("2021-03-01", "open"),
        ("2021-03-05", "returned"),
    ]
    closed = given(conflict.decider, reported(), given_back, resolved("2021-04-01"))
    assert statuses("conflict", closed)[-1] == ("2021-04-01", "resolved")
    at_once = conflict.Returned(effective_on=on("2021-03-01"), missing="Surat")
    found = given(conflict.decider, reported(), at_once)
    assert statuses("conflict", found) == [("2021-03-01", "returned")]
    worse = conflict.Reclassified(
        effective_on=on("2021-03-03"), level=conflict.Level.KEKERASAN
    )
    found = given(conflict.decider, reported(), worse, given_back)
    assert [status for _, status in statuses("conflict", found)] == [
        *("open", "open", "returned")
    ]


def test_what_was_taken_away_was_so_from_its_first_day() -> None:
    gone = Annulled(annuls=1, reason="Keliru")
    assert statuses("conflict", case(gone)) == [("2021-03-01", "annulled")]
    of_no_end = {
        "legal_basis": organisation.LegalBasis.BADAN_HUKUM,
        "valid_until": None,
    }
    annulled = organised(gone, **of_no_end)
    assert statuses("organisation", annulled) == [("2021-02-01", "annulled")]
    rejected = case(resolved("2021-05-01"), conflict.Rejected(reason="Bukan konflik"))
    assert statuses("conflict", rejected) == [("2021-03-01", "rejected")]
    merged = Organisation(
        (
            *organised(**of_no_end).history,
            organisation.Merged(into="A98", reason="Sama"),
        )
    )
    [span] = subject_kinds.state_intervals("organisation", "A01", merged)
    shown: Any = span.state_of_subject
    assert (shown.status, shown.merged_into) == ("merged", "A98")


def test_an_organisation_is_cut_where_its_certificate_runs_out() -> None:
    found = organised(
        organisation.Suspended(effective_on=on("2021-07-01")),
        valid_until=on("2021-05-31"),
    )
    shown: list[Any] = [*subject_kinds.state_intervals("organisation", "A01", found)]
    assert [(str(s.valid_from), s.state_of_subject.expired) for s in shown] == [
        ("2021-02-01", False),
        ("2021-06-01", True),
        ("2021-07-01", True),
    ]
    by_law = organised(
        legal_basis=organisation.LegalBasis.BADAN_HUKUM, valid_until=None
    )
    assert statuses("organisation", by_law) == [("2021-02-01", "active")]


def test_a_certificate_that_outlasts_a_suspension_does_not_cut_it() -> None:
    found = organised(
        organisation.Suspended(effective_on=on("2021-07-01")),
        organisation.Restored(effective_on=on("2021-08-01")),
        valid_until=on("2021-10-31"),
    )
    shown: list[Any] = [*subject_kinds.state_intervals("organisation", "A01", found)]
    assert [(str(s.valid_from), s.state_of_subject.expired) for s in shown] == [
        ("2021-02-01", False),
        ("2021-07-01", False),
        ("2021-08-01", False),
        ("2021-11-01", True),
    ]


def test_what_does_not_begin_with_its_opening_was_nothing() -> None:
    assert subject_kinds.state_intervals("conflict", "A01", Conflict((VERIFIED,))) == ()
    suspended = organisation.Suspended(effective_on=on("2021-07-01"))
    assert (
        subject_kinds.state_intervals("organisation", "A01", Organisation((suspended,)))
        == ()
    )


def test_before_its_first_day_a_subject_was_nothing() -> None:
    first = subject_kinds.state_on("conflict", "A01", case(), on("2021-03-01"))
    assert first is not None
    assert subject_kinds.state_on("conflict", "A01", case(), on("2021-02-28")) is None
    assert subject_kinds.state_on("conflict", "A01", None, on("2021-12-31")) is None
