"""Periods of figures: year, half, quadrimester, quarter, month."""

from calendar import monthrange
from datetime import date
from enum import StrEnum
from functools import lru_cache

from msgspec import Struct, field


class Kind(StrEnum):
    """The length of a period; periods of a kind divide the year from 1 January on."""

    YEAR = "year"
    HALF = "half"
    QUADRIMESTER = "quadrimester"
    QUARTER = "quarter"
    MONTH = "month"


MONTHS = {
    Kind.YEAR: 12,
    Kind.HALF: 6,
    Kind.QUADRIMESTER: 4,
    Kind.QUARTER: 3,
    Kind.MONTH: 1,
}


class Period(Struct, frozen=True):
    """The days from *start* to *end*, both included."""

    kind: Kind
    start: date = field(name="from")
    end: date = field(name="to")


@lru_cache(maxsize=4_096)  # a series asks for each of its days several times
def containing(day: date, kind: Kind) -> Period:
    """The period of *kind* that contains *day*."""
    months = MONTHS[kind]
    first = (day.month - 1) // months * months + 1
    last = first + months - 1
    end = date(day.year, last, monthrange(day.year, last)[1])
    return Period(kind, date(day.year, first, 1), end)
