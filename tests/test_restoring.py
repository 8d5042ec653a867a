"""A register that tests share is as new for each of them."""

from collections.abc import AsyncIterator
from datetime import date

import asyncpg
import pytest

from iku.access import sessions
from iku.app import App
from iku.commands import accounts
from iku.commands.command import Command
from iku.domain.account import Invite, Role
from iku.domain.fact import Annulled, Person
from iku.ledger import log
from iku.postgres import pool as pools
from iku.postgres.database import Database
from iku.postgres.pool import Plain
from tests.conftest import SETTINGS, Clone
from tests.restoring import SEQUENCES, TABLES, Restored, restored

ALARM = "insert into ledger.alarm (raised, sentence) values (true, 'Uji')"
FORGOTTEN = "delete from projection.number where category = 'organisation'"
REWRITTEN = """
    with gone as (delete from vault.segment returning *)
    insert into vault.segment
    select stream, version, field, dek, sealed || '\\x00', file from gone
    """


@pytest.fixture
def origin(entered: str) -> str:
    """The template, with the fictional register."""
    return entered


@pytest.fixture
async def shared(clone: Clone, entered: str) -> AsyncIterator[Restored]:
    async with restored(await clone(entered)) as shared:
        yield shared


async def contents(connection: Plain) -> dict[str, object]:
    """The rows of each table, and the state of each sequence."""
    found: dict[str, object] = {}
    for name, _, columns in await connection.fetch(TABLES):
        rows = await connection.fetch(f"select {columns} from {name}")
        found[name] = sorted(str(tuple(row)) for row in rows)
    found["sequences"] = sorted(r[0] for r in await connection.fetch(SEQUENCES))
    return found


async def use(app: App) -> None:
    """Invite somebody, let him sign in, and annul an event of the register."""
    inviting = Invite(holder=Person("Ani", ""), basis="SK/1", role=Role.ADMIN)
    annulling = Command(
        "organisation",
        "O01",
        Annulled(annuls=2, reason="Uji"),
        "siti",
        known_on=date(2022, 3, 1),
    )
    async with app.pool.acquire() as connection:
        await app.commands.handle(connection, annulling)
        made = await accounts.invite(
            app.commands, connection, inviting, app.agency.division_ownership
        )
        await sessions.open_session(connection, made.subject, method="password+totp")


async def test_a_restored_register_has_the_contents_of_its_template(
    shared: Restored, database: Database
) -> None:
    fresh = await pools.connect_as_owner(database.owner_dsn)
    expected = await contents(fresh)
    await fresh.close()
    for _ in range(2):
        async with shared.opened(SETTINGS) as app:
            assert await contents(shared.owner) == expected
            await use(app)
        for change in (ALARM, FORGOTTEN, REWRITTEN):
            await shared.owner.execute(change)
        used = await contents(shared.owner)
        changed = {name for name in used if used[name] != expected[name]}
        assert {
            "access.session",
            "ledger.alarm",
            "ledger.event",
            "projection.number",
            "sequences",
            "vault.segment",
        } <= changed
        await shared.restore()
        assert await contents(shared.owner) == expected


async def test_the_second_application_has_the_connections_of_the_first(
    shared: Restored,
) -> None:
    async def backends() -> set[int]:
        sql = "select pid from pg_stat_activity where datname = current_database()"
        return {row["pid"] for row in await shared.owner.fetch(sql)}

    async with shared.opened(SETTINGS) as app:
        await use(app)
    before = await backends()
    async with shared.opened(SETTINGS) as app:
        await use(app)
    assert await backends() == before


async def test_a_restored_log_refuses_changes(shared: Restored) -> None:
    async with shared.opened(SETTINGS) as app:
        size = (await log.head(app.pool)).size
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
            await shared.owner.execute("delete from ledger.event")
        assert (await log.head(app.pool)).size == size


async def test_a_connection_that_was_not_released_is_closed(shared: Restored) -> None:
    async with shared.opened(SETTINGS) as app:
        forgotten = await app.pool.acquire()
        await forgotten.execute("begin")
    async with shared.opened(SETTINGS) as app:
        await use(app)
    with pytest.raises(asyncpg.InterfaceError):
        await forgotten.fetchval("select 1")
