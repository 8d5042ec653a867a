"""Reading of a row's cells: all faults are collected."""

from collections.abc import Callable, Mapping
from datetime import date
from functools import cached_property, partial, reduce
from typing import Any, TypeAlias

from msgspec import Struct

from iku import messages
from iku.domain.decider import subject_id
from iku.domain.fact import EARLIEST
from iku.exchange import cells
from iku.exchange.cells import InvalidCell, Parse
from iku.exchange.journal_layouts import CLEAR, FactLayout, Layout
from iku.exchange.spreadsheet import FileFault, SheetRow, quoted
from iku.messages import message

Digest: TypeAlias = Callable[[bytes], bytes]


class RowScope(Struct, frozen=True, dict=True):
    """The values to which a row may refer.

    Attributes:
        today: The agency's date, the latest day of knowledge.
        areas: Codes of the existing areas.
        indicators: Codes of the existing indicators.
        digest: A keyed hash, because the clear text of a row could be guessed.
    """

    today: date
    areas: frozenset[str]
    indicators: tuple[str, ...]
    digest: Digest

    @cached_property
    def choices(self) -> dict[str, str]:
        """The codes of areas, as choices for `cells.parse_choice`."""
        return {code: code for code in sorted(self.areas)}


class RowReader:
    """Reads a row's cells one by one.

    Attributes:
        faults: Faults so far, at most one per cell.
    """

    def __init__(self, layout: Layout, row: SheetRow, scope: RowScope) -> None:
        self.layout = layout
        self.row = row
        self.faults: list[FileFault] = [] if row.fault is None else [row.fault]
        self._scope = scope
        self._taken: dict[str, Any] = {}
        for heading, said in row.refused.items():
            self._taken[heading] = None
            self._fault(heading, said)

    def subject(self) -> str:
        """Identifier of the subject; a guess if the cell is wrong."""
        parse: Parse = cells.parse_number
        if self.layout.category == "indicator":
            codes = {code: code for code in self._scope.indicators}
            parse = partial(cells.parse_choice, allowed=codes)
        found = self._parse_cell(self.layout.subject, parse, required=True)
        return subject_id(found or self.row.cells.get(self.layout.subject, ""))

    def known_on(self) -> date:
        """The day on which the event became known; today if the row states none."""
        known_on = self.day(self.layout.known, required=True)
        return min(known_on or self._scope.today, self._scope.today)

    def statement(self) -> FactLayout | None:
        """The statement of the row, by its kind."""
        statements = self.layout.statements
        if self.layout.event is None:
            return None if self.row.fault else statements[""]
        parse = partial(cells.parse_choice, allowed=statements)
        found: FactLayout | None = self._parse_cell(
            self.layout.event, parse, required=True
        )
        return found

    def day(self, heading: str, *, required: bool = False) -> date | None:
        """A day; later than the day of knowledge only if the layout allows it."""
        found: date | None = self._parse_cell(heading, self._day, required=required)
        return found

    def fields(self, statement: FactLayout) -> dict[str, Any]:
        """Fields of the fact from the non-empty cells."""
        if statement.any_of and self.row.cells.keys().isdisjoint(statement.any_of):
            needed = reduce(_either_or_message, statement.any_of)
            self._fault(
                statement.any_of[0],
                message("is empty, but {columns} is required", columns=needed),
            )
        cleared = {
            h for h in statement.clearable_columns if self.row.cells.get(h) == CLEAR
        }
        if not cleared:
            return self._fields(statement.fact, statement.fields)
        columns = {h: n for h, n in statement.fields.items() if h not in cleared}
        return self._fields(statement.fact, columns) | {
            statement.fields[heading]: None for heading in cleared
        }

    def identifying_fields(self, statement: FactLayout) -> dict[str, Any]:
        """Fields that identify the corrected fact, in addition to its day."""
        if not statement.identifying_fields:
            return {}
        return self._fields(statement.about[0], statement.identifying_fields)

    def refuse_unused_cells(self, statement: FactLayout) -> None:
        """Refuse values in columns that the statement does not use."""
        used = {
            *statement.fields,
            *statement.identifying_fields,
        } | self.layout.required_headings
        for heading, cell in self.row.cells.items():
            allowed = statement.only.get(heading, "")
            if heading in self.row.refused:
                continue
            if heading not in used and cell.lower() != allowed:
                self._fault(heading, _must_be_empty_message(cell, allowed))

    def _fields(self, fact: Any, columns: Mapping[str, str]) -> dict[str, Any]:
        kinds = cells.cell_readers(fact)
        taken = (
            (name, self._field(heading, name, kinds[name]))
            for heading, name in columns.items()
        )
        return {name: value for name, value in taken if value is not None}

    def _field(self, heading: str, name: str, kind: cells.CellReader) -> Any:
        if name in {"effective_on", "occurred_on"}:
            return self.day(heading, required=kind.required)
        parse = kind.parse
        if name == "area":
            parse = partial(cells.parse_choice, allowed=self._scope.choices)
        return self._parse_cell(heading, parse, required=kind.required)

    def _day(self, cell: str) -> date:
        found = cells.parse_day(cell)
        if found < EARLIEST:
            raise InvalidCell(
                message(
                    "is {day}, but must not be before {earliest}",
                    day=found,
                    earliest=EARLIEST,
                )
            )
        if found > self._scope.today and not self.layout.ahead:
            raise InvalidCell(
                message(
                    "is {day}, but must not be after today, {today}",
                    day=found,
                    today=self._scope.today,
                )
            )
        known_on = self._taken.get(self.layout.known)
        if known_on is not None and found > known_on:
            raise InvalidCell(
                message(
                    "is {day}, but must not be after {column}, {known}",
                    day=found,
                    column=self.layout.known,
                    known=known_on,
                )
            )
        return found

    def _parse_cell(self, heading: str, parse: Parse, *, required: bool) -> Any:
        """The value of the cell; None if it is empty or at fault."""
        if heading in self._taken or self.row.fault is not None:
            return self._taken.get(heading)
        self._taken[heading] = None
        cell = self.row.cells.get(heading)
        if cell is None:
            if required:
                self._fault(heading, message("is empty, but a value is required"))
            return None
        try:
            self._taken[heading] = parse(cell)
        except InvalidCell as error:
            self._fault(heading, messages.error_message(error))
        return self._taken[heading]

    def _fault(self, heading: str, message: str) -> None:
        self.faults.append(self.row.place.fault(heading, message))


def _either_or_message(one: str, other: str) -> str:
    return message("{choice} or {other_choice}", choice=one, other_choice=other)


def _must_be_empty_message(cell: str, allowed: str) -> str:
    if not allowed:
        return message("is {cell}, but must be empty in this row", cell=quoted(cell))
    return message(
        "is {cell}, but must be empty or {allowed} in this row",
        cell=quoted(cell),
        allowed=allowed,
    )
