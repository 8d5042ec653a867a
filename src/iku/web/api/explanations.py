"""Explanations of a figure: each case or organisation, its rule and its events."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

from litestar import Response
from msgspec import Meta, Struct

from iku.app import App
from iku.connection import open_view
from iku.domain.access import Action
from iku.domain.coordinates import LARGEST
from iku.domain.figure import Figure
from iku.exchange import explanation_csv
from iku.exchange.csv_output import Delimiter
from iku.messages import message
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
from iku.web.headers import AnyRequest, accepts
from iku.web.problems import BadRequest
from iku.web.routes import get
from iku.web.streaming import streamed

TAGS = ["Figures"]
CSV = "text/csv"
USUAL_LIMIT = 50
MOST_AS_JSON = 200


class PageQuestion(ExplanationQuestion, frozen=True, kw_only=True):
    """The parameters of one page of an explanation, and its format."""

    limit: Annotated[
        Annotated[int, Meta(ge=1, le=1_000_000)] | None,
        Meta(
            description="Maximum number of items: 50 if omitted, at most 200; in CSV, "
            "all if omitted."
        ),
    ] = None
    cursor: Cursor = None
    delimiter: Annotated[
        Delimiter | None,
        Meta(
            description="Delimiter of CSV: comma (the default), or semicolon, for a "
            "spreadsheet with an Indonesian locale. Not allowed with JSON."
        ),
    ] = None


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

    The counts of all pages add up to the figure. The response is JSON, or CSV if Accept
    names `text/csv`; CSV is streamed.
    """
    as_csv, delimiter = accepts(request, CSV), question.delimiter
    if delimiter and not as_csv:
        raise BadRequest(
            "delimiter",
            message(
                "delimiter is {delimiter}, but it is only allowed if Accept names "
                "{csv}",
                delimiter=delimiter,
                csv=CSV,
            ),
        )
    today = app.commands.today()
    async with open_view(app, viewer) as view:
        begun = await explanation.pinned_figure(
            view, app.figures, question.question(today), question.cursor, today
        )
    asked = _ExplanationQuery(
        app, viewer, begun, question.subject_filter, delimiter or Delimiter.COMMA
    )
    limit = question.limit
    if as_csv:
        return await _as_csv(request, asked, limit or LARGEST)
    page = await asked.page(begun.after, min(limit or USUAL_LIMIT, MOST_AS_JSON))
    cursor = begun.cursor(page)
    return Response(Explained(begun.figure, page.items, page.examined, cursor))


class _ExplanationQuery(Struct, frozen=True):
    """The parameters with which the pages of one explanation are read."""

    app: App
    viewer: Viewer
    begun: PinnedFigure
    wanted: SubjectFilter
    delimiter: Delimiter

    async def page(self, after: str, limit: int) -> ExplanationPage:
        async with open_view(self.app, self.viewer) as view:
            return await explanation.page(
                view, self.begun.question, self.wanted, after=after, limit=limit
            )


async def _as_csv(
    request: AnyRequest, asked: _ExplanationQuery, most: int
) -> Response[Any]:
    # Read before the response starts, so that an error still gets its HTTP status.
    first = await asked.page(asked.begun.after, min(most, EXAMINED))
    name = f"penjelasan-{asked.begun.figure.number}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return streamed(request, _lines(asked, first, most), CSV, headers)


async def _lines(
    asked: _ExplanationQuery, page: ExplanationPage, most: int
) -> AsyncIterator[str]:
    """The CSV text of *page* and of the pages after it.

    It holds no connection between two pages, so a slow client occupies none.
    """
    yield explanation_csv.head(asked.delimiter)
    while True:
        yield explanation_csv.rows(
            page.items, asked.begun.figure, asked.delimiter, asked.viewer.language
        )
        most -= len(page.items)
        if page.next is None or most <= 0:
            return
        page = await asked.page(page.next, min(most, EXAMINED))


HANDLERS: list[Any] = [explain]
