"""Tables as people read them, taken back into exact values for a workbook.

A page or a command prints a table as text, in the language of its reader. The workbook
of the table is made of that text, so it has what was printed, and nothing that the
reader may not see. Columns of numbers become counts, percentages and figures (``7/9 =
77,78%``), columns that hold only days become days, and everything else stays text.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from functools import cache
from typing import NamedTuple, TypeAlias

from iku.exchange.formats import NOTHING
from iku.exchange.papers.document import (
    MM_PER_CHARACTER,
    Amount,
    Cell,
    CellKind,
    Column,
    Document,
    Ratio,
    Row,
    Section,
    Table,
)
from iku.language import Language, translate
from iku.messages import Message, message

MOST_ROWS = 100_000  # of a table, because a workbook is laid out in memory
WIDEST = 60  # characters of a column; longer texts wrap
MARKED = " *"  # ends a day to which a remark below the table applies
_EMPTY = {"", NOTHING}


class TooManyRows(Exception):
    """A table is too long for a workbook."""

    def __init__(self, rows: int) -> None:
        super().__init__(
            message(
                "the table has more than {most:,} rows; a workbook of {rows:,} rows is "
                "not written",
                most=MOST_ROWS,
                rows=rows,
            )
        )


class PrintedColumn(NamedTuple):
    """A column of a printed table.

    Attributes:
        is_number: Whether it is aligned as numbers are.
        is_text: Whether people typed its cells, which are then never read as values.
    """

    heading: str
    is_number: bool = False
    is_text: bool = False


class PrintedTable(NamedTuple):
    """A printed table, in the order of its columns.

    Attributes:
        footer: Rows of sums below the others.
        notes: Sentences below the table.
    """

    caption: str
    columns: Sequence[PrintedColumn]
    rows: Sequence[Sequence[str]]
    footer: Sequence[Sequence[str]] = ()
    notes: Sequence[str] = ()


class _Percent(NamedTuple):
    value: Decimal


_Value: TypeAlias = str | int | Decimal | _Percent | Ratio | date | None


def document(
    title: str,
    subtitle: str | None,
    coordinates: str,
    tables: Iterable[PrintedTable],
    language: Language,
) -> Document:
    """The tables as a document, whose workbook has a sheet for each.

    Raises:
        TooManyRows: A table is too long.
    """
    return Document(
        name="",
        title=title,
        subtitle=subtitle or None,
        letterhead=(),
        coordinates=coordinates,
        sections=(Section(None, tuple(_table(one, language) for one in tables)),),
    )


def _table(of: PrintedTable, language: Language) -> Table:
    """A printed table with exact values.

    Raises:
        TooManyRows: It is too long.
    """
    if len(of.rows) > MOST_ROWS:
        raise TooManyRows(len(of.rows))
    read = _Notation(language)
    columns, cells = [], []
    for index, column in enumerate(of.columns):
        texts = [row[index].strip() for row in (*of.rows, *of.footer)]
        kind, values = _values(column, texts, read)
        columns.append(Column(column.heading, kind, _width(column.heading, texts)))
        cells.append(values)
    rows = [_row(one) for one in zip(*cells, strict=True)]
    return Table(
        name=of.caption.split(",")[0].strip() or translate(TABLE, language),
        caption=of.caption,
        columns=tuple(columns),
        rows=tuple(rows[: len(of.rows)]),
        footer=tuple(rows[len(of.rows) :]),
        notes=tuple(of.notes),
        empty=translate(NO_ROWS, language),
    )


TABLE: Message = message("Table")
NO_ROWS: Message = message("no rows")


def _row(cells: Sequence[Cell | tuple[date, str]]) -> Row:
    marks = {i: one[1] for i, one in enumerate(cells) if isinstance(one, tuple)}
    return Row(tuple(c[0] if isinstance(c, tuple) else c for c in cells), marks=marks)


def _width(heading: str, texts: Iterable[str]) -> float:
    lines = (len(line) for text in (heading, *texts) for line in text.split("\n"))
    return min(max(lines) + 2, WIDEST) * MM_PER_CHARACTER


def _values(
    column: PrintedColumn, texts: Sequence[str], read: "_Notation"
) -> tuple[CellKind, Sequence[Cell | tuple[date, str]]]:
    """The kind of a column, and its cells."""
    if column.is_text:
        return CellKind.TEXT, [text or None for text in texts]
    if column.is_number:
        return _numbers(texts, [read.number(text) for text in texts])
    days = [read.day(text) for text in texts]
    found = [day for day in days if day is not None]
    if found and len(found) == sum(text not in _EMPTY for text in texts):
        both = zip(days, texts, strict=True)
        return CellKind.DAY, [day or text or None for day, text in both]
    return CellKind.TEXT, [text or None for text in texts]


def _numbers(
    texts: Sequence[str], values: Sequence[_Value]
) -> tuple[CellKind, list[Cell]]:
    """The kind of a column of numbers, and its cells.

    A figure takes three columns of a sheet, so it is one only if all others are, too.
    """
    kinds = {type(one) for one in values} - {str, type(None)}
    if kinds == {Ratio}:
        return CellKind.RATIO, [*map(_plain, values)]
    both = zip(values, texts, strict=True)
    single = [text if isinstance(one, Ratio) else one for one, text in both]
    if _Percent in kinds:
        return CellKind.PERCENT, [
            Amount(Decimal(one)) if isinstance(one, int | Decimal) else _plain(one)
            for one in single
        ]
    kind = CellKind.NUMBER if Decimal in kinds else CellKind.COUNT
    return kind, [*map(_plain, single)]


def _plain(value: _Value) -> Cell:
    return value.value if isinstance(value, _Percent) else value


class _Notation:
    """The notation of values in a language, read back."""

    def __init__(self, language: Language) -> None:
        self._is_english = language is Language.ENGLISH
        self._day = _DAYS[language]

    def number(self, text: str) -> _Value:
        """A number, percentage, figure or day; any other text as it is."""
        english = text if self._is_english else text.translate(_SWAPPED)
        if _NUMBER.fullmatch(english):
            return _number(english)
        if _PERCENT.fullmatch(english):
            return _Percent(Decimal(_digits(english)))
        if (found := _figure(english)) is not None:
            return found
        day = self.day(text)
        return day if isinstance(day, date) else text or None

    def day(self, text: str) -> date | tuple[date, str] | None:
        """A day, with its mark if it has one; None for any other text."""
        found = self._day.fullmatch(text.removesuffix(MARKED))
        if found is None:
            return None
        try:
            day = date(int(found["year"]), int(found["month"]), int(found["day"]))
        except ValueError:
            return None
        return (day, MARKED.strip()) if text.endswith(MARKED) else day


@cache
def _figure(english: str) -> Ratio | None:
    """A figure: ``7/9``, ``7/9 = 77.78%``, ``7/9 (77.78%)`` or ``77.78% (7/9)``."""
    for pattern in _FIGURES:
        if (found := pattern.fullmatch(english)) is not None:
            parts = found.groupdict()
            shown = _digits(parts.get("percentage") or NOTHING)
            return Ratio(
                int(_digits(parts["numerator"])),
                int(_digits(parts["denominator"])),
                None if shown == NOTHING else Decimal(shown),
            )
    return None


def _number(english: str) -> int | Decimal:
    digits = _digits(english)
    return Decimal(digits) if "." in digits else int(digits)


def _digits(english: str) -> str:
    return english.replace(",", "").removesuffix("%")


_SWAPPED = str.maketrans(",.", ".,")
_DAYS = {
    Language.INDONESIAN: re.compile(
        r"(?P<day>\d\d)-(?P<month>\d\d)-(?P<year>\d{4})", re.ASCII
    ),
    Language.ENGLISH: re.compile(
        r"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)", re.ASCII
    ),
}
# At most 15 digits, which is what a spreadsheet keeps.
_COUNT = r"(?:\d{1,3}(?:,\d{3}){1,4}|\d{1,15})"
_NUMBER = re.compile(rf"[+-]?{_COUNT}(?:\.\d{{1,15}})?", re.ASCII)
_PERCENT = re.compile(rf"[+-]?{_COUNT}(?:\.\d{{1,15}})?%", re.ASCII)
_FRACTION = rf"(?P<numerator>{_COUNT})/(?P<denominator>{_COUNT})"
_SHARE = rf"(?P<percentage>{_COUNT}(?:\.\d{{1,15}})?%|{NOTHING})"
_FIGURES = tuple(
    re.compile(pattern, re.ASCII)
    for pattern in (
        _FRACTION,
        rf"{_FRACTION} = {_SHARE}",
        rf"{_FRACTION} \({_SHARE}\)",
        rf"{_SHARE} \({_FRACTION}\)",
    )
)
