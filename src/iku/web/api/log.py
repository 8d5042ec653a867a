"""The log: every record as it was stored, in log order."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
from litestar import Response
from msgspec import Raw, Struct

from iku.app import App
from iku.connection import open_view
from iku.domain.access import Action
from iku.domain.coordinates import LARGEST
from iku.messages import message
from iku.queries import log_records
from iku.queries.log_records import LogQuestion, LogRange
from iku.web.headers import AnyRequest, accepts
from iku.web.problems import BadRequest
from iku.web.routes import get
from iku.web.streaming import stream_response

TAGS = ["Log"]
NDJSON = "application/x-ndjson"
USUAL_LIMIT = 100
MOST_AS_JSON = 1_000
LINES = 500  # of NDJSON that are read and sent at a time


class EncodedEntry(Struct, frozen=True):
    """A record with its position in the log.

    Attributes:
        position: From 1, without gaps, in the order of commits.
        leaf: The leaf hash of the record's bytes (RFC 6962, 2.1), hexadecimal.
        record: The record, byte for byte as it was stored and is hashed.
    """

    position: int
    leaf: str
    record: Raw


class LogEntry(Struct, frozen=True):
    """A record with its position in the log.

    Attributes:
        position: From 1, without gaps, in the order of commits.
        leaf: The leaf hash of the record's bytes (RFC 6962, 2.1), hexadecimal.
        record: The record, byte for byte as it was stored and is hashed.
    """

    position: int
    leaf: str
    record: dict[str, Any]


class LogPage(Struct, frozen=True):
    """A page of the log.

    Attributes:
        events: Records in log order. At most 20,000 events are examined for a page. A
            filtered page may therefore hold few records, or none, and still have a
            next page.
        size: Number of events in the log.
        next: The value of `after` for the next page; null at the end of the log.
    """

    events: tuple[LogEntry, ...]
    size: int
    next: int | None


class EncodedLogPage(Struct, frozen=True):
    """A `LogPage` for encoding, with the records as stored bytes."""

    events: list[EncodedEntry]
    size: int
    next: int | None


@get(
    "/log/events",
    Action.READ_LOG,
    operation_id="readLog",
    summary="Read the log",
    tags=TAGS,
)
async def events(
    question: LogQuestion, request: AnyRequest, app: App
) -> Response[LogPage]:
    """Records as they were stored, as JSON or, if Accept names it, as NDJSON.

    NDJSON has one record on each line and is streamed. Filters can be combined; an
    event is included where it matches all of them.
    """
    first, last, limit = question.first, question.last, question.limit
    if first and last and first > last:
        raise BadRequest(
            "from",
            message(
                '"from" is {first}, but must not be after "to", {last}',
                first=first,
                last=last,
            ),
        )
    zone = app.settings.timezone.key
    async with open_view(app) as view:
        between = await log_records.log_range(
            view, question.event_filter, question.after, (first, last), zone
        )
    asked, after = _LogQuery(app, between), between.after
    if not accepts(request, NDJSON):
        page = await _read_page(asked, after=after, most=_page_limit(limit))
        shown: Response[Any] = Response(
            msgspec.json.encode(page), media_type="application/json"
        )
        return shown
    most = limit or LARGEST
    # Read before the response starts, so that an error still gets its HTTP status.
    start = await _read_page(asked, after=after, most=min(most, LINES))
    return stream_response(request, _lines(asked, start, most), NDJSON)


class _LogQuery(Struct, frozen=True):
    """The parameters with which the pages of one listing are read."""

    app: App
    range: LogRange


def _page_limit(limit: int | None) -> int:
    return min(limit or USUAL_LIMIT, MOST_AS_JSON)


async def _lines(
    asked: _LogQuery, part: EncodedLogPage, most: int
) -> AsyncIterator[bytes]:
    """The NDJSON lines of *part* and of the parts after it, up to its log size.

    It holds no connection between two parts, so a slow client occupies none.
    """
    while True:
        yield b"".join(msgspec.json.encode(entry) + b"\n" for entry in part.events)
        most -= len(part.events)
        if part.next is None or most <= 0:
            return
        part = await _read_page(asked, after=part.next, most=min(most, LINES))


async def _read_page(asked: _LogQuery, *, after: int, most: int) -> EncodedLogPage:
    """At most *most* matching records after the position *after*."""
    async with open_view(asked.app) as view:
        found = await log_records.page(view, asked.range, after, most)
    return EncodedLogPage(
        [
            EncodedEntry(one.position, one.leaf.hex(), Raw(one.record))
            for one in found.events
        ],
        asked.range.size,
        found.next,
    )


HANDLERS: list[Any] = [events]
