"""Connections in the application's role."""

import asyncpg
import pytest

from iku.postgres import pool as pools
from iku.postgres.database import Database
from iku.postgres.pool import Connection, Plain, Pool, prepare_application_login

HOW = """
    select session_user, current_user,
           current_setting('timezone') as timezone,
           current_setting('search_path') as search_path,
           current_setting('statement_timeout') as statement_timeout,
           current_setting('application_name') as application_name
    """
APPLICATION = {
    "session_user": "iku",
    "current_user": "iku_app",
    "timezone": "UTC",
    "search_path": "projection, ledger",
    "statement_timeout": "30s",
    "application_name": "iku",
}


async def settings(connection: Connection) -> dict[str, str]:
    row = await connection.fetchrow(HOW)
    assert row is not None
    return dict(row)


async def test_a_connection_has_the_applications_role_and_settings(
    connection: Plain,
) -> None:
    assert await settings(connection) == APPLICATION


async def test_so_has_each_of_a_pool_and_keeps_them_between_uses(pool: Pool) -> None:
    for _ in range(3):
        async with pool.acquire() as connection:
            assert await settings(connection) == APPLICATION


async def test_the_pool_asks_nothing_of_the_server_when_a_connection_comes_back(
    pool: Pool,
) -> None:
    async with pool.acquire() as connection:
        await connection.execute("set statement_timeout = '7s'")
    async with pool.acquire() as connection:
        assert await connection.fetchval("show statement_timeout") == "7s"


async def test_the_pool_rolls_back_what_was_left_open(pool: Pool) -> None:
    async with pool.acquire() as connection:
        await connection.execute("begin")
    async with pool.acquire() as connection:
        assert not connection.is_in_transaction()


async def test_the_owner_keeps_its_own_rights(owner: Plain) -> None:
    found = await settings(owner)
    assert found["current_user"] == "postgres"
    assert found["statement_timeout"] == "0"


async def test_the_application_may_not_make_tables(connection: Plain) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute("create table public.own (id integer)")


async def test_a_login_is_let_in_once_and_only_once(
    owner: Plain, database: Database
) -> None:
    await owner.execute("create role newcomer login password 'x'")
    dsn = database.application_dsn.split("@", 1)[1]
    newcomer = f"postgresql://newcomer:x@{dsn}"
    try:
        with pytest.raises(asyncpg.PostgresError):
            await pools.connect(newcomer)
        await prepare_application_login(owner, newcomer)
        await prepare_application_login(owner, newcomer)
        connection = await pools.connect(newcomer)
        assert (await settings(connection))["current_user"] == "iku_app"
        await connection.close()
    finally:
        await owner.execute("drop role newcomer")


async def test_a_superuser_needs_no_letting_in(
    owner: Plain, database: Database
) -> None:
    await prepare_application_login(owner, database.owner_dsn)
    assert not await owner.fetchval(
        """
        select exists (
          select from pg_auth_members
           where member = 'postgres'::regrole and roleid = 'iku_app'::regrole
             and set_option and grantor <> 10
        )
        """
    )


@pytest.mark.parametrize(
    ("dsn", "user"),
    [
        ("postgresql://ani@db/iku", "ani"),
        ("postgresql://ani%40kantor:pw@db:5432/iku", "ani@kantor"),
        ("postgresql:///iku?user=budi&host=/run", "budi"),
        ("postgresql:///iku", ""),
    ],
)
def test_a_login_is_read_from_wherever_the_address_has_it(dsn: str, user: str) -> None:
    assert pools.login_name(dsn) == user
