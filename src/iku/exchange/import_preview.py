"""What the rows of a journal would change, collected while they are decided.

A figure is the sum of the contributions of its subjects, so the differences of all rows
add up to the difference of the figure. The figures are those of today and of the ends
of the latest years of the file.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from iku.domain import closed_periods, subject_kinds
from iku.domain.closed_periods import Change, ClosedPeriods, ContributionChange
from iku.domain.conflict import Reported
from iku.domain.decider import subject_number
from iku.domain.figure import Counts, Figure
from iku.domain.figure_effect import FigureEffect, StateChange, added_counts
from iku.domain.indicator import Indicator, Options, Targeted
from iku.domain.question import Question
from iku.exchange.journals import JournalRow
from iku.exchange.spreadsheet import RowPlace
from iku.ledger.log import AppendRequest, Reader
from iku.messages import Message
from iku.queries.figures import Figures

LISTED = 50  # rows that are listed
COMPARED = 20  # reports that are compared with the cases of the register
YEARS = 4  # latest years of the file


class PlannedRow(NamedTuple):
    """What a row would record.

    Attributes:
        category: Category of its subject.
        subject: Identifier of its subject.
        event: Type of the event.
        opens: Whether the subject is new.
        exists: Whether the subject is in the register before the import.
    """

    place: RowPlace
    category: str
    subject: str
    number: str
    event: str
    opens: bool
    exists: bool


class TargetEffect(NamedTuple):
    """A target that would change; None means no target."""

    indicator: str
    as_of: date
    before: Decimal | None
    after: Decimal | None


class _Counted(NamedTuple):
    """A figure before the import, and the options and category that count it."""

    figure: Figure
    options: Options
    category: str


class ImportPreview:
    """The changes that the rows of one file would make.

    Attributes:
        planned: Number of rows that would be recorded.
        opened: Number of subjects that would be created.
        rows: The first of the rows that would be recorded.
        reports: The first reports among them, each with its place.
        targets: The targets that would change.
    """

    def __init__(self, figures: Figures, listed: int = LISTED) -> None:
        self._figures = figures
        self._listed = listed
        self._years: set[int] = set()
        self._reset()

    def _reset(self) -> None:
        self.planned = 0
        self.opened = 0
        self.rows: list[PlannedRow] = []
        self.reports: list[tuple[RowPlace, Reported]] = []
        self._new: set[str] = set()  # subjects that a listed row opens
        self._today = date.min
        self._closed = ClosedPeriods()
        self._counted: list[_Counted] = []
        self._added: dict[int, Counts] = {}  # by index of the figure
        self._targets: dict[tuple[str, date], TargetEffect] = {}
        self._frozen: dict[tuple[str, str], Change] = {}

    def add_day(self, cell: str) -> None:
        """Note the year of a row's day."""
        year = cell[:4]
        if len(year) == len("2021") and year.isascii() and year.isdigit():
            self._years.add(int(year))

    async def begin(
        self,
        reader: Reader,
        categories: Collection[str],
        today: date,
        closed: ClosedPeriods,
    ) -> None:
        """Count the figures before the import; called before the first row.

        A repeated import calls it again, which discards the collected changes.
        """
        self._reset()
        self._today, self._closed = today, closed
        past = sorted(year for year in self._years if year < today.year)
        days = [*(date(year, 12, 31) for year in past[-YEARS:]), today]
        indicators = await self._figures.indicators(reader)
        questions = [
            Question(code, day)
            for code, one in sorted(indicators.items())
            if _is_counted_by(one, categories)
            for day in days
            if one.definitions[0].defined.effective_on <= day.replace(month=1, day=1)
        ]
        found = await self._answer(reader, questions)
        for one in found:
            options = _options(one, indicators)
            kind = subject_kinds.kind_counted_by(options).category
            self._counted.append(_Counted(one, options, kind))

    def add(self, entry: JournalRow, request: AppendRequest) -> None:
        """Add what a row would record."""
        main = request.main_part
        category, _, subject = main.stream.partition("-")
        opens = main.expected_version == 0
        self.planned += 1
        self.opened += opens
        if len(self.rows) < self._listed:
            event = main.drafts[-1].type
            number = subject_number(entry.subject)
            exists = not opens and subject not in self._new
            self._new |= {subject} if opens else set()
            self.rows.append(
                PlannedRow(entry.place, category, subject, number, event, opens, exists)
            )
        if isinstance(entry.fact, Reported) and opens and len(self.reports) < COMPARED:
            self.reports.append((entry.place, entry.fact))
        for turn in request.attachments:
            change = StateChange(turn.before, turn.after)
            if isinstance(entry.fact, Targeted):
                self._add_target(turn.subject, date(entry.fact.year, 12, 31), change)
            self._add_change(category, turn.subject, change)

    def _add_change(self, category: str, subject: str, change: StateChange) -> None:
        for index, (figure, options, counted) in enumerate(self._counted):
            if counted != category:
                continue
            added = added_counts(change, options, figure.period.start, figure.as_of)
            self._added[index] = self._added.get(index, Counts()) + added
        for found in closed_periods.frozen_figure_changes(
            self._closed, subject, change.before, change.after
        ):
            key = found.figure.publication.id, found.figure.frozen.indicator
            earlier = self._frozen.get(key)
            self._frozen[key] = (
                found if earlier is None else _combine_changes(earlier, found)
            )

    def _add_target(self, code: str, day: date, change: StateChange) -> None:
        first = self._targets.get((code, day))
        was = change.before.target(day) if first is None else first.before
        becomes = change.after.target(day)
        self._targets[code, day] = TargetEffect(code, day, was, becomes)

    @property
    def figures(self) -> list[FigureEffect]:
        """The counts of each figure before and after the import."""
        return [
            FigureEffect(
                figure.indicator,
                figure.as_of,
                counts := _counts_of(figure),
                counts + self._added.get(index, Counts()),
            )
            for index, (figure, *_) in enumerate(self._counted)
        ]

    @property
    def targets(self) -> list[TargetEffect]:
        """The targets that would change, by indicator and year."""
        changed = [one for one in self._targets.values() if one.before != one.after]
        return sorted(changed, key=lambda one: (one.indicator, one.as_of))

    async def closed_period_changes(self, reader: Reader) -> list[Message]:
        """The figures of closed periods that would change, in sentences."""
        changes = [one for one in self._frozen.values() if one.before != one.after]
        questions = [closed_periods.question_of_change(one) for one in changes]
        counted = await self._answer(reader, questions)
        return [
            closed_periods.change_message(change, _counts_of(one))
            for change, one in zip(changes, counted, strict=True)
        ]

    async def _answer(
        self, reader: Reader, questions: Sequence[Question]
    ) -> list[Figure]:
        if not questions:
            return []
        return await self._figures.answer(reader, questions, self._today)


def _combine_changes(first: Change, last: Change) -> Change:
    """Combine two consecutive changes of the same frozen figure."""
    if isinstance(first, ContributionChange) and isinstance(last, ContributionChange):
        before, after = first.before + last.before, first.after + last.after
        return ContributionChange(first.figure, before, after)
    return type(last)(last.figure, first.before, last.after)  # type: ignore[arg-type] # both of one type


def _is_counted_by(indicator: Indicator, categories: Collection[str]) -> bool:
    """Whether the indicator counts subjects of one of the categories."""
    options = indicator.definitions[-1].defined.options
    return subject_kinds.kind_counted_by(options).category in categories


def _options(figure: Figure, indicators: Mapping[str, Indicator]) -> Options:
    return (
        indicators[figure.indicator].definitions[figure.definition - 1].defined.options
    )


def _counts_of(figure: Figure) -> Counts:
    return Counts(figure.numerator, figure.denominator, figure.expired or 0)
