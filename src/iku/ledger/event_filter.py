"""Filtered reads of the log: by actor, stream, category or type.

Two invariants of the ledger make this cheap without further indexes: positions have no
gaps, and `recorded_at` never decreases as the position rises. A range of days is
therefore a range of positions, which a binary search finds.
"""

from datetime import date
from typing import NamedTuple

import msgspec
from msgspec import Struct

from iku.ledger.log import Reader
from iku.ledger.record import Recorded

EXAMINED = 20_000  # most events that one call examines


class Filter(Struct, frozen=True):
    """The criteria of a filtered read; a field that is None does not restrict it.

    Attributes:
        actor: Name of the actor, exactly as it is recorded.
        category: The stream's name up to its first hyphen.
    """

    actor: str | None = None
    stream: str | None = None
    category: str | None = None
    type: str | None = None


class Matches(NamedTuple):
    """Events that match a filter, in log order.

    Attributes:
        next: The position after which to continue; None at the end of the log.
    """

    events: list[Recorded]
    next: int | None


async def read_matches(
    reader: Reader, wanted: Filter, *, after: int, size: int, limit: int
) -> Matches:
    """At most *limit* matching events after a position, in a log prefix of *size*.

    Examines at most 20,000 events, so that the time of a call is bounded: a page may
    hold few matches, or none, and still have a `next`.
    """
    upto = await _last_examined(reader, wanted, after, size)
    rows = await _rows(reader, wanted, after, upto, limit + 1)
    events = rows[:limit]
    if len(rows) > limit:
        return Matches(events, events[-1].position)
    return Matches(events, upto if upto < size else None)


async def size_before(reader: Reader, day: date, zone: str) -> int:
    """Number of events recorded before *day* began in the time zone *zone*."""
    found: int = await reader.fetchval(
        """
        with recursive search (low, high) as (
          select 0::bigint, size
            from ledger.head
           union all
          select case when e.recorded_at < $1::date::timestamp at time zone $2
                      then e.position else s.low end,
                 case when e.recorded_at < $1::date::timestamp at time zone $2
                      then s.high else e.position - 1 end
            from search s
            join ledger.event e on e.position = (s.low + s.high + 1) / 2
           where s.low < s.high
        )
        select max(low)
          from search
        """,
        day,
        zone,
    )
    return found


async def _last_examined(reader: Reader, wanted: Filter, after: int, size: int) -> int:
    """The last position that one call examines."""
    if wanted.stream is not None:
        return size
    if wanted.actor is None:
        return min(after + EXAMINED, size)
    if wanted.category is None and wanted.type is None:
        return size  # every row that is read matches
    last: int | None = await reader.fetchval(
        """
        select position
          from ledger.event
         where (substring(record from 11 for
                greatest(position('","command":"'::bytea in record) - 11, 0)),
                position)
                 > ($1::bytea, $2::bigint)
           and (substring(record from 11 for
                greatest(position('","command":"'::bytea in record) - 11, 0)),
                position)
                 <= ($1::bytea, $4::bigint)
         order by substring(record from 11 for
                  greatest(position('","command":"'::bytea in record) - 11, 0)),
                  position
        offset $3
         limit 1
        """,
        _json_escaped(wanted.actor),
        after,
        EXAMINED - 1,
        size,
    )
    return size if last is None else last


async def _rows(
    reader: Reader, wanted: Filter, after: int, upto: int, limit: int
) -> list[Recorded]:
    if wanted.stream is not None:
        return await _rows_of_stream(reader, wanted, after, upto, limit)
    if wanted.actor is not None:
        return await _rows_of_actor(reader, wanted, after, upto, limit)
    if wanted.category is not None:
        return await _rows_of_category(reader, wanted, after, upto, limit)
    rows = await reader.fetch(
        """
        select position, stream, version, type, effective_on, known_on, declared,
               recorded_at, record, leaf
          from ledger.event
         where position > $1
           and position <= $2
           and ($3::text is null or type = $3)
         order by position
         limit $4
        """,
        *(after, upto, wanted.type, limit),
    )
    return [Recorded(*row) for row in rows]


async def _rows_of_category(
    reader: Reader, wanted: Filter, after: int, upto: int, limit: int
) -> list[Recorded]:
    # A row comparison, because only that uses the index event_category.
    rows = await reader.fetch(
        """
        select position, stream, version, type, effective_on, known_on, declared,
               recorded_at, record, leaf
          from ledger.event
         where (split_part(stream, '-', 1), position) > ($1::text, $2::bigint)
           and (split_part(stream, '-', 1), position) <= ($1::text, $3::bigint)
           and ($4::text is null or type = $4)
         order by split_part(stream, '-', 1), position
         limit $5
        """,
        *(wanted.category, after, upto, wanted.type, limit),
    )
    return [Recorded(*row) for row in rows]


async def _rows_of_actor(
    reader: Reader, wanted: Filter, after: int, upto: int, limit: int
) -> list[Recorded]:
    # A row comparison, because only that uses the index event_actor; with the actor
    # alone, the planner scans the whole log for a rare actor.
    narrowed = wanted.category is not None or wanted.type is not None
    rows = await reader.fetch(
        """
        with examined as materialized (
          select position, stream, type
            from ledger.event
           where (substring(record from 11 for
                  greatest(position('","command":"'::bytea in record) - 11, 0)),
                  position)
                   > ($1::bytea, $2::bigint)
             and (substring(record from 11 for
                  greatest(position('","command":"'::bytea in record) - 11, 0)),
                  position)
                   <= ($1::bytea, $3::bigint)
           order by substring(record from 11 for
                    greatest(position('","command":"'::bytea in record) - 11, 0)),
                    position
           limit $4
        )
        select e.position, e.stream, e.version, e.type, e.effective_on, e.known_on,
               e.declared, e.recorded_at, e.record, e.leaf
          from examined x
          join ledger.event e on e.position = x.position
         where ($5::text is null or split_part(x.stream, '-', 1) = $5)
           and ($6::text is null or x.type = $6)
         order by e.position
         limit $7
        """,
        *(_json_escaped(wanted.actor or ""), after, upto),
        *(EXAMINED if narrowed else limit, wanted.category, wanted.type, limit),
    )
    return [Recorded(*row) for row in rows]


async def _rows_of_stream(
    reader: Reader, wanted: Filter, after: int, upto: int, limit: int
) -> list[Recorded]:
    rows = await reader.fetch(
        """
        select position, stream, version, type, effective_on, known_on, declared,
               recorded_at, record, leaf
          from ledger.event
         where stream = $1
           and position > $2
           and position <= $3
           and ($4::text is null or split_part(stream, '-', 1) = $4)
           and ($5::text is null or type = $5)
           and ($6::bytea is null
                or substring(record from 11 for
                   greatest(position('","command":"'::bytea in record) - 11, 0)) = $6)
         order by version
         limit $7
        """,
        *(wanted.stream, after, upto, wanted.category, wanted.type),
        *(None if wanted.actor is None else _json_escaped(wanted.actor), limit),
    )
    return [Recorded(*row) for row in rows]


def _json_escaped(actor: str) -> bytes:
    """The actor's name as JSON, without the quotation marks."""
    return msgspec.json.encode(actor)[1:-1]
