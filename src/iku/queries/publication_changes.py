"""The facts that became known after a publication closed (*perubahan setelah terbit*).

Each frozen figure is compared with the same figure by present knowledge. The events in
between were recorded after the size of the closing or known after its day. The effect
of each is the knowledge step of a difference (`movements`); the effects add up to the
difference of the two figures.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from msgspec import Struct, structs

from iku.domain import (
    difference,
    numbering,
    page_cursor,
)
from iku.domain.access import Action
from iku.domain.cause import Cause
from iku.domain.decider_registry import DECIDERS
from iku.domain.difference import CausingEvent as Event
from iku.domain.figure import Figure
from iku.domain.page_cursor import STRANGE, PageCursor
from iku.domain.publication import Closed, FrozenValue, Publication
from iku.domain.question import InvalidQuestion, Question, UnknownReference
from iku.domain.subject import Subject
from iku.ledger import log
from iku.ledger.log import Reader
from iku.ledger.record import Recorded
from iku.messages import Term, message
from iku.queries import figure_difference, formula_changes, movements
from iku.queries.figures import Figures
from iku.queries.view import View

PART = "c"  # marks a cursor of changes
LAST = 2**53 - 1  # no position is greater


class FigureValue(Struct, frozen=True):
    """A figure with target, achievement and rating; undefined values are None."""

    numerator: int
    denominator: int
    percentage: Decimal | None
    target: Decimal | None
    achievement: Decimal | None
    rating: str | None
    number: str


class FigureChange(Struct, frozen=True):
    """The change of a figure's counts; negative if they decreased."""

    indicator: str
    numerator: int
    denominator: int


class FigureInForce(FigureValue, frozen=True, kw_only=True):
    """The present figure under the definition that is in force now.

    Attributes:
        cause: The cause of the difference from `FrozenFigure.present`, which is always
            the definition.
        definition: Version of that definition.
        difference: This figure minus the one under the published definition.
    """

    cause: Cause
    definition: int
    difference: FigureChange


class FrozenFigure(Struct, frozen=True):
    """A frozen figure and the same figure by present knowledge.

    Attributes:
        definition: Version of the definition of both figures.
        difference: Present minus published.
        in_force: The present figure under the definition that is in force for the
            period by present knowledge; None if that is the same version.
    """

    indicator: str
    definition: int
    published: FigureValue
    present: FigureValue
    difference: FigureChange
    in_force: FigureInForce | None


class PublicationChange(Struct, frozen=True):
    """An event that was not known when the publication was closed.

    Attributes:
        cause: The kind of change; ``target`` includes a new rating scale.
        category: Kind of its subject.
        subject: Identifier of its subject.
        number: Number of its subject in the register.
        title: Title of the case, name of the organisation; None for all others.
        event: The event: actor, dates and reason.
        effects: The changes of the frozen figures; empty if there are none.
    """

    cause: Cause
    category: str
    subject: str
    number: str
    title: str | None
    event: Event
    effects: tuple[FigureChange, ...]


class ChangesPageRequest(Struct, frozen=True):
    """A page of changes.

    Attributes:
        after: Position after which the page begins.
        size: Size of the log on the first page; None means that this is that page.
        limit: Maximum number of changes.
    """

    after: int = 0
    size: int | None = None
    limit: int = 50


class PublicationChanges(Struct, frozen=True):
    """A publication compared with present knowledge.

    Attributes:
        size: Size of the log, the same for all pages of one answer.
        figures: Each frozen figure with the present one. The effects of all items add
            up to the difference.
        items: Events that were not known at the closing and that hold from a day within
            the period, moved one of the figures, or changed the definition in force or
            the target; by position. Those of subjects of another division are left
            out, so a page may have few items and still a next one.
        next: Cursor of the next page; None on the last page.
    """

    publication: str
    size: int
    figures: tuple[FrozenFigure, ...]
    items: tuple[PublicationChange, ...]
    next: str | None


