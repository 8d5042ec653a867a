"""Connections with the application's privileges, independent of the login.

Each sets the group role `iku_app`, which may only read and append. Session settings are
sent in the startup packet, because the pool does not reset a connection on release: use
`set local`, or the next user of the connection inherits the setting.
"""

from typing import TYPE_CHECKING, Any, Protocol, TypeAlias
from urllib.parse import parse_qs, unquote, urlsplit

import asyncpg
from asyncpg.pool import PoolConnectionProxy

if TYPE_CHECKING:  # asyncpg's classes are generic only for type checkers
    Plain: TypeAlias = asyncpg.Connection[asyncpg.Record]
    Connection: TypeAlias = Plain | PoolConnectionProxy[asyncpg.Record]
    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]
else:
    Plain = asyncpg.Connection
    Connection = asyncpg.Connection | PoolConnectionProxy
    Pool = asyncpg.Pool


class Queryable(Protocol):
    """Anything that runs a query: a connection, or a pool that acquires one for it."""

    async def fetch(self, query: str, *args: Any) -> list[asyncpg.Record]:
        """All rows."""

    async def fetchval(self, query: str, *args: Any) -> Any:
        """The first column of the first row; None if there is no row."""


ROLE = "iku_app"
SIGNER_ROLE = "iku_signer"
CONNECT_TIMEOUT_S = 10
COMMON_SETTINGS = {"application_name": "iku", "timezone": "UTC"}
APPLICATION_SETTINGS = COMMON_SETTINGS | {
    "role": ROLE,
    "search_path": "projection, ledger",
    "statement_timeout": "30s",
    "idle_in_transaction_session_timeout": "60s",
}


async def connect(dsn: str) -> Plain:
    """A connection with the application's privileges; the caller closes it."""
    return await asyncpg.connect(
        dsn, timeout=CONNECT_TIMEOUT_S, server_settings=APPLICATION_SETTINGS
    )


async def connect_as_owner(dsn: str) -> Plain:
    """A connection with all privileges of the login and no statement timeout.

    For migrations and rebuilds only; the caller closes it.
    """
    return await asyncpg.connect(
        dsn, timeout=CONNECT_TIMEOUT_S, server_settings=COMMON_SETTINGS
    )


async def connect_as_signer(dsn: str) -> Plain:
    """A connection that reads the log and writes signatures; the caller closes it.

    It has no statement timeout, because a full round reads every record.
    """
    settings = COMMON_SETTINGS | {"role": SIGNER_ROLE, "application_name": "iku signer"}
    return await asyncpg.connect(
        dsn, timeout=CONNECT_TIMEOUT_S, server_settings=settings
    )


async def is_read_only(reader: Queryable) -> bool:
    """Whether the server is a replica, which is read-only and follows its primary."""
    following: bool = await reader.fetchval("select pg_is_in_recovery()")
    return following


async def create_pool(dsn: str, size: int) -> Pool:
    """A pool of at most `size` connections with the application's privileges.

    It keeps one connection open.
    """
    return await asyncpg.create_pool(
        dsn,
        min_size=1,
        max_size=size,
        timeout=CONNECT_TIMEOUT_S,
        server_settings=APPLICATION_SETTINGS,
        reset=_keep_settings,
    )


async def prepare_application_login(owner: Connection, application_dsn: str) -> None:
    """Grant `iku_app` to the application's login, unless it has that role.

    Before the first migration the role does not exist, and nothing is granted.
    """
    await _prepare_login(owner, application_dsn, ROLE)


async def prepare_signer_login(owner: Connection, signer_dsn: str) -> None:
    """Grant `iku_signer` to the signer's login, unless it has that role."""
    await _prepare_login(owner, signer_dsn, SIGNER_ROLE)


async def _prepare_login(owner: Connection, dsn: str, role: str) -> None:
    grant = await owner.fetchval(
        """
        select format('grant %I to %I', app.rolname, login.rolname)
          from pg_roles as app, pg_roles as login
         where app.rolname = $1
           and login.rolname = $2
           and not pg_has_role(login.oid, app.oid, 'set')
        """,
        role,
        login_name(dsn),
    )
    if grant is not None:
        await owner.execute(grant)


def login_name(dsn: str) -> str:
    """The login in a connection URI, from its user part or its parameter."""
    parts = urlsplit(dsn)
    [user] = parse_qs(parts.query).get("user", [unquote(parts.username or "")])
    return user


async def _keep_settings(connection: Connection) -> None:
    """A reset that does nothing: the session keeps its settings on release."""
