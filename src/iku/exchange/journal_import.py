"""Import of a journal: all rows are recorded, or none.

The file is read three times in bounded memory: to recognise the journal, to find rows
imported earlier (unless nothing was ever imported), and to decide the others in order,
each with its declared day of knowledge. Decided rows are appended in chunks within one
transaction, which is rolled back at the first fault; later rows are then only checked,
so that all faults are reported. If another writer changes one of the streams, the
import is repeated.
"""

import asyncio
import gc
from collections.abc import (
    AsyncIterator,
    Callable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from io import BytesIO
from itertools import chain, islice
from types import MappingProxyType
from typing import BinaryIO, NamedTuple, TypeAlias, TypeVar

from msgspec import Struct

from iku import streams
from iku.commands.authorisation import Authority
from iku.commands.handler import ATTEMPTS, CommandHandler
from iku.domain import import_permission
from iku.domain.access import AGENCY_WIDE, Action, Credentials
from iku.exchange import journals
from iku.exchange.column_mapping import ColumnMapping
from iku.exchange.import_plan import (
    Plan,
    PlannedRegister,
    PreviousImport,
    RowNote,
)
from iku.exchange.import_preview import ImportPreview
from iku.exchange.journals import IMPORTED, JournalFile, JournalRow, ReadJournals
from iku.exchange.row_reader import RowReader, RowScope
from iku.exchange.spreadsheet import MOST, FileFault, SkippedSheet, UnreadableSheet
from iku.ledger import log
from iku.ledger.appender import AcceptedRequest
from iku.ledger.log import Connection, EncodedRequest, Receipt, VersionConflict
from iku.projections import number_index, parallel_fold
from iku.projections import rows as projection
from iku.projections.bulk import BulkProjections

CHUNK = 2_000  # rows per statement
ROOM = 2_000  # maximum number of subjects, and of planned names, in memory
BREATH = 32  # rows between two yields to the event loop

Progress: TypeAlias = Callable[[int, int], None]
T = TypeVar("T")


class ImportReport(Struct, frozen=True):
    """The result of importing a file.

    Attributes:
        journals: The kinds of journals; none if the file is not a journal.
        rows: Number of non-empty rows.
        added: Number of recorded events; in a dry run, of those to be recorded.
        repeated: Rows that were imported earlier.
        standing: Number of rows whose fact was already recorded in another way.
        size: Size of the log afterwards.
        faults: The first faults, as many as were asked for; if there are any, nothing
            was recorded.
        faulted: Number of faults.
        identical: Number of rows that repeat an earlier row of the file.
        skipped: The first rows that are standing or identical.
        remarks: The first side effects of rows: participations that a merger does not
            carry, subjects that a rejection also excludes.
        sheets: The kind of journal of each sheet of a workbook.
        skipped_sheets: The sheets of a workbook that are not read.
    """

    journals: tuple[str, ...]
    rows: int
    added: int
    repeated: int
    standing: int
    size: int
    faults: tuple[FileFault, ...] = ()
    faulted: int = 0
    identical: int = 0
    skipped: tuple[RowNote, ...] = ()
    remarks: tuple[RowNote, ...] = ()
    sheets: Mapping[str, str] = MappingProxyType({})
    skipped_sheets: tuple[SkippedSheet, ...] = ()

    @property
    def journal(self) -> str | None:
        """The kinds of journals, separated by commas."""
        return ", ".join(self.journals) or None

    def journal_of(self, fault: FileFault) -> str | None:
        """The kind of journal that describes the column of a fault."""
        if fault.sheet is not None:
            return self.sheets.get(fault.sheet)
        return self.journal


def permission_digest(
    content: bytes | BinaryIO, mapping: ColumnMapping | None = None
) -> str:
    """The SHA-256, hexadecimal, that a permission to import a file names.

    It is that of the file; with a *mapping*, that of both digests, because the same
    file records other facts under another mapping.
    """
    of_file = file_digest(content)
    if mapping is None:
        return of_file
    return sha256(f"{of_file} {mapping.digest}".encode()).hexdigest()


def file_digest(content: bytes | BinaryIO) -> str:
    """The SHA-256 of a file, hexadecimal."""
    if isinstance(content, bytes):
        return sha256(content).hexdigest()
    found = sha256()
    content.seek(0)
    while chunk := content.read(1 << 20):
        found.update(chunk)
    content.seek(0)
    return found.hexdigest()


@dataclass
class Importer:
    """Imports files one after the other on its own *connection*.

    Attributes:
        dry_run: Record nothing; later files are checked together with earlier ones.
        credentials: The account that imports; None if *actor* is only claimed.
        approved: Check the files as if their import was approved; in a dry run only.
        preview: Collects what the rows of a file would change.
        mapping: The mapping of the columns of an agency's own register.
        most: Faults, skipped rows and remarks that a report lists, each at most.
    """

    connection: Connection
    commands: CommandHandler
    actor: str
    dry_run: bool = False
    credentials: Credentials | None = None
    approved: bool = False
    preview: ImportPreview | None = None
    mapping: ColumnMapping | None = None
    most: int = MOST
    _planned_register: PlannedRegister = field(default_factory=PlannedRegister)

    async def run(
        self,
        content: bytes | BinaryIO,
        progress: Progress = lambda _done, _of: None,
    ) -> ImportReport:
        """Import one file; *progress* is called with the rows done and the total.

        An open file must be seekable.

        Raises:
            VersionConflict: Every attempt met a version conflict.
            KnownOnInFuture: A declared day is after the database's clock.
        """
        with _gc_disabled():
            try:
                digest = permission_digest(content, self.mapping)
                found = await self._journals(content)
                for _ in range(ATTEMPTS - 1):
                    with suppress(VersionConflict):
                        return await self._attempt(found, digest, progress)
                return await self._attempt(found, digest, progress)
            except UnreadableSheet as error:
                size = (await log.head(self.connection)).size
                return ImportReport((), 0, 0, 0, 0, size, error.faults, error.count)

    async def command_ids(self, content: bytes | BinaryIO) -> list[str]:
        """The ids under which the rows of a file are, or would be, recorded.

        Raises:
            UnreadableSheet: The file cannot be read as rows.
        """
        found = await self._journals(content)
        return [one.command_id for of in found.journals for one in of.rows()]

    async def _journals(self, content: bytes | BinaryIO) -> ReadJournals:
        """The journals of a file, read in another thread (raises `UnreadableSheet`)."""
        file = BytesIO(content) if isinstance(content, bytes) else content
        digest = self.commands.vault.keys.digest
        read = journals.read_journals
        return await asyncio.to_thread(read, file, digest, self.mapping)

    async def _attempt(
        self, read: ReadJournals, digest: str, progress: Progress
    ) -> ImportReport:
        found = read.journals
        size = sum(journal.size for journal in found)
        steps = _ProgressReporter(progress, size)
        scope = await self._row_scope()
        closed = await self.commands.closures.refresh(self.connection)
        authority = await self.commands.authority(
            self.connection, self.actor, self.credentials
        )
        allowed = await self._is_allowed(authority, digest)
        before = [await self._previous_import(journal, scope) for journal in found]
        if self.preview is not None:
            categories = {journal.layout.category for journal in found}
            await self.preview.begin(
                self.connection, categories, scope.today, closed.value
            )
        register = self._planned_register if self.dry_run else PlannedRegister()
        works = [
            _PlannedJournal(
                Plan(
                    journal.layout,
                    register,
                    earlier,
                    self.actor,
                    scope,
                    closed=closed,
                    authority=authority,
                    allowed=allowed,
                    preview=self.preview,
                    most=self.most,
                ),
                _RowChunks(journal, scope, earlier, steps),
            )
            for journal, earlier in zip(found, before, strict=True)
        ]
        if self.dry_run:
            await self._dry_run(register, works)
        else:
            await self._record_rows(works, size)
        plans = [work.plan for work in works]
        for plan in plans:
            await self._add_present_figures(plan)
            plan.count_undecided_rows()
        steps.finish()
        size = (await log.head(self.connection)).size
        return _report(read, before, plans, size, self.most)

    async def _is_allowed(self, authority: Authority, digest: str) -> bool:
        """Whether the file may hold every kind of row; always so without accounts.

        Raises:
            Forbidden: The actor may not import, not even with a permission.
        """
        if authority.actor is None:
            return True
        stream = import_permission.decider.stream(digest)
        allowed = self.dry_run and self.approved
        allowed = allowed or bool(await log.read_stream(self.connection, stream))
        if allowed:
            authority.require_proposable(Action.IMPORT, [AGENCY_WIDE])
        else:
            authority.require((Action.IMPORT,), [AGENCY_WIDE])
        return allowed

    async def _add_present_figures(self, plan: Plan) -> None:
        """Add the present values to each fault of a missing reason."""
        refusals = [error for _, error in plan.unexplained.values()]
        counted = await self.commands.with_present_figures(self.connection, refusals)
        for index, error in zip(plan.unexplained, counted, strict=True):
            plan.replace_fault(index, error)

    async def _row_scope(self) -> RowScope:
        counted = await projection.definitions(self.connection)
        codes = dict.fromkeys(definition.indicator for definition in counted)
        digest = self.commands.vault.keys.digest
        return RowScope(
            self.commands.today(), self.commands.areas, tuple(codes), digest
        )

    async def _previous_import(
        self, journal: JournalFile, scope: RowScope
    ) -> PreviousImport:
        """The rows that were imported earlier."""
        before = PreviousImport()
        if not self.dry_run and not await log.has_commands(self.connection, IMPORTED):
            # Nothing was ever imported, so the pass is not needed.
            before.rows.extend(bytes(journal.size))
            return before
        for rows in _split_into_chunks(journal.rows(), CHUNK):
            ids = [numbered.command_id for numbered in rows]
            recorded = await log.recorded_commands(self.connection, ids)
            for row, command_id, _ in rows:
                if self.preview is not None:
                    self.preview.add_day(row.cells.get(journal.layout.day, ""))
                known = command_id in recorded or (
                    self.dry_run and self._planned_register.is_recorded(command_id)
                )
                before.rows.append(known)
                if known:
                    subject = RowReader(journal.layout, row, scope).subject()
                    before.last[subject] = row.place.order
        return before

    async def _dry_run(
        self, register: PlannedRegister, works: Sequence["_PlannedJournal"]
    ) -> None:
        """Check all rows; their facts are visible to later files."""
        with register.transaction() as commit:
            for plan, chunks in works:
                while (entries := await chunks.next_chunk()) is not None:
                    await self._read(plan, entries)
                    await _decide_rows(plan, entries)
                    register.mark_recorded(plan.take_requests())
                await self._refuse_concurrent_import(plan)
            if not any(plan.faults for plan, _ in works):
                commit()

    async def _record_rows(self, works: Sequence["_PlannedJournal"], rows: int) -> None:
        """Record all rows in one transaction; after a fault, check the rest."""
        projecting = parallel_fold.executor_for(rows, 1)
        with suppress(_RowsAtFault), projecting as (executor, _):
            async with self.connection.transaction():
                # Another import may hold the log's lock longer than the statement
                # timeout.
                await self.connection.execute("set local statement_timeout = 0")
                for plan, chunks in works:
                    await self._record_all(plan, chunks, BulkProjections(executor))
            return
        for plan, chunks in works:
            while (entries := await chunks.next_chunk()) is not None:
                await self._read(plan, entries)
                await _decide_rows(plan, entries)
                plan.take_requests()
            await self._refuse_concurrent_import(plan)

    async def _record_all(
        self, plan: Plan, chunks: "_RowChunks", bulk: BulkProjections
    ) -> None:
        """Record each chunk while the next one is read and decided."""
        locked = False  # whether the log was locked when these rows were read
        recording: asyncio.Task[bool] | None = None
        entries = await chunks.next_chunk()
        try:
            if entries is not None:
                await self._read(plan, entries)
            while entries is not None:
                await _decide_rows(plan, entries)
                framed, names_read = plan.take_requests(), locked
                entries = None if plan.faults else await chunks.next_chunk()
                if recording is not None:
                    locked = await recording
                if plan.faults:
                    raise _RowsAtFault
                if entries is not None:
                    await self._read(plan, entries)
                record = self._record(framed, bulk, admitted=names_read)
                recording = asyncio.create_task(record)
            if recording is not None:
                await recording
        finally:
            if recording is not None:
                recording.cancel()
                await asyncio.gather(recording, return_exceptions=True)

    async def _read(self, plan: Plan, entries: Sequence[JournalRow]) -> None:
        """Read all streams that these decisions depend on, in one query."""
        vault, register = self.commands.vault, plan.planned
        register.names.forget()
        register.names.spill(ROOM)
        await self._load_names(plan, plan.numbers(entries))
        if unknown := register.fetch(plan.streams(entries), ROOM):
            register.add(await streams.read(self.connection, vault, unknown))
        if further := plan.merger_streams(entries):
            unknown = register.fetch([*plan.streams(entries), *further], ROOM)
            register.add(await streams.read(self.connection, vault, unknown))
        await self._load_names(plan, plan.former_numbers(entries))

    async def _load_names(self, plan: Plan, names: set[str]) -> None:
        if names:
            found = await number_index.rows_with_prefix(
                self.connection, plan.category, names
            )
            plan.planned.names.add_recorded(found)

    async def _admit(self, framed: Sequence[EncodedRequest]) -> None:
        """Lock the log and check the numbers that the requests claim."""
        admitted = await number_index.assign_numbers(
            self.connection, framed, together=True
        )
        for one, admission in zip(framed, admitted, strict=True):
            if isinstance(admission, Exception):  # another writer has taken the number
                main = one.request.main_part
                before = main.expected_version
                raise VersionConflict(main.stream, before, before) from admission

    async def _record(
        self, framed: Sequence[EncodedRequest], bulk: BulkProjections, *, admitted: bool
    ) -> bool:
        """Append a chunk and project it before the next one is appended.

        Rows that are *admitted* were decided with numbers read while the log was
        locked. Returns whether the log is locked now.
        """
        if not framed:
            return admitted
        if not admitted:
            await self._admit(framed)
        zone = self.commands.zone.key
        verdicts = await log.append_encoded(self.connection, framed, zone=zone)
        accepted = []
        for one, verdict in zip(framed, verdicts, strict=True):
            if not isinstance(verdict, Receipt):
                raise verdict
            if verdict.repeated:
                # Imported by another process in the meantime: decide without it.
                main = one.request.main_part
                raise VersionConflict(
                    main.stream, main.expected_version, verdict.version
                )
            accepted.append(AcceptedRequest(one.request, verdict))
        found = await bulk.begin(self.connection, accepted)
        await self.commands.vault.store(self.connection, accepted)
        await bulk.write(self.connection, await found)
        return True

    async def _refuse_concurrent_import(self, plan: Plan) -> None:
        """Raise a conflict if a faulty row was imported by another process."""
        for ids in _split_into_chunks(plan.refused, CHUNK):
            for command_id in await log.recorded_commands(self.connection, ids):
                raise VersionConflict(command_id, 0, 1)


def _report(
    read: ReadJournals,
    before: Sequence[PreviousImport],
    plans: Sequence[Plan],
    size: int,
    most: int,
) -> ImportReport:
    """The result of the journals of a file, whose log then has *size* events."""
    found = read.journals
    faults = tuple(islice(chain.from_iterable(one.faults for one in plans), most))
    skipped = chain.from_iterable(one.skipped for one in plans)
    remarks = chain.from_iterable(one.remarks for one in plans)
    return ImportReport(
        journals=tuple(journal.name for journal in found),
        rows=sum(journal.size for journal in found),
        added=0 if faults else sum(one.added for one in plans),
        repeated=sum(one.count for one in before),
        standing=sum(one.standing for one in plans),
        size=size,
        faults=faults,
        faulted=sum(one.faulted for one in plans),
        identical=sum(one.identical for one in plans),
        skipped=tuple(islice(skipped, most)),
        remarks=tuple(islice(remarks, most)),
        sheets={sheet: journal.name for journal in found for sheet in journal.sheets},
        skipped_sheets=read.skipped[:MOST],
    )


class _PlannedJournal(NamedTuple):
    """A journal that is being imported."""

    plan: Plan
    chunks: "_RowChunks"


class _RowsAtFault(Exception):
    """A row has a fault, so the transaction is rolled back."""


class _RowChunks:
    """The rows not imported earlier, as entries, in chunks."""

    def __init__(
        self,
        journal: JournalFile,
        scope: RowScope,
        before: PreviousImport,
        steps: "_ProgressReporter",
    ) -> None:
        self._rows = zip(journal.rows(), before.rows, strict=True)
        self._layout = journal.layout
        self._row_scope = scope
        self._steps = steps

    async def next_chunk(self) -> list[JournalRow] | None:
        """The next chunk of journal entries; None at the end of the file."""
        entries, ended = [], True
        async for some in _yielding_batches(islice(self._rows, CHUNK)):
            ended = False
            for numbered, repeated in some:
                if not repeated:
                    reading = RowReader(self._layout, numbered.row, self._row_scope)
                    entries.append(journals.journal_row(reading, numbered))
                self._steps.advance()
        return None if ended else entries


async def _decide_rows(plan: Plan, entries: Iterable[JournalRow]) -> None:
    async for some in _yielding_batches(entries):
        for entry in some:
            plan.decide_row(entry)


async def _yielding_batches(items: Iterable[T]) -> AsyncIterator[list[T]]:
    """All *items* in batches, yielding to the event loop between them."""
    for some in _split_into_chunks(items, BREATH):
        yield some
        await asyncio.sleep(0)


@contextmanager
def _gc_disabled() -> Iterator[None]:
    """Disable the cyclic garbage collector.

    The objects of an import contain no cycles.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class _ProgressReporter:
    """Counts steps towards *total* and reports them at intervals."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress = progress
        self._total = total
        self._done = 0

    def advance(self) -> None:
        """Count one completed step."""
        self._done += 1
        if self._done % CHUNK == 0:
            self._progress(self._done, self._total)

    def finish(self) -> None:
        """Report that all steps are completed."""
        self._progress(self._total, self._total)


def _split_into_chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk
