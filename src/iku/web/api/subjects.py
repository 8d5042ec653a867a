"""What cases and organisations have in common: lists, standings and histories."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from datetime import date
from functools import partial
from typing import Any

import msgspec
from litestar import Response
from msgspec import Struct, structs

from iku import streams, texts
from iku.app import House
from iku.domain import naming
from iku.domain.decider import Missing
from iku.domain.deciders import DECIDERS
from iku.domain.question import Unanswerable, refuse_future
from iku.ledger import log
from iku.ledger.log import Connection
from iku.ledger.record import Recorded
from iku.projections import numbers, standings
from iku.queries import histories, lists
from iku.queries.histories import Event
from iku.queries.lists import Search
from iku.web.connection import connected
from iku.web.problems import Malformed

# What can be the identifier of a case or an organisation: nothing else is looked for.
_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,63}")
_VERSION = re.compile(r"[0-9]{1,9}")


class At(Struct, frozen=True):
    """The day asked about, and by which knowledge."""

    as_of: date
    known_on: date | None
    size: int | None


class Seen(Struct, frozen=True):
    """What a subject was on a day, and the version of its stream by that knowledge.

    Attributes:
        shown: Its standing, the texts asked for among its fields.
    """

    shown: dict[str, Any]
    version: int


def at(house: House, as_of: date | None, known_on: date | None, size: int | None) -> At:
    """The day and the knowledge that the parameters ask for.

    Raises:
        Unanswerable: A day cannot be asked about.
    """
    today = house.office.today()
    refuse_future(as_of, today, known_on)
    return At(as_of or today, known_on, size)


async def page(house: House, asked: Search, fields: Sequence[str]) -> Response[Any]:
    """A page of the list, its items with these texts; the first is looked through."""
    stream = DECIDERS[asked.category].stream
    async with connected(house) as connection:
        await _refuse_size_beyond(connection, asked.size)
        names = texts.naming(connection, house.vault, asked.category, fields[0])
        found = await lists.search(connection, asked, names)
        standings = [one.standing for one in found.items]
        items = await _with_texts(connection, house, stream, standings, fields)
    shown = {"items": items, "next": found.next and write_cursor(found.next)}
    return Response(msgspec.json.encode(shown), media_type="application/json")


async def _with_texts(
    connection: Connection,
    house: House,
    stream: Callable[[str], str],
    standings: Sequence[dict[str, Any]],
    fields: Sequence[str],
) -> list[dict[str, Any]]:
    """Standings with these texts, where they have them, among their fields."""
    wordings = [
        (
            stream(standing["id"]),
            {f: v for f, v in standing["wording"].items() if f in fields},
        )
        for standing in standings
    ]
    found = await texts.worded(connection, house.vault, wordings)
    return [
        {
            **{k: v for k, v in standing.items() if k != "wording"},
            **dict.fromkeys(fields),
            **{field: worded.value for field, worded in of.items()},
            "withheld": {k: v for one in of.values() for k, v in one.withheld.items()},
        }
        for standing, of in zip(standings, found, strict=True)
    ]


async def standing(
    house: House, category: str, subject: str, asked: At, fields: Sequence[str]
) -> Seen:
    """What *subject* was on the day asked about, by the knowledge asked for.

    Raises:
        Missing: There was no such case or organisation.
    """
    recorded = await _read(house, category, subject, asked)
    if not recorded:
        known_on = f" known on {asked.known_on}" if asked.known_on else ""
        hint = await numbers.hint(house.pool, category, subject)
        raise Missing(f"there is no {category} {subject}{known_on}{hint}")
    known = streams.fold(recorded)
    found = standings.on(subject, known.state, asked.as_of)
    if found is None:
        raise Missing(f"there was no {category} {subject} on {asked.as_of}")
    stream, standing = DECIDERS[category].stream, structs.asdict(found)
    async with connected(house) as connection:
        [shown] = await _with_texts(connection, house, stream, [standing], fields)
    return Seen(shown, known.version)


class EventPage(Struct, frozen=True):
    """Part of the history of a case or organisation.

    Attributes:
        items: Its events by version, the first at version 1.
        next: The cursor of the page after this one; null at the end.
    """

    items: tuple[Event, ...]
    next: str | None


async def history(
    house: House, category: str, subject: str, cursor: str | None, limit: int
) -> EventPage:
    """A page of the facts of *subject*.

    Raises:
        Malformed: No page gave this cursor.
        Missing: There is no such case or organisation.
    """
    _refuse_unfit(category, subject)
    after = _read_version(cursor)
    async with connected(house) as connection:
        read = partial(texts.read, connection, house.vault)
        found = await histories.page(
            connection, read, category, subject, after=after, limit=limit
        )
    if not found.events:
        if after:
            raise _strange_cursor()
        hint = await numbers.hint(house.pool, category, subject)
        raise Missing(f"there is no {category} {subject}{hint}")
    following = None if found.next is None else write_cursor(str(found.next))
    return EventPage(found.events, following)


def _read_version(cursor: str | None) -> int:
    """The version that the page before ended with; 0 on the first page."""
    told = read_cursor(cursor) or "0"
    if not _VERSION.fullmatch(told):
        raise _strange_cursor()
    return int(told)


async def _read(
    house: House, category: str, subject: str, asked: At
) -> Sequence[Recorded]:
    _refuse_unfit(category, subject)
    stream = DECIDERS[category].stream(subject)
    async with connected(house) as connection:
        await _refuse_size_beyond(connection, asked.size)
        return await log.read_stream(
            connection, stream, size=asked.size, known_on=asked.known_on
        )


async def _refuse_size_beyond(connection: Connection, size: int | None) -> None:
    if size is None:
        return
    head = await log.head(connection)
    if size > head.size:
        message = f"size is {size}, but the log holds only {head.size} events"
        raise Unanswerable("size", message)


def _refuse_unfit(category: str, subject: str) -> None:
    if not _IDENTIFIER.fullmatch(subject):
        raise Missing(naming.absent(category, subject))


def write_cursor(subject: str) -> str:
    """*subject* as the cursor of the page that follows it."""
    return urlsafe_b64encode(subject.encode()).decode().rstrip("=")


def read_cursor(cursor: str | None) -> str:
    """The subject that the page before ended with; empty on the first page.

    Raises:
        Malformed: No page gave this cursor.
    """
    if not cursor:
        return ""
    try:
        subject = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
    except ValueError as error:
        raise _strange_cursor() from error
    if not _IDENTIFIER.fullmatch(subject):
        raise _strange_cursor()
    return subject


def _strange_cursor() -> Malformed:
    return Malformed("cursor", "cursor is none that a page gave as next")
