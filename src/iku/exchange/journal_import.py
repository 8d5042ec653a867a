"""Importing a journal: every row decided, then all of them recorded, or none.

The file is gone through three times, and never held: once to see that it is a journal,
once to find the rows that were imported before (unless nothing ever was), and once to
decide the others, over the streams as they were read, in the order of the file; each
under the day it declares to have been known. What is decided is appended at once, chunk
after chunk and all in one transaction, which is undone at the first row at fault; from
there on rows are only judged, so that all faults are told. Where somebody else was
faster on one of the streams, all is decided anew.
"""

import asyncio
import gc
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import BinaryIO, TypeAlias, TypeVar

from msgspec import Struct

from iku import streams
from iku.commands.handler import ATTEMPTS, CommandHandler
from iku.exchange import journals
from iku.exchange.import_plan import (
    Plan,
    PlannedRegister,
    PreviousImport,
    RowNote,
    SkippedRow,
)
from iku.exchange.journals import IMPORTED, JournalFile, JournalRow
from iku.exchange.row_reader import RowReader, RowScope
from iku.exchange.spreadsheet import FileFault, UnreadableSheet
from iku.ledger import log
from iku.ledger.appender import AcceptedRequest
from iku.ledger.log import Connection, EncodedRequest, Receipt, VersionConflict
from iku.projections import number_index, parallel_fold
from iku.projections import rows as projection
from iku.projections.bulk import BulkProjections

CHUNK = 2_000  # rows that one statement deals with
ROOM = 4_000  # subjects that are held in memory
BREATH = 32  # rows between two looks at who else waits

Progress: TypeAlias = Callable[[int, int], None]
T = TypeVar("T")


class ImportReport(Struct, frozen=True):
    """What came of a file.

    Attributes:
        journal: Which of the journals it is; None where it is none.
        rows: How many rows say something.
        added: Events recorded; in a dry run, those that would have been.
        repeated: Rows that were imported before.
        standing: Rows that the register said already, by another way.
        size: Of the log after it.
        faults: What is wrong with it, the first `MOST` of all; if anything is, nothing
            was recorded.
        faulted: How many faults there are.
        identical: Rows that an earlier row of the file said already.
        skipped: The first `MOST` of the rows that stand or are identical.
        remarks: What else the rows mean, the first `MOST`: what a merger does not take
            over, whom a rejection takes along.
    """

    journal: str | None
    rows: int
    added: int
    repeated: int
    standing: int
    size: int
    faults: tuple[FileFault, ...] = ()
    faulted: int = 0
    identical: int = 0
    skipped: tuple[SkippedRow, ...] = ()
    remarks: tuple[RowNote, ...] = ()


