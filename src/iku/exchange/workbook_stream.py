"""A workbook of one table, written while its rows are read, in constant memory.

The writer of workbooks (xlsxwriter) lays out a workbook with headings and no rows; the
rows are inserted into its sheet as they come. Nothing is stored in between, in
particular no text in a temporary file. The same rows give the same bytes.

A text is never evaluated: it is a cell of type text, with the number format of texts,
so it stays a text when somebody edits it (OWASP, "CSV Injection"; ASVS 5.0, 1.2.10).
"""

import io
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from xml.sax.saxutils import escape
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import xlsxwriter

from iku.domain.hidden_characters import escaped_text
from iku.exchange.papers.document import (
    MM_PER_CHARACTER,
    Cell,
    CellKind,
    Column,
    printed,
)
from iku.exchange.workbook_layout import CREATED, DAY_FORMAT, HEADING, lay_out
from iku.exchange.workbook_parts import column_letters

NUMBER_FORMATS = {
    CellKind.TEXT: "@",
    CellKind.RATIO: "@",
    CellKind.COUNT: "#,##0",
    CellKind.NUMBER: "#,##0.00",
    CellKind.PERCENT: "0.00%",
    CellKind.DAY: DAY_FORMAT,
}
FIGURE = "nomor_angka"  # the property with the number of a figure
LONGEST_TEXT = 32_767  # characters of a cell
EPOCH = date(1899, 12, 30)  # day 0 of the format
_SHEET = "xl/worksheets/sheet1.xml"
FIRST = ("[Content_Types].xml", "_rels/.rels")  # by which the type is recognised
_PACKED_ON = (1980, 1, 1, 0, 0, 0)
_MODEL = re.compile(r'<row r="2".*</row>', re.DOTALL)
_STYLE = re.compile(r'<c r="[A-Z]+2" s="(\d+)"/>')
_DIMENSION = re.compile(r'<dimension ref="[^"]*"/>')
# Characters that XML cannot have, and texts that look like their escapes.
_CONTROL = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")


class WorkbookStream:
    """A workbook of one table, whose bytes are taken as they are written."""

    def __init__(
        self, name: str, columns: Sequence[Column], figure: str | None = None
    ) -> None:
        self._name = name
        self._columns = columns
        self._figure = figure
        self._letters = [column_letters(index) for index in range(len(columns))]
        self._sink = Sink()
        self._archive = ZipFile(self._sink, "w", ZIP_DEFLATED)
        self._row = 1
        parts = self._layout()
        sheet = _DIMENSION.sub("", parts[_SHEET].decode())
        model = _MODEL.search(sheet)
        assert model is not None  # noqa: S101 - `_layout` wrote it
        self._styles = _STYLE.findall(model[0])
        for part in FIRST:
            self._add(part, parts[part])
        self._sheet = self._archive.open(part_info(_SHEET), "w")
        self._sheet.write(sheet[: model.start()].encode())

    def head(self) -> bytes:
        """The start of the file, with the headings."""
        return self._sink.taken()

    def rows(self, rows: Iterable[Sequence[Cell]]) -> bytes:
        """The next part of the file, with these rows."""
        self._sheet.write("".join(map(self._row_xml, rows)).encode())
        return self._sink.taken()

    def end(self, notes: Sequence[str] = ()) -> bytes:
        """The end of the file, with *notes* below the rows."""
        last = self._row
        below = "".join(
            self._row_xml([note]) for note in (("", *notes) if notes else ())
        )
        self._sheet.write(below.encode())
        parts = self._layout(last, notes)
        _, end, tail = parts[_SHEET].partition(b"</sheetData>")
        self._sheet.write(end + tail)
        self._sheet.close()
        for part, content in parts.items():
            if part not in {*FIRST, _SHEET}:
                self._add(part, content)
        self._archive.close()
        return self._sink.taken()

    def _add(self, part: str, content: bytes) -> None:
        self._archive.writestr(part_info(part), content)

    def _layout(self, last: int = 1, notes: Sequence[str] = ()) -> dict[str, bytes]:
        """The parts of the workbook; its rows end with row *last* and are not in it.

        A row below the headings has a cell in the style of each column.
        """
        file = io.BytesIO()
        with xlsxwriter.Workbook(file, {"in_memory": True}) as workbook:
            workbook.set_properties(
                {
                    "title": self._name,
                    "subject": self._figure or "",
                    "comments": "\n".join(notes),
                    "created": CREATED,
                }
            )
            if self._figure is not None:
                workbook.set_custom_property(FIGURE, self._figure)
            sheet = workbook.add_worksheet(self._name)
            heading = workbook.add_format(HEADING)
            for index, column in enumerate(self._columns):
                style = {"num_format": NUMBER_FORMATS[column.kind], "valign": "top"}
                sheet.set_column(index, index, column.width / MM_PER_CHARACTER)
                sheet.write_string(0, index, column.title, heading)
                sheet.write_blank(1, index, None, workbook.add_format(style))
            sheet.autofilter(0, 0, max(last - 1, 0), len(self._columns) - 1)
            lay_out(sheet, 1)
        with ZipFile(file) as made:
            return {name: made.read(name) for name in made.namelist()}

    def _row_xml(self, cells: Sequence[Cell]) -> str:
        self._row += 1
        inner = "".join(self._cells_xml(cells))
        return f'<row r="{self._row}">{inner}</row>'

    def _cells_xml(self, cells: Sequence[Cell]) -> Iterator[str]:
        places = zip(cells, self._letters, self._styles, self._columns, strict=False)
        for cell, letters, style, column in places:
            place = f'<c r="{letters}{self._row}" s="{style}"'
            match cell:
                case None | "":
                    continue
                case str():
                    yield f'{place} t="inlineStr"><is>{text_xml(cell)}</is></c>'
                case int() | Decimal() | date():
                    yield f"{place}><v>{number(cell, column.kind)}</v></c>"
                case _:
                    text = text_xml(printed(cell))
                    yield f'{place} t="inlineStr"><is>{text}</is></c>'


class Sink:
    """A file that is only written to; what was written is taken out of it."""

    def __init__(self) -> None:
        self._written: list[bytes] = []

    def write(self, data: bytes) -> int:
        """Write *data*."""
        self._written.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Do nothing; what is written is taken at once."""

    def close(self) -> None:
        """Do nothing; the archive is closed, not the file."""

    def taken(self) -> bytes:
        """What was written since the last call."""
        found, self._written = b"".join(self._written), []
        return found


def number(value: int | Decimal | date, kind: CellKind) -> int | Decimal:
    """The number that a cell stores: of a day, its distance from day 0."""
    if isinstance(value, date):
        return (value - EPOCH).days
    return Decimal(value) / 100 if kind is CellKind.PERCENT else value


def part_info(part: str) -> ZipInfo:
    """A part of the archive; equal contents give equal bytes."""
    info = ZipInfo(part, _PACKED_ON)
    info.compress_type = ZIP_DEFLATED
    return info


def text_xml(text: str) -> str:
    """The XML of a text in a cell."""
    shown = _CONTROL.sub(_escaped, escaped_text(text)[:LONGEST_TEXT])
    return f'<t xml:space="preserve">{escape(shown)}</t>'


def _escaped(found: re.Match[str]) -> str:
    return f"_x{ord(found[0]):04X}_"
