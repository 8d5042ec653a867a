"""A connection for one request, or a clear answer within bounded time."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg

from iku.app import App
from iku.ledger import log
from iku.ledger.appender import OutOfSpace, Unavailable
from iku.messages import message
from iku.postgres.pool import Connection
from iku.queries.view import View

ACQUIRE_S = 5.0  # how long a request waits for a connection before it is answered 503

# What asyncpg raises when a server goes away or never was there.
_TROUBLE = (
    OSError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)


@asynccontextmanager
async def acquire_connection(app: App) -> AsyncIterator[Connection]:
    """A connection of the pool with the application's rights.

    Raises:
        Unavailable: The database is away, does not answer in time, or all
            connections have been busy for too long; Full where it has no room.
    """
    try:
        connection = await app.pool.acquire(timeout=ACQUIRE_S)
    except _TROUBLE as error:
        raise Unavailable(message("no connection: {error!r}", error=error)) from error
    try:
        yield connection
    except _TROUBLE as error:
        if told := _told(error, connection):
            raise told from error
        raise
    finally:
        await app.pool.release(connection)


def _told(error: Exception, connection: Connection) -> Unavailable | None:
    """What *error* means where the database is at fault; None where it is not."""
    if isinstance(error, asyncpg.InsufficientResourcesError):
        return OutOfSpace(message("the database has no room: {error}", error=error))
    if isinstance(error, asyncpg.SerializationError):
        # Only on a replica, where what comes from the primary goes before reading.
        return Unavailable(
            message(
                "the replica applied a change that a query needs: {error}", error=error
            )
        )
    if isinstance(error, asyncpg.QueryCanceledError):
        return Unavailable(message("a statement took too long: {error}", error=error))
    if log.is_away(error, connection):
        return Unavailable(message("the connection was lost: {error!r}", error=error))
    return None


@asynccontextmanager
async def open_view(app: App) -> AsyncIterator[View]:
    """What the sender of a request can read (raises as `acquire_connection` does)."""
    async with acquire_connection(app) as connection:
        yield app.view(connection)


@dataclass(frozen=True, slots=True)
class PooledReader:
    """Reads with a connection taken for each query, and held for no longer.

    So a command that waits for its place in the log keeps no reader waiting, and as
    many commands as there are share a commit.
    """

    app: App

    async def fetch(self, query: str, *args: Any) -> list[asyncpg.Record]:
        """All rows (raises as `acquire_connection` does)."""
        async with acquire_connection(self.app) as connection:
            return await connection.fetch(query, *args)

    async def fetchrow(self, query: str, *args: Any) -> asyncpg.Record | None:
        """The first row; None where there is none."""
        async with acquire_connection(self.app) as connection:
            return await connection.fetchrow(query, *args)

    async def fetchval(self, query: str, *args: Any) -> Any:
        """The first column of the first row; None where there is none."""
        async with acquire_connection(self.app) as connection:
            return await connection.fetchval(query, *args)
