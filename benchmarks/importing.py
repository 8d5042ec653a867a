"""`iku import`, compared with PostgreSQL's `copy` of the same rows into one table.

Every import fills a new register with durable settings, in a separate process, so that
peak memory is measured for it alone. iku and PostgreSQL run concurrently, so the
processor time of each is measured as well.

    python -m benchmarks.importing [ROWS]
"""

import argparse
import asyncio
import csv
import io
import json
import os
import tempfile
import time
from collections.abc import Iterator
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from random import Random
from statistics import median

from benchmarks import measuring, registers
from benchmarks.measuring import Row
from iku.app import migrate_and_open
from iku.domain.conflict import DIMENSIONS, Category, Manner, Phase, Source
from iku.exchange.journal_import import Importer
from iku.exchange.journal_layouts import CONFLICTS
from iku.postgres import pool as pools
from iku.postgres.database import open_database
from iku.settings import Settings

ROWS = 100_000
BEGIN, DAYS = date(2010, 1, 1), 4_000
ROWS_A_CASE = 4


def journal(rows: int, seed: int = 2021) -> bytes:
    """A journal of *rows* rows, in the order in which the facts became known."""
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


async def imported(home: Path, rows: int) -> dict[str, float]:
    """Import into an empty register: elapsed and processor seconds, and peak MiB."""
    async with (
        migrate_and_open(Settings(home=home)) as app,
        app.pool.acquire() as connection,
    ):
        importer = Importer(connection, app.commands, "uji")
        backend = connection.get_server_pid()
        began, ours, theirs = time.perf_counter(), time.process_time(), _busy(backend)
        with (home / "journal.csv").open("rb") as file:
            report = await importer.run(file)
        took = time.perf_counter() - began
        assert report.added == rows, report
        return {
            "took": took,
            "iku": time.process_time() - ours,
            "PostgreSQL": _busy(backend) - theirs,
            "peak": measuring.peak(),
        }


def _busy(process: int) -> float:
    """Processor seconds of a process: proc(5), utime and stime."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def run_in_process(rows: int) -> dict[str, float]:
    """Import *rows* rows in a separate process, into a new folder."""
    registers.FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=registers.FOLDER) as home:
        (Path(home) / "journal.csv").write_bytes(journal(rows))
        words = (str(rows), "--home", home)
        told: dict[str, float] = await measuring.run_in_process(
            "benchmarks.importing", *words
        )
    return told


async def copied(content: bytes) -> float:
    """Rows per second of a durable `copy` into one table of text."""
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
    """Measure with a journal of *rows* rows, and memory also with a smaller one."""
    content = journal(rows)
    small = await run_in_process(rows // 10)
    ran: list[dict[str, float]] = []

    async def ours() -> float:
        ran.append(await run_in_process(rows))
        return rows / float(ran[-1]["took"])

    rates, copies = await measuring.measure_alternately(
        [ours, partial(copied, content)]
    )
    measuring.report(
        "importing",
        f"Importing {rows:,} rows of a journal",
        [
            Row(
                what="iku import",
                peer="copy of the same rows",
                unit="rows/s",
                samples=rates,
                peer_samples=copies,
            ),
            *(
                Row(
                    what=f"processor time of {whose}",
                    better="lower",
                    unit="s",
                    samples=[one[whose] for one in ran],
                )
                for whose in ("iku", "PostgreSQL")
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
    """Measure with a journal of the requested number of rows."""
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
