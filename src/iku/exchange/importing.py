"""Importing a journal: every row decided, then all of them recorded, or none.

The rows are decided in memory, over the streams as they were read once, in the order
of the file; each under the day it declares to have been known. Only when all stand are
they appended, in one transaction. Where somebody else was faster on one of the
streams, all is decided anew.
"""

import asyncio
import gc
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeAlias, TypeVar

from msgspec import Struct

from iku.exchange import journals
from iku.exchange.journals import Journal
from iku.exchange.planning import Plan, Prospect
from iku.exchange.reading import Scope
from iku.exchange.sheet import Fault, Faulty
from iku.handling import ATTEMPTS, Office, read_histories
from iku.ledger import log
from iku.ledger.appender import Accepted, Project
from iku.ledger.log import Conflicted, Connection, Framed, Receipt
from iku.projections import journal as projection

CHUNK = 2_000  # rows, or streams, that one statement deals with

Progress: TypeAlias = Callable[[int, int], None]
T = TypeVar("T")


class Report(Struct, frozen=True):
    """What came of a file.

    Attributes:
        journal: Which of the journals it is; None where it is none.
        rows: How many rows say something.
        added: Events recorded; in a dry run, those that would have been.
        repeated: Rows that were imported before.
        standing: Rows that the register said already, by another way.
        size: Of the log after it.
        faults: What is wrong with it; if anything is, nothing was recorded.
    """

    journal: str | None
    rows: int
    added: int
    repeated: int
    standing: int
    size: int
    faults: tuple[Fault, ...] = ()


@dataclass
class Importer:
    """Imports files, one after the other, on a *connection* of its own.

    Attributes:
        project: Writes what follows from the events, in the append's transaction.
        dry_run: Record nothing; a later file is then held against the earlier ones.
    """

    connection: Connection
    office: Office
    project: Project
    actor: str
    dry_run: bool = False
    _ahead: Prospect = field(default_factory=Prospect)

    async def run(
        self, content: bytes, progress: Progress = lambda _done, _of: None
    ) -> Report:
        """Import one file; *progress* hears how many steps of how many are done.

        Raises:
            Conflicted: Others were faster, time and again.
            KnowledgeAhead: By the database's clock, a day declared has not come yet.
        """
        with _uncollected():
            try:
                journal = journals.read(content, await self._scope())
            except Faulty as error:
                size = (await log.head(self.connection)).size
                return Report(None, 0, 0, 0, 0, size, error.faults)
            for _ in range(ATTEMPTS - 1):
                try:
                    return await self._attempt(journal, progress)
                except Conflicted:
                    continue
            return await self._attempt(journal, progress)

    async def ids(self, content: bytes) -> list[str]:
        """The ids under which the rows of a file are, or would be, recorded.

        Raises:
            Faulty: It cannot be read as rows.
        """
        journal = journals.read(content, await self._scope())
        return [entry.command_id for entry in journal.entries]

    async def _attempt(self, journal: Journal, progress: Progress) -> Report:
        steps = _Steps(progress, 2 * len(journal.entries))
        prospect = self._ahead.copy() if self.dry_run else Prospect()
        plan = await self._plan(journal, prospect, steps)
        if self.dry_run and not plan.faults:
            self._ahead = prospect
        elif not plan.faults:
            await self._record(plan.framed, steps)
        steps.finish()
        return Report(
            journal=journal.name,
            rows=len(journal.entries),
            added=0 if plan.faults else plan.added,
            repeated=plan.repeated,
            standing=plan.standing,
            size=(await log.head(self.connection)).size,
            faults=plan.sorted_faults(),
        )

    async def _scope(self) -> Scope:
        counted = await projection.definitions(self.connection)
        codes = dict.fromkeys(definition.indicator for definition in counted)
        digest = self.office.vault.keys.digest
        return Scope(self.office.today(), self.office.areas, tuple(codes), digest)

    async def _plan(
        self, journal: Journal, prospect: Prospect, steps: "_Steps"
    ) -> Plan:
        """All rows decided; what they rest on is read before, at one go."""
        ids = [entry.command_id for entry in journal.entries]
        prospect.recorded |= (await log.recorded_commands(self.connection, ids)).keys()
        await self._read(journal, prospect)
        digest = self.office.vault.keys.digest
        plan = Plan(journal, prospect, self.actor, self.office.areas, digest)
        for entry in journal.entries:
            plan.judge(entry)
            if steps.done():
                await asyncio.sleep(0)  # whoever interrupts is heard
        plan.close()
        return plan

    async def _read(self, journal: Journal, prospect: Prospect) -> None:
        wanted = (
            stream
            for entry in journal.entries
            if not entry.faults and entry.command_id not in prospect.recorded
            for stream in entry.streams(journal.layout.category)
        )
        missing = dict.fromkeys(s for s in wanted if s not in prospect.histories)
        for streams in _chunks(missing):
            prospect.add(
                await read_histories(self.connection, self.office.vault, streams)
            )

    async def _record(self, framed: Sequence[Framed], steps: "_Steps") -> None:
        """Append everything in one transaction.

        Each chunk is projected before the next one is appended: as everywhere, who
        finds an event finds it counted.
        """
        async with self.connection.transaction():
            # Another import may hold the log's lock for longer than a request may wait.
            await self.connection.execute("set local statement_timeout = 0")
            for chunk in _chunks(framed):
                await self._append(chunk)
                for _ in chunk:
                    steps.done()
        if framed:
            size = (await log.head(self.connection)).size
            await self.connection.execute(
                "select pg_notify($1, $2)", log.CHANNEL, str(size)
            )

    async def _append(self, chunk: Sequence[Framed]) -> None:
        zone = self.office.zone.key
        verdicts = await log.append_framed(self.connection, chunk, zone=zone)
        accepted = []
        for framed, verdict in zip(chunk, verdicts, strict=True):
            if not isinstance(verdict, Receipt):
                raise verdict
            if verdict.repeated:
                # Imported by somebody else since we looked: decide without it.
                before = framed.request.expected_version
                raise Conflicted(framed.request.stream, before, verdict.version)
            accepted.append(Accepted(framed.request, verdict))
        await self.project(self.connection, accepted)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without looking for cycles, as it would be done again and again.

    All that an import makes stays until its end, and nothing of it refers to itself;
    looking it over took a third of the time.
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

    def done(self) -> bool:
        """Count one step; whether progress was told of."""
        self._done += 1
        told = self._done % CHUNK == 0
        if told:
            self._progress(self._done, self._total)
        return told

    def finish(self) -> None:
        self._progress(self._total, self._total)


def _chunks(items: Iterable[T]) -> Iterator[list[T]]:
    rest = iter(items)
    while chunk := list(islice(rest, CHUNK)):
        yield chunk
