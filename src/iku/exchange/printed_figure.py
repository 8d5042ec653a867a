"""Parsing of a printed value as typed from paper."""

import re
from decimal import Decimal
from typing import Protocol, TypeAlias

from msgspec import Struct

from iku.exchange.cells import InvalidCell
from iku.exchange.spreadsheet import quoted
from iku.messages import message

_WHOLE = r"[0-9]{1,3}(?:\.[0-9]{3})+|[0-9]{1,12}"  # 1.033 or 1033
_COUNTS = re.compile(rf"({_WHOLE}) ?/ ?({_WHOLE})")
_PERCENTAGE = re.compile(r"([0-9]{1,3})(?:[.,]([0-9]{1,12}))? ?(%?)")


class PrintedResult(Protocol):
    """The values of a figure with which a printed value is compared."""

    @property
    def numerator(self) -> int:
        """The numerator of the figure."""

    @property
    def denominator(self) -> int:
        """The denominator of the figure."""

    @property
    def percentage(self) -> Decimal | None:
        """Per cent as displayed; None if the denominator is empty."""


class PrintedCounts(Struct, frozen=True):
    """A numerator and a denominator."""

    numerator: int
    denominator: int

    def __str__(self) -> str:
        """The counts as printed, such as ``8/9``."""
        return f"{self.numerator}/{self.denominator}"

    def matches(self, result: PrintedResult) -> bool:
        """Whether *result* has these counts."""
        return self == PrintedCounts(result.numerator, result.denominator)

    def format_result(self, result: PrintedResult) -> str:
        """The counts of *result*."""
        return str(PrintedCounts(result.numerator, result.denominator))


class PrintedPercentage(Struct, frozen=True):
    """A percentage, rounded as displayed."""

    value: Decimal

    def __str__(self) -> str:
        """The percentage as printed, such as ``88.89%``."""
        return f"{self.value}%"

    def matches(self, result: PrintedResult) -> bool:
        """Whether *result* is displayed as this percentage."""
        return self.value == result.percentage

    def format_result(self, result: PrintedResult) -> str:
        """The percentage of *result*."""
        shown = "undefined" if result.percentage is None else f"{result.percentage}%"
        return f"{shown} ({result.numerator}/{result.denominator})"


Printed: TypeAlias = PrintedCounts | PrintedPercentage


def parse(typed: str) -> Printed:
    """The value of a text such as ``8/9``, ``88,89%`` or ``88.89``.

    Raises:
        InvalidCell: The text is neither counts nor a percentage.
    """
    tidy = typed.strip()
    if counts := _COUNTS.fullmatch(tidy):
        numerator, denominator = (int(one.replace(".", "")) for one in counts.groups())
        return PrintedCounts(numerator, denominator)
    if percentage := _PERCENTAGE.fullmatch(tidy):
        whole, decimals, sign = percentage.groups()
        if decimals or sign:
            return PrintedPercentage(Decimal(f"{whole}.{decimals or 0}"))
    raise InvalidCell(
        message(
            "is {typed}, but must be counts, such as 8/9, or a percentage, such as "
            "88,89% or 88.89%",
            typed=quoted(typed),
        )
    )
