"""Figures in memory, for as long as nothing is recorded.

Who looks at the same figures again, as many do, costs a look at where the log stands.
"""

from datetime import datetime
from typing import Any, NamedTuple

from iku.domain.figure import ComputedFigure

MOST_KEPT = 4_096  # figures in memory, of a kilobyte or so each


class LogMark(NamedTuple):
    """Tells that the log, and what was derived from it, are what they were.

    Attributes:
        recorded_at: Of the last event: a log put back to an older state may grow to
            the same size again.
        tables: Of the projections; a rebuild puts others in their place.
    """

    size: int
    recorded_at: datetime | None
    tables: int


class KeptFigures:
    """Figures as they were made at one mark: as long as it stands they are the same."""

    def __init__(self) -> None:
        self.mark: LogMark | None = None
        self._made: dict[tuple[Any, ...], list[ComputedFigure]] = {}
        self._figures = 0

    def at(self, asked: tuple[Any, ...]) -> list[ComputedFigure] | None:
        """What was made of the questions *asked*; None: nothing is kept."""
        return self._made.get(asked)

    def keep(
        self, asked: tuple[Any, ...], made: list[ComputedFigure], mark: LogMark
    ) -> None:
        """Keep what was *made* at the *mark*, and nothing of other marks."""
        if mark != self.mark or self._figures + len(made) > MOST_KEPT:
            self.mark, self._made, self._figures = mark, {}, 0
        if asked not in self._made:
            self._figures += len(made)
        self._made[asked] = made
