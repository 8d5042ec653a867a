"""A document as a workbook whose long tables are written while their rows are read.

A table of any length begins with the rows that the document has; further ones are
written as they come, so the memory that a workbook takes does not grow with them. The
writer of workbooks (xlsxwriter) lays out the document; the further rows, and the notes
below them, are inserted into its sheets (`workbook_stream`).
"""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZipFile

from iku.exchange import workbook
from iku.exchange.papers.document import (
    Amount,
    Cell,
    CellKind,
    Document,
    Row,
    Table,
    printed,
)
from iku.exchange.workbook_parts import ROWS, column_letters
from iku.exchange.workbook_stream import (
    FIRST,
    NUMBER_FORMATS,
    Sink,
    number,
    part_info,
    text_xml,
)

MOST_ROWS = ROWS - 100  # of a sheet, with room for its title and its notes
_SHEET = "xl/worksheets/sheet{}.xml"
_BOOK = "xl/workbook.xml"
_MODEL = re.compile(r'<row r="(\d+)"(?:(?!<row ).)*</row>(?=</sheetData>)', re.DOTALL)
_STYLE = re.compile(r'<c r="[A-Z]+\d+" s="(\d+)"/>')
_DIMENSION = re.compile(r'<dimension ref="[^"]*"/>')
_FILTER = re.compile(r'(<autoFilter ref="[A-Z]+\d+:[A-Z]+)\d+')


class DocumentStream:
    """A workbook of a document, whose bytes are taken as they are written.

    The sheets are written in the order of the tables: `begin_sheet`, `rows` any number
    of times, `end_sheet`. Only a table that continues has further rows, and an end; it
    has no sums, and no cells that take several columns of the sheet (`Ratio`).
    """

    def __init__(self, of: Document, continued: Collection[int]) -> None:
        """A workbook of *of*, of which the tables *continued* have more rows."""
        self._tables = [*of.tables]
        self._continued = continued
        self._parts = _parts(workbook.document(of, continued))
        self._sink = Sink()
        self._archive = ZipFile(self._sink, "w", ZIP_DEFLATED)
        self._written: set[str] = set()
        self._last: dict[int, int] = {}  # the last row of each continued sheet
        self._row = 0
        self._columns: list[tuple[str, CellKind]] = []
        self._styles: dict[str, str] = {}

    @property
    def room(self) -> int:
        """The number of rows that the sheet can still have."""
        return MOST_ROWS - self._row

    def head(self) -> bytes:
        """The start of the file."""
        for part in FIRST:
            self._add(part)
        return self._sink.taken()

    def begin_sheet(self, index: int) -> bytes:
        """The sheet of a table; of a continued one, up to the rows of the document."""
        part = _SHEET.format(index + 1)
        if index not in self._continued:
            self._add(part)
            return self._sink.taken()
        text = _DIMENSION.sub("", self._parts[part].decode())
        model = _MODEL.search(text)
        assert model is not None  # noqa: S101 - `workbook.document` wrote it
        formats = zip(workbook.MODEL_FORMATS, _STYLE.findall(model[0]), strict=True)
        self._styles = dict(formats)
        self._row = int(model[1]) - 1
        self._columns = [*_columns(self._tables[index])]
        self._tail = text[model.end() :]
        self._sheet = self._archive.open(part_info(part), "w")
        self._written.add(part)
        self._sheet.write(text[: model.start()].encode())
        return self._sink.taken()

    def rows(self, rows: Iterable[Row]) -> bytes:
        """The next part of the sheet, with these rows."""
        self._sheet.write("".join(map(self._row_xml, rows)).encode())
        return self._sink.taken()

    def end_sheet(self, index: int, notes: Sequence[str] = ()) -> bytes:
        """The end of a continued sheet, with *notes* below its rows."""
        self._last[index] = last = self._row
        for place, note in enumerate(notes, start=1):
            self._row += 2 if place == 1 else 1
            cell = self._cell_xml("A", CellKind.TEXT, f"{place}) {note}")
            row = f'<row r="{self._row}">{cell}</row>'
            self._sheet.write(row.encode())
        tail = _FILTER.sub(rf"\g<1>{last}", self._tail)
        self._sheet.write(tail.encode())
        self._sheet.close()
        return self._sink.taken()

    def end(self) -> bytes:
        """The end of the file."""
        book = self._parts[_BOOK].decode()
        for index, last in self._last.items():
            # The rows that the filter of the sheet hides or shows.
            named = rf'(_FilterDatabase" localSheetId="{index}"[^>]*>[^<]*\$)\d+(?=<)'
            book = re.sub(named, rf"\g<1>{last}", book)
        self._parts[_BOOK] = book.encode()
        for part in self._parts:
            if part not in self._written:
                self._add(part)
        self._archive.close()
        return self._sink.taken()

    def _add(self, part: str) -> None:
        self._archive.writestr(part_info(part), self._parts[part])
        self._written.add(part)

    def _row_xml(self, row: Row) -> str:
        self._row += 1
        cells = (
            self._cell_xml(letters, kind, _marked(cell, row.marks.get(index, "")))
            for index, (cell, (letters, kind)) in enumerate(
                zip(row.cells, self._columns, strict=True)
            )
        )
        return f'<row r="{self._row}">{"".join(cells)}</row>'

    def _cell_xml(self, letters: str, kind: CellKind, cell: Cell) -> str:
        """A cell in the format of its value, as `workbook` writes it."""
        place = f'<c r="{letters}{self._row}"'
        match cell:
            case None | "":
                return ""
            case date():
                of = CellKind.DAY
            case Amount(value):
                whole = value.as_tuple().exponent == 0
                of, cell = CellKind.COUNT if whole else CellKind.NUMBER, value
            case int() | Decimal():
                usual = CellKind.COUNT if isinstance(cell, int) else CellKind.NUMBER
                of = usual if kind in {CellKind.TEXT, CellKind.RATIO} else kind
            case _:
                style, text = self._styles["@"], text_xml(printed(cell))
                return f'{place} s="{style}" t="inlineStr"><is>{text}</is></c>'
        style = self._styles[NUMBER_FORMATS[of]]
        return f'{place} s="{style}"><v>{number(cell, of)}</v></c>'


def _columns(of: Table) -> Iterator[tuple[str, CellKind]]:
    for index, column in enumerate(of.columns):
        yield column_letters(index), column.kind


def _marked(cell: Cell, mark: str) -> Cell:
    """A cell with the mark of a note as text, as `printed` writes it."""
    return f"{printed(cell)} {mark}" if mark else cell


def _parts(content: bytes) -> dict[str, bytes]:
    with ZipFile(BytesIO(content)) as made:
        return {name: made.read(name) for name in made.namelist()}
