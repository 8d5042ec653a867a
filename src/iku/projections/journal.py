"""Writing the bitemporal tables, in the transaction that appends the events.

A row is a rectangle in both times: valid over a range of days, known from the event
that began it until the event that superseded it. So an event ends the rows that no
longer hold and begins those that hold now; nothing is ever changed but that end.

Everything is written by one call, `projection.write`, for a whole batch of events. It
refuses to write where this process does not know all definitions there are: another
process may have recorded a new one a moment ago.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from types import MappingProxyType
from typing import Any

import msgspec
from msgspec import Struct

from iku.domain import fact, kinds, standings
from iku.domain.contribution import Contribution
from iku.domain.decider import Turn
from iku.domain.deciders import DECIDERS
from iku.domain.indicator import Indicator, Options
from iku.domain.standings import Span
from iku.ledger import log
from iku.ledger.appender import Accepted
from iku.ledger.log import Connection
from iku.ledger.record import Recorded
from iku.projections import numbers

FOREVER = date.max  # the driver's name for PostgreSQL's infinity
LAST = 2**63 - 1
BATCH = 2_000  # events written at a time when a definition is counted anew


class Entry(Struct, frozen=True):
    """An event's place in the log and in knowledge, and its effect on its subject."""

    position: int
    known_on: date
    turn: Turn


class Counted(Struct, frozen=True):
    """A version of an indicator's definition that is counted.

    Attributes:
        number: Its place among all definitions in the log, from 1.
        position: Of the event that defined it.
    """

    number: int
    indicator: str
    version: int
    position: int
    options: Options


class Journal:
    """Keeps both tables up to date with the log."""

    def __init__(self) -> None:
        self._definitions: list[Counted] = []

    async def project(
        self, connection: Connection, accepted: Sequence[Accepted]
    ) -> None:
        """Write what was just appended; runs within the append's transaction."""
        entries = [
            Entry(position, one.receipt.known_on, turn)
            for one in accepted
            for position, turn in one.attached()
        ]
        await self.write(connection, entries, max(a.receipt.size for a in accepted))

    async def write(
        self, connection: Connection, entries: Sequence[Entry], size: int
    ) -> None:
        """Write what *entries*, in the order of the log of this *size*, mean."""
        while not await write_rows(connection, entries, self._definitions):
            self._definitions = await definitions(connection)
        names: numbers.Names = {}
        for entry in entries:
            names |= numbers.changed(entry.turn)
        await numbers.keep(connection, names)
        for entry in entries:
            if isinstance(entry.turn.after, Indicator):
                await _define(connection, entry, size)


async def definitions(connection: Connection) -> list[Counted]:
    """All definitions that are counted, in the order of the log."""
    rows = await connection.fetch(
        """
        select number, indicator, version, position, options
          from definition
         order by number
        """
    )
    return [
        Counted(
            row["number"],
            row["indicator"],
            row["version"],
            row["position"],
            msgspec.json.decode(row["options"], type=Options),
        )
        for row in rows
    ]


async def write_rows(
    connection: Connection, entries: Iterable[Entry], counted: Sequence[Counted]
) -> bool:
    """Write the entries, counted by these definitions; False if they are not all."""
    rows = Rows()
    for entry in entries:
        rows.add(entry, counted)
    written: bool = await connection.fetchval(
        f"select projection.write({_PARAMETERS})",
        [definition.position for definition in counted],
        *_columns(rows.ended, 10),
        *_columns(rows.begun, 14),
        *_columns(rows.past, 5),
        *_columns(rows.stated, 19),
    )
    return written


_PARAMETERS = ", ".join(f"${number}" for number in range(1, 50))


def _columns(rows: Sequence[Sequence[Any]], width: int) -> list[Sequence[Any]]:
    return list(zip(*rows, strict=True)) if rows else [()] * width


class Rows:
    """Rows of a batch, as `projection.write` takes them.

    A row that begins and ends within the batch is only ever inserted.

    Attributes:
        ended: Contributions that events of the batch superseded.
        begun: Contributions that they began.
        past: States that they superseded.
        stated: States that they began.
        names: Names of subjects that they changed; only a rebuild fills these.
    """

    def __init__(self) -> None:
        self.ended: list[tuple[Any, ...]] = []
        self.begun: list[list[Any]] = []
        self.past: list[tuple[Any, ...]] = []
        self.stated: list[list[Any]] = []
        self.names: numbers.Names = {}
        self._contributions: dict[tuple[Any, ...], list[Any]] = {}
        self._states: dict[tuple[str, str, date], list[Any]] = {}

    def add(self, entry: Entry, counted: Sequence[Counted]) -> None:
        """Take in what *entry* means, *counted* being all definitions."""
        for definition in counted:
            self.count(entry, definition)
        self._state(entry)

    def count(self, entry: Entry, definition: Counted) -> None:
        """Take in what *entry* means under one definition."""
        turn = entry.turn
        before = kinds.contributions(turn.before, definition.options)
        after = kinds.contributions(turn.after, definition.options)
        if before == after:
            return
        for one in before:
            if one not in after:
                self._end(entry, definition.number, one)
        for one in after:
            if one not in before:
                self._begin(entry, definition.number, one)

    def _end(self, entry: Entry, number: int, one: Contribution) -> None:
        key = (number, entry.turn.subject, one)
        row = self._contributions.pop(key, None)
        if row is not None:
            row[8], row[10] = entry.known_on, entry.position
            return
        self.ended.append(
            (
                *(number, entry.turn.subject, one.part, one.district),
                *(one.start, one.end, one.since, one.counts.numerator),
                *(entry.position, entry.known_on),
            )
        )

    def _begin(self, entry: Entry, number: int, one: Contribution) -> None:
        counts = one.counts
        row = [
            *(number, entry.turn.subject, one.part, one.district),
            *(one.start, one.end, one.since),
            *(entry.known_on, FOREVER, entry.position, LAST),
            *(counts.numerator, counts.denominator, counts.expired),
        ]
        self._contributions[number, entry.turn.subject, one] = row
        self.begun.append(row)

    def _state(self, entry: Entry) -> None:
        turn = entry.turn
        before = standings.spans(turn.subject, turn.before)
        after = standings.spans(turn.subject, turn.after)
        for span in before:
            if span not in after:
                self._supersede(entry, span)
        for span in after:
            if span not in before:
                self._begin_state(entry, span)

    def _supersede(self, entry: Entry, span: Span) -> None:
        turn = entry.turn
        key = (turn.category, turn.subject, span.valid_from)
        row = self._states.pop(key, None)
        if row is None:
            self.past.append((*key, entry.position, entry.known_on))
        else:
            row[3], row[1] = entry.known_on, entry.position

    def _begin_state(self, entry: Entry, span: Span) -> None:
        turn, stored = entry.turn, span.standing.stored
        row = [
            *(entry.position, LAST, entry.known_on, FOREVER),
            *stored[:4],  # of fixed width
            *(span.valid_from, span.valid_to, turn.category, turn.subject),
            *stored[4:],
        ]
        self._states[turn.category, turn.subject, span.valid_from] = row
        self.stated.append(row)


def foresee(turn: Turn, counted: Sequence[Counted]) -> None:
    """Fill the per-subject caches that `Rows` reads, before the transaction starts."""
    for state in (turn.before, turn.after):
        standings.spans(turn.subject, state)
        for definition in counted:
            kinds.contributions(state, definition.options)


async def _define(connection: Connection, entry: Entry, size: int) -> None:
    """Count all that is in the log by the definitions that *entry* brings."""
    known = len(await definitions(connection))
    for counted in brought(entry, known + 1):
        await keep(connection, counted)
        await _backfill(connection, counted, size)


def brought(entry: Entry, number: int) -> list[Counted]:
    """The definition that an event of an indicator brings, if any, as that *number*."""
    before, after = entry.turn.before, entry.turn.after
    known = len(before.definitions) if before else 0
    return [
        Counted(
            number,
            entry.turn.subject,
            new.version,
            entry.position,
            new.defined.options,
        )
        for new in after.definitions[known:]
    ]


async def keep(connection: Connection, counted: Counted) -> None:
    """Note that this definition is being counted."""
    await connection.execute(
        """
        insert into definition (number, indicator, version, position, options)
        values ($1, $2, $3, $4, $5)
        """,
        counted.number,
        counted.indicator,
        counted.version,
        counted.position,
        msgspec.json.encode(counted.options).decode(),
    )


async def _backfill(connection: Connection, counted: Counted, size: int) -> None:
    """Count, under a new definition, every event that the log of this *size* holds."""
    # The whole log takes longer than a request may.
    await connection.execute("set local statement_timeout = 0")
    category = kinds.counted_by(counted.options).decider.category
    rows = Rows()
    async for recorded in log.read_subjects(connection, category, size=size):
        turns = Turns()
        for one in recorded:
            rows.count(turns.entry(one), counted)
        if len(rows.begun) >= BATCH:
            await insert_contributions(connection, rows)
            rows = Rows()
    await insert_contributions(connection, rows)


async def insert_contributions(connection: Connection, rows: Rows) -> None:
    """Insert the contributions that *rows* begin; the table holds none that it ends."""
    await connection.execute(
        """
        insert into contribution (
               definition, subject, part, district, valid, since, known_from, known_to,
               position, superseded, numerator, denominator, expired)
        select definition, subject, part, district, daterange(valid_from, valid_to),
               since, known_from, known_to, position, superseded, numerator,
               denominator, expired
          from unnest($1::smallint[], $2::text[], $3::text[], $4::text[], $5::date[],
                      $6::date[], $7::date[], $8::date[], $9::date[], $10::bigint[],
                      $11::bigint[], $12::smallint[], $13::smallint[], $14::smallint[])
               as c (definition, subject, part, district, valid_from, valid_to, since,
                     known_from, known_to, position, superseded, numerator,
                     denominator, expired)
        """,
        *_columns(rows.begun, 14),
    )


class Turns:
    """Folds the log event by event: what each did to its subject.

    Takes the *states* from which it goes on, by stream.
    """

    def __init__(self, states: Mapping[str, Any] = MappingProxyType({})) -> None:
        self._states = dict(states)

    def entry(self, recorded: Recorded) -> Entry:
        """The effect of the next event of the log."""
        before = self._states.get(recorded.stream)
        decider = DECIDERS[recorded.category]
        after = decider.evolve(before, fact.of(recorded, decider.event_type))
        self._states[recorded.stream] = after
        turn = Turn(recorded.category, recorded.subject, before, after)
        return Entry(recorded.position, recorded.known_on, turn)
