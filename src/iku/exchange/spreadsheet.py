"""Reading of CSV files from spreadsheets into rows.

UTF-8 with or without a byte order mark, commas or semicolons, any line endings, quoted
cells of several lines. Blank lines and lines of empty cells are ignored. The layout of
a file is recognised by its headings, which may be in any order.

A file is read row by row, possibly several times, in bounded memory.
"""

import csv
import io
import unicodedata
from codecs import getincrementaldecoder
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from types import MappingProxyType
from typing import BinaryIO

from msgspec import Struct

from iku.messages import message

LONGEST_QUOTE = 40  # characters of a wrong cell that are quoted
MOST = 200  # faults listed for a file; further ones are only counted
CHANGED = message("the file was modified during the import; import it again")
BLOCK = 1 << 20  # bytes


class FileFault(Struct, frozen=True):
    """A fault of a file and its place.

    Attributes:
        row: Line number, from 1, at which the row begins.
        column: Heading of the column; None if the whole row or file is at fault.
    """

    row: int
    column: str | None
    message: str


class UnreadableSheet(Exception):
    """The file cannot be read as rows.

    Attributes:
        faults: The first `MOST` faults.
        count: Number of faults.
    """

    def __init__(self, *faults: FileFault, count: int | None = None) -> None:
        super().__init__("; ".join(fault.message for fault in faults))
        self.faults = faults
        self.count = len(faults) if count is None else count


class SheetRow(Struct, frozen=True):
    """A row: non-empty cells by heading, without surrounding blanks.

    Attributes:
        fault: Why its cells cannot be separated; its content is then a guess.
    """

    line: int
    cells: dict[str, str]
    fault: FileFault | None = None


class Sheet:
    """A CSV file whose headings are those of one of several layouts.

    Attributes:
        layout: Name of that layout.
    """

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
            UnreadableSheet: It has no such layout.
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
        self._headings = [_strip(cell).lower() for cell in cells]
        self.layout = _find_layout(first, self._headings, layouts, optional)

    def rows(self) -> Iterator[SheetRow]:
        """The rows, read again at each call; two calls must not be interleaved.

        Raises:
            UnreadableSheet: It is not CSV; the rows before the fault are returned.
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


def quoted(cell: str) -> str:
    """*cell* quoted, truncated if long, without control characters."""
    cut = cell if len(cell) <= LONGEST_QUOTE else f"{cell[: LONGEST_QUOTE - 1]}…"
    return f'"{"".join(map(_printable, cut))}"'


def _printable(char: str) -> str:
    return char if char.isprintable() else f"\\u{ord(char):04x}"


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


def _strip(cell: str) -> str:
    tidy = cell.strip()
    return tidy if tidy.isascii() else unicodedata.normalize("NFC", tidy)


def _parse_row(line: int, headings: Sequence[str], cells: Sequence[str]) -> SheetRow:
    given = {
        h: text
        for h, c in zip(headings, cells, strict=False)
        if c and (text := _strip(c))
    }
    if len(cells) == len(headings):
        return SheetRow(line, given)
    fault = message(
        "has {columns} cells, but the file has {headings} headings",
        columns=len(cells),
        headings=len(headings),
    )
    return SheetRow(line, given, FileFault(line, None, fault))


def _find_layout(
    line: int,
    headings: Sequence[str],
    layouts: Mapping[str, Sequence[str]],
    optional: Mapping[str, Sequence[str]],
) -> str:
    """Name of the layout with these headings."""
    common = {name: len({*headings} & {*of}) for name, of in layouts.items()}
    likely = max(layouts, key=lambda name: common[name])
    if not common[likely]:
        forms = "; ".join(",".join(of) for of in layouts.values())
        fault = message(
            "the headings match no journal; the known journals are: {forms}",
            forms=forms,
        )
        raise UnreadableSheet(FileFault(line, None, fault))
    of, more = layouts[likely], optional.get(likely, ())
    faults = _heading_faults(line, headings, likely, of, more)
    if first := [*islice(faults, MOST)]:
        raise UnreadableSheet(*first, count=len(first) + sum(1 for _ in faults))
    return likely


def _heading_faults(
    line: int,
    headings: Sequence[str],
    name: str,
    of: Sequence[str],
    optional: Sequence[str],
) -> Iterator[FileFault]:
    all_ = (*of, *optional)
    seen: set[str] = set()
    for heading in headings:
        if heading not in all_:
            unknown = message(
                "unknown heading {heading}; the headings of journal {journal} are "
                "{known}",
                heading=quoted(heading),
                journal=name,
                known=all_,
            )
            yield FileFault(line, None, unknown)
        elif heading in seen:
            yield FileFault(line, heading, message("this heading occurs twice"))
        seen.add(heading)
    for heading in of:
        if heading not in seen:
            missing = message(
                "this heading of journal {journal} is missing", journal=name
            )
            yield FileFault(line, heading, missing)
