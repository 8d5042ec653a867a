"""Figures of any day, as known on any other, from any size of the log.

A figure is a sum of balances, so it costs the same however long the log is. It is read
in one statement, hence from one snapshot: counts, size and definitions belong together.
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import asyncpg
from msgspec import Struct

from iku.domain import fact, figure, indicator, scale
from iku.domain.deciders import DECIDERS
from iku.domain.figure import Basis, Counts, Figure, Made
from iku.domain.indicator import Definition, Indicator
from iku.domain.question import (
    SCALE,
    Known,
    Question,
    Unanswerable,
    Unknown,
    basis,
    coordinates,
    refuse_future,
)
from iku.domain.scale import Scale
from iku.ledger import log
from iku.ledger.log import Reader


class Figures:
    """Answers questions; keeps the definitions, targets and scale it has read."""

    def __init__(self) -> None:
        self._facts: dict[str, list[Known]] = {}

    async def answer(
        self, connection: Reader, questions: Sequence[Question], today: date
    ) -> list[Figure]:
        """The figures asked for, in order, all from one snapshot.

        Raises:
            Unknown: There is no such indicator.
            Unanswerable: A day, size or version asked for does not exist (yet).
        """
        return [one.figure for one in await self.make(connection, questions, today)]

    async def make(
        self, connection: Reader, questions: Sequence[Question], today: date
    ) -> list[Made]:
        """The same, each figure with what it is made with (raises as `answer` does)."""
        for question in questions:
            refuse_future(question.as_of, today)
        try:
            _asked(self._facts, questions)
        except (Unknown, Unanswerable):
            # It may have been recorded since, by this process or by another.
            await self.refresh(connection)
        while True:
            # Kept here, as somebody else may refresh while we wait for the counts.
            facts = self._facts
            asked = _asked(facts, questions)
            rows = await _count(connection, asked, list(facts))
            if rows[0]["generation"] == sum(map(len, facts.values())):
                return _made(asked, rows, today)
            await self.refresh(connection)

    async def indicators(self, connection: Reader) -> dict[str, Indicator]:
        """All indicators as they stand, by code."""
        await self.refresh(connection)
        folded = {
            stream.partition("-")[2]: indicator.decider.fold(f.event for f in facts)
            for stream, facts in self._facts.items()
            if stream.startswith("indicator-")
        }
        return {code: state for code, state in folded.items() if state is not None}

    def definitions(self, code: str) -> tuple[Definition, ...]:
        """Versions of that indicator's definition: all that it was ever answered by."""
        facts = self._facts.get(indicator.decider.stream(code), [])
        state = indicator.decider.fold(f.event for f in facts)
        return state.definitions if state else ()

    async def scale(self, connection: Reader) -> Scale | None:
        """The rating scale as it stands."""
        await self.refresh(connection)
        facts = self._facts.get(scale.decider.stream(SCALE), [])
        return scale.decider.fold(f.event for f in facts)

    async def refresh(self, connection: Reader) -> None:
        """Read what the log holds of indicators and the scale."""
        rows = await connection.fetch(
            """
            select stream
              from ledger.stream
             where stream like 'indicator-%' or stream like 'scale-%'
             order by stream
            """
        )
        found = await log.read_streams(connection, [row["stream"] for row in rows])
        self._facts = {
            stream: [
                Known(r.position, r.known_on, fact.of(r, _event_type(stream)))
                for r in recorded
            ]
            for stream, recorded in found.items()
        }


def _stream(question: Question) -> str:
    return indicator.decider.stream(question.indicator)


def _event_type(stream: str) -> Any:
    return DECIDERS[stream.partition("-")[0]].event_type


class _Asked(Struct, frozen=True):
    question: Question
    basis: Basis


def _asked(
    facts: Mapping[str, list[Known]], questions: Sequence[Question]
) -> list[_Asked]:
    return [_ask(facts, question) for question in questions]


def _ask(facts: Mapping[str, list[Known]], question: Question) -> _Asked:
    if _stream(question) not in facts:
        raise Unknown(f"there is no indicator {question.indicator}")
    of_scale = facts[scale.decider.stream(SCALE)]
    of_indicator = facts[_stream(question)]
    return _Asked(question, basis(of_indicator, of_scale, question))


async def _count(
    connection: Reader, asked: Sequence[_Asked], streams: Sequence[str]
) -> list[asyncpg.Record]:
    """Rows of counts, at least one a question, each with the log's size."""
    return await connection.fetch(
        """
        select q.number - 1 as number, c.part, c.numerator, c.denominator, c.expired,
               h.size, h.known_on, g.generation
          from unnest($1::text[], $2::int[], $3::text[], $4::date[], $5::date[],
                      $6::date[], $7::bigint[])
               with ordinality as q (
               indicator, definition, breakdown, start, as_of, known_on, size, number)
         cross join ledger.head h
         cross join rolled r -- locked before the snapshot is taken: see rebuild
         cross join (
                 select coalesce(sum(s.version), 0) as generation
                   from ledger.stream s
                  where s.stream = any($8::text[])
               ) g
          left join lateral projection.counts(
                 q.indicator, q.definition, q.breakdown, q.start, q.as_of, q.known_on,
                 q.size) c
            on true
         order by q.number, c.part
        """,
        *zip(*(_arguments(one) for one in asked), strict=True),
        streams,
    )


def _arguments(asked: _Asked) -> tuple[Any, ...]:
    question = asked.question
    return (
        question.indicator,
        asked.basis.definition.version,
        question.breakdown or "",
        _finite(question.start),
        _finite(question.as_of),
        question.known_on and _finite(question.known_on),
        question.size,
    )


def _finite(day: date) -> date:
    """*day*, but never the first of all, which the driver takes for minus infinity.

    Infinity lies in no month. That nothing is as old as either day makes them one.
    """
    return max(day, date.min + timedelta(days=1))


def _made(
    asked: Sequence[_Asked], rows: Sequence[asyncpg.Record], today: date
) -> list[Made]:
    counts: list[dict[str, Counts]] = [{} for _ in asked]
    for row in rows:
        if row["part"] is not None:
            values = (row["numerator"], row["denominator"], row["expired"])
            counts[row["number"]][row["part"]] = Counts(*values)
    size, known = rows[0]["size"], max(today, rows[0]["known_on"])
    return [
        Made(_figure(a, c, size, known), a.basis)
        for a, c in zip(asked, counts, strict=True)
    ]


def _figure(asked: _Asked, counts: dict[str, Counts], size: int, known: date) -> Figure:
    question = asked.question
    at = coordinates(question, asked.basis.definition.version, size, known)
    total = sum(counts.values(), Counts())
    parts = None if question.breakdown is None else counts
    return figure.figure(at, total, asked.basis, parts)
