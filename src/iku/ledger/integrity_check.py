"""The integrity check: every table of the ledger against the ledger's invariants.

It shares no code with the append. It trusts no column, count or hash that
`ledger.append` wrote, but recomputes them from the records.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from datetime import UTC, date, datetime
from operator import attrgetter
from typing import TypeAlias

import asyncpg

from iku import messages
from iku.ledger import (
    checkpoint,
    checkpoint_store,
    cosignature_store,
    log,
    note,
    record,
    table_checks,
)
from iku.ledger.checkpoint import Checkpoint
from iku.ledger.checkpoint_store import LogKey
from iku.ledger.log import Connection
from iku.ledger.note import Malformed, Unverified, VerifierKey
from iku.ledger.record import Unrecordable
from iku.ledger.tree import Frontier, leaf_hash
from iku.messages import Message, message

Progress: TypeAlias = Callable[[int, int], None]
PAGE = 1_000  # rows of a table read at a time; progress is reported after each page
WORKED = 500  # events checked before control returns to the event loop
LAST = 2**63 - 1


def _no_progress(_done: int, _size: int) -> None:
    """A `Progress` that reports nothing."""


async def check_ledger(
    connection: Connection, progress: Progress = _no_progress
) -> list[str]:
    """Check every invariant of the ledger; return the findings, or [] if all hold.

    A finding names the first position at which a rule is broken, the expected value and
    the value found. The check reads the whole log once, in one snapshot; its memory
    grows with the number of streams. *progress* is called with the number of events
    read and the number of events in the log.
    """
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        await connection.execute("set local synchronize_seqscans = off")
        try:
            return await _check(connection, progress, _COMMANDS)
        except _CommandsUnordered:
            return await _check(connection, progress, _SORTED)


async def _check(connection: Connection, progress: Progress, every: str) -> list[str]:
    """Run the check with *every* as the query for the commands."""
    size = await connection.fetchval("select max(position) from ledger.event") or 0
    reading = _CheckState()
    for rule, table, expected, found in await table_checks.table_findings(connection):
        reading.check_equal(rule, f"ledger.{table}", expected, found)
    tables_read = _TableReader(connection)
    keys = await checkpoint_store.log_keys(connection)
    signed = await _CheckpointCheck.start(tables_read, keys, reading)
    commands = _CommandReader(tables_read, every, reading, size)
    async with aclosing(_prefetch_pages(_event_pages(tables_read, commands))) as pages:
        async for rows in pages:
            while rows:
                some = min(WORKED, signed.next_size - reading.tree.size)
                reading.check_events(rows[:some], commands)
                del rows[:some]
                if signed.next_size == reading.tree.size:
                    await signed.compare_roots(reading)
                await asyncio.sleep(0)  # lets the next page be asked for
            progress(reading.size, size)
    if not size:
        progress(0, 0)
    await commands.read_up_to(LAST)
    reading.check_equal(
        message("last position"), message("commands"), size, commands.last
    )
    signed.check_rest(reading)
    await _check_streams(tables_read, reading)
    await _check_head(connection, reading)
    await _check_cosignatures(connection, reading)
    return [*reading.findings.values()]


class _CommandsUnordered(Exception):
    """The table of commands is not physically in the order of positions."""


class _CheckState:
    """The state computed from the events read so far, and the findings."""

    def __init__(self) -> None:
        self.size = 0
        self.recorded_at = datetime.min.replace(tzinfo=UTC)
        self.spelt = ""  # recorded_at in the format of a record
        self.known_on = date.min
        self.streams: dict[str, tuple[int, date]] = {}  # version, day known
        self.tree = Frontier()  # of the records' bytes
        self.findings: dict[str, str] = {}  # by rule; only the first position

    def check_equal(
        self, rule: str, place: str, expected: object, found: object
    ) -> None:
        """Add a finding if *expected* and *found* differ and the rule has none yet."""
        if expected != found:
            finding = message(
                "{place}: {rule}: expected {expected}, found {found}",
                place=place,
                rule=rule,
                expected=_finding_value(expected),
                found=_finding_value(found),
            )
            self.findings.setdefault(rule, finding)

    # Nearly all events are valid: all values are compared at once, and rule by rule
    # only where they differ.

    def check_events(
        self, rows: Sequence[asyncpg.Record], commands: "_CommandReader"
    ) -> None:
        """Check events, as selected by `_EVENTS`, against all earlier events."""
        leaves, streams = [], self.streams
        for row in rows:
            position, stream, version, _, _, known_on, _, instant, stored, leaf = row
            expected = leaf_hash(stored)
            leaves.append(expected)
            last, known_before = streams.get(stream, _NEW)
            place = self.size + 1, last + 1, expected
            found = position, version, leaf
            if place != found:
                self._check_values(_PLACE_RULES, position, place, found)
            if known_on < known_before:
                self._check_order("known_on", position, known_before, known_on)
            if instant != self.recorded_at:  # equal within a transaction
                self._check_instant(position, instant)
            self._check_record(row, commands.command_of_event(position))
            self.size = position
            streams[stream] = version, known_on
            self.known_on = max(self.known_on, known_on)
        self.tree.extend(leaves)

    def _check_instant(self, position: int, instant: datetime) -> None:
        if instant.tzinfo is None:  # asyncpg returns infinity without a time zone
            instant = instant.replace(tzinfo=UTC)
        if instant < self.recorded_at:
            self._check_order("recorded_at", position, self.recorded_at, instant)
        self.recorded_at = instant
        self.spelt = instant.strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def _check_record(
        self, row: asyncpg.Record, command: asyncpg.Record | None
    ) -> None:
        position = row[0]
        try:
            full = record.decode(row[8])
        except Unrecordable as error:
            canonical = message("a canonical record")
            self.check_equal(
                message("record"), _position_message(position), canonical, error
            )
            return
        said, beside = _describe(full), row[1:7]
        if said != beside or full.recorded_at != self.spelt:
            self._check_values(
                *(_COLUMN_RULES, position),
                *((*said, full.recorded_at), (*beside, self.spelt)),
            )
        if command is None:
            self.check_equal(
                message("command"), _position_message(position), full.command, None
            )
            return
        after = command[_AT] - position  # events of the command after this one
        expected = full.command, row[1], row[2] + after
        if expected != command[:3]:
            if after and row[1] != command[1]:  # another part; the main part is last
                expected = full.command, *command[1:3]
            self._check_values(_COMMAND_RULES, position, expected, command[:3])

    def _check_values(
        self,
        rules: Sequence[str],
        position: int,
        expected: tuple[object, ...],
        found: tuple[object, ...],
    ) -> None:
        """Compare the values at *position*, rule by rule."""
        for rule, wanted, is_there in zip(rules, expected, found, strict=True):
            self.check_equal(rule, _position_message(position), wanted, is_there)

    def _check_order(self, rule: str, position: int, last: date, found: date) -> None:
        least = message("{least} or later", least=_finding_value(last))
        self.check_equal(rule, _position_message(position), least, found)


# The fields of a record that columns repeat.
_describe = attrgetter(
    *("stream", "version", "type", "effective_on", "known_on", "declared")
)
_NEW = 0, date.min  # version and known_on before a stream's first event
_PLACE_RULES = (message("position"), message("version"), message("leaf hash"))
_COLUMN_RULES = tuple(
    message("column {column}", column=name)
    for name in (
        *("stream", "version", "type", "effective_on", "known_on", "declared"),
        "recorded_at",
    )
)
_COMMAND_RULES = (
    *(message("command"), message("stream of the command")),
    message("version of the command"),
)
_NAMED = {None: message("None"), True: message("True"), False: message("False")}


def _position_message(position: int) -> Message:
    return message("position {position}", position=position)


def _finding_value(value: object) -> object:
    """*value* in a type that a message can format."""
    match value:
        case None | bool():
            return _NAMED[value]
        case bytes():
            return value.hex()
        case BaseException():
            return messages.error_message(value)
        case int() | Message() | date() if not isinstance(value, datetime):
            return value
        case _:
            return str(value)


class _CommandReader:
    """The commands in order of position; each is checked when it is read."""

    def __init__(
        self, tables_read: "_TableReader", query: str, reading: _CheckState, size: int
    ) -> None:
        self.last = 0  # position of the last one read
        self._pages = tables_read.pages(query)
        self._sorted = query is _SORTED
        self._reading = reading
        self._size = size
        self._batch = 0
        self._first: asyncpg.Record | None = None
        self._waiting: deque[asyncpg.Record] = deque()

    async def read_up_to(self, position: int) -> None:
        """Read commands up to the one that appended *position*, or all."""
        while self.last < position:
            rows = await anext(self._pages, None)
            if rows is None:
                return
            self._buffer(rows)
            self._waiting.extend(rows)

    def command_of_event(self, position: int) -> asyncpg.Record | None:
        """The command that appended the event at *position*; drops earlier commands."""
        while self._first is None or self._first[_AT] < position:
            if not self._waiting:
                return None
            self._first = self._waiting.popleft()
        begins = self._first[_AT] - self._first[_COUNT]
        return self._first if begins < position else None

    def _buffer(self, rows: list[asyncpg.Record]) -> None:
        last, batch = self.last, self._batch
        for command_id, _, _, position, count, size in rows:
            # All commands of one transaction have the size after that transaction.
            batch = size if last >= batch else batch
            within = 0 < count <= position <= size <= self._size
            if (position - count, size) != (last, batch) or not within:
                if position < last and not self._sorted:
                    raise _CommandsUnordered
                expected = True, last, True, batch
                found = count > 0, position - count, position <= size <= self._size
                for rule, *both in zip(
                    _BATCH_RULES, expected, (*found, size), strict=True
                ):
                    place = message("command {command}", command=command_id)
                    self._reading.check_equal(rule, place, *both)
            last = position
        self.last, self._batch = last, batch


_AT, _COUNT = 3, 4  # columns of a command: its last position, its number of events
_BATCH_RULES = (
    message("number of events above 0"),
    message("first position of the command"),
    message("size at most that of the log"),
    message("log size after the transaction"),
)


class _CheckpointCheck:
    """The signed checkpoints, by size, with their signatures.

    Comparing their root hashes with the records detects an attacker who rewrote events
    but not the checkpoints.
    """

    def __init__(self, tables_read: "_TableReader", keys: Sequence[LogKey]) -> None:
        self._rows = _checkpoints(tables_read, [one.key for one in keys])
        self._next: tuple[int, Checkpoint | Malformed, Unverified | None] | None = None

    @classmethod
    async def start(
        cls, tables_read: "_TableReader", keys: Sequence[LogKey], reading: _CheckState
    ) -> "_CheckpointCheck":
        """Start to read the checkpoints, and check those of size 0."""
        signed = cls(tables_read, keys)
        signed._next = await anext(signed._rows, None)
        await signed.compare_roots(reading)
        return signed

    @property
    def next_size(self) -> int:
        """The size of the next checkpoint; `LAST` if there is none."""
        return LAST if self._next is None else self._next[0]

    async def compare_roots(self, reading: _CheckState) -> None:
        """Compare the checkpoints up to the current size with the tree's root."""
        while self._next is not None and self._next[0] <= reading.tree.size:
            size, signed, wrong = self._next
            place = message("checkpoint of size {size}", size=size)
            valid = message("valid")
            reading.check_equal(message("signature"), place, valid, wrong or valid)
            if isinstance(signed, Malformed):
                due = message("a checkpoint")
                reading.check_equal(message("text of the note"), place, due, signed)
            else:
                root = reading.tree.root().hex()
                reading.check_equal(
                    message("size in the note"), place, size, signed.size
                )
                reading.check_equal(
                    message("root hash of the records"), place, signed.root.hex(), root
                )
            self._next = await anext(self._rows, None)

    def check_rest(self, reading: _CheckState) -> None:
        """Add a finding if a checkpoint is larger than the log."""
        if self._next is not None:
            size = self.next_size
            most = message("at most {most}", most=reading.tree.size)
            rule = message("signed size")
            reading.check_equal(rule, "ledger.checkpoint", most, size)


