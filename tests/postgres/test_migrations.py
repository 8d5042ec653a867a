"""Migrations are applied once, in order, and atomically."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import asyncpg
import pytest

from iku.postgres import migrations
from iku.postgres.database import Database
from iku.postgres.migrations import (
    Migration,
    MigrationError,
    load,
    migrate,
    pending_migrations,
)
from iku.postgres.pool import Plain, connect_as_owner

FIRST = Migration(1, "first", "create table first (id integer)")
SECOND = Migration(2, "second", "create table second (id integer)")


@pytest.fixture
async def empty(empty_database: Database) -> AsyncIterator[Plain]:
    connection = await connect_as_owner(empty_database.owner_dsn)
    yield connection
    await connection.close()


def write(folder: Path, **files: str) -> Path:
    for name, sql in files.items():
        (folder / f"{name}.sql").write_text(sql)
    return folder


async def tables(connection: Plain) -> set[str]:
    rows = await connection.fetch(
        "select tablename from pg_tables where schemaname = 'public'"
    )
    return {row["tablename"] for row in rows}


async def test_what_is_missing_is_applied_and_given_back(empty: Plain) -> None:
    assert await migrate(empty, [FIRST]) == [FIRST]
    assert await migrate(empty, [FIRST, SECOND]) == [SECOND]
    assert await migrate(empty, [FIRST, SECOND]) == []
    assert await tables(empty) == {"schema_migration", "first", "second"}


async def test_what_was_applied_is_written_down(empty: Plain) -> None:
    await migrate(empty, [FIRST])
    row = await empty.fetchrow(
        """
        select version, name, sha256, applied_at > now() - interval '1 hour' as recent
          from public.schema_migration
        """
    )
    assert row is not None
    assert tuple(row) == (1, "first", hashlib.sha256(FIRST.sql.encode()).digest(), True)


async def test_pending_looks_without_touching(empty: Plain) -> None:
    assert await pending_migrations(empty, [FIRST, SECOND]) == [FIRST, SECOND]
    assert await tables(empty) == set()
    await migrate(empty, [FIRST])
    assert await pending_migrations(empty, [FIRST, SECOND]) == [SECOND]


async def test_a_file_that_fails_leaves_nothing_of_itself(empty: Plain) -> None:
    broken = Migration(2, "broken", "create table half (id integer); select 1/0")
    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate(empty, [FIRST, broken])
    assert await tables(empty) == {"schema_migration", "first"}
    assert await migrate(empty, [FIRST, SECOND]) == [SECOND]


async def test_an_edited_file_is_refused_before_anything_is_touched(
    empty: Plain,
) -> None:
    await migrate(empty, [FIRST])
    edited = Migration(1, "first", FIRST.sql + " -- edited")
    with pytest.raises(
        MigrationError, match="0001_first was edited after it was applied"
    ):
        await migrate(empty, [edited, SECOND])
    assert "second" not in await tables(empty)


async def test_a_newer_database_is_refused(empty: Plain) -> None:
    await migrate(empty, [FIRST, SECOND])
    with pytest.raises(
        MigrationError, match="is 0002, but this program knows only migrations"
    ):
        await migrate(empty, [FIRST])


async def test_an_old_server_is_refused_in_one_sentence() -> None:
    class Old:
        def get_server_version(self) -> SimpleNamespace:
            return SimpleNamespace(major=15)

    with pytest.raises(MigrationError, match="PostgreSQL 15, but version 18 or newer"):
        await migrate(cast("Plain", Old()), [FIRST])


async def test_a_database_from_before_the_baseline_is_refused(empty: Plain) -> None:
    old = [Migration(1, "ledger", "select 1"), Migration(2, "projections", "select 2")]
    await migrate(empty, old)
    with pytest.raises(MigrationError, match="0002_projections of a version that was"):
        await migrate(empty)
    assert await empty.fetchval("select to_regnamespace('ledger')") is None


async def test_of_several_at_once_one_does_the_work(empty_database: Database) -> None:
    async def one() -> list[Migration]:
        connection = await connect_as_owner(empty_database.owner_dsn)
        try:
            return await migrate(connection, [FIRST, SECOND])
        finally:
            await connection.close()

    done = await asyncio.gather(*(one() for _ in range(6)))
    assert sorted(map(len, done)) == [0, 0, 0, 0, 0, 2]


async def test_whoever_waits_too_long_says_so(
    empty: Plain, empty_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "PATIENCE_S", 0)
    other = await connect_as_owner(empty_database.owner_dsn)
    await other.execute("select pg_advisory_lock($1)", migrations.LOCK)
    try:
        with pytest.raises(
            MigrationError, match="another process has held the migration lock"
        ):
            await migrate(empty, [FIRST])
    finally:
        await other.close()
    assert await migrate(empty, [FIRST]) == [FIRST]


async def test_a_reader_in_the_way_is_not_waited_for_long(
    empty: Plain, empty_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "LOCK_TIMEOUT_MS", 100)
    await migrate(empty, [FIRST])
    other = await connect_as_owner(empty_database.owner_dsn)
    change = Migration(2, "change", "alter table first add note text")
    try:
        async with other.transaction():
            await other.execute("select from first")
            with pytest.raises(asyncpg.LockNotAvailableError):
                await migrate(empty, [FIRST, change])
    finally:
        await other.close()
    assert await migrate(empty, [FIRST, change]) == [change]


def test_files_are_read_in_order(tmp_path: Path) -> None:
    write(tmp_path, **{"0002_second": "select 2", "0001_first": "select 1"})
    (tmp_path / "README.md").write_text("not a migration")
    assert list(map(str, load(tmp_path))) == ["0001_first", "0002_second"]


def test_line_endings_do_not_change_a_file(tmp_path: Path) -> None:
    (tmp_path / "0001_first.sql").write_bytes(b"select\r\n1\r\n")
    [windows] = load(tmp_path)
    (tmp_path / "0001_first.sql").write_bytes(b"select\n1\n")
    assert load(tmp_path) == [windows]


@pytest.mark.parametrize("second", ["0003_gap", "0001_twin"])
def test_gaps_and_twins_are_refused(tmp_path: Path, second: str) -> None:
    write(tmp_path, **{"0001_first": "select 1", second: "select 2"})
    with pytest.raises(MigrationError, match=f"gaps or duplicates, not .*{second}"):
        load(tmp_path)


def test_a_file_with_another_name_is_refused(tmp_path: Path) -> None:
    write(tmp_path, first="select 1")
    with pytest.raises(MigrationError, match=r'"first.sql" must be named in the form'):
        load(tmp_path)


def test_an_empty_folder_holds_no_migrations(tmp_path: Path) -> None:
    assert load(tmp_path) == []


async def test_our_own_migrations_apply_to_an_empty_database(empty: Plain) -> None:
    own = load()
    assert own
    assert await migrate(empty) == own
    assert await pending_migrations(empty) == []


async def test_a_login_with_few_rights_starts_on_a_schema_that_is_up_to_date(
    database: Database,
) -> None:
    few = await asyncpg.connect(database.application_dsn)
    try:
        assert await migrate(few) == []
    finally:
        await few.close()


async def test_a_login_with_few_rights_is_told_who_may_migrate(
    empty_database: Database,
) -> None:
    few = await asyncpg.connect(empty_database.application_dsn)
    try:
        with pytest.raises(MigrationError, match="IKU_OWNER_URL"):
            await migrate(few)
    finally:
        await few.close()
