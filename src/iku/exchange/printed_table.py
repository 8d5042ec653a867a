"""Tables as people read them, taken back into exact values for a workbook.

A page or a command prints a table as text, in the language of its reader. The workbook
of the table is made of that text, so it has what was printed, and nothing that the
reader may not see. Columns of numbers become counts and percentages, figures (``7/9 =
77,78%``) three columns of them, columns that hold only days become days, and everything
else stays text.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple, TypeAlias

from iku import labels
from iku.exchange.formats import NOTHING
from iku.exchange.papers.document import (
    MM_PER_CHARACTER,
    Amount,
    Cell,
    CellKind,
    Column,
    Document,
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


class _Figure(NamedTuple):
    numerator: int
    denominator: int
    share: Decimal | str | None  # a dash if it is undefined; None if it is not printed


# A column of the sheet: the end of its heading, its kind and its cells.
_Part: TypeAlias = tuple[str, CellKind, Sequence[Cell | tuple[date, str]]]
_Value: TypeAlias = str | int | Decimal | _Percent | _Figure | date | None


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
    read = Notation(language)
    columns: list[ReadColumn] = []
    for index, column in enumerate(of.columns):
        texts = [row[index].strip() for row in (*of.rows, *of.footer)]
        columns += read_columns(column, texts, read)
    rows = [
        marked_row(one) for one in zip(*(one.cells for one in columns), strict=True)
    ]
    return Table(
        name=of.caption.split(",")[0].strip() or translate(TABLE, language),
        caption=of.caption,
        columns=tuple(Column(one.heading, one.kind, one.width) for one in columns),
        rows=tuple(rows[: len(of.rows)]),
        footer=tuple(rows[len(of.rows) :]),
        notes=tuple(of.notes),
        empty=translate(NO_ROWS, language),
    )


TABLE: Message = message("Table")
NO_ROWS: Message = message("no rows")


class ReadColumn(NamedTuple):
    """A column of exact values, with its width in millimetres."""

    heading: str
    kind: CellKind
    cells: Sequence[Cell | tuple[date, str]]
    width: float


def marked_row(cells: Sequence[Cell | tuple[date, str]]) -> Row:
    """A row, whose days may have marks."""
    marks = {i: one[1] for i, one in enumerate(cells) if isinstance(one, tuple)}
    return Row(tuple(c[0] if isinstance(c, tuple) else c for c in cells), marks=marks)


def read_columns(
    column: PrintedColumn, texts: Sequence[str], read: "Notation"
) -> Iterator[ReadColumn]:
    """The columns of exact values that a printed column becomes."""
    shown = (column.heading, *texts)
    longest = max(len(line) for text in shown for line in text.split("\n"))
    width = min(longest + 2, WIDEST) * MM_PER_CHARACTER
    parts: list[_Part]
    if column.is_number and not column.is_text:
        values = [read.number(text) for text in texts]
        if any(isinstance(one, _Figure) for one in values):
            parts = _figures(texts, values, read.language)
        else:
            parts = [("", *_numbers(values))]
    else:
        parts = [("", *_texts(texts, read, is_text=column.is_text))]
    for part, kind, cells in parts:
        heading = ", ".join(filter(None, (column.heading, part)))
        yield ReadColumn(heading, kind, cells, width)


def _texts(
    texts: Sequence[str], read: "Notation", *, is_text: bool
) -> tuple[CellKind, Sequence[Cell | tuple[date, str]]]:
    """The cells of a column that has days only, or texts."""
    days = [None if is_text else read.day(text) for text in texts]
    found = [day for day in days if day is not None]
    if found and len(found) == sum(text not in _EMPTY for text in texts):
        both = zip(days, texts, strict=True)
        return CellKind.DAY, [day or text or None for day, text in both]
    return CellKind.TEXT, [text or None for text in texts]


def _figures(
    texts: Sequence[str], values: Sequence[_Value], language: Language
) -> list[_Part]:
    """The counts of figures, each in a column, and the percentages if there are any.

    Figures among other values, as in a table with a row for each value, stay text.
    """
    others = {type(one) for one in values} - {_Figure, str, type(None)}
    if others:
        single = [
            text if isinstance(one, _Figure) else one
            for one, text in zip(values, texts, strict=True)
        ]
        return [("", *_numbers(single))]
    pairs = [one if isinstance(one, _Figure) else (one, None, None) for one in values]
    numerators, denominators, shares = map(list, zip(*pairs, strict=True))
    names = (
        translate(labels.FIGURE[n], language) for n in ("numerator", "denominator")
    )
    both = zip(names, (numerators, denominators), strict=True)
    found: list[_Part] = [(name, CellKind.COUNT, cells) for name, cells in both]
    if any(one is not None for one in shares):
        found.append(("%", CellKind.PERCENT, shares))
    return found


def _numbers(values: Sequence[_Value]) -> tuple[CellKind, list[Cell]]:
    """The kind of a column of numbers, and its cells."""
    kinds = {*map(type, values)}
    if _Percent in kinds:
        return CellKind.PERCENT, [
            Amount(Decimal(one)) if isinstance(one, int | Decimal) else _plain(one)
            for one in values
        ]
    kind = CellKind.NUMBER if Decimal in kinds else CellKind.COUNT
    return kind, [*map(_plain, values)]


def _plain(value: _Value) -> Cell:
    match value:
        case _Percent(number):
            return number
        case _Figure():
            raise AssertionError(value)  # its column is read by `_figures`
        case _:
            return value


class Notation:
    """The notation of values in a language, read back."""

    def __init__(self, language: Language) -> None:
        self.language = language
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


def _figure(english: str) -> _Figure | None:
    """A figure: ``7/9``, ``7/9 = 77.78%``, ``7/9 (77.78%)`` or ``77.78% (7/9)``."""
    for pattern in _FIGURES:
        if (found := pattern.fullmatch(english)) is not None:
            parts = found.groupdict()
            numerator, denominator = (
                int(_digits(parts[name])) for name in ("numerator", "denominator")
            )
            shown = parts.get("percentage")
            share = shown if shown in {None, NOTHING} else Decimal(_digits(shown))
            return _Figure(numerator, denominator, share)
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
_FRACTION = rf"(?P<numerator>[+-]?{_COUNT}) ?/ ?(?P<denominator>[+-]?{_COUNT})"
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
