"""The closed periods as the log holds them, kept in memory for those who decide.

They are read once, and from there on when an append says that a further publication or
definition was recorded. So an ordinary fact costs no further round trip, and is decided
on what is still so when it is recorded.
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
    """What is closed, and the condition under which that is still so."""

    periods: ClosedPeriods
    condition: Condition


class ClosedPeriodsCache:
    """The closed periods, as far as one process has read of them."""

    def __init__(self) -> None:
        self._states: dict[str, Any] = {}  # of publications and indicators, by stream
        self._position = 0  # of the last event in them
        self._known: ClosedPeriodsSnapshot | None = None
        self._expired = False

    async def known(self, reader: Reader) -> ClosedPeriodsSnapshot:
        """As they were read last; whether that is still so, the append says."""
        if self._known is None or self._expired:
            return await self.refresh(reader)
        return self._known

    def expire(self) -> None:
        """Read on when they are next asked for."""
        self._expired = True

    async def refresh(self, reader: Reader) -> ClosedPeriodsSnapshot:
        """As the log holds them now. Only what was recorded since is read."""
        self._expired = False  # before reading, since they may expire meanwhile
        categories, after = closed_periods.CATEGORIES, self._position
        read = await log.read_categories(reader, categories, after=after)
        for one in read:
            # Another task may have taken it in while this one waited for the answer.
            if one.position > self._position:
                decider = DECIDERS[one.category]
                event = fact.of(one, decider.event_type)
                before = self._states.get(one.stream)
                self._states[one.stream] = decider.evolve(before, event)
                self._position = one.position
        if self._known is None or self._known.condition.after < self._position:
            self._known = ClosedPeriodsSnapshot(
                ClosedPeriods(
                    self._of(publication.decider.category),
                    self._of(indicator.decider.category),
                ),
                Condition(closed_periods.CATEGORIES, self._position),
            )
        return self._known

    def _of(self, category: str) -> dict[str, Any]:
        """The states of that category, by subject."""
        return {
            subject: state
            for stream, state in self._states.items()
            for of, _, subject in [stream.partition("-")]
            if of == category
        }
