"""Appends to the log, and reads of it.

The *position* of an event is its place in the log, from 1, without gaps and in commit
order. The last position is the log's *size*. A reader who has read up to a position has
missed no event before it.
"""

from collections import Counter
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Sequence,
)
from datetime import date, datetime
from itertools import zip_longest
from typing import Any, Protocol, TypeAlias, TypeVar, cast

import asyncpg
from asyncpg.pool import PoolConnectionProxy
from msgspec import Struct, structs

from iku.ledger import record, tree
from iku.ledger.record import NewEvent, Recorded, StreamEvent
from iku.messages import message

Connection: TypeAlias = asyncpg.Connection | PoolConnectionProxy
E = TypeVar("E", Recorded, StreamEvent)


class Reader(Protocol):
    """Anything that runs a query: a connection, or a pool that acquires one for it."""

    async def fetch(self, query: str, *args: Any) -> list[asyncpg.Record]:
        """All rows."""

    async def fetchrow(self, query: str, *args: Any) -> asyncpg.Record | None:
        """The first row; None if there is none."""

    async def fetchval(self, query: str, *args: Any) -> Any:
        """The first column of the first row; None if there is no row."""


PAGE = 512  # events in a page of read_log

# The database is shutting down, down or starting up.
_AWAY = (
    ConnectionError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    # The driver's protocol state is lost: the connection was cut in mid-message.
    asyncpg.InternalClientError,
)


class AppendCondition(Struct, frozen=True):
    """An append condition: no event of *categories* has a position after *after*.

    As in the specification of dynamic consistency boundaries (DCB), with categories
    in place of a query. The category of an event is its stream's name up to the first
    hyphen.
    """

    categories: tuple[str, ...]
    after: int


class StreamPart(Struct, frozen=True):
    """The events that a request appends to one stream.

    Attributes:
        expected_version: The stream's version as it was read; 0 = a new stream.
    """

    stream: str
    expected_version: int
    drafts: tuple[NewEvent, ...]


class AppendRequest(Struct, frozen=True):
    """Events to append to one or more streams, all or none, and their preconditions.

    The events of a request are adjacent in the log, in the order of its parts. The last
    part is the main one, to which the receipt refers.

    Attributes:
        parts: One for each stream that is appended to.
        command_id: Idempotency key, unique in the log; a repetition gets the first
            receipt.
        body: SHA-256 of the command, by which a retry differs from a reused id.
        known_on: The day declared by an import. None = entered live: the local
            day of recorded_at.
        premises: Other streams on which the decision is based, each with its expected
            version; 0 for a stream without events.
        conditions: Append conditions, which must all hold.
        attachments: One for each event, or none; passed to projections, never stored.
        secrets: Texts that the drafts commit to; passed to the vault.
    """

    parts: tuple[StreamPart, ...]
    command_id: str
    body: bytes
    actor: str
    known_on: date | None = None
    premises: tuple[tuple[str, int], ...] = ()
    conditions: tuple[AppendCondition, ...] = ()
    attachments: tuple[Any, ...] = ()
    secrets: tuple[Any, ...] = ()

    @property
    def main_part(self) -> StreamPart:
        """The part to which the receipt refers."""
        return self.parts[-1]

    @property
    def count(self) -> int:
        """Number of events that it appends."""
        return sum(len(part.drafts) for part in self.parts)


class UnnumberedRequest(Struct, frozen=True):
    """A request that gets the next number of a series, assigned under the log's lock.

    Attributes:
        series: The number series; *admit* assigns the number from it.
        named: Builds the request from the identifier and the number of its subject.
    """

    category: str
    command_id: str
    series: Any
    named: Callable[[str, str], AppendRequest]
    premises: tuple[tuple[str, int], ...] = ()
    conditions: tuple[AppendCondition, ...] = ()


class Receipt(Struct, frozen=True):
    """The result of an append: the events are durable and in the log.

    Attributes:
        stream: The stream of its main part.
        version: Version of its last event; *position* and *leaf* are that event's, too.
        count: Number of events that it appended, in all its parts.
        size: Size of the log after its transaction; a repetition has the same size.
        repeated: Whether the command had been recorded before.
    """

    stream: str
    version: int
    position: int
    count: int
    size: int
    recorded_at: datetime
    known_on: date
    leaf: bytes
    repeated: bool = False


