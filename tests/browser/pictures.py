"""Pictures of the main pages, written to ``docs/pictures``.

    python -m tests.browser.pictures

The pages are those of a demonstration with the example register, its people and a
publication, as `make run` and an office would have them.
"""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from playwright.async_api import Browser, ViewportSize, async_playwright

from iku.app import open_app
from iku.exchange import example
from iku.exchange.journal_import import Importer
from iku.postgres.database import Database, migrate_database
from iku.postgres.embedded import lease
from tests.browser.site import Site, open_site, sign_log
from tests.conftest import SETTINGS
from tests.programs import CHROMIUM, program

FOLDER = Path(__file__).parents[2] / "docs" / "pictures"
SIZE = ViewportSize(width=1280, height=860)
THEN = "per=2021-12-31"
LARGEST = 150_000  # bytes of a picture


class Picture(NamedTuple):
    """A page, and who looks at it."""

    name: str
    path: str
    by: str = ""


PICTURES = (
    Picture("masuk", "/masuk"),
    Picture("beranda", f"/?{THEN}", "Kepala Badan Contoh"),
    Picture("tugas", "/tugas", "Verifikator Contoh"),
    Picture("konflik", f"/konflik?{THEN}", "Petugas Contoh"),
    Picture("konflik-baru", "/konflik/baru", "Petugas Contoh"),
    Picture("perkara", "/konflik/K10", "Verifikator Contoh"),
    Picture("indikator", f"/indikator/IKU-1?{THEN}", "Kepala Bidang Contoh"),
    Picture("penjelasan", f"/indikator/IKU-1/penjelasan?{THEN}", "Auditor Contoh"),
    Picture("perbandingan", f"/indikator/IKU-1/perbandingan?{THEN}", "Auditor Contoh"),
    Picture("publikasi", "/publikasi/2021", "Perencana Contoh"),
    Picture("bukti", "/bukti", "Auditor Contoh"),
)


async def take(browser: Browser, site: Site, picture: Picture) -> None:
    """Write the picture of a page."""
    context = await browser.new_context(
        locale="id-ID", viewport=SIZE, java_script_enabled=False
    )
    page = await context.new_page()
    if picture.by:
        await page.goto(f"{site.address}/masuk")
        await page.click(f"main li:has-text('{picture.by}') button")
    await page.goto(f"{site.address}{picture.path}")
    path = FOLDER / f"{picture.name}.png"
    await page.screenshot(path=path)
    await context.close()
    if path.stat().st_size > LARGEST:
        raise SystemExit(f"{path} has {path.stat().st_size} bytes")


async def main() -> None:
    """Write all pictures."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        server = lease(folder / "var")
        held = await asyncio.to_thread(server.__enter__)
        try:
            database = Database(held.owner_dsn, held.application_dsn, held.signer_dsn)
            await migrate_database(database)
            await _take_all(database, folder)
        finally:
            await asyncio.to_thread(server.__exit__, None, None, None)


async def _take_all(database: Database, folder: Path) -> None:
    async with open_app(SETTINGS, database) as app, app.pool.acquire() as connection:
        importer = Importer(connection, app.commands, "contoh")
        for content in example.read_journals().values():
            await importer.run(content)
    async with (
        async_playwright() as playwright,
        open_site(database, demonstrated=True) as site,
    ):
        await site.invite_people()
        await site.publish()
        await sign_log(database, folder / "signer")
        browser = await playwright.chromium.launch(executable_path=program(*CHROMIUM))
        for picture in PICTURES:
            await take(browser, site, picture)
        await browser.close()


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    asyncio.run(main())
