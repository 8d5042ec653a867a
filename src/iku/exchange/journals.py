"""Rows of a journal as facts to record, each with a command id.

The id is a hash of the row's content and of the number of equal rows before it, so a
row that was imported earlier is recognised in any file at any line. Eight bytes per row
are kept in memory.
"""

from array import array
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date
from itertools import pairwise
from typing import Any, BinaryIO, NamedTuple

import msgspec
from msgspec import Struct

from iku.domain.decider import Invalid, subject_id, subject_number
from iku.domain.decider_registry import DECIDERS
from iku.domain.fact import Fact
from iku.exchange import column_mapping, workbook_parts, workbook_sheets
from iku.exchange.column_mapping import ColumnMapping
from iku.exchange.csv_sheet import CsvSheet
from iku.exchange.journal_layouts import LAYOUTS, REMARK, FactLayout
from iku.exchange.row_reader import Digest, RowReader, RowScope
from iku.exchange.spreadsheet import (
    CHANGED,
    FileFault,
    RowPlace,
    RowSource,
    SheetRow,
    SkippedSheet,
    UnreadableSheet,
)
from iku.messages import Term, message

IMPORTED = "import:"  # prefix of the ids of imported rows


class CorrectionTarget(Struct, frozen=True):
    """A correction or annulment of the fact with the given day and fields.

    Attributes:
        statement: The statement of the row.
        given: Fields of the correction or annulment, without the version.
        identifying_fields: Fields that identify the wrong fact.
    """

    statement: FactLayout
    given: dict[str, Any]
    identifying_fields: dict[str, Any]

    def fact(self, subject: Any) -> Fact:
        """The fact to record for the present state of *subject*.

        Raises:
            Invalid: The fact does not exist.
        """
        naming = "annuls" if self.is_annulment else "corrects"
        found: Fact = self.statement.fact(
            **{naming: self._version(subject)}, **self.given
        )
        return found

    @property
    def is_annulment(self) -> bool:
        """Whether the fact is an annulment."""
        return "annuls" in self._field_names

    @property
    def _field_names(self) -> tuple[str, ...]:
        names: tuple[str, ...] = self.statement.fact.__struct_fields__
        return names

    def _version(self, subject: Any) -> int:
        """The version of the last match in force, else of the last annulled one."""
        if stands := [v for v, event in subject.facts if self._matches(event)]:
            return int(stands[-1])
        history = enumerate(subject.history, start=1)
        if stood := [v for v, event in history if self._matches(event)]:
            return stood[-1]
        raise Invalid("effective_on", self._not_found_message(subject))

    def _matches(self, event: Any) -> bool:
        return isinstance(event, self.statement.about) and all(
            getattr(event, name) == value
            for name, value in self.identifying_fields.items()
        )

    def _not_found_message(self, subject: Any) -> str:
        kinds = [_type_in_words(about) for about in self.statement.about]
        wanted = [
            message("{field} {value}", field=Term("field", name), value=str(value))
            for name, value in self.identifying_fields.items()
        ]
        days = [
            str(event.effective_on)
            for _, event in subject.facts
            if isinstance(event, self.statement.about)
        ]
        if not days:
            return message(
                "matches no event of type {kinds} with {wanted}; the subject has no "
                "event of this type",
                kinds=kinds,
                wanted=wanted,
            )
        return message(
            "matches no event of type {kinds} with {wanted}; the subject has events of "
            "this type on {days}",
            kinds=kinds,
            wanted=wanted,
            days=days,
        )


class DuplicateRow(NamedTuple):
    """The first equal row of the file: its ordinal, from 0, and its place."""

    ordinal: int
    place: RowPlace


class JournalRow(Struct, frozen=True):
    """A parsed row of a journal.

    Attributes:
        subject: Identifier of its subject; empty if unknown.
        known_on: The declared day of knowledge.
        fact: The fact to record; None if there are *faults*.
        columns: Headings by field, to locate a fault.
        remark: The remark of the row; None if there is none.
        first_equal: The first equal row of the file; None if there is none.
        recurs: Whether equal rows are separate facts (`Fact.RECURS`).
        related_subjects: Identifiers of the other subjects that it names.
    """

    place: RowPlace
    command_id: str
    subject: str
    known_on: date
    fact: Fact | CorrectionTarget | None
    columns: Mapping[str, str]
    remark: str | None = None
    faults: tuple[FileFault, ...] = ()
    first_equal: DuplicateRow | None = None
    recurs: bool = False
    related_subjects: tuple[str, ...] = ()

    @property
    def numbers(self) -> set[str]:
        """The numbers of the subjects that the row names."""
        named = (self.subject, *self.related_subjects, *self.new_identifier)
        return set(map(subject_number, named))

    @property
    def new_identifier(self) -> tuple[str, ...]:
        """The corrected number of the row's subject, as an identifier."""
        if (
            not isinstance(self.fact, CorrectionTarget)
            or "number" not in self.fact.given
        ):
            return ()
        return (subject_id(self.fact.given["number"]),)


class IdentifiedRow(NamedTuple):
    """A row and its command id.

    *first_equal* is the first of several equal rows; None for that row itself.
    """

    row: SheetRow
    command_id: str
    first_equal: DuplicateRow | None = None