class VersionConflict(Exception):
    """A stream is not at the expected version: read it and decide again.

    *actual* is the stream's version after the call.
    """

    def __init__(self, stream: str, expected: int, actual: int) -> None:
        super().__init__(
            message(
                "{stream} is at version {actual}, not {expected}",
                stream=stream,
                actual=actual,
                expected=expected,
            )
        )
        self.stream = stream
        self.expected = expected
        self.actual = actual


class ConditionFailed(VersionConflict):
    """An event of a category has a position after that of an append condition.

    *stream* is the category, *expected* the condition's position, and *actual* the
    position of the category's last event.
    """

    def __init__(self, category: str, after: int, last: int) -> None:
        super().__init__(category, after, last)
        self.args = (
            message(
                "an event of category {category} was appended after position {after}",
                category=category,
                after=after,
            ),
        )


class KeyReused(Exception):
    """The command id was recorded with another body."""

    def __init__(self, command_id: str) -> None:
        super().__init__(
            message(
                "idempotency key {command} was already used for a different command",
                command=command_id,
            )
        )
        self.command_id = command_id


class LeafMismatch(Exception):
    """The database returned a leaf hash other than that of the record that was sent."""

    def __init__(
        self, position: int, sent: bytes | None, answered: bytes | None
    ) -> None:
        super().__init__(
            message(
                "position {position}: the record that was sent has leaf {sent}, but "
                "the database returned {answered}; the receipt is refused, because "
                "the append function in the database was changed",
                position=position,
                sent=sent.hex() if sent else message("none"),
                answered=answered.hex() if answered else message("none"),
            )
        )


class KnownOnDecreased(Exception):
    """The day of knowledge would be earlier than that of the stream's last event."""

    def __init__(self, stream: str, known_on: date | None, last: date) -> None:
        super().__init__(
            message(
                "{stream} already has an event known on {last}, later than {day}",
                stream=stream,
                last=last,
                day=message("today") if known_on is None else known_on,
            )
        )
        self.stream = stream
        self.known_on = known_on
        self.last = last


class KnownOnInFuture(Exception):
    """The declared day is in the future, by the database's clock."""

    def __init__(self, stream: str, known_on: date, today: date) -> None:
        super().__init__(
            message(
                "an event of {stream} cannot be known on {day}: today is {today}",
                stream=stream,
                day=known_on,
                today=today,
            )
        )
        self.stream = stream
        self.known_on = known_on
        self.today = today


Verdict: TypeAlias = (
    Receipt | VersionConflict | KeyReused | KnownOnDecreased | KnownOnInFuture
)


class EncodedRequest(Struct, frozen=True):
    """A request with its events encoded, except for values set under the log's lock."""

    request: AppendRequest
    frames: tuple[tuple[bytes, bytes], ...]


class Head(Struct, frozen=True):
    """The state of the log.

    Attributes:
        recorded_at: Time of the last event; None while the log is empty.
        known_on: The latest day of knowledge so far; None while the log is empty.
    """

    size: int
    recorded_at: datetime | None
    known_on: date | None


def encode(request: AppendRequest) -> EncodedRequest:
    """Encode the events of *request*, with all checks that need no database.

    Raises:
        Unrecordable: A value, or the whole record, does not fit the format.
    """
    streams = {part.stream for part in request.parts}
    if len(streams) < len(request.parts):
        raise record.Unrecordable(
            message(
                "command {command_id} contains the same stream in two parts",
                command_id=request.command_id,
            )
        )
    if not request.parts or not all(part.drafts for part in request.parts):
        raise record.Unrecordable(
            message(
                "command {command_id} contains no event", command_id=request.command_id
            )
        )
    record.refuse_infinite_day(request.known_on)
    return EncodedRequest(
        request,
        tuple(
            record.encode_head_and_tail(
                draft,
                actor=request.actor,
                command=request.command_id,
                stream=part.stream,
                version=version,
                declared=request.known_on is not None,
            )
            for part in request.parts
            for version, draft in enumerate(part.drafts, part.expected_version + 1)
        ),
    )


