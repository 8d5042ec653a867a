"""Workbooks of tests: made from rows, filled in from the template, and read."""

import io
import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from xml.sax.saxutils import escape
from zipfile import ZIP_DEFLATED, ZipFile

import xlsxwriter
from python_calamine import load_workbook

from iku.exchange.workbook_parts import column_letters

DAY_0 = date(1899, 12, 30)


class Formula(str):
    """A formula; its cached value is 0."""

    __slots__ = ()


def workbook(hidden: Sequence[str] = (), /, **sheets: Sequence[Sequence[Any]]) -> bytes:
    """A workbook with these rows of cells; None is an empty cell."""
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"in_memory": True}) as made:
        day = made.add_format({"num_format": "dd/mm/yyyy"})
        for name, rows in sheets.items():
            sheet = made.add_worksheet(name)
            for row, cells in enumerate(rows):
                for column, cell in enumerate(cells):
                    _write(sheet, row, column, cell, day)
            if name in hidden:
                sheet.hide()
    return file.getvalue()


def _write(sheet: Any, row: int, column: int, cell: Any, day: Any) -> None:
    match cell:
        case None:
            pass
        case bool():
            sheet.write_boolean(row, column, cell)
        case date():
            sheet.write_datetime(row, column, cell, day)
        case Formula():
            sheet.write_formula(row, column, cell)
        case str():
            sheet.write_string(row, column, cell)
        case _:
            sheet.write_number(row, column, cell)


def table(headings: Sequence[str], *rows: Mapping[str, Any]) -> list[list[Any]]:
    """Rows of cells below their headings, from cells by heading."""
    return [[*headings], *([row.get(h) for h in headings] for row in rows)]


def filled(template: bytes, **sheets: Sequence[Mapping[str, Any]]) -> bytes:
    """The template with rows typed into its sheets, its other parts unchanged."""
    names = load_workbook(io.BytesIO(template)).sheet_names
    parts = {
        f"xl/worksheets/sheet{names.index(name) + 1}.xml": (name, rows)
        for name, rows in sheets.items()
    }
    file = io.BytesIO()
    with ZipFile(io.BytesIO(template)) as given, ZipFile(file, "w", ZIP_DEFLATED) as to:
        for info in given.infolist():
            content = given.read(info)
            if info.filename in parts:
                name, rows = parts[info.filename]
                [headings] = cells(template, name)
                content = _typed(content.decode(), headings, rows).encode()
            to.writestr(info, content)
    return file.getvalue()


def _typed(
    sheet: str, headings: Sequence[str], rows: Sequence[Mapping[str, Any]]
) -> str:
    styles = {
        column: found[3]
        for found in re.finditer(
            r'<col min="(\d+)" max="(\d+)".*? style="(\d+)"', sheet
        )
        for column in range(int(found[1]) - 1, int(found[2]))
    }
    made = []
    for number, row in enumerate(rows, start=2):
        typed = (
            _cell(f"{column_letters(index)}{number}", styles[index], row[heading])
            for index, heading in enumerate(headings)
            if row.get(heading) is not None
        )
        made.append(f'<row r="{number}">{"".join(typed)}</row>')
    return sheet.replace("</sheetData>", f"{''.join(made)}</sheetData>")


def _cell(place: str, style: str, value: Any) -> str:
    if isinstance(value, date):
        return f'<c r="{place}" s="{style}"><v>{(value - DAY_0).days}</v></c>'
    text = f'<is><t xml:space="preserve">{escape(value)}</t></is>'
    return f'<c r="{place}" s="{style}" t="inlineStr">{text}</c>'


def cells(content: bytes, sheet: str | None = None) -> list[list[Any]]:
    """The rows of a sheet, the first one if none is named."""
    book = load_workbook(io.BytesIO(content))
    return [*book.get_sheet_by_name(sheet or book.sheet_names[0]).iter_rows()]
