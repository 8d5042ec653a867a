"""A restore into a new database on the same server, which then replaces the old one.

It requires a superuser, who owns the schema guard and can create roles.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import product

import asyncpg

from iku.messages import message
from iku.postgres import dump
from iku.postgres.pool import Plain, connect_as_owner
from iku.postgres.programs import PostgresError

MAINTENANCE = ("postgres", "template1")  # databases that every server has
# Roles that own a schema of their own; the migrating login is a member of each.
SCHEMA_OWNERS = ("iku_vault", "iku_access")
# Roles that the migrations grant privileges to, or make owners.
GROUPS = ("iku_app", "iku_signer", "iku_auditor", *SCHEMA_OWNERS)
PARTIAL = ".restore"


class UnsupportedServer(PostgresError):
    """The server or the login does not allow a restore; the message has the reason."""


@asynccontextmanager
async def connect_for_maintenance(superuser: str) -> AsyncIterator[Plain]:
    """A connection to a maintenance database of the server.

    Raises:
        UnsupportedServer: The login is not a superuser.
    """
    for name in MAINTENANCE:
        try:
            connection = await connect_as_owner(dump.uri_of_database(superuser, name))
            break
        except asyncpg.InvalidCatalogNameError:
            continue
    else:
        raise UnsupportedServer(
            message(
                "the server has no maintenance database: expected one of {names}",
                names=[*MAINTENANCE],
            )
        )
    try:
        await require_superuser(connection)
        yield connection
    finally:
        await connection.close()


async def require_superuser(connection: Plain) -> None:
    """Refuse a login that is not a superuser.

    Raises:
        UnsupportedServer: The login is not a superuser.
    """
    [(name, superuser)] = await connection.fetch(
        "select rolname, rolsuper from pg_roles where rolname = current_user"
    )
    if not superuser:
        raise UnsupportedServer(
            message(
                "the login {name} is not a superuser, which backup and "
                "restore require: set IKU_SUPERUSER_URL",
                name=name,
            )
        )


async def exists(connection: Plain, name: str) -> bool:
    """Whether the database *name* exists."""
    found: bool = await connection.fetchval(
        "select exists (select from pg_database where datname = $1)", name
    )
    return found


async def is_empty(dsn: str) -> bool:
    """Whether a database has no relations, apart from those of the schema guard."""
    connection = await connect_as_owner(dsn)
    try:
        empty: bool = await connection.fetchval(
            """
            select not exists (
                     select
                       from pg_class c
                       join pg_namespace n on n.oid = c.relnamespace
                      where n.nspname not like 'pg\\_%'
                        and n.nspname not in ('information_schema', 'guard')
                        and c.relkind in ('r', 'p', 'm', 'v', 'S', 'f')
                   )
            """
        )
    finally:
        await connection.close()
    return empty


async def create(
    connection: Plain, name: str, *, owner: str, wanted: str, logins: Sequence[str]
) -> str:
    """Create an empty database to replace *name*; *wanted* will own its objects.

    Only *logins* may connect to it; if empty, every login may. A database left by an
    earlier attempt is dropped.

    Raises:
        UnsupportedServer: *owner*, who will migrate it, has no privileges of *wanted*.
    """
    await _create_roles(connection, owner, wanted)
    part = f"{name}{PARTIAL}"
    await connection.execute(
        await _with_identifiers(connection, "drop database if exists %I", part)
    )
    make = "create database %I owner %I template template0 encoding 'UTF8'"
    await connection.execute(await _with_identifiers(connection, make, part, owner))
    if logins:
        revoke = "revoke all on database %I from public"
        await connection.execute(await _with_identifiers(connection, revoke, part))
        for login in logins:
            grant = "grant connect on database %I to %I"
            await connection.execute(
                await _with_identifiers(connection, grant, part, login)
            )
    return part


async def switch(connection: Plain, name: str, *, keep: bool) -> str | None:
    """Rename the new database to *name*; return the new name of the old one if kept.

    Raises:
        UnsupportedServer: A session is connected to one of the two.
    """
    now = datetime.now(UTC)
    old = f"{name}_before_{now:%Y%m%d%H%M%S}"
    there = await exists(connection, name)
    rename = "alter database %I rename to %I"
    try:
        async with connection.transaction():
            if there:
                await connection.execute(
                    await _with_identifiers(connection, rename, name, old)
                )
            part = f"{name}{PARTIAL}"
            await connection.execute(
                await _with_identifiers(connection, rename, part, name)
            )
    except asyncpg.ObjectInUseError as error:
        raise UnsupportedServer(
            message(
                "the database {name} has other connections: stop the programs that "
                "use it, such as iku serve, and restore again",
                name=name,
            )
        ) from error
    if there and not keep:
        await connection.execute(
            await _with_identifiers(connection, "drop database %I", old)
        )
    return old if there and keep else None


async def refuse_connected_clients(connection: Plain, name: str) -> None:
    """Refuse to restore while a client is connected to the database *name*.

    Raises:
        UnsupportedServer: A client is connected.
    """
    others = await connection.fetchval(
        """
        select count(*)
          from pg_stat_activity
         where datname = $1
           and backend_type = 'client backend'
        """,
        name,
    )
    if others:
        raise UnsupportedServer(
            message(
                "the database {name} has other connections: stop the programs that "
                "use it, such as iku serve, and restore again",
                name=name,
            )
        )


async def _create_roles(connection: Plain, owner: str, wanted: str) -> None:
    """Create the roles that a dump names and the server lacks; they cannot log in."""
    for role in dict.fromkeys((*GROUPS, wanted)):
        if not await connection.fetchval("select to_regrole(quote_ident($1))", role):
            await connection.execute(
                await _with_identifiers(connection, "create role %I nologin", role)
            )
    if not await connection.fetchval("select to_regrole(quote_ident($1))", owner):
        raise UnsupportedServer(
            message(
                "the server has no role {owner}, which IKU_OWNER_URL names",
                owner=owner,
            )
        )
    if not await connection.fetchval(
        "select pg_has_role($1::name, $2::name, 'usage')", owner, wanted
    ):
        raise UnsupportedServer(
            message(
                "the backup's schema is owned by role {wanted}, of which "
                "{owner} is not a member: set IKU_OWNER_URL to a login of"
                " {wanted}, or of a superuser",
                wanted=wanted,
                owner=owner,
            )
        )
    for role, group in product((wanted, owner), SCHEMA_OWNERS):
        if not await connection.fetchval(
            "select pg_has_role($1::name, $2::name, 'usage')", role, group
        ):
            await connection.execute(
                await _with_identifiers(connection, "grant %I to %I", group, role)
            )


async def _with_identifiers(connection: Plain, statement: str, *names: str) -> str:
    """The statement with *names* inserted as quoted identifiers."""
    spelt: str = await connection.fetchval(
        "select format($1, variadic $2::text[])", statement, list(names)
    )
    return spelt
