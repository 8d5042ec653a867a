"""Rebuild and import, compared with the program before the bitemporal tables.

    python -m benchmarks.before [EVENTS] [ROWS]

The earlier program (`BEFORE`) is checked out from the history of this repository and
runs with the packages of this one. Each measurement is a separate process; each side
fills its own register once, with its own code.
"""

import argparse
import asyncio
import os
import shutil
import subprocess
import sys
import tarfile
from asyncio.subprocess import PIPE
from functools import partial
from io import BytesIO
from pathlib import Path

import msgspec

from benchmarks import importing, measuring, registers
from benchmarks.measuring import Row

BEFORE = "b3ced89"  # the last commit before the bitemporal tables
HERE = Path(__file__).parents[1]
FOLDER = HERE / registers.FOLDER / "before"
PEER = "the same with postings and balances"
EVENTS, ROWS = 50_000, 100_000
REBUILD = """
import asyncio, json, sys, time
from benchmarks import registers
from iku.postgres import pool as pools
from iku.projections.rebuild import rebuild

async def main():
    async with registers.register(int(sys.argv[1]), settings={}) as database:
        owner = await pools.connect_as_owner(database.owner_dsn)
        began = time.perf_counter()
        assert await rebuild(owner, lambda *_: None) == []
        print(json.dumps({"took": time.perf_counter() - began}))
        await owner.close()

if __name__ == "__main__":
    asyncio.run(main())
"""


def earlier_program_folder(folder: Path = FOLDER) -> Path:
    """The folder with the earlier program, checked out."""
    if not (folder / "src").exists():
        folder.mkdir(parents=True, exist_ok=True)
        git = shutil.which("git") or "git"
        archive = subprocess.run(
            [git, "archive", BEFORE], cwd=HERE, check=True, capture_output=True
        )
        with tarfile.open(fileobj=BytesIO(archive.stdout)) as files:
            files.extractall(folder, filter="data")
    return folder


async def reported_seconds(tree: Path, *words: str) -> float:
    """The seconds that a program of that tree reports."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, *words),
        cwd=tree,
        env=os.environ | {"PYTHONPATH": f"{tree / 'src'}:{tree}"},
        stdout=PIPE,
    )
    told, _ = await process.communicate()
    if process.returncode:
        raise SystemExit(f"{words[0]} could not be carried out in {tree}")
    return float(msgspec.json.decode(told.splitlines()[-1])["took"])


async def rebuild_rate(events: int, tree: Path) -> float:
    """Events per second of a rebuild."""
    return events / await reported_seconds(tree, "-c", REBUILD, str(events))


async def imported(home: Path, rows: int, tree: Path) -> float:
    """Rows per second of an import into an empty register."""
    own = home / f"import-{os.urandom(4).hex()}"
    own.mkdir(mode=0o755)
    (own / "journal.csv").write_bytes(importing.journal(rows))
    words = "-m", "benchmarks.importing", str(rows), "--home", str(own)
    try:
        return rows / await reported_seconds(tree, *words)
    finally:
        shutil.rmtree(own)


async def measure(events: int, rows: int) -> list[Row]:
    """Rebuild and import with both programs, alternately."""
    trees = HERE, earlier_program_folder()
    for tree in trees:  # the first run fills the register
        await rebuild_rate(events, tree)
    found = []
    for what, unit, side in (
        (f"rebuild of {events:,} events", "events/s", partial(rebuild_rate, events)),
        (f"import of {rows:,} rows", "rows/s", partial(imported, FOLDER, rows)),
    ):
        ours, peers = await measuring.measure_alternately(
            [partial(side, one) for one in trees]
        )
        bar = 2.0 if unit == "events/s" else 12_000 / 7_400
        found.append(
            Row(
                what=what,
                peer=PEER,
                bar=round(bar, 2),
                unit=unit,
                samples=ours,
                peer_samples=peers,
            )
        )
    return found


def main() -> None:
    """Measure, and store the rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("events", nargs="?", type=int, default=EVENTS)
    parser.add_argument("rows", nargs="?", type=int, default=ROWS)
    asked = parser.parse_args()
    rows = asyncio.run(measure(asked.events, asked.rows))
    measuring.report(
        "before",
        "Rebuild and import, compared with the program before the bitemporal tables",
        rows,
    )


if __name__ == "__main__":
    main()
