"""The history of a case or organisation: events, replaced fields, movements.

Events are read from the log, movements from the projections.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, TypeAlias

from msgspec import Struct, json

from iku.domain import fact, lineage, merger
from iku.domain.decider_registry import DECIDERS
from iku.domain.withheld_text import NONE, Texts, Withheld
from iku.ledger import log
from iku.ledger.log import Reader
from iku.ledger.record import Recorded
from iku.queries.view import View


class ReplacedValue(Struct, frozen=True):
    """A field that a correction or annulment changed.

    Attributes:
        version: Version of the fact to which the field belongs.
        before: Previous value; None if the fact was annulled, or the field empty.
        after: New value; None if the fact is annulled, or the field empty.
    """

    version: int
    field: str
    before: str | bool | None
    after: str | bool | None


class Movement(Struct, frozen=True):
    """A change of an indicator's counts by an event.

    Attributes:
        definition: Version of the indicator's definition.
        effective_on: The day from which the change counts.
        since: The change counts only in periods that begin by this day; None means in
            all periods.
        part: The dimension or kind concerned.
        district: Code of the district concerned; empty if none is known.
        expired: Change of the number of expired certificates in the denominator.
    """

    indicator: str
    definition: int
    effective_on: date
    since: date | None
    part: str
    district: str
    numerator: int
    denominator: int
    expired: int


class EventView(Struct, frozen=True):
    """A fact as it was recorded.

    Attributes:
        version: Version in the stream of its subject, from 1.
        position: Position in the log, from 1.
        effective_on: The day from which it holds; null if it has none.
        known_on: The day on which the office knew it.
        declared: Whether an import declared that day.
        recorded_at: The database's clock, UTC.
        command: The id of its command.
        leaf: Leaf hash of the record (RFC 6962, 2.1), lower-case hexadecimal.
        data: The fields of the fact, except texts.
        text: Texts by name; words replace a text that is not shown.
        subjects: By name of a text, the subject to which it belongs.
        withheld: By name, why a text is not shown.
        replaced: The fields that a correction or annulment changed.
        takes_along: For a rejection, the identifiers of the subjects merged into this
            one, which do not count either.
        movements: The changes of counts by the event, by definition, day and part.
    """

    version: int
    position: int
    type: str
    effective_on: date | None
    known_on: date
    declared: bool
    recorded_at: datetime
    actor: str
    command: str
    leaf: str
    data: dict[str, Any]
    text: dict[str, str]
    subjects: dict[str, str]
    withheld: dict[str, Withheld]
    replaced: tuple[ReplacedValue, ...]
    takes_along: tuple[str, ...]
    movements: tuple[Movement, ...]


class HistoryPage(Struct, frozen=True):
    """A page of a history.

    Attributes:
        next: The last version of the page; None on the last page.
    """

    events: tuple[EventView, ...]
    next: int | None


async def history(view: View, category: str, subject: str) -> tuple[EventView, ...]:
    """All facts of *subject*, from version 1; empty if it is unknown."""
    found = await page(view, category, subject)
    return found.events


async def page(
    view: View,
    category: str,
    subject: str,
    *,
    after: int = 0,
    limit: int | None = None,
) -> HistoryPage:
    """The facts of *subject* after a version, at most *limit*; None means all.

    Only the texts shown on the page are opened.
    """
    stream = await log.read_stream(view.reader, DECIDERS[category].stream(subject))
    return await of_stream(view, stream, after=after, limit=limit)


async def of_stream(
    view: View, stream: Sequence[Recorded], *, after: int = 0, limit: int | None = None
) -> HistoryPage:
    """A page of a history, as `page` returns it, from the events of a stream."""
    if not stream:
        return HistoryPage((), None)
    decider, subject = DECIDERS[stream[0].category], stream[0].subject
    upto = len(stream) if limit is None else min(len(stream), after + limit)
    recorded = stream[:upto]
    positions = [one.position for one in recorded[after:]]
    moved = await movements(view.reader, subject, positions)
    facts = [fact.decode_recorded(one, decider.event_type) for one in recorded]
    shown = _shown_versions(facts, after)
    texts = await view.texts([recorded[version - 1] for version in sorted(shown)])
    worded = [texts.get((one.stream, one.version), NONE) for one in recorded]
    for version in shown:
        plain = worded[version - 1].plain
        facts[version - 1] = fact.decode_recorded(
            recorded[version - 1], decider.event_type, plain
        )
    said = {
        version: view.texts_in_words(words)
        for version, words in enumerate(worded, start=1)
    }
    replaced = lineage.replaced_fields_by_event(facts, after)
    events = tuple(
        _event_view(
            one,
            worded[one.version - 1],
            said[one.version],
            replaced=[_replaced_value(item, said) for item in items],
            excluded_with_rejection=merger.excluded_with_rejection(facts, one.version),
            moved=moved.get(one.position, ()),
        )
        for one, items in zip(recorded[after:], replaced, strict=True)
    )
    return HistoryPage(events, upto if upto < len(stream) else None)


def _shown_versions(facts: Sequence[fact.Fact], after: int) -> set[int]:
    """The versions whose texts a page shows: its own, and those they replaced."""
    roots = lineage.root_versions(facts)
    touched = {
        root
        for version, root in enumerate(roots, start=1)
        if version > after and root != version
    }
    return {
        version
        for version, root in enumerate(roots, start=1)
        if version > after or root in touched
    }


async def movements(
    reader: Reader, subject: str, positions: Sequence[int]
) -> dict[int, Sequence[Movement]]:
    """The movements of the events of *subject* at *positions*, ordered by day."""
    rows = await reader.fetch(
        """
        select m.position, d.indicator, d.version, m.effective_on, c.since, c.part,
               c.district, sum(m.sign * c.numerator)::int,
               sum(m.sign * c.denominator)::int, sum(m.sign * c.expired)::int
          from projection.contribution c
          join projection.definition d
            on d.number = c.definition
         cross join lateral (
                 values (c.position, lower(c.valid), 1),
                        (c.position, upper(c.valid), -1),
                        (c.superseded, lower(c.valid), -1),
                        (c.superseded, upper(c.valid), 1)
               ) as m (position, effective_on, sign)
         where c.subject = $1
           and m.position = any($2::bigint[])
           and m.effective_on is not null
         group by m.position, d.indicator, d.version, m.effective_on, c.since, c.part,
                  c.district
        having sum(m.sign * c.numerator) <> 0
            or sum(m.sign * c.denominator) <> 0
            or sum(m.sign * c.expired) <> 0
         order by m.position, d.indicator, d.version, m.effective_on,
                  c.since nulls first, c.part, c.district
        """,
        subject,
        positions,
    )
    moved: dict[int, list[Movement]] = defaultdict(list)
    for position, *values in rows:
        moved[position].append(Movement(*values))
    return dict(moved)


Said: TypeAlias = Mapping[int, Mapping[str, str]]  # texts by version and name


def _replaced_value(one: lineage.ReplacedField, said: Said) -> ReplacedValue:
    before, after = _shown_value(one.before, said), _shown_value(one.after, said)
    return ReplacedValue(one.version, one.field, before, after)


def _shown_value(value: Any, said: Said) -> str | bool | None:
    """A field's value as short text; for persons, their names."""
    match value:
        case None | bool():
            return value
        case fact.Person(name=name):
            return _shown_value(name, said)
        case Struct():
            return json.encode(value, order="sorted").decode()
        case tuple():
            return ", ".join(str(_shown_value(one, said)) for one in value)
        case str() if value.startswith(fact.SEAL):
            _, version, name = fact.parse_placeholder(value)
            return said[version][name]
        case _:
            return str(value)


def _event_view(
    recorded: Recorded,
    texts: Texts,
    words: dict[str, str],
    *,
    replaced: Sequence[ReplacedValue],
    excluded_with_rejection: tuple[str, ...],
    moved: Sequence[Movement],
) -> EventView:
    body = recorded.body()
    return EventView(
        version=recorded.version,
        position=recorded.position,
        type=recorded.type,
        effective_on=recorded.effective_on,
        known_on=recorded.known_on,
        declared=recorded.declared,
        recorded_at=recorded.recorded_at,
        actor=body.actor,
        command=body.command,
        leaf=recorded.leaf.hex(),
        data=body.data,
        text=words,
        subjects={name: committed.s for name, committed in body.text.items()},
        withheld=texts.withheld,
        replaced=tuple(replaced),
        takes_along=excluded_with_rejection,
        movements=tuple(moved),
    )
