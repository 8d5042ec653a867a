"""What became known after a publication was closed (*perubahan setelah terbit*).

Each frozen figure is held against the same figure by what is known now. Between the two
lies what was not heard at the closing: recorded after its size, or known after its day.
The journal tells what each such event added; their sum is the difference, exactly.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from itertools import accumulate, chain
from typing import Any

import asyncpg
from msgspec import Struct, structs

from iku.domain import (
    fact,
    indicator,
    kinds,
    numbering,
    place,
    scale,
)
from iku.domain.cause import Cause
from iku.domain.deciders import DECIDERS
from iku.domain.difference import Moved as Event
from iku.domain.fact import Annulled
from iku.domain.figure import Figure
from iku.domain.place import Place
from iku.domain.publication import Closed, Frozen, Publication
from iku.domain.question import SCALE, Question, Unanswerable, Unknown
from iku.domain.subject import Subject
from iku.ledger import log
from iku.ledger.log import Reader
from iku.ledger.record import Recorded
from iku.queries import differences
from iku.queries.figures import Figures
from iku.queries.view import View

PART = "c"  # of a cursor: it is one of changes
LAST = 2**53 - 1  # no position is greater


class Value(Struct, frozen=True):
    """A figure, and what it was held against; None where there was nothing."""

    numerator: int
    denominator: int
    percentage: Decimal | None
    target: Decimal | None
    achievement: Decimal | None
    rating: str | None
    number: str


class Effect(Struct, frozen=True):
    """What was added to a figure, or taken away where below nought."""

    indicator: str
    numerator: int
    denominator: int


class InForce(Value, frozen=True, kw_only=True):
    """The present figure, counted by the definition that is in force by now.

    Attributes:
        cause: Why it differs from `FrozenFigure.present`: always the definition.
        definition: Version of that definition.
        difference: This figure less the one that is counted as published.
    """

    cause: Cause
    definition: int
    difference: Effect


class FrozenFigure(Struct, frozen=True):
    """A frozen figure beside the same figure by what is known now.

    Attributes:
        definition: Version of the definition that both are counted by.
        difference: Present less published.
        in_force: What the present figure is under the definition that is in force for
            the period by what is known now; None where that is the same version.
    """

    indicator: str
    definition: int
    published: Value
    present: Value
    difference: Effect
    in_force: InForce | None


class Change(Struct, frozen=True):
    """An event that was not heard when the publication was closed.

    Attributes:
        cause: What kind of news it is; a target may be a new rating scale as well.
        category: Kind of its subject.
        subject: Identifier of its subject.
        number: Number of its subject in the register.
        title: Title of the case, name of the organisation; None for all others.
        event: The event itself: who, when and why.
        effects: What it changed in the frozen figures; none where it moved none.
    """

    cause: Cause
    category: str
    subject: str
    number: str
    title: str | None
    event: Event
    effects: tuple[Effect, ...]


class Page(Struct, frozen=True):
    """Part of what changed.

    Attributes:
        after: Position after which it begins.
        size: Of the log that the first page saw; None: this is it.
        limit: The most changes.
    """

    after: int = 0
    size: int | None = None
    limit: int = 50


class PublicationChanges(Struct, frozen=True):
    """A publication held against what is known now.

    Attributes:
        size: Of the log that is looked at; all pages of one answer share it.
        figures: Each frozen figure beside the same figure of now. What the effects
            of all items add up to is the difference between the two.
        items: Events that were not heard when it was closed, and that hold from a day
            within it, moved one of its figures, or changed the definition in force or
            the target; by position.
        next: Cursor of the page after this one; None at the end.
    """

    publication: str
    size: int
    figures: tuple[FrozenFigure, ...]
    items: tuple[Change, ...]
    next: str | None


async def changes(
    view: View,
    figures: Figures,
    of: Publication,
    page: Page,
    today: date,
) -> PublicationChanges:
    """What changed since *of* was closed; of the events, the page asked for.

    Raises:
        Unknown: Its figures are not frozen.
        Unanswerable: The log is not, or was not yet, of the size asked for.
    """
    closing = of.closing
    if closing is None:
        raise Unknown(f"{of.id} is {of.state}: no figure of it is frozen")
    connection, size = view.reader, page.size
    if size is None:
        size = (await log.head(connection)).size
    elif size < closing.size:
        message = f"size is {size}, but {of.id} was closed at size {closing.size}"
        raise Unanswerable("size", message)
    questions = [_question(of, frozen, size) for frozen in of.figures]
    by_now = [structs.replace(question, definition=None) for question in questions]
    answers = await figures.answer(connection, [*questions, *by_now], today)
    present, in_force = answers[: len(questions)], answers[len(questions) :]
    found = _effects(await _rows(connection, of, closing, page, size))
    items = await _items(connection, found[: page.limit], size)
    more = len(found) > page.limit
    changed = PublicationChanges(
        publication=of.id,
        size=size,
        figures=tuple(map(_frozen, of.figures, present, in_force)),
        items=items,
        next=_next(of, size, items[-1]) if more else None,
    )
    return await view.reveal(changed)


def _next(of: Publication, size: int, last: Change) -> str:
    return Place(size, of.as_of, PART, str(last.event.position)).cursor


def read_page(cursor: str | None, limit: int) -> Page:
    """The page that follows the one that gave *cursor*; None: the first.

    Raises:
        Unanswerable: None gave it.
    """
    ended = place.read(cursor, PART)
    if ended is None:
        return Page(limit=limit)
    if not ended.key.isdecimal() or int(ended.key) > LAST:
        raise Unanswerable("cursor", "cursor is none that a page gave as next")
    return Page(int(ended.key), ended.size, limit)


def _question(of: Publication, frozen: Frozen, size: int) -> Question:
    """The same figure again, by what is known in a log of that *size*."""
    return Question(
        frozen.indicator,
        of.as_of,
        size=size,
        period=of.period.kind,
        definition=frozen.definition,
    )


def _frozen(frozen: Frozen, present: Figure, in_force: Figure) -> FrozenFigure:
    return FrozenFigure(
        indicator=frozen.indicator,
        definition=frozen.definition,
        published=_value(frozen),
        present=_value(present),
        difference=_less(present, frozen),
        in_force=_in_force(present, in_force),
    )


def _in_force(present: Figure, in_force: Figure) -> InForce | None:
    if in_force.definition == present.definition:
        return None
    return InForce(
        *structs.astuple(_value(in_force)),
        cause=Cause.DEFINITION,
        definition=in_force.definition,
        difference=_less(in_force, present),
    )


def _less(of: Figure, other: Frozen | Figure) -> Effect:
    return Effect(
        of.indicator,
        of.numerator - other.numerator,
        of.denominator - other.denominator,
    )


def _value(of: Frozen | Figure) -> Value:
    return Value(*(getattr(of, name) for name in Value.__struct_fields__))


async def _rows(
    connection: Reader, of: Publication, closing: Closed, page: Page, size: int
) -> Sequence[asyncpg.Record]:
    """Events with what each added to a figure, a row for each figure that it moved.

    One event more than the page holds, if there is one.
    """
    return await connection.fetch(
        """
          with moved as (
            select m.position, d.indicator, sum(m.numerator) as numerator,
                   sum(m.denominator) as denominator
              from unnest($1::text[], $2::int[]) as f (indicator, definition)
              join projection.definition d
                on (d.indicator, d.version) = (f.indicator, f.definition)
             cross join lateral projection.moved(
                     d.number, $7::bigint, $8::bigint, null, null) m
             where m.effective_on <= $4
               and (m.since is null or m.since >= $3)
               and (m.position > $5 or m.known_on > $6)
             group by m.position, d.indicator
            having sum(m.numerator) <> 0 or sum(m.denominator) <> 0
          ),
          page as (
            select m.position
              from moved m
             union
            select e.position
              from ledger.event e
             where e.effective_on between $3 and $4
               and e.position > $7
               and e.position <= $8
               and (e.position > $5 or e.known_on > $6)
               and split_part(e.stream, '-', 1) = any($10::text[])
             union
            select r.position
              from unnest($11::bigint[]) as r (position)
             where r.position > $7
             order by position
             limit $9
          )
        select e.position, e.stream, e.version, e.type, e.effective_on, e.known_on,
               e.declared, e.recorded_at, e.record, e.leaf,
               m.indicator, m.numerator, m.denominator
          from page
          join ledger.event e on e.position = page.position
          left join moved m on m.position = page.position
         order by e.position, m.indicator
        """,
        [frozen.indicator for frozen in closing.figures],
        [frozen.definition for frozen in closing.figures],
        of.period.start,
        of.as_of,
        closing.size,
        closing.known_on,
        page.after,
        size,
        page.limit + 1,
        [name for name, one in DECIDERS.items() if one.moves_figures],
        await _revisions(connection, of, closing, size),
    )


async def _revisions(
    connection: Reader, of: Publication, closing: Closed, size: int
) -> list[int]:
    """Positions of the events that changed what a frozen figure would be made with.

    The definition in force for its period, its target or its scale, whatever the day
    they hold from: an annulment has none. Those that the closing heard are left out.
    """
    codes = [frozen.indicator for frozen in closing.figures]
    streams = [*map(indicator.decider.stream, codes), scale.decider.stream(SCALE)]
    found = await log.read_streams(connection, streams, size=size)
    return [
        one.position
        for recorded in found.values()
        for one, before, after in _turns(recorded, of)
        if before != after
        if one.position > closing.size or one.known_on > closing.known_on
    ]


def _turns(
    recorded: Sequence[Recorded], of: Publication
) -> Iterator[tuple[Recorded, Any, Any]]:
    """Each event with what figures were made with before and after it."""
    decider = DECIDERS[recorded[0].category]
    states = [*accumulate(chain([None], _facts(recorded)), decider.evolve)]
    made = [_made_with(state, states[-1], of) for state in states]
    yield from zip(recorded, made, made[1:], strict=False)


def _made_with(state: Any, whole: Any, of: Publication) -> Any:
    """The scale, or the number of the definition and the target, by what is known."""
    if isinstance(whole, scale.Scale):
        return scale.applicable(state, whole, of.as_of)
    definition = indicator.applicable(state, whole, of.period.start)
    return definition.version, state.target(of.as_of) if state else None


class _Effects(Struct, frozen=True):
    """An event, and what it moved."""

    recorded: Recorded
    effects: list[Effect]


def _effects(rows: Sequence[asyncpg.Record]) -> list[_Effects]:
    found: dict[int, _Effects] = {}
    for row in rows:
        *recorded, code, numerator, denominator = row
        one = found.setdefault(row["position"], _Effects(Recorded(*recorded), []))
        if code is not None:
            one.effects.append(Effect(code, int(numerator), int(denominator)))
    return list(found.values())


async def _items(
    connection: Reader, page: Sequence[_Effects], size: int
) -> tuple[Change, ...]:
    streams = dict.fromkeys(one.recorded.stream for one in page)
    read = await log.read_streams(connection, list(streams), size=size)
    facts = {stream: _facts(recorded) for stream, recorded in read.items()}
    called = {stream: _called(stream, events) for stream, events in facts.items()}
    return tuple(
        _change(one, facts[one.recorded.stream], called[one.recorded.stream])
        for one in page
    )


def _facts(recorded: Sequence[Recorded]) -> list[Any]:
    event_type = DECIDERS[recorded[0].category].event_type
    return [fact.of(one, event_type) for one in recorded]


def _called(stream: str, facts: Sequence[Any]) -> tuple[str, str | None]:
    """Number of a subject, and what it is called if it is a case or organisation."""
    category, _, subject = stream.partition("-")
    state = DECIDERS[category].fold(facts)
    title = state.title if isinstance(state, Subject) else None
    return numbering.number(subject, state), title


def _change(
    of: _Effects, facts: Sequence[Any], called: tuple[str, str | None]
) -> Change:
    recorded, (number, title) = of.recorded, called
    return Change(
        cause=_cause(recorded.category, facts[: recorded.version]),
        category=recorded.category,
        subject=recorded.subject,
        number=number,
        title=title,
        event=differences.moved(recorded),
        effects=tuple(of.effects),
    )


def _cause(category: str, history: Sequence[Any]) -> Cause:
    """Why a figure moved when the last event of its subject's history became known."""
    match event := history[-1]:
        case indicator.Defined():
            return Cause.DEFINITION
        case indicator.Targeted() | indicator.Corrected() | scale.Scaled():
            return Cause.TARGET
        case Annulled() if category == indicator.decider.category:
            # What it annuls, or puts back, is a definition or a target.
            return _cause(category, history[: event.annuls])
        case _:
            return kinds.named(category).cause(event)
