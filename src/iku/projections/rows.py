"""Events as rows of the bitemporal tables.

A row is a rectangle in both times: valid over a range of days, and known from the event
that began it until the event that superseded it. An event ends the rows that no longer
hold and begins the new ones. Only the end of a row is ever updated.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from types import MappingProxyType
from typing import Any

import msgspec
from msgspec import Struct

from iku.domain import fact, subject_kinds
from iku.domain.cached_property import cached_property
from iku.domain.contribution import Contribution
from iku.domain.decider import Transition
from iku.domain.decider_registry import DECIDERS
from iku.domain.indicator import Definition, Indicator, Options
from iku.domain.subject_states import StateInterval
from iku.ledger import log
from iku.ledger.appender import AcceptedRequest
from iku.ledger.log import Connection
from iku.ledger.record import Recorded
from iku.projections import number_index

FOREVER = date.max  # the driver's name for PostgreSQL's infinity
LAST = 2**63 - 1


class ProjectedEvent(Struct, frozen=True):
    """An event's position, its day of knowledge, and its effect on its subject."""

    position: int
    known_on: date
    transition: Transition


def projected_requests(accepted: Iterable[AcceptedRequest]) -> list[ProjectedEvent]:
    """The effects of appended requests, in the order of the log."""
    return [
        ProjectedEvent(position, one.receipt.known_on, transition)
        for one in accepted
        for position, transition in one.attachments_by_position()
    ]


class CountedDefinition(Struct, frozen=True, dict=True):
    """A version of an indicator's definition by which events are counted.

    Attributes:
        number: Number of the definition among all definitions in the log, from 1.
        position: Position of the event that defined it.
    """

    number: int
    indicator: str
    version: int
    position: int
    options: Options

    @cached_property
    def category(self) -> str:
        """Category of the subjects that it counts."""
        return subject_kinds.kind_counted_by(self.options).category


class Rows:
    """The rows of a batch, as arguments of the functions in `_WRITE`.

    A row that begins and ends within the batch is only inserted.

    Attributes:
        ended: Contributions of earlier batches that the events supersede.
        begun: Contributions that they begin.
        past: States of earlier batches that they supersede.
        stated: States that they begin.
        names: Names of subjects that they change.
    """

    def __init__(self) -> None:
        self.ended: list[tuple[Any, ...]] = []
        self.begun: list[list[Any]] = []
        self.past: list[tuple[Any, ...]] = []
        self.stated: list[list[Any]] = []
        self.names: number_index.Names = {}
        self._contributions: dict[tuple[Any, ...], list[Any]] = {}
        self._states: dict[tuple[str, str, date], list[Any]] = {}

    def add(self, entry: ProjectedEvent, counted: Sequence[CountedDefinition]) -> None:
        """Add the effects of *entry*; *counted* must contain all definitions."""
        for definition in counted:
            self.count(entry, definition)
        self._add_states(entry)
        self.names |= number_index.changed_rows(entry.transition)

    def count(self, entry: ProjectedEvent, definition: CountedDefinition) -> None:
        """Add the contributions that *entry* ends and begins under one definition."""
        turn = entry.transition
        if turn.category != definition.category:
            return
        before = subject_kinds.contributions(turn.before, definition.options)
        after = subject_kinds.contributions(turn.after, definition.options)
        if before == after:
            return
        for one in before:
            if one not in after:
                self._end_row(entry, definition.number, one)
        for one in after:
            if one not in before:
                self._begin_row(entry, definition.number, one)

    def _end_row(self, entry: ProjectedEvent, number: int, one: Contribution) -> None:
        key = (number, entry.transition.subject, one)
        row = self._contributions.pop(key, None)
        if row is not None:
            row[8], row[10] = entry.known_on, entry.position
            return
        self.ended.append(
            (
                *(number, entry.transition.subject, one.part, one.district),
                *(one.start, one.end, one.since, one.counts.numerator),
                *(entry.position, entry.known_on),
            )
        )

    def _begin_row(self, entry: ProjectedEvent, number: int, one: Contribution) -> None:
        counts = one.counts
        row = [
            *(number, entry.transition.subject, one.part, one.district),
            *(one.start, one.end, one.since),
            *(entry.known_on, FOREVER, entry.position, LAST),
            *(counts.numerator, counts.denominator, counts.expired),
        ]
        self._contributions[number, entry.transition.subject, one] = row
        self.begun.append(row)

    def _add_states(self, entry: ProjectedEvent) -> None:
        turn = entry.transition
        before = subject_kinds.state_intervals(turn.category, turn.subject, turn.before)
        after = subject_kinds.state_intervals(turn.category, turn.subject, turn.after)
        for span in before:
            if span not in after:
                self._supersede(entry, span)
        for span in after:
            if span not in before:
                self._begin_state(entry, span)

    def _supersede(self, entry: ProjectedEvent, span: StateInterval) -> None:
        turn = entry.transition
        key = (turn.category, turn.subject, span.valid_from)
        row = self._states.pop(key, None)
        if row is None:
            self.past.append((*key, entry.position, entry.known_on))
        else:
            row[3], row[1] = entry.known_on, entry.position

    def _begin_state(self, entry: ProjectedEvent, span: StateInterval) -> None:
        turn, stored = entry.transition, span.state_of_subject.columns
        row = [
            *(entry.position, LAST, entry.known_on, FOREVER),
            *stored[:4],  # of fixed width
            *(span.valid_from, span.valid_to, turn.category, turn.subject),
            *stored[4:],
        ]
        self._states[turn.category, turn.subject, span.valid_from] = row
        self.stated.append(row)


