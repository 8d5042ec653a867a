"""The rules that all aggregates share."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from msgspec import structs

from iku.domain import conflict, indicator, organisation, publication, scale
from iku.domain import decider as deciders
from iku.domain.decider import (
    Decision,
    DecisionContext,
    DecisionPremises,
    Invalid,
    Refused,
    Transition,
)
from iku.domain.fact import Person
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


HIDDEN = (
    *("\u202a", "\u202e", "\u2066", "\u2069", "\u200e", "\u200f", "\u061c"),
    *("\u200b", "\u2060", "\ufeff", "\u00ad", "\u180e", "\U000e0041"),
    *("\u2028", "\u2029"),
)


@pytest.mark.parametrize("character", HIDDEN, ids=lambda c: f"U+{ord(c):04X}")
def test_a_text_with_a_character_that_hides_or_reorders_is_refused(
    character: str,
) -> None:
    report = conflict.Reported(
        category=conflict.Category.SARA,
        dimension=conflict.Dimension.AGAMA,
        title=f"é{character}b",
        effective_on=on("2021-03-01"),
    )
    sentence = rf"title contains U\+{ord(character):04X} \(.+\) at character 2, but"
    with pytest.raises(Invalid, match=sentence) as refusal:
        deciders.refuse_hidden_characters(report)
    assert refusal.value.path == "title"


def test_a_hidden_character_is_found_at_any_depth_and_its_field_named() -> None:
    named = conflict.Reported(
        category=conflict.Category.SARA,
        dimension=conflict.Dimension.AGAMA,
        title="Perkara",
        effective_on=on("2021-03-01"),
        parties=(Person("Siti"), Person("Bu\u202edi")),
    )
    with pytest.raises(Invalid, match="RIGHT-TO-LEFT OVERRIDE") as refusal:
        deciders.refuse_hidden_characters(named)
    assert refusal.value.path == "parties[1].name"


@pytest.mark.parametrize(
    "text",
    [
        "Perselisihan \u201cwarga\u201d \u2013 pasar",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",  # Persian, with a joiner
        "\u0627\u0644\u0645\u0633\u062c\u062f \u0600\u0661",  # Arabic, right to left
        "\U0001f468\u200d\U0001f469\u200d\U0001f467",  # an emoji of three
        "Rapat\tkedua\n",
    ],
)
def test_a_text_of_any_script_is_let_pass(text: str) -> None:
    verified = conflict.Verified(effective_on=on("2021-03-01"), note=text)
    deciders.refuse_hidden_characters(verified)


def test_whoever_is_named_in_plain_letters_is_let_pass() -> None:
    named = conflict.Reported(
        category=conflict.Category.SARA,
        dimension=conflict.Dimension.AGAMA,
        title="Perkara",
        effective_on=on("2021-03-01"),
        parties=(Person("Siti"), Person("Jos\xe9")),
    )
    deciders.refuse_hidden_characters(named)


@pytest.mark.parametrize("value", [Decimal("80.5"), frozenset({1}), 2.5])
def test_a_value_without_text_is_let_pass(value: Any) -> None:
    deciders.refuse_hidden_characters(value)


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
    context = DecisionContext(on("2021-03-01"))
    assert (context.subject, context.areas, dict(context.related_subjects)) == (
        "",
        frozenset(),
        {},
    )


def test_what_is_decided_about_one_subject_adds_nothing_to_others() -> None:
    context = DecisionContext(on("2021-03-01"), "K01")
    rejected = conflict.Rejected(reason="Salah")
    report = conflict.Reported(
        category=conflict.Category.SARA,
        dimension=conflict.Dimension.SUKU,
        title="Contoh",
        effective_on=on("2021-02-01"),
    )
    reported = conflict.evolve(None, report)
    assert conflict.decider.decision(rejected, reported, context) == Decision(
        [rejected], {}
    )
    spread: Decision[Any] = Decision([rejected], {"K02": [rejected]})
    decider = replace(conflict.decider, decide=lambda *_: spread)
    assert decider.decision(rejected, reported, context) is spread


def test_a_turn_holds_both_states() -> None:
    turn = Transition("conflict", "K01", None, conflict.NEVER_REPORTED)
    assert (turn.before, turn.after) == (None, conflict.NEVER_REPORTED)


def test_a_fact_without_a_reason_rests_on_the_closed_periods() -> None:
    verified = conflict.Verified(effective_on=on("2021-04-01"))
    assert conflict.decider.premises_of(verified, "K01", None).closures
    why = structs.replace(verified, reason="Terlambat dilaporkan")
    assert not conflict.decider.premises_of(why, "K01", None).closures


def test_what_moves_no_figure_never_rests_on_the_closed_periods() -> None:
    decider = replace(conflict.decider, moves_figures=False)
    verified = conflict.Verified(effective_on=on("2021-04-01"))
    assert decider.premises_of(verified, "K01", None) == DecisionPremises()
