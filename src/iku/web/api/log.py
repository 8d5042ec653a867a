"""The log itself: every record as it was stored, in order."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter, SkipValidation
from litestar.response import Stream
from msgspec import Raw, Struct

from iku.ledger import log
from iku.ledger.record import Recorded
from iku.postgres.pool import Connection
from iku.web.connection import connected
from iku.web.parameters import LARGEST
from iku.wiring import House

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
        events: Records in the order of the log.
        size: How many events the log held.
        next: The position to go on after; null where nothing follows yet.
    """

    events: tuple[ShownEntry, ...]
    size: int
    next: int | None


class Part(Struct, frozen=True):
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
    request: Request[Any, Any, Any],
    house: NamedDependency[SkipValidation[House]],
    after: Annotated[
        int,
        QueryParameter(
            ge=0,
            le=LARGEST,
            schema_extra={"minimum": 0},  # the framework forgets a bound of nought
            description="The position to begin after; 0 is the start.",
        ),
    ] = 0,
    limit: Annotated[
        int | None,
        QueryParameter(
            ge=1,
            le=1_000_000,
            description="The most records: 100 where it is left out, 1,000 at most; "
            "as NDJSON all of them.",
        ),
    ] = None,
    stream: Annotated[
        str | None,
        QueryParameter(
            max_length=100, description="Only this stream, such as conflict-K14."
        ),
    ] = None,
) -> Response[LogPage]:
    """Records as they were stored, as JSON or, where that is accepted, as NDJSON.

    NDJSON gives a record a line and is sent while it is read.
    """
    if NDJSON not in request.headers.get("Accept", ""):
        part = await _part(
            house, after, min(limit or USUAL_LIMIT, MOST_AS_JSON), stream
        )
        shown: Response[Any] = Response(
            msgspec.json.encode(part), media_type="application/json"
        )
        return shown
    most = limit or LARGEST
    # The first part is read before anything is sent: an error still has its status.
    first = await _part(house, after, min(most, LINES), stream)
    answer: Response[Any] = Stream(
        _lines(house, first, most, stream), media_type=NDJSON
    )
    return answer


async def _lines(
    house: House, part: Part, most: int, stream: str | None
) -> AsyncIterator[bytes]:
    """Line by line, *part* and what follows it in a log of its size.

    Between two parts it holds no connection, however slowly they are taken.
    """
    size = part.size
    while True:
        yield b"".join(msgspec.json.encode(entry) + b"\n" for entry in part.events)
        most -= len(part.events)
        if part.next is None or most <= 0:
            return
        part = await _part(house, part.next, min(most, LINES), stream, size)


async def _part(
    house: House, after: int, most: int, stream: str | None, size: int | None = None
) -> Part:
    """At most so many records after that position, in a log of *size* (None: now)."""
    async with connected(house) as connection:
        size = (await log.head(connection)).size if size is None else size
        found = await _read(connection, after, most + 1, stream, size)
    shown = found[:most]
    return Part(
        [Entry(one.position, one.leaf.hex(), Raw(one.record)) for one in shown],
        size,
        shown[-1].position if len(found) > most else None,
    )


async def _read(
    connection: Connection, after: int, most: int, stream: str | None, size: int
) -> list[Recorded]:
    if stream is not None:
        found = await log.read_stream(connection, stream, size=size)
        return [one for one in found if one.position > after][:most]
    # Positions have no gaps, so this many positions are this many records.
    upto = min(after + most, size)
    return [one async for one in log.read_log(connection, after=after, size=upto)]


HANDLERS: list[Any] = [events]
