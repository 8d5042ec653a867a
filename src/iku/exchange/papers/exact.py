"""Exact percentages, which are rounded once, where they are printed."""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

from iku.domain.figure import Figure, per_cent
from iku.domain.publication import FrozenValue


def actual(of: FrozenValue | Figure) -> Fraction | None:
    """The figure in per cent, exactly; None if it is undefined.

    The percentage of 0/0 is the policy of the definition, which is exact as stored.
    """
    if of.denominator:
        return Fraction(100 * of.numerator, of.denominator)
    return None if of.percentage is None else Fraction(of.percentage)


def achievement(actual: Fraction | None, target: Decimal | None) -> Fraction | None:
    """*actual* divided by *target*, in per cent; None if either is missing."""
    if actual is None or not target:
        return None
    return 100 * actual / Fraction(target)


def mean(values: Sequence[Fraction]) -> Fraction | None:
    """The arithmetic mean; None if there are no values."""
    return sum(values, Fraction()) / len(values) if values else None


def rounded(value: Fraction | None) -> Decimal | None:
    """*value*, in per cent, rounded half up to two decimals."""
    if value is None:
        return None
    return per_cent(value.numerator, 100 * value.denominator)


def share(part: int, whole: int) -> Decimal | None:
    """*part* of *whole* in per cent, rounded; None if there is nothing to count."""
    return per_cent(part, whole) if whole else None