async def append(
    connection: Connection, requests: Sequence[AppendRequest], *, zone: str
) -> list[Verdict]:
    """Append the requests whose preconditions hold, and return a verdict for each.

    The call takes one round trip. A refused request affects only those that depend on
    it. A request that appends to, or is based on, a stream to which an earlier request
    of the call appends is accepted only if every request of the call is accepted and
    none was recorded before. A condition fails if an earlier request of the call
    appends to a stream of its category, even if that request is refused. *zone* is the
    agency's time zone.

    Raises:
        Unrecordable: A request cannot be encoded; nothing was appended.
        LeafMismatch: The database recorded another event than the one sent; within a
            transaction, nothing is appended.
    """
    return await append_encoded(connection, [encode(r) for r in requests], zone=zone)


async def append_encoded(
    connection: Connection, framed: Sequence[EncodedRequest], *, zone: str
) -> list[Verdict]:
    """`append` for requests that `encode` has encoded."""
    # Command ids differ within a call; a duplicate gets the verdict on the first one.
    first: dict[str, EncodedRequest] = {}
    for f in framed:
        first.setdefault(f.request.command_id, f)
    if not first:
        return []
    rows = await connection.fetch(_APPEND, zone, *append_arguments([*first.values()]))
    verdicts = {
        command: _verdict(f, row)
        for (command, f), row in zip(first.items(), rows, strict=True)
    }
    return [_repeated_verdict(f, first[f.request.command_id], verdicts) for f in framed]


async def find_command(
    connection: Reader, command_id: str
) -> tuple[bytes, Receipt] | None:
    """Body and first receipt of a command; None if it is not recorded."""
    row = await connection.fetchrow(
        """
        select c.body, c.stream, c.version, c.position, c.count, c.size,
               e.recorded_at, e.known_on, e.leaf
          from ledger.command c
          join ledger.event e on e.position = c.position
         where c.command_id = $1
        """,
        command_id,
    )
    if row is None:
        return None
    body, *receipt = row
    return body, Receipt(*receipt)


async def recorded_commands(
    connection: Reader, command_ids: Sequence[str]
) -> dict[str, bytes]:
    """The SHA-256 of each recorded command among *command_ids*, in one query."""
    rows = await connection.fetch(
        """
        select command_id, body
          from ledger.command
         where command_id = any($1::text[])
        """,
        command_ids,
    )
    return {row["command_id"]: row["body"] for row in rows}


async def has_commands(connection: Reader, prefix: str) -> bool:
    """Whether a command is recorded whose id has this *prefix*."""
    found: bool = await connection.fetchval(
        """
        select exists (select
                         from ledger.command
                        where command_id >= $1
                          and command_id < $2)
        """,
        prefix,
        prefix[:-1] + chr(ord(prefix[-1]) + 1),
    )
    return found


async def read_stream(
    connection: Reader,
    stream: str,
    *,
    size: int | None = None,
    known_on: date | None = None,
) -> list[Recorded]:
    """The events of *stream*, oldest first, up to *size* and known by *known_on*."""
    found = await read_streams(connection, [stream], size=size, known_on=known_on)
    return found[stream]


async def read_streams(
    connection: Reader,
    streams: Sequence[str],
    *,
    size: int | None = None,
    known_on: date | None = None,
) -> dict[str, list[Recorded]]:
    """The events of each of *streams*, oldest first; an empty list for a new one."""
    if not streams:
        return {}
    rows = await connection.fetch(
        """
        select position, stream, version, type, effective_on, known_on, declared,
               recorded_at, record, leaf
          from ledger.event
         where stream = any($1::text[])
           and ($2::bigint is null or position <= $2)
           and ($3::date is null or known_on <= $3)
         order by stream, version
        """,
        streams,
        size,
        known_on,
    )
    found: dict[str, list[Recorded]] = {stream: [] for stream in streams}
    for row in rows:
        found[row["stream"]].append(Recorded(*row))
    return found


