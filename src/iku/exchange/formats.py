"""Formats of numbers, days, instants and periods in the language of the reader.

Indonesian has a decimal comma, a thousands point, and the day before the month; English
has a decimal point and ISO 8601. JSON and CSV use the latter in either language.
"""

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Protocol
from zoneinfo import ZoneInfo

from iku import language
from iku.domain.period import MONTHS, Kind, Period
from iku.language import Language
from iku.messages import vocabulary

NOTHING = "–"  # printed for a missing number
ROMAN = ("I", "II", "III", "IV")
PERIODS = vocabulary(
    "period",
    {
        Kind.YEAR: "Year",
        Kind.HALF: "Half-year",
        Kind.QUADRIMESTER: "Four months",
        Kind.QUARTER: "Quarter",
    },
)


class Bilingual(Protocol):
    """A sentence of a response, in both languages."""

    @property
    def id(self) -> str:
        """The Indonesian text."""

    @property
    def en(self) -> str:
        """The English text."""


class Formats:
    """Formats of numbers, days and periods in the language that *language* returns."""

    NOTHING = NOTHING

    def __init__(self, language: Callable[[], Language]) -> None:
        self._language = language

    @property
    def _is_english(self) -> bool:
        return self._language() is Language.ENGLISH

    def sentence(self, of: Bilingual) -> str:
        """The Indonesian or the English text of *of*."""
        return of.en if self._is_english else of.id

    def number(self, value: Decimal | int | None) -> str:
        """A number with the decimals of *value*: ``1.234,50``; a dash for None."""
        return NOTHING if value is None else language.number(value, self._language())

    def signed_number(self, value: int) -> str:
        """A number with its sign: ``+1.234``, ``-1``, ``0``."""
        return f"{'+' if value > 0 else ''}{self.number(value)}"

    def fraction(self, numerator: int, denominator: int) -> str:
        """Numerator and denominator, such as ``1.033/1.238``."""
        return f"{self.number(numerator)}/{self.number(denominator)}"

    def percent(self, value: Decimal | None) -> str:
        """A percentage, such as ``77,78%``; a dash for None."""
        return NOTHING if value is None else f"{self.number(value)}%"

    def day(self, value: date | None) -> str:
        """A day: ``31-12-2021``, in English ``2021-12-31``; a dash for None."""
        if value is None:
            return NOTHING
        return language.day_in_digits(value, self._language())

    def instant(self, value: datetime | None, zone: ZoneInfo) -> str:
        """A time in *zone*: ``31-12-2021 17.05.09 WIB``; a dash for None."""
        if value is None:
            return NOTHING
        local = value.astimezone(zone)
        clock = f"{local:%H:%M:%S}" if self._is_english else f"{local:%H.%M.%S}"
        return f"{self.day(local)} {clock} {local:%Z}"

    def period(self, value: Period) -> str:
        """A period: ``Tahun 2021``, ``Triwulan IV 2021``, ``Desember 2021``.

        In English ``Year 2021``, ``Quarter IV 2021``, ``2021-12``.
        """
        if value.kind is Kind.MONTH:
            if self._is_english:
                return f"{value.start:%Y-%m}"
            return f"{language.MONTHS[value.start.month - 1]} {value.start.year}"
        name = language.translate(PERIODS[value.kind], self._language())
        if value.kind is Kind.YEAR:
            return f"{name} {value.start.year}"
        which = ROMAN[(value.start.month - 1) // MONTHS[value.kind]]
        return f"{name} {which} {value.start.year}"
