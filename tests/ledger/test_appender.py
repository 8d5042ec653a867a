"""Group commit: concurrent requests share a transaction and fail separately."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import asyncpg
import msgspec
import pytest
from msgspec import structs

from iku.ledger import appender as appending
from iku.ledger import log
from iku.ledger.appender import (
    AcceptedRequest,
    Appender,
    OutOfSpace,
    Overloaded,
    Unavailable,
)
from iku.ledger.integrity_check import check_ledger
from iku.ledger.log import (
    AppendCondition,
    AppendRequest,
    ConditionFailed,
    EncodedRequest,
    KeyReused,
    Receipt,
    StreamPart,
    UnnumberedRequest,
    VersionConflict,
)
from iku.ledger.record import NewEvent, TooLarge
from iku.postgres import pool as pools
from iku.postgres.database import Database
from iku.postgres.pool import Plain

Ask = Callable[..., AppendRequest]

ZONE = "Asia/Jakarta"


class ConnectionFactory:
    """Opens connections for appenders, and can lose them or refuse to open more."""

    def __init__(self, database: Database) -> None:
        self.dsn = database.application_dsn
        self.opened: list[Plain] = []
        self.away = False
        self.settings: dict[str, str] = {}
        self.connection_class: type[Plain] = asyncpg.Connection

    async def connect(self) -> Plain:
        if self.away:
            raise FileNotFoundError("no server here")
        connection: Plain = await asyncpg.connect(
            self.dsn,
            server_settings=pools.APPLICATION_SETTINGS | self.settings,
            connection_class=self.connection_class,
        )
        self.opened.append(connection)
        return connection

    def appender(self, **options: Any) -> Appender:
        return Appender(self.connect, zone=ZONE, **options)


@pytest.fixture
async def connections(
    database: Database, owner: Plain
) -> AsyncIterator[ConnectionFactory]:
    """Ends each test with a full check, and with every connection closed."""
    connections = ConnectionFactory(database)
    yield connections
    assert await check_ledger(owner) == []
    assert all(connection.is_closed() for connection in connections.opened)


@asynccontextmanager
async def held_log(owner: Plain) -> AsyncIterator[None]:
    """Hold the log's lock, so that no other session can append."""
    async with owner.transaction():
        await owner.execute("select size from ledger.head for update")
        yield


async def transactions(owner: Plain) -> int:
    """The number of transactions that wrote to the log."""
    found: int = await owner.fetchval(
        "select count(distinct xmin::text) from ledger.event"
    )
    return found


async def outcomes(*tasks: asyncio.Task[Receipt]) -> list[Any]:
    """The outcome of each task: the version of its receipt, or its exception."""
    found = await asyncio.gather(*tasks, return_exceptions=True)
    return [f.version if isinstance(f, Receipt) else f for f in found]


def submitted(
    appender: Appender, *requests: AppendRequest
) -> list[asyncio.Task[Receipt]]:
    return [asyncio.create_task(appender.submit(request)) for request in requests]


# Grouping


async def test_those_who_append_at_once_share_two_transactions(
    ask: Ask, connections: ConnectionFactory, owner: Plain
) -> None:
    async with connections.appender() as appender:
        tasks = submitted(appender, *(ask(f"a-{n}") for n in range(100)))
        assert await outcomes(*tasks) == [1] * 100
    assert await transactions(owner) == 2


