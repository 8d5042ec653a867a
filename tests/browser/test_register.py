"""The pages of the register are accessible, fit a telephone and work by keyboard."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import BrowserContext, expect

from iku.domain.account import Role
from tests.browser.site import Site, open_site, sign_in
from tests.browser.test_look import follow, look
from tests.browser.test_look import looked_at as looked_at
from tests.conftest import Clone
from tests.samples import sample


@pytest.fixture(scope="session")
async def filled(clone: Clone, imported: str) -> AsyncIterator[Site]:
    """The example register, with accounts."""
    async with open_site(await clone(imported)) as site:
        yield site


async def test_the_pages_of_the_register_are_accessible(
    filled: Site, looked_at: BrowserContext
) -> None:
    someone = await filled.person(Role.VERIFIKATOR, "wasnas")
    page = await sign_in(looked_at, filled, someone)
    past = "?per=2021-12-31&diketahui=2022-01-15"
    await page.goto(f"{filled.address}/konflik")
    await look(page, "konflik")
    await page.click(".panel > summary")
    await look(page, "konflik-saring")
    await page.goto(f"{filled.address}/konflik{past}&status=open&dimension=politik")
    await look(page, "konflik-dulu")
    await page.fill("#kata", "pasar")
    await follow(page, "form[role=search] button >> nth=0")
    await look(page, "konflik-cari")
    others = {
        "perkara-K05": "/konflik/K05",
        "perkara-K06": "/konflik/K06",
        "perkara-K10": "/konflik/K10",
        "perkara-dulu": f"/konflik/K05{past}",
        "perkara-berkas": "/konflik/K05/berkas",
        "perkara-tidak-ada": "/konflik/tidak-ada",
        "organisasi-kosong": "/organisasi",
    }
    for name, path in sample(list(others.items()), 3):
        await page.goto(f"{filled.address}{path}")
        await look(page, name)


async def test_the_pages_of_organisations_are_accessible(
    filled: Site, looked_at: BrowserContext
) -> None:
    someone = await filled.person(Role.VERIFIKATOR, "poldagri")
    page = await sign_in(looked_at, filled, someone)
    await page.goto(f"{filled.address}/organisasi")
    await look(page, "organisasi")
    for number in sample(("O01", "O40"), 2):
        await page.goto(f"{filled.address}/organisasi/{number}")
        await look(page, f"organisasi-{number}")


async def test_a_case_is_found_by_keyboard_and_without_scripts(
    filled: Site, context: BrowserContext
) -> None:
    someone = await filled.person(Role.PETUGAS, "wasnas")
    page = await sign_in(context, filled, someone)
    await page.goto(f"{filled.address}/konflik?per=2021-12-31")
    await page.locator("#kata").focus()
    await page.keyboard.type("K05")
    async with page.expect_navigation():
        await page.keyboard.press("Enter")
    assert "K05" not in page.url
    row = page.locator("tbody a")
    await expect(row).to_have_text("K05")
    await row.focus()
    async with page.expect_navigation():
        await page.keyboard.press("Enter")
    await expect(page.locator("h1")).to_have_text("Kasus K05")
    assert page.url.endswith("/konflik/K05?per=2021-12-31")


async def test_a_key_leads_to_the_search(
    filled: Site, scripted: BrowserContext
) -> None:
    someone = await filled.person(Role.PETUGAS, "wasnas")
    page = await sign_in(scripted, filled, someone)
    await page.goto(f"{filled.address}/konflik")
    await page.keyboard.press("/")
    await expect(page.locator("#kata")).to_be_focused()


async def test_a_closed_form_is_laid_out_only_when_it_is_opened(
    filled: Site, looked_at: BrowserContext
) -> None:
    someone = await filled.person(Role.VERIFIKATOR, "wasnas")
    page = await sign_in(looked_at, filled, someone)
    await page.goto(f"{filled.address}/konflik")
    form = page.locator(".panel > form")
    # Not only invisible: the content of a closed <details> can have a layout.
    assert await form.evaluate("one => getComputedStyle(one).display") == "none"
    await page.click(".panel > summary")
    await expect(form.locator("#area")).to_be_visible()
