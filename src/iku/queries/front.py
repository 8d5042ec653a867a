"""What the front page shows: all indicators on a day, and a year earlier.

Without a day it is of today, unless no fact of this year has moved a figure: then it is
of the end of the last year that has a target (decision 22).
"""

from collections.abc import Mapping, Sequence
from datetime import date
from enum import StrEnum
from typing import NamedTuple

from msgspec import Struct

from iku.domain.figure import Figure
from iku.domain.indicator import Indicator
from iku.domain.question import Question
from iku.queries import recency
from iku.queries.figures import Figures
from iku.queries.view import View


class Sought(Struct, frozen=True):
    """The coordinates asked for; None where one is left open."""

    as_of: date | None = None
    known_on: date | None = None
    size: int | None = None


class Fallback(StrEnum):
    """Why a past year is shown: it has a target, or its facts moved a figure."""

    TARGETED = "targeted"
    MOVED = "moved"


class FrontDay(NamedTuple):
    """The day that the page is about.

    Attributes:
        why: Why it is not today, where no day was asked for; else None.
    """

    as_of: date
    why: Fallback | None = None


class Front(NamedTuple):
    """What stands on the page.

    Attributes:
        earlier: By indicator, the figure at the end of the year before; none of the
            first year that there is.
    """

    day: FrontDay
    indicators: Mapping[str, Indicator]
    figures: Sequence[Figure]
    earlier: Mapping[str, Figure]


async def front(view: View, figures: Figures, asked: Sought, today: date) -> Front:
    """The figures of the day asked for, and those of the end of the year before.

    Raises:
        Unanswerable: The coordinates cannot be asked about.
    """
    indicators = await figures.indicators(view.reader)
    day = FrontDay(asked.as_of) if asked.as_of else None
    if day is None:
        moved_on = await recency.last_moved_on(view.reader, today)
        years = [t.year for one in indicators.values() for t in one.targets]
        day = default(today, moved_on, years)
    days = [day.as_of]
    if day.as_of.year > 1:
        days.append(date(day.as_of.year - 1, 12, 31))
    questions = [
        Question(code, day, known_on=asked.known_on, size=asked.size)
        for day in days
        for code in sorted(indicators)
    ]
    found = await figures.answer(view.reader, questions, today)
    first, earlier = found[: len(indicators)], found[len(indicators) :]
    return Front(day, indicators, first, {one.indicator: one for one in earlier})


def default(today: date, moved_on: date | None, targets: Sequence[int]) -> FrontDay:
    """The day that the page is about where none is asked for.

    A figure was last moved *on* a day, None where never; *targets* are the years that
    have one.
    """
    if moved_on is None or moved_on.year == today.year:
        return FrontDay(today)
    year = max((year for year in targets if year <= today.year), default=None)
    if year == today.year:
        return FrontDay(today)
    if year is not None:
        return FrontDay(date(year, 12, 31), Fallback.TARGETED)
    return FrontDay(date(moved_on.year, 12, 31), Fallback.MOVED)
