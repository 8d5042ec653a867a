"""Why two figures of one indicator differ: the way from one to the other, in steps.

The way begins at the figure that is compared *against* and ends at the figure asked
for. Each step changes one thing: what is known, then the definition, then the day and
its period, and last the target with the rating scale. So what the steps change adds up
to the difference exactly, and so does what single events and subjects change in them.
"""

import re
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from msgspec import Struct, structs

from iku.domain import figure
from iku.domain import page_cursor as places
from iku.domain.cause import Cause
from iku.domain.coordinates import Coordinates
from iku.domain.counting import Sentence
from iku.domain.figure import Basis, ComputedFigure, Counts, Figure
from iku.domain.page_cursor import PageCursor
from iku.domain.period import Kind, Period
from iku.domain.question import InvalidQuestion, Question, refuse_future


class DifferenceStep(StrEnum):
    """What one step of the way changes."""

    KNOWLEDGE = "knowledge"
    DEFINITION = "definition"
    TIME = "time"
    TARGET = "target"

    @property
    def letter(self) -> str:
        """What a place in this step is marked with."""
        return self.value[0]


LETTERS = "".join(
    step.letter
    for step in (
        DifferenceStep.KNOWLEDGE,
        DifferenceStep.DEFINITION,
        DifferenceStep.TIME,
    )
)
_POSITION = re.compile(r"[0-9]{1,18}", re.ASCII)


class ComparedCoordinates(Struct, frozen=True):
    """Coordinates of the figure compared with; what is None is as in the other."""

    as_of: date | None = None
    known_on: date | None = None
    size: int | None = None
    definition: int | None = None
    period: Kind | None = None

    def refuse_future(self, today: date) -> None:
        """Refuse days that have not come yet (see `question.refuse_future`)."""
        refuse_future(self.as_of, today, self.known_on, prefix="against_")

    def beside(self, question: Question) -> Question:
        """The question these coordinates ask, compared with *question*."""
        given = structs.asdict(self).items()
        own = {name: value for name, value in given if value is not None}
        return structs.replace(question, **own)


class CoordinateStep(Struct, frozen=True):
    """A step that can move counts, and the coordinates at its two ends.

    Whoever wants to say why a subject counts as it does at either end asks with these.
    """

    step: DifferenceStep
    before: Question
    after: Question


class StepResult(Struct, frozen=True):
    """Where a step leads: the counts there, held against the target of that step.

    Attributes:
        definition: Version of the definition by which it is counted.
        percentage: Per cent, two decimals; None where there is nothing to count.
        target: In per cent; until the last step that of the figure compared against.
        achievement: Actual of target, in per cent; None where either is missing.
        rating: Of the achievement; None where that is missing.
    """

    definition: int
    period: Period
    as_of: date
    known_on: date
    size: int
    numerator: int
    denominator: int
    percentage: Decimal | None
    target: Decimal | None
    achievement: Decimal | None
    rating: str | None


class Interval(Struct, frozen=True):
    """One step of the way.

    Attributes:
        numerator: What it adds to the numerator, or takes away where below nought.
        denominator: The same of the denominator.
        after: What the figure is once it is taken.
    """

    step: DifferenceStep
    numerator: int
    denominator: int
    after: StepResult


class SubjectCount(Struct, frozen=True):
    """How one subject counts: nought or one each."""

    numerator: int
    denominator: int


class EndpointCount(SubjectCount, frozen=True):
    """How one subject counts at one end of a step, and why.

    Attributes:
        why: The reason in a sentence; None where the register does not know it there.
    """

    why: Sentence | None


class CausingEvent(Struct, frozen=True):
    """The event by which a count moved.

    Attributes:
        position: Its place in the log, from 1.
        version: Its place in the history of its subject, from 1.
        effective_on: The day it holds from; None where it has none.
        known_on: The day the office knew.
        recorded_at: The database's clock, UTC.
        reason: As it was given; None where none was.
    """

    position: int
    version: int
    type: str
    effective_on: date | None
    known_on: date
    recorded_at: datetime
    actor: str
    reason: str | None


class DifferenceItem(Struct, frozen=True):
    """What one event, or one subject, changes in a step.

    Attributes:
        step: The step it is part of.
        cause: Why the count moved.
        id: Identifier of the case or organisation.
        number: Its number in the register.
        title: Its title or name.
        numerator: What it adds to the numerator, or takes away where below nought.
        denominator: The same of the denominator.
        before: How the subject counts before, and why.
        after: How it counts after, and why.
        event: The event that did it; None where it was the definition or time.
    """

    step: DifferenceStep
    cause: Cause
    id: str
    number: str
    title: str
    numerator: int
    denominator: int
    before: EndpointCount
    after: EndpointCount
    event: CausingEvent | None


class Difference(Struct, frozen=True):
    """Two figures of one indicator, and all that lies between them.

    Attributes:
        figure: The figure asked for.
        against: The figure it is compared with.
        numerator: Of the figure, less that of the one it is compared with.
        denominator: The same of the denominator.
        steps: The way from the one compared with to the figure, in four steps.
        items: What moved, by step; within one by position, or by subject.
        next: Cursor of the page that follows; None at the end.
    """

    indicator: str
    figure: Figure
    against: Figure
    numerator: int
    denominator: int
    steps: tuple[Interval, ...]
    items: tuple[DifferenceItem, ...]
    next: str | None


def place(cursor: str | None) -> PageCursor | None:
    """Where the page ended that gave this *cursor*; None where there is none.

    Raises:
        InvalidQuestion: No page of a difference gave it.
    """
    found = places.read(cursor, LETTERS)
    if found is None or found.part != DifferenceStep.KNOWLEDGE.letter:
        return found
    # There, and only there, what moved is ordered by position.
    if not _POSITION.fullmatch(found.key):
        raise InvalidQuestion("cursor", places.STRANGE)
    return found


def coordinate_steps(
    against: Question, of: Question
) -> tuple[CoordinateStep, CoordinateStep, CoordinateStep]:
    """The way from *against* to *of*, both with a definition and a size of their own.

    Only at the end are the target and the scale exchanged; that moves no count.
    """
    known = structs.replace(against, known_on=of.known_on, size=of.size)
    defined = structs.replace(known, definition=of.definition)
    return (
        CoordinateStep(DifferenceStep.KNOWLEDGE, against, known),
        CoordinateStep(DifferenceStep.DEFINITION, known, defined),
        CoordinateStep(DifferenceStep.TIME, defined, of),
    )


def intervals(ends: Sequence[ComputedFigure]) -> tuple[Interval, ...]:
    """The four steps through *ends*, figures at the beginning and after each leg."""
    first, last = ends[0].made_with, ends[-1].made_with
    # The last step goes nowhere else: only what the figure is held against changes.
    stops = [*((one, first) for one in ends), (ends[-1], last)]
    reached = [_reached(one, held) for one, held in stops]
    return tuple(
        Interval(
            step,
            numerator=after.numerator - before.numerator,
            denominator=after.denominator - before.denominator,
            after=after,
        )
        for step, before, after in zip(
            DifferenceStep, reached, reached[1:], strict=False
        )
    )


def _reached(made: ComputedFigure, held: Basis) -> StepResult:
    """The figure with the target and scale of another."""
    names = Coordinates.__struct_fields__
    at = Coordinates(*(getattr(made.figure, name) for name in names))
    counts = Counts(made.figure.numerator, made.figure.denominator)
    definition = made.made_with.definition
    shown = figure.figure(at, counts, structs.replace(held, definition=definition))
    return StepResult(*(getattr(shown, name) for name in StepResult.__struct_fields__))