async def test_clients_that_come_back_are_appended_in_two_equal_batches(
    ask: Ask,
    connections: ConnectionFactory,
    owner: Plain,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(appending, "FEW", 4)
    async with connections.appender() as appender:

        async def client(name: int) -> None:
            for turn in range(20):
                await appender.submit(ask(f"a-{name}.{turn}"))

        await asyncio.gather(*(client(name) for name in range(16)))
    sizes = await owner.fetch(
        "select count(*) as size from ledger.event group by xmin order by min(position)"
    )
    # The first batches are those of the start, the last ones of clients that end.
    assert {size for (size,) in sizes[4:-4]} == {8}


async def test_a_batch_has_a_limit(
    ask: Ask, connections: ConnectionFactory, owner: Plain
) -> None:
    async with connections.appender(batch=2) as appender:
        tasks = submitted(appender, *(ask(f"a-{n}") for n in range(5)))
        assert await outcomes(*tasks) == [1] * 5
    assert await transactions(owner) == 3


async def test_the_next_batch_is_sent_before_the_last_is_answered(
    ask: Ask, connections: ConnectionFactory
) -> None:
    async with connections.appender(batch=1) as appender:

        async def left_when_answered(request: AppendRequest) -> int:
            await appender.submit(request)
            return appender.queue_length

        requests = (ask("a-1"), ask("b-1"), ask("c-1"))
        left = await asyncio.gather(*map(left_when_answered, requests))
    assert left == [1, 0, 0]


async def test_neighbours_of_a_stale_request_are_appended(
    ask: Ask, connections: ConnectionFactory
) -> None:
    async with connections.appender() as appender:
        tasks = submitted(appender, ask("a-1"), ask("b-1", 4), ask("c-1"))
        first, stale, last = await outcomes(*tasks)
    assert (first, last) == (1, 1)
    assert isinstance(stale, VersionConflict)


async def test_requests_of_one_stream_are_judged_one_after_the_other(
    ask: Ask, connections: ConnectionFactory, owner: Plain
) -> None:
    asked = [ask("a-1"), ask("a-1", 9), ask("a-1", 1), ask("b-1"), ask("a-1", 2)]
    async with connections.appender() as appender:
        first, stale, *rest = await outcomes(*submitted(appender, *asked))
    assert (first, rest) == (1, [2, 1, 3])
    assert isinstance(stale, VersionConflict)
    assert await transactions(owner) == 3


async def test_a_premise_is_judged_by_what_is_recorded_not_by_what_may_fail(
    ask: Ask, connections: ConnectionFactory
) -> None:
    asked = [ask("a-1", 9), ask("b-1", premises=(("a-1", 0),)), ask("b-1", 1)]
    async with connections.appender() as appender:
        _, *rest = await outcomes(*submitted(appender, *asked))
    assert rest == [1, 2]


async def test_a_condition_is_judged_by_what_is_recorded_not_by_what_may_fail(
    ask: Ask, connections: ConnectionFactory, owner: Plain
) -> None:
    rests = (AppendCondition(("b", "c"), 0),)
    asked = [
        ask("a-1", premises=rests),
        ask("b-1", 9),  # fails, and so breaks nothing
        ask("a-2", premises=rests),
        ask("b-1"),
        ask("a-3", premises=rests),
    ]
    async with connections.appender() as appender:
        first, stale, second, other, third = await outcomes(
            *submitted(appender, *asked)
        )
    assert (first, second, other) == (1, 1, 1)
    assert isinstance(stale, VersionConflict)
    assert isinstance(third, ConditionFailed)
    assert (third.stream, third.expected, third.actual) == ("b", 0, 3)
    assert await transactions(owner) == 2


async def test_the_same_command_twice_at_once_is_recorded_once(
    ask: Ask, connections: ConnectionFactory
) -> None:
    asked = ask("a-1", command="one")
    async with connections.appender() as appender:
        first, twin, other = await asyncio.gather(
            *submitted(appender, asked, asked, ask("b-1", command="one", body="x")),
            return_exceptions=True,
        )
    assert isinstance(first, Receipt)
    assert twin == msgspec.structs.replace(first, repeated=True)
    assert isinstance(other, KeyReused)


async def test_what_cannot_be_encoded_never_reaches_the_queue(
    ask: Ask, connections: ConnectionFactory
) -> None:
    async with connections.appender() as appender:
        long = NewEvent("Noted", None, {"x": "x" * 70_000}, {})
        large = structs.replace(ask("b-1"), parts=(StreamPart("b-1", 0, (long,)),))
        tasks = submitted(appender, ask("a-1"), large)
        fine, large = await outcomes(*tasks)
    assert fine == 1
    assert isinstance(large, TooLarge)


# Projections in the same transaction


@pytest.fixture
async def projected(owner: Plain) -> AsyncIterator[Callable[[], Any]]:
    """A table that the application can write to."""
    await owner.execute(
        """
        create table projection.seen (stream text, position bigint);
        grant insert on projection.seen to iku_app;
        """
    )

    async def content() -> list[tuple[str, int]]:
        rows = await owner.fetch("select * from projection.seen order by position")
        return [tuple(row) for row in rows]

    yield content
    await owner.execute("drop table projection.seen")


async def note_streams(connection: Plain, accepted: Sequence[AcceptedRequest]) -> None:
    """A projection that fails on the attachments of some requests."""
    for one in accepted:
        for attached in one.request.attachments:
            raise attached
        await connection.execute(
            "insert into projection.seen values ($1, $2)",
            one.receipt.stream,
            one.receipt.position,
        )


async def test_what_is_derived_is_there_when_the_receipt_is(
    ask: Ask, connections: ConnectionFactory, projected: Callable[[], Any]
) -> None:
    async with connections.appender(project=note_streams) as appender:
        await outcomes(*submitted(appender, ask("a-1"), ask("b-1", 3), ask("c-1")))
        assert await projected() == [("a-1", 1), ("c-1", 2)]


async def test_a_repeated_command_is_not_projected_again(
    ask: Ask, connections: ConnectionFactory, projected: Callable[[], Any]
) -> None:
    asked = ask("a-1")
    async with connections.appender(project=note_streams) as appender:
        await appender.submit(asked)
        assert (await appender.submit(asked)).repeated
    assert await projected() == [("a-1", 1)]


async def test_who_cannot_be_projected_fails_alone(
    ask: Ask, connections: ConnectionFactory, projected: Callable[[], Any]
) -> None:
    fault = LookupError("no such area")
    async with connections.appender(project=note_streams) as appender:
        tasks = submitted(
            appender, ask("a-1"), ask("b-1", attachment=fault), ask("c-1")
        )
        assert await outcomes(*tasks) == [1, fault, 1]
        with pytest.raises(LookupError, match="no such area"):
            await appender.submit(ask("d-1", attachment=fault))
        assert (await appender.submit(ask("b-1"))).position == 3
    assert await projected() == [("a-1", 1), ("c-1", 2), ("b-1", 3)]


# A database that goes away


async def test_a_connection_lost_under_load_loses_and_doubles_nothing(
    ask: Ask, connections: ConnectionFactory, owner: Plain
) -> None:
    receipts: list[Receipt] = []

    async def submit_many(appender: Appender, writer: int) -> None:
        for version in range(40):
            receipt = await appender.submit(ask(f"a-{writer}", version))
            receipts.append(receipt)

    async with connections.appender() as appender:
        writers = [asyncio.create_task(submit_many(appender, n)) for n in range(16)]
        kills, seen = 0, 0
        while not all(writer.done() for writer in writers):
            await asyncio.sleep(0.01)
            # Two kills in one batch would exceed its single retry, and fail requests.
            if len(receipts) < seen + 60:
                continue
            kills += await owner.fetchval(
                """
                select count(pg_terminate_backend(pid))
                  from pg_stat_activity
                 where datname = current_database()
                   and pid <> pg_backend_pid()
                """
            )
            # Counted from here, because batches continue until the kill takes effect.
            seen = len(receipts)
        await asyncio.gather(*writers)

    assert kills > 0
    assert sorted(receipt.position for receipt in receipts) == [*range(1, 641)]


async def test_an_answer_lost_after_the_commit_becomes_the_first_receipt(
    ask: Ask, connections: ConnectionFactory, owner: Plain
) -> None:
    class Forgetful(asyncpg.Connection):
        lost = 0

        async def fetch(self, *args: Any, **kwargs: Any) -> Any:
            rows = await super().fetch(*args, **kwargs)
            if Forgetful.lost == 0:
                Forgetful.lost += 1
                raise ConnectionResetError  # after the commit, before its response
            return rows

    connections.connection_class = Forgetful
    async with connections.appender() as appender:
        receipt = await appender.submit(ask("a-1"))
    assert (receipt.position, receipt.repeated) == (1, True)
    assert Forgetful.lost == 1
    assert await transactions(owner) == 1


async def test_a_database_lost_twice_is_unavailable(
    ask: Ask, connections: ConnectionFactory
) -> None:
    class Broken(asyncpg.Connection):
        async def fetch(self, *_: Any, **__: Any) -> Any:
            raise ConnectionResetError

    connections.connection_class = Broken
    async with connections.appender() as appender:
        with pytest.raises(Unavailable, match="was lost twice"):
            await appender.submit(ask("a-1"))
        connections.connection_class = asyncpg.Connection
        assert (await appender.submit(ask("a-1"))).position == 1


async def test_while_the_database_is_away_all_are_told_soon_and_it_may_come_back(
    ask: Ask, connections: ConnectionFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(appending, "RECONNECT_S", 0.25)
    connections.away = True
    async with connections.appender(batch=1) as appender:
        began = asyncio.get_running_loop().time()
        tasks = submitted(appender, *(ask(f"a-{n}") for n in range(20)))
        found = await outcomes(*tasks)
        assert {type(error) for error in found} == {Unavailable}
        # In sequence they would wait for 5 s.
        assert asyncio.get_running_loop().time() - began < 4

        connections.away = False
        assert (await appender.submit(ask("a-1"))).position == 1


async def test_a_database_that_comes_back_in_time_is_not_noticed(
    ask: Ask, connections: ConnectionFactory
) -> None:
    connections.away = True
    async with connections.appender() as appender:
        (task,) = submitted(appender, ask("a-1"))
        await asyncio.sleep(0.05)
        connections.away = False
        assert (await task).position == 1


async def test_a_database_lost_while_each_is_tried_alone_is_told_to_the_rest(
    ask: Ask, connections: ConnectionFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = 0

    async def project(connection: Plain, accepted: Sequence[AcceptedRequest]) -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise LookupError("one of them is at fault")
        if accepted[0].receipt.stream == "b-1":
            connections.away = True
            monkeypatch.setattr(appending, "RECONNECT_S", 0.05)
            connection.terminate()

    async with connections.appender(project=project) as appender:
        tasks = submitted(appender, ask("a-1"), ask("b-1"), ask("c-1"))
        first, *rest = await outcomes(*tasks)
        connections.away = False
    assert first == 1
    assert [type(error) for error in rest] == [Unavailable, Unavailable]


async def test_a_database_without_room_is_unavailable_and_records_nothing(
    ask: Ask, connections: ConnectionFactory
) -> None:
    full = True

    async def project(_connection: Plain, _accepted: Sequence[AcceptedRequest]) -> None:
        if full:
            raise asyncpg.DiskFullError("no space left on device")

    async with connections.appender(project=project) as appender:
        asked = [ask(f"a-{n}") for n in range(3)]
        told = await asyncio.gather(
            *map(appender.submit, asked), return_exceptions=True
        )
        assert [str(one) for one in told] == [
            "the database is out of disk space or memory: no space left on device"
        ] * 3
        assert {type(one) for one in told} == {OutOfSpace}
        full = False
        assert (await appender.submit(asked[0])).position == 1


async def test_what_is_appended_at_once_takes_no_further_step(
    ask: Ask, connections: ConnectionFactory
) -> None:
    async def at_once(
        connection: Plain, asked: Sequence[EncodedRequest]
    ) -> Sequence[Receipt]:
        verdicts = await log.append_encoded(connection, asked, zone=ZONE)
        return [one for one in verdicts if isinstance(one, Receipt)]

    async def project(*_arguments: Any) -> None:
        raise AssertionError("there is nothing left to project")

    async with connections.appender(project=project, at_once=at_once) as appender:
        tasks = submitted(appender, ask("a-1"), ask("b-1"))
        assert await outcomes(*tasks) == [1, 1]


async def test_a_request_that_arrives_at_the_end_of_a_batch_joins_a_small_one(
    ask: Ask, connections: ConnectionFactory
) -> None:
    sizes: list[int] = []
    later: list[asyncio.Task[Receipt]] = []

    async def at_once(
        connection: Plain, asked: Sequence[EncodedRequest]
    ) -> Sequence[Receipt]:
        verdicts = await log.append_encoded(connection, asked, zone=ZONE)
        if not sizes:
            later.extend(submitted(appender, ask("b-1")))
            # It is submitted while the appender takes the verdicts.
            loop = asyncio.get_running_loop()
            loop.call_soon(lambda: later.extend(submitted(appender, ask("c-1"))))
        sizes.append(len(asked))
        return [one for one in verdicts if isinstance(one, Receipt)]

    async def project(*_arguments: Any) -> None:
        raise AssertionError("there is nothing left to project")

    async with connections.appender(project=project, at_once=at_once) as appender:
        await appender.submit(ask("a-1"))
        await asyncio.gather(*later)
    assert sizes == [1, 2]


async def test_what_cannot_be_appended_at_once_is_appended_step_by_step(
    ask: Ask, connections: ConnectionFactory
) -> None:
    projected: list[str] = []

    async def at_once(*_arguments: Any) -> None:
        """Write nothing."""

    async def project(_connection: Plain, accepted: Sequence[AcceptedRequest]) -> None:
        projected.extend(one.receipt.stream for one in accepted)

    async with connections.appender(project=project, at_once=at_once) as appender:
        tasks = submitted(appender, ask("a-1"), ask("b-1"))
        assert await outcomes(*tasks) == [1, 1]
    assert projected == ["a-1", "b-1"]


async def test_a_log_held_by_another_for_too_long_is_unavailable(
    ask: Ask, connections: ConnectionFactory, owner: Plain
) -> None:
    connections.settings = {"lock_timeout": "50ms"}
    async with connections.appender() as appender:
        async with held_log(owner):
            with pytest.raises(Unavailable, match="could not be locked"):
                await appender.submit(ask("a-1"))
        assert (await appender.submit(ask("a-1"))).position == 1


# Queueing, cancelling, closing


async def until(so: Callable[[], bool]) -> None:
    """Wait until the condition holds, even on a slow machine."""
    async with asyncio.timeout(20):
        while not so():  # noqa: ASYNC110 - what it waits for gives no sign
            await asyncio.sleep(0.01)


async def test_a_full_queue_takes_nobody_in(
    ask: Ask, connections: ConnectionFactory, owner: Plain
) -> None:
    async with connections.appender(capacity=2) as appender:
        async with held_log(owner):
            tasks = submitted(appender, ask("a-1"))
            await until(lambda: bool(connections.opened) and appender.queue_length == 0)
            tasks += submitted(appender, ask("b-1"), ask("c-1"))
            await until(lambda: appender.queue_length == 2)
            with pytest.raises(
                Overloaded, match="the append queue is full: 2 requests are waiting"
            ):
                await appender.submit(ask("d-1"))
        assert await outcomes(*tasks) == [1, 1, 1]


async def test_who_is_cancelled_does_not_break_the_batch(
    ask: Ask, connections: ConnectionFactory, owner: Plain
) -> None:
    async with connections.appender() as appender:
        async with held_log(owner):
            tasks = submitted(appender, ask("a-1"), ask("b-1"))
            await until(lambda: bool(connections.opened) and appender.queue_length == 0)
            tasks += submitted(appender, ask("c-1"), ask("d-1"))
            await until(lambda: appender.queue_length == 2)
            tasks[0].cancel()  # in progress: recorded, but its receipt is not read
            tasks[2].cancel()  # queued: it is dropped
        gone, fine, dropped, last = await outcomes(*tasks)
    assert (fine, last) == (1, 1)
    assert isinstance(gone, asyncio.CancelledError)
    assert isinstance(dropped, asyncio.CancelledError)
    streams = await owner.fetch("select stream from ledger.event order by position")
    assert [row["stream"] for row in streams] == ["a-1", "b-1", "d-1"]


async def test_closing_answers_all_that_was_taken_in(
    ask: Ask, connections: ConnectionFactory, owner: Plain
) -> None:
    appender = connections.appender(batch=7)
    tasks = submitted(appender, *(ask(f"a-{n}") for n in range(100)))
    await asyncio.sleep(0)
    await appender.aclose()
    assert await outcomes(*tasks) == [1] * 100
    with pytest.raises(Unavailable, match="is shut down"):
        await appender.submit(ask("b-1"))
    await appender.aclose()


async def test_an_appender_that_was_never_used_closes(
    connections: ConnectionFactory,
) -> None:
    async with connections.appender():
        pass
    assert connections.opened == []


async def test_an_idle_appender_closes(
    ask: Ask, connections: ConnectionFactory
) -> None:
    async with connections.appender() as appender:
        await appender.submit(ask("a-1"))
        await asyncio.sleep(0.02)


async def test_nobody_waits_for_an_appender_that_was_stopped_hard(
    ask: Ask, connections: ConnectionFactory, owner: Plain
) -> None:
    async with AsyncExitStack() as stack:
        appender = connections.appender(batch=1)
        await stack.enter_async_context(held_log(owner))
        tasks = submitted(appender, ask("a-1"), ask("b-1"))
        await until(lambda: bool(connections.opened) and appender.queue_length == 1)
        assert appender._task is not None
        appender._task.cancel()
        found = await outcomes(*tasks)
    assert [str(error) for error in found] == [
        "the appender stopped before it confirmed the command"
    ] * 2
    with pytest.raises(asyncio.CancelledError):
        await appender.aclose()
    connections.opened[0].terminate()


# Admission


class Series:
    """Names streams S-1, S-2, … under the lock; counts its calls."""

    def __init__(self) -> None:
        self.rounds: list[int] = []

    async def admit(
        self, connection: log.Connection, asked: Sequence[Any]
    ) -> list[EncodedRequest | Exception]:
        self.rounds.append(len(asked))
        last = await connection.fetchval(
            "select count(*) from ledger.stream where stream like 'S-%'"
        )
        admitted: list[EncodedRequest | Exception] = []
        for one in asked:
            if isinstance(one, EncodedRequest):
                admitted.append(one)
            elif one.series == "refused":
                admitted.append(ValueError(one.command_id))
            else:
                last += 1
                admitted.append(log.encode(one.named(f"S-{last}", "")))
        return admitted


def unnamed(request: AppendRequest, series: str = "S") -> UnnumberedRequest:
    def named(stream: str, _number: str) -> AppendRequest:
        part = structs.replace(request.main_part, stream=stream)
        return structs.replace(request, parts=(part,))

    premises, conditions = request.premises, request.conditions
    return UnnumberedRequest(
        "S", request.command_id, series, named, premises, conditions
    )


async def test_streams_are_named_in_the_appends_own_transaction(
    ask: Ask, connections: ConnectionFactory, owner: Plain
) -> None:
    series = Series()
    async with connections.appender(admit=series.admit) as appender:
        requests: list[Any] = [unnamed(ask(f"{n}")) for n in range(5)]
        receipts = await asyncio.gather(
            *map(appender.submit, [*requests, ask("a-1"), *requests[:1]])
        )
    assert [one.stream for one in receipts] == [
        *(f"S-{n}" for n in range(1, 6)),
        *("a-1", "S-1"),
    ]
    assert [one.repeated for one in receipts] == [False] * 6 + [True]
    assert await transactions(owner) == 1


async def test_a_name_drawn_for_what_is_not_appended_is_the_next_ones(
    ask: Ask, connections: ConnectionFactory, owner: Plain
) -> None:
    series = Series()
    async with connections.appender(admit=series.admit) as appender:
        await appender.submit(ask("a-1"))
        asked: list[Any] = [
            unnamed(ask("1")),
            unnamed(ask("2", premises=(("a-1", 0),))),
            unnamed(ask("3"), "refused"),
            unnamed(ask("4")),
        ]
        found = await asyncio.gather(
            *map(appender.submit, asked), return_exceptions=True
        )
    assert [type(one) for one in found] == [
        Receipt,
        VersionConflict,
        ValueError,
        Receipt,
    ]
    rows = await owner.fetch("select stream from ledger.event order by position")
    assert [row["stream"] for row in rows] == ["a-1", "S-1", "S-2"]
    assert series.rounds == [1, 4, 3]


async def test_without_admission_a_stream_without_a_name_is_refused_alone(
    ask: Ask, connections: ConnectionFactory
) -> None:
    async with connections.appender() as appender:
        asked: list[Any] = [ask("a-1"), unnamed(ask("2")), ask("a-2")]
        found = await asyncio.gather(
            *map(appender.submit, asked), return_exceptions=True
        )
    assert [type(one) for one in found] == [Receipt, TypeError, Receipt]
