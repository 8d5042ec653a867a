"""The shape every aggregate shares: decide what happens, evolve what is known.

After Jérémie Chassaing, "Functional Event Sourcing Decider" (2021). A command here
is the fact that somebody wants recorded; `decide` returns it, or raises `Refused`:
`AlreadyRecorded` where it stands already.
"""

import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import Enum
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
    """The rules do not allow this command in this state; the text says both sides."""


class Invalid(Refused):
    """A field names something that does not exist, or cannot stand where it does."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message)
        self.path = path


class SubjectNotFound(LookupError):
    """There is no such case, organisation or indicator."""


class AlreadyRecorded(Refused):
    """The subject holds this fact already, and recording it again changes nothing.

    Attributes:
        version: Of the fact that holds, in the subject's stream.
    """

    def __init__(self, version: int, message: str) -> None:
        super().__init__(message)
        self.version = version


@dataclass(frozen=True, slots=True)
class DecisionContext:
    """What a decision may know beside the state.

    Attributes:
        today: The day on which the office acts: the agency's date for what is
            entered live, the declared day of knowledge for an imported row.
        subject: Identifier of the subject the decision is about.
        areas: Codes of the areas that exist.
        peers: State of the other subjects that the command names, by identifier;
            None where there is no such subject.
        actor: Who acts.
    """

    today: date
    subject: str = ""
    areas: frozenset[str] = frozenset()
    peers: Mapping[str, Any] = field(default_factory=dict)
    actor: str = ""


class Transition(Struct, frozen=True):
    """One event's effect on its subject: what was known before, and after."""

    category: str
    subject: str
    before: Any
    after: Any


class DecisionPremises(Struct, frozen=True):
    """What the decision on a command rests on, besides its own subject.

    The append fails where one of these has changed since it was read.

    Attributes:
        peers: Identifiers of other subjects of the same category: their state.
        streams: Names of further streams: their version.
        closures: Which periods are closed: no event of a publication or an indicator
            has been recorded since they were read.
    """

    peers: tuple[str, ...] = ()
    streams: tuple[str, ...] = ()
    closures: bool = False


class Decision(Struct, Generic[Event], frozen=True):
    """What a command adds to its subject and, in the same append, to others.

    Attributes:
        others: Facts by the subject they are added to, one of `DecisionPremises.peers`.
    """

    events: list[Event]
    others: Mapping[str, list[Event]] = MappingProxyType({})


def _itself(command: Any) -> Any:
    return command


def _nothing(_command: Any, _subject: str, _state: Any) -> DecisionPremises:
    return DecisionPremises()


@dataclass(frozen=True, slots=True)
class Decider(Generic[State, Event]):
    """One aggregate, as pure functions and the names it is stored under.

    Attributes:
        category: Prefix of its streams: ``conflict`` gives ``conflict-K01``.
        event_type: The union of its facts, for decoding.
        decide: The facts that *command* adds to *state*; as a `Decision` where it adds
            to other subjects, too. What the state holds already is answered by none, or
            refused as `AlreadyRecorded`.
        evolve: The state once *event* has happened. Never fails, never refuses.
        names: The other streams that a command, about the subject of this identifier
            and state, rests on.
        asked: What of a command its sender asked for, and a repetition must share.
        whole: What `fold` makes of a whole history at one go; None: it evolves the
            state event by event.
        moves_figures: Whether its events can change a figure: the counts, or the
            definition, target or rating scale that a figure is made with.
    """

    category: str
    event_type: Any
    decide: Callable[
        [Event, State | None, DecisionContext], list[Event] | Decision[Event]
    ]
    evolve: Callable[[State | None, Event], State]
    names: Callable[[Event, str, State | None], DecisionPremises] = _nothing
    asked: Callable[[Any], Any] = _itself
    whole: Callable[[tuple[Event, ...]], State] | None = None
    moves_figures: bool = field(kw_only=True)

    def rests_on(
        self, command: Event, subject: str, state: State | None
    ) -> DecisionPremises:
        """What the decision on *command* rests on, besides the *state* of *subject*.

        What can change a figure and gives no reason rests on the closed periods.
        """
        closures = self.moves_figures and getattr(command, "reason", None) is None
        named = self.names(command, subject, state)
        return DecisionPremises(named.peers, named.streams, closures)

    def decision(
        self, command: Event, state: State | None, context: DecisionContext
    ) -> Decision[Event]:
        """What *command* adds to *state* and to other subjects.

        Raises:
            Refused: The rules do not allow it.
        """
        found = self.decide(command, state, context)
        return found if isinstance(found, Decision) else Decision(found)

    def fold(self, events: Iterable[Event], state: State | None = None) -> State | None:
        """The state after *events*; None where there are none."""
        history = tuple(events)
        if self.whole is not None and state is None and len(history) > 1:
            return self.whole(history)
        return reduce(self.evolve, history, state)

    def stream(self, subject: str) -> str:
        """Name of the stream that holds the facts of *subject*."""
        return f"{self.category}-{subject}"


def refuse_unlikely_day(field_name: str, day: date | None, today: date) -> None:
    """Refuse a day that has not come yet, or that lies before the republic.

    Raises:
        Refused: *day* lies after *today* or before 17 August 1945.
    """
    if day is None:
        return
    if day > today:
        raise Refused(
            message(
                "{field} is {day}, but today is only {today}",
                field=field_name,
                day=day,
                today=today,
            )
        )
    if day < EARLIEST:
        raise Refused(
            message(
                "{field} is {day}, but no day before {earliest} is accepted",
                field=field_name,
                day=day,
                earliest=EARLIEST,
            )
        )


def refuse_hidden_characters(value: Any, path: str = "") -> None:
    """Refuse texts, at any depth of *value*, with characters that hide or reorder.

    Which those are: `hidden.is_hidden`.

    Raises:
        Invalid: It names the field, the character and its place.
    """
    match value:
        case Enum():
            return
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


_PLAIN = frozenset({type(None), bool, int, date})


def _refuse_hidden_in_text(text: str, path: str) -> None:
    if text.isascii():
        return
    for place, character in enumerate(text, start=1):
        if not is_hidden(character):
            continue
        called = unicodedata.name(character, "a format character")
        raise Invalid(
            path,
            message(
                "{path} holds U+{code} ({name}) as character {place}, but characters "
                "that hide or reorder text are refused",
                path=path,
                code=f"{ord(character):04X}",
                name=called,
                place=place,
            ),
        )


def subject_id(number: str) -> str:
    """Identifier, safe in a path, of the subject with this number in the register."""
    return number.replace("/", "~")


def subject_number(subject: str) -> str:
    """Number in the register of the subject with this identifier."""
    return subject.replace("~", "/")
