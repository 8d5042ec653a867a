"""Responses while the database is unavailable, and automatic recovery."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from time import monotonic
from typing import Any

import asyncpg
import pytest

from iku import connection
from iku.app import App, migrate_and_open
from iku.ledger.appender import OutOfSpace, Unavailable
from iku.postgres import embedded
from iku.postgres.pool import Plain
from iku.settings import Settings
from tests.conftest import FAST
from tests.web.conftest import CASE, RESOLVED, VERIFIED, Client, client_of, problem

READS = (
    "/conflicts",
    "/conflicts/K14",
    "/conflicts/K14/events",
    "/organisations",
    "/indicators",
    "/indicators/IKU-1",
    "/indicators/IKU-1/figure",
    "/indicators/IKU-1/series?from=2026-01-01",
    "/figures",
    "/log/events",
    "/health/ready",
)


class Server:
    """A server for this test alone, which can be stopped and restarted."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.held: Any = None

    def start(self) -> embedded.Lease:
        self.held = embedded.lease(self.home, FAST)
        lease: embedded.Lease = self.held.__enter__()
        return lease

    def stop(self) -> None:
        self.held.__exit__(None, None, None)
        self.held = None


@pytest.fixture
async def own_server(own_home: Path) -> AsyncIterator[Server]:
    server = Server(own_home)
    yield server
    if server.held is not None:
        await asyncio.to_thread(server.stop)


async def test_a_database_that_stops_is_told_and_its_return_is_noticed(
    own_server: Server,
) -> None:
    lease = await asyncio.to_thread(own_server.start)
    settings = Settings.from_environment(
        {
            "IKU_DATABASE_URL": lease.application_dsn,
            "IKU_OWNER_URL": lease.owner_dsn,
        }
    )
    async with migrate_and_open(settings) as app, client_of(app) as client:
        await client.records("/conflicts", CASE)
        await asyncio.to_thread(own_server.stop)
        await _is_away(client)
        await asyncio.to_thread(own_server.start)
        await client.records("/conflicts/K14/events", VERIFIED)
        for path in READS:
            assert (await client.get(path)).status_code == 200, path
        assert "iku_log_size 6.0" in (await client.get("/metrics")).text


async def _is_away(client: Client) -> None:
    for path in READS:
        answer = await client.get(path)
        problem(answer, 503)
        assert int(answer.headers["Retry-After"]) > 0
    event = await client.post("/conflicts/K14/events", json=VERIFIED)
    problem(event, 503)
    assert (await client.get("/health/live")).status_code == 200
    assert "iku_log_size NaN" in (await client.get("/metrics")).text


async def test_a_connection_that_is_cut_is_replaced(
    client: Client, owner: Plain
) -> None:
    await client.records("/conflicts", CASE)
    for path in READS:
        await owner.execute(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()"
        )
        await asyncio.sleep(0.05)
        assert (await client.get(path)).status_code == 200, path
    await client.records("/conflicts/K14/events", VERIFIED)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (asyncpg.InternalClientError("cannot switch to state 12"), Unavailable),
        (asyncpg.QueryCanceledError("statement timeout"), Unavailable),
        (asyncpg.DiskFullError("could not write to file"), OutOfSpace),
        (asyncpg.UndefinedTableError("no such table"), asyncpg.UndefinedTableError),
    ],
)
async def test_a_driver_lost_a_full_disk_and_a_fault_of_ours_are_told_apart(
    app: App, error: Exception, told: type[Exception]
) -> None:
    with pytest.raises(told) as caught:
        async with connection.acquire_connection(app):
            raise error
    assert type(caught.value) is told


async def test_a_connection_that_is_cut_while_in_use_is_a_database_away(
    app: App,
) -> None:
    async def cut_and_ask() -> None:
        async with connection.acquire_connection(app) as one:
            one.terminate()
            await asyncio.sleep(0)  # the pool releases it
            await one.fetch("select 1")

    with pytest.raises(Unavailable):
        await cut_and_ask()


async def test_too_many_are_answered_in_bounded_time(
    client: Client, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "ACQUIRE_S", 0.2)
    held = [await app.pool.acquire() for _ in range(app.settings.pool_size)]
    began = monotonic()
    answers = await asyncio.gather(*(client.get("/figures") for _ in range(40)))
    assert monotonic() - began < 6  # in sequence they would wait for 8 s
    for answer in answers:
        problem(answer, 503)
        assert answer.headers["Retry-After"]
    assert (await client.get("/health/live")).status_code == 200
    for one in held:
        await app.pool.release(one)
    assert (await client.get("/figures")).status_code == 200


async def test_a_statement_past_its_time_is_no_fault_of_ours(
    client: Client, app: App, owner: Plain
) -> None:
    await client.records("/conflicts", CASE)
    async with app.pool.acquire() as one:
        await one.execute("set statement_timeout = '100ms'")
    async with owner.transaction():
        await owner.execute("lock table ledger.event in access exclusive mode")
        problem(await client.get("/conflicts/K14"), 503)
    assert (await client.get("/conflicts/K14")).status_code == 200


async def test_a_log_held_by_another_is_told(client: Client, owner: Plain) -> None:
    await client.records("/conflicts", CASE)
    closing = client.post("/conflicts/K14/events", json=RESOLVED)
    async with owner.transaction():
        await owner.execute("select from ledger.head for update")
        waiting = asyncio.create_task(closing)
        await asyncio.sleep(0.3)
        assert not waiting.done()
        assert (await client.get("/conflicts/K14")).status_code == 200
    assert (await waiting).status_code == 201
