"""A follower sees each event once and in order, whatever happens to it or the log."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing

import asyncpg
import pytest

from iku.ledger import log
from iku.ledger.log import Request, Verdict
from iku.ledger.subscription import subscribe
from iku.postgres import pool as pools
from iku.postgres.database import Database
from iku.postgres.pool import Plain

Ask = Callable[..., Request]
Append = Callable[..., Awaitable[list[Verdict]]]

ZONE = "Asia/Jakarta"
RARELY = 60.0  # seconds; a test that waits for this poll fails by its own timeout


class Follower:
    """A subscription running in a task of its own, and what it has seen."""

    def __init__(self, database: Database, *, after: int = 0, poll_s: float) -> None:
        self.seen: list[int] = []
        self.stop = asyncio.Event()
        self.connections: list[Plain] = []
        self._database = database
        self.task = asyncio.create_task(self._follow(after, poll_s))

    async def connect(self) -> Plain:
        connection = await pools.connect(self._database.application_dsn)
        self.connections.append(connection)
        return connection

    async def _follow(self, after: int, poll_s: float) -> None:
        async for recorded in subscribe(
            self.connect, after=after, poll_s=poll_s, stop=self.stop
        ):
            self.seen.append(recorded.position)

    async def until(self, size: int) -> None:
        async with asyncio.timeout(10):
            while not self.seen or self.seen[-1] < size:  # noqa: ASYNC110 - it polls
                await asyncio.sleep(0.005)

    async def end(self) -> list[int]:
        self.stop.set()
        async with asyncio.timeout(5):
            await self.task
        assert all(connection.is_closed() for connection in self.connections)
        return self.seen


async def test_polling_alone_finds_every_event(
    ask: Ask, append: Append, database: Database
) -> None:
    await append(ask("a-1", events=3))
    follower = Follower(database, after=1, poll_s=0.01)
    await follower.until(3)
    await append(ask("b-1"))
    await follower.until(4)
    assert await follower.end() == [2, 3, 4]


async def test_a_notification_wakes_a_follower_that_rarely_polls(
    ask: Ask, append: Append, database: Database, connection: Plain
) -> None:
    await append(ask("a-1"))
    follower = Follower(database, poll_s=RARELY)
    await follower.until(1)
    await append(ask("b-1"))
    await connection.execute("select pg_notify($1, '2')", log.CHANNEL)
    await follower.until(2)
    assert await follower.end() == [1, 2]


async def test_a_lost_connection_costs_no_event_and_doubles_none(
    ask: Ask, append: Append, database: Database, owner: Plain
) -> None:
    await append(ask("a-1", events=2))
    follower = Follower(database, poll_s=0.01)
    for stream in ("b-1", "c-1"):
        await follower.until((await log.head(owner)).size)
        pid = follower.connections[-1].get_server_pid()
        await owner.execute("select pg_terminate_backend($1)", pid)
        await append(ask(stream, events=2))
    await follower.until(6)
    assert await follower.end() == [1, 2, 3, 4, 5, 6]
    assert len(follower.connections) == 3


async def test_a_database_that_is_not_there_yet_is_waited_for(
    ask: Ask, append: Append, database: Database
) -> None:
    await append(ask("a-1"))
    attempts = 0

    async def connect() -> Plain:
        nonlocal attempts
        attempts += 1
        if attempts < 3:
            raise FileNotFoundError
        return await pools.connect(database.application_dsn)

    async with aclosing(subscribe(connect, after=0, poll_s=0.01)) as events:
        assert (await anext(events)).position == 1
    assert attempts == 3


async def test_a_mistake_is_not_taken_for_a_lost_connection(
    empty_database: Database,
) -> None:
    async def connect() -> Plain:
        return await pools.connect_as_owner(empty_database.owner_dsn)

    async with aclosing(subscribe(connect, after=0, poll_s=0.01)) as events:
        with pytest.raises(asyncpg.UndefinedTableError):
            await anext(events)


async def test_stopping_ends_it_between_two_events(
    ask: Ask, append: Append, database: Database
) -> None:
    await append(ask("a-1", events=5))
    stop = asyncio.Event()
    seen = []
    async for recorded in subscribe(
        lambda: pools.connect(database.application_dsn), after=0, stop=stop
    ):
        seen.append(recorded.position)
        if recorded.position == 2:
            stop.set()
    assert seen == [1, 2]


async def test_an_append_that_takes_long_to_commit_is_not_skipped(
    ask: Ask, database: Database
) -> None:
    """What made Marten's daemon skip events (its issues 716 and 4953).

    A transaction that holds positions already, and commits late, while others go on.
    """
    slow, quick, watching = [
        await pools.connect(database.application_dsn) for _ in range(3)
    ]
    follower = Follower(database, poll_s=0.002)
    transaction = slow.transaction()
    await transaction.start()
    await log.append(slow, [ask("slow-1", events=2)], zone=ZONE)
    others = asyncio.create_task(log.append(quick, [ask("quick-1")], zone=ZONE))
    await asyncio.sleep(0.3)

    assert (await log.head(watching)).size == 0
    assert not others.done()
    assert follower.seen == []

    await transaction.commit()
    await others
    await follower.until(3)
    assert await follower.end() == [1, 2, 3]
    (last,) = await log.read_stream(watching, "quick-1")
    assert last.position == 3
    for connection in (slow, quick, watching):
        await connection.close()
