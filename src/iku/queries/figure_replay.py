"""Replay of a figure: every movement of its counts, with the counts after it.

Movements are ordered by position in the log or by effective date. They are read by
keyset pagination, one query a page, so a replay of any length needs bounded memory and
holds no transaction or connection between pages.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any

import asyncpg
from msgspec import Meta, Struct

from iku.domain.access import Action
from iku.domain.figure import Figure
from iku.ledger.log import Reader
from iku.projections import number_index
from iku.queries.figure_parameters import IndicatorQuestion
from iku.queries.view import View

PAGE = 500  # rows that begin or end, per query


class ReplayOrder(StrEnum):
    """The order of a replay: by position in the log, or by effective date."""

    KNOWN = "known"
    HAPPENED = "happened"


class ReplayQuestion(IndicatorQuestion, frozen=True, kw_only=True):
    """The figure to replay, and the order."""

    order: Annotated[
        ReplayOrder,
        Meta(
            description="Order of the changes: by position, as they became known, or "
            "by day, as they happened."
        ),
    ] = ReplayOrder.KNOWN


class MovedSubject(Struct, frozen=True):
    """The case or organisation that moved a count.

    Attributes:
        category: conflict or organisation.
    """

    category: str
    id: str
    number: str


class CountsChange(Struct, frozen=True):
    """The change of the counts by a movement."""

    numerator: int
    denominator: int


class ReplayLine(Struct, frozen=True):
    """One movement of the counts, with its event.

    Attributes:
        position: Position of the event in the log.
        version: Version of the event in the stream of its subject.
        type: Event type.
        effective_on: The day on which the count moves. A correction reverses it on the
            day on which it had moved wrongly.
        known_on: The day on which the office knew the event.
        part: Dimension of a case, kind of an organisation.
        district: Code of the district; empty if none is known.
        numerator: After the movement; on the last line, the figure's.
        denominator: After the movement; on the last line, the figure's.
    """

    position: int
    version: int
    type: str
    subject: MovedSubject
    effective_on: date
    known_on: date
    recorded_at: datetime
    part: str
    district: str
    moved: CountsChange
    numerator: int
    denominator: int


async def pages(
    view: View, figure: Figure, order: ReplayOrder
) -> AsyncIterator[list[ReplayLine]]:
    """The pages of movements that lead to *figure*, in order; none is empty.

    Only events that the figure counts are included. The effect of an event on one day,
    part and district is one movement; an event may have several, such as a correction.
    Events that move neither count, such as an expiry, are omitted.

    Raises:
        Forbidden: The indicator counts subjects of another division.
    """
    await view.require_indicator(Action.READ_HISTORY, figure.indicator)
    end = last_position if order is ReplayOrder.KNOWN else _last_day
    after: Any = _FIRST[order]
    numerator, denominator = 0, 0
    while True:
        upto = await end(view.reader, figure, after)
        if upto is None:
            return
        rows = await movements(view.reader, figure, order, after, upto)
        lines = await numbered_lines(
            view.reader, figure, rows, (numerator, denominator)
        )
        if lines:
            numerator, denominator = lines[-1].numerator, lines[-1].denominator
            yield lines
        after = upto


async def numbered_lines(
    reader: Reader,
    figure: Figure,
    rows: Sequence[asyncpg.Record],
    before: tuple[int, int],
) -> list[ReplayLine]:
    """The movements *rows*, which follow the counts *before*, with the counts after."""
    numbered = await _subject_numbers(reader, figure, rows)
    numerator, denominator = before
    lines = []
    for row in rows:
        numerator += row["numerator"]
        denominator += row["denominator"]
        lines.append(
            _replay_line(row, numbered[row["subject"]], numerator, denominator)
        )
    return lines


async def _subject_numbers(
    reader: Reader, figure: Figure, rows: Sequence[asyncpg.Record]
) -> Mapping[str, str]:
    """The number of each subject as known at the figure's coordinates."""
    if not rows:
        return {}
    return await number_index.numbers_at(
        reader,
        rows[0]["stream"].partition("-")[0],  # all subjects of a figure are of one kind
        {row["subject"] for row in rows},
        size=figure.size,
        known_on=figure.known_on,
    )


