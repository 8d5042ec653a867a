"""The journals of a workbook: visible sheets with the headings of a journal.

The headings are those of the CSV files, in the first row of a sheet that is not empty.
A sheet may lack columns that none of its rows needs, and several sheets may hold the
rows of one journal, as in the template for entries (`entry_template`). Hidden sheets,
and sheets without any heading of a journal, are not read; each is named with the
reason, because somebody may believe that its rows are recorded.

A cell has the content that its column expects in a CSV file: a date is a day, true and
false are *ya* and *tidak*. A cell with a formula is refused, because its value is what
some program calculated last.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time
from itertools import islice
from typing import Any, BinaryIO, NamedTuple

from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    SheetTypeEnum,
    SheetVisibleEnum,
    load_workbook,
)

from iku.exchange import workbook_parts
from iku.exchange.entry_template_mark import GUIDE, MARK, MARK_PREFIX
from iku.exchange.journal_layouts import LAYOUTS
from iku.exchange.spreadsheet import (
    CellValue,
    ColumnPlace,
    RowPlace,
    SheetRow,
    SkippedSheet,
    TableRow,
    UnreadableSheet,
    common_headings,
    find_layout,
    not_read,
    quoted,
    tidy,
)
from iku.exchange.workbook_parts import (
    BROKEN,
    ReadableWorkbook,
    RefusedCells,
    unreadable,
)
from iku.messages import Message, message

PER_CENT = message(
    "is a number of at most 1; write the target as a number of per cent, such as 80 or "
    "77,5, in a cell without the format of percentages"
)
_MIDNIGHT = time()


class TableSheet:
    """A sheet of a workbook as rows of cells, read again at each call."""

    def __init__(
        self,
        sheet: CalamineSheet,
        index: int,
        refused: RefusedCells,
    ) -> None:
        self.name = sheet.name
        self.index = index
        self._sheet = sheet
        self._refused: dict[int, dict[int, CellValue]] = {}  # by row and column
        for (row, column), why in refused.items():
            self._refused.setdefault(row, {})[column] = CellValue("", why)

    def rows(self) -> Iterator[tuple[int, dict[int, CellValue]]]:
        """The rows that are not empty: number, and cells by the index of the column."""
        _, left = self._sheet.start or (0, 0)
        row = -1
        for row, values in enumerate(self._sheet.iter_rows()):
            cells = {
                column: CellValue(value)
                for column, value in enumerate(values, start=left)
                if not isinstance(value, str) or value.strip()
            }
            if cells := cells | self._refused.get(row, {}):
                yield row + 1, cells
        # Formulas that no program has calculated are not among the values.
        for below in sorted(self._refused):
            if below > row:
                yield below + 1, self._refused[below]

    def rows_below(self, first: int) -> Iterator[TableRow]:
        """The rows below row *first*."""
        for number, cells in self.rows():
            if number > first:
                yield TableRow(number, cells)


class JournalSheet:
    """A sheet with the headings of a journal.

    Attributes:
        name: Name of the sheet.
        layout: Name of the journal.
    """

    def __init__(self, sheet: TableSheet) -> None:
        """Read the headings.

        Raises:
            UnreadableSheet: Some of them belong to no journal.
        """
        self._sheet = sheet
        self.name = sheet.name
        self._first, cells = next(sheet.rows())
        self._headings = {index: _heading(cell) for index, cell in cells.items()}
        self._columns = {
            heading: ColumnPlace(heading, workbook_parts.column_letters(index))
            for index, heading in self._headings.items()
        }
        required = {n: sorted(one.required_headings) for n, one in LAYOUTS.items()}
        headings = [*self._headings.values()]
        # The journal is recognised by all headings, of which few are required.
        common = common_headings(headings, _ALL)
        likely = max(LAYOUTS, key=lambda name: common[name])
        self.layout = find_layout(
            self._place(self._first), headings, {likely: required[likely]}, _ALL
        )

    def rows(self) -> Iterator[SheetRow]:
        """The rows below the headings."""
        for number, cells in islice(self._sheet.rows(), 1, None):
            yield self._row(self._place(number), cells)

    def _place(self, number: int) -> RowPlace:
        sheet = self._sheet
        return RowPlace(number, sheet.name, sheet.index, columns=self._columns)

    def _row(self, place: RowPlace, cells: Mapping[int, CellValue]) -> SheetRow:
        stray = [index for index in cells if index not in self._headings]
        given = {
            self._headings[index]: cell
            for index, cell in cells.items()
            if index in self._headings
        }
        texts = {heading: text(cell.content) for heading, cell in given.items()}
        refused = {
            heading: said
            for heading, cell in given.items()
            if (said := refusal(heading, cell)) is not None
        }
        if not stray:
            return SheetRow(place, texts, refused=refused)
        fault = message(
            "has the value {value} in column {column}, which has no heading",
            value=quoted(text(cells[stray[0]].content)),
            column=workbook_parts.column_letters(stray[0]),
        )
        return SheetRow(place, texts, place.fault(None, fault), refused)


class JournalSheets:
    """The sheets of a workbook that have the rows of one journal.

    Attributes:
        layout: Name of the journal.
        names: The names of the sheets.
    """

    def __init__(self, layout: str, sheets: Sequence[JournalSheet]) -> None:
        self.layout = layout
        self.names = tuple(one.name for one in sheets)
        self._sheets = sheets

    def rows(self) -> Iterator[SheetRow]:
        """The rows of all sheets, in the order of the workbook."""
        for sheet in self._sheets:
            yield from sheet.rows()


class WorkbookTables(NamedTuple):
    """The visible sheets of a workbook that are not empty, and the others."""

    tables: list[TableSheet]
    skipped: list[SkippedSheet]


class WorkbookJournals(NamedTuple):
    """The journals of a workbook, and the sheets that are not read."""

    journals: list[JournalSheets]
    skipped: list[SkippedSheet]


_ALL = {name: (*one.headings, *one.optional) for name, one in LAYOUTS.items()}


def journals(file: BinaryIO) -> WorkbookJournals:
    """The journals of a workbook.

    Raises:
        UnreadableSheet: It has none, is damaged, or exceeds a limit.
    """
    return _journals(tables(file))


def tables(file: BinaryIO) -> WorkbookTables:
    """The visible sheets of a workbook that are not empty, and the others.

    Raises:
        UnreadableSheet: It is damaged, exceeds a limit, or comes from a template of
            another version.
    """
    unpacked = workbook_parts.unpack(file)
    try:
        return _read(unpacked)
    except CalamineError as error:
        raise unreadable(BROKEN) from error
    except BaseException as error:
        # A bug of the parser's language is an exception of its own kind.
        if type(error).__name__ == "PanicException":
            raise unreadable(BROKEN) from error
        raise


def _read(unpacked: ReadableWorkbook) -> WorkbookTables:
    workbook = load_workbook(unpacked.file)
    _refuse_other_version(workbook)
    found = WorkbookTables([], [])
    for index, one in enumerate(workbook.sheets_metadata):
        if one.typ is not SheetTypeEnum.WorkSheet:
            why = message("is a chart or a sheet of macros, not a table")
        elif one.visible is not SheetVisibleEnum.Visible:
            why = message("is hidden")
        elif (sheet := workbook.get_sheet_by_name(one.name)).start is None:
            why = message("is empty")
        else:
            refused = unpacked.refused.get(one.name, {})
            found.tables.append(TableSheet(sheet, index, refused))
            continue
        found.skipped.append(SkippedSheet(one.name, why))
    return found


def _refuse_other_version(workbook: CalamineWorkbook) -> None:
    if GUIDE not in workbook.sheet_names:
        return
    first = workbook.get_sheet_by_name(GUIDE).to_python(skip_empty_area=False, nrows=1)
    mark = str(first[0][0]) if first and first[0] else ""
    if mark.startswith(MARK_PREFIX) and mark != MARK:
        raise unreadable(
            message(
                "the workbook was made from the template {mark}, but this program "
                "reads {expected}: copy the rows into a new template",
                mark=quoted(mark),
                expected=quoted(MARK),
            )
        )


def _journals(sheets: WorkbookTables) -> WorkbookJournals:
    found: dict[str, list[JournalSheet]] = {}
    faults: list[UnreadableSheet] = []
    skipped = [*sheets.skipped]
    for sheet in sheets.tables:
        _, cells = next(sheet.rows())
        headings = [*map(_heading, cells.values())]
        if not any(common_headings(headings, _ALL).values()):
            why = message("has no heading of a journal in its first row")
            skipped.append(SkippedSheet(sheet.name, why))
            continue
        try:
            one = JournalSheet(sheet)
            found.setdefault(one.layout, []).append(one)
        except UnreadableSheet as error:
            faults.append(error)
    if faults:
        all_ = [fault for error in faults for fault in error.faults]
        raise UnreadableSheet(*all_, count=sum(error.count for error in faults))
    if not found:
        raise unreadable(
            message(
                "no visible sheet of the workbook has the headings of a journal; the "
                "known journals are: {forms}; {not_read}",
                forms="; ".join(",".join(of) for of in _ALL.values()),
                not_read=not_read(skipped),
            )
        )
    journals = [JournalSheets(layout, of) for layout, of in found.items()]
    return WorkbookJournals(journals, skipped)


def _heading(cell: CellValue) -> str:
    return tidy(text(cell.content)).lower()


def refusal(heading: str, cell: CellValue) -> Message | None:
    """Why the cell is not read; None if it is."""
    if cell.refused is not None:
        return cell.refused
    content = cell.content
    is_number = isinstance(content, int | float) and not isinstance(content, bool)
    return PER_CENT if heading == "target" and is_number and content <= 1 else None


def text(content: Any) -> str:
    """The content of a cell as it is written in a CSV file."""
    match content:
        case bool():
            return "ya" if content else "tidak"
        case float() if content.is_integer():
            return f"{content:.0f}"
        case datetime() if content.time() == _MIDNIGHT:
            return content.date().isoformat()
        case datetime():
            return content.isoformat(" ", "seconds")
        case date():
            return content.isoformat()
        case _:
            return tidy(str(content))
