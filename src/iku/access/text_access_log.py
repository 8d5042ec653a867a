"""The access log of texts: a row for each account, event and hour (UU 27/2022).

The SQL functions of schema access: `record_opened`, `openings`.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from iku.domain.access import Action
from iku.domain.coordinates import LARGEST
from iku.ledger.log import Reader
from iku.queries.view import View

PAGE = 100
_UUID = r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$(?!\n)"


class TextAccessesQuestion(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True
):
    """The requested page of the access log of texts."""

    stream: Annotated[
        Annotated[str, Meta(max_length=100)] | None,
        Meta(description="Only texts of this stream, such as conflict-K14."),
    ] = None
    account: Annotated[
        Annotated[str, Meta(pattern=_UUID)] | None,
        Meta(description="Only openings by the account with this identifier."),
    ] = None
    limit: Annotated[
        int, Meta(ge=1, le=1_000, description="Maximum number of openings.")
    ] = PAGE
    before: Annotated[
        Annotated[int, Meta(ge=1, le=LARGEST)] | None,
        Meta(description="`next` of the previous page; the latest if omitted."),
    ] = None


class TextAccess(Struct, frozen=True):
    """An account's first decryption of the texts of an event within an hour.

    Attributes:
        number: Number of the entry, which is the cursor of the next page.
    """

    number: int
    account: str
    stream: str
    version: int
    opened_at: datetime


class TextAccesses(Struct, frozen=True):
    """A page of the access log of texts.

    Attributes:
        items: The latest first.
        next: The value of `before` for the next page; null on the last page.
    """

    items: tuple[TextAccess, ...]
    next: int | None


async def record(
    reader: Reader, account: str, events: Collection[tuple[str, int]]
) -> None:
    """Record that the account decrypted the texts of *events* (stream, version)."""
    if events:
        streams, versions = zip(*events, strict=True)
        await reader.fetchval(
            "select access.record_opened($1, $2, $3)", account, streams, versions
        )


async def page(view: View, asked: TextAccessesQuestion) -> TextAccesses:
    """The requested page of the access log.

    Raises:
        Forbidden: The viewer may not read the access log.
    """
    view.viewer.require(Action.READ_OPENINGS)
    found = await entries(
        view.reader,
        stream=asked.stream,
        account=asked.account,
        before=asked.before,
        limit=asked.limit + 1,
    )
    items = tuple(found[: asked.limit])
    return TextAccesses(items, items[-1].number if len(found) > len(items) else None)


async def entries(
    reader: Reader,
    *,
    stream: str | None = None,
    account: str | None = None,
    before: int | None = None,
    limit: int = PAGE,
) -> list[TextAccess]:
    """The latest entries on a stream, by an account, or all; latest first.

    *before* is the number of the last entry on the previous page.
    """
    rows = await reader.fetch(
        "select * from access.openings($1, $2, $3, $4)", stream, account, before, limit
    )
    return [
        TextAccess(
            row["number"],
            str(row["account"]),
            row["stream"],
            row["version"],
            row["opened_at"],
        )
        for row in rows
    ]
