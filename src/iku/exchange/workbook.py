"""A paper as a workbook: a sheet for each table, with numbers as numbers.

A figure in one cell of the paper takes three of the sheet: numerator, denominator, and
the percentage as a formula over them with its value. A formula stands only where a
recalculation gives what is printed; what a policy of the definition decides, such as
0/0, is a value. The same document gives the same bytes.
"""

import io
import re
from collections.abc import Collection, Iterator
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, TypeAlias

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.workbook import Workbook
from xlsxwriter.worksheet import Worksheet

from iku.domain.hidden_characters import escaped_text
from iku.exchange.papers.document import (
    MM_PER_CHARACTER,
    UNDEFINED,
    Amount,
    CellKind,
    Column,
    Document,
    Formula,
    Ratio,
    Row,
    Table,
)
from iku.exchange.workbook_layout import CREATED, HEADING, lay_out
from iku.exchange.workbook_parts import column_letters
from iku.exchange.workbook_stream import (
    FIGURE,
    LONGEST_TEXT,
    NUMBER_FORMATS,
)

PARTS_OF_RATIO = ("pembilang", "penyebut", "%")
CALCULATIONS = "perhitungan"  # the sheet of the calculations
DRAFT = "KONSEP"
LONGEST_NAME = 31  # characters of the name of a sheet
# The number formats of the cells of a table, in a fixed order.
MODEL_FORMATS = tuple(dict.fromkeys(NUMBER_FORMATS.values()))
_FORBIDDEN = re.compile(r"[\[\]:*?/\\']")
_NAME_CHARACTERS = re.compile(r"[^A-Za-z0-9]")
_HUNDREDTH = Decimal("0.01")
# A value that takes one cell of a sheet.
_Single: TypeAlias = str | int | Decimal | date | Amount | None


def document(of: Document, continued: Collection[int] = ()) -> bytes:
    """The workbook of a paper.

    The tables with the indices *continued* have a model row in place of what stands
    below their rows: a cell in each of `MODEL_FORMATS` (`document_stream`).
    """
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"in_memory": True}) as made:
        made.set_properties(
            {
                "title": of.title,
                "subject": ", ".join(of.figures),
                "comments": of.coordinates,
                "created": CREATED,
            }
        )
        if of.figures:
            made.set_custom_property(FIGURE, ", ".join(of.figures)[:255])
        for index, table in enumerate((*of.tables, *_calculations(of))):
            _SheetWriter(made, of, table).write(is_continued=index in continued)
    return file.getvalue()


def _calculations(of: Document) -> Iterator[Table]:
    """The calculations of the paper as a table, if it has any with counts."""
    found = [
        block
        for section in of.sections
        for block in section.blocks
        if isinstance(block, Formula) and block.ratio is not None
    ]
    if found:
        yield Table(
            name=CALCULATIONS,
            caption="Perhitungan",
            columns=(
                Column("Indikator", width=100),
                Column("Realisasi", CellKind.RATIO, 20),
            ),
            rows=tuple(Row((one.label, one.ratio)) for one in found),
        )


