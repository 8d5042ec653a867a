"""What a case and an organisation have in common: a history, and what is left of it."""

from collections.abc import Callable, Hashable, Iterator
from operator import attrgetter
from typing import Any, ClassVar, Self, TypeVar

from msgspec import Struct

from iku.domain.derived import derived
from iku.domain.fact import (
    Fact,
    Merger,
    Rejection,
    StandingFact,
    reaching_back,
    standing,
)
from iku.domain.lineage import corrections

T = TypeVar("T")
_effective_on = attrgetter("effective_on")
# By the types asked for: whether an event of a type is of one of them. To ask
# `isinstance` of a Struct that is of none takes ten times as long.
_KNOWN: dict[tuple[type[Fact], ...], dict[type[Fact], bool]] = {}


class Subject(Struct, frozen=True, dict=True):
    """A subject as its facts tell it; *history* is all of them, the first at version 1.

    Attributes:
        CATEGORY: What the names of its streams begin with.
        OPENING: The type of the fact it begins with.
        TITLE: The field of that fact that says what the subject is called.
        LETTER: The first letter of the automatic numbers of its kind.
    """

    history: tuple[Any, ...]
    CATEGORY: ClassVar[str]
    OPENING: ClassVar[type[Fact]]
    TITLE: ClassVar[str]
    LETTER: ClassVar[str]

    @derived
    def facts(self) -> list[StandingFact]:
        """The facts left after corrections and annulments."""
        return standing(self.history)

    def then(self, event: Fact) -> Self:
        """The subject once *event* is known, too.

        The same object for the same event, since a decision and what comes of it ask
        for it in turn, and for what is worked out of it.
        """
        known: tuple[Fact | None, Self] = self.__dict__.get("_then", (None, self))
        if known[0] is event:
            return known[1]
        after = type(self)((*self.history, event))
        facts = self.__dict__.get("facts", ())
        # A fact that says nothing of the others leaves them as they stood.
        if len(facts) == len(self.history) and not reaching_back([event]):
            stands = StandingFact(len(after.history), event)
            after.__dict__["facts"] = [*facts, stands]
        self.__dict__["_then"] = event, after
        return after

    @property
    def timeline(self) -> tuple[Any, ...]:
        """What the subject was from day to day; empty where it is of no kind.

        Raises:
            Refused: The facts do not make a legal course of events.
        """
        return ()

    @property
    def course(self) -> tuple[Any, ...]:
        """All by which one state differs from another: its days, and what is beside."""
        return self.timeline

    def refuse_illegal(self) -> None:
        """Refuse facts that, taken together, could not have happened so.

        Raises:
            Refused: The sentence says which, and both sides.
        """

    def of(self, *types: type[Fact]) -> Iterator[Any]:
        """Those of the facts left that are of these types, in the order recorded."""
        known = _KNOWN.setdefault(types, {})
        try:
            # A list at once: it is short, and walking a generator takes twice as long.
            return iter([event for _, event in self.facts if known[type(event)]])
        except KeyError:
            known |= {type(e): isinstance(e, types) for _, e in self.facts}
            return self.of(*types)

    def dated(self, *types: type[Fact]) -> list[Any]:
        """The same in the order in which they took effect."""
        # `sorted` is stable: of two on one day the one recorded later comes later.
        return sorted(self.of(*types), key=_effective_on)

    def worded(self, *fields: str) -> dict[str, int]:
        """Of each of these fields of the opening, the version that gave it.

        The opening's own, or that of the last correction which restated it; fields
        that say nothing are left out. So a text can be found without being read.
        """
        opens = [v for v, event in self.facts if isinstance(event, self.OPENING)]
        corrected = len(self.facts) < len(self.history)
        found: dict[str, int] = {}
        for field in fields:
            restated: list[int] = []
            if corrected:
                # Once annulled, it is as it was worded first.
                restated = [
                    v for o in opens for v in corrections(self.history, o, field)
                ]
            # A correction may also have cleared it.
            if getattr(self.opening, field, None) is not None:
                found[field] = max(restated, default=opens[0] if opens else 1)
        return found

    def once(self, about: Hashable, make: Callable[[], T]) -> T:
        """What *make* gives; from the second time on, what it gave the first time.

        *about* tells it from whatever else is worked out of the subject. An event's
        subject afterwards is the next event's before, and asked for the same again.
        """
        known = self._found
        try:
            found: T = known[about]
        except KeyError:
            found = known[about] = make()
        return found

    @derived
    def _found(self) -> dict[Hashable, Any]:
        return {}

    @derived
    def opened(self) -> Any:
        """The fact it begins with, as it stands; None once it was annulled."""
        return next(self.of(self.OPENING), None)

    @property
    def opening(self) -> Any:
        """The fact it begins with, as it stands; once annulled, as it was recorded."""
        return self.opened or self.history[0]

    @property
    def title(self) -> str:
        """What it is called: the title of a case, the name of an organisation."""
        called: str = getattr(self.opening, self.TITLE)
        return called

    @derived
    def void(self) -> str | None:
        """Why it does not count at all, in words; None where it may."""
        if not self.history:
            return None
        if self.opened is None:
            return "annulled"
        for event in self.of(Rejection, Merger):
            merged = isinstance(event, Merger)
            return f"merged into {event.into}" if merged else "rejected"
        return None
