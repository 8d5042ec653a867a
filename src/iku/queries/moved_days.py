"""The nearest days before and after a day on which the counts of figures changed."""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

import asyncpg

from iku.domain.figure import Figure
from iku.domain.period import MONTHS
from iku.ledger.log import Reader


class MovedDays(NamedTuple):
    """The nearest days on which a figure moved; None if there is none."""

    earlier: date | None
    later: date | None


async def moved_days(
    reader: Reader, figures: Sequence[Figure], today: date
) -> MovedDays:
    """The days nearest to that of *figures* on which one of them moved, up to *today*.

    *figures* share day, kind of period and cut-offs. A contribution that counts only in
    earlier periods than that of a day does not move the figure of that day. The
    beginning of a period, at which figures start again, is not a movement.

    Where none of the nearest days moved a figure as known at its coordinates, the days
    beyond them are read.
    """
    earlier: list[date] = []
    later: list[date] = []
    left: list[_Search] = [_Search(one, one.as_of, one.as_of) for one in figures]
    while left:
        rows = await _nearest(reader, left)
        earlier += [row["earlier"] for row in rows if row["earlier"]]
        later += [row["later"] for row in rows if row["later"]]
        searched = [
            _Search(
                one.figure,
                None if row["earlier"] else row["first"],
                None if row["later"] else row["last"],
            )
            for one, row in zip(left, rows, strict=True)
        ]
        left = [one for one in searched if one.before or one.after]
    next_day = min(later, default=None)
    return MovedDays(
        max(earlier, default=None),
        next_day if next_day and next_day <= today else None,
    )


class _Search(NamedTuple):
    """A figure, and the days from which its movements are searched; None: found."""

    figure: Figure
    before: date | None
    after: date | None


async def _nearest(reader: Reader, left: Sequence[_Search]) -> list[asyncpg.Record]:
    """The nearest days of each search, and the days that it reached."""
    at = left[0].figure
    return await reader.fetch(
        """
        select b.found as earlier, b.reached as first, a.found as later,
               a.reached as last
          from unnest($1::text[], $2::int[], $3::date[], $4::date[])
               with ordinality as f (indicator, definition, before, after, number)
          join projection.definition d
            on (d.indicator, d.version) = (f.indicator, f.definition)
          left join lateral projection.moved_before(d.number, f.before, $5, $6, $7) b
            on true
          left join lateral projection.moved_after(d.number, f.after, $5, $6, $7) a
            on true
         order by f.number
        """,
        [one.figure.indicator for one in left],
        [one.figure.definition for one in left],
        [one.before for one in left],
        [one.after for one in left],
        at.size,
        at.known_on,
        MONTHS[at.period.kind],
    )
