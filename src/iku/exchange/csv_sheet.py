"""Reading of CSV files into rows.

UTF-8 with or without a byte order mark, commas or semicolons, any line endings, quoted
cells of several lines. Blank lines and lines of empty cells are ignored. A file is read
row by row, possibly several times, in bounded memory.
"""

import codecs
import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from types import MappingProxyType
from typing import BinaryIO

from iku.exchange.spreadsheet import (
    CHANGED,
    CellValue,
    FileFault,
    RowPlace,
    SheetRow,
    TableRow,
    UnreadableSheet,
    find_layout,
    tidy,
)
from iku.messages import Message, message

BLOCK = 1 << 20  # bytes


class CsvLines:
    """The lines of a CSV file, read again at each call."""

    def __init__(self, file: BinaryIO) -> None:
        """Check the encoding of the whole file.

        The file is closed with the last reference to this object.

        Raises:
            UnreadableSheet: It is not UTF-8, or of another format.
        """
        _refuse_other_format(file)
        _refuse_non_utf8(file)
        self._text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")

    def read(self, delimiter: str) -> Iterator[tuple[int, list[str]]]:
        """The cells of each non-empty line, with its line number.

        Raises:
            UnreadableSheet: The file is not CSV; lines before the fault are returned.
        """
        self._text.seek(0)
        reader = csv.reader(self._text, delimiter=delimiter, strict=True)
        begins = 1
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                fault = message(
                    "the file is not valid CSV: {reason}",
                    reason=_with_likely_cause(error),
                )
                raise UnreadableSheet(FileFault(begins, None, fault)) from None
            except UnicodeDecodeError:
                raise UnreadableSheet(FileFault(begins, None, CHANGED)) from None
            if any(map(str.strip, cells)):
                yield begins, cells
            begins = reader.line_num + 1

    def delimiter_of_headings(self) -> str:
        """The delimiter of the first line that is not empty."""
        self._text.seek(0)
        for line in self._text:
            if headings := line.lstrip(" \t\r\n,;"):
                return ";" if headings.count(";") > headings.count(",") else ","
        return ","

    def usual_delimiter(self, lines: int) -> str:
        """The delimiter that is the most frequent in the first *lines*."""
        self._text.seek(0)
        first = "".join(islice(self._text, lines))
        return max(",;\t", key=first.count)


class CsvTable:
    """A CSV file as a table whose headings are searched (`RowTable`).

    A file that begins with a title may have any delimiter between its headings.
    """

    name: str | None = None
    index = 0

    def __init__(self, file: BinaryIO, heading_rows: int) -> None:
        """Recognise the delimiter by the first *heading_rows* lines.

        Raises:
            UnreadableSheet: The file is not UTF-8.
        """
        self._lines = CsvLines(file)
        self._delimiter = self._lines.usual_delimiter(heading_rows)

    def rows(self) -> Iterator[tuple[int, dict[int, CellValue]]]:
        """The lines that are not empty: number, and cells by the index of the column.

        Raises:
            UnreadableSheet: The file is not CSV; rows before the fault are returned.
        """
        for number, line in self._lines.read(self._delimiter):
            yield number, _cells(line)

    def rows_below(self, first: int) -> Iterator[TableRow]:
        """The lines below line *first*, which has the headings."""
        width = 0
        for number, line in self._lines.read(self._delimiter):
            if number == first:
                width = len(line)
            elif number > first:
                fault = None if len(line) == width else _width_fault(line, width)
                yield TableRow(number, _cells(line), fault)


def _cells(line: Sequence[str]) -> dict[int, CellValue]:
    return {column: CellValue(cell) for column, cell in enumerate(line) if cell.strip()}


def _width_fault(line: Sequence[str], width: int) -> Message:
    return message(
        "has {columns} cells, but the file has {headings} headings",
        columns=len(line),
        headings=width,
    )