class JournalFile:
    """A journal, whose rows are read from its file each time.

    Attributes:
        name: The kind of journal.
        sheets: The names of its sheets in a workbook.
        size: Number of non-empty rows.
    """

    def __init__(self, sheet: RowSource, digest: Digest) -> None:
        """Read the whole file once.

        Raises:
            UnreadableSheet: The file cannot be read to its end.
        """
        self._sheet = sheet
        self._digest = digest
        self.name = sheet.layout
        self.sheets = sheet.names
        self.layout = LAYOUTS[self.name]
        # Eight bytes per row: a hash of its content.
        self._marks = array(
            "q", (hash(canonical) for _, canonical in self._canonical_rows())
        )
        ordered = array("q", sorted(self._marks))
        self._repeated_digests = {a for a, b in pairwise(ordered) if a == b}
        self.size = len(self._marks)

    def rows(self) -> Iterator[IdentifiedRow]:
        """Each row, in the order of the file.

        Raises:
            UnreadableSheet: The file has changed.
        """
        counts: Counter[bytes] = Counter()
        firsts: dict[bytes, DuplicateRow] = {}
        marks = iter(self._marks)
        for index, (row, canonical) in enumerate(self._canonical_rows()):
            if (mark := hash(canonical)) != next(marks, None):
                raise UnreadableSheet(row.place.fault(None, CHANGED))
            nth, first_equal = 1, None
            if mark in self._repeated_digests:
                counts[canonical] += 1
                nth, first_equal = counts[canonical], firsts.get(canonical)
                firsts.setdefault(canonical, DuplicateRow(index, row.place))
            numbered = canonical + str(nth).encode()
            yield IdentifiedRow(
                row, f"{IMPORTED}{self._digest(numbered).hex()}", first_equal
            )
        if next(marks, None) is not None:
            raise UnreadableSheet(FileFault(1, None, CHANGED))

    def entries(self, scope: RowScope) -> Iterator[JournalRow]:
        """Each row as an entry, in the order of the file.

        Raises:
            UnreadableSheet: The file has changed.
        """
        for numbered in self.rows():
            yield journal_row(RowReader(self.layout, numbered.row, scope), numbered)

    def _canonical_rows(self) -> Iterator[tuple[SheetRow, bytes]]:
        """Each row and its canonical content."""
        name, headings = self.name, self.layout.headings
        for row in self._sheet.rows():
            canonical = [*map(row.cells.get, headings)]
            # Empty optional columns equal absent ones.
            canonical += [
                cell for h in self.layout.optional if (cell := row.cells.get(h))
            ]
            yield row, _encode((name, canonical))


_encode = msgspec.json.Encoder().encode


class ReadJournals(NamedTuple):
    """The journals of a file, and the sheets of a workbook that are not read."""

    journals: list[JournalFile]
    skipped: tuple[SkippedSheet, ...] = ()


def read_journals(
    file: BinaryIO, digest: Digest, mapping: ColumnMapping | None = None
) -> ReadJournals:
    """The journals of a CSV file, which is one, or of a workbook.

    With a *mapping*, the file is an agency's own register.

    Raises:
        UnreadableSheet: The file has no journal, or cannot be read.
    """
    if mapping is not None:
        if not workbook_parts.is_workbook(file):
            mapped = column_mapping.csv_journal(file, mapping)
            return ReadJournals([JournalFile(mapped, digest)])
        own = column_mapping.journal(workbook_sheets.tables(file), mapping)
        return ReadJournals([JournalFile(own.journal, digest)], tuple(own.skipped))
    if not workbook_parts.is_workbook(file):
        headings = {name: layout.headings for name, layout in LAYOUTS.items()}
        optional = {name: layout.optional for name, layout in LAYOUTS.items()}
        return ReadJournals([JournalFile(CsvSheet(file, headings, optional), digest)])
    found, skipped = workbook_sheets.journals(file)
    return ReadJournals([JournalFile(one, digest) for one in found], tuple(skipped))


def journal_row(reading: RowReader, numbered: IdentifiedRow) -> JournalRow:
    """The parsed row; all cells are read, even after a fault."""
    subject = reading.subject()
    known_on = reading.known_on()
    statement = reading.statement()
    fact = None if statement is None else _read_fact(reading, statement)
    return JournalRow(
        place=reading.row.place,
        command_id=numbered.command_id,
        subject=subject,
        known_on=known_on,
        fact=None if reading.faults else fact,
        columns=reading.layout.columns(statement) if statement else {},
        remark=reading.row.cells.get(REMARK),
        faults=tuple(reading.faults),
        first_equal=numbered.first_equal,
        recurs=statement is not None and statement.fact.RECURS,
        related_subjects=_related_subjects(reading.layout.category, subject, fact),
    )


def _related_subjects(
    category: str, subject: str, fact: Fact | CorrectionTarget | None
) -> tuple[str, ...]:
    if fact is None or isinstance(fact, CorrectionTarget):
        return ()
    return DECIDERS[category].names(fact, subject, None).related_subjects


def _read_fact(
    reading: RowReader, statement: FactLayout
) -> Fact | CorrectionTarget | None:
    day = reading.day(reading.layout.day, required=True)
    given = reading.fields(statement)
    identifying_fields = {"effective_on": day, **reading.identifying_fields(statement)}
    reading.refuse_unused_cells(statement)
    if reading.faults:
        return None
    if statement.about:
        return CorrectionTarget(statement, given, identifying_fields)
    fact: Fact = statement.fact(**given)
    return fact


def _type_in_words(fact: type[Any]) -> str:
    return str(fact.__struct_config__.tag).replace("_", " ")
