"""Rows of the files of spreadsheets, their places and faults.

`csv_sheet` reads CSV files, `workbook_sheets` workbooks. The layout of a sheet is
recognised by its headings, which may be in any order.
"""

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from msgspec import Struct

from iku.messages import Message, message

LONGEST_QUOTE = 40  # characters of a wrong cell that are quoted
MOST = 200  # faults listed for a file; further ones are only counted
MOST_IN_WORKBOOK = 10_000  # the same in a workbook of the faults; a few MiB
MOST_SKIPPED = 20  # sheets that a sentence lists
CHANGED = message("the file was modified during the import; import it again")


class FileFault(Struct, frozen=True, omit_defaults=True):
    """A fault of a file and its place.

    Attributes:
        row: Line number, from 1, at which the row begins; in a workbook, the number of
            the row.
        column: Heading of the column; None if the whole row or file is at fault.
        sheet: Name of the sheet of a workbook.
        cell: The cell of a workbook, such as ``D7``.
    """

    row: int
    column: str | None
    message: str
    sheet: str | None = None
    cell: str | None = None


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


class ColumnPlace(NamedTuple):
    """A column of a sheet: its heading as written, and its letters."""

    heading: str
    letters: str


class RowPlace(Struct, frozen=True):
    """The place of a row.

    Attributes:
        row: Line number, or number of the row, from 1.
        sheet: Name of the sheet; None in a CSV file.
        index: Index of the sheet in the workbook.
        part: Index of the event, if a row states several.
        columns: The columns by heading of the journal; empty in a CSV file.
    """

    row: int
    sheet: str | None = None
    index: int = 0
    part: int = 0
    columns: Mapping[str, ColumnPlace] = MappingProxyType({})

    @property
    def order(self) -> tuple[int, int, int]:
        """By this, places are compared."""
        return self.index, self.row, self.part

    @property
    def words(self) -> Message:
        """The place in words."""
        if self.sheet is None:
            return message("row {row}", row=self.row)
        return message("row {row} of sheet {sheet}", row=self.row, sheet=self.sheet)

    def fault(self, heading: str | None, said: str) -> FileFault:
        """A fault of the row, or of its cell in the column *heading*."""
        found = self.columns.get(heading) if heading is not None else None
        if found is None:
            return FileFault(self.row, heading, said, self.sheet)
        cell = None if self.sheet is None else f"{found.letters}{self.row}"
        return FileFault(self.row, found.heading, said, self.sheet, cell)


class SheetRow(Struct, frozen=True):
    """A row: non-empty cells by heading, without surrounding blanks.

    Attributes:
        fault: Why its cells cannot be separated; its content is then a guess.
        refused: Cells that are not read, by heading, each with the reason.
    """

    place: RowPlace
    cells: dict[str, str]
    fault: FileFault | None = None
    refused: Mapping[str, str] = MappingProxyType({})


class CellValue(NamedTuple):
    """A cell that is not empty.

    Attributes:
        content: Its value: a text, number, day or truth value.
        refused: Why it has no value of its own; None if it has.
    """

    content: Any
    refused: Message | None = None


class TableRow(NamedTuple):
    """A row of a table: its number, and its cells by the index of the column.

    Attributes:
        fault: Why the cells cannot be assigned to columns; None if they can.
    """

    number: int
    cells: Mapping[int, CellValue]
    fault: Message | None = None


class RowTable(Protocol):
    """A table whose headings are searched: a sheet of a workbook, or a CSV file."""

    @property
    def name(self) -> str | None:
        """Name of the sheet; None for a CSV file."""

    @property
    def index(self) -> int:
        """Index of the sheet."""

    def rows(self) -> Iterator[tuple[int, Mapping[int, CellValue]]]:
        """The rows that are not empty: number, and cells by the index of the column."""

    def rows_below(self, first: int) -> Iterator[TableRow]:
        """The rows below row *first*, which has the headings."""


class SkippedSheet(Struct, frozen=True):
    """A sheet of a workbook that is not read, and why."""

    name: str
    message: str

    @property
    def words(self) -> Message:
        """The sheet and the reason, in words."""
        return message(
            "{sheet} ({reason})", sheet=quoted(self.name), reason=self.message
        )


def not_read(skipped: Sequence[SkippedSheet]) -> Message:
    """The sheets that are not read, in words."""
    return message(
        "sheets that are not read: {sheets}",
        sheets=[one.words for one in skipped[:MOST_SKIPPED]],
    )


class RowSource(Protocol):
    """Sheets whose rows are those of a layout.

    Attributes:
        layout: Name of that layout.
        names: The names of the sheets; none of a CSV file.
    """

    layout: str
    names: tuple[str, ...]

    def rows(self) -> Iterator[SheetRow]:
        """The rows, read again at each call; two calls must not be interleaved."""


def quoted(cell: str) -> str:
    """*cell* quoted, truncated if long, without control characters."""
    cut = cell if len(cell) <= LONGEST_QUOTE else f"{cell[: LONGEST_QUOTE - 1]}…"
    return f'"{"".join(map(_printable, cut))}"'


def _printable(char: str) -> str:
    return char if char.isprintable() else f"\\u{ord(char):04x}"


def tidy(cell: str) -> str:
    """*cell* without surrounding blanks, in normalisation form C."""
    stripped = cell.strip()
    return stripped if stripped.isascii() else unicodedata.normalize("NFC", stripped)


def common_headings(
    headings: Sequence[str], layouts: Mapping[str, Sequence[str]]
) -> dict[str, int]:
    """The number of headings that *headings* and each layout have in common."""
    return {name: len({*headings} & {*of}) for name, of in layouts.items()}


def find_layout(
    place: RowPlace,
    headings: Sequence[str],
    layouts: Mapping[str, Sequence[str]],
    optional: Mapping[str, Sequence[str]],
) -> str:
    """Name of the layout with these headings, which stand at *place*.

    Raises:
        UnreadableSheet: No layout has these headings.
    """
    common = common_headings(headings, layouts)
    likely = max(layouts, key=lambda name: common[name])
    if not common[likely]:
        forms = "; ".join(",".join(of) for of in layouts.values())
        fault = message(
            "the headings match no journal; the known journals are: {forms}",
            forms=forms,
        )
        raise UnreadableSheet(place.fault(None, fault))
    of, more = layouts[likely], optional.get(likely, ())
    faults = _heading_faults(place, headings, likely, of, more)
    if first := [*islice(faults, MOST)]:
        raise UnreadableSheet(*first, count=len(first) + sum(1 for _ in faults))
    return likely


def _heading_faults(
    place: RowPlace,
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
            yield place.fault(None, unknown)
        elif heading in seen:
            yield place.fault(heading, message("this heading occurs twice"))
        seen.add(heading)
    for heading in of:
        if heading not in seen:
            missing = message(
                "this heading of journal {journal} is missing", journal=name
            )
            yield place.fault(heading, missing)
