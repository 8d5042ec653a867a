"""Several processes append concurrently: one order, no gaps, no skipped event."""

import asyncio
import sys
from pathlib import Path

from iku.ledger import log
from iku.ledger.integrity_check import check_ledger
from iku.postgres import pool as pools
from iku.postgres.database import Database
from iku.postgres.pool import Plain
from tests.samples import examples

WRITER = Path(__file__).with_name("writer.py")
PROCESSES = 4
SECONDS = examples(50, 4) / 10


async def accepted_by(database: Database, name: str) -> list[str]:
    """The commands for which a writing process received a receipt."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(WRITER),
        database.application_dsn,
        str(SECONDS),
        name,
        stdout=asyncio.subprocess.PIPE,
    )
    printed, _ = await process.communicate()
    assert process.returncode == 0
    return printed.decode().split()


async def followed(database: Database, seen: list[int], stop: asyncio.Event) -> None:
    """Poll the log from the last position seen, and once more after *stop*."""
    reader, ended = await pools.connect(database.application_dsn), False
    while not ended:
        ended = stop.is_set()
        async for recorded in log.read_log(reader, after=seen[-1] if seen else 0):
            seen.append(recorded.position)  # noqa: PERF401 - read from while it grows
        await asyncio.sleep(0.01)
    await reader.close()


async def test_four_processes_leave_one_log_that_a_follower_saw_whole(
    database: Database, connection: Plain, owner: Plain
) -> None:
    seen: list[int] = []
    stop = asyncio.Event()
    follower = asyncio.create_task(followed(database, seen, stop))
    receipts = await asyncio.gather(
        *(accepted_by(database, f"writer-{n}") for n in range(PROCESSES))
    )
    size = (await log.head(connection)).size
    stop.set()
    await follower

    # Positions and versions have no gaps; every command is where its receipt says.
    assert await check_ledger(connection) == []
    assert seen == [*range(1, size + 1)]
    accepted = sorted(command for some in receipts for command in some)
    recorded = await owner.fetch("select command_id from ledger.command order by 1")
    assert accepted == [row["command_id"] for row in recorded]
    assert len({receipt[0] for receipt in receipts}) == PROCESSES
    assert size > 100  # otherwise the processes hardly interfered
