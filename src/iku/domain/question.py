"""Which figure is asked for, and what it is to be made with.

The same question is put to the projections and to the log alone (`replay`), and must
get the same answer.
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

SCALE = "kinerja"  # the one scale there is: it rates performance


class Question(Struct, frozen=True):
    """Coordinates of a figure, those left open standing at None.

    Attributes:
        as_of: The day asked about; today at the latest.
        known_on: Whose knowledge; None: all there is.
        size: Which prefix of the log; None: all of it.
        definition: Version of the definition; None: the one in force at the start of
            the period.
        breakdown: Whether the figure's parts are asked for as well.
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
        """First day of the period the question is about."""
        return period.containing(self.as_of, self.period).start


class InvalidQuestion(ValueError):
    """The question names something that does not exist; *path* is the parameter."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message)
        self.path = path


class UnknownReference(LookupError):
    """There is no such indicator or publication."""


class KnownFact(NamedTuple):
    """A fact with its place in the log and the day it was known."""

    position: int
    known_on: date
    event: Any


class DefinitionHistory:
    """All facts of an indicator or of the scale, and what it was by any knowledge.

    Of one stream, so neither their places nor the days they were known ever fall: what
    was known is how it begins. Each state is folded once, for a series asks for few of
    them, but for each often.
    """

    def __init__(self, decider: Decider[Any, Any], facts: Sequence[KnownFact]) -> None:
        self.facts = facts
        self._decider = decider
        self._positions = [fact.position for fact in facts]
        self._days = [fact.known_on for fact in facts]
        self._states: dict[int, Any] = {}

    def state(self, question: Question | None = None) -> Any:
        """As it was by the knowledge that is asked for; None: by all of it."""
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
    """What the figure asked for is made with, by what was known then.

    Raises:
        InvalidQuestion: There is no definition of the version asked for.
    """
    return basis_of(
        DefinitionHistory(indicator.decider, of_indicator),
        DefinitionHistory(scale.decider, of_scale),
        question,
    )


def basis_of(
    of_indicator: DefinitionHistory, of_scale: DefinitionHistory, question: Question
) -> Basis:
    """The same, for whoever asks more than once (raises as `basis` does)."""
    known = (of_indicator.state(question), of_scale.state(question))
    whole = (of_indicator.state(), of_scale.state())
    try:
        return figure.basis(
            known, whole, question.as_of, question.period, question.definition
        )
    except LookupError as error:
        raise InvalidQuestion("definition", messages.of(error)) from error


def refuse_future(
    as_of: date | None, today: date, known_on: date | None = None, *, prefix: str = ""
) -> None:
    """Refuse a day that has not come yet: what holds or is known then is not known.

    *prefix* begins the names of the two parameters. The number of a figure is not
    judged by its `known_on`: it also has a size, by which it stays the same for ever.

    Raises:
        InvalidQuestion: *as_of* or *known_on* lies after *today*.
    """
    for name, day in (("as_of", as_of), ("known_on", known_on)):
        if day is not None and day > today:
            named = f"{prefix}{name}"
            raise InvalidQuestion(
                named,
                message(
                    "{field} is {day}, but today is only {today}",
                    field=named,
                    day=day,
                    today=today,
                ),
            )


def refuse_size_beyond(asked: int | None, size: int) -> None:
    """Refuse a size that a log of *size* events has not reached.

    Raises:
        InvalidQuestion: It has not reached the size *asked* for.
    """
    if asked is not None and asked > size:
        raise InvalidQuestion(
            "size",
            message(
                "size is {asked}, but the log holds only {size} events",
                asked=asked,
                size=size,
            ),
        )


def coordinates(
    question: Question, definition: int, size: int, known: date
) -> Coordinates:
    """Where the question is answered in a log of this *size*, nothing left open.

    *known* is the last day on which anything was known: today, or the day that began
    while the question was on its way. With it, the answer holds all that was counted.

    Raises:
        InvalidQuestion: The log is not of the size asked for yet.
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


def numbered(number: str) -> Question:
    """The question that the figure of this *number* answers, nothing left open.

    Raises:
        InvalidQuestion: No figure bears the number; the sentence says what is wrong.
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
        raise InvalidQuestion("number", messages.of(error)) from error
