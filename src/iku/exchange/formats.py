"""Numbers, days and periods as they are printed on Indonesian paper.

Decimal comma, thousands point, months by name, quarters in Roman numerals.
"""

from datetime import date
from decimal import Decimal

from iku.domain.period import MONTHS, Kind, Period

NOTHING = "–"  # stands where there is no number
MONTH_NAMES = (
    *("Januari", "Februari", "Maret", "April", "Mei", "Juni"),
    *("Juli", "Agustus", "September", "Oktober", "November", "Desember"),
)
ROMAN = ("I", "II", "III", "IV")
PERIOD_NAMES = {
    Kind.YEAR: "Tahun",
    Kind.HALF: "Semester",
    Kind.QUADRIMESTER: "Caturwulan",
    Kind.QUARTER: "Triwulan",
}


def number(value: Decimal | int | None) -> str:
    """``1.234,50``, with the decimals that *value* has; a dash for None."""
    if value is None:
        return NOTHING
    return f"{value:,}".translate({ord(","): ".", ord("."): ","})


def percent(value: Decimal | None) -> str:
    """``77,78%``; a dash for None."""
    return NOTHING if value is None else f"{number(value)}%"


def day(value: date) -> str:
    """``31 Desember 2021``."""
    return f"{value.day} {MONTH_NAMES[value.month - 1]} {value.year}"


def short_day(value: date | None) -> str:
    """``31-12-2021``; a dash for None."""
    return NOTHING if value is None else f"{value:%d-%m-}{value.year:04}"


def period(value: Period) -> str:
    """``Tahun 2021``, ``Triwulan IV 2021``, ``Desember 2021``."""
    if value.kind is Kind.MONTH:
        return f"{MONTH_NAMES[value.start.month - 1]} {value.start.year}"
    if value.kind is Kind.YEAR:
        return f"{PERIOD_NAMES[value.kind]} {value.start.year}"
    which = ROMAN[(value.start.month - 1) // MONTHS[value.kind]]
    return f"{PERIOD_NAMES[value.kind]} {which} {value.start.year}"
