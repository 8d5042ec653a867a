"""The pages over HTTP in the register of a busy city, and in Chromium.

    python -m benchmarks.pages [REQUESTS]

REQUESTS is the number of requests of each page in a turn, one after the other. The day
of a page differs from request to request, so that no figure comes from a cache. The
register has a publication of each of its last years.
"""

import argparse
import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple
from urllib.request import urlopen

from playwright.async_api import Page, async_playwright

from benchmarks import registers
from benchmarks.loading import Load, LoadResult, run_in_process
from benchmarks.measuring import REPEATS, Row, report
from benchmarks.served import served
from iku.app import App
from iku.domain.period import Kind
from iku.domain.publication import Draft, NextStep, StepType, TakeStep
from iku.gateway import CommandGateway
from iku.ledger.log import Connection
from iku.postgres.database import Database
from iku.queries import publications
from tests.programs import CHROMIUM, program

FOLDER = registers.FOLDER / "pages"

CITY = 20_000
LATEST_P99, FIRST_PAINT = 20.0, 100.0  # milliseconds
LARGEST = 40.0  # kB of HTML
DAYS = 300
LAST = date(2021, 12, 31)
PUBLISHED = range(2019, 2022)  # years with a published report
# Pages at coordinates; the names in braces are those of `Example`.
PATHS = {
    "Beranda": "/",
    "Konflik": "/konflik",
    "Kasus": "/konflik/{case}",
    "Organisasi": "/organisasi",
    "Satu organisasi": "/organisasi/{organisation}",
    "Angka": "/indikator/IKU-1",
    "Penjelasan": "/indikator/IKU-1/penjelasan",
    "Perbandingan": "/indikator/IKU-1/perbandingan",
    "Definisi": "/indikator/IKU-1/definisi",
    "Publikasi": "/publikasi",
    "Bukti": "/bukti",
}
PRESENT = {
    "Tugas": "/tugas",
    "Satu publikasi": "/publikasi/2021",
    "Usulan": "/usulan",
    "Laporkan": "/konflik/baru",
    "Angka terbit": "/f/{number}",
    "Periksa": "/periksa",
}
# Counts every subject from the log by both definitions (design, section 8).
UNBOUND = {"Definisi lain": "/indikator/IKU-1/definisi?minimum_level=kekerasan"}
PAINT = """new Promise(done => new PerformanceObserver(
  list => done(list.getEntries()[0].startTime)
).observe({type: "paint", buffered: true}))"""


class Example(NamedTuple):
    """The subjects with the longest histories, and the number of a published figure."""

    case: str
    organisation: str
    number: str


@asynccontextmanager
async def register() -> AsyncIterator[tuple[Database, Example]]:
    """The register of a busy city, with publications."""
    async with registers.register(CITY, FOLDER, settings={}) as database:
        async with registers.open_register(database) as (app, connection):
            there = await publications.all_publications(connection)
            for year in PUBLISHED if not there else ():
                await publish(app, date(year, 12, 31))
            example = await _example(connection)
        yield database, example


async def publish(app: App, day: date) -> None:
    """Publish the figures of the year up to *day*."""
    command = Draft(period=Kind.YEAR, as_of=day, reason="Uji")
    gateway = CommandGateway(app, "lokal", None)
    subject, today = command.publication, app.commands.today()
    await gateway.handle("publication", subject, command)
    for kind in (StepType.CLOSED, StepType.REVIEWED, StepType.PUBLISHED):
        step = NextStep(type=kind, reason="Uji")
        async with app.pool.acquire() as connection:
            frozen = await publications.snapshot(
                connection, app.figures, subject, step, today
            )
        await gateway.handle("publication", subject, TakeStep(subject, step, frozen))


async def _example(connection: Connection) -> Example:
    case, organisation = [
        await connection.fetchval(
            """
            select split_part(stream, '-', 2)
              from ledger.stream
             where split_part(stream, '-', 1) = $1
             order by version desc, stream
             limit 1
            """,
            category,
        )
        for category in ("conflict", "organisation")
    ]
    *_, last = await publications.all_publications(connection)
    return Example(case, organisation, last.publication.figures[0].number)


@dataclass(frozen=True)
class Site:
    """A served register."""

    port: int
    requests: int
    example: Example

    def addresses(self, path: str) -> list[str]:
        """The address of a page on different days; of today only if it obeys none."""
        path, of = path.format(**self.example._asdict()), path
        if of in PRESENT.values():
            return [path]
        days = (LAST - timedelta(days=n) for n in range(DAYS))
        return [f"{path}{'&' if '?' in path else '?'}per={day}" for day in days]

    async def timed(self, path: str) -> LoadResult:
        """The latencies of a page."""
        heads = tuple(f"GET {one} HTTP/1.1" for one in self.addresses(path))
        most = (
            self.requests
            if path not in UNBOUND.values()
            else max(self.requests // 10, 2)
        )
        load = Load(self.port, heads, connections=1, seconds=60, most=most)
        return await run_in_process(load)

    def size(self, path: str) -> float:
        """The kB of a page."""
        with urlopen(f"http://127.0.0.1:{self.port}{self.addresses(path)[0]}") as page:
            return len(page.read()) / 1024

    async def paint(self, page: Page, path: str) -> float:
        """Milliseconds from the navigation to the first paint."""
        await page.goto(f"http://127.0.0.1:{self.port}{self.addresses(path)[0]}")
        return float(await page.evaluate(PAINT))


async def _timed(site: Site, path: str) -> list[LoadResult]:
    await site.timed(path)  # warm
    return [await site.timed(path) for _ in range(REPEATS)]


async def _paints(site: Site, page: Page, path: str) -> list[float]:
    await site.paint(page, path)  # warm
    return [await site.paint(page, path) for _ in range(REPEATS)]


def _rows(
    name: str, timed: Sequence[LoadResult], paints: list[float], size: float
) -> list[Row]:
    """The rows of a page."""

    def row(what: str, bar: float | None, unit: str, samples: list[float]) -> Row:
        return Row(
            what=f"{name}: {what}", bar=bar, better="lower", unit=unit, samples=samples
        )

    bound = name not in UNBOUND
    return [
        row("median", None, "ms", [one.p50 for one in timed]),
        row("p99", LATEST_P99 if bound else None, "ms", [one.p99 for one in timed]),
        row("first paint", FIRST_PAINT if bound else None, "ms", paints),
        row("HTML", LARGEST, "kB", [size]),
    ]


async def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("requests", type=int, nargs="?", default=DAYS)
    requests = parser.parse_args(arguments).requests
    paths = {**PATHS, **PRESENT, **UNBOUND}
    async with (
        register() as (database, example),
        served(database, IKU_HOME=str(registers.FOLDER)) as port,
    ):
        site = Site(port, requests, example)
        # Before the browser starts, whose processes would take turns with the server.
        timed = {name: await _timed(site, path) for name, path in paths.items()}
        async with async_playwright() as playwright:
            # All of Chromium if it is installed, as officers have it.
            chromium = program(*reversed(CHROMIUM))
            browser = await playwright.chromium.launch(executable_path=chromium)
            page = await browser.new_page()
            # A browser that has just started paints its first pages more slowly.
            for path in paths.values():
                await site.paint(page, path)
            paints = {
                name: await _paints(site, page, path) for name, path in paths.items()
            }
            await browser.close()
        sizes = {name: site.size(path) for name, path in paths.items()}
    rows = [
        row
        for name in paths
        for row in _rows(name, timed[name], paints[name], sizes[name])
    ]
    report("pages", f"Pages in a register of {CITY:,} events", rows)


if __name__ == "__main__":
    asyncio.run(main())
