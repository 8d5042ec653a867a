"""Figures over HTTP, compared with one select, and in longer and larger registers.

    python -m benchmarks.figures [COUNT]

A repeated question is answered from a cache until something is recorded. Counting is
therefore measured with questions that were not asked before. COUNT is the size of the
log in which many subjects count: 100,000, or a million if such a register exists
already, because filling it takes minutes.
"""

import argparse
import asyncio
import json
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import date, timedelta
from typing import NamedTuple
from urllib.request import urlopen

from benchmarks import registers
from benchmarks.loading import Load, run
from benchmarks.measuring import Measure, Row, measure_alternately, report
from benchmarks.served import served
from iku.postgres import pool as pools
from iku.postgres.database import Database

CITY, YEARS = 20_000, 20  # a busy city
LONGER = 10  # factor of events and of years
MANY, FULL = 100_000, 1_000_000
SECONDS = 0.5
PEER = "GET of one select"
SERIES = "series of 60 months, three indicators"
CODES = ("IKU-1", "IKU-2", "IKU-3")
DAYS = 3_000  # the last days of a register; enough that no question is repeated
OWN, BOTH = "as of a past day", "known on a past day, at a past size"
BARS = {OWN: 3, "known on a past day": 3, "at a past size": 3, BOTH: 5}
PARTS = "?breakdown=dimension"
FIGURE = "/api/v1/indicators/{}/figure"


class ServedRegister(NamedTuple):
    """A served register.

    Attributes:
        size: Number of events.
        years: Number of years of the events.
        last: The day on which the last event was known; the register may end earlier
            than its years.
    """

    port: int
    size: int
    years: int
    last: date

    @property
    def days(self) -> list[date]:
        """The days of the questions, in years with average activity."""
        return [self.last - timedelta(days=n) for n in range(DAYS)]

    def queries(self) -> dict[str, list[str]]:
        """The query strings of each kind of question."""
        week, step = timedelta(days=7), self.size / self.years / 365
        days, sizes = self.days, [int(self.size - n * step) for n in range(DAYS)]
        return {
            OWN: [f"as_of={day}" for day in days],
            "known on a past day": [
                f"as_of={day}&known_on={day + week}" for day in days
            ],
            "at a past size": [f"as_of={self.last}&size={size}" for size in sizes],
            BOTH: [
                f"as_of={day}&known_on={day + week}&size={size}"
                for day, size in zip(days, sizes, strict=True)
            ],
        }

    def figures(self, code: str) -> dict[str, Measure]:
        """Milliseconds of an uncached figure, by kind of question."""
        path = FIGURE.format(code)
        return {
            kind: self.takes([f"{path}?{query}" for query in queries])
            for kind, queries in self.queries().items()
        }

    def denominators(self, code: str) -> dict[str, int]:
        """The denominator of a typical question of each kind."""
        return {
            kind: self._denominator(f"{FIGURE.format(code)}?{queries[200]}")
            for kind, queries in self.queries().items()
        }

    def _denominator(self, path: str) -> int:
        with urlopen(f"http://127.0.0.1:{self.port}{path}") as answer:
            return int(json.load(answer)["denominator"])

    def takes(self, paths: list[str], times: int = 1) -> Measure:
        """Milliseconds of *times* of the requests, sent one after the other."""
        heads = tuple(f"GET {path} HTTP/1.1" for path in paths)
        done = 0

        async def measure() -> float:
            nonlocal done
            load = Load(self.port, heads, connections=1, seconds=SECONDS, first=done)
            told = await run(load)
            done += told.count
            return times * 1000 / told.rate

        return measure


def _series(ends: Sequence[date]) -> list[str]:
    """Paths of series over sixty months, of the three indicators."""
    return [
        f"/api/v1/indicators/{code}/series?to={end}"
        f"&from={(end.replace(day=1) - timedelta(days=1_795)).replace(day=1)}"
        for end in ends
        for code in CODES
    ]


