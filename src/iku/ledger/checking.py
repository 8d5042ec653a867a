"""Holding all that is stored against the rules of the ledger.

Written apart from what appends: nothing here trusts a column, a count or a hash that
`ledger.append` wrote, but reads the records and works them out anew.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, date, datetime
from typing import TypeAlias

from msgspec import Struct

from iku.ledger import checkpoint, log, note, record, tables
from iku.ledger.checkpoint import Checkpoint
from iku.ledger.log import Connection
from iku.ledger.note import Malformed
from iku.ledger.record import Recorded, Unrecordable
from iku.ledger.tree import Frontier, leaf_hash

Progress: TypeAlias = Callable[[int, int], None]
TELL_EVERY = 1_000  # events


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
        reading, size = _Reading(), (await log.head(connection)).size
        for rule, table, expected, found in await tables.broken_tables(connection):
            reading.hold(rule, f"ledger.{table}", expected, found)
        signed = _Signed(connection)
        await signed.hold(reading)
        async for recorded, command in _with_commands(connection):
            reading.read(recorded, command)
            await signed.hold(reading)
            if recorded.position % TELL_EVERY == 0:
                progress(recorded.position, size)
        progress(size, size)
        signed.hold_rest(reading)
        await _hold_summaries(connection, reading)
    return [*reading.findings.values()]


Rules: TypeAlias = Iterator[tuple[str, object, object]]  # rule, expected, found


class _Command(Struct, frozen=True):
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
        place = f"position {recorded.position}"
        for rule, expected, found in self._rules(recorded, command):
            self.hold(rule, place, expected, found)
        self.tree.add(leaf_hash(recorded.record))
        self.size = recorded.position
        self.recorded_at = recorded.recorded_at
        self.known_on = max(self.known_on, recorded.known_on)
        self.streams[recorded.stream] = recorded.version, recorded.known_on

    def _rules(self, recorded: Recorded, command: _Command | None) -> Rules:
        version, known_on = self.streams.get(recorded.stream, (0, date.min))
        yield "position", self.size + 1, recorded.position
        yield "version", version + 1, recorded.version
        yield "leaf", leaf_hash(recorded.record).hex(), recorded.leaf.hex()
        yield from _not_before("recorded_at", self.recorded_at, recorded.recorded_at)
        yield from _not_before("known_on", known_on, recorded.known_on)
        yield from _record_rules(recorded, command)


class _Signed:
    """The checkpoints that were signed, in the order of their sizes.

    That they are signed at all is for others to verify, who trust none of our tables;
    but whoever rewrote the events may have forgotten them.
    """

    def __init__(self, connection: Connection) -> None:
        self._rows = _checkpoints(connection)
        self._next: tuple[int, Checkpoint | Malformed] | None = None
        self._begun = False

    async def hold(self, reading: _Reading) -> None:
        """Hold those of the size read so far against the tree of the records."""
        if not self._begun:
            self._begun = True
            self._next = await anext(self._rows, None)
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


def _not_before(rule: str, last: date, found: date) -> Rules:
    if found < last:
        yield rule, f"{last} or later", found


def _record_rules(recorded: Recorded, command: _Command | None) -> Rules:
    try:
        full = record.decode(recorded.record)
    except Unrecordable as error:
        yield "record", "a canonical record", error
        return
    for name, column in _columns(recorded).items():
        yield f"{name} beside the record", getattr(full, name), column
    yield "command", full.command, command and command.command_id
    if command is not None:
        left = command.position - recorded.position
        yield "stream of the command", recorded.stream, command.stream
        yield "version of the command", recorded.version + left, command.version


def _columns(recorded: Recorded) -> dict[str, object]:
    """The columns as a record would spell them."""
    effective_on = recorded.effective_on
    return {
        "stream": recorded.stream,
        "version": recorded.version,
        "type": recorded.type,
        "effective_on": effective_on.isoformat() if effective_on else None,
        "known_on": recorded.known_on.isoformat(),
        "declared": recorded.declared,
        "recorded_at": recorded.recorded_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
    }


async def _with_commands(
    connection: Connection,
) -> AsyncIterator[tuple[Recorded, _Command | None]]:
    """Each event in order, and the command whose range of positions it lies in."""
    commands = _commands(connection)
    command = await anext(commands, None)
    async for row in connection.cursor(
        """
        select position, stream, version, type, effective_on, known_on, declared,
               recorded_at, record, leaf
          from ledger.event
         order by position
        """,
        prefetch=512,
    ):
        recorded = Recorded(*row)
        while command is not None and command.position < recorded.position:
            command = await anext(commands, None)
        covers = (
            command is not None and command.position - command.count < recorded.position
        )
        yield recorded, command if covers else None


async def _commands(connection: Connection) -> AsyncIterator[_Command]:
    async for row in connection.cursor(
        """
        select command_id, stream, version, position, count, size
          from ledger.command
         order by position
        """,
        prefetch=512,
    ):
        yield _Command(*row)


async def _checkpoints(
    connection: Connection,
) -> AsyncIterator[tuple[int, Checkpoint | Malformed]]:
    async for size, signed in connection.cursor(
        "select size, note from ledger.checkpoint order by size, number",
        prefetch=512,
    ):
        try:
            yield size, checkpoint.parse(note.parse(signed.encode()).text)
        except Malformed as error:
            yield size, error


async def _hold_summaries(connection: Connection, reading: _Reading) -> None:
    """Hold what is kept beside the events against what the events amount to."""
    last = batch = 0
    async for command in _commands(connection):
        place = f"command {command.command_id}"
        reading.hold("start", place, last, command.position - command.count)
        within = command.position <= command.size <= reading.size
        reading.hold("size within the log", place, expected=True, found=within)
        # All commands of one transaction were told the size that it led to.
        batch = command.size if last >= batch else batch
        reading.hold("size after its transaction", place, batch, command.size)
        last = command.position
    reading.hold("last position", "commands", reading.size, last)
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
