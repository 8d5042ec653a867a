"""Reading of CSV files into rows.

UTF-8 with or without a byte order mark, commas or semicolons, any line endings, quoted
cells of several lines. Blank lines and lines of empty cells are ignored. A file is read
row by row, possibly several times, in bounded memory.
"""

import csv
import io
from codecs import getincrementaldecoder
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import BinaryIO

from iku.exchange.spreadsheet import (
    CHANGED,
    FileFault,
    RowPlace,
    SheetRow,
    UnreadableSheet,
    find_layout,
    tidy,
)
from iku.messages import message

BLOCK = 1 << 20  # bytes


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
        _refuse_non_utf8(file)
        self._text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
        self._delimiter = self._detect_delimiter()
        try:
            first, cells = next(self._lines())
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
        lines = self._lines()
        next(lines, None)
        headings = self._headings
        for line, cells in lines:
            yield _parse_row(line, headings, cells)

    def _lines(self) -> Iterator[tuple[int, list[str]]]:
        """The cells of each non-empty line, with its line number."""
        self._text.seek(0)
        reader = csv.reader(self._text, delimiter=self._delimiter, strict=True)
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

    def _detect_delimiter(self) -> str:
        """The delimiter of the headings."""
        self._text.seek(0)
        for line in self._text:
            if headings := line.lstrip(" \t\r\n,;"):
                return ";" if headings.count(";") > headings.count(",") else ","
        return ","


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


def _refuse_non_utf8(file: BinaryIO) -> None:
    decoder = getincrementaldecoder("utf-8")()
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
    fault = message(
        "has {columns} cells, but the file has {headings} headings",
        columns=len(cells),
        headings=len(headings),
    )
    return SheetRow(place, given, place.fault(None, fault))