class CsvSheet:
    """A CSV file whose headings are those of one of several layouts.

    Attributes:
        layout: Name of that layout.
    """

    names: tuple[str, ...] = ()

    def __init__(
        self,
        file: BinaryIO,
        layouts: Mapping[str, Sequence[str]],
        optional: Mapping[str, Sequence[str]] = MappingProxyType({}),
    ) -> None:
        """Check the headings and the encoding of the whole file.

        A file has all headings of its layout, and any of the *optional* ones. It is
        closed with the last reference to this object.

        Raises:
            UnreadableSheet: The file has the headings of no layout.
        """
        self._lines = CsvLines(file)
        self._delimiter = self._lines.delimiter_of_headings()
        try:
            first, cells = next(self._lines.read(self._delimiter))
        except StopIteration:
            raise UnreadableSheet(
                FileFault(1, None, message("the file is empty"))
            ) from None
        self._headings = [tidy(cell).lower() for cell in cells]
        place = RowPlace(first)
        self.layout = find_layout(place, self._headings, layouts, optional)

    def rows(self) -> Iterator[SheetRow]:
        """The rows, read again at each call; two calls must not be interleaved.

        Raises:
            UnreadableSheet: The file is not CSV; rows before the fault are returned.
        """
        lines = self._lines.read(self._delimiter)
        next(lines, None)
        headings = self._headings
        for line, cells in lines:
            yield _parse_row(line, headings, cells)


def _with_likely_cause(error: csv.Error) -> str:
    """The reader's error with its likely cause."""
    match str(error):
        case "unexpected end of data":
            return message(
                "a cell that begins with a quotation mark has no closing one; a row "
                "that begins on this line runs to the end of the file"
            )
        case long if long.startswith("field larger than field limit"):
            return message(
                "a cell holds more than {most:,} characters; perhaps a closing "
                "quotation mark is missing",
                most=csv.field_size_limit(),
            )
        case expected if expected.endswith("""expected after '"'"""):
            return message(
                "a cell continues after its closing quotation mark; within a quoted "
                'cell a quotation mark is written twice ("")'
            )
        case other:
            return other


# What a file that is no CSV begins with: web pages and XML are saved as `.xls` by many
# programs and open in a spreadsheet.
_OTHER_FORMATS = {b"<": "HTML or XML", b"%PDF": "PDF", b"{\\rtf": "RTF"}


def _refuse_other_format(file: BinaryIO) -> None:
    file.seek(0)
    first = file.read(100).removeprefix(codecs.BOM_UTF8).lstrip()
    for mark, name in _OTHER_FORMATS.items():
        if first.startswith(mark):
            fault = message(
                "the file is {format}, neither a workbook nor CSV: open it in the "
                "spreadsheet program, save it as XLSX, and import that file",
                format=name,
            )
            raise UnreadableSheet(FileFault(1, None, fault))


def _refuse_non_utf8(file: BinaryIO) -> None:
    decoder = codecs.getincrementaldecoder("utf-8")()
    begins, line = 0, 1  # start of the block: offset and line
    file.seek(0)
    while True:
        block = decoder.getstate()[0] + file.read(BLOCK)
        decoder.reset()
        try:
            decoder.decode(block, final=len(block) < BLOCK)
        except UnicodeDecodeError as error:
            line += _line_ends(block[: error.start])
            fault = message(
                'the file is not UTF-8 at byte {byte}: save it as "CSV UTF-8" and '
                "import that file",
                byte=begins + error.start + 1,
            )
            raise UnreadableSheet(FileFault(line, None, fault)) from None
        if len(block) < BLOCK:
            return
        begins += len(block) - len(decoder.getstate()[0])
        line += _line_ends(block)


def _line_ends(block: bytes) -> int:
    """Number of line ends, of the most frequent kind in the block."""
    return max(block.count(b"\n"), block.count(b"\r"))


def _parse_row(line: int, headings: Sequence[str], cells: Sequence[str]) -> SheetRow:
    given = {
        h: text
        for h, c in zip(headings, cells, strict=False)
        if c and (text := tidy(c))
    }
    place = RowPlace(line)
    if len(cells) == len(headings):
        return SheetRow(place, given)
    fault = _width_fault(cells, len(headings))
    return SheetRow(place, given, place.fault(None, fault))
