"""The ledger's schema changes only by migrations, which leave a trace."""

import asyncio
from pathlib import Path

import asyncpg
import pytest

from iku.language import Language, translate
from iku.ledger.integrity_check import check_ledger
from iku.postgres import schema_guard
from iku.postgres.database import Database, migrate_database
from iku.postgres.migrations import Migration, MigrationError, load, migrate
from iku.postgres.pool import Plain, connect_as_owner
from iku.postgres.schema_guard import Guard
from iku.projections.rebuild import rebuild

OTHERWISE = [
    "alter table ledger.event disable trigger append_only",
    "alter table ledger.event disable trigger all",
    "alter table ledger.event enable trigger append_only",
    "alter trigger append_only on ledger.command rename to harmless",
    "drop trigger append_only on ledger.event",
    "alter table ledger.event rename to event_before",
    "alter table ledger.event set schema public",
    "alter table ledger.event owner to pg_monitor",
    "alter table ledger.event add column remark text",
    "alter table ledger.event alter column declared set default true",
    "alter table ledger.event drop constraint event_pkey cascade",
    "alter table ledger.event enable row level security",
    "drop table ledger.event cascade",
    "drop schema ledger cascade",
    "alter schema ledger rename to ledger_before",
    "create table ledger.other ()",
    "create view ledger.other as select 1",
    "create table public.child () inherits (ledger.event)",
    "create index on ledger.event (type)",
    "create rule quiet as on insert to ledger.event do instead nothing",
    "create policy blind on ledger.event using (false)",
    """
    create trigger other before insert on ledger.event
      for each row execute function ledger.refuse_change()
    """,
    """
    create or replace function ledger.refuse_change() returns trigger
    language plpgsql as 'begin return null; end'
    """,
    "alter function ledger.append security invoker",
    "alter function ledger.append set search_path = public",
    "drop function ledger.append",
    "grant update on ledger.event to iku_app",
    "grant update (leaf) on ledger.event to iku_app",
    "grant all on all tables in schema ledger to iku_app",
    "grant execute on function ledger.append to public",
    "grant create on schema ledger to iku_app",
    "revoke select on ledger.event from iku_auditor",
    "alter default privileges in schema ledger grant all on tables to iku_app",
    "drop owned by iku_app",
]
REWRITES = [
    "alter table ledger.event alter column leaf type bytea using sha256('forged')",
    "alter table ledger.event set unlogged",
]
HARMLESS = """
create or replace function guard.hold() returns event_trigger
language plpgsql as 'begin end'
"""
NOW, WAS = (
    f"the ledger's schema differs from the accepted schema: {when} "
    for when in ("now", "was")
)
UNTOUCHED = [
    "create table public.note (id integer)",
    "drop table if exists public.note",
    "comment on table ledger.event is 'seen by the auditors'",
    "analyze ledger.event",
    "reindex table ledger.event",
    "create temporary table mine (id integer)",
]


async def refuse(connection: Plain, statement: str, refusal: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match=refusal):
        async with connection.transaction():
            await connection.execute(statement)


@pytest.mark.parametrize("statement", OTHERWISE)
async def test_event_triggers_refuse_what_would_change_the_ledgers_schema(
    undone: Plain, statement: str
) -> None:
    refusal = "the ledger's schema changes by migrations only"
    await refuse(undone, statement, refusal)
    await undone.execute("set session_replication_role = replica")
    await refuse(undone, statement, refusal)
    assert (await schema_guard.inspect(undone)).findings == []
    assert await check_ledger(undone) == []


@pytest.mark.parametrize("statement", REWRITES)
async def test_event_triggers_refuse_to_rewrite_the_ledgers_rows(
    undone: Plain, statement: str
) -> None:
    refusal = "the ledger's tables are rewritten by migrations only"
    await refuse(undone, statement, refusal)


