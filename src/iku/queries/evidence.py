"""The evidence of the register: a page of the log as a person reads it."""

from datetime import date, timedelta
from typing import Annotated

from msgspec import Meta, Struct, field

from iku.domain.coordinates import LARGEST
from iku.domain.question import InvalidQuestion, refuse_size_beyond
from iku.ledger import event_filter
from iku.ledger.event_filter import Filter
from iku.ledger.record import Recorded
from iku.messages import message
from iku.queries import log_records
from iku.queries.figure_parameters import Moment, MomentQuestion
from iku.queries.log_records import Name
from iku.queries.view import View

PAGE = 50
ONE_DAY = timedelta(days=1)


class EvidenceQuestion(MomentQuestion, frozen=True, kw_only=True):
    """The requested page of the log; without filter and `after`, the last one.

    Attributes:
        after: Position after which the page begins.
    """

    after: Annotated[int, Meta(ge=0, le=LARGEST)] | None = None
    actor: Annotated[str, Meta(max_length=500)] | None = None
    first: date | None = field(name="from", default=None)
    last: date | None = field(name="to", default=None)
    category: Name | None = None
    type: Name | None = None
    stream: Name | None = None

    @property
    def event_filter(self) -> Filter:
        """The parameters that select events."""
        return Filter(self.actor, self.stream, self.category, self.type)

    @property
    def is_filtered(self) -> bool:
        """Whether events are left out."""
        chosen = (self.actor, self.stream, self.category, self.type)
        return any((*chosen, self.first, self.last))


class EvidencePage(Struct, frozen=True):
    """A page of the log.

    Attributes:
        events: Records in log order that hold from the as-of day or an earlier one.
        later: Number of records left out because they hold from a later day.
        size: Number of events that were known at the coordinates.
        previous: Position after which the previous page begins; None if there is none.
        next: Position after which the next page begins; None if there is none.
    """

    events: tuple[Recorded, ...]
    later: int
    size: int
    previous: int | None
    next: int | None


async def page(
    view: View, asked: EvidenceQuestion, at: Moment, zone: str, most: int = PAGE
) -> EvidencePage:
    """The page of the log as known at *at*; days are those of the time zone *zone*.

    It has at most *most* events.

    Raises:
        InvalidQuestion: The size is greater than the log, or `from` is after `to`.
    """
    if asked.first and asked.last and asked.first > asked.last:
        raise InvalidQuestion(
            "from",
            message(
                "from is {first}, but must not be greater than to, {last}",
                first=asked.first,
                last=asked.last,
            ),
        )
    held = await log_records.size(view.reader)
    refuse_size_beyond(at.size, held)
    size = held if at.size is None else at.size
    if at.known_on is not None:
        after = at.known_on + ONE_DAY
        known = await event_filter.size_before(view.reader, after, zone)
        size = min(size, known)
    begin = asked.after
    if begin is None:
        begin = 0 if asked.is_filtered else max(size - most, 0)
    days = (asked.first, asked.last)
    between = await log_records.log_range(
        view, asked.event_filter, begin, days, zone, size=size
    )
    found = await log_records.page(view, between, between.after, most)
    shown = [one for one in found.events if (one.effective_on or at.as_of) <= at.as_of]
    return EvidencePage(
        tuple(shown),
        len(found.events) - len(shown),
        size,
        max(begin - most, 0) if begin and not asked.is_filtered else None,
        found.next,
    )
