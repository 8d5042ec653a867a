"""Explanations of a figure: each case or organisation, its rule and its events."""

from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any

from litestar import Response
from msgspec import Meta, Struct

from iku.app import App
from iku.connection import open_view
from iku.domain.access import Action
from iku.domain.coordinates import LARGEST
from iku.domain.figure import Figure
from iku.exchange import explanation_table
from iku.exchange.table_output import TableFormat, table_output
from iku.queries import explanation
from iku.queries.explanation import (
    EXAMINED,
    ExplainedSubject,
    ExplanationPage,
    ExplanationQuestion,
    PinnedFigure,
    SubjectFilter,
)
from iku.queries.figure_parameters import Cursor
from iku.queries.view import Viewer
from iku.web.headers import AnyRequest
from iku.web.routes import get
from iku.web.table_downloads import (
    CsvDelimiter,
    CsvMark,
    accepted_format,
    download,
)

TAGS = ["Figures"]
USUAL_LIMIT = 50
MOST_AS_JSON = 200


class PageQuestion(ExplanationQuestion, frozen=True, kw_only=True):
    """The parameters of one page of an explanation, and its format."""

    limit: Annotated[
        Annotated[int, Meta(ge=1, le=1_000_000)] | None,
        Meta(
            description="Maximum number of items: 50 if omitted, at most 200; in CSV "
            "and XLSX, all if omitted."
        ),
    ] = None
    cursor: Cursor = None
    delimiter: CsvDelimiter = None
    bom: CsvMark = None


class Explained(Struct, frozen=True):
    """A figure, and how each case or organisation counts in it.

    Attributes:
        figure: The explained figure, with all its coordinates.
        items: The cases or organisations of this page, ordered by identifier.
        examined: Number of subjects examined for this page, at most 2,000. A page may
            therefore hold few items, or none, and still have a next page.
        next: The cursor of the next page; null where all subjects were examined.
    """

    figure: Figure
    items: tuple[ExplainedSubject, ...]
    examined: int
    next: str | None


@get(
    "/indicators/{code:str}/explanation",
    Action.READ_HISTORY,
    operation_id="explainFigure",
    summary="Explain a figure",
    tags=TAGS,
)
async def explain(
    question: PageQuestion, request: AnyRequest, app: App, viewer: Viewer
) -> Response[Explained]:
    """Each case or organisation: whether it counts, by which rule and which events.

    The counts of all pages add up to the figure. The response is JSON, or CSV or XLSX
    if Accept names its media type; these are streamed.
    """
    form = accepted_format(request, question)
    today = app.commands.today()
    async with open_view(app, viewer) as view:
        begun = await explanation.pinned_figure(
            view, app.figures, question.question(today), question.cursor, today
        )
    asked = _ExplanationQuery(app, viewer, begun, question.subject_filter)
    limit = question.limit
    if form is not None:
        return await _download(request, asked, form, limit or LARGEST)
    page = await asked.page(begun.after, min(limit or USUAL_LIMIT, MOST_AS_JSON))
    cursor = begun.cursor(page)
    return Response(Explained(begun.figure, page.items, page.examined, cursor))


class _ExplanationQuery(Struct, frozen=True):
    """The parameters with which the pages of one explanation are read."""

    app: App
    viewer: Viewer
    begun: PinnedFigure
    wanted: SubjectFilter

    async def page(self, after: str, limit: int) -> ExplanationPage:
        async with open_view(self.app, self.viewer) as view:
            return await explanation.page(
                view, self.begun.question, self.wanted, after=after, limit=limit
            )


async def _download(
    request: AnyRequest, asked: _ExplanationQuery, form: TableFormat, most: int
) -> Response[Any]:
    # Read before the response starts, so that an error still gets its HTTP status.
    first = await asked.page(asked.begun.after, min(most, EXAMINED))
    figure = asked.begun.figure
    shape = explanation_table.shape(figure, asked.viewer.language)
    output = table_output(shape, form, figure.number)
    parts = _parts(asked, first, most)
    return download(request, output, parts, f"penjelasan-{figure.number}")


async def _parts(
    asked: _ExplanationQuery, page: ExplanationPage, most: int
) -> AsyncIterator[Sequence[ExplainedSubject]]:
    """The items of *page* and of the pages after it.

    It holds no connection between two pages, so a slow client occupies none.
    """
    while True:
        yield page.items
        most -= len(page.items)
        if page.next is None or most <= 0:
            return
        page = await asked.page(page.next, min(most, EXAMINED))


HANDLERS: list[Any] = [explain]
