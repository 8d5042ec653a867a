"""The template for entries: a workbook whose sheets are journals.

A row is an event, as in the CSV files, and a filled template is imported as any
workbook (`workbook_sheets`). The spreadsheet program offers the words of each column,
refuses days to come, and accepts a number once. The import relies on none of this.

The bytes depend on the agency's areas only.
"""

import io
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.workbook import Workbook
from xlsxwriter.worksheet import Worksheet

from iku.agency import Area
from iku.domain import conflict, organisation
from iku.domain.fact import EARLIEST
from iku.exchange import journal_columns
from iku.exchange.entry_template_mark import GUIDE, MARK
from iku.exchange.journal_columns import JournalColumn, RowKind
from iku.exchange.journal_layouts import LAYOUTS, FactLayout
from iku.exchange.workbook_layout import CREATED, DAY_FORMAT, HEADING, lay_out
from iku.exchange.workbook_parts import column_letters
from iku.language import Language, translate
from iku.messages import message

LISTS = "Daftar"  # the hidden sheet with the words of each column
ROWS = 2_000  # rows of a sheet that are checked
DAYS = frozenset({"diketahui_pada", "tanggal", "tanggal_kejadian", "berlaku_sampai"})
AHEAD = frozenset({"berlaku_sampai"})  # days that may be in the future
_LONGEST_HINT, _LONGEST_TITLE = 255, 32  # characters that a spreadsheet shows
_WIDTHS = {"judul": 48, "nama": 40, "keterangan": 48, "peristiwa": 26, "dimensi": 20}
_USUAL_WIDTH = 16  # characters
# Facts about participations stand on a sheet of their own.
_PARTICIPATION = (organisation.Participated, organisation.ParticipationVerified)
GUIDE_LINES = (
    message(
        "Fill the sheets Konflik, Organisasi and Partisipasi: a row for each event, in "
        "the order in which the office learned of them."
    ),
    message(
        "Do not change the headings. A cell that an event does not use stays empty; a "
        "sheet without rows is not imported."
    ),
    message("Cells hold values. A cell with a formula is refused."),
    message(
        "Import the file on the page Import, or by the command iku import. It is "
        "checked first; faults are shown with sheet, row and column."
    ),
)


class TemplateSheet(NamedTuple):
    """A sheet for the rows of a journal.

    Attributes:
        opening: The event of which each number has one row at most.
        unique: Columns that identify that row.
        events: The events of the sheet, with their columns.
    """

    name: str
    columns: tuple[JournalColumn, ...]
    opening: str
    unique: tuple[str, ...]
    events: tuple[RowKind, ...]


def write(areas: Sequence[Area]) -> bytes:
    """The template, as a workbook."""
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"in_memory": True}) as workbook:
        workbook.set_properties(
            {"title": translate(_TITLE, _INDONESIAN), "comments": MARK}
            | {"created": CREATED}
        )
        workbook.set_custom_property("iku", MARK)
        _Template(workbook, areas).write()
    return file.getvalue()


def sheets() -> tuple[TemplateSheet, ...]:
    """The sheets of the template that hold journals."""
    return (
        _sheet("Konflik", "konflik", "dilaporkan", ("nomor",)),
        _sheet("Organisasi", "organisasi", "didaftar", ("nomor",)),
        _sheet("Partisipasi", "organisasi", "berpartisipasi", ("nomor", "rujukan")),
    )


_INDONESIAN = Language.INDONESIAN
_TITLE = message("Template for entries into the register")


def _sheet(
    name: str, journal: str, opening: str, unique: tuple[str, ...]
) -> TemplateSheet:
    statements = LAYOUTS[journal].statements
    participations = opening == "berpartisipasi"
    events = tuple(
        one
        for one in journal_columns.row_kinds(journal)
        if _is_about_participation(statements[one.event]) is participations
    )
    used = {*LAYOUTS[journal].required_headings}
    for one in events:
        words = (*one.required, *one.optional)
        used.update(heading for word in words for heading in word.split(" / "))
    columns = tuple(
        one for one in journal_columns.columns(journal) if one.heading in used
    )
    return TemplateSheet(name, columns, opening, unique, events)


