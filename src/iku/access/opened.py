"""Who opened which texts: a row for each account, event and hour (UU 27/2022).

The SQL functions of schema access: `record_opened`, `openings`.
"""

from collections.abc import Iterable
from datetime import datetime

from msgspec import Struct

from iku.postgres.pool import Connection, Queryable

PAGE = 100


class Opening(Struct, frozen=True):
    """An account opened the texts of an event, for the first time in that hour.

    Attributes:
        number: Its place in the list, as the cursor of the next page.
    """

    number: int
    account: str
    stream: str
    version: int
    opened_at: datetime


async def record(
    connection: Connection, account: str, events: Iterable[tuple[str, int]]
) -> None:
    """Record that the account opened the texts of these events: streams, versions."""
    pairs = list(events)
    if pairs:
        streams, versions = zip(*pairs, strict=True)
        await connection.execute(
            "select access.record_opened($1, $2, $3)", account, streams, versions
        )


async def openings(
    reader: Queryable,
    *,
    stream: str | None = None,
    account: str | None = None,
    before: int | None = None,
    limit: int = PAGE,
) -> list[Opening]:
    """The latest openings of a stream's texts, by an account, or all; latest first.

    *before* is the number of the last one of the previous page.
    """
    rows = await reader.fetch(
        "select * from access.openings($1, $2, $3, $4)", stream, account, before, limit
    )
    return [
        Opening(
            row["number"],
            str(row["account"]),
            row["stream"],
            row["version"],
            row["opened_at"],
        )
        for row in rows
    ]
