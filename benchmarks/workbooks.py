"""A list of cases written as a workbook: processor time, and peak memory.

Each file is written in a separate process from items that are made while it is written,
so that its peak memory is its own. The peer of the memory is a tenth of the rows: it
shows whether memory grows with the list. The peer of the time is the same list as CSV.

    python -m benchmarks.workbooks [COUNT]
"""

import argparse
import asyncio
import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from benchmarks import measuring
from benchmarks.measuring import Row
from iku.exchange import list_table
from iku.exchange.table_output import FileFormat, TableFormat, table_output

COUNT = 10_000
PART = 200  # items that are read at a time
LONGEST_S, LARGEST_RATIO = 1.0, 1.1


class Written(NamedTuple):
    """The result of one file, written in a separate process."""

    seconds: float  # of the processor
    peak: float  # MiB


def items(count: int) -> Iterator[dict[str, Any]]:
    """Cases with texts of the usual length, each with texts of its own."""
    for number in range(count):
        yield {
            **dict.fromkeys(list_table.FIELDS["conflict"]),
            "number": f"K{number}",
            "title": f"Perselisihan warga tentang lahan parkir pasar nomor {number}",
            "category": "ipoleksosbud",
            "dimension": "sosial",
            "level": "perseteruan",
            "status": "resolved",
            "verified": True,
            "reported_on": "2021-03-04",
            "occurred_on": "2021-03-01",
            "resolved_on": "2021-04-05",
            "manner": "mediasi",
            "source": "polres",
            "area": "35.76.01.1003",
            "reference": f"LP/{number}/III/2021",
            "id": f"K{number}",
        }


def write(name: str, count: int) -> None:
    """Write a file to nowhere; print the time and the peak memory as JSON."""
    began = time.process_time()
    shape = list_table.shape("conflict")
    output = table_output(shape, TableFormat(FileFormat(name)))
    output.head()
    made = items(count)
    for _ in range(count // PART):
        output.rows(next(made) for _ in range(PART))
    output.end()
    spent = time.process_time() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    json.dump((spent, peak), sys.stdout)


async def written(name: str, count: int) -> Written:
    """The result of a file with *count* rows."""
    module = (sys.executable, "-m", "benchmarks.workbooks", str(count))
    ran = await asyncio.to_thread(
        subprocess.run, [*module, "--write", name], capture_output=True, check=True
    )
    return Written(*json.loads(ran.stdout))


async def measure(count: int) -> list[Row]:
    """The rows of the page."""

    async def books() -> float:
        return (await written("xlsx", count)).seconds

    async def csvs() -> float:
        return (await written("csv", count)).seconds

    async def peak() -> float:
        return (await written("xlsx", count)).peak

    async def small_peak() -> float:
        return (await written("xlsx", count // 10)).peak

    time_, csv_time = await measuring.measure_alternately([books, csvs])
    memory, small = await measuring.measure_alternately([peak, small_peak])
    named = f"{count:,} cases as XLSX"
    return [
        Row(what=named, unit="s", samples=time_, bar=LONGEST_S, better="lower"),
        Row(
            what=f"{named}, time",
            peer="as CSV",
            unit="s",
            samples=time_,
            peer_samples=csv_time,
            better="lower",
        ),
        Row(
            what=f"{named}, peak memory",
            peer="a tenth of the rows",
            unit="MiB",
            samples=memory,
            peer_samples=small,
            bar=LARGEST_RATIO,
            better="lower",
        ),
    ]


def main() -> None:
    """Measure, or write one file in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int, nargs="?", default=COUNT)
    parser.add_argument("--write", choices=[one.value for one in FileFormat])
    given = parser.parse_args()
    if given.write:
        write(given.write, given.count)
        return
    rows = asyncio.run(measure(given.count))
    measuring.report("workbooks", f"Workbooks, {given.count:,} rows", rows)


if __name__ == "__main__":
    main()
