"""Backfill of a new definition: before the append, and the rest under the log's lock.

Counting a whole register takes longer than other requests can wait. The events in the
log are therefore counted *before* the append, under a number that no definition has, so
that no query returns the rows. In the append's transaction, which holds the log's lock,
the events since then are counted and the definition is inserted, which makes it visible
(design, section 8).

A failed attempt leaves rows without a definition. They are deleted by the next attempt,
by the next definition that takes the number, and by a rebuild. A definition that has no
backfill, or whose backfill was lost, is counted entirely within the append.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext

from iku.domain import subject_kinds
from iku.domain.decider import Transition
from iku.domain.indicator import Options
from iku.ledger import log
from iku.ledger.appender import Connect
from iku.ledger.log import Connection
from iku.projections import parallel_fold, rows
from iku.projections.rows import CountedDefinition, ProjectedEvent, Rows

LOCK = 0x696B75_6466  # advisory lock of a backfill; an arbitrary constant
WAIT_S = 0.1  # between two attempts to take it
FEW = 1_000  # events; a log of this size is counted within the append


class _BackfillLost(Exception):
    """The backfilled rows were deleted, or their number was taken."""


def backfill_definition(
    connect: Connect, transitions: Sequence[Transition]
) -> AbstractAsyncContextManager[None]:
    """Context manager: backfill the definition that *transitions* add, if any.

    The backfill runs before the body appends the definition.

    A separate connection holds an advisory lock, which serialises backfills.
    """
    options = [
        new.defined.options
        for transition in transitions
        for new in rows.new_definitions(transition)
    ]
    return _backfilled(connect, options[0]) if options else nullcontext()


@asynccontextmanager
async def _backfilled(connect: Connect, options: Options) -> AsyncIterator[None]:
    connection = await connect()
    try:
        size = (await log.head(connection)).size
        if size > FEW:
            await _lock(connection)
            await _backfill(connection, options)
        yield
    finally:
        await connection.close()


async def _lock(connection: Connection) -> None:
    """Take the lock, which is held until the connection closes.

    The lock is polled, because a waiting query would hold a snapshot.
    """
    taken = "select pg_try_advisory_lock($1)"
    while not await connection.fetchval(taken, LOCK):  # noqa: ASYNC110 - of any process
        await asyncio.sleep(WAIT_S)


async def _backfill(connection: Connection, options: Options) -> None:
    """Count all events of the log under *options*.

    Stops if the rows were deleted; the append then counts all events.
    """
    counted = await _reserve_definition_number(connection, options)
    size = (await log.head(connection)).size
    histories = log.read_subjects(connection, _category(options), size=size)
    try:
        async for found in parallel_fold.fold_in_parallel(
            histories, [counted], size, parallel_fold.count
        ):
            async with connection.transaction():
                await _lock_backfill(connection, counted)
                await parallel_fold.copy(connection, found)
        async with connection.transaction():
            await _lock_backfill(connection, counted)
            await connection.execute(
                "update backfill set size = $2 where number = $1", counted.number, size
            )
    except _BackfillLost:
        return


async def _reserve_definition_number(
    connection: Connection, options: Options
) -> CountedDefinition:
    """Reserve the next number; rows that an interrupted backfill left are deleted."""
    async with connection.transaction():
        await connection.execute("set local statement_timeout = 0")
        number: int = await connection.fetchval(
            "select coalesce(max(number), 0) + 1 from definition"
        )
        await _delete_unused_rows(connection, number)
        await connection.execute(
            "insert into backfill (number, options) values ($1, $2)",
            number,
            rows.encode_options(options),
        )
    return CountedDefinition(number, "", 0, 0, options)


async def _delete_unused_rows(connection: Connection, number: int) -> None:
    """Delete the rows of unused definition numbers from *number* on."""
    await connection.execute("delete from backfill")
    await connection.execute("delete from contribution where definition >= $1", number)


async def _lock_backfill(connection: Connection, counted: CountedDefinition) -> None:
    """Lock the backfill's row, so that its number stays reserved in the transaction.

    Raises:
        _BackfillLost: Another definition has the number, or a rebuild replaced the
            tables.
    """
    backfilled_rows = await connection.fetchval(
        "select true from backfill where number = $1 and options = $2 for update",
        counted.number,
        rows.encode_options(counted.options),
    )
    if not backfilled_rows:
        raise _BackfillLost


async def count_new_definitions(
    connection: Connection, entry: ProjectedEvent, size: int
) -> None:
    """Count a log of *size* events by the definitions that *entry* adds, if any.

    Runs within the append's transaction.
    """
    if not rows.new_definitions(entry.transition):
        return
    # Counting the whole log takes longer than the statement timeout of a request.
    await connection.execute("set local statement_timeout = 0")
    known = await rows.definitions(connection)
    for counted in rows.number_definitions(entry, len(known) + 1):
        filled = await _claim_backfill(connection, counted)
        await rows.insert_definition(connection, counted)
        known.append(counted)
        if filled is None:
            await _count_all_events(connection, counted, size)
        else:
            await _catch_up(connection, known, filled, size)


async def _claim_backfill(
    connection: Connection, counted: CountedDefinition
) -> int | None:
    """The size up to which the definition was backfilled; None without a backfill."""
    size: int | None = await connection.fetchval(
        """
        delete from backfill
         where number = $1 and options = $2 and size is not null
        returning size
        """,
        counted.number,
        rows.encode_options(counted.options),
    )
    if size is None:
        await _delete_unused_rows(connection, counted.number)
    return size


async def _count_all_events(
    connection: Connection, counted: CountedDefinition, size: int
) -> None:
    category = _category(counted.options)
    histories = log.read_subjects(connection, category, size=size)
    async for found in parallel_fold.fold_in_parallel(
        histories, [counted], size, parallel_fold.count
    ):
        await parallel_fold.copy(connection, found)


async def _catch_up(
    connection: Connection, known: Sequence[CountedDefinition], filled: int, size: int
) -> None:
    """Count the events after *filled*, up to *size*, by the last definition."""
    counted = known[-1]
    category = _category(counted.options)
    since = [
        one
        async for one in log.read_log(
            connection, after=filled, size=size, category=category
        )
    ]
    found = Rows()
    for entry in await rows.projected_events(connection, since, filled):
        found.count(entry, counted)
    await rows.write(connection, found, known)


def _category(options: Options) -> str:
    return subject_kinds.kind_counted_by(options).decider.category
