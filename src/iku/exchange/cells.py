"""Parsing of cells by the type of their field.

Every error message states the expected value, so that the file can be corrected.
"""

import re
import types
from collections.abc import Callable, Mapping
from datetime import date
from enum import StrEnum
from functools import cache, partial
from typing import Any, NamedTuple, TypeAlias, get_args

import msgspec

from iku.domain.fact import Line, Note, Number, Reason
from iku.domain.indicator import Percent, Year
from iku.domain.organisation import LegalBasis
from iku.exchange.spreadsheet import quoted
from iku.messages import message

Parse: TypeAlias = Callable[[str], Any]

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_TEXTS: tuple[tuple[Any, str], ...] = (
    (Number, message("a number of at most 64 letters and digits, with . _ - / within")),
    (Line, message("one line of at most 500 characters")),
    (Reason, message("one line of at most 2000 characters")),
    (Note, message("a text of at most 4000 characters")),
)


# Words in cells for values without an Indonesian name of their own.
WORDS: Mapping[StrEnum, str] = {LegalBasis.NONE: "tidak_ada"}


class InvalidCell(ValueError):
    """The cell has the wrong form; the message states the form of its column."""


class CellReader(NamedTuple):
    """The parser of a field's cell, and whether the cell is required."""

    parse: Parse
    required: bool


@cache
def cell_readers(fact: Any) -> dict[str, CellReader]:
    """The cell reader of each field of *fact*."""
    return {
        field.name: CellReader(_parser(_type_when_present(field.type)), field.required)
        for field in msgspec.structs.fields(fact)
    }


def parse_day(cell: str) -> date:
    """A day in the form of the files: ``2021-12-31``."""
    try:
        if _DAY.fullmatch(cell):
            return date.fromisoformat(cell)
    except ValueError:
        pass
    raise InvalidCell(
        message(
            "is {cell}, but must be a day in the form YYYY-MM-DD", cell=quoted(cell)
        )
    )


def parse_choice(cell: str, allowed: Mapping[str, Any]) -> Any:
    """The value of *allowed* for *cell*, compared without case."""
    for spelling in (cell, cell.lower(), cell.upper()):
        if spelling in allowed:
            return allowed[spelling]
    raise InvalidCell(
        message(
            "is {cell}, but must be one of {choices}",
            cell=quoted(cell),
            choices=[*allowed],
        )
    )


def parse_number(cell: str) -> str:
    """A subject's number in the register."""
    return str(_parse_text(Number, _TEXTS[0][1], cell))


def parse_reason(cell: str) -> str:
    """A remark of one or several lines, used as a reason."""
    kind, expected = _TEXTS[2]
    return str(_parse_text(kind, expected, " ".join(cell.split())))


def _type_when_present(kind: Any) -> Any:
    """The type *kind* without None and UNSET, which stand for an empty cell."""
    if isinstance(kind, types.UnionType) or type(None) in get_args(kind):
        empty = (type(None), msgspec.UnsetType)
        (kind,) = (one for one in get_args(kind) if one not in empty)
    return kind


def _parser(kind: Any) -> Parse:
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        allowed = {WORDS.get(member, member.value): member for member in kind}
        return partial(parse_choice, allowed=allowed)
    if kind is bool:
        return partial(parse_choice, allowed={"ya": True, "tidak": False})
    for text, expected in _TEXTS:
        if kind == text:
            return partial(_parse_text, text, expected)
    plain: dict[Any, Parse] = {
        date: parse_day,
        Percent: _parse_percent,
        Year: _parse_year,
    }
    return plain.get(kind, str)


def _parse_text(kind: Any, expected: str, cell: str) -> Any:
    try:
        return msgspec.convert(cell, kind)
    except msgspec.ValidationError:
        raise InvalidCell(
            message(
                "is {cell}, but must be {expected}",
                cell=quoted(cell),
                expected=expected,
            )
        ) from None


def _parse_percent(cell: str) -> Any:
    expected = message("per cent above 0 with at most two decimals, such as 80 or 77,5")
    try:
        return _parse_text(Percent, expected, cell.replace(",", ".", 1))
    except InvalidCell:
        raise InvalidCell(
            message(
                "is {cell}, but must be {expected}",
                cell=quoted(cell),
                expected=expected,
            )
        ) from None


def _parse_year(cell: str) -> int:
    if re.fullmatch(r"\d{4}", cell, re.ASCII) and int(cell) >= 1945:
        return int(cell)
    raise InvalidCell(
        message(
            "is {cell}, but must be a year from 1945 on, such as 2021",
            cell=quoted(cell),
        )
    )