def _is_about_participation(statement: FactLayout) -> bool:
    return bool({statement.fact, *statement.about} & {*_PARTICIPATION})


class _Template:
    """The sheets of the template, written one after the other."""

    def __init__(self, workbook: Workbook, areas: Sequence[Area]) -> None:
        self._workbook = workbook
        self._areas = areas
        wrapped: dict[str, Any] = {"text_wrap": True, "valign": "top"}
        self._title = workbook.add_format({"bold": True, "font_size": 14})
        self._plain = workbook.add_format(wrapped)
        self._heading = workbook.add_format(HEADING)
        self._text = workbook.add_format({"num_format": "@", "locked": False})
        self._day = workbook.add_format({"num_format": DAY_FORMAT, "locked": False})
        self._named: dict[str, str] = {}  # range of each list, by its name

    def write(self) -> None:
        """Write all sheets; the words come last but are named first."""
        guide = self._workbook.add_worksheet(GUIDE)
        entries = [(one, self._workbook.add_worksheet(one.name)) for one in sheets()]
        self._write_lists(self._workbook.add_worksheet(LISTS))
        for of, sheet in entries:
            self._write_entries(of, sheet)
        self._write_guide(guide)
        guide.activate()

    def _write_lists(self, sheet: Worksheet) -> None:
        """The words of each column, as ranges with names."""
        for column, (name, words) in enumerate(_lists(self._areas)):
            sheet.write_string(0, column, name, self._heading)
            for row, word in enumerate(words, start=1):
                sheet.write_string(row, column, word)
            letters = column_letters(column)
            where = f"={LISTS}!${letters}$2:${letters}${len(words) + 1}"
            self._workbook.define_name(name, where)
        sheet.protect()
        sheet.hide()

    def _write_entries(self, of: TemplateSheet, sheet: Worksheet) -> None:
        letters = {c.heading: column_letters(i) for i, c in enumerate(of.columns)}
        for index, column in enumerate(of.columns):
            form = self._day if column.heading in DAYS else self._text
            width = _WIDTHS.get(column.heading, _USUAL_WIDTH)
            sheet.set_column(index, index, width, form)
            sheet.write_string(0, index, column.heading, self._heading)
            rule = _rule(of, column, letters) | _hint(column)
            sheet.data_validation(1, index, ROWS, index, rule)
        lay_out(sheet, 1)
        sheet.autofilter(0, 0, ROWS, len(of.columns) - 1)
        allowed = ("autofilter", "sort", "format_columns", "format_rows", "delete_rows")
        sheet.protect("", dict.fromkeys(allowed, True))

    def _write_guide(self, sheet: Worksheet) -> None:
        sheet.set_column(0, 0, 26)
        sheet.set_column(1, 1, 60)
        sheet.set_column(2, 2, 60)
        sheet.write_string(0, 0, MARK)
        sheet.write_string(1, 0, translate(_TITLE, _INDONESIAN), self._title)
        row = 2
        for line in GUIDE_LINES:
            sheet.merge_range(row, 0, row, 2, translate(line, _INDONESIAN), self._plain)
            sheet.set_row(row, 30)
            row += 1
        for cells, form in self._guide_rows():
            row += 1
            for column, cell in enumerate(cells):
                sheet.write_string(row, column, cell, form)
        lay_out(sheet, 0)
        sheet.protect()

    def _guide_rows(self) -> Iterator[tuple[Sequence[str], Format]]:
        """The columns and events of each sheet, and the areas."""
        for of in sheets():
            yield (
                _translated(of.name, message("Meaning"), message("Accepted words")),
                (self._heading),
            )
            for column in of.columns:
                words = "" if column.heading == "peristiwa" else _words(column.choices)
                yield (
                    _translated(column.heading, column.description, words),
                    (self._plain),
                )
            yield (
                _translated(
                    "peristiwa",
                    message("Required columns"),
                    message("Optional columns"),
                ),
                self._heading,
            )
            for kind in of.events:
                yield (
                    (kind.event, _words(kind.required), _words(kind.optional)),
                    (self._plain),
                )
            yield ("", "", ""), self._plain
        yield _translated("wilayah", message("Name of the area"), ""), self._heading
        for area in self._areas:
            yield (area.code, area.name, ""), self._plain