async def test_an_owner_without_further_rights_is_refused_just_so(
    plain_owner: Plain,
) -> None:
    refused = (
        asyncpg.InsufficientPrivilegeError,
        asyncpg.DependentObjectsStillExistError,
    )
    for statement in (*OTHERWISE, *REWRITES):
        with pytest.raises(refused):
            await plain_owner.execute(statement)
    for statement in (
        "set event_triggers = off",
        "alter event trigger guard_schema disable",
        "drop event trigger guard_schema",
        "drop schema guard cascade",
        "delete from guard.change",
        "insert into guard.change default values",
        "select guard.seal()",
        "insert into guard.sealed values ('anything')",
        HARMLESS,
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await plain_owner.execute(statement)
    assert (await schema_guard.inspect(plain_owner)).findings == []


@pytest.mark.parametrize("statement", UNTOUCHED)
async def test_what_leaves_the_ledgers_schema_alone_passes(
    undone: Plain, statement: str
) -> None:
    await undone.execute(statement)
    assert (await schema_guard.inspect(undone)).findings == []


async def test_projections_are_rebuilt_under_the_guard(guarded: Plain) -> None:
    assert await rebuild(guarded, lambda _done, _size: None) == []
    assert (await schema_guard.inspect(guarded)).findings == []


CHANGE = Migration(
    len(load()) + 1,
    "remark",
    """
    alter table ledger.event disable trigger append_only;
    alter table ledger.event add column remark text not null default '';
    alter table ledger.event enable always trigger append_only;
    grant select (remark) on ledger.event to iku_app;
    """,
)


async def change_by_migration(owner: Plain) -> None:
    before = await schema_guard.inspect(owner)

    assert await migrate(owner, [*load(), CHANGE]) == [CHANGE]

    after = await schema_guard.inspect(owner)
    assert after == Guard(before.since, before.announced + 1, before.sealed, [])
    login, sha256 = await owner.fetchrow(
        "select login, sha256 from guard.change where migration = $1", str(CHANGE)
    ) or (None, None)
    assert sha256 == CHANGE.sha256
    assert login == await owner.fetchval("select session_user::text")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await owner.execute("alter table ledger.event drop column remark")


async def test_a_migration_may_change_it_and_leaves_a_trace(guarded: Plain) -> None:
    await change_by_migration(guarded)


async def test_so_may_a_migration_of_a_plain_owner(plain_owner: Plain) -> None:
    await change_by_migration(plain_owner)


async def test_the_owners_every_migration_is_announced(plain_owner: Plain) -> None:
    guard = await schema_guard.inspect(plain_owner)
    assert (guard.announced, guard.sealed) == (len(load()), 1)


async def test_a_migration_that_fails_is_announced_to_nobody(guarded: Plain) -> None:
    broken = Migration(CHANGE.version, "broken", CHANGE.sql + "; select 1/0")
    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate(guarded, [*load(), broken])
    assert await schema_guard.inspect(guarded) == Guard(
        (await schema_guard.inspect(guarded)).since, 0, 1, []
    )


async def test_the_announcement_ends_with_its_transaction(guarded: Plain) -> None:
    async with guarded.transaction():
        await schema_guard.announce(guarded, "9999_own", b"")
        await guarded.execute("alter table ledger.event add column one text")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await guarded.execute("alter table ledger.event add column two text")


async def test_a_feigned_migration_cannot_hide(plain_owner: Plain) -> None:
    async with plain_owner.transaction():
        await schema_guard.announce(plain_owner, "9999_own", b"")
        await plain_owner.execute(
            "alter table ledger.event disable trigger append_only"
        )
    for change in (
        "delete from guard.change",
        "update guard.change set migration = ''",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await plain_owner.execute(change)
    (finding,) = (await schema_guard.inspect(plain_owner)).findings
    assert "plain_owner announced 9999_own on " in finding
    assert finding.endswith("but no such migration was applied")


async def test_what_a_migration_changes_after_its_seal_is_found(
    plain_owner: Plain,
) -> None:
    async with plain_owner.transaction():
        await schema_guard.announce(plain_owner, "9999_own", b"")
        await plain_owner.execute("set constraints all immediate")
        await plain_owner.execute("alter table ledger.event add column own text")
    findings = (await schema_guard.inspect(plain_owner)).findings
    assert any("now column ledger.event.own" in finding for finding in findings)


async def test_whoever_takes_a_migrations_name_stops_that_migration(
    plain_owner: Plain,
) -> None:
    await schema_guard.announce(plain_owner, str(CHANGE), CHANGE.sha256)
    with pytest.raises(asyncpg.UniqueViolationError):
        await migrate(plain_owner, [*load(), CHANGE])


@pytest.mark.parametrize(
    "statement", ["delete from guard.change", "truncate guard.change"]
)
async def test_not_even_a_superuser_deletes_the_trace_in_passing(
    undone: Plain, statement: str
) -> None:
    await refuse(undone, statement, "is append-only")


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        (
            "alter table ledger.event disable trigger append_only",
            NOW + "trigger append_only on ledger.event: enabled D",
        ),
        (
            "drop trigger append_only on ledger.command",
            WAS + "trigger append_only on ledger.command: enabled A",
        ),
        (
            "grant delete on ledger.event to iku_app",
            NOW + "relation ledger.event: ",
        ),
        (
            "alter event trigger guard_schema disable",
            (
                "event trigger guard_schema: expected enabled always, "
                "found not enabled always"
            ),
        ),
        (
            "drop event trigger guard_rows",
            "event trigger guard_rows: expected enabled always, found missing",
        ),
        (
            HARMLESS,
            "function guard.hold differs from this program's",
        ),
        (
            "alter function guard.announced() owner to pg_monitor",
            "function guard.announced differs from this program's",
        ),
    ],
)
async def test_what_a_superuser_did_unguarded_is_seen_afterwards(
    unguarded: Plain, change: str, finding: str
) -> None:
    await unguarded.execute(change)
    found = (await schema_guard.inspect(unguarded)).findings
    matching = [line for line in found if line.startswith(finding)]
    assert matching, found
    # A deviation of the schema is quoted in the terms of PostgreSQL.
    begins = ("skema log", "event trigger", "fungsi guard.")
    assert translate(matching[0], Language.INDONESIAN).startswith(begins)
    assert translate(matching[0], Language.INDONESIAN) != matching[0]


