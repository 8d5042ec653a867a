"""Differences between two figures: movements with their causes.

The projections find the events and subjects that moved a count between two coordinates,
page by page. The literal rules of `counting` then decide how each of them counts before
and after. The sum of the items is therefore an independent check of the figures, which
come from the projections.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import accumulate, chain, pairwise
from typing import Annotated, Any, NamedTuple

from msgspec import Meta, Struct, structs

from iku import messages
from iku.domain import difference, fact, numbering, page_cursor, reasons, subject_kinds
from iku.domain.access import Action
from iku.domain.cause import Cause
from iku.domain.coordinates import LARGEST
from iku.domain.decider import Decider
from iku.domain.difference import (
    CausingEvent,
    ComparedCoordinates,
    CoordinateStep,
    Difference,
    DifferenceItem,
    DifferenceStep,
    EndpointCount,
    Sentence,
)
from iku.domain.figure import ComputedFigure
from iku.domain.indicator import Options
from iku.domain.page_cursor import PageCursor
from iku.domain.period import Kind
from iku.domain.question import InvalidQuestion, Question
from iku.language import Language, translate
from iku.ledger import log
from iku.ledger.log import Reader
from iku.ledger.record import Recorded
from iku.messages import message
from iku.projections import number_index
from iku.queries.figure_parameters import (
    Cursor,
    IndicatorQuestion,
    Limit,
    SizeNumber,
    VersionNumber,
)
from iku.queries.figures import Figures
from iku.queries.movements import CountMovement, movements
from iku.queries.view import View

_ELSE = " of the other figure; that of the requested figure if omitted."


class ComparedQuestions(Struct, frozen=True):
    """Two figures whose difference is explained.

    Attributes:
        of: The requested figure.
        against: The figure that it is compared with.
        after: End of the previous page; None on the first page.
        limit: Maximum number of items.
        explains_both: Whether each item has the reasons at both ends of its step, or
            only at the later one.
    """

    of: Question
    against: Question
    after: PageCursor | None = None
    limit: int = 50
    explains_both: bool = True


class DifferenceQuestion(IndicatorQuestion, frozen=True, kw_only=True):
    """Coordinates of the two figures to compare."""

    against_as_of: Annotated[date | None, Meta(description=f"As-of day{_ELSE}")] = None
    against_known_on: Annotated[
        date | None, Meta(description=f"Knowledge cut-off{_ELSE}")
    ] = None
    against_size: Annotated[
        SizeNumber | None,
        Meta(description=f"Log size{_ELSE}"),
    ] = None
    against_period: Annotated[
        Kind | None, Meta(description=f"Kind of period{_ELSE}")
    ] = None
    against_definition: Annotated[
        VersionNumber | None,
        Meta(
            description=f"Version of the definition{_ELSE} If neither names one, each "
            "figure is counted by the definition in force."
        ),
    ] = None
    limit: Limit = 50
    cursor: Cursor = None

    def compared_questions(self, today: date) -> ComparedQuestions:
        """The questions for the two figures to compare.

        Raises:
            InvalidQuestion: A day is after *today*, or the cursor is invalid.
        """
        against = ComparedCoordinates(
            as_of=self.against_as_of,
            known_on=self.against_known_on,
            size=self.against_size,
            definition=self.against_definition,
            period=self.against_period,
        )
        against.refuse_future(today)
        after = difference.read_cursor(self.cursor)
        question = page_cursor.resume(self.question(today), after, today)
        return ComparedQuestions(
            question, against.applied_to(question), after, self.limit
        )


async def compute_difference(
    view: View, figures: Figures, compared: ComparedQuestions, today: date
) -> Difference:
    """The difference of the two figures, with one page of its items.

    Raises:
        UnknownReference: The indicator does not exist.
        InvalidQuestion: A requested day, size or version does not exist.
        Forbidden: The indicator counts subjects of another division.
    """
    await view.require_indicator(Action.READ_HISTORY, compared.of.indicator)
    connection = view.reader
    first, last = await _compute_both(connection, figures, compared, today)
    steps = difference.coordinate_steps(
        _pin_answer(compared.against, first), _pin_answer(compared.of, last)
    )
    ends = [*await _first_ends(connection, figures, first, steps, today), last]
    found = [
        move
        async for move in movements(connection, steps, compared.after, compared.limit)
    ]
    page = found[: compared.limit]
    options = _options_by_version(ends)
    read = await log.read_streams(connection, [*_streams(page, options).values()])
    items = _items(page, read, options, both=compared.explains_both)
    called = await number_index.numbers_at(
        connection,
        _decider(options).category,
        {move.subject for move in page},
        size=last.figure.size,
        known_on=compared.of.known_on,
    )
    separate = Difference(
        indicator=compared.of.indicator,
        figure=last.figure,
        against=first.figure,
        numerator=last.figure.numerator - first.figure.numerator,
        denominator=last.figure.denominator - first.figure.denominator,
        steps=difference.step_changes(ends),
        # A subject unknown to the requested figure keeps its earlier number.
        items=tuple(
            structs.replace(item, number=called.get(item.id, item.number))
            for item in items
        ),
        next=_cursor_at(page[-1], last).cursor if len(found) > len(page) else None,
    )
    return await view.reveal(separate, chain.from_iterable(read.values()))


async def _compute_both(
    connection: Reader, figures: Figures, compared: ComparedQuestions, today: date
) -> list[ComputedFigure]:
    """Both figures, from one snapshot."""
    try:
        questions = [compared.against, compared.of]
        return await figures.compute(connection, questions, today)
    except InvalidQuestion as error:
        # Raises by itself if the requested figure is at fault.
        await figures.compute(connection, [compared.of], today)
        raise InvalidQuestion(
            f"against_{error.path}",
            message(
                "the compared figure cannot be computed: {error}",
                error=messages.error_message(error),
            ),
        ) from error


async def _first_ends(
    connection: Reader,
    figures: Figures,
    first: ComputedFigure,
    steps: Sequence[CoordinateStep],
    today: date,
) -> list[ComputedFigure]:
    """The figures at the ends of the first two steps, and *first* before them.

    Two figures of the same definition, both known now, have no such step to compute.
    """
    asked = [one.after for one in steps[:2] if one.before != one.after]
    made = iter(await figures.compute(connection, asked, today) if asked else ())
    ends = [first]
    for one in steps[:2]:
        ends.append(ends[-1] if one.before == one.after else next(made))
    return ends


def _pin_answer(question: Question, made: ComputedFigure) -> Question:
    """The question with the size and definition of its answer pinned."""
    size, definition = made.figure.size, made.figure.definition
    return structs.replace(question, size=size, definition=definition)


def _options_by_version(ends: Sequence[ComputedFigure]) -> dict[int, Options]:
    """The options of each version of the definition in the steps."""
    versions = (made.made_with.definition for made in ends)
    return {version.version: version.defined.options for version in versions}


def _cursor_at(move: CountMovement, made: ComputedFigure) -> PageCursor:
    at = made.figure
    return PageCursor(at.size, at.as_of, move.coordinate_step.step.letter, move.key)


def _streams(
    page: Sequence[CountMovement], options: Mapping[int, Options]
) -> dict[str, str]:
    """The stream of each subject of the page."""
    decider = _decider(options)
    return {move.subject: decider.stream(move.subject) for move in page}


def _items(
    page: Sequence[CountMovement],
    read: Mapping[str, Sequence[Recorded]],
    options: Mapping[int, Options],
    *,
    both: bool,
) -> list[DifferenceItem]:
    """The movements of a page as items, in order, from the histories in *read*."""
    streams = _streams(page, options)
    of_subject: dict[tuple[DifferenceStep, str], list[int]] = {}
    for index, move in enumerate(page):
        of_subject.setdefault((move.coordinate_step.step, move.subject), []).append(
            index
        )
    items: dict[int, DifferenceItem] = {}
    for (_, subject), indices in of_subject.items():
        moves = [page[index] for index in indices]
        made = _items_of_subject(read[streams[subject]], moves, options, both=both)
        items |= zip(indices, made, strict=True)
    return [items[index] for index in range(len(page))]


def _items_of_subject(
    history: Sequence[Recorded],
    moves: Sequence[CountMovement],
    options: Mapping[int, Options],
    *,
    both: bool,
) -> Iterator[DifferenceItem]:
    """The movements of one subject in one step, as items."""
    decider = _decider(options)
    last, after = moves[-1], moves[-1].coordinate_step.after
    # The events up to the last movement, or those known at the end of the step.
    size = last.position or (LARGEST if after.size is None else after.size)
    known_on = None if last.position else after.known_on
    recorded = [
        one
        for one in history
        if one.position <= size and (known_on is None or one.known_on <= known_on)
    ]
    facts = [fact.decode_recorded(one, decider.event_type) for one in recorded]
    positions = [one.position for one in recorded]
    examination = _SubjectExamination(options, positions, both)
    if not last.position:
        yield _item_by_step(last, decider.fold(facts), examination)
        return
    moved = {move.position: move for move in moves}
    states = pairwise(accumulate(chain([None], facts), decider.evolve))
    for one, turn in zip(recorded, states, strict=True):
        if one.position in moved:
            yield _item_by_event(moved[one.position], one, turn, examination)


def _decider(options: Mapping[int, Options]) -> Decider[Any, Any]:
    return subject_kinds.kind_counted_by(next(iter(options.values()))).decider


class _SubjectExamination(NamedTuple):
    """The inputs for counting a subject: options by definition, and event positions."""

    options: Mapping[int, Options]
    positions: Sequence[int]
    explains_both: bool

    def membership_at(
        self, state: Any, question: Question, *, later: bool
    ) -> EndpointCount:
        """How a subject in this state counts at the coordinates of *question*."""
        if state is None:
            return EndpointCount(0, 0, None)
        formula = self.options[question.definition or 0]
        found = subject_kinds.membership(state, formula, question.start, question.as_of)
        counts, why = found.counts, None
        if later or self.explains_both:
            said = reasons.explanation(found, self.positions)
            why = Sentence(translate(said, Language.INDONESIAN), str(said))
        return EndpointCount(counts.numerator, counts.denominator, why)


def _item_by_event(
    move: CountMovement,
    recorded: Recorded,
    turn: tuple[Any, Any],
    examination: _SubjectExamination,
) -> DifferenceItem:
    """The item of one event, reversed if only the first figure knows the event."""
    states = turn if move.gained else reversed(turn)
    before, after = (
        examination.membership_at(state, move.coordinate_step.before, later=later)
        for state, later in zip(states, (False, True), strict=True)
    )
    why = subject_kinds.counted_kind(recorded.category).cause(turn[1].history[-1])
    return _item(move, why, turn[1], (before, after), causing_event(recorded))


def _item_by_step(
    move: CountMovement, state: Any, examination: _SubjectExamination
) -> DifferenceItem:
    """The item of a subject that changes by another definition or by time."""
    step = move.coordinate_step
    before = examination.membership_at(state, step.before, later=False)
    after = examination.membership_at(state, step.after, later=True)
    return _item(move, Cause(step.step.value), state, (before, after), None)


def _item(
    move: CountMovement,
    why: Cause,
    state: Any,
    ends: tuple[EndpointCount, EndpointCount],
    event: CausingEvent | None,
) -> DifferenceItem:
    before, after = ends
    return DifferenceItem(
        step=move.coordinate_step.step,
        cause=why,
        id=move.subject,
        number=numbering.number(move.subject, state),
        title=state.title,
        numerator=after.numerator - before.numerator,
        denominator=after.denominator - before.denominator,
        before=before,
        after=after,
        event=event,
    )


def causing_event(recorded: Recorded) -> CausingEvent:
    """The event *recorded* as the cause of a difference."""
    body = recorded.body()
    reason = fact.placeholder(recorded.stream, recorded.version, "reason")
    return CausingEvent(
        position=recorded.position,
        version=recorded.version,
        type=recorded.type,
        effective_on=recorded.effective_on,
        known_on=recorded.known_on,
        recorded_at=recorded.recorded_at,
        actor=body.actor,
        reason=reason if "reason" in body.text else None,
    )
