"""Holding all that is stored against the rules of the ledger.

Written apart from what appends: nothing here trusts a column, a count or a hash that
`ledger.append` wrote, but reads the records and works them out anew.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import TypeAlias

import asyncpg
from msgspec import Struct

from iku.ledger import checkpoint, log, note, record, tables
from iku.ledger.checkpoint import Checkpoint
from iku.ledger.log import Connection
from iku.ledger.note import Malformed
from iku.ledger.record import Recorded, Unrecordable
from iku.ledger.tree import Frontier, leaf_hash

Progress: TypeAlias = Callable[[int, int], None]
PAGE = 1_000  # rows of a table read at a time; progress is told after each
WORKED = 100  # events between two looks at whether the database has answered
LAST = 2**63 - 1


def _untold(_done: int, _size: int) -> None:
    """Progress that nobody watches."""


async def check_ledger(
    connection: Connection, progress: Progress = _untold
) -> list[str]:
    """What is wrong with the ledger; nothing if all is well.

    Each finding names the first position at which a rule is broken, what was expected
    and what was found. Reads the whole log once, in one snapshot, and keeps in memory
    a few words for each stream. *progress* is told how many events of how many have
    been read.
    """
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        size = await connection.fetchval("select max(position) from ledger.event") or 0
        reading = _Reading()
        for rule, table, expected, found in await tables.broken_tables(connection):
            reading.hold(rule, f"ledger.{table}", expected, found)
        tables_read = _Tables(connection)
        signed = await _Signed.begun(tables_read, reading)
        commands = _Commands(tables_read.pages(_COMMANDS), reading, size)
        async with aclosing(_ahead(_covered(tables_read, commands))) as pages:
            async for rows in pages:
                for number, row in enumerate(rows):
                    recorded = Recorded(*row)
                    reading.read(recorded, commands.covering(recorded.position))
                    if signed.due <= reading.tree.size:
                        await signed.hold(reading)
                    if number % WORKED == 0:
                        await asyncio.sleep(0)  # lets the next page be asked for
                progress(reading.size, size)
        if not size:
            progress(0, 0)
        await commands.reach(LAST)
        reading.hold("last position", "commands", size, commands.last)
        signed.hold_rest(reading)
        await _hold_summaries(connection, reading)
    return [*reading.findings.values()]


class _Command(Struct, frozen=True, gc=False):
    command_id: str
    stream: str
    version: int
    position: int
    count: int
    size: int


class _Reading:
    """What the events read so far amount to, and where they first broke a rule."""

    def __init__(self) -> None:
        self.size = 0
        self.recorded_at = datetime.min.replace(tzinfo=UTC)
        self.known_on = date.min
        self.streams: dict[str, tuple[int, date]] = {}
        self.tree = Frontier()  # of the records' bytes
        self.findings: dict[str, str] = {}  # by rule: the first position only

    def hold(self, rule: str, place: str, expected: object, found: object) -> None:
        """Note where *rule* is broken first; nothing if *expected* is *found*."""
        if expected != found:
            self.findings.setdefault(
                rule, f"{place}: {rule}: expected {expected}, found {found}"
            )

    def read(self, recorded: Recorded, command: _Command | None) -> None:
        leaf = leaf_hash(recorded.record)
        version, known_on = self.streams.get(recorded.stream, (0, date.min))
        self._hold_all(
            _PLACE_RULES,
            recorded,
            (self.size + 1, version + 1, leaf),
            (recorded.position, recorded.version, recorded.leaf),
        )
        if recorded.recorded_at < self.recorded_at or recorded.known_on < known_on:
            self._hold_order("recorded_at", recorded, self.recorded_at)
            self._hold_order("known_on", recorded, known_on)
        self._hold_record(recorded, command)
        self.tree.add(leaf)
        self.size = recorded.position
        self.recorded_at = recorded.recorded_at
        self.known_on = max(self.known_on, recorded.known_on)
        self.streams[recorded.stream] = recorded.version, recorded.known_on

    def _hold_record(self, recorded: Recorded, command: _Command | None) -> None:
        try:
            full = record.decode(recorded.record)
        except Unrecordable as error:
            place = f"position {recorded.position}"
            self.hold("record", place, "a canonical record", error)
            return
        self._hold_all(_COLUMN_RULES, recorded, _said(full), _columns(recorded))
        if command is None:
            self._hold_all(("command",), recorded, (full.command,), (None,))
            return
        left = command.position - recorded.position
        self._hold_all(
            _COMMAND_RULES,
            recorded,
            (full.command, recorded.stream, recorded.version + left),
            (command.command_id, command.stream, command.version),
        )

    def _hold_all(
        self,
        rules: Sequence[str],
        recorded: Recorded,
        expected: tuple[object, ...],
        found: tuple[object, ...],
    ) -> None:
        """Hold rule by rule; compared at one go, for nearly all events break none."""
        if expected == found:
            return
        place = f"position {recorded.position}"
        for rule, wanted, is_there in zip(rules, expected, found, strict=True):
            self.hold(rule, place, _shown(wanted), _shown(is_there))

    def _hold_order(self, rule: str, recorded: Recorded, last: date) -> None:
        found = getattr(recorded, rule)
        if found < last:
            self.hold(rule, f"position {recorded.position}", f"{last} or later", found)


_PLACE_RULES = ("position", "version", "leaf")
_COLUMN_RULES = tuple(
    f"{name} beside the record"
    for name in (
        *("stream", "version", "type", "effective_on", "known_on", "declared"),
        "recorded_at",
    )
)
_COMMAND_RULES = ("command", "stream of the command", "version of the command")


def _shown(value: object) -> object:
    return value.hex() if isinstance(value, bytes) else value


def _said(full: record.Full) -> tuple[object, ...]:
    """What a record says that columns beside it repeat."""
    return (
        full.stream,
        full.version,
        full.type,
        full.effective_on,
        full.known_on,
        full.declared,
        full.recorded_at,
    )


def _columns(recorded: Recorded) -> tuple[object, ...]:
    """The columns as a record would spell them."""
    return (
        recorded.stream,
        recorded.version,
        recorded.type,
        _day(recorded.effective_on),
        _day(recorded.known_on),
        recorded.declared,
        _instant(recorded.recorded_at),
    )


# Kept, for many events share a day, and all of one transaction their instant.
@lru_cache(maxsize=4_096)
def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


@lru_cache(maxsize=64)
def _instant(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class _Commands:
    """The commands in the order of their positions, each held as it is read."""

    def __init__(
        self,
        pages: AsyncIterator[list[asyncpg.Record]],
        reading: _Reading,
        size: int,
    ) -> None:
        self.last = 0  # position of the last one read
        self._pages = pages
        self._reading = reading
        self._size = size
        self._batch = 0
        self._waiting: deque[_Command] = deque()

    async def reach(self, position: int) -> None:
        """Read on until one covers *position*, or there are no more."""
        while self.last < position:
            rows = await anext(self._pages, None)
            if rows is None:
                return
            for row in rows:
                command = _Command(*row)
                self._hold(command)
                self._waiting.append(command)

    def covering(self, position: int) -> _Command | None:
        """The command in whose range *position* lies; what lies below is dropped."""
        while self._waiting and self._waiting[0].position < position:
            self._waiting.popleft()
        if not self._waiting:
            return None
        first = self._waiting[0]
        return first if first.position - first.count < position else None

    def _hold(self, command: _Command) -> None:
        # All commands of one transaction were told the size that it led to.
        batch = command.size if self.last >= self._batch else self._batch
        within = command.position <= command.size <= self._size
        expected = (self.last, True, batch)
        found = (command.position - command.count, within, command.size)
        if expected != found:
            place = f"command {command.command_id}"
            for rule, *both in zip(_BATCH_RULES, expected, found, strict=True):
                self._reading.hold(rule, place, *both)
        self._batch = batch
        self.last = command.position


_BATCH_RULES = ("start", "size within the log", "size after its transaction")


class _Signed:
    """The checkpoints that were signed, in the order of their sizes.

    That they are signed at all is for others to verify, who trust none of our tables;
    but whoever rewrote the events may have forgotten them.
    """

    def __init__(self, tables_read: "_Tables") -> None:
        self._rows = _checkpoints(tables_read)
        self._next: tuple[int, Checkpoint | Malformed] | None = None

    @classmethod
    async def begun(cls, tables_read: "_Tables", reading: _Reading) -> "_Signed":
        """Those of a log without events already held."""
        signed = cls(tables_read)
        signed._next = await anext(signed._rows, None)
        await signed.hold(reading)
        return signed

    @property
    def due(self) -> int:
        """The size that the next one is of."""
        return LAST if self._next is None else self._next[0]

    async def hold(self, reading: _Reading) -> None:
        """Hold those of the size read so far against the tree of the records."""
        while self._next is not None and self._next[0] <= reading.tree.size:
            size, signed = self._next
            place = f"checkpoint of size {size}"
            if isinstance(signed, Malformed):
                reading.hold("note of the checkpoint", place, "a checkpoint", signed)
            else:
                root = reading.tree.root().hex()
                reading.hold("size of the note", place, size, signed.size)
                reading.hold("root of the records", place, signed.root.hex(), root)
            self._next = await anext(self._rows, None)

    def hold_rest(self, reading: _Reading) -> None:
        """No checkpoint is larger than the log."""
        if self._next is not None:
            size, _ = self._next
            most = f"at most {reading.tree.size}"
            place = "ledger.checkpoint"
            reading.hold("signed size within the log", place, most, size)


_EVENTS = """
select position, stream, version, type, effective_on, known_on, declared,
       recorded_at, record, leaf
  from ledger.event
 order by position
