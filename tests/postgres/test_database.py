"""The database in use, and the privileges of its roles."""

import asyncio
import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import asyncpg
import pytest

import iku
from iku.postgres import pool as pools
from iku.postgres import programs
from iku.postgres.database import Database, migrate_database, open_database
from iku.postgres.embedded import lease
from iku.postgres.migrations import load
from iku.postgres.pool import Plain
from iku.settings import Settings
from tests.conftest import FAST, name_of

LOGINS = Path(iku.__file__).parents[2] / "docker" / "logins.sql"


async def test_an_address_that_is_given_is_used_as_it_is() -> None:
    settings = Settings(
        database_url="postgresql://a@db/x", owner_url="postgres://b@db/x"
    )
    async with open_database(settings) as database:
        assert database == Database("postgres://b@db/x", "postgresql://a@db/x")


async def test_the_owner_is_the_application_where_only_one_login_is_given() -> None:
    async with open_database(Settings(database_url="postgresql://a@db/x")) as database:
        assert database.owner_dsn == database.application_dsn


async def test_without_an_address_a_server_runs_for_as_long(own_home: Path) -> None:
    async with open_database(Settings(home=own_home)) as database:
        applied = await migrate_database(database)
        assert applied == load()
        connection = await pools.connect(database.application_dsn)
        assert await connection.fetchval("select current_user") == "iku_app"
        await connection.close()
    with pytest.raises(OSError, match=r".*"):
        await pools.connect(database.application_dsn)


async def answered(database: Database, query: str) -> object:
    """The result of the query, as soon as a server answers it."""
    async with asyncio.timeout(30):
        while True:
            with suppress(OSError, asyncpg.PostgresError):
                connection = await pools.connect_as_owner(database.owner_dsn)
                try:
                    return await connection.fetchval(query)
                finally:
                    await connection.close()
            await asyncio.sleep(0.02)


def kill_server(home: Path) -> None:
    file = home / "postgres" / "data" / "postmaster.pid"
    os.kill(int(file.read_text().split()[0]), signal.SIGKILL)


async def test_the_embedded_server_is_started_again_when_it_is_killed(
    own_home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = Settings(home=own_home)
    # Two programs find the server dead at the same time, and do not interfere.
    async with open_database(settings) as database, open_database(settings):
        await answered(database, "create table kept as select 42 as answer")
        for _ in range(2):
            caplog.clear()
            kill_server(own_home)
            assert await answered(database, "select answer from kept") == 42
            assert await answered(database, "show fsync") == "on"
    assert "was killed; it is started again" in caplog.text
    assert not (own_home / "postgres" / "data" / "postmaster.pid").exists()


async def test_starting_it_again_is_tried_until_it_succeeds(
    own_home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tablespaces = own_home / "postgres" / "data" / "global"
    async with open_database(Settings(home=own_home)) as database:
        tablespaces.rename(own_home / "elsewhere")
        kill_server(own_home)
        async with asyncio.timeout(30):
            while "did not start" not in caplog.text:  # noqa: ASYNC110 - only the log says
                await asyncio.sleep(0.02)
        (own_home / "elsewhere").rename(tablespaces)
        assert await answered(database, "select 42") == 42


async def test_the_embedded_server_stops_when_the_program_fails(own_home: Path) -> None:
    with pytest.raises(RuntimeError, match="of the program"):
        async with open_database(Settings(home=own_home)):
            raise RuntimeError("of the program")
    assert not (own_home / "postgres" / "data" / "postmaster.pid").exists()


async def test_migrating_twice_changes_nothing(database: Database) -> None:
    assert await migrate_database(database) == []


async def test_an_owner_that_is_no_superuser_can_migrate(
    empty_database: Database, administrator: Plain
) -> None:
    name = name_of(empty_database)
    await administrator.execute("create role plain_owner login password 'x'")
    try:
        await administrator.execute(f"alter database {name} owner to plain_owner")
        address = empty_database.owner_dsn.split("@", 1)[1]
        plain = Database(
            owner_dsn=f"postgresql://plain_owner:x@{address}",
            application_dsn=empty_database.application_dsn,
        )
        with pytest.raises(asyncpg.RaiseError, match="iku_vault is missing or closed"):
            await migrate_database(plain)
        await administrator.execute("grant iku_vault, iku_access to plain_owner")
        migrated = await migrate_database(plain)
        assert (
            migrated == load()[-len(migrated) :]
        )  # from the migration at which it had stopped
        connection = await pools.connect(plain.application_dsn)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("create table public.own (id integer)")
        await connection.close()
    finally:
        await administrator.execute(f"alter database {name} owner to postgres")
        owner = await pools.connect_as_owner(empty_database.owner_dsn)
        await owner.execute("reassign owned by plain_owner to postgres")
        await owner.execute("drop owned by plain_owner")
        await owner.close()
        await administrator.execute("drop role plain_owner")


def test_no_address_is_shown() -> None:
    assert repr(Database("postgresql://a:geheim@", "x")) == "Database()"


def make_logins(superuser: str) -> None:
    """The initialisation of the database's container with an empty volume."""
    psql = [str(programs.wheel_programs() / "psql"), "-X", "-q", superuser]
    old = "drop database iku", "drop role iku", "drop role iku_sign"
    anew = [*(part for one in old for part in ("-c", one)), "-f", str(LOGINS)]
    subprocess.run([*psql, *anew], check=True)


async def test_the_logins_that_compose_makes_are_enough(
    own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IKU_OWNER_PASSWORD", "it's the owner")
    monkeypatch.setenv("IKU_APPLICATION_PASSWORD", 'the "application"')
    monkeypatch.setenv("IKU_SIGNER_PASSWORD", "the signer's")
    with lease(own_home, FAST) as held:
        superuser = held.owner_dsn.replace("@/iku?", "@/postgres?")
        make_logins(superuser)
        address = held.owner_dsn.split("@")[1]
        composed = Database(
            f"postgresql://iku_owner@/{address[1:]}",
            f"postgresql://iku@/{address[1:]}",
            f"postgresql://iku_sign@/{address[1:]}",
        )
        monkeypatch.setenv("PGPASSWORD", "it's the owner")
        assert await migrate_database(composed) == load()
        monkeypatch.setenv("PGPASSWORD", 'the "application"')
        connection = await pools.connect(composed.application_dsn)
        assert await connection.fetchval("select current_user") == "iku_app"
        await connection.close()
        monkeypatch.setenv("PGPASSWORD", "the signer's")
        assert composed.signer_dsn is not None
        connection = await pools.connect_as_signer(composed.signer_dsn)
        assert await connection.fetchval("select current_user") == "iku_signer"
        await connection.close()
