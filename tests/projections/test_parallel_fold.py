"""Worker processes fold the same rows as one thread, and copy every character."""

import asyncio
import multiprocessing
import os
import signal
import sys
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path

import pytest

from iku.postgres.pool import Plain
from iku.projections import parallel_fold
from iku.projections.number_index import NumberKey, NumberUse
from iku.projections.rebuild import rebuild
from iku.projections.rows import Rows
from tests.registers.filled import owner_of
from tests.registers.world import World

STARTER = """
import os, time
os.cpu_count = lambda: 2
from iku.projections import parallel_fold
if __name__ == "__main__":
    with parallel_fold.executor_for(parallel_fold.FEW + 1) as (executor, workers):
        pids = {executor.submit(os.getpid).result() for _ in range(9)}
        print(*pids, flush=True)
        time.sleep(60)
"""


@pytest.fixture
async def owner(world: World) -> AsyncIterator[Plain]:
    connection = await owner_of(world.app.database)
    yield connection
    await connection.close()


async def test_processes_fold_what_the_append_has_written(
    world: World, owner: Plain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    monkeypatch.setattr(parallel_fold, "FEW", 0)
    monkeypatch.setattr(parallel_fold, "BATCH", 50)
    assert await world.size() > 10 * parallel_fold.BATCH
    assert await rebuild(owner, lambda *_: None) == []


async def test_lines_that_were_copied_are_freed_without_the_garbage_collector(
    world: World, owner: Plain, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await world.size() > 0
    sources: list[BytesIO] = []

    def source(lines: bytes) -> BytesIO:
        sources.append(BytesIO(lines))
        return sources[-1]

    monkeypatch.setattr(parallel_fold, "BytesIO", source)
    assert await rebuild(owner, lambda *_: None) == []
    assert len(sources) >= 3
    assert all(one.closed for one in sources)


def test_the_first_process_starts_before_there_is_anything_to_fold(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    with parallel_fold.executor_for(parallel_fold.FEW + 1, 1) as (executor, workers):
        assert (workers, len(multiprocessing.active_children())) == (1, 1)
        started = {executor.submit(os.getpid) for _ in range(9)}
        assert len({one.result() for one in started}) == 1
    with parallel_fold.executor_for(parallel_fold.FEW) as (_, workers):
        assert (workers, multiprocessing.active_children()) == (1, [])


async def test_a_process_ends_with_the_one_that_started_it(
    tmp_path: Path,
) -> None:
    script = tmp_path / "starter.py"
    script.write_text(STARTER)
    starter = await asyncio.create_subprocess_exec(
        sys.executable, script, stdout=asyncio.subprocess.PIPE
    )
    assert starter.stdout is not None
    workers = [int(pid) for pid in (await starter.stdout.readline()).split()]
    assert workers
    starter.send_signal(signal.SIGKILL)
    await starter.wait()
    async with asyncio.timeout(20):
        while any(map(_runs, workers)):  # noqa: ASYNC110 - other processes end
            await asyncio.sleep(0.05)


def _runs(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


async def test_a_text_is_copied_with_all_its_characters(connection: Plain) -> None:
    texts = ["a\tb", "line\nline", "\\N", "\\", "\r", "", "é", '{"a":"\\u001a\\n"}']
    await connection.execute(
        """
        create temporary table copied (
          category text, folded text, subject text, held bool, year int, serial bigint
        )
        """
    )
    rows = Rows()
    rows.names |= {
        NumberKey("conflict", text, f"K{place}"): NumberUse(*use)
        for place, text in enumerate(texts)
        for use in [(True, 2021, place) if place % 2 else (False,)]
    }
    await parallel_fold._copy(
        connection, "copied", parallel_fold.copy_lines(rows, 0).numbers
    )
    found = await connection.fetch("select * from copied order by subject")
    assert [*map(tuple, found)] == [(*name, *use) for name, use in rows.names.items()]
