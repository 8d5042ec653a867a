"""Connections with the application's rights, whoever logs in.

Each takes on the group role `iku_app`, which may read and append, nothing else. Session
settings go with the first packet, because the pool does not reset a connection between
uses: say `set local`, or the next user inherits it.
"""

from typing import TYPE_CHECKING, Any, Protocol, TypeAlias
from urllib.parse import parse_qs, unquote, urlsplit

import asyncpg
from asyncpg.pool import PoolConnectionProxy

if TYPE_CHECKING:  # asyncpg's classes take a parameter for type checkers only
    Plain: TypeAlias = asyncpg.Connection[asyncpg.Record]
    Connection: TypeAlias = Plain | PoolConnectionProxy[asyncpg.Record]
    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]
else:
    Plain = asyncpg.Connection
    Connection = asyncpg.Connection | PoolConnectionProxy
    Pool = asyncpg.Pool


class Queryable(Protocol):
    """What answers a query: a connection, a pool, or what takes one for each query."""

    async def fetch(self, query: str, *args: Any) -> list[asyncpg.Record]:
        """All rows."""

    async def fetchval(self, query: str, *args: Any) -> Any:
        """The first column of the first row; None where there is none."""


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
    """A connection with the application's rights; the caller closes it."""
    return await asyncpg.connect(
        dsn, timeout=CONNECT_TIMEOUT_S, server_settings=APPLICATION_SETTINGS
    )


async def connect_as_owner(dsn: str) -> Plain:
    """A connection with all the rights of the login, and no limit of time.

    For migrating and rebuilding only; the caller closes it.
    """
    return await asyncpg.connect(
        dsn, timeout=CONNECT_TIMEOUT_S, server_settings=COMMON_SETTINGS
    )


async def connect_as_signer(dsn: str) -> Plain:
    """A connection that may read the log and add what was signed; the caller closes it.

    It has no limit of time: a full round reads every record.
    """
    settings = COMMON_SETTINGS | {"role": SIGNER_ROLE, "application_name": "iku signer"}
    return await asyncpg.connect(
        dsn, timeout=CONNECT_TIMEOUT_S, server_settings=settings
    )


async def only_reads(reader: Queryable) -> bool:
    """Whether the server is a replica: it follows its primary, and takes nothing in."""
    following: bool = await reader.fetchval("select pg_is_in_recovery()")
    return following


async def create_pool(dsn: str, size: int) -> Pool:
    """At most `size` connections with the application's rights, one of them open."""
    return await asyncpg.create_pool(
        dsn,
        min_size=1,
        max_size=size,
        timeout=CONNECT_TIMEOUT_S,
        server_settings=APPLICATION_SETTINGS,
        reset=_keep_settings,
    )


async def prepare_application_login(owner: Connection, application_dsn: str) -> None:
    """Let the application's login take on `iku_app`, unless it may already.

    Before the first migration there is no such role, and nothing to do.
    """
    await _prepare_login(owner, application_dsn, ROLE)


async def prepare_signer_login(owner: Connection, signer_dsn: str) -> None:
    """Let the signer's login take on `iku_signer`, unless it may already."""
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
        _user(dsn),
    )
    if grant is not None:
        await owner.execute(grant)


def _user(dsn: str) -> str:
    """The login that an address names, before its host or among its parameters."""
    parts = urlsplit(dsn)
    [user] = parse_qs(parts.query).get("user", [unquote(parts.username or "")])
    return user


async def _keep_settings(connection: Connection) -> None:
    """Spare the round trip that would reset the session on every release."""
