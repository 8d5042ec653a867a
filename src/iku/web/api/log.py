"""The log itself: every record as it was stored, in order."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
from litestar import Response
from litestar.response import Stream
from msgspec import Raw, Struct

from iku.app import App
from iku.connection import open_view
from iku.domain.coordinates import LARGEST
from iku.messages import message
from iku.queries import log_records
from iku.queries.log_records import LogQuestion, LogRange
from iku.web.headers import AnyRequest, accepts
from iku.web.problems import BadRequest
from iku.web.routes import get

TAGS = ["Log"]
NDJSON = "application/x-ndjson"
USUAL_LIMIT = 100
MOST_AS_JSON = 1_000
LINES = 500  # of NDJSON that are read and sent at a time


class Entry(Struct, frozen=True):
    """A record with its place in the log.

    Attributes:
        position: From 1, without gaps, in the order of commits.
        leaf: The leaf hash of the record's bytes (RFC 6962, 2.1), hexadecimal.
        record: The record, byte for byte as it was stored and is hashed.
    """

    position: int
    leaf: str
    record: Raw


class ShownEntry(Struct, frozen=True):
    """A record with its place in the log.

    Attributes:
        position: From 1, without gaps, in the order of commits.
        leaf: The leaf hash of the record's bytes (RFC 6962, 2.1), hexadecimal.
        record: The record, byte for byte as it was stored and is hashed.
    """

    position: int
    leaf: str
    record: dict[str, Any]


class LogPage(Struct, frozen=True):
    """Part of the log.

    Attributes:
        events: Records in the order of the log. With a filter there may be few, or
            none, and still a next page: 20,000 events are examined for a page at most.
        size: How many events the log held.
        next: The position to go on after; null where nothing follows yet.
    """

    events: tuple[ShownEntry, ...]
    size: int
    next: int | None


class LogPart(Struct, frozen=True):
    """The page as it is sent, its records as the bytes they are."""

    events: list[Entry]
    size: int
    next: int | None


@get(
    "/log/events",
    operation_id="readLog",
    summary="Read the log",
    tags=TAGS,
)
async def events(
    question: LogQuestion, request: AnyRequest, app: App
) -> Response[LogPage]:
    """Records as they were stored, as JSON or, where that is accepted, as NDJSON.

    NDJSON gives a record a line and is sent while it is read. Filters can be combined;
    an event is given where it matches all of them.
    """
    first, last, limit = question.first, question.last, question.limit
    if first and last and first > last:
        raise BadRequest(
            "from",
            message(
                "from is {first}, which is later than to, {last}",
                first=first,
                last=last,
            ),
        )
    zone = app.settings.timezone.key
    async with open_view(app) as view:
        between = await log_records.between(
            view, question.wanted, question.after, (first, last), zone
        )
    asked, after = _LogQuery(app, between), between.after
    if not accepts(request, NDJSON):
        page = await _part(asked, after=after, most=_most(limit))
        shown: Response[Any] = Response(
            msgspec.json.encode(page), media_type="application/json"
        )
        return shown
    most = limit or LARGEST
    # The first part is read before anything is sent: an error still has its status.
    start = await _part(asked, after=after, most=min(most, LINES))
    answer: Response[Any] = Stream(_lines(asked, start, most), media_type=NDJSON)
    return answer


class _LogQuery(Struct, frozen=True):
    """What is read of the log."""

    app: App
    range: LogRange


def _most(limit: int | None) -> int:
    return min(limit or USUAL_LIMIT, MOST_AS_JSON)


async def _lines(asked: _LogQuery, part: LogPart, most: int) -> AsyncIterator[bytes]:
    """Line by line, *part* and what follows it in a log of its size.

    Between two parts it holds no connection, however slowly they are taken.
    """
    while True:
        yield b"".join(msgspec.json.encode(entry) + b"\n" for entry in part.events)
        most -= len(part.events)
        if part.next is None or most <= 0:
            return
        part = await _part(asked, after=part.next, most=min(most, LINES))


async def _part(asked: _LogQuery, *, after: int, most: int) -> LogPart:
    """At most so many matching records after that position."""
    async with open_view(asked.app) as view:
        found = await log_records.page(view, asked.range, after, most)
    return LogPart(
        [Entry(one.position, one.leaf.hex(), Raw(one.record)) for one in found.events],
        asked.range.size,
        found.next,
    )


HANDLERS: list[Any] = [events]
