"""The page that compares two figures of an indicator, and replays one of them.

By default, a figure is compared with the published figure of the same day or, if none
was published, with the figure at the end of the previous year.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from datetime import date
from typing import Annotated, Any, NamedTuple

from litestar import Response
from msgspec import Meta, structs

from iku import labels
from iku.domain.access import Action
from iku.domain.difference import Difference, DifferenceItem
from iku.domain.figure import Figure
from iku.exchange.charts.bars import WaterfallStage
from iku.messages import Message, message
from iku.parsing import ParseError
from iku.queries import figure_difference, figure_replay, replay_steps
from iku.queries.figure_difference import DifferenceQuestion
from iku.queries.figure_parameters import Cursor, IndicatorQuestion, SizeNumber
from iku.queries.figure_replay import ReplayLine, ReplayOrder
from iku.queries.published_editions import PrintedFigure, last_printed_figure
from iku.queries.replay_steps import ReplayStep
from iku.queries.view import View
from iku.web.pages import figure_charts, time_control
from iku.web.pages.indicator import coordinates_of
from iku.web.pages.page_context import PageContext
from iku.web.pages.routes import reading
from iku.web.pages.time_control import TimeControl

PATH = "/indikator/{code:str}/perbandingan"
ROWS = 25  # a row may have long texts, and a page at most 40 kB
OTHER = "lawan_"  # begins the names of the coordinates of the other figure


class ComparisonPageQuestion(IndicatorQuestion, frozen=True, kw_only=True):
    """The requested figure, the one that it is compared with, and a step of a replay.

    Attributes:
        lawan_per: As-of day of the other figure, as a person writes it.
        langkah: Position in the log of the step that is shown.
    """

    lawan_per: Annotated[
        str | None, Meta(description="As-of day of the other figure.")
    ] = None
    lawan_diketahui: Annotated[
        str | None, Meta(description="Knowledge cut-off of the other figure.")
    ] = None
    lawan_ukuran: Annotated[
        str | None, Meta(description="Log size of the other figure.")
    ] = None
    langkah: Annotated[
        SizeNumber | None,
        Meta(description="Position of the event of a step of the replay."),
    ] = None
    cursor: Cursor = None


class ComparedFigure(NamedTuple):
    """The coordinates of the compared figure, and the edition that printed it."""

    time: TimeControl
    edition: str | None = None


@reading(PATH, Action.READ_HISTORY, ComparisonPageQuestion)
async def show_difference(frame: PageContext) -> Response[bytes]:
    """The causes of the difference of two figures, and the replay of one of them."""
    asked = frame.question
    async with frame.view() as view:
        other = await _compared_figure(frame, view)
        found = await _difference(frame, view, _question(frame, other))
        step = await _replay_step(frame, view, found.figure)
    replay: list[ReplayLine] = []
    if frame.visitor.asks_workbook:
        async with aclosing(_replay(frame, found.figure)) as steps:
            replay = (await anext(steps, {"replay": []}))["replay"]
    page = frame.visitor.page
    stages = _stages(frame, found)
    return frame.show(
        "difference.html",
        figure=found.figure,
        found=found,
        other=other,
        same=coordinates_of(asked),
        step=step,
        replay=replay,
        causes=labels.CAUSES,
        steps=labels.STEPS,
        stages=stages,
        charts=[
            figure_charts.waterfall(page, name, labels.FIGURE[name], stages[name])
            for name in ("numerator", "denominator")
        ],
        register=register_of(found.figure),
        reads_register=frame.refusal(Action.READ_REGISTER) is None,
        event_label=labels.EVENTS.__getitem__,
        rest={
            "difference_rows.html": _later_items(frame, other, found),
            "replay_rows.html": _later_steps(frame, found.figure),
        },
    )


async def _difference(
    frame: PageContext, view: View, asked: DifferenceQuestion
) -> Difference:
    today = frame.time.today
    # The page shows how each subject counts in the requested figure.
    compared = structs.replace(asked.compared_questions(today), explains_both=False)
    return await figure_difference.compute_difference(
        view, frame.app.figures, compared, today
    )


async def _compared_figure(frame: PageContext, view: View) -> ComparedFigure:
    """The coordinates of the figure with which the requested one is compared.

    Raises:
        ParseError: A parameter of the address is not a coordinate.
    """
    asked, time = frame.question, frame.time
    given = {
        name: value
        for name in time_control.NAMES
        if (value := getattr(asked, f"{OTHER}{name}"))
    }
    if given:
        try:
            other = time_control.parse(given, time.today)
        except ParseError as error:
            faults = {f"{OTHER}{name}": said for name, said in error.faults.items()}
            raise ParseError(faults) from error
        return ComparedFigure(
            time._replace(
                as_of=other.as_of or time.as_of,
                known_on=other.known_on or time.known_on,
                size=time.size if other.size is None else other.size,
            )
        )
    if edition := await _printed_figure(frame, view):
        closing = edition.edition.closing
        if closing is not None:
            at = time._replace(known_on=closing.known_on, size=closing.size)
            return ComparedFigure(at, edition.edition.id)
    before = date(max(time.day.year - 1, 1), 12, 31)
    return ComparedFigure(time._replace(as_of=min(time.day, before)))


async def _printed_figure(frame: PageContext, view: View) -> PrintedFigure | None:
    """The figure as the last edition of the day printed it."""
    question = frame.question.question(frame.time.today)
    (figure,) = await frame.app.figures.answer(
        view.reader, [question], frame.time.today
    )
    return last_printed_figure(frame.publications, figure)


def _question(frame: PageContext, other: ComparedFigure) -> DifferenceQuestion:
    asked, at = frame.question, other.time
    return DifferenceQuestion(
        code=asked.code,
        as_of=asked.as_of,
        known_on=asked.known_on,
        size=asked.size,
        period=asked.period,
        definition=asked.definition,
        against_as_of=at.day,
        against_known_on=at.known_on,
        against_size=at.size,
        limit=frame.rows(ROWS),
        cursor=asked.cursor,
    )


async def _replay_step(
    frame: PageContext, view: View, figure: Figure
) -> ReplayStep | None:
    position = frame.question.langkah
    if position is None:
        return None
    today = frame.time.today
    return await replay_steps.step(view, frame.app.figures, figure, position, today)


async def _replay(
    frame: PageContext, figure: Figure
) -> AsyncGenerator[dict[str, list[ReplayLine]], None]:
    """The pages of the replay of a figure."""
    async with frame.view() as view:
        async for page in figure_replay.pages(view, figure, ReplayOrder.KNOWN):
            yield {"replay": page}


async def _later_steps(
    frame: PageContext, figure: Figure
) -> AsyncGenerator[dict[str, list[ReplayLine]], None]:
    """The pages of the replay after the first one."""
    async with aclosing(_replay(frame, figure)) as pages:
        await anext(pages, None)
        async for page in pages:
            yield page


async def _later_items(
    frame: PageContext, other: ComparedFigure, found: Difference
) -> AsyncGenerator[dict[str, Difference], None]:
    """The pages of the difference after *found*."""
    while found.next is not None:
        asked = structs.replace(_question(frame, other), cursor=found.next)
        async with frame.view() as view:
            found = await _difference(frame, view, asked)
        yield {"found": found}


def _stages(
    frame: PageContext, found: Difference
) -> dict[str, Sequence[WaterfallStage]]:
    """The waterfall stages: by cause if all items are on this page, else by step."""
    whole = found.next is None and frame.question.cursor is None
    changes = _changes_by_cause(found.items) if whole else _changes_by_step(found)
    return {
        name: _stages_of(frame, found, name, changes)
        for name in ("numerator", "denominator")
    }


def _changes_by_cause(items: Sequence[DifferenceItem]) -> Mapping[Message, Any]:
    """The changes of both counts by cause, in the order of causes."""
    sums = {cause: {"numerator": 0, "denominator": 0} for cause in labels.CAUSES}
    for item in items:
        sums[item.cause]["numerator"] += item.numerator
        sums[item.cause]["denominator"] += item.denominator
    caused = {item.cause for item in items}
    return {labels.CAUSES[c]: both for c, both in sums.items() if c in caused}


def _changes_by_step(found: Difference) -> Mapping[Message, Any]:
    return {
        labels.STEPS[one.step]: {
            "numerator": one.numerator,
            "denominator": one.denominator,
        }
        for one in found.steps
    }


def _stages_of(
    frame: PageContext, found: Difference, name: str, changes: Mapping[Message, Any]
) -> Sequence[WaterfallStage]:
    page = frame.visitor.page
    count: int = getattr(found.against, name)
    stages = [_total_stage(frame, message("Compared figure"), count)]
    for label, both in changes.items():
        change = both[name]
        if not change:
            continue
        shown = page.formats.signed_number(change)
        stages.append(WaterfallStage(page.text(label), shown, count, count + change))
        count += change
    return [*stages, _total_stage(frame, message("Requested figure"), count)]


def _total_stage(frame: PageContext, label: Message, count: int) -> WaterfallStage:
    page = frame.visitor.page
    return WaterfallStage(page.text(label), page.number(count), 0, count, total=True)


def register_of(figure: Figure) -> str:
    """The path of the list of the subjects that *figure* counts."""
    return "konflik" if figure.expired is None else "organisasi"


HANDLERS: list[Any] = [show_difference]
