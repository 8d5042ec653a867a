"""Tests that use one database in turn find it as new."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from iku.ledger import log
from iku.ledger.integrity_check import check_ledger
from iku.postgres import pool as pools
from tests.conftest import Clone
from tests.emptied import Pool
from tests.ledger.conftest import ZONE, Ask

CHANGES = [
    "create table ledger.aside ()",
    "grant select on vault.dek to iku_auditor",
    "drop trigger append_only on ledger.event",
    "alter function vault.reconcile() strict",
    "delete from public.schema_migration",
    "alter default privileges in schema ledger grant select on tables to iku_vault",
]


@pytest.fixture
async def pool(clone: Clone) -> AsyncIterator[Pool]:
    pool = Pool(clone)
    yield pool
    await pool.close()


async def test_the_next_user_finds_an_empty_log(pool: Pool, template: str) -> None:
    ask = Ask()
    sizes = []
    taken = []
    for _ in range(2):
        emptied = await pool.take(template)
        taken.append(emptied)
        dsn = emptied.database.application_dsn
        connection = await emptied.connection(pools.connect, dsn)
        await log.append(connection, [ask("a-1", command="a")], zone=ZONE)
        assert await check_ledger(connection) == []
        sizes.append((await log.head(connection)).size)

    assert sizes == [1, 1]
    assert taken[0] is taken[1]


@pytest.mark.parametrize("change", CHANGES)
async def test_who_changes_more_than_rows_leaves_the_next_a_new_copy(
    pool: Pool, template: str, change: str
) -> None:
    first = await pool.take(template)
    owner = await pools.connect_as_owner(first.database.owner_dsn)
    await owner.execute("set event_triggers = off")
    await owner.execute(change)
    await owner.close()
    second = await pool.take(template)

    assert first.database != second.database


async def test_a_trigger_that_a_test_disabled_fires_for_the_next(
    pool: Pool, template: str
) -> None:
    first = await pool.take(template)
    owner = await pools.connect_as_owner(first.database.owner_dsn)
    await owner.execute("set event_triggers = off")
    await owner.execute("alter table ledger.event disable trigger append_only")
    second = await pool.take(template)
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
        await owner.execute("delete from ledger.event")
    await owner.close()

    assert first is second


async def test_a_connection_is_given_on_without_what_was_set_on_it(
    pool: Pool, template: str
) -> None:
    emptied = await pool.take(template)
    dsn = emptied.database.application_dsn
    first = await emptied.connection(pools.connect, dsn)
    before = await first.fetch("select name, setting from pg_settings order by 1")
    await first.execute("set role none; set search_path = public")
    second = await emptied.connection(pools.connect, dsn)

    assert await second.fetch("select name, setting from pg_settings order by 1") == (
        before
    )
    await first.execute("begin")
    third = await emptied.connection(pools.connect, dsn)

    assert first is second is not third
