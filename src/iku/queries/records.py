"""The log as it was recorded: records as they were stored, filtered, page by page."""

from datetime import date, timedelta

from msgspec import Struct

from iku.ledger import log, matching
from iku.ledger.matching import Filter, Matches
from iku.queries.view import View

ONE_DAY = timedelta(days=1)


class Range(Struct, frozen=True):
    """What is read of the log.

    Attributes:
        after: The position before the first one that can match.
        upto: The last position that can match.
        size: How many events the log held.
    """

    wanted: Filter
    after: int
    upto: int
    size: int


async def size(view: View) -> int:
    """How many events the log holds."""
    return (await log.head(view.reader)).size


async def between(
    view: View,
    wanted: Filter,
    after: int,
    days: tuple[date | None, date | None],
    zone: str,
) -> Range:
    """What matches after a position, recorded on these *days* of the *zone*.

    None of the two days: from the first event, to the last.
    """
    first, last = days
    held = upto = await size(view)
    if first is not None:
        began = await matching.size_before(view.reader, first, zone)
        after = max(after, began)
    if last is not None and last < date.max:
        ended = await matching.size_before(view.reader, last + ONE_DAY, zone)
        upto = min(held, ended)
    return Range(wanted, after, upto, held)


async def page(view: View, asked: Range, after: int, limit: int) -> Matches:
    """At most *limit* matching records after that position."""
    return await matching.read(
        view.reader, asked.wanted, after=after, size=asked.upto, limit=limit
    )
