"""What a figure costs over HTTP: beside one select, and in a much longer register.

    python -m benchmarks.figures [COUNT]

What is asked again while nothing is recorded is kept in memory; so what is counted is
measured on questions that nobody asked before. A million events are measured where no
COUNT is given but such a register is there already; else 100,000, since a million take
a quarter of an hour to fill.
"""

import argparse
import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import date, timedelta

from benchmarks import registers
from benchmarks.loading import Load, run
from benchmarks.measuring import Measure, Row, in_turns, report
from benchmarks.served import served

SHORT, LONG, FULL = 10_000, 100_000, 1_000_000
SECONDS = 0.5
PEER, SELF = "GET of one select", "at 10,000 events"
SERIES = "series of 60 months, three indicators"
CODES = ("IKU-1", "IKU-2", "IKU-3")
BREAKDOWNS = {"": "", ", by dimension": "&breakdown=dimension"}
# Of the last years of the register; so many that none is asked for twice.
DAYS = [date(2021, 12, 31) - timedelta(days=n) for n in range(3_000)]
OWN = "as of a past day"


def asked(size: int) -> dict[str, list[str]]:
    """Queries of each kind of question, in a register of this size."""
    week = timedelta(days=7)
    return {
        OWN: [f"as_of={day}" for day in DAYS],
        "known on a past day": [f"as_of={day}&known_on={day + week}" for day in DAYS],
        "at a past size": [
            f"as_of=2021-12-31&size={size - n * size // 6_000}"
            for n in range(len(DAYS))
        ],
    }


def figures(port: int, size: int) -> dict[str, Measure]:
    """Milliseconds that a figure takes which is new, by what is asked."""
    return {
        f"{kind}{name}": _takes(
            port,
            [
                f"/api/v1/indicators/IKU-1/figure?{query}{breakdown}"
                for query in queries
            ],
        )
        for name, breakdown in BREAKDOWNS.items()
        for kind, queries in asked(size).items()
    }


def _takes(port: int, paths: list[str], times: int = 1) -> Measure:
    """Milliseconds that so many of the requests take, one after the other."""
    heads = tuple(f"GET {path} HTTP/1.1" for path in paths)
    done = 0

    async def measure() -> float:
        nonlocal done
        load = Load(port, heads, connections=1, seconds=SECONDS, first=done)
        told = await run(load)
        done += told.count
        return times * 1000 / told.rate

    return measure


def _series(ends: Sequence[date]) -> list[str]:
    """Sixty months each, of the three indicators."""
    return [
        f"/api/v1/indicators/{code}/series?to={end}"
        f"&from={(end.replace(day=1) - timedelta(days=1_795)).replace(day=1)}"
        for end in ends
        for code in CODES
    ]


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
        now = "/api/v1/indicators/IKU-1/figure"
        again = {
            "one": _takes(ports[1], ["/one"]),
            "now": _takes(ports[1], [now]),
            "before": _takes(ports[0], [now]),
            "parts": _takes(ports[1], [f"{now}?breakdown=dimension"]),
            "series": _takes(ports[1], _series(DAYS[:1]), 3),
            "new": _takes(ports[1], _series(DAYS), 3),
        }
        sides = [*again.values(), *short.values(), *long.values()]
        samples = await in_turns(sides)
    told = dict(zip(again, samples, strict=False))
    before = dict(zip(short, samples[len(again) :], strict=False))
    after = dict(zip(long, samples[len(again) + len(short) :], strict=True))
    known = after["known on a past day"]
    one, first = (told["one"], PEER), (after[OWN], "such a figure")
    return [
        _row("figure now", 1.5, told["now"], *one),
        _row("figure now, by dimension", 1.5, told["parts"], *one),
        _row("figure now", 1.3, told["now"], told["before"], SELF),
        *(
            _row(f"figure {what}, not asked before", 1.3, ours, before[what], SELF)
            for what, ours in after.items()
        ),
        _row("figure as of a past day, not asked before", None, after[OWN], *one),
        _row("figure known on a past day, not asked before", 3, known, *one),
        _row(SERIES, 10, told["series"], told["now"], "figure now"),
        _row(f"{SERIES}, not asked before", 10, told["new"], *first),
    ]


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
    """Measure, and keep the rows."""
    there = (registers.FOLDER / str(FULL)).exists()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", nargs="?", type=int, default=FULL if there else LONG)
    count = parser.parse_args().count
    rows = asyncio.run(measure(count))
    report("figures", f"Figures over HTTP, in a register of {count:,} events", rows)


if __name__ == "__main__":
    main()
