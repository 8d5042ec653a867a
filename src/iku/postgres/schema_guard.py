"""The guard of the ledger's schema: event triggers that permit only migrations.

`guard.sql` defines it. Only a superuser can create event triggers. If the migrating
login is not a superuser, a superuser runs that file by hand (`iku guard` prints it).

An announced change is permitted. The guard therefore does not stop the owner, but keeps
a trace that the owner cannot remove (decision 13).
"""

import re
from datetime import datetime
from importlib import resources

from msgspec import Struct

from iku.messages import message, vocabulary
from iku.postgres.pool import Connection, Queryable

SQL = (resources.files(__package__) / "guard.sql").read_text("utf-8")
TRIGGERS = ("guard_rows", "guard_schema")
LOCK = 0x696B75_4755  # advisory lock of the installation; an arbitrary constant
_FUNCTION = re.compile(
    r"create or replace function guard\.(\w+)\(.*?\$\$(.*?)\$\$", re.DOTALL
)
FUNCTIONS = dict(_FUNCTION.findall(SQL))  # function bodies by name
VERSION = int(FUNCTIONS["version"].removeprefix(" select "))


class Guard(Struct, frozen=True):
    """The state of the guard of the ledger's schema.

    Attributes:
        since: When the schema was first accepted; None if it is not guarded.
        announced: Number of migrations announced since.
        sealed: How often a superuser accepted the schema as found; at least once.
        findings: Deviations from the expected state, one sentence each.
    """

    since: datetime | None = None
    announced: int = 0
    sealed: int = 0
    findings: list[str] = []


async def install(connection: Connection) -> bool:
    """Install or upgrade the guard, and return whether it is installed.

    Does nothing if the login is not a superuser. A guard of the current version is not
    changed; `inspect` reports a manipulated one.
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
    """Announce the current transaction as this migration, if the guard is installed."""
    if await _version(connection):
        await connection.execute("select guard.announce($1, $2)", migration, sha256)


async def inspect(reader: Queryable) -> Guard:
    """The state of the guard, with the deviations of the ledger's schema."""
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
        *await _trigger_findings(reader),
        *await _function_findings(reader),
        *await _schema_findings(reader),
        *await _announcement_findings(reader),
    ]
    return Guard(since, announced, sealed, findings)


async def _version(reader: Queryable) -> int:
    """The version of the guard in this database; 0 if it is not installed."""
    if await reader.fetchval("select to_regprocedure('guard.version()')") is None:
        return 0
    version: int = await reader.fetchval("select guard.version()")
    return version


# Words for an event trigger, by whether it exists, that is not enabled always.
_ENABLED = vocabulary("event trigger", {True: "not enabled always", False: "missing"})


async def _trigger_findings(reader: Queryable) -> list[str]:
    rows = await reader.fetch("select evtname, evtenabled from pg_event_trigger")
    enabled = {row["evtname"]: row["evtenabled"] == b"A" for row in rows}
    return [
        message(
            "event trigger {name}: expected enabled always, found {found}",
            name=name,
            found=_ENABLED[name in enabled],
        )
        for name in TRIGGERS
        if not enabled.get(name)
    ]


async def _function_findings(reader: Queryable) -> list[str]:
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
        message(
            "function guard.{name} differs from this program's, or is"
            " not owned by a superuser",
            name=name,
        )
        for name, body in FUNCTIONS.items()
        if found.get(name) != (body, True)
    ]


async def _schema_findings(reader: Queryable) -> list[str]:
    rows = await reader.fetch("select line from guard.difference()")
    return [
        message(
            "the ledger's schema differs from the accepted schema: {line}",
            line=row["line"],
        )
        for row in rows
    ]


async def _announcement_findings(reader: Queryable) -> list[str]:
    """Findings on changes that were announced as a migration that was never applied."""
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
        message(
            "change {number}: {login} announced {migration} on {day}, but no such "
            "migration was applied",
            number=row["number"],
            login=row["login"],
            migration=row["migration"],
            day=row["changed_at"].date(),
        )
        for row in rows
    ]
