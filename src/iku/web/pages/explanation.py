"""The page that explains a figure case by case, and its downloads."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

from litestar import Response

from iku import labels
from iku.domain.access import Action
from iku.domain.conflict import DIMENSIONS
from iku.domain.counting import DISTRICT
from iku.domain.indicator import ConflictOptions, Options
from iku.exchange import explanation_table
from iku.exchange.table_output import FileFormat, table_output
from iku.messages import Message, message
from iku.queries import counted_subjects, explanation
from iku.queries.explanation import (
    EXAMINED,
    ExplainedSubject,
    ExplanationPage,
    ExplanationQuestion,
    PinnedFigure,
)
from iku.queries.figure_parameters import Cursor
from iku.queries.view import View
from iku.web.pages.indicator import coordinates_of
from iku.web.pages.page_context import PageContext
from iku.web.pages.routes import reading
from iku.web.table_downloads import download, page_format

PATH = "/indikator/{code:str}/penjelasan"
ROWS = 25  # a row may have long texts, and a page at most 40 kB
COUNTED: dict[str, Message] = {
    "denominator": message("in the denominator"),
    "numerator": message("in the numerator"),
    "open": message("in the denominator only"),
    "none": message("not counted"),
}


class ExplanationPageQuestion(ExplanationQuestion, frozen=True, kw_only=True):
    """The parameters of a page of an explanation."""

    cursor: Cursor = None


@reading(PATH, Action.READ_HISTORY, ExplanationPageQuestion)
async def show_explanation(frame: PageContext) -> Response[bytes]:
    """How each case or organisation counts in a figure, and why."""
    question: ExplanationPageQuestion = frame.question
    async with frame.view() as view:
        begun = await _pinned_figure(frame, view, question.cursor)
        found = await _page(view, begun, question, ROWS)
    options = _options(frame, begun)
    of_cases = isinstance(options, ConflictOptions)
    return frame.show(
        "explanation.html",
        figure=begun.figure,
        items=found.items,
        next=begun.cursor(found),
        same=coordinates_of(question),
        counted=COUNTED,
        downloads={form: _download_address(frame, form) for form in FileFormat},
        event_label=labels.EVENTS.__getitem__,
        parts=_part_labels(options),
        districts=[
            area for area in frame.app.agency.areas if len(area.code) == DISTRICT
        ],
        register="konflik" if of_cases else "organisasi",
        reads_register=frame.refusal(Action.READ_REGISTER) is None,
    )


@reading(f"{PATH}.csv", Action.READ_HISTORY, ExplanationQuestion)
async def download_explanation(frame: PageContext) -> Response[Any]:
    """The explanation as CSV; its last line states the coordinates."""
    return await _download(frame, FileFormat.CSV)


@reading(f"{PATH}.xlsx", Action.READ_HISTORY, ExplanationQuestion)
async def download_explanation_workbook(frame: PageContext) -> Response[Any]:
    """The explanation as a workbook; its last row states the coordinates."""
    return await _download(frame, FileFormat.XLSX)


async def _download(frame: PageContext, form: FileFormat) -> Response[Any]:
    async with frame.view() as view:
        begun = await _pinned_figure(frame, view, None)
        # Read before the response starts, so that an error still gets its page.
        first = await _page(view, begun, frame.question, EXAMINED)
    said, figure = frame.visitor.page, begun.figure
    output = table_output(
        explanation_table.shape(figure, said.language),
        page_format(form, indonesian=said.is_indonesian),
        figure.number,
    )
    return download(
        frame.visitor.request,
        output,
        _parts(frame, begun, first),
        f"penjelasan-{figure.number}",
        [said.text(frame.time.sentence)],
    )


def _download_address(frame: PageContext, form: FileFormat) -> str:
    """The address of a download with the filters of the page."""
    path = frame.visitor.path
    return frame.own_address(cursor=None).replace(path, f"{path}.{form}", 1)


async def _pinned_figure(
    frame: PageContext, view: View, cursor: str | None
) -> PinnedFigure:
    today = frame.time.today
    asked = frame.question.question(today)
    return await explanation.pinned_figure(
        view, frame.app.figures, asked, cursor, today
    )


async def _page(
    view: View, begun: PinnedFigure, question: ExplanationQuestion, limit: int
) -> ExplanationPage:
    """The next page; those that count are found without examining all others."""
    wanted = question.subject_filter
    if wanted.counted in {"numerator", "denominator", "open"}:
        return await counted_subjects.page(view, begun, wanted, limit)
    return await explanation.page(
        view, begun.question, wanted, after=begun.after, limit=limit
    )


async def _parts(
    frame: PageContext, begun: PinnedFigure, page: ExplanationPage
) -> AsyncIterator[Sequence[ExplainedSubject]]:
    """The items of *page* and of the pages after it."""
    while True:
        yield page.items
        if page.next is None:
            return
        begun = begun._replace(after=page.next)
        async with frame.view() as view:
            page = await _page(view, begun, frame.question, EXAMINED)


def _options(frame: PageContext, begun: PinnedFigure) -> Options:
    of = frame.app.figures.definitions(begun.figure.indicator)
    return of[begun.figure.definition - 1].defined.options


def _part_labels(options: Options) -> dict[str, Message]:
    """The dimensions, or kinds of organisations, that an indicator counts."""
    if isinstance(options, ConflictOptions):
        of = DIMENSIONS[options.category]
        return {one.value: labels.DIMENSIONS[one] for one in of}
    return dict(labels.KINDS)


HANDLERS: list[Any] = [
    *(show_explanation, download_explanation, download_explanation_workbook),
]
