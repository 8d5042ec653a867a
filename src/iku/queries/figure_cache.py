"""A cache of figures, invalidated by the next append or rebuild.

A repeated question costs only a query for the state of the log (`CacheValidator`).
"""

from datetime import datetime
from typing import Any, NamedTuple

import asyncpg

from iku.domain.figure import ComputedFigure

MOST_KEPT = 4_096  # figures in memory, of about a kilobyte each


class CacheValidator(NamedTuple):
    """A cache validator: the state of the log and of its projections.

    Attributes:
        recorded_at: Time of the last event; it distinguishes a log that was restored
            from a backup and has grown to the same size again.
        tables: Identity of the projection tables, which a rebuild replaces.
    """

    size: int
    recorded_at: datetime | None
    tables: int


def cache_validator(row: asyncpg.Record) -> CacheValidator:
    """The validator in a row that was read with `projection.cache_validator`."""
    return CacheValidator(row["size"], row["recorded_at"], row["tables"])


class FigureCache:
    """A cache of figures, valid while the log and its projections are unchanged."""

    def __init__(self) -> None:
        self.mark: CacheValidator | None = None
        self._made: dict[tuple[Any, ...], list[ComputedFigure]] = {}
        self._figures = 0

    def get(self, asked: tuple[Any, ...]) -> list[ComputedFigure] | None:
        """The cached figures of the questions *asked*; None if they are not cached."""
        return self._made.get(asked)

    def put(
        self, asked: tuple[Any, ...], made: list[ComputedFigure], mark: CacheValidator
    ) -> None:
        """Cache the figures *made* at the state *mark*; drop those of other states."""
        if mark != self.mark or self._figures + len(made) > MOST_KEPT:
            self.mark, self._made, self._figures = mark, {}, 0
        if asked not in self._made:
            self._figures += len(made)
        self._made[asked] = made
