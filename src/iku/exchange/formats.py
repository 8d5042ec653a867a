"""Indonesian formats of numbers, days, instants and periods.

Decimal comma, thousands point, day before month, quarters in Roman numerals. JSON and
CSV use the decimal point and ISO 8601 instead.
"""

from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from iku.domain.period import MONTHS, Kind, Period

NOTHING = "–"  # printed for a missing number
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


def signed(value: int) -> str:
    """``+1.234``, ``-1``, ``0``."""
    return f"{'+' if value > 0 else ''}{number(value)}"


def fraction(numerator: int, denominator: int) -> str:
    """``1.033/1.238``."""
    return f"{number(numerator)}/{number(denominator)}"


def percent(value: Decimal | None) -> str:
    """``77,78%``; a dash for None."""
    return NOTHING if value is None else f"{number(value)}%"


def day(value: date | None) -> str:
    """``31-12-2021``; a dash for None."""
    return NOTHING if value is None else f"{value:%d-%m-}{value.year:04}"


def instant(value: datetime | None, zone: ZoneInfo) -> str:
    """``31-12-2021 17.05.09 WIB`` in the time zone *zone*; a dash for None."""
    if value is None:
        return NOTHING
    local = value.astimezone(zone)
    return f"{day(local)} {local:%H.%M.%S %Z}"


def period(value: Period) -> str:
    """``Tahun 2021``, ``Triwulan IV 2021``, ``Desember 2021``."""
    if value.kind is Kind.MONTH:
        return f"{MONTH_NAMES[value.start.month - 1]} {value.start.year}"
    if value.kind is Kind.YEAR:
        return f"{PERIOD_NAMES[value.kind]} {value.start.year}"
    which = ROMAN[(value.start.month - 1) // MONTHS[value.kind]]
    return f"{PERIOD_NAMES[value.kind]} {which} {value.start.year}"
