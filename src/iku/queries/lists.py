"""Lists of cases and organisations as they were on a day, as known on another."""

from collections.abc import Sequence
from datetime import date
from typing import Any, Literal

from msgspec import Struct, structs

from iku.domain import numbering, place, standings
from iku.domain.deciders import DECIDERS
from iku.domain.place import Place
from iku.domain.question import refuse_size_beyond
from iku.domain.standings import Stored
from iku.ledger import log
from iku.ledger.log import Reader
from iku.projections import numbers
from iku.queries.view import View


class Search(Struct, frozen=True):
    """What is looked for; what is None is not asked about.

    Attributes:
        kind: Category of a case, kind of an organisation.
        area: Code of an area, or of a district with all its areas.
        number: The whole number, without regard to case.
        text: Part of the title, name or number, without regard to case.
        after: Identifier after which the page begins; pages are ordered by it.
    """

    category: Literal["conflict", "organisation"]
    as_of: date
    known_on: date | None = None
    size: int | None = None
    status: str | None = None
    kind: str | None = None
    area: str | None = None
    source: str | None = None
    number: str | None = None
    text: str | None = None
    after: str = ""
    limit: int = 50


class Found(Struct, frozen=True):
    """A standing in a list, as the journal keeps it: without its texts."""

    subject: str
    standing: dict[str, Any]


class Page(Struct, frozen=True):
    """Part of a list.

    Attributes:
        next: Identifier to go on after; None at the end.
    """

    items: list[Found]
    next: str | None


class Listed(Struct, frozen=True):
    """Part of a list, as it is shown.

    Attributes:
        items: Standings with their texts.
        next: Cursor of the page after this one; None at the end.
    """

    items: list[dict[str, Any]]
    next: str | None


WALKED = 2_000  # standings whose names are read for one page, at most
CHUNK = 200
PART = "l"  # of a cursor: it is one of a list
# The texts that a list shows; the first is the one that is looked through.
TEXTS = {"conflict": ("title", "reference"), "organisation": ("name",)}


async def listing(view: View, asked: Search, cursor: str | None, today: date) -> Listed:
    """The page asked for, or the one that follows the page that gave *cursor*.

    Raises:
        Unanswerable: No page of this list gave the cursor, or the log is not of the
            size asked for.
    """
    ended = place.read(cursor, PART)
    asked = place.resume(asked, ended, today)
    size = (await log.head(view.reader)).size
    refuse_size_beyond(asked.size, size)
    size = size if asked.size is None else asked.size
    after = ended.key if ended else ""
    page = await search(view, structs.replace(asked, size=size, after=after))
    found = [one.standing for one in page.items]
    items = await with_texts(view, asked.category, found, TEXTS[asked.category])
    end = page.next and Place(size, asked.as_of, PART, page.next).cursor
    return Listed(items, end)


async def with_texts(
    view: View,
    category: str,
    found: Sequence[dict[str, Any]],
    fields: Sequence[str],
) -> list[dict[str, Any]]:
    """Standings with these texts, where they have them, among their fields."""
    stream = DECIDERS[category].stream
    wordings = [
        (
            stream(standing["id"]),
            {f: v for f, v in standing["wording"].items() if f in fields},
        )
        for standing in found
    ]
    return [
        {
            **{k: v for k, v in standing.items() if k != "wording"},
            **dict.fromkeys(fields),
            **{field: wording.value for field, wording in of.items()},
            "withheld": {k: v for one in of.values() for k, v in one.withheld.items()},
        }
        for standing, of in zip(found, await view.worded(wordings), strict=True)
    ]


async def search(view: View, asked: Search) -> Page:
    """The page asked for; at most as many items as *asked* limits it to.

    Where a text is looked for, a page may hold fewer, and even none, and yet have a
    next one: it goes through so many standings and no more.
    """
    if asked.text is None:
        found = await _standings(view.reader, asked, asked.after, asked.limit + 1)
        return _page(found, asked.limit)
    wanted, after = asked.text.lower(), asked.after
    matching: list[Found] = []
    for _ in range(WALKED // CHUNK):
        walked = await _standings(view.reader, asked, after, CHUNK)
        named = zip(walked, await _names(view, asked.category, walked), strict=True)
        matching += [one for one, name in named if wanted in _sought(one, name)]
        if len(matching) > asked.limit or len(walked) < CHUNK:
            return _page(matching, asked.limit)
        after = walked[-1].subject
    return Page(matching, after)


async def _names(view: View, category: str, found: Sequence[Found]) -> list[str]:
    """The title or name of each standing, which no projection holds."""
    stream, (field, *_) = DECIDERS[category].stream, TEXTS[category]
    wordings = [
        (stream(one.subject), {field: one.standing["wording"][field]}) for one in found
    ]
    return [str(of[field].value) for of in await view.worded(wordings)]


def _sought(found: Found, name: str) -> str:
    return f"{found.standing['number']} {name}".lower()


def _page(found: list[Found], limit: int) -> Page:
    shown = found[:limit]
    return Page(shown, shown[-1].subject if len(found) > limit else None)


async def _standings(
    connection: Reader, asked: Search, after: str, limit: int
) -> list[Found]:
    """What fits, whatever its texts say, in the order of identifiers."""
    folded = asked.number and numbering.fold(asked.number)
    named = await _named(connection, asked.category, folded) if folded else None
    rows = await connection.fetch(
        """
        select subject, entered_on, level, verified, expired, number, status, kind,
               dimension, area, source, shown
          from projection.state
         where category = $1
           and subject > $2
           and valid @> $3::date
           and position <= coalesce($4::bigint, 9223372036854775806)
           and known_from <= coalesce($5::date, 'infinity')
           and (superseded > coalesce($4::bigint, 9223372036854775806)
                or known_to > coalesce($5::date, 'infinity'))
           and ($6::text is null or status = $6)
           and ($7::text is null or kind = $7)
           and ($8::text is null or starts_with(area, $8))
           and ($9::text is null or source = $9)
           and ($11::text is null
                or subject = any($12::text[]) and lower(number) = $11)
         order by subject
         limit $10
        """,
        asked.category,
        after,
        asked.as_of,
        asked.size,
        asked.known_on,
        asked.status,
        asked.kind,
        asked.area,
        asked.source,
        limit,
        folded,
        named,
    )
    return [
        Found(subject, standings.decoded(asked.category, subject, Stored(*columns)))
        for subject, *columns in rows
    ]


async def _named(connection: Reader, category: str, folded: str) -> list[str]:
    """The subjects that go or went by that number; few, by an index."""
    found = await numbers.find(connection, category, [folded])
    return [subject for subject, _ in found.get(folded, ())]
