"""Lists of cases and organisations as CSV or XLSX, all pages in one file."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

from litestar import Response
from msgspec import structs

from iku.app import App
from iku.connection import open_view
from iku.exchange import list_table
from iku.exchange.table_output import TableFormat, table_output
from iku.queries import lists
from iku.queries.list_questions import ListQuestion
from iku.queries.lists import ListPage
from iku.queries.view import Viewer
from iku.web.headers import AnyRequest
from iku.web.table_downloads import download

PART = 200  # items that are read at a time
NAMES = {"conflict": "konflik", "organisation": "organisasi"}


async def list_download(
    request: AnyRequest,
    app: App,
    viewer: Viewer,
    asked: ListQuestion,
    form: TableFormat,
) -> Response[Any]:
    """The list from the cursor of *asked* to its end, streamed."""
    question = structs.replace(asked, limit=PART)
    # Read before the response starts, so that an error still gets its HTTP status.
    first = await _page(app, viewer, question)
    output = table_output(list_table.shape(asked.CATEGORY), form)
    parts = _parts(app, viewer, question, first)
    return download(request, output, parts, NAMES[asked.CATEGORY])


async def _page(app: App, viewer: Viewer, question: ListQuestion) -> ListPage:
    async with open_view(app, viewer) as view:
        return await lists.listing(view, question, app.commands.today())


async def _parts(
    app: App, viewer: Viewer, question: ListQuestion, page: ListPage
) -> AsyncIterator[Sequence[dict[str, Any]]]:
    """The items of *page* and of the pages after it."""
    while True:
        yield page.items
        if page.next is None:
            return
        page = await _page(app, viewer, structs.replace(question, cursor=page.next))
