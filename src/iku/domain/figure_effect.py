"""The effect of a command on a figure, from its subjects before and after it.

A figure is the sum of the contributions of its subjects, so the change of the figure is
the sum of the changes of the subjects that the command changes.
"""

from collections.abc import Iterable
from datetime import date
from typing import Any, NamedTuple

from msgspec import Struct

from iku.domain import subject_kinds
from iku.domain.figure import Counts, Figure
from iku.domain.indicator import Options


class StateChange(NamedTuple):
    """The state of a case or an organisation before and after a command.

    Attributes:
        before: None if the command creates the subject.
    """

    before: Any
    after: Any


class FigureEffect(Struct, frozen=True):
    """The counts of a figure before and after a command."""

    indicator: str
    as_of: date
    before: Counts
    after: Counts

    @property
    def changes_counts(self) -> bool:
        """Whether the command changes the numerator or the denominator."""
        was, becomes = self.before, self.after
        return (was.numerator, was.denominator) != (
            becomes.numerator,
            becomes.denominator,
        )


def effect(
    figure: Figure, options: Options, changes: Iterable[StateChange]
) -> FigureEffect:
    """The effect of a command's *changes* on *figure*, which *options* count.

    The subjects must be of the kind that the options count.
    """
    now = Counts(figure.numerator, figure.denominator, figure.expired or 0)
    start, as_of = figure.period.start, figure.as_of
    added = (added_counts(change, options, start, as_of) for change in changes)
    return FigureEffect(figure.indicator, as_of, now, sum(added, start=now))


def added_counts(
    change: StateChange, options: Options, start: date, as_of: date
) -> Counts:
    """The counts that *change* adds to the figure of a period; they may be negative."""
    gone = _counts(change.before, options, start, as_of)
    came = _counts(change.after, options, start, as_of)
    return Counts(
        came.numerator - gone.numerator,
        came.denominator - gone.denominator,
        came.expired - gone.expired,
    )


def _counts(subject: Any, options: Options, start: date, as_of: date) -> Counts:
    if subject is None:
        return Counts()
    return subject_kinds.membership(subject, options, start, as_of).counts
