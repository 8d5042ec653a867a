"""Load: read-your-writes, bounded waiting and backpressure."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest

from iku.app import App, open_app
from iku.commands.command import Command
from iku.domain.conflict import Reported
from iku.domain.question import Question
from iku.ledger.integrity_check import check_ledger
from iku.postgres.database import Database
from iku.postgres.pool import Plain
from iku.queries.recount import recount
from tests.conftest import SETTINGS
from tests.forked import Forker
from tests.web.conftest import CASE, RESOLVED, VERIFIED, Client, problem
from tests.web.test_server import LOCKED, serving, told

# Bytes of an unread response in the buffers of the reader and the server.
UNDER_WAY = 2 * 65_536
BROUGHT = 4  # events of the seed definitions
FACT = msgspec.convert(
    {name: value for name, value in CASE.items() if name != "number"}, Reported
)
YEAR = "/indicators/IKU-1/figure?as_of=2021-12-31"


def case(number: int) -> dict[str, Any]:
    return CASE | {"number": f"K{number:03}"}


async def test_every_receipt_is_counted_at_its_size_while_others_append(
    client: Client, app: App
) -> None:
    sizes: list[int] = []

    async def enter(number: int) -> None:
        for path, body in (
            ("/conflicts", case(number)),
            (f"/conflicts/K{number:03}/events", VERIFIED),
            (f"/conflicts/K{number:03}/events", RESOLVED),
        ):
            receipt = await client.records(path, body)
            # Read your writes: a figure of that size, and any later one, includes it.
            at = await client.says(f"{YEAR}&size={receipt['size']}")
            assert at["size"] == receipt["size"] >= receipt["position"]
            assert (await client.says(YEAR))["size"] >= receipt["size"]
            sizes.append(receipt["size"])
        explained = await client.history(f"/conflicts/K{number:03}")
        assert [event["type"] for event in explained][-1] == "resolved"

    await asyncio.gather(*map(enter, range(24)))
    async with app.pool.acquire() as connection:
        for size in sorted({*sizes}):
            shown = await client.says(f"{YEAR}&size={size}")
            asked = Question("IKU-1", date(2021, 12, 31), size=size)
            counted = await recount(connection, asked, app.commands.today())
            told = shown["numerator"], shown["denominator"]
            assert told == (counted.numerator, counted.denominator)
    assert told == (24, 24)


async def test_who_comes_when_the_queue_is_full_is_told_at_once(
    client: Client, app: App, owner: Plain
) -> None:
    app.commands.appender.capacity = 3
    async with owner.transaction():
        await owner.execute("select from ledger.head for update")
        waiting, held = [], False
        for number in range(4):  # one in progress, three queued
            entering = client.post("/conflicts", json=case(number))
            waiting.append(asyncio.create_task(entering))
            async with asyncio.timeout(30):
                while app.commands.appender.queue_length < number or not held:
                    await asyncio.sleep(0.01)
                    held = await owner.fetchval(LOCKED)
        assert app.commands.appender.queue_length == 3
        # No append completes before the lock is released: this response did not wait.
        for number in range(4, 12):
            answer = await client.post("/conflicts", json=case(number))
            assert problem(answer, 503)["type"] == "urn:iku:problem:overloaded"
            assert int(answer.headers["Retry-After"]) > 0
        assert not any(task.done() for task in waiting)
    assert [(await task).status_code for task in waiting] == [201] * 4
    size = (await client.says("/health/ready"))["size"]
    assert size == BROUGHT + 4  # refused requests recorded nothing


@pytest.fixture
async def two(
    forker: Forker, database: Database, tmp_path: Path
) -> AsyncIterator[list[Client]]:
    """Two server processes over one database, with one key folder."""
    async with AsyncExitStack() as stack:
        clients = []
        for _ in range(2):
            process = serving(forker, **told(database, tmp_path))
            address = stack.enter_context(process).address
            client = Client(base_url=f"{address}/api/v1", timeout=30)
            clients.append(await stack.enter_async_context(client))
        yield clients


async def test_two_processes_over_one_database_keep_every_law(
    two: list[Client], owner: Plain
) -> None:
    async def enter(number: int) -> list[dict[str, Any]]:
        """A case whose steps are sent twice each, to both processes at once."""
        receipts = []
        for step, (path, body) in enumerate(
            (
                ("/conflicts", case(number)),
                (f"/conflicts/K{number:03}/events", VERIFIED),
                (f"/conflicts/K{number:03}/events", RESOLVED),
            )
        ):
            key = f"perintah-{number}-{step}"
            first, again = await asyncio.gather(
                two[(number + step) % 2].records(path, body, Idempotency_Key=key),
                two[(number + step + 1) % 2].records(path, body, Idempotency_Key=key),
            )
            assert first == again
            receipts.append(first)
        return receipts

    async def number_one(_: int) -> str:
        unnumbered = {k: v for k, v in CASE.items() if k != "number"}
        receipt = await two[_ % 2].records("/conflicts", unnumbered)
        return str(receipt["number"])

    entered = await asyncio.gather(*map(enter, range(16)))
    numbers = await asyncio.gather(*map(number_one, range(20)))
    assert len({*numbers}) == 20
    size = BROUGHT + 16 * 3 + 20
    positions = await owner.fetch("select position from ledger.event order by 1")
    assert [row["position"] for row in positions] == [*range(1, size + 1)]
    told = [receipt["position"] for receipts in entered for receipt in receipts]
    assert len({*told}) == 16 * 3
    assert await check_ledger(owner) == []
    for path in (YEAR, f"{YEAR}&breakdown=dimension", f"{YEAR}&size={size - 25}"):
        ours, theirs = [await client.says(path) for client in two]
        assert ours == theirs
    shown = await two[0].says(YEAR)
    assert (shown["size"], shown["numerator"], shown["denominator"]) == (size, 16, 16)
    verified = await two[1].says(f"/figures/{shown['number']}")
    assert verified["verdict"] == "same"  # recounted from the log alone


async def test_what_one_process_records_the_other_tells_in_its_next_answer(
    two: list[Client],
) -> None:
    for number in range(6):
        writer, reader = two[number % 2], two[(number + 1) % 2]
        assert (await reader.says(YEAR))["denominator"] == number
        await writer.records("/conflicts", case(number))
        await writer.records(f"/conflicts/K{number:03}/events", VERIFIED)
        assert (await reader.says(YEAR))["denominator"] == number + 1


async def test_a_reader_who_takes_his_time_holds_no_lock_and_no_connection(
    forker: Forker, database: Database, owner: Plain, tmp_path: Path
) -> None:
    await _fill(database, 800)
    head = {"Accept": "application/x-ndjson"}
    with serving(forker, **told(database, tmp_path), SEND_BUFFER="4096") as served:
        base = f"{served.address}/api/v1"
        async with Client(base_url=base) as writer, Client(base_url=base) as slow:
            # More readers than the pool has connections, each stopped after the head.
            for _ in range(12):
                asked = slow.build_request("GET", "/log/events", headers=head)
                answer = await slow.send(asked, stream=True)
                assert answer.status_code == 200
            await asyncio.gather(
                *(writer.records("/conflicts", case(n)) for n in range(800, 840))
            )
            assert await owner.fetchval(BUSY) == 0
            assert (await writer.says("/health/ready"))["size"] == BROUGHT + 840
            # The reader gets the log as of its start; far more than is ever in transit,
            # so the server did wait for the reader (backpressure).
            lines = [line async for line in answer.aiter_lines() if line]
    assert sum(map(len, lines)) > 2 * UNDER_WAY
    assert len(lines) == BROUGHT + 800


BUSY = """
    select count(*)
      from pg_stat_activity
     where datname = current_database()
       and application_name = 'iku'
       and pid <> pg_backend_pid()
       and state <> 'idle'
    """


async def _fill(database: Database, count: int) -> None:
    """Record that many cases without HTTP."""
    async with open_app(SETTINGS, database) as app:

        async def enter(numbers: range) -> None:
            async with app.pool.acquire() as connection:
                for number in numbers:
                    command = Command("conflict", f"K{number:03}", FACT, "siti")
                    await app.commands.handle(connection, command)

        await asyncio.gather(*(enter(range(n, count, 4)) for n in range(4)))


async def test_more_readers_than_connections_are_all_answered_or_told_to_come_back(
    two: list[Client],
) -> None:
    answers = await asyncio.gather(
        *(two[0].get(f"/figures?as_of=2021-{n % 12 + 1:02}-01") for n in range(120))
    )
    assert {answer.status_code for answer in answers} <= {200, 503}
    assert sum(answer.status_code == 200 for answer in answers) > 0
    for answer in answers:
        if answer.status_code == 503:
            assert answer.headers["Retry-After"]