async def test_a_guard_taken_apart_is_not_put_right_in_silence(
    owner: Plain, database: Database
) -> None:
    await owner.execute("drop event trigger guard_rows")
    await migrate_database(database)
    assert len((await schema_guard.inspect(owner)).findings) == 1


async def test_running_the_file_again_mends_the_guard_and_hides_nothing(
    owner: Plain,
) -> None:
    await owner.execute("alter table ledger.event disable trigger append_only")
    await owner.execute("drop event trigger guard_rows")
    await owner.execute(schema_guard.SQL)
    now, was = (await schema_guard.inspect(owner)).findings
    assert "enabled D" in now
    assert "enabled A" in was
    await owner.execute("select guard.seal()")
    sealed = await schema_guard.inspect(owner)
    assert (sealed.sealed, sealed.findings) == (2, [])


async def test_a_newer_program_brings_its_guard_along(
    owner: Plain, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer = schema_guard.SQL.replace(
        f" select {schema_guard.VERSION} ", " select 1000 "
    )
    monkeypatch.setattr(schema_guard, "SQL", newer)
    monkeypatch.setattr(schema_guard, "VERSION", 1000)
    assert await schema_guard.install(owner)
    assert await owner.fetchval("select guard.version()") == 1000
    assert (await schema_guard.inspect(owner)).sealed == 1


async def test_where_no_superuser_migrates_the_guard_is_missing(
    plain: Database,
) -> None:
    await migrate_database(plain)
    owner = await connect_as_owner(plain.owner_dsn)
    assert not await schema_guard.install(owner)
    assert await schema_guard.inspect(owner) == Guard()
    await owner.close()


async def test_a_login_that_may_not_announce_is_told_who_may(
    database: Database,
) -> None:
    few = await asyncpg.connect(database.application_dsn)
    with pytest.raises(MigrationError, match="IKU_OWNER_URL"):
        await migrate(few, [*load(), CHANGE])
    await few.close()


def test_the_file_names_every_function_it_brings() -> None:
    sql = Path(schema_guard.__file__).with_name("guard.sql").read_text()
    assert len(schema_guard.FUNCTIONS) == sql.count("create or replace function")


async def test_two_may_put_the_guard_in_place_at_once(
    empty_database: Database,
) -> None:
    async def one() -> None:
        connection = await connect_as_owner(empty_database.owner_dsn)
        try:
            await schema_guard.install(connection)
        finally:
            await connection.close()

    await asyncio.gather(one(), one())
