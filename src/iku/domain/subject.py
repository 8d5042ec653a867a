"""The common part of cases and organisations: a history and the events in effect."""

from collections.abc import Callable, Hashable, Iterator
from operator import attrgetter
from typing import Any, ClassVar, Self, TypeVar

from msgspec import Struct

from iku.domain.cached_property import cached_property
from iku.domain.fact import (
    EffectiveFact,
    Fact,
    Merger,
    Rejection,
    effective_facts,
    retroactive_events,
)
from iku.domain.lineage import corrections
from iku.messages import Term, message

T = TypeVar("T")
_effective_on = attrgetter("effective_on")
# For each tuple of types, whether an event type is one of them. `isinstance` takes ten
# times as long for a Struct that is none of them.
_KNOWN: dict[tuple[type[Fact], ...], dict[type[Fact], bool]] = {}


class Subject(Struct, frozen=True, dict=True):
    """A subject, folded from its events; *history* holds all of them from version 1.

    Attributes:
        CATEGORY: Prefix of the names of its streams.
        CREATION: Type of its first event.
        TITLE: Field of that event with the title or name of the subject.
        LETTER: First letter of the automatic numbers of its kind.
    """

    history: tuple[Any, ...]
    CATEGORY: ClassVar[str]
    CREATION: ClassVar[type[Fact]]
    TITLE: ClassVar[str]
    LETTER: ClassVar[str]

    @cached_property
    def facts(self) -> list[EffectiveFact]:
        """The events in effect after corrections and annulments."""
        return effective_facts(self.history)

    def with_event(self, event: Fact) -> Self:
        """The subject after *event*.

        The same event gives the same object, so that the values derived for a decision
        are reused for the recorded state.
        """
        known: tuple[Fact | None, Self] = self.__dict__.get("_then", (None, self))
        if known[0] is event:
            return known[1]
        after = type(self)((*self.history, event))
        facts = self.__dict__.get("facts", ())
        # Only corrections and annulments change the other events in effect.
        if len(facts) == len(self.history) and not retroactive_events([event]):
            stands = EffectiveFact(len(after.history), event)
            after.__dict__["facts"] = [*facts, stands]
            if self.history:
                after.__dict__["opened"] = self.effective_creation_event
        self.__dict__["_then"] = event, after
        return after

    @property
    def timeline(self) -> tuple[Any, ...]:
        """The states of the subject in order of valid time; empty in the base class.

        Raises:
            Refused: The events do not form a legal timeline.
        """
        return ()

    @property
    def comparable_state(self) -> tuple[Any, ...]:
        """The values that distinguish two states: the timeline, and undated facts."""
        return self.timeline

    def refuse_illegal(self) -> None:
        """Refuse events that contradict each other.

        Raises:
            Refused: The message names the events and quotes both values.
        """

    def effective_facts(self, *types: type[Fact]) -> list[EffectiveFact]:
        """The events in effect of these types, with versions, in recorded order."""
        known = _KNOWN.setdefault(types, {})
        try:
            return [fact for fact in self.facts if known[type(fact.event)]]
        except KeyError:
            known |= {type(e): isinstance(e, types) for _, e in self.facts}
            return self.effective_facts(*types)

    def events_of(self, *types: type[Fact]) -> Iterator[Any]:
        """The events in effect of these types, in the order recorded."""
        # A list: it is short, and a generator takes twice as long.
        return iter([event for _, event in self.effective_facts(*types)])

    def dated_events(self, *types: type[Fact]) -> list[Any]:
        """The effective events of these types in order of `effective_on`."""
        # `sorted` is stable: events of one day keep the order of their records.
        return sorted(self.events_of(*types), key=_effective_on)

    def text_versions(self, *fields: str) -> dict[str, int]:
        """For each of these text fields, the version of the event that set it.

        This is the event that created the subject, or the last correction that restated
        the field. Empty fields are omitted. A text can thereby be located without being
        decrypted.
        """
        if len(self.facts) == len(self.history):  # no correction, no annulment
            opening = self.history[0]
            return {f: 1 for f in fields if getattr(opening, f, None) is not None}
        opens = [version for version, _ in self.effective_facts(self.CREATION)]
        found: dict[str, int] = {}
        for field in fields:
            # An annulled creation event keeps its original text.
            restated = [v for o in opens for v in corrections(self.history, o, field)]
            # A correction may have cleared the field.
            if getattr(self.creation_event, field, None) is not None:
                found[field] = max(restated, default=opens[0] if opens else 1)
        return found

    def get_or_compute(self, about: Hashable, make: Callable[[], T]) -> T:
        """The result of *make*, cached under the key *about*.

        The state of a subject after one event is the state before the next, so the same
        results are requested twice.
        """
        known = self._effective_facts
        try:
            found: T = known[about]
        except KeyError:
            found = known[about] = make()
        return found

    @cached_property
    def _effective_facts(self) -> dict[Hashable, Any]:
        return {}

    @cached_property
    def effective_creation_event(self) -> Any:
        """The creation event as last corrected; None if it was annulled."""
        return next(self.events_of(self.CREATION), None)

    @property
    def creation_event(self) -> Any:
        """The creation event as last corrected or, if it was annulled, as recorded."""
        return self.effective_creation_event or self.history[0]

    @property
    def title(self) -> str:
        """Title of the case, or name of the organisation."""
        called: str = getattr(self.creation_event, self.TITLE)
        return called

    @cached_property
    def exclusion_status(self) -> str | None:
        """The reason, as a message, why the subject never counts; None if it may count.

        A subject that is annulled, rejected or merged never counts: all three are
        retroactive (design, section 5).
        """
        if not self.history:
            return None
        if self.effective_creation_event is None:
            return Term("status", "annulled")
        for event in self.events_of(Rejection, Merger):
            if isinstance(event, Merger):
                return message("merged into {into}", into=event.into)
            return Term("status", "rejected")
        return None