class _SheetWriter:
    """The sheet of one table.

    The columns of the sheet are those of the table, of which a figure takes three.
    """

    def __init__(self, workbook: Workbook, of: Document, table: Table) -> None:
        self._workbook = workbook
        self._document = of
        self._table = table
        taken = {sheet.get_name().lower() for sheet in workbook.worksheets()}
        self._sheet: Worksheet = workbook.add_worksheet(_sheet_name(table.name, taken))
        self._formats: dict[tuple[str, bool], Format] = {}
        self._places: list[int] = []  # the first column of each column of the table
        place = 0
        for column in table.columns:
            self._places.append(place)
            place += 3 if column.kind is CellKind.RATIO else 1
        self._width = place
        self._row = 0

    def write(self, *, is_continued: bool = False) -> None:
        """Write the whole sheet; one that continues has a model row at its end."""
        self._write_title()
        first = self._row
        self._write_headings()
        headings = self._row
        for row in self._table.rows:
            self._write_row(row)
        if not self._table.rows:
            self._write_line(self._table.empty)
        self._sheet.autofilter(headings - 1, 0, self._row - 1, self._width - 1)
        if is_continued:
            self._write_model()
        else:
            self._write_end()
        lay_out(self._sheet, 0)
        self._sheet.freeze_panes(headings, 0)
        self._sheet.repeat_rows(first, headings - 1)

    def _write_end(self) -> None:
        """The sums and the notes below the rows."""
        for row in self._table.footer:
            self._write_row(row, bold=True)
        for number, note in enumerate(self._table.notes, start=1):
            self._row += number == 1
            self._write_line(f"{number}) {note}")

    def _write_model(self) -> None:
        for index, shown in enumerate(MODEL_FORMATS):
            form = self._format(shown, bold=False)
            self._sheet.write_blank(self._row, index, None, form)

    def _write_title(self) -> None:
        of, table = self._document, self._table
        title = f"{DRAFT}: {of.title}" if of.draft else of.title
        figures = [f"Figur {', '.join(of.figures)}"] if of.figures else []
        bold = self._workbook.add_format({"num_format": "@", "bold": True})
        self._sheet.write_string(0, 0, title, bold)  # over the columns to the right
        self._row = 1
        for line in (*filter(None, (of.subtitle, table.caption)), of.coordinates):
            self._write_line(line)
        for line in figures:
            self._write_line(line)
        self._row += 1

    def _write_line(self, line: str) -> None:
        self._sheet.write_string(self._row, 0, _shown(line))
        self._row += 1

    def _write_headings(self) -> None:
        """The headings, below those of groups; each is on one row, for filtering."""
        heading = self._workbook.add_format({**HEADING, "border": 1})
        columns = zip(self._table.columns, self._places, strict=True)
        for column, place in columns:
            named = f"{column.group}, {column.title}" if column.group else column.title
            titles = [named]
            if column.kind is CellKind.RATIO:
                titles = [f"{named}, {part}" for part in PARTS_OF_RATIO]
            for index, title in enumerate(titles, start=place):
                self._sheet.write_string(self._row, index, title, heading)
                width = max(column.width / MM_PER_CHARACTER, 9)
                self._sheet.set_column(index, index, width)
        self._row += 1

    def _write_row(self, row: Row, *, bold: bool = False) -> None:
        for index, cell in enumerate(row.cells):
            column, place = self._table.columns[index], self._places[index]
            mark = row.marks.get(index, "")
            if isinstance(cell, Ratio):
                self._write_ratio(place, cell, row, mark)
            else:
                self._write_cell(place, column.kind, cell, mark, bold=bold)
        self._row += 1

    def _write_cell(
        self, place: int, kind: CellKind, cell: _Single, mark: str, *, bold: bool
    ) -> None:
        sheet, row = self._sheet, self._row
        match cell:
            case None:
                sheet.write_blank(row, place, None, self._format("@", bold=bold))
            case str():
                text = f"{cell} {mark}" if mark else cell
                form = self._format("@", bold=bold)
                sheet.write_string(row, place, _shown(text), form)
            case date():
                form = self._marked(NUMBER_FORMATS[CellKind.DAY], mark, bold=bold)
                sheet.write_datetime(row, place, cell, form)
            case Amount(value):
                whole = value.as_tuple().exponent == 0
                usual = CellKind.COUNT if whole else CellKind.NUMBER
                form = self._marked(NUMBER_FORMATS[usual], mark, bold=bold)
                sheet.write_number(row, place, value, form)
            case int() | Decimal():
                usual = CellKind.COUNT if isinstance(cell, int) else CellKind.NUMBER
                shown = usual if kind in {CellKind.TEXT, CellKind.RATIO} else kind
                form = self._marked(NUMBER_FORMATS[shown], mark, bold=bold)
                share = Decimal(cell) / 100 if shown is CellKind.PERCENT else cell
                sheet.write_number(row, place, share, form)

    def _write_ratio(self, place: int, of: Ratio, row: Row, mark: str) -> None:
        """Numerator, denominator, and the percentage as a formula over them."""
        count = NUMBER_FORMATS[CellKind.COUNT]
        for index, value in enumerate((of.numerator, of.denominator)):
            form = self._format(count, bold=False)
            self._sheet.write_number(self._row, place + index, value, form)
        form = self._marked(NUMBER_FORMATS[CellKind.PERCENT], mark, bold=False)
        shown, at = of.percentage, place + 2
        if is_recalculated(of):
            above, below = (
                f"{column_letters(place + i)}{self._row + 1}" for i in (0, 1)
            )
            formula = f'=IF({below}=0,"{UNDEFINED}",ROUND({above}/{below},4))'
            cached = UNDEFINED if shown is None else float(shown / 100)
            self._sheet.write_formula(self._row, at, formula, form, cached)
        else:
            self._write_cell(at, CellKind.PERCENT, shown, mark, bold=False)
        self._define_names(place, row)

    def _define_names(self, place: int, row: Row) -> None:
        """Name the counts of a calculation: ``IKU1_pembilang``."""
        label = row.cells[0]
        if self._table.name != CALCULATIONS or not isinstance(label, str):
            return
        code = _NAME_CHARACTERS.sub("", label.partition(" ")[0])
        for index, part in enumerate(PARTS_OF_RATIO[:2], start=place):
            where = f"={CALCULATIONS}!${column_letters(index)}${self._row + 1}"
            self._workbook.define_name(f"{code}_{part}", where)

    def _marked(self, number_format: str, mark: str, *, bold: bool) -> Format:
        """A format that shows the mark of a note after the number."""
        shown = f'{number_format}" {mark}"' if mark else number_format
        return self._format(shown, bold=bold)

    def _format(self, number_format: str, *, bold: bool) -> Format:
        key = number_format, bold
        if key not in self._formats:
            style: dict[str, Any] = {"num_format": number_format, "bold": bold}
            style |= {"valign": "top", "text_wrap": number_format == "@"}
            self._formats[key] = self._workbook.add_format(style)
        return self._formats[key]


def is_recalculated(of: Ratio) -> bool:
    """Whether a spreadsheet that divides the counts shows the printed percentage."""
    if of.denominator == 0:
        return of.percentage is None
    divided = Decimal(of.numerator) * 100 / of.denominator
    return of.percentage == divided.quantize(_HUNDREDTH, ROUND_HALF_UP)


def _sheet_name(name: str, taken: set[str]) -> str:
    """*name* as a spreadsheet allows it, with a number if it is taken."""
    plain = _FORBIDDEN.sub(" ", name)[:LONGEST_NAME]
    number = 2
    found = plain
    while found.lower() in taken:
        ending = f" {number}"
        found, number = f"{plain[: LONGEST_NAME - len(ending)]}{ending}", number + 1
    return found


def _shown(text: str) -> str:
    return escaped_text(text)[:LONGEST_TEXT]
