"""An application over the test's database, and files made from a few rows."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path

import pytest

import iku_verify
from iku.app import App, open_app
from iku.exchange import example
from iku.exchange.journal_import import Importer, ImportReport
from iku.exchange.journal_layouts import LAYOUTS
from iku.ledger.integrity_check import check_ledger
from iku.postgres.database import Database
from iku.postgres.pool import Plain
from tests import emptied as in_turn
from tests.conftest import SETTINGS, copy_keys

emptied_pool, emptied, database = (
    in_turn.emptied_pool,
    in_turn.emptied,
    in_turn.database,
)
connection, signer = in_turn.connection, in_turn.signer
owner, guarded = in_turn.owner, in_turn.guarded
Import = Callable[..., Awaitable[ImportReport]]
Make = Callable[..., bytes]


@pytest.fixture(scope="session", autouse=True)
def remembered_signatures() -> Iterator[None]:
    """The verifier makes its parser once, and does not verify a signature twice.

    An auditor runs it once for a bundle; the tests run it a thousand times.
    """
    with pytest.MonkeyPatch.context() as patch:
        for name in ("ed25519_verifies", "is_ed25519_key", "_parser"):
            patch.setattr(iku_verify, name, cache(getattr(iku_verify, name)))
        yield


@pytest.fixture
def origin(furnished: str) -> str:
    """A template with the seed definitions, which each application would record."""
    return furnished


@pytest.fixture
async def app(database: Database, tmp_path: Path) -> AsyncIterator[App]:
    """An application with its own key folder, because erasures are recorded there."""
    settings = replace(
        SETTINGS,
        database_url=database.application_dsn,
        pool_size=4,
        keys=copy_keys(tmp_path / "keys"),
    )
    async with open_app(settings, database) as app:
        yield app


@pytest.fixture
def importer(app: App, connection: Plain) -> Importer:
    return Importer(connection, app.commands, "u/siti")


@pytest.fixture
def bring(importer: Importer, connection: Plain) -> Import:
    """A function that imports a file, and then checks the whole ledger."""

    async def bring(content: bytes, *, dry_run: bool = False) -> ImportReport:
        importer.dry_run = dry_run
        report = await importer.run(content)
        assert await check_ledger(connection) == []
        return report

    return bring


@pytest.fixture
async def register(bring: Import) -> None:
    """The example register, imported."""
    for content in example.read_journals().values():
        assert (await bring(content)).faults == ()


class Maker:
    """Makes a file from rows given by heading; days in `row` default to one day."""

    def __call__(
        self, name: str, *rows: dict[str, str], delimiter: str = ",", end: str = "\n"
    ) -> bytes:
        layout = LAYOUTS[name]
        given = [h for h in layout.optional if any(h in row for row in rows)]
        headings = (*layout.headings, *given)
        lines = [headings, *([row.get(h, "") for h in headings] for row in rows)]
        return "".join(delimiter.join(line) + end for line in lines).encode()

    @staticmethod
    def row(
        number: str, event: str, day: str = "2022-03-01", **cells: str
    ) -> dict[str, str]:
        known = cells.pop("known", day)
        frame = {
            "diketahui_pada": known,
            "nomor": number,
            "peristiwa": event,
            "tanggal": day,
        }
        return {**frame, **cells}

    def report(
        self, number: str, day: str = "2022-03-01", **cells: str
    ) -> dict[str, str]:
        said = {"kategori": "sara", "dimensi": "agama", "judul": "Perselisihan"}
        return self.row(number, "dilaporkan", day, **said | cells)

    def registration(
        self, number: str, day: str = "2022-03-01", **cells: str
    ) -> dict[str, str]:
        said = {"jenis": "ormas", "nama": "Ormas", "dasar_hukum": "badan_hukum"}
        return self.row(number, "didaftar", day, **said | cells)


@pytest.fixture
def make() -> Maker:
    return Maker()


@pytest.fixture
def today(app: App) -> date:
    return app.commands.today()
