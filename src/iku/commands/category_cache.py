"""Caches of whole categories of the log, for decisions.

The events of a category are read once, and again after an append reports that another
one was recorded. An ordinary command therefore costs no extra round trip. A condition
of the append ensures that the cached value is current when the event is recorded.
"""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

from iku.domain import closed_periods, fact, indicator, publication
from iku.domain.closed_periods import ClosedPeriods
from iku.domain.decider_registry import DECIDERS
from iku.ledger import log
from iku.ledger.log import AppendCondition, Reader

V = TypeVar("V")
# The states of the subjects of each category, by category and subject.
States: TypeAlias = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Cached(Generic[V]):
    """A cached value, and the append condition under which it is current."""

    value: V
    condition: AppendCondition


class CategoryCache(Generic[V]):
    """A value per process, built by *build* from all subjects of *categories*.

    *build* gets the states of the subjects. The value has the append condition under
    which it is current.
    """

    def __init__(
        self, categories: tuple[str, ...], build: Callable[[States], V]
    ) -> None:
        self._categories = categories
        self._build = build
        self._states: dict[str, dict[str, Any]] = {of: {} for of in categories}
        self._position = 0  # position of the last event in the states
        self._known: Cached[V] | None = None
        self._expired = False
        self._read_at = -math.inf

    def recent(self, within_s: float) -> Cached[V] | None:
        """The value, if it was read within the last *within_s* seconds."""
        if self._expired or time.monotonic() - self._read_at > within_s:
            return None
        return self._known

    async def cached(self, reader: Reader) -> Cached[V]:
        """The value as last read; the append checks whether it is current."""
        if self._known is None or self._expired:
            return await self.refresh(reader)
        return self._known

    def expire(self) -> None:
        """Invalidate the cache: the next `cached` reads the log."""
        self._expired = True

    async def refresh(self, reader: Reader) -> Cached[V]:
        """The value as recorded now; only events after the last read are read."""
        self._expired = False  # before the read, during which it may expire again
        self._read_at = time.monotonic()
        read = await log.read_categories(reader, self._categories, after=self._position)
        for one in read:
            # Another task may have applied the event during the read.
            if one.position > self._position:
                decider, states = DECIDERS[one.category], self._states[one.category]
                event = fact.decode_recorded(one, decider.event_type)
                before = states.get(one.subject)
                states[one.subject] = decider.evolve(before, event)
                self._position = one.position
        if self._known is None or self._known.condition.after < self._position:
            self._known = Cached(
                self._build({of: dict(all_) for of, all_ in self._states.items()}),
                AppendCondition(self._categories, self._position),
            )
        return self._known


def closed_period_cache() -> CategoryCache[ClosedPeriods]:
    """A cache of the closed periods."""
    return CategoryCache(
        closed_periods.CATEGORIES,
        lambda states: ClosedPeriods(
            states[publication.decider.category], states[indicator.decider.category]
        ),
    )