async def read_events(
    connection: Reader, events: Iterable[tuple[str, int]]
) -> list[Recorded]:
    """The events with these pairs of stream and version, in any order."""
    named = list(events)
    if not named:
        return []
    rows = await connection.fetch(
        """
        select e.position, e.stream, e.version, e.type, e.effective_on, e.known_on,
               e.declared, e.recorded_at, e.record, e.leaf
          from unnest($1::text[], $2::int[]) as n (stream, version)
          join ledger.event e on e.stream = n.stream and e.version = n.version
        """,
        [stream for stream, _ in named],
        [version for _, version in named],
    )
    return [Recorded(*row) for row in rows]


async def read_log(
    connection: Reader,
    *,
    after: int = 0,
    size: int | None = None,
    category: str | None = None,
) -> AsyncGenerator[Recorded, None]:
    """The log in order: positions from *after* + 1 up to and including *size*.

    Reads in pages, one query each (keyset pagination), and needs no transaction or
    snapshot: events never change, and none is ever inserted at a lower position.
    Without *size* it stops where the log ended when the last page was read.
    """
    while True:
        rows = await connection.fetch(
            """
            select position, stream, version, type, effective_on, known_on, declared,
                   recorded_at, record, leaf
              from ledger.event
             where position > $1
               and ($2::bigint is null or position <= $2)
               and ($3::text is null or split_part(stream, '-', 1) = $3)
             order by position
             limit $4
            """,
            after,
            size,
            category,
            PAGE,
        )
        for row in rows:
            yield Recorded(*row)
        if len(rows) < PAGE:
            return
        after = rows[-1]["position"]


async def read_categories(
    connection: Reader, categories: Sequence[str], *, after: int = 0
) -> list[Recorded]:
    """All events of *categories* at positions after *after*, in order.

    An append condition on these categories, after the position of the last event (or
    after *after* if there is none), holds until another event of them is appended.
    """
    found: list[Recorded] = []
    while True:
        page = await _read_page(connection, categories, after)
        counts = Counter(one.category for one in page)
        full = {category for category, count in counts.items() if count == PAGE}
        # A category with a full page may have more events, after the last one read.
        last = {one.category: one.position for one in page if one.category in full}
        after = min(last.values(), default=after)
        found += [one for one in page if not full or one.position <= after]
        if not full:
            return found


async def _read_page(
    connection: Reader, categories: Sequence[str], after: int
) -> list[Recorded]:
    """The first events of each of *categories* after a position, in order."""
    rows = await connection.fetch(
        """
        select e.position, e.stream, e.version, e.type, e.effective_on, e.known_on,
               e.declared, e.recorded_at, e.record, e.leaf
          from unnest($1::text[]) as c (category)
         cross join lateral (
                select *
                  from ledger.event
                 where (split_part(stream, '-', 1), position) > (c.category, $2::bigint)
                   and (split_part(stream, '-', 1), position)
                       <= (c.category, 9223372036854775807)
                 order by split_part(stream, '-', 1), position
                 limit $3
               ) e
         order by e.position
        """,
        categories,
        after,
        PAGE,
    )
    return [Recorded(*row) for row in rows]


def read_subjects(
    connection: Reader,
    category: str,
    *,
    after: str = "",
    size: int | None = None,
    known_on: date | None = None,
    first: int = PAGE,
) -> AsyncGenerator[list[Recorded], None]:
    """The events of each stream of *category*, in order of the streams' names.

    Starts with the first stream whose name is greater than *after*. Reads in pages, as
    `read_log` does, and holds one page and one stream in memory. *first* is the number
    of events in the first page, for a caller who may need no other.
    """

    async def page(stream: str, version: int, limit: int) -> list[asyncpg.Record]:
        return await connection.fetch(
            """
            select position, stream, version, type, effective_on, known_on, declared,
                   recorded_at, record, leaf
              from ledger.event
             where (stream, version) > ($1::text, $2::int)
               and stream < $3 || '.' -- what comes next after the hyphen
               and ($4::bigint is null or position <= $4)
               and ($5::date is null or known_on <= $5)
             order by stream, version
             limit $6
            """,
            stream,
            version,
            category,
            size,
            known_on,
            limit,
        )

    return _complete_streams(page, Recorded, max(after, f"{category}-"), first)