"""
_COMMANDS = """
select command_id, stream, version, position, count, size
  from ledger.command
 order by position
"""


_CHECKPOINTS = "select size, note from ledger.checkpoint order by size, number"


class _Tables:
    """Several tables, read side by side on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._asking = asyncio.Lock()  # a connection answers one at a time

    async def pages(self, query: str) -> AsyncGenerator[list[asyncpg.Record], None]:
        """The rows of *query*, so many at a time."""
        async with self._asking:
            cursor = await self._connection.cursor(query)
        while True:
            async with self._asking:
                rows = await cursor.fetch(PAGE)
            if not rows:
                return
            yield rows


async def _covered(
    tables_read: _Tables, commands: _Commands
) -> AsyncGenerator[list[asyncpg.Record], None]:
    """The events, so many at a time, once all commands that cover them are read."""
    async for rows in tables_read.pages(_EVENTS):
        await commands.reach(rows[-1]["position"])
        yield rows


async def _ahead(
    pages: AsyncGenerator[list[asyncpg.Record], None],
) -> AsyncGenerator[list[asyncpg.Record], None]:
    """The same pages; while one is worked on, the database gets the next ready."""

    async def following() -> list[asyncpg.Record]:
        return await anext(pages, [])

    coming = asyncio.create_task(following())
    try:
        while rows := await coming:
            coming = asyncio.create_task(following())
            yield rows
    finally:
        coming.cancel()
        await asyncio.gather(coming, return_exceptions=True)


