"""Lists of cases and organisations as they were on a day, as known on another."""

from datetime import date
from typing import Literal

import msgspec
from msgspec import Struct

from iku.ledger.log import Connection


class Search(Struct, frozen=True):
    """What is looked for; what is None is not asked about.

    Attributes:
        kind: Category of a case, kind of an organisation.
        area: Code of an area, or of a district with all its areas.
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
    text: str | None = None
    after: str = ""
    limit: int = 50


class Page(Struct, frozen=True):
    """Part of a list.

    Attributes:
        items: Standings as JSON, just as they are shown.
        next: Identifier to go on after; None at the end.
    """

    items: list[msgspec.Raw]
    next: str | None


async def search(connection: Connection, asked: Search) -> Page:
    """The page asked for; at most as many items as *asked* limits it to."""
    rows = await connection.fetch(
        """
        select subject, shown
          from standing
         where category = $1
           and subject > $2
           and valid_from <= $3
           and valid_to > $3
           and position <= coalesce($4::bigint, 9223372036854775806)
           and known_from <= coalesce($5::date, 'infinity')
           and (superseded > coalesce($4::bigint, 9223372036854775806)
                or known_to > coalesce($5::date, 'infinity'))
           and ($6::text is null or status = $6)
           and ($7::text is null or kind = $7)
           and ($8::text is null or starts_with(area, $8))
           and ($9::text is null or source = $9)
           and ($10::text is null
                or strpos(
                     lower((replace(subject, '~', '/') || ' ' || title)
                           collate "default"),
                     lower($10)) > 0)
         order by subject
         limit $11
        """,
        asked.category,
        asked.after,
        asked.as_of,
        asked.size,
        asked.known_on,
        asked.status,
        asked.kind,
        asked.area,
        asked.source,
        asked.text,
        asked.limit + 1,
    )
    shown = rows[: asked.limit]
    return Page(
        items=[msgspec.Raw(row["shown"].encode()) for row in shown],
        next=shown[-1]["subject"] if len(rows) > asked.limit else None,
    )
