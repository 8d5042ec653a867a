"""One step of a replay: a movement of a figure, and the movements before and after it.

The counts before a step are those of the same figure in a log that ends before it, so a
step costs the same wherever it is in the log.
"""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

import asyncpg

from iku.domain.access import Action
from iku.domain.figure import Figure
from iku.domain.question import Question
from iku.ledger.log import Reader
from iku.queries import figure_replay
from iku.queries.figure_replay import ReplayLine, ReplayOrder
from iku.queries.figures import Figures
from iku.queries.view import View

CHUNK = 50  # rows that begin or end, searched at a time


class ReplayStep(NamedTuple):
    """A step of a replay in the order of the log.

    Attributes:
        position: Position of the event of the step; 0 is before the first event.
        numerator: Numerator before the step.
        denominator: Denominator before the step.
        lines: The movements by the event, with the counts after each; none before the
            first step.
        earlier: Position of the previous step; None at the first one.
        later: Position of the next step; None at the last one.
    """

    position: int
    numerator: int
    denominator: int
    lines: Sequence[ReplayLine]
    earlier: int | None
    later: int | None


async def step(
    view: View, figures: Figures, figure: Figure, position: int, today: date
) -> ReplayStep:
    """The step of the event at *position*, or of the last one before it.

    Raises:
        Forbidden: The indicator counts subjects of another division.
    """
    await view.require_indicator(Action.READ_HISTORY, figure.indicator)
    reader = view.reader
    at = await _last(reader, figure, min(position, figure.size) + 1)
    later = await _first(reader, figure, at or position)
    if at is None:
        return ReplayStep(0, 0, 0, (), None, later)
    question = Question(
        figure.indicator,
        figure.as_of,
        known_on=figure.known_on,
        size=at - 1,
        period=figure.period.kind,
        definition=figure.definition,
    )
    (before,) = await figures.answer(reader, [question], today)
    counts = before.numerator, before.denominator
    rows = await _movements(reader, figure, at - 1, at)
    lines = await figure_replay.numbered_lines(reader, figure, rows, counts)
    return ReplayStep(at, *counts, lines, await _last(reader, figure, at), later)


async def _movements(
    reader: Reader, figure: Figure, after: int, upto: int
) -> list[asyncpg.Record]:
    known = ReplayOrder.KNOWN
    return await figure_replay.movements(reader, figure, known, after, upto)


async def _last(reader: Reader, figure: Figure, before: int) -> int | None:
    """Position of the last movement before a position; None if there is none."""
    while before > 1:
        least = await _chunk_start(reader, figure, before)
        if least is None:
            return None
        if rows := await _movements(reader, figure, least - 1, before - 1):
            last: int = rows[-1]["position"]
            return last
        before = least
    return None


async def _first(reader: Reader, figure: Figure, after: int) -> int | None:
    """Position of the first movement after a position; None if there is none."""
    while True:
        upto = await _chunk_end(reader, figure, after)
        if upto is None:
            return None
        if rows := await _movements(reader, figure, after, upto):
            first: int = rows[0]["position"]
            return first
        after = upto


async def _chunk_end(reader: Reader, figure: Figure, after: int) -> int | None:
    return await figure_replay.last_position(reader, figure, after, CHUNK)


async def _chunk_start(reader: Reader, figure: Figure, before: int) -> int | None:
    """The lowest position among the last rows that begin or end before a position."""
    least: int | None = await reader.fetchval(
        """
          with counted as (
            select d.number
              from projection.definition d
             where (d.indicator, d.version) = ($1, $2)
          )
        select min(position)
          from (
                 (select c.position
                    from projection.contribution c
                   where c.definition = (select number from counted)
                     and c.position < $3
                   order by c.position desc
                   limit $4)
                 union all
                 (select c.superseded
                    from projection.contribution c
                   where c.definition = (select number from counted)
                     and c.superseded < $3
                     and c.superseded < 9223372036854775807 -- as the index has it
                   order by c.superseded desc
                   limit $4)
                 order by position desc
                 limit $4
               ) next
        """,
        figure.indicator,
        figure.definition,
        before,
        CHUNK,
    )
    return least
