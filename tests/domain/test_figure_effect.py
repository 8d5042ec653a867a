"""The effect of a command on a figure is that of the recorded events."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from iku.domain import conflict, figure_effect
from iku.domain.conflict import Category, Dimension, Manner
from iku.domain.figure import Counts, Figure
from iku.domain.figure_effect import FigureEffect, StateChange
from iku.domain.indicator import ConflictOptions
from iku.domain.period import Kind, containing

OPTIONS = ConflictOptions(category=Category.IPOLEKSOSBUD)
DAY = date(2021, 12, 31)
REPORTED = conflict.Reported(
    category=Category.IPOLEKSOSBUD,
    dimension=Dimension.EKONOMI,
    title="Sengketa",
    effective_on=date(2021, 2, 9),
)
VERIFIED = conflict.Verified(effective_on=date(2021, 2, 10))
RESOLVED = conflict.Resolved(effective_on=date(2021, 3, 28), manner=Manner.MEDIASI)


def figure(numerator: int, denominator: int, expired: int | None = None) -> Figure:
    return Figure(
        indicator="IKU-1",
        definition=1,
        period=containing(DAY, Kind.YEAR),
        as_of=DAY,
        known_on=DAY,
        size=1,
        numerator=numerator,
        denominator=denominator,
        percentage=Decimal(0),
        empty=None,
        expired=expired,
        target=None,
        achievement=None,
        rating=None,
        number="IKU-1",
    )


def state(*events: Any) -> Any:
    return conflict.decider.fold(events)


@pytest.mark.parametrize(
    ("before", "after", "counts", "moves"),
    [
        (None, state(REPORTED), (7, 9), False),
        (state(REPORTED), state(REPORTED, VERIFIED), (7, 10), True),
        (state(REPORTED, VERIFIED), state(REPORTED, VERIFIED, RESOLVED), (8, 9), True),
        (state(REPORTED, VERIFIED), None, (7, 8), True),
    ],
)
def test_a_figure_changes_by_the_difference_of_the_subject(
    before: Any, after: Any, counts: tuple[int, int], *, moves: bool
) -> None:
    found = figure_effect.effect(figure(7, 9), OPTIONS, [StateChange(before, after)])
    assert found.before == Counts(7, 9)
    assert (found.after.numerator, found.after.denominator) == counts
    assert found.changes_counts is moves
    assert (found.indicator, found.as_of) == ("IKU-1", DAY)


def test_the_changes_of_several_subjects_add_up() -> None:
    change = StateChange(state(REPORTED), state(REPORTED, VERIFIED))
    found = figure_effect.effect(figure(7, 9, 2), OPTIONS, [change, change])
    assert found == FigureEffect("IKU-1", DAY, Counts(7, 9, 2), Counts(7, 11, 2))
