"""Pictures of the first page of each paper, written to ``docs/pictures``.

    python -m tests.exchange.papers.paper_pictures

The papers are those of the example register, with data of a fictional agency.
"""

import asyncio
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from iku.app import open_app
from iku.domain.paper_data import (
    ActualSet,
    BaselineSet,
    EndTargetSet,
    LetterheadSet,
    NarrativeSet,
    OtherIndicatorSet,
    QuarterlyTargetsSet,
    SignerSet,
    Statement,
)
from iku.exchange import example
from iku.exchange.journal_import import Importer
from iku.exchange.papers import registry
from iku.exchange.papers.registry import PAPERS
from iku.exchange.papers.sources import PaperRequest
from iku.postgres.database import Database, migrate_database
from iku.postgres.embedded import lease
from tests.conftest import SETTINGS
from tests.exchange.papers.conftest import YEAR, sources
from tests.exchange.papers.printing import pdf
from tests.exchange.papers.test_documents import ASKED
from tests.exchange.papers.test_published_tables import state
from tests.printed import open_pdf
from tests.queries.test_publications import publish
from tests.registers.world import World

FOLDER = Path(__file__).parents[3] / "docs" / "pictures"
LARGEST = 150_000  # bytes of a picture
SIGNED_ON = date(2022, 1, 20)
SINCE = date(2019, 1, 1)
DATA: tuple[Statement, ...] = (
    LetterheadSet(
        lines=("Pemerintah Kota Mojokerto", "Badan Kesatuan Bangsa dan Politik"),
        place="Mojokerto",
        address="Alamat contoh, Mojokerto",
        effective_on=SINCE,
    ),
    SignerSet(
        office="kepala_badan",
        office_title="Kepala Badan Kesatuan Bangsa dan Politik",
        signer_name="Contoh Satu, S.H., M.Si.",
        signer_rank="Pembina Utama Muda",
        effective_on=SINCE,
    ),
    SignerSet(
        office="wali_kota",
        office_title="Wali Kota Mojokerto",
        signer_name="Contoh Dua",
        effective_on=SINCE,
    ),
    BaselineSet(indicator="IKU-1", year=2018, baseline="62.50"),
    EndTargetSet(indicator="IKU-1", end_target="90", effective_on=SINCE),
    EndTargetSet(indicator="IKU-2", end_target="85", effective_on=SINCE),
    ActualSet(indicator="IKU-1", year=2019, actual="66.67"),
    ActualSet(indicator="IKU-1", year=2020, actual="71.43"),
    ActualSet(indicator="IKU-2", year=2020, actual="70.00"),
    QuarterlyTargetsSet(
        indicator="IKU-1", year=2021, first="50", second="60", third="70", fourth="80"
    ),
    NarrativeSet(
        indicator="IKU-1",
        year=2021,
        quarter=4,
        obstacles="Laporan lintas wilayah terlambat diterima",
        follow_up="Rapat koordinasi bulanan dengan FKDM",
        driving_factors="Mediasi di tingkat kelurahan",
        hindering_factors="Laporan lintas wilayah terlambat diterima",
    ),
    OtherIndicatorSet(
        code="IKU-4",
        year=2021,
        wording="Indeks kerukunan umat beragama (contoh)",
        measure="indeks",
        objective="Menguatnya ketahanan sosial masyarakat",
        target="75.00",
        actual="77.25",
    ),
)


async def main() -> None:
    """Write all pictures."""
    with TemporaryDirectory() as name:
        server = lease(Path(name) / "var")
        held = await asyncio.to_thread(server.__enter__)
        try:
            database = Database(held.owner_dsn, held.application_dsn, held.signer_dsn)
            await migrate_database(database)
            await _take_all(database)
        finally:
            await asyncio.to_thread(server.__exit__, None, None, None)


async def _take_all(database: Database) -> None:
    async with open_app(SETTINGS, database) as app, app.pool.acquire() as connection:
        importer = Importer(connection, app.commands, "contoh")
        for content in example.read_journals().values():
            await importer.run(content)
        world = World(app, connection)
        await publish(world, YEAR, date(2022, 1, 15))
        await state(world, *DATA)
        for name, paper in PAPERS.items():
            asked = PaperRequest(**ASKED[paper.scope])._replace(signed_on=SIGNED_ON)
            document = await registry.make(sources(world), name, asked)
            _take(name, await pdf(document))


def _take(name: str, printed: bytes) -> None:
    path = FOLDER / f"naskah-{name}.png"
    with open_pdf(printed) as pages:
        wide = pages[0].rect.width
        dpi = round(72 * 1000 / wide)
        pages[0].get_pixmap(dpi=dpi, colorspace="gray").save(path)
    if path.stat().st_size > LARGEST:
        raise SystemExit(f"{path} has {path.stat().st_size} bytes")


if __name__ == "__main__":
    asyncio.run(main())