async def changes(
    view: View,
    figures: Figures,
    of: Publication,
    page: ChangesPageRequest,
    today: date,
) -> PublicationChanges:
    """The changes since *of* was closed, with one page of the events.

    Raises:
        UnknownReference: The figures of the publication are not frozen.
        InvalidQuestion: The requested size does not exist.
        Forbidden: The viewer may read no history.
    """
    view.viewer.require_somewhere(Action.READ_HISTORY)
    closing = of.closing
    if closing is None:
        raise UnknownReference(
            message(
                "publication {publication} is {state}, so its figures are not frozen "
                "yet",
                publication=of.id,
                state=Term("state", of.state),
            )
        )
    connection, size = view.reader, page.size
    if size is None:
        size = (await log.head(connection)).size
    elif size < closing.size:
        raise InvalidQuestion(
            "size",
            message(
                "size is {size}, but publication {publication} was closed at size "
                "{closed}",
                size=size,
                publication=of.id,
                closed=closing.size,
            ),
        )
    questions = [_question(of, frozen, size) for frozen in of.figures]
    by_now = [structs.replace(question, definition=None) for question in questions]
    answers = await figures.answer(connection, [*questions, *by_now], today)
    present, in_force = answers[: len(questions)], answers[len(questions) :]
    since = _ChangesQuery(of, closing, page, size)
    effects = await _effects(connection, since)
    revised = await formula_changes.changed_positions(connection, of, closing, size)
    found = await _unknown_at_closing(connection, since, (*effects, *revised))
    shown = found[: page.limit]
    more = len(found) > page.limit
    foreign = await view.inaccessible_streams(
        Action.READ_HISTORY, {one.stream for one in shown}
    )
    own = [one for one in shown if one.stream not in foreign]
    changed = PublicationChanges(
        publication=of.id,
        size=size,
        figures=tuple(map(_frozen_figure, of.figures, present, in_force)),
        items=await _items(connection, own, effects, size),
        next=_next_cursor(of, size, shown[-1]) if more else None,
    )
    return await view.reveal(changed)


def _next_cursor(of: Publication, size: int, last: Recorded) -> str:
    return PageCursor(size, of.as_of, PART, str(last.position)).cursor


def read_page(cursor: str | None, limit: int) -> ChangesPageRequest:
    """The page that *cursor* refers to; None means the first page.

    Raises:
        InvalidQuestion: The cursor is invalid.
    """
    ended = page_cursor.parse(cursor, PART)
    if ended is None:
        return ChangesPageRequest(limit=limit)
    if not ended.key.isdecimal() or int(ended.key) > LAST:
        raise InvalidQuestion("cursor", STRANGE)
    return ChangesPageRequest(int(ended.key), ended.size, limit)


def _question(of: Publication, frozen: FrozenValue, size: int) -> Question:
    """The question for a frozen figure, by the knowledge of a log of *size* events."""
    return Question(
        frozen.indicator,
        of.as_of,
        size=size,
        period=of.period.kind,
        definition=frozen.definition,
    )


def _frozen_figure(
    frozen: FrozenValue, present: Figure, in_force: Figure
) -> FrozenFigure:
    return FrozenFigure(
        indicator=frozen.indicator,
        definition=frozen.definition,
        published=_figure_value(frozen),
        present=_figure_value(present),
        difference=_counts_difference(present, frozen),
        in_force=_figure_in_force(present, in_force),
    )


def _figure_in_force(present: Figure, in_force: Figure) -> FigureInForce | None:
    if in_force.definition == present.definition:
        return None
    return FigureInForce(
        *structs.astuple(_figure_value(in_force)),
        cause=Cause.DEFINITION,
        definition=in_force.definition,
        difference=_counts_difference(in_force, present),
    )


def _counts_difference(of: Figure, other: FrozenValue | Figure) -> FigureChange:
    return FigureChange(
        of.indicator,
        of.numerator - other.numerator,
        of.denominator - other.denominator,
    )


