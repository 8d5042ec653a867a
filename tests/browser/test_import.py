"""Importing in a browser, without JavaScript and at both widths."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, BrowserContext

from iku.exchange import example, journal_columns
from tests.browser.conftest import LOW
from tests.browser.site import Site
from tests.browser.test_look import follow, look, looked_at
from tests.samples import examples

__all__ = ["looked_at"]
HEADINGS = journal_columns.headings("konflik")
ROW = {
    "diketahui_pada": "2022-01-03",
    "nomor": "K90",
    "peristiwa": "dilaporkan",
    "tanggal": "2022-01-03",
    "kategori": "ipoleksosbud",
    "dimensi": "politik",
    "judul": "Sengketa " * 30,
}


def journal(*rows: dict[str, str]) -> bytes:
    lines = [";".join(row.get(name, "") for name in HEADINGS) for row in rows]
    return "\r\n".join([";".join(HEADINGS), *lines]).encode("utf-8-sig")


@pytest.fixture
async def unscripted(browser: Browser) -> AsyncIterator[BrowserContext]:
    context = await browser.new_context(java_script_enabled=False, viewport=LOW)
    yield context
    await context.close()


async def test_the_pages_of_an_import_are_accessible(
    demonstration: Site, looked_at: BrowserContext
) -> None:
    page = await looked_at.new_page()

    async def check(name: str, content: bytes) -> None:
        await page.goto(f"{demonstration.address}/impor")
        file = {"name": name, "mimeType": "text/csv", "buffer": content}
        await page.set_input_files("#berkas", file)  # type: ignore[arg-type]
        await follow(page, "main form button")

    count = examples(300, 30)
    wrong = [ROW | {"nomor": f"K{n}", "dimensi": "cuaca " * 20} for n in range(count)]
    await check("rusak.csv", journal(*wrong))
    await look(page, "import-faults")
    await check("konflik.csv", example.read_journals()["konflik.csv"])
    await look(page, "import-checked")
    await follow(page, "main form button")
    await look(page, "import-recorded")


async def test_a_file_is_imported_without_javascript(
    demonstration: Site, unscripted: BrowserContext
) -> None:
    page = await unscripted.new_page()
    await page.goto(f"{demonstration.address}/impor")
    file = {"name": "k.csv", "mimeType": "text/csv", "buffer": journal(ROW)}
    await page.set_input_files("#berkas", file)  # type: ignore[arg-type]
    await follow(page, "main form button")
    await follow(page, "text=Impor 1 baris")
    await follow(page, "main table a")
    assert page.url.endswith("/konflik/K90")
