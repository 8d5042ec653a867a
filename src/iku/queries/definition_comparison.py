"""Comparison of definitions: one pass over the log counts by several definitions.

Like `recount` it reads only the log, subject by subject, and applies the literal rules,
so that it also counts by a definition that has no projections.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple
from urllib.parse import urlencode

from msgspec import structs

from iku.domain import (
    comparison,
    indicator,
    numbering,
    subject_kinds,
)
from iku.domain.access import Action
from iku.domain.comparison import (
    ComparedPoint,
    Comparison,
    ComparisonRow,
    RedefinitionEffect,
    RevisedPoint,
    RevisionPreview,
    YearEffect,
)
from iku.domain.coordinates import Coordinates
from iku.domain.difference import SubjectCount
from iku.domain.figure import Basis, Counts
from iku.domain.indicator import Defined, Options
from iku.domain.page_cursor import PageCursor
from iku.domain.question import (
    KnownFact,
    Question,
    complete_coordinates,
    refuse_future,
)
from iku.ledger import log
from iku.ledger.log import Head, Reader
from iku.queries import recount
from iku.queries.comparison_questions import LETTER, ComparisonRequest
from iku.queries.recount import DefinitionFacts
from iku.queries.view import View

FIRST_ROWS = 50  # listed by a preview for each year
QUARTER_ENDS = ((3, 31), (6, 30), (9, 30), (12, 31))


class Evaluation(NamedTuple):
    """The options and the days by which every subject is counted."""

    options: Options
    start: date
    as_of: date


class ComparisonAccumulator:
    """The totals under several evaluations, and a page of the subjects that differ.

    Attributes:
        totals: The sum of the counts under each evaluation.
        differing: Number of subjects that differ, on all pages.
        rows: The subjects of the page, and one more if there is a next page.
    """

    def __init__(
        self, evaluations: Sequence[Evaluation], after: str, limit: int
    ) -> None:
        self.totals = [Counts() for _ in evaluations]
        self.differing = 0
        self.rows: list[ComparisonRow] = []
        self._evaluations = evaluations
        self._after = after
        self._limit = limit

    def add(self, name: str, subject: Any) -> None:
        """Count one subject. Subjects must be passed in the order of their names."""
        counted = [
            _subject_counts(subject, evaluation) for evaluation in self._evaluations
        ]
        sums = zip(self.totals, counted, strict=True)
        self.totals = [total + counts for total, counts in sums]
        columns = [SubjectCount(c.numerator, c.denominator) for c in counted]
        if all(column == columns[0] for column in columns):
            return
        self.differing += 1
        if name > self._after and len(self.rows) <= self._limit:
            number = numbering.number(name, subject)
            self.rows.append(ComparisonRow(name, number, subject.title, tuple(columns)))

    @property
    def options(self) -> Options:
        """The options of the first evaluation; all count the same kind of subject."""
        return self._evaluations[0].options

    @property
    def page(self) -> tuple[ComparisonRow, ...]:
        """The subjects of the page."""
        return tuple(self.rows[: self._limit])

    def next_cursor(self, size: int, as_of: date) -> PageCursor | None:
        """The end of the page; None on the last page."""
        if len(self.rows) <= self._limit:
            return None
        return PageCursor(size, as_of, LETTER, self.page[-1].id)


def _subject_counts(subject: Any, evaluation: Evaluation) -> Counts:
    return subject_kinds.membership(subject, *evaluation).counts


async def compare(view: View, tried: ComparisonRequest, today: date) -> Comparison:
    """The figure under each definition, and the subjects that differ.

    Reads the whole log for each page; one subject is in memory at a time.

    Raises:
        UnknownReference: The indicator does not exist.
        InvalidQuestion: A requested day, size or version does not exist.
        Invalid: An option does not belong to this indicator.
        Forbidden: The indicator counts subjects of another division.
    """
    await view.require_indicator(Action.READ_HISTORY, tried.question.indicator)
    refuse_future(tried.question.as_of, today)
    connection = view.reader
    head = await log.head(connection)
    question = _pin_size(tried.question, head)
    facts = await recount.definition_facts(connection, question.indicator)
    bases = _bases(facts, question, tried)
    at = [_coordinates_at(question, one, head, today) for one in bases]
    evaluations = [_evaluation(one, question) for one in bases]
    sheet = ComparisonAccumulator(
        evaluations, tried.after.key if tried.after else "", tried.limit
    )
    await _count(connection, [sheet], question)
    versions: list[int | None] = [one.definition.version for one in bases]
    if tried.amendment is not None:
        versions[-1] = None
    columns = map(comparison.column, at, sheet.totals, bases, versions)
    end = sheet.next_cursor(at[0].size, question.as_of)
    compared = Comparison(
        indicator=question.indicator,
        period=at[0].period,
        as_of=question.as_of,
        known_on=at[0].known_on,
        size=at[0].size,
        target=bases[0].target,
        columns=tuple(columns),
        differing=sheet.differing,
        items=sheet.page,
        next=None if end is None else end.cursor,
    )
    return await view.reveal(compared)


async def preview_definition(
    view: View, code: str, proposed: Defined, today: date
) -> RedefinitionEffect:
    """The effect of a proposed definition on the last two complete years.

    The figures are counted by present knowledge. The whole log is read once, one
    subject at a time.
    """
    connection = view.reader
    head = await log.head(connection)
    facts = await recount.definition_facts(connection, code)
    days = [
        _compared_day(
            facts,
            _pin_size(Question(code, date(today.year - ago, *end)), head),
            proposed,
        )
        for ago in (2, 1)
        for end in QUARTER_ENDS
    ]
    await _count(connection, [day.sheet for day in days], days[0].question)
    at = [
        [_coordinates_at(d.question, one, head, today) for one in d.bases] for d in days
    ]
    points = [_compared_point(*both) for both in zip(days, at, strict=True)]
    last = sum(isinstance(known.event, Defined) for known in facts.indicator)
    effect = RedefinitionEffect(
        indicator=code,
        definition=last + 1,
        effective_on=proposed.effective_on,
        options=proposed.options,
        size=head.size,
        years=(_year_effect(days[3], points[:4]), _year_effect(days[7], points[4:])),
    )
    return await view.reveal(effect)


async def preview_revision(
    reader: Reader, code: str, proposed: Sequence[indicator.Event], today: date
) -> RevisionPreview:
    """The effect of *proposed* facts if they were known now.

    Reads the whole log once, one subject at a time.
    """
    head = await log.head(reader)
    facts = await recount.definition_facts(reader, code)
    known = [KnownFact(head.size, today, event) for event in proposed]
    after = DefinitionFacts([*facts.indicator, *known], facts.scale)
    ends = [(today.year - ago, *end) for ago in (2, 1) for end in QUARTER_ENDS]
    days = [
        _revised_day(facts, after, _pin_size(Question(code, day), head))
        for day in (*(date(*end) for end in ends), today)
    ]
    await _count(reader, [day.sheet for day in days], days[0].question)
    points = []
    for day in days:
        at = [_coordinates_at(day.question, one, head, today) for one in day.bases]
        before, then = map(comparison.evaluate, at, day.sheet.totals, day.bases)
        points.append(RevisedPoint(day.question.as_of, before, then))
    return RevisionPreview(code, head.size, tuple(points))


def _revised_day(
    before: DefinitionFacts, after: DefinitionFacts, question: Question
) -> "_ComparedDay":
    bases = (before.basis(question), after.basis(question))
    evaluations = [_evaluation(one, question) for one in bases]
    return _ComparedDay(question, bases, ComparisonAccumulator(evaluations, "", 0))


class _ComparedDay(NamedTuple):
    """A day under the definition in force and under the proposed one."""

    question: Question
    bases: tuple[Basis, Basis]
    sheet: ComparisonAccumulator


def _compared_day(
    facts: DefinitionFacts, question: Question, proposed: Defined
) -> _ComparedDay:
    in_force = facts.basis(question)
    bases = (in_force, comparison.with_options(in_force, proposed.options))
    evaluations = [_evaluation(one, question) for one in bases]
    return _ComparedDay(
        question, bases, ComparisonAccumulator(evaluations, "", FIRST_ROWS)
    )


def _compared_point(day: _ComparedDay, at: Sequence[Coordinates]) -> ComparedPoint:
    in_force, proposed = map(
        comparison.comparison_result, at, day.sheet.totals, day.bases
    )
    return ComparedPoint(day.question.as_of, day.bases[0].target, in_force, proposed)


def _year_effect(end: _ComparedDay, points: Sequence[ComparedPoint]) -> YearEffect:
    in_force, proposed = end.bases
    as_of, size = end.question.as_of, end.question.size or 0
    place = end.sheet.next_cursor(size, as_of)
    changed = comparison.changed_options(
        in_force.definition.defined.options, proposed.definition.defined.options
    )
    asked = {"as_of": as_of, "size": size, "definition": in_force.definition.version}
    more = None
    if place is not None:
        more = urlencode({**asked, **changed, "cursor": place.cursor})
    return YearEffect(
        year=as_of.year,
        definition=in_force.definition.version,
        points=tuple(points),
        differing=end.sheet.differing,
        items=end.sheet.page,
        more=more,
    )


def _pin_size(question: Question, head: Head) -> Question:
    """The question with the size of the log pinned."""
    if question.size is None:
        return structs.replace(question, size=head.size)
    return question


def _bases(
    facts: DefinitionFacts, question: Question, tried: ComparisonRequest
) -> list[Basis]:
    """Definition, target and scale of each column."""
    named = [structs.replace(question, definition=n) for n in tried.definitions]
    bases = [facts.basis(one) for one in named or [question]]
    if tried.amendment is not None:
        options = tried.amendment.amend(bases[-1].definition.defined.options)
        bases.append(comparison.with_options(bases[-1], options))
    return bases


def _coordinates_at(
    question: Question, made_with: Basis, head: Head, today: date
) -> Coordinates:
    known = max(today, head.known_on or today)
    return complete_coordinates(
        question, made_with.definition.version, head.size, known
    )


def _evaluation(made_with: Basis, question: Question) -> Evaluation:
    options = made_with.definition.defined.options
    return Evaluation(options, question.start, question.as_of)


async def _count(
    connection: Reader, sheets: Sequence[ComparisonAccumulator], question: Question
) -> None:
    """Pass every subject, as known at the coordinates, to all *sheets*."""

    def show(name: str, subject: Any) -> None:
        for sheet in sheets:
            sheet.add(name, subject)

    await recount.visit_subjects(connection, sheets[0].options, question, show)