@dataclass
class Importer:
    """Imports files, one after the other, on a *connection* of its own.

    Attributes:
        dry_run: Record nothing; a later file is then held against the earlier ones.
    """

    connection: Connection
    commands: CommandHandler
    actor: str
    dry_run: bool = False
    _ahead: PlannedRegister = field(default_factory=PlannedRegister)

    async def run(
        self,
        content: bytes | BinaryIO,
        progress: Progress = lambda _done, _of: None,
    ) -> ImportReport:
        """Import one file; *progress* hears how many rows of how many are done.

        A file that is open must be one that can be read again from its beginning.

        Raises:
            VersionConflict: Others were faster, time and again.
            KnownOnInFuture: By the database's clock, a day declared has not come yet.
        """
        with _uncollected():
            try:
                journal = JournalFile(content, self.commands.vault.keys.digest)
                for _ in range(ATTEMPTS - 1):
                    with suppress(VersionConflict):
                        return await self._attempt(journal, progress)
                return await self._attempt(journal, progress)
            except UnreadableSheet as error:
                size = (await log.head(self.connection)).size
                return ImportReport(None, 0, 0, 0, 0, size, error.faults, error.count)

    async def ids(self, content: bytes | BinaryIO) -> list[str]:
        """The ids under which the rows of a file are, or would be, recorded.

        Raises:
            UnreadableSheet: It cannot be read as rows.
        """
        journal = JournalFile(content, self.commands.vault.keys.digest)
        return [numbered.command_id for numbered in journal.rows()]

    async def _attempt(self, journal: JournalFile, progress: Progress) -> ImportReport:
        steps = _Steps(progress, journal.size)
        scope = await self._scope()
        closed = await self.commands.closures.refresh(self.connection)
        before = await self._before(journal, scope)
        plan = Plan(
            journal.layout,
            self._ahead if self.dry_run else PlannedRegister(),
            before,
            self.actor,
            scope,
            closed=closed,
        )
        chunks = _Chunks(journal, scope, before, steps)
        if self.dry_run:
            await self._rehearse(plan, chunks)
        else:
            await self._perform(plan, chunks, journal.size)
        await self._count(plan)
        plan.close()
        steps.finish()
        return ImportReport(
            journal=journal.name,
            rows=journal.size,
            added=0 if plan.faults else plan.added,
            repeated=before.count,
            standing=plan.standing,
            size=(await log.head(self.connection)).size,
            faults=plan.sorted_faults(),
            faulted=plan.faulted,
            identical=plan.identical,
            skipped=tuple(plan.skipped),
            remarks=tuple(plan.remarks),
        )

    async def _count(self, plan: Plan) -> None:
        """Say, beside each row that misses a reason, what the log counts without it."""
        refusals = [error for _, error in plan.unexplained.values()]
        counted = await self.commands.counted(self.connection, refusals)
        for index, error in zip(plan.unexplained, counted, strict=True):
            plan.restate(index, error)

    async def _scope(self) -> RowScope:
        counted = await projection.definitions(self.connection)
        codes = dict.fromkeys(definition.indicator for definition in counted)
        digest = self.commands.vault.keys.digest
        return RowScope(
            self.commands.today(), self.commands.areas, tuple(codes), digest
        )

    async def _before(self, journal: JournalFile, scope: RowScope) -> PreviousImport:
        """Which rows were imported before."""
        before = PreviousImport()
        if not self.dry_run and not await log.has_commands(self.connection, IMPORTED):
            # No row of any file was; another pass over this one would find none.
            before.rows.extend(bytes(journal.size))
            return before
        for rows in _chunked(journal.rows(), CHUNK):
            ids = [numbered.command_id for numbered in rows]
            recorded = await log.recorded_commands(self.connection, ids)
            for row, command_id, _ in rows:
                known = command_id in recorded or (
                    self.dry_run and self._ahead.noted(command_id)
                )
                before.rows.append(known)
                if known:
                    subject = RowReader(journal.layout, row, scope).subject()
                    before.lines[subject] = row.line
        return before

    async def _rehearse(self, plan: Plan, chunks: "_Chunks") -> None:
        """Judge all rows; what comes of them is known to the files that follow."""
        with self._ahead.trying() as stays:
            while (entries := await chunks.following()) is not None:
                await self._read(plan, entries)
                await _judge(plan, entries)
                self._ahead.note(plan.take())
            await self._refuse_overtaken(plan)
            if not plan.faults:
                stays()

    async def _perform(self, plan: Plan, chunks: "_Chunks", rows: int) -> None:
        """Record all rows in one transaction; where one is at fault, judge the rest."""
        with suppress(_AtFault), parallel_fold.executor_for(rows) as (executor, _):
            async with self.connection.transaction():
                # Another import may hold the log's lock for longer than a request may
                # wait.
                await self.connection.execute("set local statement_timeout = 0")
                await self._record_all(plan, chunks, BulkProjections(executor))
            return
        while (entries := await chunks.following()) is not None:
            await self._read(plan, entries)
            await _judge(plan, entries)
            plan.take()
        await self._refuse_overtaken(plan)

    async def _record_all(
        self, plan: Plan, chunks: "_Chunks", bulk: BulkProjections
    ) -> None:
        """Each chunk is recorded while the next one is read and decided."""
        locked = False  # whether the log was when the rows at hand were read
        recording: asyncio.Task[bool] | None = None
        entries = await chunks.following()
        try:
            if entries is not None:
                await self._read(plan, entries)
            while entries is not None:
                await _judge(plan, entries)
                framed, names_read = plan.take(), locked
                entries = None if plan.faults else await chunks.following()
                if recording is not None:
                    locked = await recording
                if plan.faults:
                    raise _AtFault
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
        """Read what deciding them rests on, at one go."""
        vault, prospect = self.commands.vault, plan.prospect
        prospect.names.forget()
        await self._learn(plan, plan.numbers(entries))
        if unknown := prospect.fetch(plan.streams(entries), ROOM):
            prospect.add(await streams.read(self.connection, vault, unknown))
        if further := plan.further(entries):
            unknown = prospect.fetch([*plan.streams(entries), *further], ROOM)
            prospect.add(await streams.read(self.connection, vault, unknown))
        await self._learn(plan, plan.former_numbers(entries))

    async def _learn(self, plan: Plan, names: set[str]) -> None:
        if names:
            found = await number_index.near(self.connection, plan.category, names)
            plan.prospect.names.learn(found)

    async def _admit(self, framed: Sequence[EncodedRequest]) -> None:
        """Lock the log, and hold against it the numbers that these rows claim."""
        admitted = await number_index.admit(self.connection, framed, together=True)
        for one, admission in zip(framed, admitted, strict=True):
            if isinstance(admission, Exception):  # somebody took the number since
                main = one.request.main
                before = main.expected_version
                raise VersionConflict(main.stream, before, before) from admission

    async def _record(
        self, framed: Sequence[EncodedRequest], bulk: BulkProjections, *, admitted: bool
    ) -> bool:
        """Append a chunk, and project it before the next one is appended.

        As everywhere, who finds an event finds it counted. What was *admitted* was
        decided by names that were read while the log was locked. Whether it is now.
        """
        if not framed:
            return admitted
        if not admitted:
            await self._admit(framed)
        zone = self.commands.zone.key
        verdicts = await log.append_framed(self.connection, framed, zone=zone)
        accepted = []
        for one, verdict in zip(framed, verdicts, strict=True):
            if not isinstance(verdict, Receipt):
                raise verdict
            if verdict.repeated:
                # Imported by somebody else since we looked: decide without it.
                main = one.request.main
                raise VersionConflict(
                    main.stream, main.expected_version, verdict.version
                )
            accepted.append(AcceptedRequest(one.request, verdict))
        found = await bulk.begin(self.connection, accepted)
        await self.commands.vault.keep(self.connection, accepted)
        await bulk.write(self.connection, await found)
        return True

    async def _refuse_overtaken(self, plan: Plan) -> None:
        """Refuse faults of rows that somebody else has imported meanwhile."""
        for ids in _chunked(plan.refused, CHUNK):
            for command_id in await log.recorded_commands(self.connection, ids):
                raise VersionConflict(command_id, 0, 1)


