"""What it costs to see why a figure is what it is, at 10,000 and at 100,000 events.

Each measurement runs in a process of its own, so that its peak of memory is its own.

    python -m benchmarks.replay [COUNT]...
"""

import argparse
import asyncio
import json
import re
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from datetime import date
from pathlib import Path
from typing import Any, TypeAlias

from msgspec import structs

from benchmarks import registers
from iku import comparing, explanation
from iku.comparing import Tried
from iku.domain.indicator import Amendment
from iku.domain.question import Question
from iku.explanation import Wanted
from iku.ledger.log import Connection
from iku.postgres.database import Database
from iku.projections import differences, journey
from iku.projections import series as serial
from iku.projections.differences import Compared
from iku.projections.journey import Order
from iku.verifying import verify
from iku.wiring import House

# What is looked at, piece by piece: how many lines each piece has.
Measured: TypeAlias = Callable[[House, Connection], AsyncIterator[int]]

COUNTS = (10_000, 100_000)
AS_OF = date(2021, 12, 31)
ASKED = Question("IKU-2", AS_OF)  # the longest of the journals
MONTH_BEFORE = date(2021, 11, 30)
YEAR_BEFORE = date(2020, 12, 31)
PAGE = 50


async def figure(house: House, connection: Connection) -> AsyncIterator[int]:
    """One figure, for comparison."""
    await house.figures.answer(connection, [ASKED], AS_OF)
    yield 1


async def as_known(house: House, connection: Connection) -> AsyncIterator[int]:
    """The whole journal by position."""
    async for page in _replay(house, connection, Order.KNOWN):
        yield page


async def as_happened(house: House, connection: Connection) -> AsyncIterator[int]:
    """The whole journal by day."""
    async for page in _replay(house, connection, Order.HAPPENED):
        yield page


async def _replay(
    house: House, connection: Connection, order: Order
) -> AsyncIterator[int]:
    (found,) = await house.figures.answer(connection, [ASKED], AS_OF)
    line = None
    async for page in journey.pages(connection, found, order):
        line = page[-1]
        yield len(page)
    assert line is not None
    counts = found.numerator, found.denominator
    assert (line.numerator, line.denominator) == counts


async def series(house: House, connection: Connection) -> AsyncIterator[int]:
    """Twenty years by month, as known now and then."""
    span = serial.Span(registers.BEGIN, AS_OF)
    told = await serial.series(connection, house.figures, ASKED, span, AS_OF)
    yield len(told.figures)


async def explained(house: House, connection: Connection) -> AsyncIterator[int]:
    """The first page of an explanation; the figure comes with it."""
    (found,) = await house.figures.answer(connection, [ASKED], AS_OF)
    asked = explanation.pinned(ASKED, found)
    page = await explanation.page(connection, asked, Wanted(), limit=PAGE)
    assert page.next is not None
    yield len(page.items)


def difference(against: Question) -> Measured:
    """The first page of what lies between the figure and another."""

    async def measured(house: House, connection: Connection) -> AsyncIterator[int]:
        compared = Compared(ASKED, against, limit=PAGE)
        told = await differences.answer(connection, house.figures, compared, AS_OF)
        yield len(told.items)

    return measured


async def verified(house: House, connection: Connection) -> AsyncIterator[int]:
    """A figure by its number, counted from the log alone."""
    (found,) = await house.figures.answer(connection, [ASKED], AS_OF)
    told = await verify(connection, house.figures, found.number, AS_OF)
    assert told.verdict == "same"
    yield 1


async def compared(_house: House, connection: Connection) -> AsyncIterator[int]:
    """Two definitions side by side, one of them only tried out."""
    tried = Tried(ASKED, amendment=Amendment(participation_threshold=2))
    told = await comparing.compare(connection, tried, AS_OF)
    yield len(told.items)


# Whoever explains figures in another way adds a line.
MEASUREMENTS: dict[str, Measured] = {
    "figure": figure,
    "replay as known": as_known,
    "replay as happened": as_happened,
    "series": series,
    "explanation": explained,
    "difference, a month": difference(structs.replace(ASKED, known_on=MONTH_BEFORE)),
    "difference, a year": difference(structs.replace(ASKED, as_of=YEAR_BEFORE)),
    "difference, a size": difference(structs.replace(ASKED, size=5_000)),
    "comparison": compared,
    "verify figure": verified,
}


async def measure(name: str, database: Database) -> dict[str, Any]:
    """Times to the first and to the last line, in seconds, and peak memory in MiB."""
    async with registers.opened(database) as (house, connection):
        await house.figures.indicators(connection)
        idle = _peak()
        first, lines, began = 0.0, 0, time.perf_counter()
        async for piece in MEASUREMENTS[name](house, connection):
            first = first or time.perf_counter() - began
            lines += piece
        last = time.perf_counter() - began
    return {"lines": lines, "first": first, "last": last, "idle": idle, "peak": _peak()}


def _peak() -> float:
    """Of this program; getrusage would tell that of whoever started it, if larger."""
    (line,) = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(line) / 1024


async def report(count: int) -> None:
    """Measure all there is on a register of *count* events."""
    async with registers.register(count) as database:
        print(f"\n{count:,} events")
        headings = ("", "lines", "first (ms)", "last (ms)", "idle (MiB)", "peak (MiB)")
        print("{:20}{:>10}{:>12}{:>12}{:>12}{:>12}".format(*headings))
        for name in MEASUREMENTS:
            told = await asyncio.to_thread(_apart, name, database)
            row = (told["lines"], told["first"] * 1000, told["last"] * 1000)
            print(
                "{:20}{:>10,}{:>12,.1f}{:>12,.0f}{:>12.0f}{:>12.0f}".format(
                    name, *row, told["idle"], told["peak"]
                ),
                flush=True,
            )


def _apart(name: str, database: Database) -> dict[str, Any]:
    """Measure in a process of its own."""
    dsns = json.dumps([database.owner_dsn, database.application_dsn])
    command = [sys.executable, "-m", "benchmarks.replay", "--measure", name]
    done = subprocess.run(command, input=dsns, check=True, stdout=-1, text=True)
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def main() -> None:
    """Measure on each register that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("counts", type=int, nargs="*", default=COUNTS)
    parser.add_argument("--measure", choices=MEASUREMENTS, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.measure:
        database = Database(*json.load(sys.stdin))
        print(json.dumps(asyncio.run(measure(asked.measure, database))))
        return
    for count in asked.counts:
        asyncio.run(report(count))


if __name__ == "__main__":
    main()
