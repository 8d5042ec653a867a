"""Records are immutable: by privileges for the application, by triggers for all."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import asyncpg
import pytest

from iku.ledger import log
from iku.ledger.integrity_check import check_ledger
from iku.ledger.log import AppendRequest, Receipt, Verdict
from iku.postgres import pool as pools
from iku.postgres.database import Database
from iku.postgres.pool import Plain
from tests.conftest import Clone
from tests.ledger import conftest
from tests.ledger.conftest import rolled_back

Ask = Callable[..., AppendRequest]
Append = Callable[..., Awaitable[list[Verdict]]]

MIGRATION = Path(__file__).parents[2] / "migrations" / "0001_ledger.sql"

CHANGES = [
    "update ledger.event set type = 'Other'",
    "update ledger.event set type = 'Other' where false",
    "delete from ledger.event",
    "truncate ledger.event",
    "truncate ledger.event, ledger.command cascade",
    "update ledger.command set body = ''",
    "delete from ledger.command where false",
    "truncate ledger.command",
]
OTHER_MEANS = [
    "insert into ledger.event select * from ledger.event",
    "insert into ledger.command select * from ledger.command",
    "insert into ledger.stream values ('b-1', 1, 'today')",
    "update ledger.stream set version = 0",
    "delete from ledger.stream",
    "update ledger.head set size = 0",
    "select size from ledger.head for update",
    "alter table ledger.event disable trigger all",
    "alter table ledger.event add column remark text",
    "drop trigger append_only on ledger.event",
    "drop table ledger.event",
    "drop schema ledger cascade",
    "create rule quiet as on insert to ledger.event do instead nothing",
    """
    create trigger other before insert on ledger.event
      for each row execute function ledger.refuse_change()
    """,
    """
    create or replace function ledger.refuse_change() returns trigger
    language sql as 'select null'
    """,
    "create table ledger.other ()",
    "set session_replication_role = replica",
]


@pytest.fixture(scope="session")
async def recorded(clone: Clone, template: str) -> Database:
    """A database with one event, for statements that must all be refused."""
    database = await clone(template)
    connection = await pools.connect(database.application_dsn)
    (verdict,) = await log.append(
        connection, [conftest.Ask()("a-1")], zone=conftest.ZONE
    )
    assert isinstance(verdict, Receipt)
    await connection.close()
    return database


@pytest.fixture(scope="session")
async def application(recorded: Database) -> AsyncIterator[Plain]:
    """The application's connection to that database."""
    connection = await pools.connect(recorded.application_dsn)
    yield connection
    await connection.close()


@pytest.fixture(scope="session")
async def superuser(recorded: Database) -> AsyncIterator[Plain]:
    """A superuser's connection to that database, with event triggers disabled."""
    connection = await pools.connect_as_owner(recorded.owner_dsn)
    await connection.execute("set event_triggers = off")
    yield connection
    await connection.close()


@pytest.mark.parametrize("change", CHANGES + OTHER_MEANS)
async def test_the_application_may_only_read_and_append(
    application: Plain, change: str
) -> None:
    assert (await log.head(application)).size == 1
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await application.execute(change)
    assert await check_ledger(application) == []


async def test_the_application_cannot_give_itself_more(connection: Plain) -> None:
    async with rolled_back(connection):
        await connection.execute("grant all on ledger.event to iku_app")  # only warns
        held = await connection.fetch(
            """
            select privilege_type
              from information_schema.role_table_grants
             where table_schema = 'ledger'
               and grantee = 'iku_app'
            """
        )
    assert {row["privilege_type"] for row in held} == {"SELECT"}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("role", ["origin", "replica"])
async def test_the_owner_is_refused_by_triggers_that_always_fire(
    superuser: Plain, change: str, role: str
) -> None:
    assert (await log.head(superuser)).size == 1
    await superuser.execute(f"set session_replication_role = {role}")
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="is append-only"):
        await superuser.execute(change)
    assert await check_ledger(superuser) == []


async def test_appending_is_for_the_application_only(owner: Plain) -> None:
    granted = await owner.fetch(
        """
        select p.proname as name,
               has_function_privilege('iku_app', p.oid, 'execute') as application,
               has_function_privilege('pg_monitor', p.oid, 'execute') as anybody
          from pg_proc p
         where p.pronamespace = 'ledger'::regnamespace
         order by p.proname
        """
    )
    assert [tuple(row) for row in granted] == [
        ("append", True, False),
        ("broken_claims", False, False),
        ("broken_conditions", False, False),
        ("move_streams", False, False),
        ("places", False, False),
        ("receipts", False, False),
        ("refuse_change", False, False),
        ("settled", False, False),
        ("write", False, False),
        ("write_events", False, False),
    ]


async def test_a_missing_role_is_named_where_it_cannot_be_created(
    owner: Plain,
) -> None:
    transaction = owner.transaction()
    await transaction.start()
    await owner.execute(
        """
        drop schema if exists projection cascade;
        drop schema ledger cascade;
        alter role iku_app rename to iku_app_elsewhere;
        create role powerless;
        set local role powerless;
        """
    )
    with pytest.raises(asyncpg.PostgresError) as refused:
        await owner.execute(MIGRATION.read_text("utf-8"))
    await transaction.rollback()

    error = refused.value
    assert "the role iku_app is missing, and powerless may not create it" in str(error)
    hint = "As a superuser: create role iku_app nologin; then migrate again."
    assert error.hint == hint
