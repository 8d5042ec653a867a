"""Tables for spreadsheets, row by row: as CSV or as a workbook (XLSX).

Both come from one description of the columns, and both are sent while the rows are
read.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

from iku.exchange import csv_output
from iku.exchange.csv_output import Delimiter
from iku.exchange.papers.document import Cell, Column
from iku.exchange.workbook_stream import WorkbookStream

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class FileFormat(StrEnum):
    """A format of a table, by the suffix of its file."""

    CSV = "csv"
    XLSX = "xlsx"

    @property
    def media_type(self) -> str:
        """The media type, as `Accept` names it."""
        return _MEDIA_TYPES[self]


_MEDIA_TYPES = {
    FileFormat.CSV: "text/csv",
    FileFormat.XLSX: (
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    ),
}


class TableFormat(NamedTuple):
    """A format with its options, which only CSV has.

    Attributes:
        has_mark: Whether the file begins with a byte order mark, by which Excel
            recognises UTF-8.
    """

    format: FileFormat
    delimiter: Delimiter = Delimiter.COMMA
    has_mark: bool = True


class TableShape(NamedTuple):
    """The columns of a table, and how an item becomes a row.

    Attributes:
        name: Name of the sheet of a workbook.
    """

    name: str
    columns: tuple[Column, ...]
    cells: Callable[[Any], Sequence[Cell]]


class TableOutput(Protocol):
    """A file that is written in parts."""

    format: FileFormat

    def head(self) -> bytes:
        """The start of the file, with the headings."""

    def rows(self, items: Iterable[Any]) -> bytes:
        """A row for each of *items*."""

    def end(self, notes: Sequence[str] = ()) -> bytes:
        """The end of the file, with *notes* below the rows."""


def table_output(
    shape: TableShape, form: TableFormat, figure: str | None = None
) -> TableOutput:
    """The file of a table; *figure* is the number of the figure that it explains."""
    match form.format:
        case FileFormat.CSV:
            return _CsvTable(shape, form)
        case FileFormat.XLSX:
            return _WorkbookTable(shape, figure)


class _CsvTable:
    format = FileFormat.CSV

    def __init__(self, shape: TableShape, form: TableFormat) -> None:
        self._shape = shape
        self._form = form

    def head(self) -> bytes:
        headings = (column.title for column in self._shape.columns)
        mark = csv_output.MARK if self._form.has_mark else ""
        return (mark + self._lines([headings])).encode()

    def rows(self, items: Iterable[Any]) -> bytes:
        cells = self._shape.cells
        return self._lines(map(_text, cells(item)) for item in items).encode()

    def end(self, notes: Sequence[str] = ()) -> bytes:
        return self._lines([[], *([one] for one in notes)] if notes else []).encode()

    def _lines(self, rows: Iterable[Iterable[str]]) -> str:
        return csv_output.lines(rows, self._form.delimiter)


class _WorkbookTable:
    format = FileFormat.XLSX

    def __init__(self, shape: TableShape, figure: str | None) -> None:
        self._cells = shape.cells
        self._stream = WorkbookStream(shape.name, shape.columns, figure)

    def head(self) -> bytes:
        return self._stream.head()

    def rows(self, items: Iterable[Any]) -> bytes:
        return self._stream.rows(map(self._cells, items))

    def end(self, notes: Sequence[str] = ()) -> bytes:
        return self._stream.end(notes)


def _text(cell: Cell) -> str:
    """A cell of a CSV file; days and numbers as programs read them."""
    match cell:
        case None:
            return ""
        case date():
            return cell.isoformat()
        case _:
            return str(cell)
