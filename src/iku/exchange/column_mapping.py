"""Mapping of the columns of an agency's own register to the columns of a journal.

An old register has a row for each case or organisation, with a column for the day of
each thing that happened. A row is read as several events: one for each event whose day
is filled in. The mapping names, for a column of the journal, the heading of the file;
``diselesaikan.tanggal`` is the column `tanggal` of that event only. Constants stand for
columns that the file lacks, and words translate the words of the file.

The rows that result are those of a journal, with the same ids, so nothing but their
content is recorded. The mapping is therefore no event: it is kept as a file
(`kept_mappings`), and a permission to import names it together with the file.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from functools import cached_property
from hashlib import sha256
from itertools import islice
from typing import Any, BinaryIO, Literal, NamedTuple

import msgspec
from msgspec import Struct

from iku import strict_json
from iku.exchange import workbook_parts, workbook_sheets, written_day
from iku.exchange.csv_sheet import CsvTable
from iku.exchange.journal_layouts import LAYOUTS, FactLayout, Layout
from iku.exchange.spreadsheet import (
    CellValue,
    ColumnPlace,
    RowPlace,
    RowTable,
    SheetRow,
    SkippedSheet,
    UnreadableSheet,
    not_read,
    quoted,
)
from iku.exchange.workbook_sheets import WorkbookTables
from iku.exchange.written_day import MalformedDay
from iku.messages import Message, error_message, message

HEADING_ROWS = 30  # first rows of a sheet among which the headings are searched


class InvalidMapping(ValueError):
    """The mapping names a column or an event that the journal does not have."""


class ColumnMapping(Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """A mapping.

    Attributes:
        columns: Heading of the file by column of the journal, or by event and column.
        constants: Content of columns that the file does not have, in the same way.
        words: By column of the journal, its words by those of the file.
    """

    journal: Literal["konflik", "organisasi", "target"]
    columns: dict[str, str]
    constants: dict[str, str] = {}
    words: dict[str, dict[str, str]] = {}

    @property
    def layout(self) -> Layout:
        """The layout of the journal."""
        return LAYOUTS[self.journal]

    @cached_property
    def events(self) -> dict[str, FactLayout]:
        """The events that a row can state: those whose day has a column."""
        layout = self.layout
        if layout.event is None:
            return dict(layout.statements)
        return {
            event: statement
            for event, statement in layout.statements.items()
            if f"{event}.{layout.day}" in self.columns
        }

    @property
    def digest(self) -> str:
        """The SHA-256 of the mapping."""
        return sha256(encode(self)).hexdigest()

    def column(self, event: str, heading: str) -> str | None:
        """The heading of the file for a column of an event; None if there is none."""
        found = self.columns.get(f"{event}.{heading}", self.columns.get(heading))
        return None if found is None else normal(found)

    def constant(self, event: str, heading: str) -> str | None:
        """The constant content of a column of an event; None if there is none."""
        return self.constants.get(f"{event}.{heading}", self.constants.get(heading))

    def word(self, heading: str, text: str) -> str:
        """The word of the journal for *text*, compared without case."""
        words = {normal(of): word for of, word in self.words.get(heading, {}).items()}
        return words.get(normal(text), text)


_DECODER = msgspec.json.Decoder(ColumnMapping)


def encode(mapping: ColumnMapping) -> bytes:
    """The mapping as JSON, with its names in order."""
    encoded = msgspec.json.encode(mapping, order="deterministic")
    return msgspec.json.format(encoded) + b"\n"


def decode(content: bytes) -> ColumnMapping:
    """The mapping in a JSON document.

    Raises:
        InvalidMapping: The mapping is malformed, or does not fit the journal.
    """
    try:
        mapping = strict_json.decode(content, _DECODER)
    except (
        *(strict_json.InvalidJson, strict_json.DuplicateKey),
        msgspec.ValidationError,
    ) as error:
        raise InvalidMapping(
            message("the mapping is not valid: {reason}", reason=error_message(error))
        ) from error
    check(mapping)
    return mapping


def targets(journal: str) -> list[str]:
    """The columns that a mapping of the journal can name, days by their event."""
    layout = LAYOUTS[journal]
    days = [f"{event}.{layout.day}" for event in event_targets(journal)]
    return [*common_targets(journal), *days]


def common_targets(journal: str) -> list[str]:
    """The columns that a mapping of the journal can name for all events."""
    layout = LAYOUTS[journal]
    headings = [*layout.headings, *layout.optional]
    if layout.event is None:
        return headings
    return [one for one in headings if one not in {layout.event, layout.day}]


def event_targets(journal: str) -> dict[str, list[str]]:
    """The columns of each event that a mapping can name for this event only.

    The day is the first; a journal with one kind of row has none.
    """
    layout = LAYOUTS[journal]
    if layout.event is None:
        return {}
    common = common_targets(journal)
    return {
        event: [layout.day, *(one for one in common if one in _used(layout, of))]
        for event, of in layout.statements.items()
    }


def _used(layout: Layout, of: FactLayout) -> set[str]:
    """The columns that a kind of row uses besides those of all rows."""
    return {layout.known, *of.fields, *of.identifying_fields, *of.only}


def check(mapping: ColumnMapping) -> None:
    """Check that the journal has the columns and events of the mapping.

    Raises:
        InvalidMapping: The journal lacks them, or a required column is missing.
    """
    layout = mapping.layout
    for target in (*mapping.columns, *mapping.constants):
        if not _is_target(layout, target):
            raise InvalidMapping(
                message(
                    "journal {journal} has no column {target}; its columns are {known}",
                    journal=mapping.journal,
                    target=quoted(target),
                    known=targets(mapping.journal),
                )
            )
    given = {*mapping.columns, *mapping.constants}
    if layout.subject not in given or not mapping.events:
        raise InvalidMapping(
            message(
                "the mapping needs the column {subject}, and the day of at least one "
                "event, such as {day}",
                subject=layout.subject,
                day=next(t for t in targets(mapping.journal) if layout.day in t),
            )
        )


def _is_target(layout: Layout, target: str) -> bool:
    headings = {*layout.headings, *layout.optional} - {layout.event}
    event, dot, heading = target.rpartition(".")
    if not dot:
        return target in headings and (layout.event is None or target != layout.day)
    return event in layout.statements and heading in headings


def normal(heading: str) -> str:
    """A heading as headings are compared: without case and repeated blanks."""
    return " ".join(heading.split()).casefold()


def journal(sheets: WorkbookTables, mapping: ColumnMapping) -> "MappedWorkbook":
    """The journal that the sheets hold under the mapping.

    Raises:
        UnreadableSheet: No sheet has the headings that the mapping names.
    """
    found: list[MappedSheet] = []
    skipped = [*sheets.skipped]
    for sheet in sheets.tables:
        one = _mapped(sheet, mapping)
        if isinstance(one, MappedSheet):
            found.append(one)
        else:
            skipped.append(SkippedSheet(sheet.name, one))
    if not found:
        raise workbook_parts.unreadable(
            message(
                "no visible sheet has all headings of the mapping: {headings}; "
                "{not_read}",
                headings=sorted({*mapping.columns.values()}),
                not_read=not_read(skipped),
            )
        )
    return MappedWorkbook(MappedSheets(mapping.journal, found), skipped)


def csv_journal(file: BinaryIO, mapping: ColumnMapping) -> "MappedSheets":
    """The journal that a CSV file holds under the mapping.

    Raises:
        UnreadableSheet: It is no CSV file, or does not have the headings of the
            mapping.
    """
    found = _mapped(CsvTable(file, HEADING_ROWS), mapping)
    if not isinstance(found, MappedSheet):
        raise workbook_parts.unreadable(message("the file {lacks}", lacks=found))
    return MappedSheets(mapping.journal, [found])


def _mapped(sheet: RowTable, mapping: ColumnMapping) -> "MappedSheet | Message":
    """The sheet under the mapping, or which of its headings it does not have."""
    named = {normal(one): one for one in mapping.columns.values()}
    wanted = missing = {*named}
    for number, cells in islice(sheet.rows(), HEADING_ROWS):
        places: dict[str, int] = {}
        for index, cell in cells.items():
            heading = normal(workbook_sheets.text(cell.content))
            if heading in places and heading in wanted:
                place = RowPlace(number, sheet.name, sheet.index)
                twice = message("the heading {heading} occurs twice", heading=heading)
                raise UnreadableSheet(place.fault(None, twice))
            places[heading] = index
        missing = min(missing, wanted - places.keys(), key=len)
        if not missing:
            return MappedSheet(sheet, mapping, number, places)
    return message(
        "lacks headings of the mapping in its first {rows} rows: {headings}",
        rows=HEADING_ROWS,
        headings=sorted(named[one] for one in missing),
    )


class MappedWorkbook(NamedTuple):
    """The journal of a workbook, and the sheets that are not read."""

    journal: "MappedSheets"
    skipped: list[SkippedSheet]


class MappedSheets:
    """The sheets of a workbook, or the CSV file, that hold one register.

    Attributes:
        layout: Name of the journal.
        names: The names of the sheets; none of a CSV file.
    """

    def __init__(self, layout: str, sheets: Sequence["MappedSheet"]) -> None:
        self.layout = layout
        self.names = tuple(one.name for one in sheets if one.name is not None)
        self._sheets = sheets

    def rows(self) -> Iterator[SheetRow]:
        """The events of all sheets, in the order of their rows."""
        for sheet in self._sheets:
            yield from sheet.rows()


class MappedSheet:
    """A sheet of an agency's own register."""

    def __init__(
        self,
        sheet: RowTable,
        mapping: ColumnMapping,
        first: int,
        places: Mapping[str, int],
    ) -> None:
        self.name = sheet.name
        self._sheet = sheet
        self._mapping = mapping
        self._first = first
        self._places = places
        self._used = {places[normal(one)] for one in mapping.columns.values()}
        self._columns = {
            event: self._columns_of(event, statement)
            for event, statement in mapping.events.items()
        }

    def _columns_of(self, event: str, of: FactLayout) -> dict[str, ColumnPlace]:
        """The columns that an event uses, by heading of the journal."""
        layout = self._mapping.layout
        headings = {*of.fields, *of.identifying_fields, *of.only}
        found = {}
        for heading in sorted(headings | layout.required_headings):
            if (column := self._mapping.column(event, heading)) is not None:
                letters = workbook_parts.column_letters(self._places[column])
                found[heading] = ColumnPlace(column, letters)
        return found

    def rows(self) -> Iterator[SheetRow]:
        """The events of each row below the headings."""
        for number, cells, fault in self._sheet.rows_below(self._first):
            if self._used.isdisjoint(cells):
                continue
            if fault is None:
                yield from self._events(number, cells)
            else:
                place = RowPlace(number, self.name, self._sheet.index)
                yield SheetRow(place, {}, place.fault(None, fault))

    def _events(
        self, number: int, cells: Mapping[int, CellValue]
    ) -> Iterator[SheetRow]:
        layout, found = self._mapping.layout, False
        for part, (event, columns) in enumerate(self._columns.items()):
            place = RowPlace(
                number, self.name, self._sheet.index, part, columns=columns
            )
            row = self._event(place, event, cells)
            if layout.day in row.cells or layout.day in row.refused:
                found = True
                yield row
        if not found:
            place = RowPlace(number, self.name, self._sheet.index)
            days = [*self._mapping.events]
            said = message("has no day of any event of the mapping: {days}", days=days)
            yield SheetRow(place, {}, place.fault(None, said))

    def _event(
        self, place: RowPlace, event: str, cells: Mapping[int, CellValue]
    ) -> SheetRow:
        mapping = self._mapping
        texts: dict[str, str] = {}
        refused: dict[str, Message] = {}
        for heading in place.columns:
            column = mapping.column(event, heading)
            cell = cells.get(self._places[column]) if column is not None else None
            if cell is None:
                continue
            if (why := workbook_sheets.refusal(heading, cell)) is not None:
                refused[heading] = why
            texts[heading] = mapping.word(heading, _text(heading, cell.content))
        return SheetRow(place, self._completed(event, texts), refused=refused)

    def _completed(self, event: str, texts: dict[str, str]) -> dict[str, str]:
        """The cells with constants, the event, and the day on which it was known."""
        layout = self._mapping.layout
        if layout.day not in texts:
            return texts
        statement = self._mapping.events[event]
        headings = {*statement.fields, *layout.required_headings}
        for heading in sorted(headings - texts.keys()):
            if (constant := self._mapping.constant(event, heading)) is not None:
                texts[heading] = constant
        if layout.event is not None:
            texts[layout.event] = event
        texts.setdefault(layout.known, texts[layout.day])
        return texts


_DAYS = frozenset(
    {"diketahui_pada", "tanggal", "tanggal_kejadian", "berlaku_sampai", "berlaku_mulai"}
)


def _text(heading: str, content: Any) -> str:
    """A cell as a journal has it: days in any usual notation, per cent with a sign."""
    if heading not in _DAYS:
        text = workbook_sheets.text(content)
        return text.removesuffix("%").rstrip() if heading == "target" else text
    if isinstance(content, datetime):
        return content.date().isoformat()
    text = workbook_sheets.text(content)
    try:
        # Words for a day near today are none of a register's: they stay faults.
        return written_day.parse(text, date.max).isoformat()
    except MalformedDay:
        return text