async def _checkpoints(
    tables_read: _Tables,
) -> AsyncIterator[tuple[int, Checkpoint | Malformed]]:
    async for rows in tables_read.pages(_CHECKPOINTS):
        for size, signed in rows:
            try:
                yield size, checkpoint.parse(note.parse(signed.encode()).text)
            except Malformed as error:
                yield size, error


async def _hold_summaries(connection: Connection, reading: _Reading) -> None:
    """Hold what is kept beside the events against what the events amount to."""
    await _hold_streams(connection, reading)
    found = await log.head(connection)
    some = reading.size > 0
    at, day = (reading.recorded_at, reading.known_on) if some else (None, None)
    reading.hold("size", "ledger.head", reading.size, found.size)
    reading.hold("last instant", "ledger.head", at, found.recorded_at)
    reading.hold("latest day known", "ledger.head", day, found.known_on)


async def _hold_streams(connection: Connection, reading: _Reading) -> None:
    left = dict(reading.streams)
    async for stream, version, known_on in connection.cursor(
        "select stream, version, known_on from ledger.stream order by stream",
        prefetch=512,
    ):
        held = left.pop(stream, None)
        reading.hold("stream", f"stream {stream}", held, (version, known_on))
    reading.hold("streams", "ledger.stream", [], sorted(left)[:1])
