"""Crashes: the program, or its PostgreSQL, is killed while it works.

Every acknowledged command is recorded exactly once, and no command is recorded
partially. `fsync` is on.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from datetime import date
from pathlib import Path
from random import Random

from iku.app import App, migrate_and_open
from iku.domain.question import Question
from iku.ledger import log
from iku.ledger.integrity_check import check_ledger
from iku.ledger.log import Connection
from iku.postgres import pool as pools
from iku.projections.rebuild import rebuild
from iku.queries.recount import recount
from iku.settings import Settings
from tests import crashing
from tests.crashing import CLIENTS, carry_out
from tests.forked import Forker, Process
from tests.samples import examples

ROUNDS = examples(6, 2)  # by turns, the program is killed and its PostgreSQL
YEAR_END = date(2021, 12, 31)


def start(forker: Forker, home: Path, turn: int) -> Process:
    """The opened program."""
    words = (str(home), str(turn))
    process = forker.start(words, os.environ, module=crashing.__name__)
    assert process.stdout.readline() == "open\n"
    return process


def kill_postmaster(home: Path) -> None:
    """Kill the PostgreSQL of this home folder, which no other test uses."""
    file = home / "postgres" / "data" / "postmaster.pid"
    os.kill(int(file.read_text().split()[0]), signal.SIGKILL)


def crash(forker: Forker, home: Path, turn: int, random: Random) -> dict[str, int]:
    """The acknowledged commands of a round and their positions, up to the crash."""
    process = start(forker, home, turn)
    acknowledged: dict[str, int] = {}
    enough = random.randint(20, 250)
    while len(acknowledged) < enough:
        line = process.stdout.readline()
        assert line.endswith("\n"), process.communicate()[1]
        command_id, position = line.split()
        acknowledged[command_id] = int(position)
    time.sleep(random.random() / 20)
    if turn % 2:
        kill_postmaster(home)
        # PostgreSQL restarts itself, and the program continues unless a client found
        # it unavailable; receipts printed until the end are acknowledged, too.
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(2 + random.random())
    process.kill()
    rest, said = process.communicate()
    for line in rest.splitlines():
        command_id, position = line.split()
        acknowledged[command_id] = int(position)
    # The only other exit code: the database was unavailable.
    assert process.returncode in {3 if turn % 2 else None, -signal.SIGKILL}, said
    return acknowledged


async def recorded(connection: Connection) -> dict[str, int]:
    """Every command in the log, and the position of its event."""
    found: dict[str, int] = {}
    async for one in log.read_log(connection):
        command_id = one.body().command
        assert command_id not in found
        found[command_id] = one.position
    return found


async def refuse_gaps(connection: Connection) -> None:
    """Assert that automatic numbers follow the order of the log without gaps."""
    drawn = [
        one.subject
        async for one in log.read_log(connection)
        if one.subject.startswith("K2021-")
    ]
    assert drawn == [f"K2021-{n:05}" for n in range(1, len(drawn) + 1)]


async def refuse_other_figures(app: App, connection: Connection) -> None:
    today = app.commands.today()
    for code in ("IKU-1", "IKU-3"):
        question = Question(code, YEAR_END, breakdown="part")
        [figure] = await app.figures.answer(connection, [question], today)
        assert figure == await recount(connection, question, today)


async def repeat(app: App, acknowledged: dict[str, int], size: int) -> None:
    """Repeat the last acknowledged commands and those in progress at the crash."""
    last = [*acknowledged][-30:]
    outcomes = await asyncio.gather(*(carry_out(app, one) for one in last))
    for command_id, outcome in zip(last, outcomes, strict=True):
        assert outcome.repeated
        assert outcome.receipt.position == acknowledged[command_id]
    for client in range(CLIENTS):
        turn = last[0].split("-")[0]
        answered = [i for i in acknowledged if i.startswith(f"{turn}-{client}-")]
        under_way = f"{turn}-{client}-{len(answered)}"
        first = await carry_out(app, under_way)
        assert first.repeated == (first.receipt.position <= size)
        again = await carry_out(app, under_way)
        assert again.repeated
        assert again.receipt.position == first.receipt.position


async def check(app: App, acknowledged: dict[str, int]) -> None:
    async with app.pool.acquire() as connection:
        size = (await log.head(connection)).size
        found = await recorded(connection)
        assert acknowledged.items() <= found.items()
        # Besides those, at most one unacknowledged command of each client.
        turn = next(iter(acknowledged)).split("-")[0]
        of_round = {one for one in found if one.startswith(f"{turn}-")}
        assert len(of_round - acknowledged.keys()) <= CLIENTS
        assert await check_ledger(connection) == []
        await refuse_gaps(connection)
        await refuse_other_figures(app, connection)
        await repeat(app, acknowledged, size)
        await refuse_other_figures(app, connection)


async def test_nothing_acknowledged_is_lost_or_doubled_however_often_it_crashes(
    forker: Forker, tmp_path: Path
) -> None:
    random = Random(7)
    settings = Settings(home=tmp_path, pool_size=4)
    everything: dict[str, int] = {}
    for turn in range(ROUNDS):
        acknowledged = await asyncio.to_thread(crash, forker, tmp_path, turn, random)
        async with migrate_and_open(settings) as app:
            await check(app, acknowledged)
        everything |= acknowledged
    async with migrate_and_open(settings) as app, app.pool.acquire() as connection:
        await refuse_gaps(connection)
        assert everything.items() <= (await recorded(connection)).items()
        assert await connection.fetchval("show fsync") == "on"
        owner = await pools.connect_as_owner(app.database.owner_dsn)
        assert await rebuild(owner, lambda _done, _of: None) == []
        await owner.close()
