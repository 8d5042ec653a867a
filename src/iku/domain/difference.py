"""The difference between two figures of one indicator, split into steps.

The path begins at the figure that is compared *against* and ends at the requested
figure. Each step changes one thing: the knowledge, then the definition, then the day
with its period, and last the target with the rating scale. The changes of the steps
therefore add up to the difference exactly, and within a step so do the changes caused
by single events or subjects.
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
from iku.domain.figure import Basis, ComputedFigure, Counts, Figure
from iku.domain.page_cursor import PageCursor
from iku.domain.period import Kind, Period
from iku.domain.question import InvalidQuestion, Question, refuse_future


class DifferenceStep(StrEnum):
    """One step of a difference, named after what it changes."""

    KNOWLEDGE = "knowledge"
    DEFINITION = "definition"
    TIME = "time"
    TARGET = "target"

    @property
    def letter(self) -> str:
        """The first letter of a page cursor that continues in this step."""
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
    """Coordinates of the compared figure; None means as in the requested one."""

    as_of: date | None = None
    known_on: date | None = None
    size: int | None = None
    definition: int | None = None
    period: Kind | None = None

    def refuse_future(self, today: date) -> None:
        """Refuse days in the future (see `question.refuse_future`)."""
        refuse_future(self.as_of, today, self.known_on, prefix="against_")

    def applied_to(self, question: Question) -> Question:
        """*question* with the coordinates that are not None in place of its own."""
        given = structs.asdict(self).items()
        own = {name: value for name, value in given if value is not None}
        return structs.replace(question, **own)


class CoordinateStep(Struct, frozen=True):
    """A step that can change counts, with the question at each of its two ends.

    The same questions explain how a subject counts at either end.
    """

    step: DifferenceStep
    before: Question
    after: Question


class FigureAfterStep(Struct, frozen=True):
    """The figure after a step: the counts, evaluated against the target of that step.

    Attributes:
        definition: Version of the definition.
        percentage: In per cent, two decimals; None if there is nothing to count.
        target: In per cent; up to the last step, the target of the figure compared
            against.
        achievement: Actual divided by target, in per cent; None if either is missing.
        rating: Rating of the achievement; None if there is no achievement.
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


class StepChange(Struct, frozen=True):
    """One step of a difference: its change of the counts, and the figure after it.

    Attributes:
        numerator: Change of the numerator; negative if it decreases.
        denominator: Change of the denominator; negative if it decreases.
        after: The figure after this step.
    """

    step: DifferenceStep
    numerator: int
    denominator: int
    after: FigureAfterStep


class SubjectCount(Struct, frozen=True):
    """How one subject counts: 0 or 1 in the numerator and in the denominator."""

    numerator: int
    denominator: int


class Sentence(Struct, frozen=True):
    """A sentence in Indonesian and in English."""

    id: str
    en: str


class EndpointCount(SubjectCount, frozen=True):
    """How one subject counts at one end of a step, with the reason.

    Attributes:
        why: The reason in a sentence; None if the subject is unknown at that end, or if
            no reason was asked for.
    """

    why: Sentence | None


class CausingEvent(Struct, frozen=True):
    """The event that changed a count.

    Attributes:
        position: Position of the event in the log, from 1.
        version: Version of the event in the stream of its subject, from 1.
        effective_on: The day from which it holds; None if it has none.
        known_on: The day on which the office knew it.
        recorded_at: The instant of the append by the database's clock, in UTC.
        reason: The reason given; None if there is none.
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
    """The change that one event, or one subject, causes in a step.

    Attributes:
        step: The step of the change.
        cause: The cause of the change.
        id: Identifier of the case or organisation.
        number: Number of the subject in the register.
        title: Title of the case, or name of the organisation.
        numerator: Change of the numerator; negative if it decreases.
        denominator: Change of the denominator; negative if it decreases.
        before: How the subject counts before the step, with the reason.
        after: How the subject counts after the step, with the reason.
        event: The causing event; None if the cause is the definition or time.
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
    """Two figures of one indicator, and every change between them.

    Attributes:
        figure: The requested figure.
        against: The figure compared against.
        numerator: Numerator of the requested figure minus that of the compared figure.
        denominator: Denominator of the requested figure minus that of the compared
            figure.
        steps: The four steps, in order.
        items: The changes on this page, by step; within a step by position of the
            event, or by subject.
        next: Cursor of the next page; None on the last page.
    """

    indicator: str
    figure: Figure
    against: Figure
    numerator: int
    denominator: int
    steps: tuple[StepChange, ...]
    items: tuple[DifferenceItem, ...]
    next: str | None


def read_cursor(cursor: str | None) -> PageCursor | None:
    """The page cursor that *cursor* encodes; None without a cursor.

    Raises:
        InvalidQuestion: *cursor* is not the cursor of a page of a difference.
    """
    found = places.parse(cursor, LETTERS)
    if found is None or found.part != DifferenceStep.KNOWLEDGE.letter:
        return found
    # Only the items of the knowledge step are ordered by position.
    if not _POSITION.fullmatch(found.key):
        raise InvalidQuestion("cursor", places.STRANGE)
    return found


def coordinate_steps(
    against: Question, of: Question
) -> tuple[CoordinateStep, CoordinateStep, CoordinateStep]:
    """The steps from *against* to *of*; both state a definition and a size.

    The step of target and scale is not among them, because it changes no count.
    """
    known = structs.replace(against, known_on=of.known_on, size=of.size)
    defined = structs.replace(known, definition=of.definition)
    return (
        CoordinateStep(DifferenceStep.KNOWLEDGE, against, known),
        CoordinateStep(DifferenceStep.DEFINITION, known, defined),
        CoordinateStep(DifferenceStep.TIME, defined, of),
    )


def step_changes(ends: Sequence[ComputedFigure]) -> tuple[StepChange, ...]:
    """The four steps between *ends*: the figure at the start and after each step."""
    first, last = ends[0].made_with, ends[-1].made_with
    # The last step keeps the counts and exchanges the target and the scale.
    stops = [*((one, first) for one in ends), (ends[-1], last)]
    reached = [_evaluate_against(one, held) for one, held in stops]
    return tuple(
        StepChange(
            step,
            numerator=after.numerator - before.numerator,
            denominator=after.denominator - before.denominator,
            after=after,
        )
        for step, before, after in zip(
            DifferenceStep, reached, reached[1:], strict=False
        )
    )


def _evaluate_against(made: ComputedFigure, held: Basis) -> FigureAfterStep:
    """The counts of *made*, evaluated by the target and the scale of *held*."""
    names = Coordinates.__struct_fields__
    at = Coordinates(*(getattr(made.figure, name) for name in names))
    counts = Counts(made.figure.numerator, made.figure.denominator)
    definition = made.made_with.definition
    shown = figure.figure(at, counts, structs.replace(held, definition=definition))
    return FigureAfterStep(
        *(getattr(shown, name) for name in FigureAfterStep.__struct_fields__)
    )
