"""Projections of an import: computed in the background and written by COPY.

An import appends thousands of events in one transaction, and most rows that a batch
begins also end in it. The rows are computed in a thread or another process while the
next events are decided, and are written by COPY. Only rows of earlier batches are
updated.
"""

import asyncio
from collections.abc import Sequence
from concurrent.futures import Executor
from typing import NamedTuple

from iku.ledger.appender import AcceptedRequest
from iku.ledger.log import Connection
from iku.projections import parallel_fold, rows
from iku.projections.parallel_fold import CopyRows
from iku.projections.rows import CountedDefinition, ProjectedEvent, Rows


class BatchRows(NamedTuple):
    """The rows of a batch of events.

    Attributes:
        begun: Rows that the batch begins.
        ended: Rows of earlier batches that it ends, and the names that it changes.
    """

    begun: CopyRows
    ended: Rows


class BulkProjections:
    """The projections of the batches of one transaction, computed by an *executor*.

    None of the batches may define an indicator (see `backfill`).
    """

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._definitions: Sequence[CountedDefinition] | None = None

    async def begin(
        self, connection: Connection, accepted: Sequence[AcceptedRequest]
    ) -> asyncio.Future[BatchRows]:
        """Start to compute the rows of the appended events."""
        if self._definitions is None:
            # The append holds the log's lock, so no other definition is recorded.
            self._definitions = await rows.definitions(connection)
        entries = rows.projected_requests(accepted)
        loop = asyncio.get_running_loop()
        return loop.run_in_executor(
            self._executor, batch_rows, entries, self._definitions
        )

    async def write(self, connection: Connection, found: BatchRows) -> None:
        """Write the computed rows; batches must be written in order."""
        definitions = self._definitions or ()
        if not await rows.write(connection, found.ended, definitions):
            raise LookupError("a definition was recorded under the log's lock")
        await parallel_fold.copy(connection, found.begun)


def batch_rows(
    entries: Sequence[ProjectedEvent], counted: Sequence[CountedDefinition]
) -> BatchRows:
    """The rows that a batch of events begins and ends; *entries* are in log order."""
    found, ended = rows.rows_of(entries, counted), Rows()
    ended.ended, ended.past = found.ended, found.past
    # Names are written with the ended rows, because one may be there already.
    ended.names, found.names = found.names, ended.names
    return BatchRows(parallel_fold.copy_lines(found, len(entries)), ended)
