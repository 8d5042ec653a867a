"""The rating scale: the rating of each achievement, as versioned data.

Permendagri 86/2017 leaves gaps between its bands (90 to 91, 75 to 76, …). Here each
band extends from its lower bound, inclusive, to the next band (design, section 6).
"""

from datetime import date
from decimal import Decimal
from functools import cached_property

from msgspec import Struct

from iku.domain.decider import Decider, DecisionContext, refuse_unlikely_day
from iku.domain.fact import Fact, Line


class Band(Struct, frozen=True):
    """A rating, and the lowest achievement, in per cent, that has it."""

    at_least: Decimal
    rating: str


class Scaled(Fact, frozen=True, tag="scaled"):
    """The bands that rate achievements as of *effective_on* or later, highest first."""

    effective_on: date
    basis: Line
    bands: tuple[Band, ...]

    def rating(self, achievement: Decimal) -> str:
        """The rating of *achievement*; the last band has no lower bound.

        Source: Permendagri 86/2017, with inclusive lower bounds (design, section 6).
        """
        for band in self.bands:
            if achievement >= band.at_least:
                return band.rating
        return self.bands[-1].rating


Event = Scaled


class Scale(Struct, frozen=True, dict=True):
    """All versions of the scale."""

    history: tuple[Scaled, ...]

    @cached_property
    def first_version(self) -> Scaled:
        """Version 1, which also applies to days and cut-offs before it was recorded."""
        return self.history[0]

    def version_in_force(self, day: date) -> Scaled | None:
        """The version in force on *day*; None if there is none yet."""
        begun = [scaled for scaled in self.history if scaled.effective_on <= day]
        # `sorted` is stable: of two versions of one day the one recorded later counts.
        ordered = sorted(begun, key=lambda scaled: scaled.effective_on)
        return ordered[-1] if ordered else None


def evolve(scale: Scale | None, event: Scaled) -> Scale:
    """The scale after *event*."""
    return Scale((*(scale.history if scale else ()), event))


def decide(
    command: Scaled, scale: Scale | None, context: DecisionContext
) -> list[Scaled]:
    """The event that *command* adds to *scale*; empty if it is already recorded.

    Raises:
        Refused: The day is in the future or before the founding of the republic.
    """
    refuse_unlikely_day("effective_on", command.effective_on, context.today)
    if scale and command in scale.history:
        return []
    return [command]


def applicable_version(known: Scale | None, whole: Scale, as_of: date) -> Scaled:
    """The version that rates figures as of *as_of*, at the cut-off of *known*."""
    return (known and known.version_in_force(as_of)) or whole.first_version


decider: Decider[Scale, Scaled] = Decider(
    "scale", Event, decide, evolve, moves_figures=True
)