def _translated(*cells: str) -> Sequence[str]:
    return [translate(cell, _INDONESIAN) for cell in cells]


def _words(of: Sequence[str]) -> str:
    return ", ".join(of)


def _lists(areas: Sequence[Area]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The words of each column that has some, by the name of their range.

    Columns that depend on another one have a list for each word of that one.
    """
    for of in sheets():
        yield f"peristiwa_{of.name.lower()}", tuple(one.event for one in of.events)
    seen: set[str] = {"peristiwa", "dimensi", "cara"}
    for of in sheets():
        for column in of.columns:
            if column.choices and column.heading not in seen:
                seen.add(column.heading)
                yield column.heading, column.choices
    yield "wilayah", tuple(area.code for area in areas)
    for category, dimensions in conflict.DIMENSIONS.items():
        yield category.value, tuple(one.value for one in dimensions)
    yield "ditangani", tuple(one.value for one in conflict.Phase)
    for event in ("diselesaikan", "penutupan_dikoreksi"):
        yield event, tuple(one.value for one in conflict.Manner)


def _rule(
    of: TemplateSheet, column: JournalColumn, letters: dict[str, str]
) -> dict[str, Any]:
    """What the spreadsheet program accepts in a column."""
    heading = column.heading
    if heading in DAYS:
        return _day_rule(heading)
    lists = {
        "peristiwa": f"=peristiwa_{of.name.lower()}",
        "dimensi": f"=INDIRECT(${letters.get('kategori')}2)",
        "cara": f"=INDIRECT(${letters['peristiwa']}2)",
        "wilayah": "=wilayah",
    }
    if column.choices or heading in lists:
        source = lists.get(heading, f"={heading}")
        return {"validate": "list", "source": source}
    return _once_rule(of, letters) if heading == of.unique[-1] else {"validate": "any"}


def _day_rule(heading: str) -> dict[str, Any]:
    first = {"validate": "date", "minimum": EARLIEST}
    if heading in AHEAD:
        return first | {"criteria": ">="}
    return first | {
        "criteria": "between",
        "maximum": "=TODAY()",
        "error_title": "Tanggal",
        "error_message": translate(
            message("Today or an earlier day, such as 31-12-2021."), _INDONESIAN
        ),
    }


def _once_rule(of: TemplateSheet, letters: dict[str, str]) -> dict[str, Any]:
    """A number has one opening; a participation, one within its organisation."""

    def column(heading: str) -> str:
        return f"${letters[heading]}$2:${letters[heading]}${ROWS + 1}"

    tests = "".join(f"{column(one)},${letters[one]}2," for one in of.unique)
    counted = f'COUNTIFS({tests}{column("peristiwa")},"{of.opening}")'
    return {
        "validate": "custom",
        "value": f'=OR(${letters["peristiwa"]}2<>"{of.opening}",{counted}=1)',
        "error_title": of.unique[-1],
        "error_message": translate(
            message("Another row of the sheet has this number."), _INDONESIAN
        ),
    }


def _hint(column: JournalColumn) -> dict[str, Any]:
    """What is shown beside a cell of the column."""
    return {
        "input_title": column.heading[:_LONGEST_TITLE],
        "input_message": translate(column.description, _INDONESIAN)[:_LONGEST_HINT],
    }
