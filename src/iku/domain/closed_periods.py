"""Closed periods: the frozen figures that an event would change only with a reason.

An event needs a reason if it would change a figure of a closed publication as that
figure would be counted today: at the publication's period and day, with all knowledge,
under the frozen version of the definition, counted before and after the event (design,
section 6, *Closed periods*). The day of the event is irrelevant: a registration of 2019
counts in 2021, and an event of 2021 may count in no figure.

A figure is the sum of the contributions of its subjects (`contribution`). It is
therefore enough to find, for each subject that a command changes, the days on which its
contribution changes. Of an indicator, only the targets can change a frozen figure,
because a version of a definition is immutable.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from functools import cached_property
from types import MappingProxyType
from typing import Any, TypeAlias, assert_never

from msgspec import Struct

from iku.domain import subject_kinds
from iku.domain.contribution import Contribution
from iku.domain.decider import Invalid
from iku.domain.figure import Counts
from iku.domain.indicator import Indicator, Options
from iku.domain.publication import Closed, FrozenValue, Publication, PublicationYear
from iku.domain.question import Question
from iku.messages import Message, message

# Events of these categories determine which periods are closed and how they are
# counted. A decision based on them is valid until a further event is recorded.
CATEGORIES = ("indicator", "publication")


class ClosedFigure(Struct, frozen=True):
    """A figure of a closed publication, and the options that count it."""

    publication: Publication
    closing: Closed
    frozen: FrozenValue
    options: Options


class ContributionChange(Struct, frozen=True):
    """A change of the counts that a subject adds to a frozen figure."""

    figure: ClosedFigure
    before: Counts
    after: Counts


class TargetChange(Struct, frozen=True):
    """A change of the target of a frozen figure; None means no target."""

    figure: ClosedFigure
    before: Decimal | None
    after: Decimal | None


Change: TypeAlias = ContributionChange | TargetChange


class ReasonRequired(Invalid):
    """An event without a reason would change a frozen figure.

    *counted* is the figure as it would be counted today; None means the frozen figure.
    """

    def __init__(self, change: Change, counted: Counts | None = None) -> None:
        super().__init__(
            "reason",
            message(
                "reason is missing: {change}", change=change_message(change, counted)
            ),
        )
        self.change = change


class ClosedPeriods(Struct, frozen=True, dict=True):
    """All publications by year, and all indicators by code."""

    years: Mapping[str, PublicationYear] = MappingProxyType({})
    indicators: Mapping[str, Indicator] = MappingProxyType({})

    @cached_property
    def figures(self) -> tuple[ClosedFigure, ...]:
        """Every frozen figure, in the order in which the publications were closed."""
        closed = [
            (closing.effective_on, publication, closing)
            for year in self.years.values()
            for publication in year.publications.values()
            if (closing := publication.closing) is not None
        ]
        return tuple(
            ClosedFigure(publication, closing, frozen, self._options(frozen))
            for _, publication, closing in sorted(closed, key=lambda one: one[0])
            for frozen in closing.figures
        )

    def _options(self, frozen: FrozenValue) -> Options:
        definitions = self.indicators[frozen.indicator].definitions
        return definitions[frozen.definition - 1].defined.options

    @cached_property
    def last_frozen_days(self) -> Mapping[Options, date]:
        """For each set of options, the last day for which a figure is frozen."""
        found: dict[Options, date] = {}
        for figure in self.figures:
            day = figure.publication.as_of
            found[figure.options] = max(day, found.get(figure.options, day))
        return MappingProxyType(found)


def refuse_change_without_reason(
    closed: ClosedPeriods, subject: str, before: Any, after: Any
) -> None:
    """Refuse a change of *subject* that changes a frozen figure.

    Called only for a command without a reason.

    Raises:
        ReasonRequired: A frozen figure changes. The error names the figure that was
            closed first.
    """
    change = next(frozen_figure_changes(closed, subject, before, after), None)
    if change is not None:
        raise ReasonRequired(change)


def frozen_figure_changes(
    closed: ClosedPeriods, subject: str, before: Any, after: Any
) -> Iterator[Change]:
    """The changes of frozen figures, in the order in which the figures were frozen."""
    if isinstance(after, Indicator):
        return _target_changes(closed, subject, before, after)
    return _count_changes(closed, before, after)


def _target_changes(
    closed: ClosedPeriods, code: str, before: Indicator | None, after: Indicator
) -> Iterator[Change]:
    for figure in closed.figures:
        if figure.frozen.indicator == code:
            as_of = figure.publication.as_of
            was = before.target(as_of) if before else None
            becomes = after.target(as_of)
            if was != becomes:
                yield TargetChange(figure, was, becomes)


def _count_changes(closed: ClosedPeriods, before: Any, after: Any) -> Iterator[Change]:
    moved = {
        options: found
        for options, latest in closed.last_frozen_days.items()
        if (found := _changed_contributions(before, after, options, latest))
    }
    if not moved:
        return
    for figure in closed.figures:
        publication = figure.publication
        if not _is_any_valid_on(publication.as_of, moved.get(figure.options, ())):
            continue
        # Different contributions may add up to the same counts.
        was, becomes = (
            _counts_of_subject(figure, before),
            _counts_of_subject(figure, after),
        )
        if was != becomes:
            yield ContributionChange(figure, was, becomes)


def _changed_contributions(
    before: Any, after: Any, options: Options, latest: date
) -> list[Contribution]:
    """The contributions that the command starts or ends, up to *latest*."""
    ended = subject_kinds.contributions(before, options)
    begun = subject_kinds.contributions(after, options)
    if ended == begun:
        return []
    return [
        one
        for some, others in ((ended, begun), (begun, ended))
        for one in some
        if one.start <= latest and one not in others
    ]


def _is_any_valid_on(day: date, contributions: Iterable[Contribution]) -> bool:
    return any(c.start <= day and (c.end is None or day < c.end) for c in contributions)


def _counts_of_subject(figure: ClosedFigure, subject: Any) -> Counts:
    if subject is None:
        return Counts()
    start, as_of = figure.publication.period.start, figure.publication.as_of
    return subject_kinds.membership(subject, figure.options, start, as_of).counts


def question_of_change(change: Change) -> Question:
    """The question whose answer is the changed figure as counted today."""
    publication, frozen = change.figure.publication, change.figure.frozen
    return Question(
        frozen.indicator,
        publication.as_of,
        period=publication.period.kind,
        definition=frozen.definition,
    )


def change_message(change: Change, counted: Counts | None = None) -> Message:
    """The change as a message that quotes both values.

    *counted* is as in `ReasonRequired`.
    """
    match change:
        case ContributionChange():
            return _recount_message(
                change, counted or _frozen_counts(change.figure.frozen)
            )
        case TargetChange():
            none = message("none")
            return message(
                "the target of {figure} would change from {before} to {after}",
                figure=_figure_name(change.figure),
                before=change.before or none,
                after=change.after or none,
            )
    assert_never(change)


def _frozen_counts(frozen: FrozenValue) -> Counts:
    return Counts(frozen.numerator, frozen.denominator, frozen.expired or 0)


def _recount_message(change: ContributionChange, now: Counts) -> Message:
    before, after = change.before, change.after
    numerator = now.numerator + after.numerator - before.numerator
    denominator = now.denominator + after.denominator - before.denominator
    if (numerator, denominator) == (now.numerator, now.denominator):
        return message(
            "the number of expired registrations in {figure} would change from "
            "{before} to {after}",
            figure=_figure_name(change.figure),
            before=now.expired,
            after=now.expired + after.expired - before.expired,
        )
    return message(
        "{figure} would change from {before} to {after}",
        figure=_figure_name(change.figure),
        before=f"{now.numerator}/{now.denominator}",
        after=f"{numerator}/{denominator}",
    )


def _figure_name(figure: ClosedFigure) -> Message:
    of = figure.publication
    return message(
        "{indicator} of publication {publication} ({start} to {as_of}, closed on "
        "{closed})",
        indicator=figure.frozen.indicator,
        publication=of.id,
        start=of.period.start,
        as_of=of.as_of,
        closed=figure.closing.effective_on,
    )
