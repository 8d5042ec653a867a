"""Papers: the first print of each in a process, prints of other days, and prints again.

The papers are those of the example register with data of a fictional agency, and the
annex of a register with about 500 cases. Each is printed as a PDF in a process of its
own: the first print loads the compiler, fonts and template. Each print of *another day*
has another date in the place of the signature and in the file, so that it is compiled;
rows that are equal in two prints may be laid out once. A paper that is printed *again*
without any change is made from the register as before, and if it may be issued its
bytes are kept (`recent_papers`). Elapsed time includes the database; the processor time
is that of this process. An issued paper of 500 pages is verified by `iku_verify`.

    python -m benchmarks.papers
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, timedelta
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple

import iku_verify
from benchmarks import measuring, registers
from benchmarks.measuring import Row
from iku.app import open_app
from iku.exchange import example
from iku.exchange.journal_import import Importer
from iku.exchange.papers import digest, issuing, registry
from iku.exchange.papers.sources import PaperRequest
from iku.postgres.database import Database, migrate_database
from iku.postgres.embedded import lease
from iku.queries import publications
from iku.settings import Settings
from iku.web import paper_sources
from tests.exchange.forging import policy
from tests.exchange.papers import issuing as issued_papers
from tests.exchange.papers.conftest import YEAR
from tests.exchange.papers.paper_pictures import DATA
from tests.exchange.papers.test_documents import ASKED
from tests.exchange.papers.test_published_tables import state
from tests.ledger.test_note import log_key
from tests.queries.test_publications import publish
from tests.registers.world import World

LONGEST_S, LONGEST_WARM_MS = 1.0, 100.0
TURNS, WARM = 3, 9
EVENTS = 1_900  # in one year: about 500 cases
ANNEX = "daftar-konflik"
PAGES = 500
WORDS = 322  # on a page of the template for tests


class Register(NamedTuple):
    """A register whose papers are printed: folder of its keys, and its database."""

    home: str
    urls: tuple[str, str, str | None]

    @property
    def database(self) -> Database:
        """The logins of the database."""
        return Database(*self.urls)


class Spent(NamedTuple):
    """The time of a print, in seconds."""

    elapsed: float
    processor: float


class Prints(NamedTuple):
    """The time of the first print, and medians of those after it."""

    first: Spent
    other_day: Spent
    again: Spent


def settings(home: str) -> Settings:
    """The settings of an installation whose papers have a QR code."""
    return Settings(home=Path(home), public_url="https://iku.example.go.id")


@asynccontextmanager
async def example_register() -> AsyncIterator[Register]:
    """The example register with a published year and data of the agency."""
    with TemporaryDirectory() as home:
        server = lease(Path(home) / "var")
        held = await asyncio.to_thread(server.__enter__)
        try:
            urls = held.owner_dsn, held.application_dsn, held.signer_dsn
            found = Register(home, urls)
            await migrate_database(found.database)
            await _fill(found)
            yield found
        finally:
            await asyncio.to_thread(server.__exit__, None, None, None)


async def _fill(register: Register) -> None:
    async with (
        open_app(settings(register.home), register.database) as app,
        app.pool.acquire() as connection,
    ):
        importer = Importer(connection, app.commands, "contoh")
        for content in example.read_journals().values():
            await importer.run(content)
        world = World(app, connection)
        await publish(world, YEAR, date(2022, 1, 15))
        await state(world, *DATA)


@asynccontextmanager
async def large_register() -> AsyncIterator[Register]:
    """A register with about 500 cases in its published year."""
    async with registers.register(EVENTS, settings={}, years=1) as database:
        home = str(registers.FOLDER)
        urls = database.owner_dsn, database.application_dsn, database.signer_dsn
        async with registers.open_register(database) as (app, connection):
            if not await publications.all_publications(connection):
                await publish(World(app, connection), YEAR)
        yield Register(home, urls)


async def print_paper(name: str, register: Register) -> None:
    """Print a paper several times; write the time of the first and of the others."""
    request = PaperRequest(**ASKED[registry.PAPERS[name].scope])
    async with (
        open_app(settings(register.home), register.database) as app,
        app.pool.acquire() as connection,
    ):
        sources = paper_sources.sources(app, app.view(connection))
        site = paper_sources.site(app)

        async def spend(later: int) -> Spent:
            day = sources.today + timedelta(later)
            began = time.perf_counter(), time.process_time()
            await issuing.print_paper(
                sources._replace(today=day), name, request._replace(signed_on=day), site
            )
            ended = time.perf_counter(), time.process_time()
            return Spent(ended[0] - began[0], ended[1] - began[1])

        first = await spend(0)
        other_days = [await spend(later) for later in range(1, 1 + WARM)]
        again = [await spend(WARM) for _ in range(WARM)]
    json.dump(Prints(first, _median(other_days), _median(again)), sys.stdout)


def _median(spent: list[Spent]) -> Spent:
    elapsed, processor = zip(*spent, strict=True)
    return Spent(median(elapsed), median(processor))


async def prints(name: str, register: Register) -> list[Prints]:
    """The prints of a paper, in a new process for each turn."""
    words = ("--paper", name, "--register", json.dumps(register))
    found = [
        await measuring.run_in_process("benchmarks.papers", *words)
        for _ in range(TURNS)
    ]
    return [Prints(*(Spent(*spent) for spent in one)) for one in found]


async def listed(register: Register) -> int:
    """The number of cases that the annex lists."""
    async with (
        open_app(settings(register.home), register.database) as app,
        app.pool.acquire() as connection,
    ):
        sources = paper_sources.sources(app, app.view(connection))
        request = PaperRequest(publication=YEAR.publication)
        made = await registry.make(sources, ANNEX, request)
        return sum(len(one.rows) for one in made.tables)


def paper_rows(name: str, found: list[Prints]) -> list[Row]:
    """The measurements of a paper: elapsed and processor time of each kind of print."""
    first = [one.first for one in found]
    rows = [
        _row(f"{name}, first, elapsed", "s", [one.elapsed for one in first], LONGEST_S),
        _row(f"{name}, first, processor", "s", [one.processor for one in first]),
    ]
    for kind, spent in (
        ("another day", [one.other_day for one in found]),
        ("again", [one.again for one in found]),
    ):
        elapsed = [1e3 * one.elapsed for one in spent]
        processor = [1e3 * one.processor for one in spent]
        rows += [
            _row(f"{name}, {kind}, elapsed", "ms", elapsed),
            _row(f"{name}, {kind}, processor", "ms", processor, LONGEST_WARM_MS),
        ]
    return rows


def _row(what: str, unit: str, samples: list[float], bar: float | None = None) -> Row:
    return Row(what=what, unit=unit, samples=samples, bar=bar, better="lower")


def verification() -> Row:
    """The processor time in which an issued paper of 500 pages is verified."""
    text = "Perselisihan " * (WORDS * PAGES)
    compiled = issued_papers.typeset(text, issued_papers.FROZEN)
    pages = compiled.count(b"/Type/Page/")
    records = issued_papers.publication_log(issued_papers.issue_data(compiled))
    places = [issued_papers.SIZE + n for n in range(3)]
    paper = digest.embed_proof(compiled, issued_papers.proof(records, places))
    trusted = iku_verify.read_policy(policy(log_key()).encode())
    samples = []
    for _ in range(measuring.REPEATS):
        began = time.process_time()
        length = iku_verify.verify_paper(paper, trusted, iku_verify.Report())
        samples.append(time.process_time() - began)
        assert length == len(paper)
    return _row(f"a paper of {pages} pages is verified", "s", samples, LONGEST_S)


async def measure() -> list[Row]:
    """The rows of the page."""
    rows = []
    async with example_register() as register:
        for name in registry.PAPERS:
            rows += paper_rows(name, await prints(name, register))
    async with large_register() as register:
        found, cases = await prints(ANNEX, register), await listed(register)
        rows += paper_rows(f"{ANNEX} of {cases} cases", found)
    return rows


def main() -> None:
    """Measure, or print one paper in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--paper", choices=[*registry.PAPERS])
    parser.add_argument("--register", type=json.loads)
    given = parser.parse_args()
    if given.paper:
        home, urls = given.register
        asyncio.run(print_paper(given.paper, Register(home, tuple(urls))))
        return
    rows = [verification(), *asyncio.run(measure())]
    measuring.report("papers", "Papers", rows)


if __name__ == "__main__":
    main()