def read_histories(
    connection: Reader, category: str, *, size: int | None, known_on: date | None
) -> AsyncGenerator[list[StreamEvent], None]:
    """`read_subjects` with only the columns that a fold needs, in half the time."""

    async def page(stream: str, version: int, limit: int) -> list[asyncpg.Record]:
        return await connection.fetch(
            """
            select stream, version, type, effective_on, record
              from ledger.event
             where (stream, version) > ($1::text, $2::int)
               and stream < $3 || '.' -- what comes next after the hyphen
               and ($4::bigint is null or position <= $4)
               and ($5::date is null or known_on <= $5)
             order by stream, version
             limit $6
            """,
            stream,
            version,
            category,
            size,
            known_on,
            limit,
        )

    return _complete_streams(page, StreamEvent, f"{category}-", PAGE)


async def _complete_streams(
    page: Callable[[str, int, int], Awaitable[list[asyncpg.Record]]],
    make: type[E],
    stream: str,
    limit: int,
) -> AsyncGenerator[list[E], None]:
    """The events of each stream after *stream*; *page* reads those after a version.

    *limit* is the number of events in the first page.
    """
    version = 2**31 - 1
    one: list[E] = []
    while True:
        rows = await page(stream, version, limit)
        for row in rows:
            if one and one[0].stream != row["stream"]:
                yield one
                one = []
            one.append(make(*row))
        if len(rows) < limit:
            break
        stream, version, limit = one[-1].stream, one[-1].version, PAGE
    if one:
        yield one


async def batch_streams(
    streams: AsyncIterator[list[E]], events: int
) -> AsyncIterator[list[list[E]]]:
    """Batches of complete *streams*, of *events* events or more (fewer in the last)."""
    batch: list[list[E]] = []
    count = 0
    async for stream in streams:
        batch.append(stream)
        count += len(stream)
        if count >= events:
            yield batch
            batch, count = [], 0
    if batch:
        yield batch


async def head(connection: Reader) -> Head:
    """The current state of the log."""
    (row,) = await connection.fetch(
        """
        select size, nullif(recorded_at, '-infinity'), nullif(known_on, '-infinity')
          from ledger.head
        """
    )
    return Head(*row)


def is_unavailable(error: Exception, connection: Connection | None) -> bool:
    """Whether *error* is caused by an unavailable database, and not by a query.

    *connection* is the one on which it occurred; None if there was none yet.
    """
    if connection is None:
        return isinstance(error, (OSError, *_AWAY))
    return isinstance(error, _AWAY) or _is_connection_lost(connection)


def _is_connection_lost(connection: Connection) -> bool:
    try:
        return connection.is_closed()
    except asyncpg.InterfaceError:
        # The pool released it while it was in use, as it does with a lost connection.
        return True


_APPEND = """
select verdict, stream, expected, version, position, count, size, recorded_at,
       known_on, leaf, earlier
  from ledger.append(
         $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17,
         $18, $19, $20, $21, $22, $23, $24)
"""


