"""The front page: all indicators on a day, and at the end of the year before.

The default day is today, or, if no fact of this year has moved a figure, the end of the
last year that has a target (decision 22).
"""

from collections.abc import Mapping, Sequence
from datetime import date
from enum import StrEnum
from typing import NamedTuple

from msgspec import Struct

from iku.domain.figure import Figure
from iku.domain.indicator import Indicator
from iku.domain.period import Kind
from iku.domain.question import Question
from iku.queries import figure_detail, last_movement
from iku.queries.figures import Figures
from iku.queries.view import View


class RequestedMoment(Struct, frozen=True):
    """The requested coordinates and series; None means the default.

    Attributes:
        indicator: The indicator whose series is shown; by default the first one.
    """

    as_of: date | None = None
    known_on: date | None = None
    size: int | None = None
    indicator: str | None = None


class FallbackReason(StrEnum):
    """Why a past year is shown: it has a target, or its facts moved a figure."""

    TARGETED = "targeted"
    MOVED = "moved"


class FrontDay(NamedTuple):
    """The day of the page.

    Attributes:
        why: Why the default is not today; otherwise None.
    """

    as_of: date
    why: FallbackReason | None = None


class FrontPage(NamedTuple):
    """The figures of the front page, and the day on which they are counted.

    Attributes:
        earlier: By indicator, the figure at the end of the year before, if any.
        series: The figures of the requested series.
    """

    day: FrontDay
    indicators: Mapping[str, Indicator]
    figures: Sequence[Figure]
    earlier: Mapping[str, Figure]
    series: Sequence[Figure]


async def read_front_page(
    view: View, figures: Figures, asked: RequestedMoment, today: date
) -> FrontPage:
    """The figures of the requested day and of the end of the year before, and a series.

    Raises:
        UnknownReference: The indicator of the series does not exist.
        InvalidQuestion: A coordinate does not exist.
    """
    indicators = await figures.indicators(view.reader)
    day = FrontDay(asked.as_of) if asked.as_of else None
    if day is None:
        moved_on = await last_movement.last_moved_on(view.reader, today)
        years = [t.year for one in indicators.values() for t in one.targets]
        day = default_day(today, moved_on, years)
    days = [day.as_of]
    if day.as_of.year > 1:
        days.append(date(day.as_of.year - 1, 12, 31))
    codes = sorted(indicators)
    shown = asked.indicator or codes[0]
    of_series = figure_detail.days_of_series(day.as_of, Kind.YEAR, today)
    wanted = [(code, day) for day in days for code in codes]
    wanted += [(shown, day) for day in of_series]
    questions = [
        Question(code, day, known_on=asked.known_on, size=asked.size)
        for code, day in wanted
    ]
    found = await figures.answer(view.reader, questions, today)
    first = found[: len(codes)]
    earlier = found[len(codes) : len(codes) * len(days)]
    return FrontPage(
        day,
        indicators,
        first,
        {one.indicator: one for one in earlier},
        found[-len(of_series) :],
    )


def default_day(today: date, moved_on: date | None, targets: Sequence[int]) -> FrontDay:
    """The default day of the page.

    *moved_on* is the last day on which a figure moved, None if never; *targets* are the
    years that have a target.
    """
    if moved_on is None or moved_on.year == today.year:
        return FrontDay(today)
    year = max((year for year in targets if year <= today.year), default=None)
    if year == today.year:
        return FrontDay(today)
    if year is not None:
        return FrontDay(date(year, 12, 31), FallbackReason.TARGETED)
    return FrontDay(date(moved_on.year, 12, 31), FallbackReason.MOVED)
