"""What all aggregates share."""

from typing import Any

import pytest

from iku.domain import conflict, indicator, organisation, publication, scale
from iku.domain import decider as deciders
from iku.domain.decider import Context, Invalid, Refused, Turn
from tests.domain.story import on


@pytest.mark.parametrize(
    "decider",
    [
        *(conflict.decider, organisation.decider, indicator.decider),
        *(scale.decider, publication.decider),
    ],
    ids=lambda decider: decider.category,
)
def test_of_no_events_there_is_no_state(decider: Any) -> None:
    assert decider.fold([]) is None


def test_folding_goes_on_from_any_state() -> None:
    events = [conflict.Verified(effective_on=on(f"2021-03-0{n}")) for n in range(1, 4)]
    whole = conflict.decider.fold(events)
    assert whole is not None
    assert whole.history == tuple(events)
    begun = conflict.decider.fold(events[:1])
    assert conflict.decider.fold(events[1:], begun) == whole


def test_a_stream_is_named_by_category_and_subject() -> None:
    assert conflict.decider.stream("K01") == "conflict-K01"
    assert organisation.decider.stream("O01") == "organisation-O01"
    assert indicator.decider.stream("IKU-1") == "indicator-IKU-1"
    assert scale.decider.stream("kinerja") == "scale-kinerja"
    assert publication.decider.stream("2021") == "publication-2021"


def test_what_is_asked_for_is_the_command_unless_it_brings_more() -> None:
    verified = conflict.Verified(effective_on=on("2021-03-01"))
    assert conflict.decider.asked(verified) == verified


def test_a_day_is_likely_from_the_republics_first_until_today() -> None:
    today = on("2021-03-01")
    for day in (None, on("1945-08-17"), on("2021-03-01")):
        deciders.refuse_unlikely_day("effective_on", day, today)
    with pytest.raises(Refused, match=r"occurred_on is 2021-03-02, but .* 2021-03-01"):
        deciders.refuse_unlikely_day("occurred_on", on("2021-03-02"), today)
    with pytest.raises(Refused, match=r"is 1945-08-16, but .* before 1945-08-17"):
        deciders.refuse_unlikely_day("effective_on", on("1945-08-16"), today)


def test_an_identifier_is_the_number_and_safe_in_a_path() -> None:
    assert deciders.subject_id("K/1/2021") == "K~1~2021"
    assert deciders.subject_number("K~1~2021") == "K/1/2021"


def test_an_invalid_field_is_refused_and_named() -> None:
    refusal = Invalid("area", "area is X, but there is no such area")
    assert isinstance(refusal, Refused)
    assert (refusal.path, str(refusal)) == (
        "area",
        "area is X, but there is no such area",
    )


def test_a_context_knows_nothing_it_was_not_told() -> None:
    context = Context(on("2021-03-01"))
    assert (context.subject, context.areas, dict(context.peers)) == (
        "",
        frozenset(),
        {},
    )


def test_a_turn_holds_both_states() -> None:
    turn = Turn("conflict", "K01", None, conflict.NEVER_REPORTED)
    assert (turn.before, turn.after) == (None, conflict.NEVER_REPORTED)
