"""The nearest days before and after a day on which the counts of figures changed."""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from iku.domain.figure import Figure
from iku.domain.period import MONTHS
from iku.ledger.log import Reader

CHUNK = 30  # days that are examined at a time


class MovedDays(NamedTuple):
    """The nearest days on which a figure moved; None if there is none."""

    earlier: date | None
    later: date | None


# Both read the nearest days on which any contribution begins or ends, by index, and add
# up what begins and ends on each of them, up to the first day that moved.
_EARLIER = """
      with counted as (
        select number from projection.definition where (indicator, version) = ($1, $2)
      ),
      day as (
        select day
          from ((select distinct lower(c.valid) as day
                   from projection.contribution c
                  where c.definition = (select number from counted)
                    and lower(c.valid) < $3
                  order by day desc
                  limit $7)
                union
                (select distinct upper(c.valid) as day
                   from projection.contribution c
                  where c.definition = (select number from counted)
                    and upper(c.valid) < $3
                  order by day desc
                  limit $7)) either
         order by day desc
         limit $7
      )
    select (select min(day) from day) as reached,
           (select d.day
              from day d
             cross join lateral (
                    select sum(c.sign * c.numerator) as numerator,
                           sum(c.sign * c.denominator) as denominator
                      from (select 1 as sign, b.*
                              from projection.contribution b
                             where b.definition = (select number from counted)
                               and lower(b.valid) = d.day
                             union all
                            select -1, e.*
                              from projection.contribution e
                             where e.definition = (select number from counted)
                               and upper(e.valid) = d.day) c
                     where c.position <= $4
                       and c.known_from <= $5
                       and (c.superseded > $4 or c.known_to > $5)
                       and (c.since is null
                            or c.since >= make_date(
                                 extract(year from d.day)::int,
                                 (extract(month from d.day)::int - 1) / $6 * $6 + 1, 1))
                   ) moved
             where moved.numerator <> 0 or moved.denominator <> 0
             order by d.day desc
             limit 1) as found
"""
_LATER = """
      with counted as (
        select number from projection.definition where (indicator, version) = ($1, $2)
      ),
      day as (
        select day
          from ((select distinct lower(c.valid) as day
                   from projection.contribution c
                  where c.definition = (select number from counted)
                    and lower(c.valid) > $3
                  order by day
                  limit $7)
                union
                (select distinct upper(c.valid) as day
                   from projection.contribution c
                  where c.definition = (select number from counted)
                    and upper(c.valid) > $3
                  order by day
                  limit $7)) either
         order by day
         limit $7
      )
    select (select max(day) from day) as reached,
           (select d.day
              from day d
             cross join lateral (
                    select sum(c.sign * c.numerator) as numerator,
                           sum(c.sign * c.denominator) as denominator
                      from (select 1 as sign, b.*
                              from projection.contribution b
                             where b.definition = (select number from counted)
                               and lower(b.valid) = d.day
                             union all
                            select -1, e.*
                              from projection.contribution e
                             where e.definition = (select number from counted)
                               and upper(e.valid) = d.day) c
                     where c.position <= $4
                       and c.known_from <= $5
                       and (c.superseded > $4 or c.known_to > $5)
                       and (c.since is null
                            or c.since >= make_date(
                                 extract(year from d.day)::int,
                                 (extract(month from d.day)::int - 1) / $6 * $6 + 1, 1))
                   ) moved
             where moved.numerator <> 0 or moved.denominator <> 0
             order by d.day
             limit 1) as found
"""


async def moved_days(
    reader: Reader, figures: Sequence[Figure], today: date
) -> MovedDays:
    """The days nearest to that of *figures* on which one of them moved, up to *today*.

    *figures* share day, kind of period and cut-offs. A contribution that counts only in
    earlier periods than that of a day does not move the figure of that day. The
    beginning of a period, at which figures start again, is not a movement.
    """
    earlier = [await _nearest(reader, one, _EARLIER) for one in figures]
    later = [await _nearest(reader, one, _LATER) for one in figures]
    next_day = min((day for day in later if day), default=None)
    return MovedDays(
        max((day for day in earlier if day), default=None),
        next_day if next_day and next_day <= today else None,
    )


async def _nearest(reader: Reader, figure: Figure, statement: str) -> date | None:
    """The nearest day in one direction on which *figure* moved; None if there is none.

    Where none of the nearest `CHUNK` days moved it as known at its coordinates, the
    days beyond them are read.
    """
    day: date | None = figure.as_of
    while day is not None:
        row = await reader.fetchrow(
            statement,
            figure.indicator,
            figure.definition,
            day,
            figure.size,
            figure.known_on,
            MONTHS[figure.period.kind],
            CHUNK,
        )
        if row is None:
            raise AssertionError("a selection without a table has one row")
        if row["found"] is not None:
            found: date = row["found"]
            return found
        day = row["reached"]
    return None
