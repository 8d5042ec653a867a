"""The pages over HTTP in the register of a busy city, and in Chromium.

    python -m benchmarks.pages [REQUESTS]

REQUESTS is the number of requests of each page in a turn, one after the other. The day
of a page differs from request to request, so that no figure comes from a cache.
"""

import argparse
import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from urllib.request import urlopen

from playwright.async_api import Page, async_playwright

from benchmarks import registers
from benchmarks.loading import Load, LoadResult, run_in_process
from benchmarks.measuring import REPEATS, Row, report
from benchmarks.served import served
from tests.programs import program

CITY = 20_000
LATEST_P99, FIRST_PAINT = 20.0, 100.0  # milliseconds
LARGEST = 40.0  # kB of HTML
DAYS = 300
LAST = date(2021, 12, 31)
PATHS = {
    "Beranda": "/",
    "Konflik": "/konflik",
    "Organisasi": "/organisasi",
    "Angka": "/indikator/IKU-1",
    "Penjelasan": "/indikator/IKU-1/penjelasan",
    "Publikasi": "/publikasi",
    "Bukti": "/bukti",
}
PRESENT = {"Tugas": "/tugas", "Usulan": "/usulan", "Laporkan": "/konflik/baru"}
PAINT = """new Promise(done => new PerformanceObserver(
  list => done(list.getEntries()[0].startTime)
).observe({type: "paint", buffered: true}))"""


@dataclass(frozen=True)
class Site:
    """A served register."""

    port: int
    requests: int

    def addresses(self, path: str) -> list[str]:
        """The address of a page on different days; of today only if it obeys none."""
        if path in PRESENT.values():
            return [path]
        days = (LAST - timedelta(days=n) for n in range(DAYS))
        return [f"{path}?per={day}" for day in days]

    async def timed(self, path: str) -> LoadResult:
        """The latencies of a page."""
        heads = tuple(f"GET {one} HTTP/1.1" for one in self.addresses(path))
        load = Load(self.port, heads, connections=1, seconds=60, most=self.requests)
        return await run_in_process(load)

    def size(self, path: str) -> float:
        """The kB of a page."""
        with urlopen(f"http://127.0.0.1:{self.port}{self.addresses(path)[0]}") as page:
            return len(page.read()) / 1024

    async def paint(self, page: Page, path: str) -> float:
        """Milliseconds from the navigation to the first paint."""
        await page.goto(f"http://127.0.0.1:{self.port}{self.addresses(path)[0]}")
        return float(await page.evaluate(PAINT))


async def _measured(site: Site, name: str, path: str, page: Page) -> list[Row]:
    await site.timed(path)  # warm
    timed = [await site.timed(path) for _ in range(REPEATS)]
    await site.paint(page, path)
    paints = [await site.paint(page, path) for _ in range(REPEATS)]

    def row(what: str, bar: float | None, unit: str, samples: list[float]) -> Row:
        return Row(
            what=f"{name}: {what}", bar=bar, better="lower", unit=unit, samples=samples
        )

    return [
        row("median", None, "ms", [one.p50 for one in timed]),
        row("p99", LATEST_P99, "ms", [one.p99 for one in timed]),
        row("first paint", FIRST_PAINT, "ms", paints),
        row("HTML", LARGEST, "kB", [site.size(path)]),
    ]


async def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("requests", type=int, nargs="?", default=DAYS)
    requests = parser.parse_args(arguments).requests
    rows: list[Row] = []
    async with (
        registers.register(CITY, settings={}) as database,
        served(database) as port,
        async_playwright() as playwright,
    ):
        chromium = await playwright.chromium.launch(executable_path=program("chromium"))
        page = await chromium.new_page()
        site = Site(port, requests)
        for name, path in {**PATHS, **PRESENT}.items():
            rows += await _measured(site, name, path, page)
        await chromium.close()
    report("pages", f"Pages in a register of {CITY:,} events", rows)


if __name__ == "__main__":
    asyncio.run(main())
