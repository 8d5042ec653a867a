"""Figures as of any day, as known on any other, at any size of the log.

A figure is the sum of the contributions that are valid on its day and known at its
knowledge cut-off. Figures that differ only in their day, and those as known on their
own day, are counted together, by the changes from each day to the next. All are read in
one statement and therefore in one snapshot, so counts, size and definitions are
consistent.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from itertools import accumulate, chain, groupby
from typing import Any, NamedTuple

import asyncpg
from msgspec import Struct

from iku.domain import fact, figure, indicator, scale
from iku.domain.decider_registry import DECIDERS
from iku.domain.figure import Basis, ComputedFigure, Counts, Figure
from iku.domain.indicator import Definition, Indicator
from iku.domain.period import Kind
from iku.domain.question import (
    SCALE,
    DefinitionHistory,
    InvalidQuestion,
    KnownFact,
    Question,
    UnknownReference,
    basis_of_histories,
    complete_coordinates,
    refuse_future,
)
from iku.domain.scale import Scale
from iku.ledger import log
from iku.ledger.log import Reader
from iku.messages import message
from iku.queries import figure_cache
from iku.queries.figure_cache import CacheValidator, FigureCache


class Figures:
    """Computes figures; caches definitions, targets, scale and figures.

    Cached figures are valid until an event is recorded; a repeated question costs one
    look-up of the log's state.
    """

    def __init__(self) -> None:
        self._histories: dict[str, DefinitionHistory] = {}
        self._kept = FigureCache()

    async def answer(
        self,
        connection: Reader,
        questions: Sequence[Question],
        today: date,
        validator: CacheValidator | None = None,
    ) -> list[Figure]:
        """The requested figures, in order, from one snapshot.

        *validator* is the state of the log as read for this request; without it, the
        state is read here.

        Raises:
            UnknownReference: The indicator does not exist.
            InvalidQuestion: A requested day, size or version does not exist.
        """
        made = await self.compute(connection, questions, today, validator)
        return [one.figure for one in made]

    async def compute(
        self,
        connection: Reader,
        questions: Sequence[Question],
        today: date,
        validator: CacheValidator | None = None,
    ) -> list[ComputedFigure]:
        """The figures with definition, target and scale (raises as `answer`)."""
        key = (today, *questions)
        kept, mark = self._kept.get(key), self._kept.mark
        if kept is not None and mark == (
            validator or await _cache_validator(connection)
        ):
            return kept
        for question in questions:
            refuse_future(question.as_of, today)
        try:
            asked = _resolve_all(histories := self._histories, questions)
        except (UnknownReference, InvalidQuestion):
            # It may have been recorded since, by this or another process.
            await self.refresh(connection)
            asked = _resolve_all(histories := self._histories, questions)
        while True:
            groups = _counting_groups(asked)
            rows = await _count(connection, asked, groups, list(histories))
            if rows[0]["generation"] == sum(
                len(one.facts) for one in histories.values()
            ):
                break
            await self.refresh(connection)
            # A local copy, because another task may refresh while this one waits.
            asked = _resolve_all(histories := self._histories, questions)
        made = _computed_figures(asked, groups, rows, today)
        self._kept.put(key, made, figure_cache.cache_validator(rows[0]))
        return made

    def forget(self) -> None:
        """Discard all cached figures."""
        self._kept = FigureCache()

    async def indicators(self, connection: Reader) -> dict[str, Indicator]:
        """All indicators by code, in their present state."""
        await self.refresh(connection)
        folded = {
            stream.partition("-")[2]: history.state()
            for stream, history in self._histories.items()
            if stream.startswith("indicator-")
        }
        return {code: state for code, state in folded.items() if state is not None}

    def definitions(self, code: str) -> tuple[Definition, ...]:
        """All known versions of the definition of indicator *code*."""
        history = self._histories.get(indicator.decider.stream(code))
        return history.state().definitions if history else ()

    async def known_indicator(
        self, connection: Reader, question: Question
    ) -> Indicator | None:
        """The indicator of *question* at its cut-offs; None if it was not known yet.

        Raises:
            UnknownReference: The indicator does not exist.
        """
        await self.refresh(connection)
        history = self._histories.get(_indicator_stream(question))
        if history is None:
            raise _unknown_indicator(question)
        found: Indicator | None = history.state(question)
        return found

    async def scale(self, connection: Reader) -> Scale | None:
        """The rating scale in its present state."""
        await self.refresh(connection)
        history = self._histories.get(scale.decider.stream(SCALE))
        found: Scale | None = history.state() if history else None
        return found

    async def refresh(self, connection: Reader) -> None:
        """Read the indicators and the scale from the log, if it has more of them."""
        rows = await connection.fetch(
            """
            select stream, version
              from ledger.stream
             where stream like 'indicator-%' or stream like 'scale-%'
             order by stream
            """
        )
        read = {stream: len(one.facts) for stream, one in self._histories.items()}
        if read == {row["stream"]: row["version"] for row in rows}:
            return
        found = await log.read_streams(connection, [row["stream"] for row in rows])
        self._histories = {
            stream: DefinitionHistory(
                DECIDERS[stream.partition("-")[0]],
                [
                    KnownFact(
                        r.position,
                        r.known_on,
                        fact.decode_recorded(r, _event_type(stream)),
                    )
                    for r in recorded
                ],
            )
            for stream, recorded in found.items()
        }


def _indicator_stream(question: Question) -> str:
    return indicator.decider.stream(question.indicator)


def _event_type(stream: str) -> Any:
    return DECIDERS[stream.partition("-")[0]].event_type


async def _cache_validator(connection: Reader) -> CacheValidator:
    row = await connection.fetchrow(
        "select size, recorded_at, tables from projection.cache_validator()"
    )
    if row is None:
        raise AssertionError("the log has one head")
    return figure_cache.cache_validator(row)


class _ResolvedQuestion(Struct, frozen=True):
    question: Question
    basis: Basis


def _resolve_all(
    histories: Mapping[str, DefinitionHistory], questions: Sequence[Question]
) -> list[_ResolvedQuestion]:
    return [_resolve(histories, question) for question in questions]


def _resolve(
    histories: Mapping[str, DefinitionHistory], question: Question
) -> _ResolvedQuestion:
    if _indicator_stream(question) not in histories:
        raise _unknown_indicator(question)
    of_scale = histories[scale.decider.stream(SCALE)]
    return _ResolvedQuestion(
        question,
        basis_of_histories(histories[_indicator_stream(question)], of_scale, question),
    )


def _unknown_indicator(question: Question) -> UnknownReference:
    return UnknownReference(
        message("indicator {indicator} does not exist", indicator=question.indicator)
    )


class _CountingGroup(NamedTuple):
    """The coordinates shared by figures that one scan counts together.

    Attributes:
        known_on: The common knowledge cut-off. None if the questions have none, or if
            each has its own as-of day as the cut-off.
    """

    indicator: str
    definition: int
    by: str
    period: Kind
    known_on: date | None
    size: int | None


def _counting_groups(
    asked: Sequence[_ResolvedQuestion],
) -> dict[_CountingGroup, list[int]]:
    """Indexes of the questions by counting group, ordered by day."""
    groups: dict[_CountingGroup, list[int]] = {}
    for place in sorted(range(len(asked)), key=lambda n: asked[n].question.as_of):
        groups.setdefault(_counting_group(asked[place]), []).append(place)
    return groups


def _counting_group(asked: _ResolvedQuestion) -> _CountingGroup:
    question = asked.question
    known_on = question.known_on and _finite_day(question.known_on)
    return _CountingGroup(
        indicator=question.indicator,
        definition=asked.basis.definition.version,
        by=question.breakdown or "",
        period=question.period,
        known_on=None if _is_as_known_then(question) else known_on,
        size=question.size,
    )


def _is_as_known_then(question: Question) -> bool:
    """Whether the figure is as known on its own day, in the whole log."""
    return question.size is None and question.known_on == question.as_of


async def _count(
    connection: Reader,
    asked: Sequence[_ResolvedQuestion],
    groups: Mapping[_CountingGroup, Sequence[int]],
    streams: Sequence[str],
) -> list[asyncpg.Record]:
    """The changes of each group, at least one row, each with the size of the log."""
    of_groups = [[asked[n].question for n in places] for places in groups.values()]
    days = [
        {
            _finite_day(question.as_of): _finite_day(question.start)
            for question in questions
        }
        for questions in of_groups
    ]
    ends = [*accumulate(map(len, days))]
    return await connection.fetch(
        """
        select q.number - 1 as course, c.shared - 1 as shared, c.own - 1 as own, c.part,
               c.numerator, c.denominator, c.expired, h.size, h.known_on, h.recorded_at,
               d.tableoid as tables, g.generation
          from (
                 select u.*, o.starts, o.days, o.span,
                        case when u.own then o.span
                             when u.known_on is not null
                             then daterange(u.known_on, u.known_on, '[]')
                        end as known
                   from unnest($1::text[], $2::int[], $3::text[], $4::date[],
                               $5::bigint[], $6::boolean[], $7::int[], $8::int[])
                        with ordinality as u (
                        indicator, definition, breakdown, known_on, size, own, first,
                        last, number)
                  cross join lateral (
                          select ($10::date[])[u.first:u.last] as starts,
                                 ($11::date[])[u.first:u.last] as days,
                                 daterange(($11::date[])[u.first],
                                           ($11::date[])[u.last], '[]') as span
                        ) o
                 offset 0 -- or each would be computed for every contribution
               ) q
          -- Locked before the snapshot is taken: see rebuild.
          join projection.definition d
            on (d.indicator, d.version) = (q.indicator, q.definition)
         cross join ledger.head h
         cross join (
                 select coalesce(sum(s.version), 0) as generation
                   from ledger.stream s
                  where s.stream = any($9::text[])
               ) g
          left join lateral projection.series(
                 d.number, q.breakdown, q.starts, q.days, q.span, q.known, q.size,
                 q.own) c
            on true
        """,
        [group.indicator for group in groups],
        [group.definition for group in groups],
        [group.by for group in groups],
        [group.known_on for group in groups],
        [group.size for group in groups],
        [any(map(_is_as_known_then, questions)) for questions in of_groups],
        [1, *(end + 1 for end in ends[:-1])],
        ends,
        streams,
        [*chain.from_iterable(one.values() for one in days)],
        [*chain.from_iterable(days)],
    )


_FIRST = date.min + timedelta(days=1)


def _finite_day(day: date) -> date:
    """*day*, but never `date.min`, which the driver maps to minus infinity.

    No fact is that old, so the next day is equivalent.
    """
    return max(day, _FIRST)


def _computed_figures(
    asked: Sequence[_ResolvedQuestion],
    groups: Mapping[_CountingGroup, Sequence[int]],
    rows: Sequence[asyncpg.Record],
    today: date,
) -> list[ComputedFigure]:
    size, known = rows[0]["size"], max(today, rows[0]["known_on"])
    counts = _counts(asked, groups, rows)
    return [
        ComputedFigure(_figure(one, counts[place], size, known), one.basis)
        for place, one in enumerate(asked)
    ]


def _counts(
    asked: Sequence[_ResolvedQuestion],
    groups: Mapping[_CountingGroup, Sequence[int]],
    rows: Sequence[asyncpg.Record],
) -> dict[int, dict[str, Counts]]:
    """The counts of each part by index of the question: the sum of earlier changes."""
    moved = defaultdict[tuple[int, bool, int], list[asyncpg.Record]](list)
    for row in rows:
        if row["shared"] is not None:
            moved[row["course"], False, row["shared"]].append(row)
        if row["own"] is not None:
            moved[row["course"], True, row["own"]].append(row)
    counts: dict[int, dict[str, Counts]] = {}
    for group, places in enumerate(groups.values()):
        days = groupby(places, lambda place: _finite_day(asked[place].question.as_of))
        # Lists, because a long series adds up thousands of changes.
        reached = {own: defaultdict[str, list[int]](_zeros) for own in (False, True)}
        for point, (_, of_day) in enumerate(days):
            for own, sums in reached.items():
                for row in moved.get((group, own, point), ()):
                    total = sums[row["part"]]
                    total[0] += row["numerator"]
                    total[1] += row["denominator"]
                    total[2] += row["expired"]
            for place in of_day:
                sums = reached[_is_as_known_then(asked[place].question)]
                counts[place] = {part: Counts(*total) for part, total in sums.items()}
    return counts


def _zeros() -> list[int]:
    return [0, 0, 0]


def _figure(
    asked: _ResolvedQuestion, counts: dict[str, Counts], size: int, known: date
) -> Figure:
    question = asked.question
    at = complete_coordinates(question, asked.basis.definition.version, size, known)
    total = sum(counts.values(), Counts())
    parts = None if question.breakdown is None else counts
    return figure.figure(at, total, asked.basis, parts)
