"""The page of a figure: its formula line, number, series, parts, and flow of cases."""

from collections.abc import Sequence
from typing import Any

from litestar import Response

from iku import labels
from iku.domain.access import Action
from iku.domain.indicator import ConflictOptions
from iku.domain.period import Kind, containing
from iku.exchange.charts.shaded_table import shaded_table
from iku.messages import Message, message
from iku.queries import case_flow, figure_detail
from iku.queries.case_flow import AgeOfCases
from iku.queries.figure_detail import FigureDetail
from iku.queries.figure_parameters import IndicatorQuestion
from iku.queries.view import NOBODY
from iku.web.pages import figure_charts
from iku.web.pages.page_context import PageContext
from iku.web.pages.routes import reading

PATH = "/indikator/{code:str}"
UNKNOWN = message("unknown")


@reading(PATH, Action.READ_FIGURES, IndicatorQuestion)
async def show_indicator(frame: PageContext) -> Response[bytes]:
    """The figure of an indicator on a day, with its series, parts and flow of cases."""
    today = frame.time.today
    question = frame.question.question(today)
    async with frame.view() as view:
        found = await figure_detail.figure_detail(
            view, frame.app.figures, frame.publications, question, today
        )
    frame = frame.with_time(earlier=found.moved.earlier, later=found.moved.later)
    figure, page = found.made.figure, frame.visitor.page
    return frame.show(
        "indicator.html",
        figure=figure,
        found=found,
        same=coordinates_of(frame.question),
        wording=found.made.made_with.definition.defined.wording,
        check_address=f"{frame.visitor.means.origin}/f/{figure.number}",
        periods=[containing(figure.as_of, kind) for kind in Kind],
        series_chart=figure_charts.series(page, found.points),
        achievement_chart=figure_charts.achievement(page, found.made),
        table=parts_table(frame, found),
        part_label=part_label,
        district_label=lambda code: district_label(frame, code),
        ages=_ages(frame, found),
        ages_chart=found.flow and figure_charts.ages(page, found.flow.ages),
        flow_rows=found.flow and figure_charts.flow_rows(found.flow),
        flow_chart=found.flow and figure_charts.flow(page, figure, found.flow),
    )


def coordinates_of(question: IndicatorQuestion) -> dict[str, str]:
    """The parameters of *question* that are not in the time control."""
    same = {}
    if question.period is not Kind.YEAR:
        same["period"] = question.period.value
    if question.definition is not None:
        same["definition"] = str(question.definition)
    return same


def parts_table(frame: PageContext, found: FigureDetail) -> Any:
    """The parts by district and dimension; the public sees no small counts."""
    counts = {
        (one.district, one.part): (one.numerator, one.denominator)
        for one in found.parts
    }
    return shaded_table(counts, public=frame.visitor.viewer.actor == NOBODY)


def part_label(part: str) -> Message:
    """The label of a dimension or of a kind of organisations."""
    found = labels.value_label("dimension", part) or labels.value_label("kind", part)
    return found or UNKNOWN


def district_label(frame: PageContext, code: str) -> str:
    """The name of a district."""
    return frame.areas.get(code) or frame.visitor.page.text(UNKNOWN)


def _ages(
    frame: PageContext, found: FigureDetail
) -> list[tuple[Message, AgeOfCases, str | None]]:
    """Each age with its label, and the address of the list of its cases.

    None where the visitor may not read the list.
    """
    options = found.made.made_with.definition.defined.options
    if found.flow is None or not isinstance(options, ConflictOptions):
        return []
    may_read = frame.refusal(Action.READ_REGISTER) is None
    return [
        (
            figure_charts.age_label(one),
            one,
            _list_address(frame, options, one) if may_read else None,
        )
        for one in found.flow.ages
    ]


def _list_address(frame: PageContext, options: ConflictOptions, one: AgeOfCases) -> str:
    """The address of the list of the open cases of that age."""
    levels: Sequence[str] = [level.value for level in case_flow.counted_levels(options)]
    return frame.address(
        "/konflik",
        status="open",
        verified="true",
        category=options.category.value,
        level=levels,
        reported_from="" if one.first is None else one.first.isoformat(),
        reported_to=one.last.isoformat(),
    )


HANDLERS: list[Any] = [show_indicator]
