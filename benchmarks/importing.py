"""What `iku import` costs, beside PostgreSQL's `copy` of the same rows into one table.

Every import goes into a register of its own, on durable settings, and runs in a process
of its own, so that its peak of memory is its own. It tells where its time goes.

    python -m benchmarks.importing [ROWS]
"""

import argparse
import asyncio
import csv
import io
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Iterator
from datetime import date, timedelta
from functools import partial
from inspect import iscoroutine
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

from benchmarks import measuring, registers
from benchmarks.measuring import Row
from iku.domain.conflict import DIMENSIONS, Category, Manner, Phase, Source
from iku.exchange import journals
from iku.exchange.importing import Importer
from iku.exchange.layouts import CONFLICTS
from iku.ledger import log
from iku.postgres import pool as pools
from iku.postgres.database import open_database
from iku.settings import Settings
from iku.wiring import open_house

ROWS = 100_000
BEGIN, DAYS = date(2010, 1, 1), 4_000
ROWS_A_CASE = 4
STAGES = ("reading", "deciding", "appending", "projecting", "rest")


def journal(rows: int, seed: int = 2021) -> bytes:
    """The journal of an office: so many rows, in the order in which it came to know."""
    random = Random(seed)
    cases = rows // ROWS_A_CASE + 1
    told = sorted(
        (row for number in range(cases) for row in _case(random, number, cases)),
        key=lambda row: row["diketahui_pada"],
    )
    written = io.StringIO(newline="")
    writer = csv.DictWriter(written, CONFLICTS.headings)
    writer.writeheader()
    writer.writerows(told[:rows])
    return written.getvalue().encode()


def _case(random: Random, number: int, cases: int) -> Iterator[dict[str, str]]:
    day = BEGIN + timedelta(days=number * DAYS // cases)
    category = random.choice(list(Category))
    yield _row(
        number,
        "dilaporkan",
        day,
        kategori=category,
        dimensi=random.choice(DIMENSIONS[category]),
        judul=f"Perselisihan warga {number}",
        sumber=random.choice(list(Source)),
        keterangan=f"LP/{number}/{day.year}",
    )
    yield _row(number, "diverifikasi", day + timedelta(days=1))
    phase = random.choice(list(Phase))
    yield _row(number, "ditangani", day + timedelta(days=3), cara=phase)
    manner = random.choice(list(Manner))
    resolved = day + timedelta(days=random.randint(4, 300))
    yield _row(number, "diselesaikan", resolved, cara=manner, keterangan="Surat damai")


def _row(number: int, what: str, day: date, **cells: str) -> dict[str, str]:
    days = {"diketahui_pada": str(day), "tanggal": str(day)}
    return {"nomor": f"K{number:07}", "peristiwa": what, **days, **cells}


class Stages:
    """Seconds that each stage of an import took, by name."""

    def __init__(self) -> None:
        self.took = dict.fromkeys(STAGES, 0.0)

    def watch(self, owner: Any, name: str, stage: str) -> None:
        """Time every call of a function, or of a coroutine function, from now on."""
        original = getattr(owner, name)

        def timed(*args: Any, **kwargs: Any) -> Any:
            began = time.perf_counter()
            result = original(*args, **kwargs)
            if iscoroutine(result):
                return self._awaited(stage, result)
            self.took[stage] += time.perf_counter() - began
            return result

        setattr(owner, name, timed)

    async def _awaited(self, stage: str, work: Awaitable[Any]) -> Any:
        began = time.perf_counter()
        result = await work
        self.took[stage] += time.perf_counter() - began
        return result


async def imported(home: Path, rows: int) -> dict[str, Any]:
    """Import into an empty register; seconds in all and by stage, and peak MiB."""
    stages = Stages()
    async with (
        open_house(Settings(home=home)) as house,
        house.pool.acquire() as connection,
    ):
        importer = Importer(connection, house.office, house.books.project, "uji")
        stages.watch(journals, "read", "reading")
        stages.watch(Importer, "_plan", "deciding")
        stages.watch(log, "append_framed", "appending")
        stages.watch(importer, "project", "projecting")
        content = (home / "journal.csv").read_bytes()
        began = time.perf_counter()
        report = await importer.run(content)
        took = time.perf_counter() - began
        assert report.added == rows, report
        await log.head(connection)
    stages.took["rest"] = took - sum(stages.took.values())
    return {"took": took, "stages": stages.took, "peak": _peak()}


def _peak() -> float:
    (line,) = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(line) / 1024


async def apart(rows: int) -> dict[str, Any]:
    """Import so many rows in a process of its own, into a folder of its own."""
    registers.FOLDER.mkdir(parents=True, exist_ok=True)

    def run() -> dict[str, Any]:
        with tempfile.TemporaryDirectory(dir=registers.FOLDER) as home:
            (Path(home) / "journal.csv").write_bytes(journal(rows))
            command = (sys.executable, "-m", "benchmarks.importing", str(rows))
            done = subprocess.run(
                [*command, "--home", home], check=True, stdout=-1, text=True
            )
        told: dict[str, Any] = json.loads(done.stdout)
        return told

    return await asyncio.to_thread(run)


async def copied(content: bytes) -> float:
    """Rows a second of `copy` into one table of text, which is then on the disk."""
    registers.FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=registers.FOLDER) as home:
        async with open_database(Settings(home=Path(home))) as database:
            owner = await pools.connect_as_owner(database.owner_dsn)
            columns = ", ".join(f"{name} text" for name in CONFLICTS.headings)
            await owner.execute(f"create table journal ({columns})")
            began = time.perf_counter()
            await owner.copy_to_table(
                "journal", source=io.BytesIO(content), format="csv", header=True
            )
            took = time.perf_counter() - began
            rows: int = await owner.fetchval("select count(*) from journal")
            await owner.close()
    return rows / took


async def report(rows: int) -> None:
    """Measure with a journal of so many rows, and memory with a smaller one, too."""
    content = journal(rows)
    small = await apart(rows // 10)
    ran: list[dict[str, Any]] = []

    async def ours() -> float:
        ran.append(await apart(rows))
        return rows / float(ran[-1]["took"])

    rates, copies = await measuring.in_turns([ours, partial(copied, content)])
    measuring.report(
        "importing",
        f"Importing {rows:,} rows of a journal",
        [
            Row(
                what="iku import",
                peer="copy of the same rows",
                bar=0.1,
                unit="rows/s",
                samples=rates,
                peer_samples=copies,
            ),
            *(
                Row(
                    what=f"of which {stage}",
                    better="lower",
                    unit="s",
                    samples=[one["stages"][stage] for one in ran],
                )
                for stage in STAGES
            ),
            Row(
                what="peak memory",
                peer=f"at {rows // 10:,} rows",
                bar=1.25,
                better="lower",
                unit="MiB",
                samples=[one["peak"] for one in ran],
                peer_samples=[small["peak"] for _ in ran],
            ),
        ],
    )
    print(f"{rows:,} rows in {median(one['took'] for one in ran):.1f} s")


def main() -> None:
    """Measure with a journal of as many rows as are asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", type=int, nargs="?", default=ROWS)
    parser.add_argument("--home", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.home:
        print(json.dumps(asyncio.run(imported(asked.home, asked.rows))))
        return
    asyncio.run(report(asked.rows))


if __name__ == "__main__":
    main()
