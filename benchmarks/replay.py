"""Replay, explanation, series, difference and recount, at 10,000 and 100,000 events.

Each measurement runs in a separate process, so that its peak memory is its own.

    python -m benchmarks.replay [COUNT]
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Callable
from datetime import date
from functools import partial
from typing import TypeAlias

import msgspec
from msgspec import structs

from benchmarks import measuring, registers
from benchmarks.measuring import Row
from iku.app import App
from iku.domain.indicator import Amendment
from iku.domain.question import Question
from iku.ledger.log import Connection
from iku.postgres.database import Database
from iku.queries import (
    definition_comparison,
    explanation,
    figure_difference,
    figure_replay,
)
from iku.queries import series as serial
from iku.queries.comparison_questions import ComparisonRequest
from iku.queries.explanation import SubjectFilter
from iku.queries.figure_difference import ComparedQuestions
from iku.queries.figure_replay import ReplayOrder
from iku.queries.figure_verification import verify

# A measurement yields the number of lines of each page.
Measured: TypeAlias = Callable[[App, Connection], AsyncIterator[int]]

COUNT, SMALL = 100_000, 10_000
AS_OF = date(2021, 12, 31)
ASKED = Question("IKU-2", AS_OF)  # the figure with the longest replay
MONTH_BEFORE = date(2021, 11, 30)
YEAR_BEFORE = date(2020, 12, 31)
PAGE = 50


async def figure(app: App, connection: Connection) -> AsyncIterator[int]:
    """One figure, for comparison."""
    await app.figures.answer(connection, [ASKED], AS_OF)
    yield 1


async def as_known(app: App, connection: Connection) -> AsyncIterator[int]:
    """The whole replay in the order of positions."""
    async for page in _replay(app, connection, ReplayOrder.KNOWN):
        yield page


async def as_happened(app: App, connection: Connection) -> AsyncIterator[int]:
    """The whole replay in the order of effective days."""
    async for page in _replay(app, connection, ReplayOrder.HAPPENED):
        yield page


async def _replay(
    app: App, connection: Connection, order: ReplayOrder
) -> AsyncIterator[int]:
    (found,) = await app.figures.answer(connection, [ASKED], AS_OF)
    line = None
    async for page in figure_replay.pages(app.view(connection), found, order):
        line = page[-1]
        yield len(page)
    assert line is not None
    counts = found.numerator, found.denominator
    assert (line.numerator, line.denominator) == counts


async def series(app: App, connection: Connection) -> AsyncIterator[int]:
    """Twenty years by month, as known now and as known on each day."""
    span = serial.SeriesRange(registers.BEGIN, AS_OF)
    told = await serial.series(connection, app.figures, ASKED, span, AS_OF)
    yield len(told.figures)


async def explained(app: App, connection: Connection) -> AsyncIterator[int]:
    """The first page of an explanation, which includes the figure."""
    (found,) = await app.figures.answer(connection, [ASKED], AS_OF)
    asked = explanation.pin_coordinates(ASKED, found)
    page = await explanation.page(
        app.view(connection), asked, SubjectFilter(), limit=PAGE
    )
    assert page.next is not None
    yield len(page.items)


def difference(against: Question) -> Measured:
    """The first page of the difference between the figure and another."""

    async def measured(app: App, connection: Connection) -> AsyncIterator[int]:
        compared = ComparedQuestions(ASKED, against, limit=PAGE)
        told = await figure_difference.compute_difference(
            app.view(connection), app.figures, compared, AS_OF
        )
        yield len(told.items)

    return measured


async def verified(app: App, connection: Connection) -> AsyncIterator[int]:
    """A figure by its number, recounted from the log alone."""
    (found,) = await app.figures.answer(connection, [ASKED], AS_OF)
    told = await verify(connection, app.figures, found.number, AS_OF)
    assert told.verdict == "same"
    yield 1


async def compared(app: App, connection: Connection) -> AsyncIterator[int]:
    """A comparison of two definitions, one of them a trial definition."""
    tried = ComparisonRequest(ASKED, amendment=Amendment(participation_threshold=2))
    told = await definition_comparison.compare(app.view(connection), tried, AS_OF)
    yield len(told.items)


# A new query that explains a figure gets a line here.
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


async def measure(name: str, database: Database) -> dict[str, float]:
    """Milliseconds to the first and to the last line, and peak memory in MiB."""
    async with registers.open_register(database) as (app, connection):
        await app.figures.indicators(connection)
        first, began = 0.0, time.perf_counter()
        async for _ in MEASUREMENTS[name](app, connection):
            first = first or time.perf_counter() - began
        last = time.perf_counter() - began
    return {"first": 1000 * first, "last": 1000 * last, "peak": measuring.peak()}


async def report(count: int) -> None:
    """Measure everything on a register of *count* events and on a small one."""
    rows: list[Row] = []
    async with registers.register(count) as long, registers.register(SMALL) as short:
        for name in MEASUREMENTS:
            rows += await _compare(name, long, short)
    measuring.report(
        "replay", f"Replay, explanation and differences, {count:,} events", rows
    )


async def _compare(name: str, long: Database, short: Database) -> list[Row]:
    ran: dict[Database, list[dict[str, float]]] = {long: [], short: []}

    async def side(database: Database) -> float:
        dsns = msgspec.json.encode([database.owner_dsn, database.application_dsn])
        told = await measuring.run_in_process(
            "benchmarks.replay", "--measure", name, stdin=dsns
        )
        ran[database].append(told)
        return float(told["first"])

    await measuring.measure_alternately([partial(side, long), partial(side, short)])
    shown = [("first", "to the first line", "ms"), ("peak", "peak memory", "MiB")]
    if name.startswith("replay"):  # the others return one whole page
        shown.insert(1, ("last", "to the last", "ms"))
    return [
        Row(
            what=f"{name}: {what}",
            peer=f"at {SMALL:,} events",
            better="lower",
            unit=unit,
            samples=[one[key] for one in ran[long]],
            peer_samples=[one[key] for one in ran[short]],
        )
        for key, what, unit in shown
    ]


def main() -> None:
    """Measure on the requested register."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int, nargs="?", default=COUNT)
    parser.add_argument("--measure", choices=MEASUREMENTS, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.measure:
        database = Database(*json.load(sys.stdin))
        print(json.dumps(asyncio.run(measure(asked.measure, database))))
        return
    asyncio.run(report(asked.count))


if __name__ == "__main__":
    main()
