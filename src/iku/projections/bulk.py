"""Projecting what an import appends: computed aside, then copied into the tables.

An import appends some thousand events at a time, all in one transaction, and most of
the rows that one such batch begins it also ends. Its rows are computed by a thread or
process of their own, while the next events are decided, and written by COPY; only what
earlier batches began is updated.
"""

import asyncio
from collections.abc import Sequence
from concurrent.futures import Executor
from typing import NamedTuple

from iku.ledger.appender import AcceptedRequest
from iku.ledger.log import Connection
from iku.projections import number_index, parallel_fold, rows
from iku.projections.parallel_fold import CopyRows
from iku.projections.rows import CountedDefinition, ProjectedEvent, Rows


class Superseding(NamedTuple):
    """What a batch of events means.

    Attributes:
        begun: Rows that it begins.
        ended: Rows that it ends, and of names those that it changes.
    """

    begun: CopyRows
    ended: Rows


class BulkProjections:
    """Projects the batches that one transaction appends, on an *executor*.

    None of them brings a definition (`backfill`).
    """

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._definitions: Sequence[CountedDefinition] | None = None

    async def begin(
        self, connection: Connection, accepted: Sequence[AcceptedRequest]
    ) -> asyncio.Future[Superseding]:
        """Begin to compute what the events mean that were just appended."""
        if self._definitions is None:
            # The append holds the log's lock, so nobody records another one.
            self._definitions = await rows.definitions(connection)
        entries = [
            ProjectedEvent(position, one.receipt.known_on, turn)
            for one in accepted
            for position, turn in one.attached()
        ]
        loop = asyncio.get_running_loop()
        return loop.run_in_executor(
            self._executor, superseding, entries, self._definitions
        )

    async def write(self, connection: Connection, found: Superseding) -> None:
        """Write what was computed; batch after batch, in their order."""
        definitions = self._definitions or ()
        if not await rows.write(connection, found.ended, definitions):
            raise LookupError("a definition was recorded under the log's lock")
        await parallel_fold.copy(connection, found.begun)
        await number_index.keep(connection, found.ended.names)


def superseding(
    entries: Sequence[ProjectedEvent], counted: Sequence[CountedDefinition]
) -> Superseding:
    """What *entries*, in the order of the log, mean."""
    found, ended = Rows(), Rows()
    for entry in entries:
        found.add(entry, counted)
        ended.names |= number_index.changed(entry.turn)
    ended.ended, ended.past = found.ended, found.past
    return Superseding(parallel_fold.lines(found, len(entries)), ended)
