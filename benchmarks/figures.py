"""What a figure costs over HTTP: beside one select, and in a much longer register.

    python -m benchmarks.figures [COUNT]

A million events are measured where no COUNT is given but such a register is there
already; else 100,000, since a million take a quarter of an hour to fill.
"""

import argparse
import asyncio
from contextlib import AsyncExitStack

from benchmarks import registers
from benchmarks.loading import Load, run
from benchmarks.measuring import Measure, Row, in_turns, report
from benchmarks.served import served

SHORT, LONG, FULL = 10_000, 100_000, 1_000_000
SECONDS = 0.5
PEER = "GET of one select"
CODES = ("IKU-1", "IKU-2", "IKU-3")
DAYS = ("2008-02-29", "2012-12-31", "2015-08-17", "2019-06-30")
BREAKDOWNS = {"": "", ", by dimension": "&breakdown=dimension"}


def asked(size: int) -> dict[str, list[str]]:
    """Queries of each kind of question, in a register of this size."""
    return {
        "now": [""],
        "as of a past day": [f"as_of={day}" for day in DAYS],
        "known on a past day": [
            f"as_of=2021-{month}-17&known_on=2021-{month}-27"
            for month in ("03", "06", "11")
        ],
        "at a past size": [
            f"as_of=2021-12-31&size={size * share // 100 + 77}"
            for share in (31, 66, 97)
        ],
    }


def figures(port: int, size: int) -> dict[str, Measure]:
    """Milliseconds that a figure takes, by what is asked."""
    return {
        f"{kind}{name}": _takes(
            port,
            [
                f"/api/v1/indicators/{code}/figure?{query}{breakdown}".replace(
                    "?&", "?"
                )
                for query in queries
                for code in CODES
            ],
        )
        for name, breakdown in BREAKDOWNS.items()
        for kind, queries in asked(size).items()
    }


def _takes(port: int, paths: list[str], times: int = 1) -> Measure:
    """Milliseconds that so many of the requests take, one after the other."""
    heads = tuple(f"GET {path} HTTP/1.1" for path in paths)

    async def measure() -> float:
        told = await run(Load(port, heads, connections=1, seconds=SECONDS))
        return times * 1000 / told.rate

    return measure


async def measure(count: int) -> list[Row]:
    """All rows of a register of *count* events beside one of 10,000."""
    async with AsyncExitStack() as stack:
        ports = []
        for size in (SHORT, count):
            database = await stack.enter_async_context(
                registers.register(size, settings={})
            )
            home = served(database, IKU_HOME=str(registers.FOLDER))
            ports.append(await stack.enter_async_context(home))
        short, long = figures(ports[0], SHORT), figures(ports[1], count)
        series = [
            f"/api/v1/indicators/{code}/series?from=2017-01-01&to=2021-12-31"
            for code in CODES
        ]
        one = _takes(ports[1], ["/one"])
        sides = [*short.values(), *long.values(), one, _takes(ports[1], series, 3)]
        for side in sides:
            await side()
        samples = await in_turns(sides)
    *of_figures, ones, three = samples
    before = dict(zip(short, of_figures, strict=False))
    after = dict(zip(long, of_figures[len(short) :], strict=True))
    grown = f"{count:,} events"
    return [
        *(
            _row(f"figure {what}, {grown}", 1.3, after[what], "at 10,000", before[what])
            for what in after
        ),
        _row(f"figure now, {grown}", 1.5, after["now"], PEER, ones),
        _row(
            f"figure known on a past day, {grown}",
            3,
            after["known on a past day"],
            PEER,
            ones,
        ),
        _row(
            f"series of 60 months, three indicators, {grown}",
            10,
            three,
            "one figure",
            after["now"],
        ),
    ]


def _row(
    what: str, bar: float, ours: list[float], peer: str, peers: list[float]
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
    """Measure, and keep the rows."""
    there = (registers.FOLDER / str(FULL)).exists()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", nargs="?", type=int, default=FULL if there else LONG)
    rows = asyncio.run(measure(parser.parse_args().count))
    report("figures", "Figures over HTTP", rows)


if __name__ == "__main__":
    main()
