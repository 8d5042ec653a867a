"""Measurements of iku against a peer or a limit, in the same run.

The speed of a machine varies. Both sides are therefore measured alternately, and the
result is the ratio of both sides of each turn: its median and its range.
"""

import asyncio
import re
import sys
from asyncio.subprocess import PIPE
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any, Literal, TypeAlias

import msgspec
from msgspec import Struct

RESULTS = Path("var") / "benchmarks" / "results"
REPEATS = 5  # minimum
HEADINGS = ("measurement", "iku", "peer", "ratio", "range", "target", "met")

Measure: TypeAlias = Callable[[], Awaitable[float]]


class Row(Struct, frozen=True, kw_only=True):
    """One measurement, with a sample for each turn.

    Attributes:
        peer: The peer's name; empty if the target is an amount of *unit*.
        bar: The target: a ratio to the peer, or an amount; None if there is none.
        better: Whether higher or lower values are better.
        samples: One sample per turn, in *unit*; the peer has as many, or none.
    """

    what: str
    peer: str = ""
    bar: float | None = None
    better: Literal["higher", "lower"] = "higher"
    unit: str
    samples: list[float]
    peer_samples: list[float] = []

    @property
    def ratios(self) -> list[float]:
        """The ratio to the peer for each turn; without a peer, the samples."""
        if not self.peer_samples:
            return self.samples
        pairs = zip(self.samples, self.peer_samples, strict=True)
        return [ours / peers for ours, peers in pairs]

    @property
    def met(self) -> bool | None:
        """Whether the median meets the target; None without a target."""
        if self.bar is None:
            return None
        ratio = median(self.ratios)
        return ratio >= self.bar if self.better == "higher" else ratio <= self.bar


async def measure_alternately(
    sides: Sequence[Measure], repeats: int = REPEATS
) -> list[list[float]]:
    """Samples of each side, measured alternately; the first side rotates."""
    samples: list[list[float]] = [[] for _ in sides]
    for turn in range(repeats):
        for place in range(len(sides)):
            index = (turn + place) % len(sides)
            samples[index].append(await sides[index]())
    return samples


def report(name: str, title: str, rows: Sequence[Row]) -> None:
    """Print *rows* as a table and store them for `benchmarks.report`."""
    print(table(title, rows), flush=True)
    RESULTS.mkdir(parents=True, exist_ok=True)
    told = msgspec.json.encode({"name": name, "title": title, "rows": rows})
    (RESULTS / f"{name}.json").write_bytes(msgspec.json.format(told))


def table(title: str, rows: Sequence[Row]) -> str:
    """*rows* as a table with one line for each row."""
    lines = [HEADINGS, *map(cells, rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        (
            title,
            *(
                "  ".join(map(str.ljust, line, widths)).rstrip()  # text on the left
                for line in lines
            ),
        )
    )


def cells(row: Row) -> tuple[str, ...]:
    """The cells of a row; empty where there is no value."""
    ratios, beside, ratio = row.ratios, "", ""
    if row.peer_samples:
        beside = f"{amount(median(row.peer_samples))} ({row.peer})"
        ratio = amount(median(ratios))
    sign = "≥" if row.better == "higher" else "≤"
    return (
        row.what,
        f"{amount(median(row.samples))} {row.unit}",
        beside,
        ratio,
        f"{amount(min(ratios))}–{amount(max(ratios))}",
        "" if row.bar is None else f"{sign} {row.bar:g}",
        {None: "", True: "yes", False: "NO"}[row.met],
    )


def amount(value: float) -> str:
    """*value* with three significant digits, or all digits before the point."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


async def run_in_process(module: str, *words: str, stdin: bytes = b"") -> Any:
    """The JSON printed by a benchmark that runs as a separate process.

    Its peak memory is then measured for it alone, and it does not delay the event loop
    of this process. *stdin* is its standard input.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, *words), stdin=PIPE, stdout=PIPE
    )
    printed, _ = await process.communicate(stdin)
    if process.returncode:
        raise SystemExit(f"{module} failed")
    return msgspec.json.decode(printed)


def peak(process: int | str = "self") -> float:
    """The peak memory of a process so far, in MiB.

    It is read from /proc: getrusage gives the peak of the parent process if larger.
    """
    status = Path(f"/proc/{process}/status").read_text()
    (told,) = re.findall(r"VmHWM:\s+(\d+) kB", status)
    return int(told) / 1024
