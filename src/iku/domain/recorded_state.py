"""The state of the log at a position, as far as rights depend on it.

The state is folded from all records in order. Of a case or an organisation it keeps
only the events that decide its division and district, and the actors of its entries: a
few words for each subject.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from typing import Any, NamedTuple, Protocol

from msgspec import UNSET, Struct, structs

from iku.domain import access, conflict, fact
from iku.domain.access import AGENCY_WIDE, AccessRegister, Scope
from iku.domain.access_policy import (
    DemonstrationDeclared,
    RightsTableChanged,
    TwoPersonRule,
)
from iku.domain.account import Invited
from iku.domain.conflict import Conflict
from iku.domain.decider import subject_id
from iku.domain.decider_registry import DECIDERS
from iku.domain.fact import Correction, Fact, FactBody, RecordedFact
from iku.domain.import_permission import FileAllowed
from iku.domain.indicator import Defined
from iku.domain.organisation import Organisation
from iku.domain.proposal import Proposed
from iku.domain.publication import Drafted, Step


class JudgedBody(FactBody, Protocol):
    """The part of a record that holds the event, its actor and its command."""

    @property
    def actor(self) -> str:
        """The actor who recorded the event."""

    @property
    def command(self) -> str:
        """Identifier of the command; its records are consecutive."""


class JudgedRecord(RecordedFact, Protocol):
    """A record with its position in the log, as far as rights depend on it."""

    @property
    def position(self) -> int:
        """Position in the log, from 1."""

    @property
    def known_on(self) -> date:
        """The day on which the office knew it."""

    @property
    def declared(self) -> bool:
        """Whether *known_on* was declared by an import."""

    @property
    def recorded_at(self) -> datetime:
        """The instant of the append, by the database's clock."""

    def body(self) -> JudgedBody:
        """The data, the commitments, the actor and the command."""


class JudgedEvent(Struct, frozen=True):
    """A record, and its event if the state of accounts or publications depends on it.

    Attributes:
        event: The decoded event; None for an event of a case or an organisation.
    """

    record: JudgedRecord
    body: JudgedBody
    event: Any

    @property
    def category(self) -> str:
        """Category of the subject."""
        return self.record.stream.partition("-")[0]

    @property
    def today(self) -> date:
        """The day on which it was recorded; a role must be in force on it."""
        record = self.record
        return record.recorded_at.date() if record.declared else record.known_on


class SubjectTrace(Struct):
    """A case or an organisation, as far as rights depend on it.

    Attributes:
        history: Its events; those that do not change its division or area are
            replaced by `_OTHER`.
        entered_by: Actor of the first event.
        participations: Actor of each participation, by its reference.
        linked: Streams of the subjects that it was merged with.
    """

    entered_by: str
    history: tuple[Fact, ...] = ()
    participations: Mapping[str, str] = {}
    linked: frozenset[str] = frozenset()


FOLDED = frozenset(
    {"account", "access", "import", "indicator", "proposal", "publication"}
)
_SUBJECTS: Mapping[str, type[Conflict | Organisation]] = {
    "conflict": Conflict,
    "organisation": Organisation,
}
PLACING = frozenset({"reported", "registered", "reclassified", "corrected", "annulled"})
_OTHER = conflict.Verified(effective_on=date.max)


def decode_event(record: JudgedRecord) -> JudgedEvent:
    """*record*, decoded as far as rights depend on it."""
    category, body = record.stream.partition("-")[0], record.body()
    event = None
    if category in FOLDED:
        event = fact.decode_recorded(record, DECIDERS[category].event_type)
    return JudgedEvent(record, body, event)