_EVENTS = """
select position, stream, version, type, effective_on, known_on, declared,
       recorded_at, record, leaf
  from ledger.event
 order by position
"""
# In physical order, which nearly always is that of the positions: a sort would take as
# long as the scan.
_COMMANDS = """
select command_id, stream, version, position, count, size
  from ledger.command
"""
_SORTED = f"{_COMMANDS} order by position"
_CHECKPOINTS = "select size, note from ledger.checkpoint order by size, number"
_STREAMS = "select stream, version, known_on from ledger.stream order by stream"


class _TableReader:
    """Several tables, read through interleaved cursors on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._asking = asyncio.Lock()  # a connection runs one query at a time

    async def pages(self, query: str) -> AsyncGenerator[list[asyncpg.Record], None]:
        """The rows of *query*, in pages of `PAGE` rows."""
        async with self._asking:
            cursor = await self._connection.cursor(query)
        while True:
            async with self._asking:
                rows = await cursor.fetch(PAGE)
            if not rows:
                return
            yield rows


async def _event_pages(
    tables_read: _TableReader, commands: _CommandReader
) -> AsyncGenerator[list[asyncpg.Record], None]:
    """Pages of events; the commands that appended a page are read before it."""
    async for rows in tables_read.pages(_EVENTS):
        await commands.read_up_to(rows[-1]["position"])
        yield rows


async def _prefetch_pages(
    pages: AsyncGenerator[list[asyncpg.Record], None],
) -> AsyncGenerator[list[asyncpg.Record], None]:
    """Prefetch *pages*: each page is fetched while the previous one is processed."""

    async def prefetch() -> list[asyncpg.Record]:
        return await anext(pages, [])

    coming = asyncio.create_task(prefetch())
    try:
        while rows := await coming:
            coming = asyncio.create_task(prefetch())
            yield rows
    finally:
        coming.cancel()
        await asyncio.gather(coming, return_exceptions=True)


async def _checkpoints(
    tables_read: _TableReader, keys: Sequence[VerifierKey]
) -> AsyncIterator[tuple[int, Checkpoint | Malformed, Unverified | None]]:
    """The size of each checkpoint, its content, and the error of its signature."""
    async for rows in tables_read.pages(_CHECKPOINTS):
        for size, stored in rows:
            try:
                signed = note.parse(stored.encode())
                found = checkpoint.parse(signed.text)
            except Malformed as error:
                yield size, error, None
                continue
            try:
                note.verify(signed, [key for key in keys if key.name == found.origin])
            except Unverified as error:
                yield size, found, error
            else:
                yield size, found, None


async def _check_streams(tables_read: _TableReader, reading: _CheckState) -> None:
    """Compare each row of `ledger.stream` with the stream's last event."""
    left = dict(reading.streams)
    async for rows in tables_read.pages(_STREAMS):
        for stream, version, known_on in rows:
            held = left.pop(stream, None)
            if held != (version, known_on):
                place = message("stream {stream}", stream=stream)
                reading.check_equal(message("stream"), place, held, (version, known_on))
    reading.check_equal(
        message("stream without a row"), "ledger.stream", [], sorted(left)[:1]
    )


async def _check_head(connection: Connection, reading: _CheckState) -> None:
    found = await log.head(connection)
    some = reading.size > 0
    at, day = (reading.recorded_at, reading.known_on) if some else (None, None)
    place = "ledger.head"
    reading.check_equal(message("size"), place, reading.size, found.size)
    reading.check_equal(message("last recording time"), place, at, found.recorded_at)
    reading.check_equal(message("latest day of knowledge"), place, day, found.known_on)


async def _check_cosignatures(connection: Connection, reading: _CheckState) -> None:
    """Verify every stored cosignature; the first one that fails is a finding."""
    last = await checkpoint_store.latest(connection)
    most = last.size if last else -1
    async for finding in cosignature_store.cosignature_findings(connection, most):
        reading.findings.setdefault("cosignature", finding)