_FIRST = {ReplayOrder.KNOWN: 0, ReplayOrder.HAPPENED: date.min}


async def last_position(
    reader: Reader, figure: Figure, after: int, limit: int | None = None
) -> int | None:
    """The last position of the next page; None if there is no further row.

    A page covers *limit* rows that begin or end, by default `PAGE`.
    """
    last: int | None = await reader.fetchval(
        """
          with counted as (
            select d.number
              from projection.definition d
             where (d.indicator, d.version) = ($1, $2)
          )
        select max(position)
          from (
                 (select c.position
                    from projection.contribution c
                   where c.definition = (select number from counted)
                     and c.position > $3
                     and c.position <= $4
                   order by c.position
                   limit $5)
                 union all
                 (select c.superseded
                    from projection.contribution c
                   where c.definition = (select number from counted)
                     and c.superseded > $3
                     and c.superseded <= $4
                     and c.superseded < 9223372036854775807 -- as the index has it
                   order by c.superseded
                   limit $5)
                 order by position
                 limit $5
               ) next
        """,
        figure.indicator,
        figure.definition,
        after,
        figure.size,
        limit or PAGE,
    )
    return last


async def _last_day(reader: Reader, figure: Figure, after: date) -> date | None:
    """The last day of the next page; None if there is no further row."""
    last: date | None = await reader.fetchval(
        """
          with counted as (
            select d.number
              from projection.definition d
             where (d.indicator, d.version) = ($1, $2)
          )
        select max(day)
          from (
                 (select lower(c.valid) as day
                    from projection.contribution c
                   where c.definition = (select number from counted)
                     and lower(c.valid) > $3
                     and lower(c.valid) <= $4
                   order by lower(c.valid)
                   limit $5)
                 union all
                 (select upper(c.valid)
                    from projection.contribution c
                   where c.definition = (select number from counted)
                     and upper(c.valid) > $3
                     and upper(c.valid) <= $4
                   order by upper(c.valid)
                   limit $5)
                 order by day
                 limit $5
               ) next
        """,
        figure.indicator,
        figure.definition,
        after,
        figure.as_of,
        PAGE,
    )
    return last


async def movements(
    reader: Reader, figure: Figure, order: ReplayOrder, after: Any, upto: Any
) -> list[asyncpg.Record]:
    """The movements in a range of positions or days, in that order."""
    known = order is ReplayOrder.KNOWN
    positions = (after, upto) if known else (0, figure.size)
    days = (None, None) if known else (after, upto)
    return await reader.fetch(
        """
        select m.position, m.effective_on, m.part, m.district, m.known_on, m.subject,
               m.numerator, m.denominator, e.stream, e.version, e.type, e.recorded_at
          from (
                 select m.position, m.effective_on, m.part, m.district, m.known_on,
                        min(m.subject) as subject, sum(m.numerator) as numerator,
                        sum(m.denominator) as denominator
                   from projection.definition d
                  cross join lateral projection.moved(
                          d.number, $3::bigint, $4::bigint, $5::date, $6::date) m
                  where (d.indicator, d.version) = ($1, $2)
                    and m.effective_on <= $7
                    and m.known_on <= $8
                    and (m.since is null or m.since >= $9)
                  group by m.position, m.effective_on, m.part, m.district, m.known_on
                 having sum(m.numerator) <> 0 or sum(m.denominator) <> 0
               ) m
          join ledger.event e
            on e.position = m.position
         order by case when $5::date is not null then m.effective_on end, m.position,
                  m.effective_on, m.part, m.district
        """,
        figure.indicator,
        figure.definition,
        *positions,
        *days,
        figure.as_of,
        figure.known_on,
        figure.period.start,
    )


def _replay_line(
    row: asyncpg.Record, number: str, numerator: int, denominator: int
) -> ReplayLine:
    return ReplayLine(
        position=row["position"],
        version=row["version"],
        type=row["type"],
        subject=MovedSubject(row["stream"].partition("-")[0], row["subject"], number),
        effective_on=row["effective_on"],
        known_on=row["known_on"],
        recorded_at=row["recorded_at"],
        part=row["part"],
        district=row["district"],
        moved=CountsChange(row["numerator"], row["denominator"]),
        numerator=numerator,
        denominator=denominator,
    )
