"""The guard of the ledger's schema: event triggers that let migrations through alone.

`guard.sql` holds it. Only a superuser can make event triggers; so where the login that
migrates is none, a superuser runs that file by hand (`iku guard` prints it).

What is announced is allowed: that is no wall before the owner, but a trace that the
owner cannot remove (decision 13).
"""

import re
from datetime import datetime
from importlib import resources

from msgspec import Struct

from iku.postgres.pool import Connection, Queryable

SQL = (resources.files(__package__) / "guard.sql").read_text("utf-8")
TRIGGERS = ("guard_rows", "guard_schema")
LOCK = 0x696B75_4755  # one puts it in place at a time; any constant of our own
_FUNCTION = re.compile(
    r"create or replace function guard\.(\w+)\(.*?\$\$(.*?)\$\$", re.DOTALL
)
FUNCTIONS = dict(_FUNCTION.findall(SQL))  # bodies by name
VERSION = int(FUNCTIONS["version"].removeprefix(" select "))


class Guard(Struct, frozen=True):
    """How the ledger's schema is guarded.

    Attributes:
        since: When it was sealed first; None: it is not guarded at all.
        announced: How many migrations were announced since.
        sealed: How often a superuser took what there was for right; once at least.
        findings: What is not as it should be, a sentence each.
    """

    since: datetime | None = None
    announced: int = 0
    sealed: int = 0
    findings: list[str] = []


async def arm(connection: Connection) -> bool:
    """Put the guard in place, or bring it up to date; whether it is in place.

    Does nothing where the login is no superuser. A guard of our version is left as it
    is: if somebody took it apart, `look` shall tell.
    """
    if await _version(connection) >= VERSION:
        return True
    if not await connection.fetchval(
        "select rolsuper from pg_roles where rolname = current_user"
    ):
        return False
    async with connection.transaction():
        await connection.execute("select pg_advisory_xact_lock($1)", LOCK)
        if await _version(connection) < VERSION:
            await connection.execute(SQL)
    return True


async def announce(connection: Connection, migration: str, sha256: bytes) -> None:
    """Say that the transaction under way is this migration, if there is a guard."""
    if await _version(connection):
        await connection.execute("select guard.announce($1, $2)", migration, sha256)


async def look(reader: Queryable) -> Guard:
    """Whether the guard is in place, and the ledger's schema as it was left."""
    if not await _version(reader):
        return Guard()
    ((since, announced, sealed),) = await reader.fetch(
        """
        select min(changed_at), count(migration),
               count(*) filter (where migration is null)
          from guard.change
        """
    )
    findings = [
        *await _triggers_amiss(reader),
        *await _functions_amiss(reader),
        *await _schema_amiss(reader),
        *await _changes_amiss(reader),
    ]
    return Guard(since, announced, sealed, findings)


async def _version(reader: Queryable) -> int:
    """Of the guard in this database; 0 where there is none."""
    if await reader.fetchval("select to_regprocedure('guard.version()')") is None:
        return 0
    version: int = await reader.fetchval("select guard.version()")
    return version


async def _triggers_amiss(reader: Queryable) -> list[str]:
    rows = await reader.fetch("select evtname, evtenabled from pg_event_trigger")
    enabled = {row["evtname"]: row["evtenabled"] == b"A" for row in rows}
    return [
        f"event trigger {name}: expected enabled always, found "
        + ("otherwise" if name in enabled else "missing")
        for name in TRIGGERS
        if not enabled.get(name)
    ]


async def _functions_amiss(reader: Queryable) -> list[str]:
    rows = await reader.fetch(
        """
        select p.proname, p.prosrc, r.rolsuper
          from pg_proc p
          join pg_roles r on r.oid = p.proowner
         where p.pronamespace = to_regnamespace('guard')
        """
    )
    found = {row["proname"]: (row["prosrc"], row["rolsuper"]) for row in rows}
    return [
        f"function guard.{name} is not this program's, or not a superuser's"
        for name, body in FUNCTIONS.items()
        if found.get(name) != (body, True)
    ]


async def _schema_amiss(reader: Queryable) -> list[str]:
    rows = await reader.fetch("select line from guard.difference()")
    return [f"the ledger's schema, as last sealed: {row['line']}" for row in rows]


async def _changes_amiss(reader: Queryable) -> list[str]:
    """Changes that were announced under the name of a migration, and are none."""
    rows = await reader.fetch(
        """
        select c.number, c.migration, c.login, c.changed_at
          from guard.change c
          left join public.schema_migration m
            on to_char(m.version, 'FM0000') || '_' || m.name = c.migration
           and m.sha256 = c.sha256
         where c.migration is not null
           and m.version is null
         order by c.number
        """
    )
    return [
        f"change {row['number']}: {row['login']} announced {row['migration']} on "
        f"{row['changed_at']:%Y-%m-%d}, but no such migration was applied"
        for row in rows
    ]