async def measure(count: int) -> list[Row]:
    """The rows of all measurements."""
    async with AsyncExitStack() as stack:
        found: list[ServedRegister] = []
        for size, years in (
            (CITY, YEARS),
            (LONGER * CITY, LONGER * YEARS),
            (count, YEARS),
        ):
            database = await stack.enter_async_context(
                registers.register(size, settings={}, years=years)
            )
            home = served(database, IKU_HOME=str(registers.FOLDER))
            port = await stack.enter_async_context(home)
            found.append(ServedRegister(port, size, years, await _last(database)))
            if size == CITY:
                footprint = await _footprint(database)
        city, longer, many = found
        counted = await asyncio.to_thread(many.denominators, "IKU-2")
        return [
            *await _compare_with_select(city),
            *await _compare_with_longer_log(city, longer),
            *await _by_subject(many, counted),
            Row(
                what="projections, an event",
                bar=1_200,
                better="lower",
                unit="bytes",
                samples=[footprint / CITY],
            ),
        ]


async def _compare_with_select(city: ServedRegister) -> list[Row]:
    now = FIGURE.format("IKU-1")
    sides = {
        "one": city.takes(["/one"]),
        "now": city.takes([now]),
        "parts": city.takes([now + PARTS]),
        "again": city.takes(_series(city.days[:1]), 3),
        "series": city.takes(_series(city.days), 3),
        **city.figures("IKU-1"),
    }
    told = dict(zip(sides, await measure_alternately([*sides.values()]), strict=True))
    one = told["one"], PEER
    return [
        _row("figure now, asked again", 1.4, told["now"], *one),
        _row("figure now, by dimension, asked again", 1.4, told["parts"], *one),
        *(_row(f"figure {what}", bar, told[what], *one) for what, bar in BARS.items()),
        _row(SERIES, 30, told["series"], told[OWN], f"figure {OWN}"),
        _row(f"{SERIES}, asked again", 10, told["again"], told["now"], "figure, again"),
    ]


async def _compare_with_longer_log(
    city: ServedRegister, longer: ServedRegister
) -> list[Row]:
    """The same questions on a log of ten times as many events and years."""
    ours, peers = longer.figures("IKU-1"), city.figures("IKU-1")
    samples = await measure_alternately([*ours.values(), *peers.values()])
    return [
        _row(
            f"figure {what}, {longer.size:,} events in {longer.years} years",
            1.2,
            samples[place],
            samples[place + len(ours)],
            f"{city.size:,} in {city.years}",
        )
        for place, what in enumerate(ours)
    ]


async def _by_subject(many: ServedRegister, counted: dict[str, int]) -> list[Row]:
    """The cost of a figure beyond one select, per subject that counts."""
    figures = many.figures("IKU-2")
    one, *samples = await measure_alternately([many.takes(["/one"]), *figures.values()])
    return [
        Row(
            what=f"a subject that counts ({counted[what]:,} do), {many.size:,} events, "
            f"{what}",
            bar=4 if what != BOTH else None,
            better="lower",
            unit="µs",
            samples=[
                1000 * (figure - select) / counted[what]
                for figure, select in zip(ours, one, strict=True)
            ],
        )
        for what, ours in zip(figures, samples, strict=True)
    ]


async def _last(database: Database) -> date:
    """The day on which the last event was known."""
    owner = await pools.connect_as_owner(database.owner_dsn)
    day: date = await owner.fetchval(
        "select known_on from ledger.event order by position desc limit 1"
    )
    await owner.close()
    return day


async def _footprint(database: Database) -> int:
    """The size in bytes of all projections with their indexes."""
    owner = await pools.connect_as_owner(database.owner_dsn)
    size: int = await owner.fetchval(
        """
        select sum(pg_total_relation_size(c.oid))::bigint
          from pg_class c
         where c.relnamespace = 'projection'::regnamespace
           and c.relkind = 'r'
        """
    )
    await owner.close()
    return size


def _row(
    what: str, bar: float | None, ours: list[float], peers: list[float], peer: str
) -> Row:
    return Row(
        what=what,
        peer=peer,
        bar=bar,
        better="lower",
        unit="ms",
        samples=ours,
        peer_samples=peers,
    )


def main() -> None:
    """Measure, and store the rows."""
    there = registers.register_folder(FULL).exists()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", nargs="?", type=int, default=FULL if there else MANY)
    rows = asyncio.run(measure(parser.parse_args().count))
    title = f"Figures over HTTP, in a busy city: {CITY:,} events in {YEARS} years"
    report("figures", title, rows)


if __name__ == "__main__":
    main()
