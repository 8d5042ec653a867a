"""One figure with all that its page shows: series, parts, flow and first publication.

Figure and series are counted in one statement. Everything else is read at the
coordinates of the figure, so all numbers are consistent although they are read one
after another.
"""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from msgspec import structs

from iku.domain.figure import ComputedFigure, Figure
from iku.domain.indicator import ConflictOptions
from iku.domain.period import MONTHS, Kind
from iku.domain.question import Question
from iku.ledger.log import Reader
from iku.queries import case_flow, figure_parts, moved_days, series
from iku.queries.case_flow import CaseFlow
from iku.queries.figure_parts import PartCounts
from iku.queries.figures import Figures
from iku.queries.moved_days import MovedDays
from iku.queries.publications import FirstPublished, PublicationRecord, first_of
from iku.queries.published_editions import PrintedFigure, last_printed_figure
from iku.queries.series import Break
from iku.queries.view import View

POINTS = 8  # of a series on a page


class SeriesPoint(NamedTuple):
    """A day of the series.

    Attributes:
        first: The figure as first published; None if it was not published.
        broken: The version of the definition that applies from this day on; None if it
            is that of the point before.
    """

    figure: Figure
    first: FirstPublished | None
    broken: Break | None


class FigureDetail(NamedTuple):
    """A figure with its series, parts, flow and first publication.

    Attributes:
        made: The figure with its definition, target and scale.
        points: The series up to the day of the figure.
        parts: The counts by part and district.
        flow: The flow of cases; None if the indicator counts no cases.
        moved: The nearest days on which the figure moved.
        printed: The figure in the last published edition of the day; None without one.
    """

    made: ComputedFigure
    points: Sequence[SeriesPoint]
    parts: Sequence[PartCounts]
    flow: CaseFlow | None
    moved: MovedDays
    printed: PrintedFigure | None


async def figure_detail(
    view: View,
    figures: Figures,
    records: Sequence[PublicationRecord],
    question: Question,
    today: date,
) -> FigureDetail:
    """The figure of *question*; *records* are all publications.

    Raises:
        UnknownReference: The indicator does not exist.
        InvalidQuestion: A requested day, size or version does not exist.
    """
    reader = view.reader
    days = days_of_series(question.as_of, question.period, today)
    questions = [structs.replace(question, as_of=day) for day in days]
    computed = await figures.compute(reader, [question, *questions], today)
    made, figure = computed[0], computed[0].figure
    options = made.made_with.definition.defined.options
    return FigureDetail(
        made=made,
        points=points(figures, records, [one.figure for one in computed[1:]]),
        parts=await figure_parts.counts_by_part(reader, figure),
        flow=await case_flow.case_flow_of_figure(reader, figure, options)
        if isinstance(options, ConflictOptions)
        else None,
        moved=await moved_days.moved_days(reader, [figure], today),
        printed=last_printed_figure(records, figure),
    )


async def series_points(
    reader: Reader,
    figures: Figures,
    records: Sequence[PublicationRecord],
    question: Question,
    today: date,
) -> tuple[SeriesPoint, ...]:
    """The series of the figure of *question* alone (raises as `figure_detail`)."""
    days = days_of_series(question.as_of, question.period, today)
    questions = [structs.replace(question, as_of=day) for day in days]
    found = await figures.answer(reader, questions, today)
    return points(figures, records, found)


def days_of_series(as_of: date, kind: Kind, today: date) -> list[date]:
    """The days of the series that ends on *as_of*.

    A figure of a year is shown at the ends of the quarters of that year and the one
    before; any other at the ends of the last `POINTS` periods of its kind.
    """
    if kind is Kind.YEAR:
        first, step = date(max(as_of.year - 1, 1), 1, 1), Kind.QUARTER
    else:
        first, step = _months_before(as_of, (POINTS - 1) * MONTHS[kind]), kind
    return series.step_days(first, as_of, step, today)


def _months_before(day: date, months: int) -> date:
    """The first day of the month that is *months* before that of *day*."""
    month = max(day.year * 12 + day.month - 1 - months, 12)
    return date(month // 12, month % 12 + 1, 1)


def points(
    figures: Figures, records: Sequence[PublicationRecord], found: Sequence[Figure]
) -> tuple[SeriesPoint, ...]:
    """The points of the series *found*; *records* are all publications."""
    code, kind = found[0].indicator, found[0].period.kind
    firsts = series.known_at(found, first_of(records, code, kind))
    breaks = {
        one.as_of: one for one in series.series_breaks(found, figures.definitions(code))
    }
    return tuple(
        SeriesPoint(figure, first, breaks.get(figure.as_of))
        for figure, first in zip(found, firsts, strict=True)
    )
