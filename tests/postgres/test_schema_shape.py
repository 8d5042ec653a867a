"""The shape of the schema: reproducible, and changed by whatever changes the schema."""

from pathlib import Path

import asyncpg
import pytest

from iku.app import open_app
from iku.postgres import schema_shape
from iku.postgres.database import Database, migrate_database
from iku.postgres.pool import Plain
from iku.projections.rebuild import rebuild
from tests.conftest import SETTINGS
from tests.postgres.test_schema_guard import OTHERWISE
from tests.schema_shape_file import FILE, fresh

EXPECTED = schema_shape.expected()


async def test_the_release_expects_the_shape_of_a_fresh_database(
    empty_database: Database,
) -> None:
    found = await fresh(empty_database)
    assert found.difference(EXPECTED) == [], "run: make shape"
    assert found.digest == EXPECTED.digest
    assert (Path(__file__).parents[2] / FILE).read_text() == schema_shape.as_text(found)


async def test_an_owner_without_further_rights_has_the_same_shape(
    plain_owner: Plain,
) -> None:
    found = await schema_shape.read(plain_owner)
    assert found.difference(EXPECTED) == []


async def test_neither_use_nor_a_rebuild_changes_the_shape(
    database: Database, guarded: Plain
) -> None:
    async with open_app(SETTINGS, database):
        pass
    await rebuild(guarded, lambda _done, _size: None)
    await guarded.execute("create temporary table mine (id integer)")
    found = await schema_shape.read(guarded)
    assert found.difference(EXPECTED) == []


@pytest.mark.parametrize("role", ["iku_app", "iku_auditor", "iku_signer"])
async def test_every_login_reads_the_same_shape(undone: Plain, role: str) -> None:
    await undone.execute(f"set role {role}")
    assert await schema_shape.read(undone) == EXPECTED


SHADOWS = """
create schema shadow;
create table shadow.pg_proc as select * from pg_catalog.pg_proc where false;
create function shadow.format(text, variadic text[]) returns text
  language sql as $$ select 'nothing' $$;
create function shadow.pg_get_triggerdef(oid) returns text
  language sql as $$ select 'nothing' $$;
create temporary table pg_trigger as select * from pg_catalog.pg_trigger where false;
set search_path = shadow, pg_temp, pg_catalog;
"""


async def test_objects_named_as_the_catalogs_take_no_catalogs_place(
    unguarded: Plain,
) -> None:
    await unguarded.execute(SHADOWS)
    changed = (await schema_shape.read(unguarded)).difference(EXPECTED)
    assert len(changed) > 20
    strays = [one for one in changed if " shadow" not in one or one.startswith("was")]
    assert strays == []


# What changes no row of the ledger, and passes where event triggers are off.
CHANGES = [
    *(one for one in OTHERWISE if "drop schema" not in one and "cascade" not in one),
    "alter event trigger guard_schema disable",
    "drop event trigger guard_rows",
    "create event trigger other on ddl_command_end execute function guard.hold()",
    (
        "create or replace function guard.difference() returns table (line text)"
        " language sql as 'select null::text where false'"
    ),
    "alter function guard.announced() owner to pg_monitor",
    "grant execute on function guard.seal() to iku_app",
    "drop schema guard cascade",
    (
        "create or replace function vault.count() returns bigint language sql stable"
        " security definer set search_path = pg_catalog, pg_temp as 'select 0::bigint'"
    ),
    "grant select on vault.segment to iku_app",
    "alter table access.api_key disable trigger all",
    "alter table vault.segment alter column sealed set statistics 100",
    "grant insert on ledger.event to public",
    "grant iku_vault to iku_app",
    "grant iku_access to iku_app",
    "grant select on access.account to iku_app",
    "grant iku_access to iku_auditor",
    "alter table projection.state add column note text",
    (
        "create or replace function projection.expect(_holds boolean) returns boolean"
        " language sql as 'select true'"
    ),
    "create function public.lower(text) returns text language sql as 'select $1'",
    "create view public.event as select * from ledger.event",
    "create materialized view public.event as select * from ledger.event",
    "create rule quiet as on update to projection.state do instead nothing",
    "create policy blind on projection.state to iku_app using (false)",
    "create domain public.day as date check (value > '2021-01-01')",
    "create type public.kind as enum ('a', 'b')",
    "create cast (bytea as text) with inout as assignment",
    "create operator public.=== (leftarg = text, rightarg = text, function = texteq)",
    "create publication everything for all tables",
    "create foreign data wrapper other",
    (
        "create or replace function public.gbt_date_union(internal, internal)"
        " returns public.gbtreekey8 language c as '$libdir/btree_gist', 'gbt_ts_union'"
    ),
    (
        "create or replace function pg_catalog.sha256(bytea) returns bytea"
        " language sql immutable strict as 'select $1'"
    ),
    "alter table ledger.event set (fillfactor = 50)",
    "alter table ledger.event alter column record set default ''",
    "alter function ledger.append volatile parallel safe",
]


@pytest.mark.parametrize("change", CHANGES)
async def test_whatever_changes_the_schema_changes_its_shape(
    unguarded: Plain, change: str
) -> None:
    await unguarded.execute(change)
    found = await schema_shape.read(unguarded)
    assert found.difference(EXPECTED) != []
    assert found.digest != EXPECTED.digest


@pytest.mark.parametrize(
    ("change", "undo", "line"),
    [
        (
            "alter role iku_app superuser",
            "alter role iku_app nosuperuser",
            "now role iku_app: login False, powers ['rolsuper']",
        ),
        (
            "create role mallory createrole in role iku_signer",
            "drop role mallory",
            "now a member of iku_signer has powers ['rolcreaterole']",
        ),
        (
            (
                "create role mallory in role iku_signer;"
                " alter role mallory set search_path = evil"
            ),
            "drop role mallory",
            "now setting of mallory: search_path = evil",
        ),
    ],
)
async def test_a_login_that_may_more_changes_the_shape(
    unguarded: Plain, change: str, undo: str, line: str
) -> None:
    await unguarded.execute(change)
    assert line in (await schema_shape.read(unguarded)).difference(EXPECTED)
    await unguarded.execute(undo)
    assert (await schema_shape.read(unguarded)).difference(EXPECTED) == []


async def test_a_setting_of_the_database_changes_the_shape(
    unguarded: Plain,
) -> None:
    name = await unguarded.fetchval("select quote_ident(current_database())")
    await unguarded.execute(f"alter database {name} set event_triggers = off")
    [line] = (await schema_shape.read(unguarded)).difference(EXPECTED)
    assert line == "now setting of every role: event_triggers = off"


async def test_a_table_that_vanishes_while_it_is_read_is_read_again(
    undone: Plain, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, tries = schema_shape._read, []

    async def once(connection: Plain) -> schema_shape.Shape:
        tries.append(connection)
        if len(tries) == 1:
            raise asyncpg.InternalServerError
        return await real(connection)

    monkeypatch.setattr(schema_shape, "_read", once)
    assert await schema_shape.read(undone) == EXPECTED
    assert len(tries) == 2


async def test_a_database_that_was_migrated_again_keeps_its_shape(
    database: Database, owner: Plain
) -> None:
    await migrate_database(database)
    assert (await schema_shape.read(owner)).digest == EXPECTED.digest
