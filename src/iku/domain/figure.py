"""The figure: numerator, denominator, percentage, and the coordinates of the question.

A percentage remains an exact fraction until it is shown. It is then rounded once, half
up, to two decimals (design, section 6).
"""

from datetime import date
from decimal import Decimal
from typing import Literal

from msgspec import Struct

from iku.domain import indicator, period, scale
from iku.domain.coordinates import Coordinates
from iku.domain.indicator import EmptyRatio
from iku.domain.period import Kind, Period
from iku.messages import message


class Counts(Struct, frozen=True):
    """Numerator and denominator; *expired* counts certificates in the denominator."""

    numerator: int = 0
    denominator: int = 0
    expired: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.numerator + other.numerator,
            self.denominator + other.denominator,
            self.expired + other.expired,
        )


class Part(Struct, frozen=True):
    """The part of a figure that belongs to one dimension, kind or district.

    Attributes:
        key: Dimension, kind, or code of the district; empty if it is unknown.
    """

    key: str
    numerator: int
    denominator: int
    percentage: Decimal | None


class Figure(Struct, frozen=True):
    """A figure of an indicator, as the API shows it.

    Attributes:
        percentage: In per cent, two decimals; None if there is nothing to count.
        empty: ``no_cases`` if the denominator is zero, else None.
        expired: Organisations in the denominator whose certificate has expired; None
            for indicators that count cases.
        target: Target of the year in force on `as_of`, in per cent; None if there is
            none.
        achievement: Actual divided by target, in per cent; None if either is missing.
        rating: Rating of the achievement; None if there is no achievement.
        number: Figure number: all coordinates in one line that can be typed in again.
        parts: The parts of the figure; None if no breakdown was asked for.
    """

    indicator: str
    definition: int
    period: Period
    as_of: date
    known_on: date
    size: int
    numerator: int
    denominator: int
    percentage: Decimal | None
    empty: Literal["no_cases"] | None
    expired: int | None
    target: Decimal | None
    achievement: Decimal | None
    rating: str | None
    number: str
    parts: tuple[Part, ...] | None = None


class Basis(Struct, frozen=True):
    """The definition, target and rating scale that a figure is computed with."""

    definition: indicator.Definition
    target: Decimal | None
    scale: scale.Scaled


class ComputedFigure(Struct, frozen=True):
    """A figure and its basis."""

    figure: Figure
    made_with: Basis


def basis(
    known: tuple[indicator.Indicator | None, scale.Scale | None],
    whole: tuple[indicator.Indicator, scale.Scale],
    as_of: date,
    kind: Kind,
    version: int | None,
) -> Basis:
    """The basis of figures as of *as_of*, at the knowledge cut-off of *known*.

    Without a *version*, the definition in force at the start of the period applies.
    Version 1 also applies at cut-offs before every definition was known (design,
    section 5).

    Raises:
        LookupError: There is no definition with that *version*.
    """
    start = period.containing(as_of, kind).start
    if version is None:
        definition = indicator.applicable_definition(known[0], whole[0], start)
    elif 1 <= version <= len(whole[0].definitions):
        definition = whole[0].definitions[version - 1]
    else:
        last = len(whole[0].definitions)
        raise LookupError(
            message(
                "definition is {version}, but the last version is {last}",
                version=version,
                last=last,
            )
        )
    return Basis(
        definition=definition,
        target=known[0].target(as_of) if known[0] else None,
        scale=scale.applicable_version(known[1], whole[1], as_of),
    )


def figure(
    at: Coordinates,
    counts: Counts,
    made_with: Basis,
    parts: dict[str, Counts] | None = None,
) -> Figure:
    """The figure of *counts* at the coordinates *at*, by the basis *made_with*."""
    options = made_with.definition.defined.options
    ratio = _ratio(counts, options.empty)
    achievement = _achievement(ratio, made_with.target)
    return Figure(
        indicator=at.indicator,
        definition=at.definition,
        period=at.period,
        as_of=at.as_of,
        known_on=at.known_on,
        size=at.size,
        numerator=counts.numerator,
        denominator=counts.denominator,
        percentage=None if ratio is None else per_cent(*ratio),
        empty=None if counts.denominator else "no_cases",
        expired=counts.expired if options.certified else None,
        target=made_with.target,
        achievement=achievement,
        rating=None if achievement is None else made_with.scale.rating(achievement),
        number=at.number,
        parts=None if parts is None else _figure_parts(parts, options.empty),
    )


def _figure_parts(parts: dict[str, Counts], empty: EmptyRatio) -> tuple[Part, ...]:
    return tuple(
        Part(
            key=key,
            numerator=counts.numerator,
            denominator=counts.denominator,
            percentage=None if ratio is None else per_cent(*ratio),
        )
        for key, counts in sorted(parts.items())
        for ratio in [_ratio(counts, empty)]
        if counts.denominator
    )


# Not `fractions.Fraction`: it reduces at each step, which costs more than all the rest.
# The result for 0/0 is a policy of the definition (design, section 6, option `empty`).
def _ratio(counts: Counts, empty: EmptyRatio) -> tuple[int, int] | None:
    if counts.denominator:
        return counts.numerator, counts.denominator
    return {
        EmptyRatio.UNDEFINED: None,
        EmptyRatio.FULL: (1, 1),
        EmptyRatio.ZERO: (0, 1),
    }[empty]


def _achievement(
    ratio: tuple[int, int] | None, target: Decimal | None
) -> Decimal | None:
    """Actual divided by target, in per cent, from the exact fraction.

    7/9 against a target of 80 is 97.22, not 97.23 (design, section 6).
    """
    if ratio is None or target is None:
        return None
    whole, part = target.as_integer_ratio()
    return per_cent(ratio[0] * 100 * part, ratio[1] * whole)


def per_cent(numerator: int, denominator: int) -> Decimal:
    """A non-negative fraction in per cent, rounded half up to two decimals.

    Source: design, section 6, option `rounding`.
    """
    hundredths = (numerator * 20_000 + denominator) // (2 * denominator)
    return Decimal(hundredths).scaleb(-2)
