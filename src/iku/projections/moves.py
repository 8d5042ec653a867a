"""What moved between two coordinates: read from the journal, by its own indexes.

Each step of a difference has a statement of its own, which answers a page at a time,
in a total order, and holds nothing in memory but that page.
"""

from collections.abc import AsyncIterator, Sequence
from datetime import date, timedelta
from typing import NamedTuple

from iku.domain.difference import Leg, Step
from iku.domain.place import Place
from iku.ledger.log import Connection

FOREVER = date.max  # the driver's name for PostgreSQL's infinity


class Move(NamedTuple):
    """That a subject's count moved in a leg.

    Attributes:
        position: Of the event that moved it, in the knowledge step; else 0.
        gained: Whether the event is heard at the end of the leg, not at its beginning.
    """

    leg: Leg
    subject: str
    position: int = 0
    gained: bool = True

    @property
    def key(self) -> str:
        """What moves of one leg are ordered by."""
        return str(self.position or self.subject)


async def moves(
    connection: Connection, legs: Sequence[Leg], after: Place | None, limit: int
) -> AsyncIterator[Move]:
    """What moved after that place: at most one more than *limit*, in order."""
    letters = [leg.step.letter for leg in legs]
    left = limit + 1
    for leg in legs[letters.index(after.part) if after else 0 :]:
        key = after.key if after and after.part == leg.step.letter else ""
        if left and leg.before != leg.after:
            for move in await _moves_of(connection, leg, key, left):
                left -= 1
                yield move


async def _moves_of(
    connection: Connection, leg: Leg, after: str, limit: int
) -> list[Move]:
    match leg.step:
        case Step.KNOWLEDGE:
            return await _events(connection, leg, int(after or 0), limit)
        case Step.DEFINITION:
            return await _by_definition(connection, leg, after, limit)
        case _:
            return await _in_time(connection, leg, after, limit)


async def _events(
    connection: Connection, leg: Leg, after: int, limit: int
) -> list[Move]:
    """Events that are heard at one end of the leg only, and move its figure.

    They lie between the two sizes, or between the two days of knowledge: both are
    stretches of an index.
    """
    before, then = leg.before, leg.after
    sizes = sorted([before.size or 0, then.size or 0])
    days = sorted([before.known_on or FOREVER, then.known_on or FOREVER])
    rows = await connection.fetch(
        """
        select p.position, p.subject, p.position <= $6 and p.known_on <= $7 as gained
          from posting p
         where p.indicator = $1
           and p.definition = $2
           and p.effective_on <= $3
           and (p.since is null or p.since >= $4)
           and p.position > $5
           and (p.position > $10 and p.position <= $11
                or p.known_on > $12 and p.known_on <= $13)
           and (p.position <= $6 and p.known_on <= $7)
               <> (p.position <= $8 and p.known_on <= $9)
         group by p.position, p.subject, gained
        having sum(p.numerator) <> 0 or sum(p.denominator) <> 0
         order by p.position
         limit $14
        """,
        before.indicator,
        before.definition,
        before.as_of,
        before.start,
        after,
        then.size,
        then.known_on or FOREVER,
        before.size,
        before.known_on or FOREVER,
        *sizes,
        *days,
        limit,
    )
    return [Move(leg, r["subject"], r["position"], r["gained"]) for r in rows]


async def _by_definition(
    connection: Connection, leg: Leg, after: str, limit: int
) -> list[Move]:
    """Subjects that count otherwise by the other definition, on the same day."""
    rows = await connection.fetch(
        """
        select p.subject
          from posting p
         where p.indicator = $1
           and p.definition in ($2, $3)
           and p.effective_on <= $4
           and (p.since is null or p.since >= $5)
           and p.position <= $6
           and p.known_on <= $7
           and p.subject > $8
         group by p.subject
        having sum(case p.definition when $2 then 1 else -1 end * p.numerator) <> 0
            or sum(case p.definition when $2 then 1 else -1 end * p.denominator) <> 0
         order by p.subject
         limit $9
        """,
        leg.before.indicator,
        leg.before.definition,
        leg.after.definition,
        leg.before.as_of,
        leg.before.start,
        leg.after.size,
        leg.after.known_on or FOREVER,
        after,
        limit,
    )
    return [Move(leg, row["subject"]) for row in rows]


async def _in_time(
    connection: Connection, leg: Leg, after: str, limit: int
) -> list[Move]:
    """Subjects that count otherwise on the other day, or in the other period."""
    first, last = _stretch(leg)
    rows = await connection.fetch(
        """
        select m.subject
          from (
               select p.subject, p.numerator, p.denominator,
                      (p.effective_on <= $8 and coalesce(p.since >= $9, true))::int
                      - (p.effective_on <= $6 and coalesce(p.since >= $7, true))::int
                      as sign
                 from posting p
                where p.indicator = $1
                  and p.definition = $2
                  and p.position <= $3
                  and p.known_on <= $4
                  and p.subject > $5
                  and p.effective_on between $10 and $11
               ) m
         group by m.subject
        having sum(m.sign * m.numerator) <> 0 or sum(m.sign * m.denominator) <> 0
         order by m.subject
         limit $12
        """,
        leg.after.indicator,
        leg.after.definition,
        leg.after.size,
        leg.after.known_on or FOREVER,
        after,
        leg.before.as_of,
        leg.before.start,
        leg.after.as_of,
        leg.after.start,
        first,
        last,
        limit,
    )
    return [Move(leg, row["subject"]) for row in rows]


def _stretch(leg: Leg) -> tuple[date, date]:
    """The first and last day of effect of what counts at one end of the leg only.

    What took effect by the earlier day counts at both ends, or at neither, unless it
    counts in periods up to some day only; and that day is never later than its effect.
    """
    starts = sorted([leg.before.start, leg.after.start])
    days = sorted([leg.before.as_of, leg.after.as_of])
    first = starts[0] if starts[0] != starts[1] else days[0] + timedelta(days=1)
    return first, days[1]