class _AtFault(Exception):
    """A row is at fault, so nothing is to be recorded."""


class _Chunks:
    """The rows that were not imported before, as entries, so many at a time."""

    def __init__(
        self,
        journal: JournalFile,
        scope: RowScope,
        before: PreviousImport,
        steps: "_Steps",
    ) -> None:
        self._rows = zip(journal.rows(), before.rows, strict=True)
        self._layout = journal.layout
        self._scope = scope
        self._steps = steps

    async def following(self) -> list[JournalRow] | None:
        """The entries of the next rows; None where there are no more."""
        entries, ended = [], True
        async for some in _breathing(islice(self._rows, CHUNK)):
            ended = False
            for numbered, repeated in some:
                if not repeated:
                    reading = RowReader(self._layout, numbered.row, self._scope)
                    entries.append(journals.entry(reading, numbered))
                self._steps.done()
        return None if ended else entries


async def _judge(plan: Plan, entries: Iterable[JournalRow]) -> None:
    async for some in _breathing(entries):
        for entry in some:
            plan.judge(entry)


async def _breathing(items: Iterable[T]) -> AsyncIterator[list[T]]:
    """All *items*, some at a time; then others may run, such as the recording."""
    for some in _chunked(items, BREATH):
        yield some
        await asyncio.sleep(0)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without looking for cycles, as it would be done again and again.

    Nothing that an import makes of a row refers to itself.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class _Steps:
    """Counts towards *total* and tells of it now and then."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress = progress
        self._total = total
        self._done = 0

    def done(self) -> None:
        """Count one step."""
        self._done += 1
        if self._done % CHUNK == 0:
            self._progress(self._done, self._total)

    def finish(self) -> None:
        """All are done."""
        self._progress(self._total, self._total)


def _chunked(items: Iterable[T], size: int) -> Iterator[list[T]]:
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk
