"""Turning events into postings and standings, in the transaction that appends them.

Everything is written by one call, `projection.post`, for a whole batch of events. It
refuses to write where this process does not know all definitions there are: another
process may have recorded a new one a moment ago.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from types import MappingProxyType
from typing import Any

import msgspec
from msgspec import Struct

from iku.domain import fact, posting
from iku.domain.decider import Turn
from iku.domain.deciders import DECIDERS
from iku.domain.indicator import ConflictOptions, Indicator, Options
from iku.ledger import log
from iku.ledger.appender import Accepted
from iku.ledger.log import Connection
from iku.ledger.record import Recorded
from iku.projections import numbers, standings
from iku.projections.standings import Span

FOREVER = date.max  # the driver's name for PostgreSQL's infinity
LAST = 2**63 - 1
BATCH = 2_000  # events written at a time when a definition is counted anew


class Entry(Struct, frozen=True):
    """A request's place in the log and in knowledge, and its effect on its subject.

    Attributes:
        position: Of its last event.
        events: How many it has, one after the other.
    """

    position: int
    known_on: date
    turn: Turn
    events: int = 1


class Counted(Struct, frozen=True):
    """A version of an indicator's definition that is being counted."""

    indicator: str
    version: int
    position: int
    options: Options

    @property
    def name(self) -> str:
        """By which `projection.post` knows it."""
        return f"{self.indicator}/{self.version}@{self.position}"


class Journal:
    """Keeps postings, balances and standings abreast of the log."""

    def __init__(self) -> None:
        self._definitions: list[Counted] = []

    async def project(
        self, connection: Connection, accepted: Sequence[Accepted]
    ) -> None:
        """Write what was just appended; runs within the append's transaction."""
        entries = [
            Entry(
                one.receipt.position,
                one.receipt.known_on,
                one.request.attachment,
                one.receipt.count,
            )
            for one in accepted
        ]
        await self.write(connection, entries, max(a.receipt.size for a in accepted))

    async def write(
        self, connection: Connection, entries: Sequence[Entry], size: int
    ) -> None:
        """Write what *entries*, in the order of the log of this *size*, mean."""
        while not await post(connection, entries, self._definitions, size):
            self._definitions = await definitions(connection)
        names: numbers.Names = {}
        for entry in entries:
            names |= numbers.changed(entry.turn)
        await numbers.keep(connection, names)
        for entry in entries:
            if isinstance(entry.turn.after, Indicator):
                await _define(connection, entry, size)


async def definitions(connection: Connection) -> list[Counted]:
    """All definitions that are counted."""
    rows = await connection.fetch(
        """
        select indicator, definition, position, options
          from definition
         order by indicator, definition
        """
    )
    return [
        Counted(
            row["indicator"],
            row["definition"],
            row["position"],
            msgspec.json.decode(row["options"], type=Options),
        )
        for row in rows
    ]


async def post(
    connection: Connection,
    entries: Iterable[Entry],
    counted: Sequence[Counted],
    size: int,
) -> bool:
    """Write the entries, counted by these definitions; False if they are not all."""
    rows = Rows()
    for entry in entries:
        rows.add(entry, counted)
    written: bool = await connection.fetchval(
        f"select projection.post({_PARAMETERS})",
        [definition.name for definition in counted],
        size,
        *_columns(rows.postings, 12),
        *_columns(rows.days(), 3),
        *_columns(rows.closed, 5),
        *_columns(rows.opened, 13),
    )
    return written


_PARAMETERS = ", ".join(f"${number}" for number in range(1, 36))


def _columns(rows: Sequence[Sequence[Any]], width: int) -> list[Sequence[Any]]:
    return list(zip(*rows, strict=True)) if rows else [()] * width


class Rows:
    """Rows of a batch, as `projection.post` takes them, column by column.

    A standing that begins and ends within the batch is only ever a row that is opened.
    """

    def __init__(self) -> None:
        self.postings: list[tuple[Any, ...]] = []
        self.closed: list[tuple[Any, ...]] = []
        self.opened: list[list[Any]] = []
        self.names: numbers.Names = {}
        self._open: dict[tuple[str, str, date], list[Any]] = {}
        self._days: dict[date, tuple[int, int]] = {}

    def add(self, entry: Entry, counted: Sequence[Counted]) -> None:
        """Take in what *entry* means, *counted* being all definitions."""
        begun = entry.position - entry.events + 1
        first, last = self._days.get(entry.known_on, (begun, entry.position))
        stretch = (min(first, begun), max(last, entry.position))
        self._days[entry.known_on] = stretch
        for definition in counted:
            self.postings += movements(entry, definition)
        self._stand(entry)

    def days(self) -> list[tuple[date, int, int]]:
        """Days of knowledge with their first and last position, oldest first."""
        return [(day, *stretch) for day, stretch in sorted(self._days.items())]

    def _stand(self, entry: Entry) -> None:
        turn = entry.turn
        before = standings.spans(turn.subject, turn.before)
        after = standings.spans(turn.subject, turn.after)
        for span in before:
            if span not in after:
                self._close(entry, span)
        for span in after:
            if span not in before:
                self._stand_open(entry, span)

    def _close(self, entry: Entry, span: Span) -> None:
        turn = entry.turn
        key = (turn.category, turn.subject, span.valid_from)
        row = self._open.pop(key, None)
        if row is None:
            self.closed.append((*key, entry.position, entry.known_on))
        else:
            row[5], row[7] = entry.known_on, entry.position

    def _stand_open(self, entry: Entry, span: Span) -> None:
        turn, standing = entry.turn, span.standing
        row = [
            turn.category,
            turn.subject,
            span.valid_from,
            span.valid_to or FOREVER,
            entry.known_on,
            FOREVER,
            entry.position,
            LAST,
            standing.status,
            *standing.filters,
            standings.encoded(standing),
        ]
        self._open[turn.category, turn.subject, span.valid_from] = row
        self.opened.append(row)


def foresee(turn: Turn, counted: Sequence[Counted]) -> None:
    """Work out what `Rows` will ask of a turn, so that it need not while it writes.

    What is found out is kept with the subjects themselves.
    """
    for state in (turn.before, turn.after):
        standings.spans(turn.subject, state)
        for definition in counted:
            posting.contributions(state, definition.options)


def movements(entry: Entry, definition: Counted) -> list[tuple[Any, ...]]:
    """The postings of one event under one definition, as rows of the journal."""
    turn = entry.turn
    return [
        (
            entry.position,
            definition.indicator,
            definition.version,
            moved.effective_on,
            moved.account.since,
            entry.known_on,
            moved.account.part,
            moved.account.district,
            turn.subject,
            moved.numerator,
            moved.denominator,
            moved.expired,
        )
        for moved in posting.postings(turn.before, turn.after, definition.options)
    ]


async def _define(connection: Connection, entry: Entry, size: int) -> None:
    """Count all that is in the log by the definitions that *entry* brings."""
    for counted in brought(entry):
        await keep(connection, counted)
        await _count_anew(connection, counted, size)


def brought(entry: Entry) -> list[Counted]:
    """The definitions that come with the events of an indicator, appended together.

    The entry stands at the position of the last of them.
    """
    before, after = entry.turn.before, entry.turn.after
    known = len(before.definitions) if before else 0
    first = entry.position - len(after.history)  # position of what would be version 0
    return [
        Counted(entry.turn.subject, new.version, first + place, new.defined.options)
        for place, new in [*zip(after.places, after.definitions, strict=True)][known:]
    ]


async def keep(connection: Connection, counted: Counted) -> None:
    """Note that this definition is being counted."""
    await connection.execute(
        """
        insert into definition (indicator, definition, position, options)
        values ($1, $2, $3, $4)
        """,
        counted.indicator,
        counted.version,
        counted.position,
        msgspec.json.encode(counted.options).decode(),
    )


async def _count_anew(connection: Connection, counted: Counted, size: int) -> None:
    """Post, under a new definition, every event that the log of this *size* holds."""
    # The whole log takes longer than a request may.
    await connection.execute("set local statement_timeout = 0")
    cases = isinstance(counted.options, ConflictOptions)
    category = "conflict" if cases else "organisation"
    rows: list[tuple[Any, ...]] = []
    turns = Turns()
    async for recorded in log.read_log(connection, size=size, category=category):
        rows += movements(turns.entry(recorded), counted)
        if len(rows) >= BATCH:
            await _copy(connection, rows)
            rows.clear()
    await _copy(connection, rows)
    await connection.execute(
        "select projection.roll($1, $2, 0, position) from rolled",
        counted.indicator,
        counted.version,
    )


async def _copy(connection: Connection, rows: list[tuple[Any, ...]]) -> None:
    await connection.execute(
        """
        insert into posting (
               position, indicator, definition, effective_on, since, known_on, part,
               district, subject, numerator, denominator, expired)
        select *
          from unnest($1::bigint[], $2::text[], $3::int[], $4::date[], $5::date[],
                      $6::date[], $7::text[], $8::text[], $9::text[], $10::int[],
                      $11::int[], $12::int[])
        """,
        *_columns(rows, 12),
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
