"""The pages of figures in a browser: accessible, on a telephone, by keyboard."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import BrowserContext, expect

from iku.domain.account import Role
from tests.browser.site import Site, open_site, sign_in
from tests.browser.test_look import look, looked_at
from tests.conftest import Clone
from tests.samples import sample

__all__ = ["looked_at"]
DAY = "per=2021-12-31"
PAGES = {
    "beranda": f"/?{DAY}",
    "angka": f"/indikator/IKU-1?{DAY}",
    "angka-organisasi": f"/indikator/IKU-2?{DAY}&period=quarter",
    "angka-kosong": "/indikator/IKU-3?per=2019-12-31",
    "penjelasan": f"/indikator/IKU-1/penjelasan?{DAY}",
    "perbandingan": f"/indikator/IKU-1/perbandingan?{DAY}&langkah=90",
    "definisi": f"/indikator/IKU-1/definisi?{DAY}&minimum_level=kekerasan",
    "kesalahan": f"/indikator/IKU-1/perbandingan?{DAY}&lawan_per=kapan",
}


@pytest.fixture(scope="module")
async def register(clone: Clone, entered: str) -> AsyncIterator[Site]:
    """The fictional register, with accounts."""
    async with open_site(await clone(entered)) as site:
        yield site


async def test_the_pages_of_figures_are_accessible_and_fit_a_telephone(
    register: Site, looked_at: BrowserContext
) -> None:
    officer = await register.person(Role.VERIFIKATOR, "wasnas")
    page = await sign_in(looked_at, register, officer)
    for name, address in sample(list(PAGES.items()), 2):
        await page.goto(register.address + address)
        await look(page, name)


async def test_text_in_a_chart_is_legible_on_a_telephone(
    register: Site, looked_at: BrowserContext
) -> None:
    officer = await register.person(Role.VERIFIKATOR, "wasnas")
    page = await sign_in(looked_at, register, officer)
    await page.set_viewport_size({"width": 320, "height": 900})
    await page.goto(register.address + PAGES["angka"])
    charts = page.locator("svg.chart")
    assert await charts.count() == 4
    for chart in await charts.all():
        box = await chart.bounding_box()
        assert box is not None
        assert 14 * box["width"] / 360 >= 11


async def test_a_figure_is_replayed_by_keyboard_without_scripts(
    register: Site, context: BrowserContext
) -> None:
    planner = await register.person(Role.PERENCANA)
    page = await sign_in(context, register, planner)
    await page.goto(f"{register.address}/indikator/IKU-1?{DAY}")
    await page.get_by_role("link", name="Bandingkan").press("Enter")
    await page.get_by_role("link", name="Mulai putar ulang").press("Enter")
    await expect(page.get_by_text("Belum ada yang dihitung: 0/0.")).to_be_visible()
    for _ in range(2):
        await page.get_by_role("link", name="langkah berikutnya").press("Enter")
    await page.get_by_role("link", name="langkah terakhir").press("Enter")
    await expect(page.locator("#putar-ulang ~ .formula strong")).to_have_text("7/9")
    disabled = page.get_by_role("button", name="langkah berikutnya")
    await expect(disabled).to_be_disabled()
    # A planner sees which cases count, but neither their texts nor their pages.
    await page.goto(f"{register.address}/indikator/IKU-1/penjelasan?{DAY}")
    await expect(page.get_by_role("cell", name="Kasus", exact=True)).to_have_count(0)
    await expect(page.locator("a[href^='/konflik/']")).to_have_count(0)
    await expect(page.get_by_role("rowheader", name="K10")).to_be_visible()
