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
    select near.found, near.reached
      from unnest($1::text[], $2::int[], $3::date[]) with ordinality as f (
           indicator, definition, day, number)
      join projection.definition d
        on (d.indicator, d.version) = (f.indicator, f.definition)
     cross join lateral (
             with day as (
               select day
                 from ((select distinct lower(c.valid) as day
                          from projection.contribution c
                         where c.definition = d.number
                           and lower(c.valid) < f.day
                         order by day desc
                         limit $7)
                       union
                       (select distinct upper(c.valid) as day
                          from projection.contribution c
                         where c.definition = d.number
                           and upper(c.valid) < f.day
                         order by day desc
                         limit $7)) either
                order by day desc
                limit $7
             )
             select (select min(day) from day) as reached,
                    (select day.day
                       from day
                      cross join lateral (
                             select sum(c.sign * c.numerator) as numerator,
                                    sum(c.sign * c.denominator) as denominator
                               from (select 1 as sign, b.*
                                       from projection.contribution b
                                      where b.definition = d.number
                                        and lower(b.valid) = day.day
                                      union all
                                     select -1, e.*
                                       from projection.contribution e
                                      where e.definition = d.number
                                        and upper(e.valid) = day.day) c
                              where c.position <= $4
                                and c.known_from <= $5
                                and (c.superseded > $4 or c.known_to > $5)
                                and (c.since is null
                                     or c.since >= make_date(
                                          extract(year from day.day)::int,
                                          (extract(month from day.day)::int - 1)
                                            / $6 * $6 + 1, 1))
                            ) moved
                      where moved.numerator <> 0 or moved.denominator <> 0
                      order by day.day desc
                      limit 1) as found
           ) near
     order by f.number
"""
_LATER = """
    select near.found, near.reached
      from unnest($1::text[], $2::int[], $3::date[]) with ordinality as f (
           indicator, definition, day, number)
      join projection.definition d
        on (d.indicator, d.version) = (f.indicator, f.definition)
     cross join lateral (
             with day as (
               select day
                 from ((select distinct lower(c.valid) as day
                          from projection.contribution c
                         where c.definition = d.number
                           and lower(c.valid) > f.day
                         order by day
                         limit $7)
                       union
                       (select distinct upper(c.valid) as day
                          from projection.contribution c
                         where c.definition = d.number
                           and upper(c.valid) > f.day
                         order by day
                         limit $7)) either
                order by day
                limit $7
             )
             select (select max(day) from day) as reached,
                    (select day.day
                       from day
                      cross join lateral (
                             select sum(c.sign * c.numerator) as numerator,
                                    sum(c.sign * c.denominator) as denominator
                               from (select 1 as sign, b.*
                                       from projection.contribution b
                                      where b.definition = d.number
                                        and lower(b.valid) = day.day
                                      union all
                                     select -1, e.*
                                       from projection.contribution e
                                      where e.definition = d.number
                                        and upper(e.valid) = day.day) c
                              where c.position <= $4
                                and c.known_from <= $5
                                and (c.superseded > $4 or c.known_to > $5)
                                and (c.since is null
                                     or c.since >= make_date(
                                          extract(year from day.day)::int,
                                          (extract(month from day.day)::int - 1)
                                            / $6 * $6 + 1, 1))
                            ) moved
                      where moved.numerator <> 0 or moved.denominator <> 0
                      order by day.day
                      limit 1) as found
           ) near
     order by f.number
"""


async def moved_days(
    reader: Reader, figures: Sequence[Figure], today: date
) -> MovedDays:
    """The days nearest to that of *figures* on which one of them moved, up to *today*.

    *figures* share day, kind of period and cut-offs. A contribution that counts only in
    earlier periods than that of a day does not move the figure of that day. The
    beginning of a period, at which figures start again, is not a movement.
    """
    earlier = await _moved(reader, figures, _EARLIER)
    later = await _moved(reader, figures, _LATER)
    next_day = min(later, default=None)
    return MovedDays(
        max(earlier, default=None),
        next_day if next_day and next_day <= today else None,
    )


async def _moved(
    reader: Reader, figures: Sequence[Figure], statement: str
) -> list[date]:
    """The nearest day in one direction on which each of *figures* moved, if any.

    Where none of the nearest `CHUNK` days moved it as known at its coordinates, the
    days beyond them are read.
    """
    found: list[date] = []
    left = [(figure, figure.as_of) for figure in figures]
    while left:
        rows = await reader.fetch(
            statement,
            [figure.indicator for figure, _ in left],
            [figure.definition for figure, _ in left],
            [day for _, day in left],
            figures[0].size,
            figures[0].known_on,
            MONTHS[figures[0].period.kind],
            CHUNK,
        )
        found += [row["found"] for row in rows if row["found"]]
        left = [
            (figure, row["reached"])
            for (figure, _), row in zip(left, rows, strict=True)
            if row["reached"] and not row["found"]
        ]
    return found
