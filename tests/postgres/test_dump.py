"""Addresses of databases, and programs that fail."""

import asyncio

import pytest

from iku.postgres import dump
from iku.postgres.database import Database
from iku.postgres.pool import Plain
from iku.postgres.programs import PostgresError

SOCKET = "postgresql://iku:a%40b@/iku?host=%2Frun%2Fpg&port=5432"


@pytest.mark.parametrize(
    ("dsn", "database", "login"),
    [
        (SOCKET, "iku", "iku"),
        ("postgresql://db/x%20y?user=ani", "x y", "ani"),
        ("postgresql://ani@db:5433", "ani", "ani"),
        ("postgres://ani:s@db/a?dbname=b", "b", "ani"),
    ],
)
def test_an_address_names_a_database_and_a_login(
    dsn: str, database: str, login: str
) -> None:
    assert dump.database_name(dsn) == database
    assert dump.login_name(dsn) == login
    other = dump.uri_of_database(dsn, "a b/c")
    assert (dump.database_name(other), dump.login_name(other)) == ("a b/c", login)


def test_a_password_stands_in_no_argument() -> None:
    shown, secret = dump._split_password(SOCKET)
    assert shown == "postgresql://iku@/iku?host=%2Frun%2Fpg&port=5432"
    assert secret == {"PGPASSWORD": "a@b"}
    shown, secret = dump._split_password("postgresql://db/iku?user=a&password=s%26t")
    assert shown == "postgresql://db/iku?user=a"
    assert secret == {"PGPASSWORD": "s&t"}
    assert dump._split_password("postgresql:///iku") == ("postgresql:///iku", {})


async def test_a_program_that_fails_says_why(database: Database) -> None:
    with pytest.raises(
        PostgresError, match=r"pg_dump failed with exit code 1: .*snapshot"
    ):
        await asyncio.to_thread(
            dump.dump, database.owner_dsn, "no-snapshot", lambda _: None
        )
    with pytest.raises(
        PostgresError, match=r"pg_restore failed with exit code 1: .*archive"
    ):
        await asyncio.to_thread(
            dump.load, database.owner_dsn, (bytes(1 << 16) for _ in range(64))
        )


async def test_a_program_is_killed_where_its_work_is_given_up(
    database: Database, guarded: Plain
) -> None:
    def take(_: bytes) -> None:
        raise OSError("no room")

    async with guarded.transaction(isolation="repeatable_read"):
        snapshot = await guarded.fetchval("select pg_export_snapshot()")
        with pytest.raises(OSError, match="no room"):
            await asyncio.to_thread(dump.dump, database.owner_dsn, snapshot, take)
