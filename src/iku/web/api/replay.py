"""Replay: the movements of a figure's counts, in order."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
from litestar import Response

from iku.app import App
from iku.connection import PooledReader, acquire_connection
from iku.domain.access import Action
from iku.queries import figure_replay
from iku.queries.figure_replay import ReplayLine, ReplayQuestion
from iku.web.api.log import NDJSON
from iku.web.authentication import Caller
from iku.web.headers import AnyRequest
from iku.web.routes import get
from iku.web.streaming import stream_response

TAGS = ["Figures"]


@get(
    "/indicators/{code:str}/replay",
    Action.READ_HISTORY,
    operation_id="replayFigure",
    summary="Replay a figure",
    tags=TAGS,
)
async def replay(
    question: ReplayQuestion, request: AnyRequest, app: App, caller: Caller
) -> Response[ReplayLine]:
    """Every movement of the figure's counts as NDJSON, with the counts after it.

    The last line has the figure's numerator and denominator. A figure in which no
    subject ever counted has no lines. The response is streamed; events recorded during
    the transfer are not included.
    """
    today = app.commands.today()
    asked = [question.question(today)]
    async with acquire_connection(app) as connection:
        (figure,) = await app.figures.answer(connection, asked, today)
    view = app.view(PooledReader(app), caller.viewer)
    pages = figure_replay.pages(view, figure, question.order)
    # Read before the response starts, so that an error still gets its HTTP status.
    first: list[ReplayLine] = await anext(pages, [])
    return stream_response(request, _encode_pages(first, pages), NDJSON)


async def _encode_pages(
    first: list[ReplayLine], others: AsyncIterator[list[ReplayLine]]
) -> AsyncIterator[bytes]:
    """The lines of each page as one chunk of the stream."""
    yield _lines(first)
    async for page in others:
        yield _lines(page)


def _lines(page: list[ReplayLine]) -> bytes:
    return b"".join(msgspec.json.encode(line) + b"\n" for line in page)


HANDLERS: list[Any] = [replay]
