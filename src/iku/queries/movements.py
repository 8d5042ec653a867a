"""Movements between two coordinates: events, or subjects that count differently.

Each statement returns one page in a total order.
"""

from collections.abc import AsyncIterator, Sequence
from datetime import date
from typing import Any, NamedTuple

from iku.domain.difference import CoordinateStep, DifferenceStep
from iku.domain.page_cursor import PageCursor
from iku.domain.question import Question
from iku.ledger.log import Reader

FOREVER = date.max  # the driver's name for PostgreSQL's infinity


class CountMovement(NamedTuple):
    """A movement of a subject's counts in a step.

    Attributes:
        position: Position of the event, in the knowledge step; otherwise 0.
        gained: Whether the event is known at the end of the step, but not at its
            beginning.
        numerator: Effect of the event on the numerator where it is known.
        denominator: Effect of the event on the denominator where it is known.
    """

    coordinate_step: CoordinateStep
    subject: str
    position: int = 0
    gained: bool = True
    numerator: int = 0
    denominator: int = 0

    @property
    def key(self) -> str:
        """The sort key of the movements of a step."""
        return str(self.position or self.subject)


async def movements(
    connection: Reader,
    steps: Sequence[CoordinateStep],
    after: PageCursor | None,
    limit: int,
) -> AsyncIterator[CountMovement]:
    """At most *limit* + 1 movements after the cursor, ordered by step and key."""
    letters = [one.step.letter for one in steps]
    left = limit + 1
    for coordinate_step in steps[letters.index(after.part) if after else 0 :]:
        key = after.key if after and after.part == coordinate_step.step.letter else ""
        if left and coordinate_step.before != coordinate_step.after:
            for move in await _movements_in_step(
                connection, coordinate_step, key, left
            ):
                left -= 1
                yield move


async def _movements_in_step(
    connection: Reader, coordinate_step: CoordinateStep, after: str, limit: int
) -> list[CountMovement]:
    if coordinate_step.step is DifferenceStep.KNOWLEDGE:
        return await event_movements(
            connection, [coordinate_step], int(after or 0), limit
        )
    return await _subject_movements(connection, coordinate_step, after, limit)


async def event_movements(
    connection: Reader, steps: Sequence[CoordinateStep], after: int, limit: int
) -> list[CountMovement]:
    """The changes of the counts by events that only one end of a step includes.

    The *steps* differ only in the definition. At most *limit* changes of each, in order
    of position, after position *after*. If both ends know all events up to the lesser
    log size, only positions between the two log sizes are searched, otherwise the whole
    log.
    """
    if not steps:
        return []
    before, then = steps[0].before, steps[0].after
    rows = await connection.fetch(
        """
        select u.step, m.*
          from unnest($1::text[], $2::int[]) with ordinality
               as u (indicator, version, step)
          join projection.definition d
            on (d.indicator, d.version) = (u.indicator, u.version)
         cross join (
                 -- No event is known later than one that is recorded live after it.
                 select case
                          when $7 = $9::date
                            or least($7, $9) >= (
                                 select e.known_on
                                   from ledger.event e
                                  where e.position >= least($6::bigint, $8::bigint)
                                    and not e.declared
                                  order by e.position
                                  limit 1)
                            then least($6, $8)
                          else 0
                        end as size
                 offset 0
               ) shared
         cross join lateral (
                 select m.subject, m.position,
                        m.position <= $6 and m.known_on <= $7 as gained,
                        sum(m.numerator)::int, sum(m.denominator)::int
                   from projection.moved(
                          d.number, greatest($5::bigint, shared.size),
                          greatest($6, $8), null, null) m
                  where m.effective_on <= $3
                    and (m.since is null or m.since >= $4)
                    and (m.position <= $6 and m.known_on <= $7)
                        <> (m.position <= $8 and m.known_on <= $9)
                  group by m.position, m.subject, gained
                 having sum(m.numerator) <> 0 or sum(m.denominator) <> 0
                  order by m.position
                  limit $10
               ) m
         order by u.step, m.position
        """,
        [one.before.indicator for one in steps],
        [one.before.definition for one in steps],
        before.as_of,
        before.start,
        after,
        then.size,
        then.known_on or FOREVER,
        before.size,
        before.known_on or FOREVER,
        limit,
    )
    return [CountMovement(steps[number - 1], *row) for number, *row in rows]


async def _subject_movements(
    connection: Reader, coordinate_step: CoordinateStep, after: str, limit: int
) -> list[CountMovement]:
    """Subjects that count differently at the two ends of the step."""
    ends = [
        _coordinates(question)
        for question in (coordinate_step.before, coordinate_step.after)
    ]
    rows = await connection.fetch(
        """
        select c.subject
          from (
                 select u.version, u.start, u.size, u.place,
                        daterange(u.as_of, u.as_of, '[]') as days,
                        case when u.known_on is not null
                             then daterange(u.known_on, u.known_on, '[]')
                        end as known
                   from unnest($2::int[], $3::date[], $4::date[], $5::date[],
                               $6::bigint[])
                        with ordinality as u (
                        version, start, as_of, known_on, size, place)
                 offset 0 -- or each range would be computed for every contribution
               ) q
          join projection.definition d
            on (d.indicator, d.version) = ($1, q.version)
         cross join lateral projection.counting(
                 d.number, q.start, q.days, q.known, q.size) c
         where c.subject > $7
         group by c.subject
        having sum(c.numerator * (2 * q.place - 3)) <> 0 -- less at the first end
            or sum(c.denominator * (2 * q.place - 3)) <> 0
         order by c.subject
         limit $8
        """,
        coordinate_step.after.indicator,
        *zip(*ends, strict=True),
        after,
        limit,
    )
    return [CountMovement(coordinate_step, row["subject"]) for row in rows]


def _coordinates(question: Question) -> tuple[Any, ...]:
    return (
        *(question.definition, question.start, question.as_of),
        *(question.known_on, question.size),
    )
