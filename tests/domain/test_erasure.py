"""Erasure decisions, and the texts that they cover."""

from datetime import date

import pytest

from iku.domain import erasure
from iku.domain.erasure import Erased, decider
from iku.domain.withheld_text import ErasureDecision, Texts, Withheld, WithheldReason
from tests.domain.story import HERE, given, on, refused

DECIDED = Erased(decision="B/12/2022", legal_basis="UU 27/2022 Pasal 8")


def test_a_decision_is_recorded_once_and_another_after_it() -> None:
    first = given(decider, DECIDED)
    assert first.history == (DECIDED,)
    assert decider.decide(DECIDED, first, HERE) == []
    other = Erased(decision="B/13/2022", legal_basis="UU 27/2022 Pasal 8")
    assert given(decider, DECIDED, other).history == (DECIDED, other)


def test_a_decision_of_tomorrow_is_refused() -> None:
    tomorrow = Erased(decision="B/1", legal_basis="x", effective_on=on("2999-01-01"))
    refused(decider, None, tomorrow, "2999-01-01", "must not be after today,")


def test_an_erasure_names_no_other_subject() -> None:
    assert decider.premises_of(DECIDED, "", None).related_subjects == ()


@pytest.mark.parametrize(
    ("position", "erasures", "by"),
    [
        (3, [], None),
        (3, [2], None),
        (3, [3], None),
        (3, [4], 4),
        (3, [2, 9, 7], 7),
        (8, [2, 9, 7], 9),
    ],
)
def test_a_text_is_erased_by_the_first_decision_after_it_or_else_withheld(
    position: int, erasures: list[int], by: int | None
) -> None:
    assert erasure.covering_decision(position, erasures) == by


def test_in_place_of_a_text_stands_a_word_and_of_an_erased_one_its_decision() -> None:
    decision = ErasureDecision("B/12/2022", "UU 27/2022", date(2022, 5, 1))
    texts = Texts(
        {"title": "Perkara"},
        {
            "note": Withheld(WithheldReason.ERASED, decision),
            "reason": Withheld(WithheldReason.LOCKED),
            "evidence": Withheld(WithheldReason.DAMAGED),
            "reference": Withheld(WithheldReason.MISSING),
        },
    )
    assert texts.display_texts == {
        "title": "Perkara",
        "note": "erased (B/12/2022)",
        "reason": "locked",
        "evidence": "damaged",
        "reference": "missing",
    }


@pytest.mark.parametrize(
    ("subject", "fits"),
    [
        ("conflict-K14", True),
        ("018f2c1e-9d3a-7c55-8f00-0123456789ab", True),
        ("A" + "b" * 99, True),
        ("A" + "b" * 100, False),
        ("-K14", False),
        ("conflict-K14\n", False),
        ("", False),
    ],
)
def test_nothing_else_than_an_identifier_is_looked_for(
    subject: str, *, fits: bool
) -> None:
    assert erasure.is_identifier(subject) is fits