def rows_of(
    entries: Iterable[ProjectedEvent], counted: Sequence[CountedDefinition]
) -> Rows:
    """The rows of *entries*, which are in log order."""
    found = Rows()
    for entry in entries:
        found.add(entry, counted)
    return found


def new_definitions(turn: Transition) -> list[Definition]:
    """The definitions that an event adds."""
    if not isinstance(turn.after, Indicator):
        return []
    known = len(turn.before.definitions) if turn.before else 0
    return [*turn.after.definitions[known:]]


def number_definitions(entry: ProjectedEvent, number: int) -> list[CountedDefinition]:
    """The definitions that an event adds, numbered from *number*."""
    return [
        CountedDefinition(
            number + place,
            entry.transition.subject,
            new.version,
            entry.position,
            new.defined.options,
        )
        for place, new in enumerate(new_definitions(entry.transition))
    ]


class TransitionFold:
    """Folds the log, event by event, into the transitions of its subjects.

    It starts from the given *states*, by stream.
    """

    def __init__(self, states: Mapping[str, Any] = MappingProxyType({})) -> None:
        self._states = dict(states)

    def apply(self, recorded: Recorded) -> ProjectedEvent:
        """Apply the next event of the log to the states, and return its effect."""
        before = self._states.get(recorded.stream)
        decider = DECIDERS[recorded.category]
        after = decider.evolve(
            before, fact.decode_recorded(recorded, decider.event_type)
        )
        self._states[recorded.stream] = after
        turn = Transition(recorded.category, recorded.subject, before, after)
        return ProjectedEvent(recorded.position, recorded.known_on, turn)


async def definitions(connection: Connection) -> list[CountedDefinition]:
    """All current definitions, in log order."""
    rows = await connection.fetch(
        """
        select number, indicator, version, position, options
          from definition
         order by number
        """
    )
    return [
        CountedDefinition(
            row["number"],
            row["indicator"],
            row["version"],
            row["position"],
            Options.from_json(msgspec.json.decode(row["options"])),
        )
        for row in rows
    ]


async def write(
    connection: Connection, rows: Rows, counted: Sequence[CountedDefinition]
) -> bool:
    """Write *rows* in one call; return False unless *counted* are all definitions.

    Another process may have recorded a definition since they were read.
    """
    written: bool = await connection.fetchval(_WRITE, *arguments(rows, counted))
    return written


def arguments(
    rows: Rows, counted: Sequence[CountedDefinition]
) -> tuple[Sequence[Any], ...]:
    """The arguments of the functions that write *rows*, as in `_WRITE`."""
    return (
        [definition.position for definition in counted],
        rows.ended,
        [*map(tuple, rows.begun)],
        rows.past,
        [*map(tuple, rows.stated)],
        [(*name, *use) for name, use in rows.names.items()],
    )


_WRITE = """
select case
         when projection.write_contributions($1, $2, $3)
         then projection.write_states($4, $5) and projection.write_numbers($6)
         else false
       end
"""


async def insert_definition(connection: Connection, counted: CountedDefinition) -> None:
    """Insert the definition, by which later events are counted as well."""
    await connection.execute(
        """
        insert into definition (number, indicator, version, position, options)
        values ($1, $2, $3, $4, $5)
        """,
        counted.number,
        counted.indicator,
        counted.version,
        counted.position,
        encode_options(counted.options),
    )


def encode_options(options: Options) -> str:
    """The options of a definition as stored, in JSON."""
    return msgspec.json.encode(options).decode()


async def projected_events(
    connection: Connection, recorded: Sequence[Recorded], after: int
) -> list[ProjectedEvent]:
    """The effects of *recorded*, which follow the first *after* events of the log."""
    streams = list(dict.fromkeys(one.stream for one in recorded))
    before = await log.read_streams(connection, streams, size=after)
    turns = TransitionFold(
        {stream: _fold_history(history) for stream, history in before.items()}
    )
    return [turns.apply(one) for one in recorded]


def _fold_history(history: Sequence[Recorded]) -> Any:
    """The state of a stream's subject; None for an empty stream."""
    if not history:
        return None
    decider = DECIDERS[history[0].category]
    return decider.fold(
        fact.decode_recorded(one, decider.event_type) for one in history
    )
