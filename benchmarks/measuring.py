"""Rows of measurements: something of ours beside a peer or a limit, in the same run.

A machine has good minutes and bad ones. So both sides are measured in turns, and what
counts is the ratio of the two sides of each turn: its median, its lowest and highest.
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
REPEATS = 5  # the least
HEADINGS = ("what", "ours", "peer", "ratio", "lowest–highest", "bar", "met")

Measure: TypeAlias = Callable[[], Awaitable[float]]


class Row(Struct, frozen=True, kw_only=True):
    """One thing measured, turn by turn.

    Attributes:
        peer: What it is held against; empty where the bar is an amount of *unit*.
        bar: The ratio to the peer that is asked for, or the amount; None if none is.
        better: Which side of the bar is the good one.
        samples: Ours, one a turn, in *unit*; as many of the peer, or none.
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
        """Ours by the peer's, turn by turn; ours alone where there is no peer."""
        if not self.peer_samples:
            return self.samples
        pairs = zip(self.samples, self.peer_samples, strict=True)
        return [ours / peers for ours, peers in pairs]

    @property
    def met(self) -> bool | None:
        """Whether the median reaches the bar; None where there is no bar."""
        if self.bar is None:
            return None
        ratio = median(self.ratios)
        return ratio >= self.bar if self.better == "higher" else ratio <= self.bar


async def in_turns(
    sides: Sequence[Measure], repeats: int = REPEATS
) -> list[list[float]]:
    """Samples of each side, measured in turns; each turn begins with another side."""
    samples: list[list[float]] = [[] for _ in sides]
    for turn in range(repeats):
        for place in range(len(sides)):
            index = (turn + place) % len(sides)
            samples[index].append(await sides[index]())
    return samples


def report(name: str, title: str, rows: Sequence[Row]) -> None:
    """Print *rows* as a table, and keep them for `benchmarks.report`."""
    print(table(title, rows), flush=True)
    RESULTS.mkdir(parents=True, exist_ok=True)
    told = msgspec.json.encode({"name": name, "title": title, "rows": rows})
    (RESULTS / f"{name}.json").write_bytes(msgspec.json.format(told))


def table(title: str, rows: Sequence[Row]) -> str:
    """*rows*, a line each below their headings."""
    lines = [HEADINGS, *map(cells, rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        (
            title,
            *(
                "  ".join(map(str.ljust, line, widths)).rstrip()  # text left, as read
                for line in lines
            ),
        )
    )


def cells(row: Row) -> tuple[str, ...]:
    """What stands below each of the headings; nothing where there is nothing."""
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
    """*value* in three digits, or in all before the point."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


async def apart(module: str, *words: str, said: bytes = b"") -> Any:
    """The JSON that a program of ours prints, as a process of its own.

    So its peak of memory is its own, and it slows nobody's loop. It reads what is
    *said*.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, *words), stdin=PIPE, stdout=PIPE
    )
    told, _ = await process.communicate(
        said.encode() if isinstance(said, str) else said
    )
    if process.returncode:
        raise SystemExit(f"{module} could not be carried out")
    return msgspec.json.decode(told)


def peak(process: int | str = "self") -> float:
    """MiB at most of one process so far.

    Getrusage would tell that of whoever started it, if larger.
    """
    status = Path(f"/proc/{process}/status").read_text()
    (told,) = re.findall(r"VmHWM:\s+(\d+) kB", status)
    return int(told) / 1024