class RecordedState:
    """The state after the records so far."""

    def __init__(self) -> None:
        self.register = AccessRegister({})
        self.versions: dict[str, int] = {}
        self.folded: dict[str, Any] = {}  # by stream
        self.allows_imports = False  # whether the import of any file was allowed
        self._subjects: dict[str, SubjectTrace] = {}

    def apply(self, one: JudgedEvent) -> None:
        """Add an event."""
        stream, category = one.record.stream, one.category
        self.versions[stream] = one.record.version
        if category in _SUBJECTS:
            self._trace(one)
        if one.event is None or not _has_or_creates_subject(
            self.folded.get(stream), one.event
        ):
            return
        self.folded[stream] = DECIDERS[category].evolve(
            self.folded.get(stream), one.event
        )
        self.allows_imports |= category == "import"
        if category == "account":
            name = stream.partition("-")[2]
            accounts = {**self.register.accounts, name: self.folded[stream]}
            self.register = AccessRegister(accounts, self.register.policy)
        if category == "access":
            self.register = AccessRegister(self.register.accounts, self.folded[stream])

    def _trace(self, one: JudgedEvent) -> None:
        record, body = one.record, one.body
        trace = self._subjects.setdefault(record.stream, SubjectTrace(body.actor))
        kept: Fact = _OTHER
        if record.type in PLACING:
            kept = fact.decode_recorded(record, DECIDERS[one.category].event_type)
        if isinstance(kept, Correction) and trace.history[kept.corrects - 1] is _OTHER:
            kept = _OTHER
        trace.history = (*trace.history, _without_texts(kept))
        if record.type == "participated":
            reference = str(body.data.get("participation"))
            trace.participations = {**trace.participations, reference: body.actor}
        if other := merger_counterpart(one.category, body.data):
            trace.linked |= {other}

    def scopes(self, stream: str, day: date) -> list[Scope]:
        """The scope of the subject of *stream* on *day*; empty if it is unknown."""
        trace = self._subjects.get(stream)
        if trace is None:
            return []
        state = _SUBJECTS[stream.partition("-")[0]](trace.history)
        return [access.scope_of(state, self.register.policy.divisions, day)]

    def scope_of_figure(self, indicator: str) -> Scope:
        """The scope of *indicator*, whose division head confirms its figure."""
        known = self.folded.get(f"indicator-{indicator}")
        if known is None:
            return AGENCY_WIDE
        options = known.definitions[-1].defined.options
        return access.scope_of_indicator(options, self.register.policy.divisions)

    def linked_streams(self, stream: str) -> Iterable[str]:
        """The streams of the subjects with which the subject of *stream* was merged."""
        trace = self._subjects.get(stream)
        return () if trace is None else sorted(trace.linked)

    def entered_by(self, stream: str, reference: str | None) -> str:
        """The actor who recorded the participation *reference*.

        Without such a participation, the actor of the first event of the stream.
        """
        trace = self._subjects[stream]
        return trace.participations.get(str(reference), trace.entered_by)


def _has_or_creates_subject(before: Any, event: Any) -> bool:
    """Whether *event* creates its subject, or its subject exists."""
    match event:
        case (
            Invited()
            | Proposed()
            | Drafted()
            | DemonstrationDeclared()
            | RightsTableChanged()
        ):
            return True
        case FileAllowed() | Defined():
            return True
        case Step():
            return before is not None and event.publication in before.publications
        case _:
            return before is not None


def merger_counterpart(category: str, data: Mapping[str, Any]) -> str | None:
    """The stream of the other subject that a merger or an absorption names."""
    if "into" in data:
        return DECIDERS[category].stream(subject_id(str(data["into"])))
    if "origin" in data:
        return str(data["origin"]["stream"])
    return None


def _without_texts(event: Fact) -> Fact:
    """*event* without its placeholders of texts."""
    names = fact.FREE_TEXT.intersection(event.__struct_fields__)
    held = [name for name in names if getattr(event, name) not in {None, UNSET}]
    return structs.replace(event, **dict.fromkeys(held)) if held else event


class JudgedCommand(NamedTuple):
    """The events of one command, and the state before them.

    Attributes:
        before: State of each stream of the events before them, where it is folded.
        versions: Version of each stream that a proposal among them is about.
        scopes: Scope of each subject, before and after the events, by stream.
    """

    events: list[JudgedEvent]
    register: AccessRegister
    before: Mapping[str, Any]
    versions: Mapping[str, int]
    scopes: Mapping[str, list[Scope]]
    state: RecordedState

    @property
    def actor(self) -> str:
        """The actor of the command."""
        return self.events[0].body.actor

    @property
    def two_persons(self) -> bool:
        """Whether the two-person rule is in force."""
        return self.register.policy.two_persons is TwoPersonRule.REQUIRED

    def is_same(self, one: str, other: str) -> bool:
        """Whether two actors are one person."""
        return self.register.person(one) == self.register.person(other)


# The events that break a rule, each with the rule.
Violations = Iterator[tuple[JudgedEvent, str]]
