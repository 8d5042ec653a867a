"""The front page, Beranda: the figures of all indicators.

It always shows the coordinates of its figures. Where the day is neither today nor the
requested one, it gives the reason (decision 22).
"""

from datetime import date
from typing import Annotated, Any

from litestar import Response
from msgspec import Meta

from iku.domain.access import Action
from iku.messages import Message, message
from iku.queries import figure_detail, published_editions
from iku.queries import front_page as queries
from iku.queries.figure_parameters import MomentQuestion
from iku.queries.front_page import FallbackReason, FrontDay, RequestedMoment
from iku.queries.moved_days import moved_days
from iku.web.pages import figure_charts, tasks
from iku.web.pages.page_context import PageContext
from iku.web.pages.routes import reading

TASKS = 5  # the most urgent ones, which the page lists


class FrontQuestion(MomentQuestion, frozen=True, kw_only=True):
    """The coordinates, and the indicator whose series is shown."""

    iku: Annotated[
        str | None, Meta(description="Code of the indicator whose series is shown.")
    ] = None


@reading("/", Action.READ_FIGURES, FrontQuestion)
async def show_front_page(frame: PageContext) -> Response[bytes]:
    """The figures of a day and of the end of the previous year."""
    today, time, figures = frame.time.today, frame.time, frame.app.figures
    asked = RequestedMoment(time.as_of, time.known_on, time.size, frame.question.iku)
    async with frame.view() as view:
        found = await queries.read_front_page(view, figures, asked, today)
        moved = await moved_days(view.reader, found.figures, today)
    # Tasks are of today, so a requested day has none.
    inbox = None if time.given else await tasks.read_inbox(frame)
    frame = frame.with_time(earlier=moved.earlier, later=moved.later)
    # Links carry the day that is shown, also where the page has chosen it.
    if found.day.as_of != today:
        frame = frame.with_time(as_of=found.day.as_of)
    records, period = frame.publications, found.figures[0].period
    points = figure_detail.points(figures, records, found.series)
    return frame.show(
        "front.html",
        figures=found.figures,
        fallback=_fallback_message(found.day, today),
        wordings={
            figure.indicator: next(
                one.defined.wording
                for one in found.indicators[figure.indicator].definitions
                if one.version == figure.definition
            )
            for figure in found.figures
        },
        printed={
            figure.indicator: published_editions.last_printed_figure(records, figure)
            for figure in found.figures
        },
        earlier=list(found.earlier.values()),
        earlier_day=date(max(found.day.as_of.year - 1, 1), 12, 31),
        shown=found.series[0].indicator,
        points=points,
        series_chart=figure_charts.series(frame.visitor.page, points),
        inbox=inbox,
        urgent=[] if inbox is None else inbox.most_urgent(TASKS),
        headings=tasks.headings(frame),
        edition=published_editions.publication_of_period(records, period),
    )


def _fallback_message(day: FrontDay, today: date) -> Message | None:
    """The reason why the server chose another day than today; None if it did not."""
    values = {"this_year": today.year, "as_of": day.as_of, "today": today}
    match day.why:
        case None:
            return None
        case FallbackReason.TARGETED:
            return message(
                "No event of {this_year} has changed a figure yet, so this page shows "
                "the last year that has a target: the figures as of {as_of:digits}, "
                "not as of today, {today:digits}.",
                **values,
            )
        case FallbackReason.MOVED:
            return message(
                "No event of {this_year} has changed a figure yet, so this page shows "
                "the last year whose events changed a figure: the figures as of "
                "{as_of:digits}, not as of today, {today:digits}.",
                **values,
            )


HANDLERS: list[Any] = [show_front_page]
