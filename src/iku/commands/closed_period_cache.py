"""A cache of the closed periods, for decisions.

The periods are read once, and again after an append reports that a publication or a
definition was recorded. An ordinary event therefore costs no extra round trip. A
condition of the append ensures that the cached periods are current when the event is
recorded.
"""

from dataclasses import dataclass
from typing import Any

from iku.domain import closed_periods, fact, indicator, publication
from iku.domain.closed_periods import ClosedPeriods
from iku.domain.decider_registry import DECIDERS
from iku.ledger import log
from iku.ledger.log import Condition, Reader


@dataclass(frozen=True, slots=True)
class ClosedPeriodsSnapshot:
    """The closed periods, and the append condition under which they are current."""

    periods: ClosedPeriods
    condition: Condition


class ClosedPeriodsCache:
    """The closed periods that one process has read."""

    def __init__(self) -> None:
        self._states: dict[str, Any] = {}  # publications and indicators, by stream
        self._position = 0  # position of the last event in the states
        self._known: ClosedPeriodsSnapshot | None = None
        self._expired = False

    async def cached(self, reader: Reader) -> ClosedPeriodsSnapshot:
        """The periods as last read; the append checks whether they are current."""
        if self._known is None or self._expired:
            return await self.refresh(reader)
        return self._known

    def expire(self) -> None:
        """Invalidate the cache: the next `cached` reads the log."""
        self._expired = True

    async def refresh(self, reader: Reader) -> ClosedPeriodsSnapshot:
        """The periods as recorded now; only events after the last read are read."""
        self._expired = False  # before the read, during which they may expire again
        categories, after = closed_periods.CATEGORIES, self._position
        read = await log.read_categories(reader, categories, after=after)
        for one in read:
            # Another task may have applied the event during the read.
            if one.position > self._position:
                decider = DECIDERS[one.category]
                event = fact.decode_recorded(one, decider.event_type)
                before = self._states.get(one.stream)
                self._states[one.stream] = decider.evolve(before, event)
                self._position = one.position
        if self._known is None or self._known.condition.after < self._position:
            self._known = ClosedPeriodsSnapshot(
                ClosedPeriods(
                    self._states_of_category(publication.decider.category),
                    self._states_of_category(indicator.decider.category),
                ),
                Condition(closed_periods.CATEGORIES, self._position),
            )
        return self._known

    def _states_of_category(self, category: str) -> dict[str, Any]:
        """The states of the subjects of *category*, by subject."""
        return {
            subject: state
            for stream, state in self._states.items()
            for of, _, subject in [stream.partition("-")]
            if of == category
        }