def _figure_value(of: FrozenValue | Figure) -> FigureValue:
    return FigureValue(*(getattr(of, name) for name in FigureValue.__struct_fields__))


class _ChangesQuery(NamedTuple):
    """A publication, its closing, and the requested page of changes.

    Attributes:
        size: Size of the log.
    """

    of: Publication
    closing: Closed
    page: ChangesPageRequest
    size: int


async def _effects(
    reader: Reader, since: _ChangesQuery
) -> dict[int, list[FigureChange]]:
    """The effects of events not known at the closing, by position.

    These are the knowledge steps of each frozen figure. For each figure one event more
    than the page holds, if there is one.
    """
    found: dict[int, list[FigureChange]] = {}
    of, closing, page, size = since
    known = []
    for frozen in sorted(closing.figures, key=lambda one: one.indicator):
        now = _question(of, frozen, size)
        closed = structs.replace(now, size=closing.size, known_on=closing.known_on)
        known.append(difference.coordinate_steps(closed, now)[0])
    for move in await movements.event_movements(
        reader, known, page.after, page.limit + 1
    ):
        indicator = move.coordinate_step.after.indicator
        effect = FigureChange(indicator, move.numerator, move.denominator)
        found.setdefault(move.position, []).append(effect)
    return found


async def _unknown_at_closing(
    reader: Reader, since: _ChangesQuery, moving: Iterable[int]
) -> list[Recorded]:
    """The events at *moving*, and the events dated inside the period, in order.

    One event more than the page holds, if there is one.
    """
    of, closing, page, size = since
    rows = await reader.fetch(
        """
          with page as (
            select m.position
              from unnest($8::bigint[]) as m (position)
             where m.position > $5
             union
            select e.position
              from ledger.event e
             where e.effective_on between $1 and $2
               and e.position > $5
               -- No event is known later than one that is recorded live after it.
               and e.position > (
                     select case when $4::date >= known_on then $3::bigint else 0 end
                       from (select min(known_on) as known_on
                               from (select l.known_on
                                       from ledger.event l
                                      where l.position >= $3
                                        and not l.declared
                                      order by l.position
                                      limit 1) first) live)
               and e.position <= $6
               and (e.position > $3 or e.known_on > $4)
               and split_part(e.stream, '-', 1) = any($9::text[])
             order by position
             limit $7
          )
        select e.position, e.stream, e.version, e.type, e.effective_on, e.known_on,
               e.declared, e.recorded_at, e.record, e.leaf
          from page
          join ledger.event e
            on e.position = page.position
         order by e.position
        """,
        of.period.start,
        of.as_of,
        closing.size,
        closing.known_on,
        page.after,
        size,
        page.limit + 1,
        [*moving],
        [name for name, one in DECIDERS.items() if one.moves_figures],
    )
    return [Recorded(*row) for row in rows]


async def _items(
    reader: Reader,
    page: Sequence[Recorded],
    effects: Mapping[int, Sequence[FigureChange]],
    size: int,
) -> tuple[PublicationChange, ...]:
    streams = dict.fromkeys(one.stream for one in page)
    read = await log.read_streams(reader, list(streams), size=size)
    facts = {
        stream: formula_changes.decode_facts(recorded)
        for stream, recorded in read.items()
    }
    called = {
        stream: _subject_label(stream, events) for stream, events in facts.items()
    }
    return tuple(
        PublicationChange(
            cause=formula_changes.cause(one.category, facts[one.stream][: one.version]),
            category=one.category,
            subject=one.subject,
            number=called[one.stream][0],
            title=called[one.stream][1],
            event=figure_difference.causing_event(one),
            effects=tuple(effects.get(one.position, ())),
        )
        for one in page
    )


def _subject_label(stream: str, facts: Sequence[Any]) -> tuple[str, str | None]:
    """Number of a subject, and its title if it is a case or organisation."""
    category, _, subject = stream.partition("-")
    state = DECIDERS[category].fold(facts)
    title = state.title if isinstance(state, Subject) else None
    return numbering.number(subject, state), title
