"""Questions for figures, and the basis on which they are answered.

The projections and the replay of the log (`replay`) answer the same question and must
give the same answer (design, section 6).
"""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import date
from typing import Any, Literal, NamedTuple

from msgspec import Struct

from iku import messages
from iku.domain import figure, indicator, period, scale
from iku.domain.coordinates import Coordinates, MalformedNumber, parse
from iku.domain.decider import Decider
from iku.domain.figure import Basis
from iku.domain.period import Kind
from iku.messages import message

SCALE = "kinerja"  # the only scale; it rates performance


class Question(Struct, frozen=True):
    """The requested coordinates of a figure; one that is not stated is None.

    Attributes:
        as_of: As-of day; today at the latest.
        known_on: Knowledge cut-off: only facts known by the end of this day are
            counted; None for all facts.
        size: Size of the log prefix; None for the whole log.
        definition: Version of the definition; None for the one in force at the start of
            the period.
        breakdown: The breakdown to add to the figure; None for none.
    """

    indicator: str
    as_of: date
    known_on: date | None = None
    size: int | None = None
    period: Kind = Kind.YEAR
    definition: int | None = None
    breakdown: Literal["part", "district"] | None = None

    @property
    def start(self) -> date:
        """First day of the period that contains `as_of`."""
        return period.containing(self.as_of, self.period).start


class InvalidQuestion(ValueError):
    """A parameter has an invalid value; *path* is its name."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message)
        self.path = path


class UnknownReference(LookupError):
    """The indicator or publication does not exist."""


class KnownFact(NamedTuple):
    """An event with its position in the log and the day on which it was known."""

    position: int
    known_on: date
    event: Any


class DefinitionHistory:
    """All events of an indicator or of the scale, folded up to a knowledge cut-off.

    The events belong to one stream, so neither their positions nor their days of
    knowledge ever decrease, and the known events are a prefix. Each state is folded
    once and cached: a series asks for few states, but for each many times.
    """

    def __init__(self, decider: Decider[Any, Any], facts: Sequence[KnownFact]) -> None:
        self.facts = facts
        self._decider = decider
        self._positions = [fact.position for fact in facts]
        self._days = [fact.known_on for fact in facts]
        self._states: dict[int, Any] = {}

    def state(self, question: Question | None = None) -> Any:
        """The state at the cut-offs of *question*; None means after all events."""
        known = len(self.facts)
        if question is not None and question.size is not None:
            known = bisect_right(self._positions, question.size)
        if question is not None and question.known_on is not None:
            known = min(known, bisect_right(self._days, question.known_on))
        if known not in self._states:
            events = (fact.event for fact in self.facts[:known])
            self._states[known] = self._decider.fold(events)
        return self._states[known]


def basis(
    of_indicator: Sequence[KnownFact], of_scale: Sequence[KnownFact], question: Question
) -> Basis:
    """The definition, target and scale of the figure, at the cut-offs of *question*.

    Raises:
        InvalidQuestion: There is no definition with the version in the question.
    """
    return basis_of_histories(
        DefinitionHistory(indicator.decider, of_indicator),
        DefinitionHistory(scale.decider, of_scale),
        question,
    )


def basis_of_histories(
    of_indicator: DefinitionHistory, of_scale: DefinitionHistory, question: Question
) -> Basis:
    """The basis of the figure, from cached histories (raises as `basis`)."""
    known = (of_indicator.state(question), of_scale.state(question))
    whole = (of_indicator.state(), of_scale.state())
    try:
        return figure.basis(
            known, whole, question.as_of, question.period, question.definition
        )
    except LookupError as error:
        raise InvalidQuestion("definition", messages.error_message(error)) from error


def refuse_future(
    as_of: date | None, today: date, known_on: date | None = None, *, prefix: str = ""
) -> None:
    """Refuse a day in the future, about which nothing is known yet.

    *prefix* begins the names of both parameters. The `known_on` of a figure number is
    not checked: the number also has a size, which keeps its figure the same.

    Raises:
        InvalidQuestion: *as_of* or *known_on* is after *today*.
    """
    for name, day in (("as_of", as_of), ("known_on", known_on)):
        if day is not None and day > today:
            named = f"{prefix}{name}"
            raise InvalidQuestion(
                named,
                message(
                    "{field} is {day}, but must not be after today, {today}",
                    field=named,
                    day=day,
                    today=today,
                ),
            )


def refuse_size_beyond(asked: int | None, size: int) -> None:
    """Refuse a size greater than *size*, the size of the log.

    Raises:
        InvalidQuestion: *asked* exceeds *size*.
    """
    if asked is not None and asked > size:
        raise InvalidQuestion(
            "size",
            message(
                "size is {asked}, but the log has only {size} events",
                asked=asked,
                size=size,
            ),
        )


def complete_coordinates(
    question: Question, definition: int, size: int, known: date
) -> Coordinates:
    """The complete coordinates of the answer in a log of this *size*.

    *known* is the knowledge cut-off of a question without one: today, or the next day
    if the question was processed over midnight.

    Raises:
        InvalidQuestion: The size in the question exceeds that of the log.
    """
    refuse_size_beyond(question.size, size)
    return Coordinates(
        indicator=question.indicator,
        definition=definition,
        period=period.containing(question.as_of, question.period),
        as_of=question.as_of,
        known_on=question.known_on or known,
        size=size if question.size is None else question.size,
    )


def from_number(number: str) -> Question:
    """The question that the figure number *number* encodes, with all coordinates.

    Raises:
        InvalidQuestion: *number* is not a figure number; the message names the error.
    """
    try:
        at = parse(number)
        return Question(
            at.indicator,
            at.as_of,
            known_on=at.known_on,
            size=at.size,
            period=at.period.kind,
            definition=at.definition,
        )
    except MalformedNumber as error:
        raise InvalidQuestion("number", messages.error_message(error)) from error
