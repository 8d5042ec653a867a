"""Decides the rows of a journal one after the other, in memory.

The rules are those of live entries. After a refused row, later rows of its subject are
read but not decided; the fault states their number.
"""

import itertools
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from itertools import islice
from typing import Any

from msgspec import Struct, structs

from iku import messages
from iku.commands import command as commands
from iku.commands import decision
from iku.commands.authorisation import Authority
from iku.commands.category_cache import Cached
from iku.commands.command import Command, creates_subject
from iku.commands.decision import CommandDecision
from iku.domain import access, numbering, subject_kinds, subject_rules
from iku.domain.access import Action, Forbidden
from iku.domain.closed_periods import ClosedPeriods, ReasonRequired
from iku.domain.decider import (
    AlreadyRecorded,
    Invalid,
    Refused,
    SubjectNotFound,
    Transition,
    subject_number,
)
from iku.domain.decider_registry import DECIDERS
from iku.domain.fact import Fact, Merger, field_value, retroactive_events
from iku.exchange import cells
from iku.exchange.cells import InvalidCell
from iku.exchange.import_preview import ImportPreview
from iku.exchange.journal_layouts import Layout
from iku.exchange.journals import CorrectionTarget, DuplicateRow, JournalRow
from iku.exchange.name_index import NameIndex
from iku.exchange.row_reader import RowScope
from iku.exchange.spill_file import SpillFile
from iku.exchange.spreadsheet import FileFault
from iku.ledger import log
from iku.ledger.log import AppendRequest, EncodedRequest
from iku.ledger.record import Unrecordable
from iku.messages import Term, message, plural, without_prefix
from iku.projections import number_index
from iku.streams import FoldedStream


class RowNote(Struct, frozen=True, omit_defaults=True):
    """A sentence on a row: why it is not recorded, or a side effect of recording it.

    Attributes:
        sheet: Name of its sheet in a workbook.
    """

    row: int
    message: str
    sheet: str | None = None


@dataclass
class PreviousImport:
    """The rows that were imported earlier.

    Attributes:
        rows: For each row of the file, whether it was imported earlier.
        last: By subject, the order of the place of its last such row.
    """

    rows: bytearray = field(default_factory=bytearray)
    last: dict[str, tuple[int, int, int]] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """Number of rows that were imported earlier."""
        return self.rows.count(True)


FIRST = (0, 0, 0)  # before the place of any row


class PlannedRegister:
    """The register as it will be after the planned events are recorded.

    The most recently used subjects are in memory, the others in a spill file.

    Attributes:
        histories: Subjects in memory by stream, without new ones.
        known: The latest day of knowledge of each subject, by stream.
        names: Index of the numbers.
    """

    def __init__(self) -> None:
        self.histories: dict[str, FoldedStream] = {}
        self.known: dict[str, date] = {}
        self._spill_file = SpillFile()
        self.names = NameIndex(self._spill_file)
        self._changed: set[str] = set()

    @contextmanager
    def transaction(self) -> Iterator[Callable[[], None]]:
        """A transaction, committed if the yielded function was called."""
        committed: list[bool] = []
        self._spill(0)
        self.names.spill(0)
        self._spill_file.begin_transaction()
        try:
            yield lambda: committed.append(True)
        finally:
            self._spill(0)
            self.names.spill(0)
            self._spill_file.end_transaction(commit=bool(committed))
            self.names.forget()

    def fetch(self, streams: Collection[str], room: int) -> list[str]:
        """Load the histories of *streams*; return the streams to be read and added.

        Other histories are spilled if there is no *room*.
        """
        unknown = []
        for stream in streams:
            # Moved to the end: the least recently used ones come first.
            if (history := self.histories.pop(stream, None)) is not None:
                self.histories[stream] = history
            elif (found := self._spill_file.get(stream)) is not None:
                self.histories[stream], known = found
                if known is not None:
                    self.known[stream] = known
            else:
                unknown.append(stream)
        self._spill(max(room, len(streams)) - len(unknown))
        return unknown

    def add(self, read: Mapping[str, FoldedStream]) -> None:
        """Add the streams *read* to the register."""
        self.histories |= read
        for stream, history in read.items():
            if history.last is not None:
                self.known[stream] = history.last.known_on

    def apply(self, framed: EncodedRequest) -> None:
        """Apply the planned request *framed* to the register."""
        request, turns = framed.request, iter(framed.request.attachments)
        for part in request.parts:
            for version, turn in zip(
                itertools.count(part.expected_version + 1),
                islice(turns, len(part.drafts)),
                strict=False,
            ):
                self.histories[part.stream] = FoldedStream(turn.after, version)
                self.names.plan(number_index.changed_rows(turn))
            self._changed.add(part.stream)
            if request.known_on is not None:
                self.known[part.stream] = request.known_on

    def mark_recorded(self, framed: Iterable[EncodedRequest]) -> None:
        """Mark planned commands as recorded."""
        self._spill_file.put_names(one.request.command_id for one in framed)

    def is_recorded(self, command_id: str) -> bool:
        """Whether the command is marked as recorded."""
        return self._spill_file.has_name(command_id)

    def _spill(self, room: int) -> None:
        """Spill subjects until at most *room* remain in memory."""
        surplus = list(islice(self.histories, max(len(self.histories) - room, 0)))
        annulled = {
            stream: (self.histories.pop(stream), self.known.pop(stream, None))
            for stream in surplus
        }
        # An unchanged subject can be read again.
        changed = self._changed & annulled.keys()
        self._spill_file.put({stream: annulled[stream] for stream in changed})
        self._changed -= changed