def append_arguments(framed: Sequence[EncodedRequest]) -> list[Sequence[Any]]:
    """The arguments of ledger.append after the zone, in its order."""
    requests: list[tuple[Any, ...]] = []
    claims: list[tuple[Any, ...]] = []
    events: list[tuple[Any, ...]] = []
    conditions: dict[tuple[AppendCondition, ...], int | None] = {(): None}
    built = _PendingAppends()
    for number, one in enumerate(framed, 1):
        request, frames = one.request, enumerate(one.frames, 1)
        for stream, version in request.premises:
            claims.append((number, stream, version, 0, *built.appended_to(stream)))
        for part in request.parts:
            stream, first = part.stream, part.expected_version + 1
            count = len(part.drafts)
            claims.append(
                (number, stream, first - 1, count, *built.appended_to(stream))
            )
            claim = len(claims)
            for version, draft in enumerate(part.drafts, first):
                place, ends = next(frames)
                day = draft.effective_on
                events.append((claim, place, version, draft.type, day, *ends))
        joint = conditions.setdefault(request.conditions, len(conditions))
        # The last part is the main one, so its claim is the request's last.
        asked = request.command_id, request.body, request.known_on, joint
        requests.append((*asked, len(claims), len(one.frames)))
        built.add(number, request)
    conditioned: list[tuple[Any, ...]] = [
        (
            number,
            category,
            condition.after,
            built.first_request_by_category.get(category),
        )
        for joint, number in conditions.items()
        for condition in joint
        for category in condition.categories
    ]
    return [
        *zip(*requests, strict=True),
        *zip(*claims, strict=True),
        *zip(*events, strict=True),
        *(zip(*conditioned, strict=True) if conditioned else ((),) * 4),
    ]


class _PendingAppends:
    """The streams to which the requests of one call append, up to the current request.

    For each stream: the number of events, and the latest day of knowledge.

    Attributes:
        first_request_by_category: By category, the number, from 1, of the first request
            that appends to it.
    """

    def __init__(self) -> None:
        self.first_request_by_category: dict[str, int] = {}
        self._streams: dict[str, tuple[int, date]] = {}

    def appended_to(self, stream: str) -> tuple[int, date | None]:
        """The number of events appended to *stream* so far, and the latest `known_on`.

        That day is `date.max`, PostgreSQL's infinity, if a request declares no day.
        """
        return self._streams.get(stream, _NOTHING)

    def add(self, number: int, request: AppendRequest) -> None:
        """Add the events of a request."""
        declared = request.known_on or date.max
        for part in request.parts:
            stream = part.stream
            self.first_request_by_category.setdefault(stream.partition("-")[0], number)
            count, latest = self._streams.get(stream, (0, declared))
            latest = max(latest, declared)
            self._streams[stream] = count + len(part.drafts), latest


_NOTHING = 0, None


def receipt(framed: EncodedRequest, row: asyncpg.Record) -> Receipt:
    """The receipt in a row of `ledger.append`; of a repeated command, the first one.

    Raises:
        LeafMismatch: A leaf hash in the row is not that of the record that was sent.
    """
    found = Receipt(row["stream"], *row[3:10])
    if row["verdict"] == "repeated":
        return structs.replace(found, repeated=True)
    leaves = [*(row["earlier"] or ()), found.leaf]
    day, instant = found.known_on, found.recorded_at
    sent = [tree.leaf_hash(record.join(*one, day, instant)) for one in framed.frames]
    if leaves != sent:
        places = enumerate(zip_longest(sent, leaves), found.position - found.count + 1)
        raise next(LeafMismatch(n, *pair) for n, pair in places if pair[0] != pair[1])
    return found


def _verdict(framed: EncodedRequest, row: asyncpg.Record) -> Verdict:
    request = framed.request
    match row["verdict"]:
        case "appended" | "repeated":
            return receipt(framed, row)
        case "reused":
            return KeyReused(request.command_id)
        case "conflicted":
            return VersionConflict(*row[1:4])
        case "overtaken":
            return ConditionFailed(*row[1:4])
        case "ahead":
            declared = cast("date", request.known_on)  # a live day is never ahead
            return KnownOnInFuture(row["stream"], declared, row["known_on"])
        case _:
            return KnownOnDecreased(row["stream"], request.known_on, row["known_on"])


def _repeated_verdict(
    asked: EncodedRequest, first: EncodedRequest, verdicts: dict[str, Verdict]
) -> Verdict:
    """The verdict on *asked*; *first* is the first request with the same command id."""
    command_id = asked.request.command_id
    if asked is first:
        return verdicts[command_id]
    if asked.request.body != first.request.body:
        return KeyReused(command_id)
    verdict = verdicts[command_id]
    if isinstance(verdict, Receipt):
        return structs.replace(verdict, repeated=True)
    return verdict
