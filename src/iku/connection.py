"""Database connections for one request; a failure is reported within a time limit."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from msgspec import Struct

from iku.app import App
from iku.ledger import log
from iku.ledger.appender import OutOfSpace, Unavailable
from iku.messages import message
from iku.postgres.pool import Connection
from iku.queries.view import LOCAL, View, Viewer

ACQUIRE_S = 5.0  # a request that waits longer for a connection is answered with 503

# The errors that asyncpg raises if the server is not available.
_TROUBLE = (
    OSError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)


@asynccontextmanager
async def acquire_connection(app: App) -> AsyncIterator[Connection]:
    """A connection of the pool, with the rights of the application role.

    Raises:
        Unavailable: The database is not available or does not respond in time, or all
            connections are in use for too long.
        OutOfSpace: The database has no space left.
    """
    try:
        connection = await app.pool.acquire(timeout=ACQUIRE_S)
    except _TROUBLE as error:
        raise Unavailable(
            message(
                "the database connection could not be opened: {error!r}", error=error
            )
        ) from error
    try:
        yield connection
    except _TROUBLE as error:
        if unavailable := _unavailable(error, connection):
            raise unavailable from error
        raise
    finally:
        await app.pool.release(connection)


def _unavailable(error: Exception, connection: Connection) -> Unavailable | None:
    """The error to raise instead of *error* if the database is at fault, else None."""
    if isinstance(error, asyncpg.InsufficientResourcesError):
        return OutOfSpace(
            message("the database is out of disk space or memory: {error}", error=error)
        )
    if isinstance(error, asyncpg.SerializationError):
        # Only on a replica, where replication takes precedence over queries.
        return Unavailable(
            message(
                "the replica cancelled the query because of a recovery conflict: "
                "{error}",
                error=error,
            )
        )
    if isinstance(error, asyncpg.QueryCanceledError):
        return Unavailable(
            message(
                "a database statement exceeded its time limit: {error}", error=error
            )
        )
    if log.is_unavailable(error, connection):
        return Unavailable(
            message("the database connection was lost: {error!r}", error=error)
        )
    return None


@asynccontextmanager
async def open_view(app: App, viewer: Viewer = LOCAL) -> AsyncIterator[View]:
    """The view of a request's caller (raises as `acquire_connection` does)."""
    async with acquire_connection(app) as connection:
        yield app.view(connection, viewer)


class PooledReader(Struct, frozen=True):
    """A reader that takes a connection of the pool for each query.

    A command that waits for its append therefore holds no connection, and any number of
    commands can share a group commit.
    """

    app: App

    async def fetch(self, query: str, *args: Any) -> list[asyncpg.Record]:
        """All rows (raises as `acquire_connection` does)."""
        async with acquire_connection(self.app) as connection:
            return await connection.fetch(query, *args)

    async def fetchrow(self, query: str, *args: Any) -> asyncpg.Record | None:
        """The first row; None if there is none."""
        async with acquire_connection(self.app) as connection:
            return await connection.fetchrow(query, *args)

    async def fetchval(self, query: str, *args: Any) -> Any:
        """The first column of the first row; None if there is none."""
        async with acquire_connection(self.app) as connection:
            return await connection.fetchval(query, *args)
