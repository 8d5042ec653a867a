"""The charts of the pages of a figure, labelled in the language of the page."""

from collections.abc import Sequence

from iku.domain.figure import ComputedFigure, Figure
from iku.exchange.charts import bars
from iku.exchange.charts.bars import Achievement, Bar, WaterfallStage
from iku.exchange.charts.line import LinePoint, line
from iku.messages import Message, message, plural
from iku.queries.case_flow import AgeOfCases, CaseFlow
from iku.queries.figure_detail import SeriesPoint
from iku.web.page_language import PageLanguage


def series(page: PageLanguage, points: Sequence[SeriesPoint]) -> str | None:
    """The series of a figure: as known now, as first published, and the target.

    None if no day has a percentage, now or as first published.
    """
    drawn = [_point(page, one) for one in points]
    if all(one.now is None and one.published is None for one in drawn):
        return None
    first, last = points[0].figure, points[-1].figure
    return line(
        "series",
        page.text(message("{indicator} over time", indicator=last.indicator)),
        page.text(
            message(
                "From {first_day} ({first}) to {last_day} ({last}). All values are in "
                "the table below.",
                first_day=first.as_of,
                first=page.percent(first.percentage),
                last_day=last.as_of,
                last=page.percent(last.percentage),
            )
        ),
        drawn,
    )


def _point(page: PageLanguage, one: SeriesPoint) -> LinePoint:
    figure = one.figure
    return LinePoint(
        label=page.day(figure.as_of),
        counts=page.formats.fraction(figure.numerator, figure.denominator),
        now=figure.percentage,
        published=one.first.figure.percentage if one.first else None,
        target=figure.target,
        broken=one.broken is not None,
    )


def achievement(page: PageLanguage, made: ComputedFigure) -> str | None:
    """The achievement among the rating bands; None if there is none."""
    figure = made.figure
    if figure.achievement is None:
        return None
    bounds = sorted(band.at_least for band in made.made_with.scale.bands)
    return bars.bullet(
        "achievement",
        page.text(
            message(
                "Achievement of {indicator}: {achievement}",
                indicator=figure.indicator,
                achievement=page.percent(figure.achievement),
            )
        ),
        page.text(
            message(
                "The rating is {rating}; each number below the bar is the lowest "
                "achievement of a rating.",
                rating=figure.rating,
            )
        ),
        Achievement(
            figure.achievement,
            page.percent(figure.achievement),
            [bound for bound in bounds if bound > 0],
        ),
    )


def age_label(one: AgeOfCases) -> Message:
    """The label of an age of open cases."""
    if one.most is None:
        return message("more than {days} days", days=one.least - 1)
    return message("{least} to {most} days", least=one.least, most=one.most)


def ages(page: PageLanguage, found: Sequence[AgeOfCases]) -> str:
    """The open cases by age."""
    total = sum(one.cases for one in found)
    rows = [
        Bar(page.text(age_label(one)), one.cases, page.number(one.cases))
        for one in found
    ]
    said = plural("{count} case is open.", "{count} cases are open.", count=total)
    title = page.text(message("Age of open cases"))
    return bars.amounts("ages", title, page.text(said), rows)


def flow_rows(found: CaseFlow) -> list[tuple[str, Message, int]]:
    """The name, label and number of each movement of cases in a period."""
    return [
        ("reported", message("reported in the period"), found.reported),
        ("verified", message("of which verified"), found.verified),
        ("resolved", message("resolved in the period"), found.resolved),
        ("reopened", message("reopened in the period"), found.reopened),
    ]


def flow(page: PageLanguage, figure: Figure, found: CaseFlow) -> str:
    """The movements of cases in the period of *figure*."""
    rows = [
        Bar(page.text(label), number, page.number(number))
        for _, label, number in flow_rows(found)
    ]
    said = message("Period: {period}.", period=page.period(figure.period))
    title = page.text(message("Flow of cases"))
    return bars.amounts("flow", title, page.text(said), rows)


def waterfall(
    page: PageLanguage, name: str, title: Message, stages: Sequence[WaterfallStage]
) -> str:
    """The waterfall chart of the changes from one count to another."""
    said = message(
        "From {first} to {last}.",
        first=page.number(stages[0].after),
        last=page.number(stages[-1].after),
    )
    return bars.waterfall(name, page.text(title), page.text(said), stages)
