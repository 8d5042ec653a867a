"""The decider: the form of every aggregate, with its functions `decide` and `evolve`.

After Jérémie Chassaing, "Functional Event Sourcing Decider" (2021). A command is the
event that the sender proposes. `decide` returns the events to record, or raises
`Refused`; it raises `AlreadyRecorded` if the event is recorded already.
"""

import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import reduce
from types import MappingProxyType
from typing import Any, Generic, TypeVar

from msgspec import Struct

from iku.domain.fact import EARLIEST, Fact
from iku.domain.hidden_characters import is_hidden
from iku.messages import message

State = TypeVar("State")
Event = TypeVar("Event", bound=Fact)


class Refused(Exception):
    """A rule forbids the command in this state; the message quotes both values."""


class Invalid(Refused):
    """A field names an object that does not exist, or has a forbidden value."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message)
        self.path = path


class SubjectNotFound(LookupError):
    """No subject has the identifier that the command or question names."""


class AlreadyRecorded(Refused):
    """The subject already has this event, and recording it again changes nothing.

    Attributes:
        version: Version of the recorded event in the subject's stream.
    """

    def __init__(self, version: int, message: str) -> None:
        super().__init__(message)
        self.version = version


class DecisionContext(Struct, frozen=True):
    """The inputs of a decision in addition to the state.

    Attributes:
        today: The present day of the decision: the agency's date for a live entry, the
            declared day of knowledge for an imported row.
        subject: Identifier of the subject of the command.
        areas: Codes of the areas that exist.
        related_subjects: State of the other subjects of the category that the command
            names, by identifier; None for a subject that does not exist.
        actor: Name of the actor.
        accounts: Whether the actor is an account; otherwise the name is only claimed.
        divisions: Codes of the divisions of the agency.
        person_of: Identifier of the person behind the actor of an event.
        two_persons: Whether the two-person rule is in force.
        indicators: Codes of the indicators of the register; None if they were not read.
    """

    today: date
    subject: str = ""
    areas: frozenset[str] = frozenset()
    related_subjects: Mapping[str, Any] = MappingProxyType({})
    actor: str = ""
    accounts: bool = False
    divisions: frozenset[str] = frozenset()
    person_of: Callable[[str], str] = str
    two_persons: bool = True
    indicators: frozenset[str] | None = None


class Transition(Struct, frozen=True):
    """The effect of one event on its subject: the state before and after."""

    category: str
    subject: str
    before: Any
    after: Any


class DecisionPremises(Struct, frozen=True):
    """The premises of a decision other than the state of its own subject.

    The append fails if one of the premises has changed since it was read.

    Attributes:
        related_subjects: Identifiers of other subjects of the same category; the
            premise is their state.
        streams: Names of further streams; the premise is their version.
        closures: Whether the decision depends on the closed periods: no event of a
            publication or an indicator may have been recorded since they were read.
    """

    related_subjects: tuple[str, ...] = ()
    streams: tuple[str, ...] = ()
    closures: bool = False


class Decision(Struct, Generic[Event], frozen=True):
    """The events that a command adds, in one append, to its subject and to others.

    Attributes:
        others: The events of other subjects, by identifier; each is one of
            `DecisionPremises.related_subjects`.
    """

    events: list[Event]
    others: Mapping[str, list[Event]] = MappingProxyType({})


def _same_command(command: Any) -> Any:
    return command


def _no_premises(_command: Any, _subject: str, _state: Any) -> DecisionPremises:
    return DecisionPremises()


@dataclass(frozen=True, slots=True)
class Decider(Generic[State, Event]):
    """One aggregate: its pure functions, and the names under which it is stored.

    Attributes:
        category: Prefix of its streams: ``conflict`` gives ``conflict-K01``.
        event_type: Union of its event types, for decoding.
        decide: Gives the events that *command* adds to *state*, as a `Decision` if it
            also adds events to other subjects. For a recorded event it returns no
            events or raises `AlreadyRecorded`.
        evolve: Gives the state after *event*. It never fails and never refuses.
        names: Gives the premises of a command from the identifier and the state of its
            subject.
        asked: Gives the part of a command that a retry repeats.
        whole: Folds a complete history in one call; None to evolve the state event by
            event.
        moves_figures: Whether its events can change a figure, either the counts or the
            definition, target or rating scale.
    """

    category: str
    event_type: Any
    decide: Callable[
        [Event, State | None, DecisionContext], list[Event] | Decision[Event]
    ]
    evolve: Callable[[State | None, Event], State]
    names: Callable[[Event, str, State | None], DecisionPremises] = _no_premises
    asked: Callable[[Any], Any] = _same_command
    whole: Callable[[tuple[Event, ...]], State] | None = None
    moves_figures: bool = field(kw_only=True)

    def premises_of(
        self, command: Event, subject: str, state: State | None
    ) -> DecisionPremises:
        """The premises of *command* in addition to the *state* of *subject*.

        A command without a reason that can change a figure depends on the closed
        periods (design, section 6).
        """
        closures = self.moves_figures and getattr(command, "reason", None) is None
        named = self.names(command, subject, state)
        return DecisionPremises(named.related_subjects, named.streams, closures)

    def decision(
        self, command: Event, state: State | None, context: DecisionContext
    ) -> Decision[Event]:
        """The events that *command* adds to *state* and to other subjects.

        Raises:
            Refused: A rule forbids the command.
        """
        found = self.decide(command, state, context)
        return found if isinstance(found, Decision) else Decision(found)

    def fold(self, events: Iterable[Event], state: State | None = None) -> State | None:
        """The state after *events*; *state* if there are none."""
        history = tuple(events)
        if self.whole is not None and state is None and len(history) > 1:
            return self.whole(history)
        return reduce(self.evolve, history, state)

    def stream(self, subject: str) -> str:
        """Name of the stream of *subject*."""
        return f"{self.category}-{subject}"


def refuse_unlikely_day(field_name: str, day: date | None, today: date) -> None:
    """Refuse a day in the future, or before the founding of the republic.

    Raises:
        Refused: *day* is after *today* or before 17 August 1945.
    """
    if day is None:
        return
    if day > today:
        raise Refused(
            message(
                "{field} is {day}, but must not be after today, {today}",
                field=field_name,
                day=day,
                today=today,
            )
        )
    if day < EARLIEST:
        raise Refused(
            message(
                "{field} is {day}, but must not be before {earliest}",
                field=field_name,
                day=day,
                earliest=EARLIEST,
            )
        )


def refuse_hidden_characters(value: Any, path: str = "") -> None:
    """Refuse texts with characters that hide or reorder text, at any depth of *value*.

    `hidden_characters.is_hidden` defines these characters.

    Raises:
        Invalid: The message names the field, the character and its position.
    """
    match value:
        case str():
            _refuse_hidden_in_text(value, path)
        case tuple() | list():
            for index, item in enumerate(value):
                refuse_hidden_characters(item, f"{path}[{index}]")
        case Struct():
            for name in value.__struct_fields__:
                held = getattr(value, name)
                if type(held) not in _PLAIN:
                    below = f"{path}.{name}" if path else name
                    refuse_hidden_characters(held, below)
        case _:
            return


_NAMELESS = message("a format character")
_PLAIN = frozenset({type(None), bool, int, date})


def _refuse_hidden_in_text(text: str, path: str) -> None:
    if text.isascii():
        return
    for place, character in enumerate(text, start=1):
        if not is_hidden(character):
            continue
        called = unicodedata.name(character, None) or _NAMELESS
        raise Invalid(
            path,
            message(
                "{path} contains U+{code} ({name}) at character {place}, but "
                "characters that hide or reorder text are not allowed",
                path=path,
                code=f"{ord(character):04X}",
                name=called,
                place=place,
            ),
        )


def subject_id(number: str) -> str:
    """Identifier, safe in a URL path, of the subject with the number *number*."""
    return number.replace("/", "~")


def subject_number(subject: str) -> str:
    """Number in the register of the subject with the identifier *subject*."""
    return subject.replace("~", "/")