class Plan:
    """The decisions about the rows of a journal.

    Attributes:
        planned: The planned register; it must contain the streams that rows name.
        category: Category of the subjects.
        added: Number of events to record.
        standing: Number of rows whose fact is already recorded.
        identical: Number of rows that repeat an earlier row of the file.
        skipped: The first rows that are standing or identical.
        remarks: The first side effects of rows.
        faults: The first faults, in the order of the file; *faulted* counts all.
        refused: Ids of the rows at fault.
        unexplained: Rows without a required reason, by the index of the fault in
            *faults*.
    """

    def __init__(
        self,
        layout: Layout,
        planned: PlannedRegister,
        before: PreviousImport,
        actor: str,
        scope: RowScope,
        *,
        closed: Cached[ClosedPeriods],
        authority: Authority,
        allowed: bool = True,
        preview: ImportPreview | None = None,
        most: int,
    ) -> None:
        self.planned = planned
        self.added = 0
        self.standing = 0
        self.identical = 0
        self.skipped: list[RowNote] = []
        self.remarks: list[RowNote] = []
        self.faults: list[FileFault] = []
        self.faulted = 0
        self.refused: list[str] = []
        self.unexplained: dict[int, tuple[JournalRow, ReasonRequired]] = {}
        self._framed: list[EncodedRequest] = []
        self.category = layout.category
        self._decider = DECIDERS[layout.category]
        self._numbered = layout.category in subject_kinds.categories()
        self._layout = layout
        self._actor = actor
        self._areas = scope.areas
        self._closed = closed
        self._authority = authority
        self._allowed = allowed
        self._preview = preview
        self._most = most  # faults, skipped rows and remarks that are listed
        self._today = scope.today
        self._digest = scope.digest
        self._doubtful: dict[str, int] = {}  # index of a subject's first fault
        self._called: dict[str, str] = {}  # doubtful subject, by its planned number
        self._unjudged: Counter[str] = Counter()
        self._before = before

    def numbers(self, entries: Iterable[JournalRow]) -> set[str]:
        """The numbers that the rows *entries* name; empty if subjects have none."""
        if not self._numbered:
            return set()
        return {n for e in entries if not e.faults for n in e.numbers}

    def former_numbers(self, entries: Iterable[JournalRow]) -> set[str]:
        """Numbers that annulments among the rows *entries* may restore."""
        if not self._numbered:
            return set()
        return {
            number
            for entry in entries
            if isinstance(entry.fact, CorrectionTarget) and entry.fact.is_annulment
            for stream in self._streams(entry)
            if (history := self.planned.histories.get(stream)) is not None
            for number in _numbers(stream, history)
        }

    def streams(self, entries: Iterable[JournalRow]) -> list[str]:
        """The streams that decisions on *entries* may depend on, without duplicates."""
        wanted = (s for e in entries if not e.faults for s in self._streams(e))
        return list(dict.fromkeys(wanted))

    def _streams(self, entry: JournalRow) -> list[str]:
        names, stream = self.planned.names, self._decider.stream
        return [
            *map(stream, (entry.subject, *entry.related_subjects)),
            *(
                stream(subject)
                for number in entry.numbers
                for subject in names.all_subjects(self.category, number)
            ),
        ]

    def merger_streams(self, entries: Iterable[JournalRow]) -> list[str]:
        """Further streams for mergers, once `streams` are loaded."""
        wanted = (s for e in entries if not e.faults for s in self._merger_streams(e))
        return list(dict.fromkeys(wanted))

    def _merger_streams(self, entry: JournalRow) -> Iterator[str]:
        if not _concerns_merger(entry.fact):
            return
        decider = self._decider
        for stream in self._streams(entry):
            history = self.planned.histories.get(stream)
            if history is None or not stream.startswith(self.category):
                continue
            # An annulment names a merger by its day: it may be any of them.
            facts = (
                (entry.fact,)
                if isinstance(entry.fact, Fact)
                else (
                    e
                    for e in history.state.history
                    if field_value(e, "into") is not None
                )
            )
            for one in facts:
                subject = stream.partition("-")[2]
                grounds = decider.premises_of(one, subject, history.state)
                yield from map(decider.stream, grounds.related_subjects)
                yield from grounds.streams

    def decide_row(self, entry: JournalRow) -> None:
        """Decide one row; rows must be passed in the order of the file.

        Raises:
            Forbidden: The file needs a permission, and none was given.
        """
        if not self._allowed:
            self._refuse_without_permission(entry)
        if entry.faults:
            self._refuse(entry, *entry.faults)
        elif doubtful := self._faulty_subject(entry):
            self._unjudged[doubtful] += 1
            # Later rows use its new number.
            self._called |= dict.fromkeys(entry.new_identifier, doubtful)
        elif entry.first_equal is not None and self._was_imported(
            entry.first_equal, entry
        ):
            self._skip(entry)
        else:
            try:
                self._decide_row(entry)
            except AlreadyRecorded as error:
                self._skip(entry, messages.error_message(error))
            except (Refused, SubjectNotFound, Unrecordable) as error:
                if isinstance(error, ReasonRequired) and len(self.faults) < self._most:
                    self.unexplained[len(self.faults)] = entry, error
                self._refuse(entry, self._fault(entry, error))

    def _refuse_without_permission(self, entry: JournalRow) -> None:
        """Refuse a row that only a file with a permission may have."""
        known = entry.known_on < self._today
        fact = entry.fact
        verifies = (
            isinstance(fact, Fact)
            and access.action_of(self.category, fact) is Action.VERIFY
        )
        if known or verifies:
            raise Forbidden(
                message(
                    "{row} was known before today or is a verification, so another "
                    "person must first approve the import of this file",
                    row=entry.place.words,
                ),
                proposable=True,
            )

    def take_requests(self) -> list[EncodedRequest]:
        """The requests decided since the last call, in order."""
        framed, self._framed = self._framed, []
        return framed

    def replace_fault(self, index: int, error: ReasonRequired) -> None:
        """Replace the message of the fault at *index* by that of *error*."""
        entry, _ = self.unexplained[index]
        self.faults[index] = self._fault(entry, error)

    def count_undecided_rows(self) -> None:
        """Add to each first refusal the number of rows that were not decided."""
        for subject, count in self._unjudged.items():
            index = self._doubtful[subject]
            if index >= len(self.faults):
                continue
            fault = self.faults[index]
            note = plural(
                "{count} later row about {subject} was therefore not checked",
                "{count} later rows about {subject} were therefore not checked",
                count=count,
                subject=subject_number(subject),
            )
            noted = message("{fault} ({note})", fault=fault.message, note=note)
            self.faults[index] = structs.replace(fault, message=noted)

    def _faulty_subject(self, entry: JournalRow) -> str | None:
        """A subject of the row with an earlier row at fault; None if there is none."""
        further = (stream.partition("-")[2] for stream in self._merger_streams(entry))
        for named in (entry.subject, *entry.related_subjects, *further):
            subject = self._called.get(named, named)
            if subject in self._doubtful:
                return subject
        return None

    def _decide_row(self, entry: JournalRow) -> None:
        planned, command = self.planned, self._command(entry)
        if self._had_no_effect(entry, command):
            self._skip(entry)
            return
        try:
            decided = self._decide_command(command, planned.histories, self._closed)
        except ReasonRequired:
            command = self._with_reason(entry, command)
            decided = self._decide_command(command, planned.histories, self._closed)
        if not decided.events:
            self._skip(entry)
            return
        for subject in (command.subject, *(one.subject for one in decided.others)):
            self._refuse_earlier(entry.known_on, subject)
        # The first append holds the log's lock to the end of the import, so closed
        # periods cannot change; targets would break the conditions of later rows.
        first = (*self._authority.conditions, self._closed.condition)
        decided = decided._replace(conditions=() if self.added else first)
        body = self._digest(command.content)
        request = decision.request(command, decided, body)
        self._refuse_taken_number(request)
        framed = log.encode(request)
        self._framed.append(framed)
        self.added += request.count
        planned.apply(framed)
        if self._preview is not None:
            self._preview.add(entry, request)
        room = self._most - len(self.remarks)
        self.remarks += [_note(entry, said) for said in decided.notes[:room]]

    def _refuse_earlier(self, known_on: date, subject: str) -> None:
        known = self.planned.known.get(self._decider.stream(subject))
        if known is not None and known_on < known:
            raise Invalid(
                "known_on",
                message(
                    "is {day}, but {subject} already has an event known on {known}, "
                    "and the day of knowledge cannot decrease",
                    day=known_on,
                    subject=subject_number(subject),
                    known=known,
                ),
            )

    def _refuse_taken_number(self, request: AppendRequest) -> None:
        if len(request.attachments) == 1 and not _may_rename(request.attachments[0]):
            return
        for claim in number_index.number_claims(request):
            holder = self.planned.names.holder(self.category, claim.number)
            if holder not in {None, claim.subject}:
                raise Invalid(
                    "number",
                    message(
                        "number is {number}, but {category} {holder} already has this "
                        "number",
                        number=claim.number,
                        category=Term("category", self.category),
                        holder=holder,
                    ),
                )

    def _command(self, entry: JournalRow) -> Command:
        subject = self._subject(entry)
        stream = self._decider.stream(subject)
        history = self.planned.histories.get(stream)
        command = Command(
            category=self.category,
            subject=subject,
            proposed=self._proposed_fact(entry, history),
            actor=self._actor,
            command_id=entry.command_id,
            known_on=entry.known_on,
        )
        if history is None and creates_subject(entry.fact):
            return commands.with_subject(
                command, subject, subject_number(entry.subject)
            )
        return command

    def _subject(self, entry: JournalRow) -> str:
        """The identifier of the subject with the row's number.

        Raises:
            Refused: Several subjects have the number.
        """
        if not self._numbered:
            return entry.subject
        names, number = self.planned.names, subject_number(entry.subject)
        holder = names.holder(self.category, number)
        if holder is not None:
            return holder
        # Rows of an older file use its first number, the identifier.
        identified = names.subject_identified_by(self.category, number)
        if not creates_subject(entry.fact):
            return identified or entry.subject
        if identified is not None and self._has_creation_event(identified, entry.fact):
            return identified
        return names.free_identifier(self.category, number)

    def _has_creation_event(self, subject: str, opening: Fact) -> bool:
        """Whether exactly this event created the subject, which is not annulled."""
        stream = self._decider.stream(subject)
        state = self.planned.histories[stream].state
        its = numbering.current_number(subject, state)
        begun = subject_rules.is_equal_except_number(opening, state.history[0])
        return its is not None and its.held and begun

    def _proposed_fact(
        self, entry: JournalRow, history: FoldedStream | None
    ) -> Fact | None:
        if not isinstance(entry.fact, CorrectionTarget):
            return self._with_identifier(entry.fact)
        if history is None:
            number = subject_number(entry.subject)
            raise SubjectNotFound(
                message(
                    "{category} {name} does not exist",
                    category=Term("category", self._layout.category),
                    name=number,
                )
            )
        return entry.fact.fact(history.state)

    def _with_identifier(self, fact: Fact | None) -> Fact | None:
        """A merger with its survivor's number replaced by the identifier."""
        if not isinstance(fact, Merger):
            return fact
        names = self.planned.names
        into = names.holder(self.category, fact.into)
        into = into or names.subject_identified_by(self.category, fact.into)
        if into is None or subject_number(into) == fact.into:
            return fact
        return structs.replace(fact, into=subject_number(into))

    def _decide_command(
        self,
        command: Command,
        read: Mapping[str, FoldedStream],
        closed: Cached[ClosedPeriods] | None,
    ) -> CommandDecision:
        today = command.known_on or date.max
        return decision.decide(
            command,
            read,
            today=today,
            areas=self._areas,
            closed=closed,
            authority=self._authority,
        )

    def _with_reason(self, entry: JournalRow, command: Command) -> Command:
        """The command with the row's remark as its reason, if there is one."""
        if entry.remark is None:
            return command
        try:
            reason = cells.parse_reason(entry.remark)
        except InvalidCell as error:
            raise Invalid(
                "reason",
                message(
                    "{path} {rule}", rule=messages.error_message(error), path="reason"
                ),
            ) from error
        proposed = structs.replace(command.proposed, reason=reason)
        return structs.replace(command, proposed=proposed)

    def _had_no_effect(self, entry: JournalRow, command: Command) -> bool:
        """Whether the row had no effect when the file was first imported.

        If a later row on the same subject is recorded, this row was decided earlier. If
        this row has no record, its fact was already in force then, and must not be
        recorded now although a later row has reversed it.
        """
        if entry.place.order > self._before.last.get(entry.subject, FIRST):
            return False
        folded = self.planned.histories.get(command.stream)
        if folded is None:
            return False
        history = folded.state.history
        fold = self._decider.fold
        return any(
            self._adds_nothing(command, fold(history[:version]))
            for version in range(1, len(history))
        )

    def _adds_nothing(self, command: Command, state: Any) -> bool:
        read = {**self.planned.histories, command.stream: FoldedStream(state)}
        try:
            return not self._decide_command(command, read, None).events
        except AlreadyRecorded:
            return True
        except Refused:
            return False

    def _was_imported(self, first_equal: DuplicateRow, entry: JournalRow) -> bool:
        """Whether the row repeats a row that was imported earlier.

        Such a row was skipped then, and must not be recorded now only because the
        register has changed. If equal rows are separate facts, the row is new.
        """
        return not entry.recurs and bool(self._before.rows[first_equal.ordinal])

    def _skip(self, entry: JournalRow, why: str | None = None) -> None:
        """Skip a row whose fact is already recorded."""
        if entry.first_equal is not None and not entry.recurs:
            self.identical += 1
            why = message("identical to {row}", row=entry.first_equal.place.words)
        else:
            self.standing += 1
        if len(self.skipped) < self._most:
            number = subject_number(entry.subject)
            why = why or message("{subject} already has this event", subject=number)
            self.skipped.append(_note(entry, why))

    def _refuse(self, entry: JournalRow, *faults: FileFault) -> None:
        if entry.subject and entry.subject not in self._doubtful:
            self._doubtful[entry.subject] = self.faulted
        self.faulted += len(faults)
        self.faults.extend(faults[: self._most - len(self.faults)])
        self.refused.append(entry.command_id)

    def _fault(self, entry: JournalRow, error: Exception) -> FileFault:
        if isinstance(error, Invalid) and error.path in entry.columns:
            # The message uses the field's name; the fault has the column.
            said = without_prefix(error.path, messages.error_message(error))
            return entry.place.fault(entry.columns[error.path], said)
        about_subject = isinstance(error, SubjectNotFound) or creates_subject(
            entry.fact
        )
        column = self._layout.subject if about_subject else self._layout.event
        return entry.place.fault(column, messages.error_message(error))


def _note(entry: JournalRow, said: str) -> RowNote:
    return RowNote(entry.place.row, said, entry.place.sheet)


def _may_rename(turn: Transition) -> bool:
    """Whether an event can change a number: a first event, correction or annulment."""
    return turn.before is None or bool(retroactive_events(turn.after.history[-1:]))


def _concerns_merger(fact: Fact | CorrectionTarget | None) -> bool:
    if isinstance(fact, CorrectionTarget):
        return any(issubclass(about, Merger) for about in fact.statement.about)
    return isinstance(fact, Merger)


def _numbers(stream: str, history: FoldedStream) -> Iterator[str]:
    """All numbers that a subject has had."""
    yield subject_number(stream.partition("-")[2])
    for event in history.state.history:
        if isinstance(number := getattr(event, "number", None), str):
            yield number
