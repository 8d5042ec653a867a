"""The records of the log as stored, filtered, page by page."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Annotated

from msgspec import Meta, Struct, field

from iku.domain.coordinates import LARGEST
from iku.ledger import event_filter, log
from iku.ledger.event_filter import Filter, Matches
from iku.ledger.log import Reader
from iku.queries.view import View

ONE_DAY = timedelta(days=1)


Name = Annotated[str, Meta(max_length=100)]


class LogQuestion(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The requested part of the log, and a filter of events."""

    after: Annotated[
        int,
        Meta(
            ge=0,
            le=LARGEST,
            description="Start after this position; 0 is the start of the log.",
        ),
    ] = 0
    limit: Annotated[
        Annotated[int, Meta(ge=1, le=1_000_000)] | None,
        Meta(
            description="Maximum number of records: 100 if omitted, at most 1,000; as "
            "NDJSON, all if omitted."
        ),
    ] = None
    actor: Annotated[
        Annotated[str, Meta(max_length=500)] | None,
        Meta(
            description="Only events recorded by this actor, written exactly as in the "
            "records."
        ),
    ] = None
    first: Annotated[
        date | None,
        Meta(
            description="Only events recorded on this day or later, by the agency's "
            "calendar."
        ),
    ] = field(name="from", default=None)
    last: Annotated[
        date | None,
        Meta(
            description="Only events recorded on this day or earlier, by the agency's "
            "calendar."
        ),
    ] = field(name="to", default=None)
    category: Annotated[
        Name | None,
        Meta(
            description="Only events of this category: the stream's name up to its "
            "first hyphen, such as conflict or publication."
        ),
    ] = None
    type: Annotated[
        Name | None, Meta(description="Only events of this type, such as annulled.")
    ] = None
    stream: Annotated[
        Name | None, Meta(description="Only this stream, such as conflict-K14.")
    ] = None

    @property
    def event_filter(self) -> Filter:
        """The parameters that select events, as a `Filter`."""
        return Filter(self.actor, self.stream, self.category, self.type)


class LogRange(Struct, frozen=True):
    """A range of the log.

    Attributes:
        after: The position before the range.
        upto: The last position of the range.
        size: Number of events in the log.
    """

    wanted: Filter
    after: int
    upto: int
    size: int


async def size(reader: Reader) -> int:
    """Number of events in the log."""
    return (await log.head(reader)).size


async def has_subjects_besides(reader: Reader, commands: Sequence[str]) -> bool:
    """Whether a command not in *commands* recorded a case or an organisation."""
    found: bool = await reader.fetchval(
        """
        select exists (
                 select
                   from ledger.command
                  where split_part(stream, '-', 1) in ('conflict', 'organisation')
                    and command_id <> all($1::text[])
               )
        """,
        commands,
    )
    return found


async def has_only_commands(reader: Reader, commands: Sequence[str]) -> bool:
    """Whether the log has only events of *commands*, seeds, policy and accounts."""
    found: bool = await reader.fetchval(
        """
        select not exists (
                 select
                   from ledger.command
                  where command_id <> all($1::text[])
                    and split_part(stream, '-', 1) not in ('access', 'account')
                    and not (split_part(stream, '-', 1) in ('indicator', 'scale')
                             and version = count)
               )
        """,
        commands,
    )
    return found


async def log_range(
    view: View,
    wanted: Filter,
    after: int,
    days: tuple[date | None, date | None],
    zone: str,
    *,
    size: int | None = None,
) -> LogRange:
    """The range after position *after*, recorded on *days* in the time zone *zone*.

    *days* are the first and the last day; None leaves that end open. *size* is the size
    of the log prefix; None for the whole log.
    """
    first, last = days
    held = upto = await _prefix_size(view.reader, size)
    if first is not None:
        began = await event_filter.size_before(view.reader, first, zone)
        after = max(after, began)
    if last is not None and last < date.max:
        ended = await event_filter.size_before(view.reader, last + ONE_DAY, zone)
        upto = min(held, ended)
    return LogRange(wanted, after, upto, held)


async def _prefix_size(reader: Reader, prefix: int | None) -> int:
    return await size(reader) if prefix is None else prefix


async def page(view: View, asked: LogRange, after: int, limit: int) -> Matches:
    """At most *limit* matching records after position *after*."""
    return await event_filter.read_matches(
        view.reader, asked.wanted, after=after, size=asked.upto, limit=limit
    )
