"""The privileges of every role on every schema, table and function.

A privilege that is not listed here is granted to no role; a new table must be listed.
"""

from collections.abc import Iterator

import asyncpg
import pytest

from iku.postgres.database import Database
from iku.postgres.pool import Plain, connect_as_owner

READ = frozenset({"select"})
KEEP = READ | {"insert", "update", "delete"}
PRIVILEGES = (
    *("select", "insert", "update", "delete"),
    *("truncate", "references", "trigger", "maintain"),
)
# The privileges of each role, in a schema or on one table of it.
MAY: dict[str, dict[str, frozenset[str]]] = {
    "iku_app": {
        "ledger": READ,
        "projection": KEEP,
        "public": READ,
        "guard.change": READ,
    },
    "iku_auditor": {
        "ledger": READ,
        "projection": READ,
        "public": READ,
        "guard.change": READ,
    },
    "iku_signer": {
        "ledger": READ,
        **dict.fromkeys(
            (
                "ledger.log_key",
                "ledger.checkpoint",
                "ledger.cosignature",
                "ledger.alarm",
            ),
            READ | {"insert"},
        ),
        "ledger.tile": READ | {"insert", "delete"},
        "public": READ,
        "guard.change": READ,
    },
}
MAY_CALL = {
    "iku_app": {
        *("ledger.append", "projection.*", "vault.*", "access.*"),
        *("guard.difference", "guard.version"),
    },
    "iku_auditor": {"guard.difference", "guard.version"},
    "iku_signer": {"guard.difference", "guard.version"},
}
TRIES = {
    "select": "select from {0} limit 0",
    "insert": "insert into {0} overriding system value select * from {0} where false",
    "update": "update {0} set {1} = default where false",
    "delete": "delete from {0} where false",
    "truncate": "truncate {0}",
    "trigger": "create trigger other after insert on {0} execute function now()",
}


async def tables(connection: Plain) -> list[tuple[str, str]]:
    """All tables of the program, each with the name of its first column."""
    rows = await connection.fetch(
        """
        select format('%I.%I', n.nspname, c.relname) as name,
               quote_ident(a.attname) as column
          from pg_class c
          join pg_namespace n on n.oid = c.relnamespace
          join pg_attribute a on a.attrelid = c.oid and a.attnum = 1
         where c.relkind in ('r', 'v', 'm', 'p', 'f')
           and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
         order by 1
        """
    )
    return [(row["name"], row["column"]) for row in rows]


def granted(role: str, table: str) -> frozenset[str]:
    schema = table.partition(".")[0]
    nothing: frozenset[str] = frozenset()
    return MAY[role].get(table, MAY[role].get(schema, nothing))


def cells(found: list[tuple[str, str]]) -> Iterator[tuple[str, str, str]]:
    for table, column in found:
        for privilege in PRIVILEGES:
            yield table, column, privilege


@pytest.mark.parametrize("role", MAY)
async def test_a_role_holds_exactly_the_privileges_told(
    guarded: Plain, role: str
) -> None:
    found = await tables(guarded)
    assert {"ledger.event", "projection.contribution", "guard.change"} <= {
        t for t, _ in found
    }
    held = {
        (table, privilege)
        for table, _, privilege in cells(found)
        if await guarded.fetchval(
            "select has_table_privilege($1::text, $2::text, $3)", role, table, privilege
        )
    }
    told = {(table, p) for table, _, p in cells(found) if p in granted(role, table)}
    assert held == told


@pytest.mark.parametrize("role", MAY)
async def test_no_column_is_open_where_its_table_is_not(
    guarded: Plain, role: str
) -> None:
    rows = await guarded.fetch(
        """
        select a.attrelid::regclass::text as table, p.privilege
          from pg_attribute a
         cross join unnest(array['select', 'insert', 'update', 'references'])
               as p (privilege)
         where a.attacl is not null
           and has_column_privilege($1::text, a.attrelid, a.attnum, p.privilege)
           and not has_table_privilege($1::text, a.attrelid, p.privilege)
           and a.attrelid >= 16384
        """,
        role,
    )
    assert rows == []


