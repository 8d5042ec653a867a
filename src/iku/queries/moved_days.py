"""The nearest days before and after a day on which the counts of figures changed."""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from iku.domain.figure import Figure
from iku.domain.period import MONTHS
from iku.ledger.log import Reader


class MovedDays(NamedTuple):
    """The nearest days on which a figure moved; None if there is none."""

    earlier: date | None
    later: date | None


# Both read the two indexes of days in order, and stop at the first day that moved.
_EARLIER = """
    select max(found.day)
      from projection.definition d
      join unnest($1::text[], $2::int[]) as u (indicator, version)
        on (d.indicator, d.version) = (u.indicator, u.version)
     cross join lateral (
            select m.day
              from (select lower(c.valid) as day, c.numerator, c.denominator, c.since,
                           c.position, c.superseded, c.known_from, c.known_to
                      from projection.contribution c
                     where c.definition = d.number
                       and lower(c.valid) < $3
                     union all
                    select upper(c.valid), -c.numerator, -c.denominator, c.since,
                           c.position, c.superseded, c.known_from, c.known_to
                      from projection.contribution c
                     where c.definition = d.number
                       and upper(c.valid) < $3) m
             where m.position <= $4
               and m.known_from <= $5
               and (m.superseded > $4 or m.known_to > $5)
               and (m.since is null
                    or m.since >= make_date(
                         extract(year from m.day)::int,
                         (extract(month from m.day)::int - 1) / $6 * $6 + 1, 1))
             group by m.day
            having sum(m.numerator) <> 0 or sum(m.denominator) <> 0
             order by m.day desc
             limit 1) found
"""
_LATER = """
    select min(found.day)
      from projection.definition d
      join unnest($1::text[], $2::int[]) as u (indicator, version)
        on (d.indicator, d.version) = (u.indicator, u.version)
     cross join lateral (
            select m.day
              from (select lower(c.valid) as day, c.numerator, c.denominator, c.since,
                           c.position, c.superseded, c.known_from, c.known_to
                      from projection.contribution c
                     where c.definition = d.number
                       and lower(c.valid) > $3
                     union all
                    select upper(c.valid), -c.numerator, -c.denominator, c.since,
                           c.position, c.superseded, c.known_from, c.known_to
                      from projection.contribution c
                     where c.definition = d.number
                       and upper(c.valid) > $3) m
             where m.position <= $4
               and m.known_from <= $5
               and (m.superseded > $4 or m.known_to > $5)
               and (m.since is null
                    or m.since >= make_date(
                         extract(year from m.day)::int,
                         (extract(month from m.day)::int - 1) / $6 * $6 + 1, 1))
             group by m.day
            having sum(m.numerator) <> 0 or sum(m.denominator) <> 0
             order by m.day
             limit 1) found
"""


async def moved_days(
    reader: Reader, figures: Sequence[Figure], today: date
) -> MovedDays:
    """The days nearest to that of *figures* on which one of them moved, up to *today*.

    *figures* share day, kind of period and cut-offs. A contribution that counts only in
    earlier periods than that of a day does not move the figure of that day. The
    beginning of a period, at which figures start again, is not a movement.
    """
    of = figures[0]
    coordinates = (
        [one.indicator for one in figures],
        [one.definition for one in figures],
        of.as_of,
        of.size,
        of.known_on,
        MONTHS[of.period.kind],
    )
    earlier = await reader.fetchval(_EARLIER, *coordinates)
    later = await reader.fetchval(_LATER, *coordinates)
    return MovedDays(earlier, later if later and later <= today else None)