@pytest.mark.parametrize("role", MAY)
async def test_a_role_that_tries_is_refused_all_else(guarded: Plain, role: str) -> None:
    found = await tables(guarded)
    await guarded.execute(f"set role {role}")
    tried = [cell for cell in cells(found) if cell[2] in TRIES]
    for table, column, privilege in tried:
        transaction = guarded.transaction()
        await transaction.start()
        statement = TRIES[privilege].format(table, column)
        try:
            await guarded.execute(statement)
            refused = False
        except asyncpg.InsufficientPrivilegeError:
            refused = True
        await transaction.rollback()
        assert refused == (privilege not in granted(role, table)), statement


@pytest.mark.parametrize("role", MAY)
async def test_a_role_may_call_exactly_the_functions_told(
    guarded: Plain, role: str
) -> None:
    rows = await guarded.fetch(
        """
        select n.nspname as schema, p.proname as name,
               has_function_privilege($1::text, p.oid, 'execute') as may
          from pg_proc p
          join pg_namespace n on n.oid = p.pronamespace
         where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
           and not exists ( -- what an extension brings along reads nothing of ours
                 select from pg_depend d where d.objid = p.oid and d.deptype = 'e')
        """,
        role,
    )
    assert len(rows) > 10
    for schema, name, may in rows:
        told = MAY_CALL[role] & {f"{schema}.{name}", f"{schema}.*"}
        assert may == bool(told), f"{schema}.{name}"


@pytest.mark.parametrize("role", MAY)
async def test_a_role_makes_nothing_and_is_no_more_than_a_group(
    guarded: Plain, role: str
) -> None:
    (row,) = await guarded.fetch("select * from pg_roles where rolname = $1", role)
    powers = ("super", "createrole", "createdb", "canlogin", "replication", "bypassrls")
    assert not any(row[f"rol{power}"] for power in powers)
    schemas = await guarded.fetch(
        """
        select nspname
          from pg_namespace
         where has_schema_privilege($1, oid, 'create')
        """,
        role,
    )
    assert [r[0] for r in schemas if not r[0].startswith("pg_temp")] == []
    owned = await guarded.fetchval(
        "select count(*) from pg_class where pg_get_userbyid(relowner) = $1", role
    )
    assert owned == 0
    groups = await guarded.fetchval(
        "select count(*) from pg_auth_members where member = $1::text::regrole", role
    )
    assert groups == 0


async def test_nothing_is_open_to_everybody_but_what_tells_of_the_schema(
    guarded: Plain,
) -> None:
    rows = await guarded.fetch(
        """
        select c.oid::regclass::text as table, lower(a.privilege_type) as privilege
          from pg_class c, aclexplode(c.relacl) a
         where a.grantee = 0 and c.oid >= 16384
         order by 1
        """
    )
    assert [tuple(row) for row in rows] == [
        ("guard.change", "select"),
        ("schema_migration", "select"),
    ]


async def test_an_auditors_login_reads_what_later_migrations_and_rebuilds_make(
    guarded: Plain,
) -> None:
    async with guarded.transaction():
        await guarded.execute("select guard.announce('9999_later', '')")
        await guarded.execute(
            "create table ledger.later (); create table projection.later ()"
        )
    for table in ("ledger.later", "projection.later"):
        assert await guarded.fetchval(
            "select has_table_privilege('iku_auditor', $1::text, 'select')", table
        )


async def test_an_auditor_logs_in_as_the_document_tells(
    database: Database, administrator: Plain, guarded: Plain
) -> None:
    await administrator.execute(
        """
        create role siti login password 'rahasia' in role iku_auditor;
        alter role siti set default_transaction_read_only = on;
        """
    )
    try:
        address = database.owner_dsn.split("@", 1)[1]
        auditor = await connect_as_owner(f"postgresql://siti:rahasia@{address}")
        assert await auditor.fetchval("select count(*) from ledger.event") == 0
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            await auditor.execute("create temporary table mine (id integer)")
        await auditor.close()
    finally:
        await administrator.execute("drop role siti")
