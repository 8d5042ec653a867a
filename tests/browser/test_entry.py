"""Entering in a browser: by keyboard, without script, and through interruptions."""

from urllib.parse import urlsplit

import pytest
from playwright.async_api import BrowserContext, Page, expect

from iku.access import drafts, sessions
from iku.domain.account import Role
from iku.ledger import log
from tests.access.enrolling import PASSWORD
from tests.browser.site import Site, Someone, fill_sign_in, sign_in
from tests.browser.test_look import look, looked_at

NEW = "/konflik/baru"
TITLE = "Sengketa lahan parkir antara pedagang dan warga"
SECONDS_A_KEY = 60 / 200  # of somebody who types forty words a minute
__all__ = ["looked_at"]  # a fixture of another file


@pytest.fixture
async def officer(site: Site) -> Someone:
    return await site.person(Role.PETUGAS, "wasnas")


async def size(site: Site) -> int:
    return (await log.head(site.app.pool)).size


async def end_sessions(site: Site, someone: Someone) -> None:
    async with site.app.pool.acquire() as connection:
        await sessions.end_all(connection, someone.account)


async def kept(site: Site, someone: Someone) -> dict[str, str]:
    """The draft of the report form, by field; empty if there is none."""
    secrets = site.office.secrets
    found = await drafts.find(site.app.pool, secrets, someone.account, NEW)
    return {} if found is None else dict(found.fields)


class Keys:
    """The keyboard, which counts its keys."""

    def __init__(self, page: Page) -> None:
        self.page, self.count = page, 0

    async def press(self, *keys: str) -> None:
        for key in keys:
            self.count += 1
            await self.page.keyboard.press(key)

    async def type(self, text: str) -> None:
        await self.press(*text)


async def test_a_report_by_keyboard_alone_takes_well_under_half_a_minute(
    site: Site, officer: Someone, scripted: BrowserContext
) -> None:
    page = await sign_in(scripted, site, officer)
    await page.goto(f"{site.address}/konflik")
    keys, before = Keys(page), await size(site)
    for key in ("Tab", "Enter", "Tab"):  # past the navigation
        await keys.press(key)
    async with page.expect_navigation():
        await keys.press("Enter")
    await expect(page.locator("#title")).to_be_focused()
    await keys.type(TITLE)
    await keys.press("Tab", "Space", "Tab", "e", "Control+Enter")
    confirmation = page.locator(".done")
    await expect(confirmation).to_be_focused()
    await expect(confirmation).to_contain_text("Laporkan lagi")
    assert await size(site) == before + 1
    assert await kept(site, officer) == {}
    assert keys.count <= len(TITLE) + 9
    assert keys.count * SECONDS_A_KEY < 20
    # Another one needs even fewer.
    keys.count = 0
    await keys.press("Tab")
    async with page.expect_navigation():
        await keys.press("Enter")
    await expect(page.locator("#title")).to_be_focused()
    assert keys.count == 2


async def test_the_dimensions_follow_the_category(
    site: Site, officer: Someone, scripted: BrowserContext
) -> None:
    page = await sign_in(scripted, site, officer)
    await page.goto(f"{site.address}{NEW}")
    await page.check("[name=category][value=sara]")
    shown = page.locator("#dimension optgroup:not([hidden]) option")
    assert await shown.all_text_contents() == ["Suku", "Agama", "Ras", "Antargolongan"]
    await page.select_option("#dimension", "agama")
    await page.check("[name=category][value=lainnya]")
    assert await page.input_value("#dimension") == ""


async def test_what_is_typed_is_saved_repeated_in_words_and_seen_elsewhere(
    site: Site, officer: Someone, scripted: BrowserContext, second: BrowserContext
) -> None:
    page = await sign_in(scripted, site, officer)
    await page.goto(f"{site.address}{NEW}")
    await page.fill("#title", TITLE)
    await page.fill("#effective_on", "4-3-2022")
    await expect(page.locator("#effective_on-gema")).to_have_text("4 Maret 2022")
    await expect(page.locator("[data-keadaan]")).to_contain_text("Draf tersimpan")
    await site.office.forget_codes()
    other = await sign_in(second, site, officer)
    await other.goto(f"{site.address}/tugas")
    await other.click("text=Laporkan konflik")
    await expect(other.locator("#title")).to_have_value(TITLE)
    await expect(other.locator("main")).to_contain_text("dipulihkan")


async def test_a_cut_network_is_said_and_saved_once_it_is_back(
    site: Site, officer: Someone, second: BrowserContext
) -> None:
    page = await sign_in(second, site, officer)
    await page.goto(f"{site.address}{NEW}")
    await second.set_offline(True)
    await page.fill("#title", TITLE)
    said = page.locator("[data-keadaan]")
    await expect(said).to_have_text("Tidak tersambung: isian belum tersimpan")
    # Sending the form does not lose it either: the page stays.
    await page.click("button[value=simpan]")
    await expect(page.locator("#title")).to_have_value(TITLE)
    await second.set_offline(False)
    await expect(said).to_contain_text("Draf tersimpan")
    assert (await kept(site, officer))["title"] == TITLE


async def test_a_form_of_an_ended_session_is_filled_in_after_the_sign_in(
    site: Site, officer: Someone, context: BrowserContext
) -> None:
    page = await sign_in(context, site, officer)
    await page.goto(f"{site.address}{NEW}")
    await page.fill("#title", TITLE)
    await page.check("[name=category][value=lainnya]")
    await page.select_option("#dimension", "batas_wilayah")
    await page.fill("#parties", "Warga A\nWarga B")
    await end_sessions(site, officer)
    await page.click("button[value=simpan]")
    await expect(page.locator("main .note")).to_contain_text("tidak hilang")
    await site.office.forget_codes()
    await fill_sign_in(page, officer)
    assert urlsplit(page.url).path == NEW
    await expect(page.locator("#title")).to_have_value(TITLE)
    await expect(page.locator("#dimension")).to_have_value("batas_wilayah")
    await expect(page.locator("#parties")).to_have_value("Warga A\nWarga B")
    before = await size(site)
    await page.click("button[value=simpan]")
    await expect(page.locator(".done")).to_be_visible()
    assert await size(site) == before + 1


async def test_another_account_does_not_get_the_form(
    site: Site, officer: Someone, context: BrowserContext
) -> None:
    other = await site.person(Role.PETUGAS, "wasnas")
    page = await sign_in(context, site, officer)
    await page.goto(f"{site.address}{NEW}")
    await page.fill("#title", TITLE)
    await end_sessions(site, officer)
    await page.click("button[value=simpan]")
    await fill_sign_in(page, other, PASSWORD)
    await expect(page.locator("main .note")).to_contain_text("milik akun lain")
    await expect(page.locator("#title")).to_have_value("")


async def test_without_script_a_report_is_previewed_and_recorded(
    site: Site, officer: Someone, context: BrowserContext
) -> None:
    page = await sign_in(context, site, officer)
    await page.goto(f"{site.address}{NEW}")
    await page.fill("#title", "Perkelahian di terminal")
    await page.check("[name=category][value=lainnya]")
    await page.select_option("#dimension", "sumber_daya_alam")
    await page.click("button[value=pratinjau]")
    await expect(page.locator("#pratinjau")).to_contain_text("IKU-1")
    await page.click("button[value=simpan]")
    await expect(page.locator(".done")).to_be_visible()


async def test_the_shortcuts_can_be_switched_off(
    site: Site, officer: Someone, scripted: BrowserContext
) -> None:
    page = await sign_in(scripted, site, officer)
    await page.goto(f"{site.address}/")
    await page.keyboard.press("t")
    await expect(page.locator("#per")).to_be_focused()
    await page.goto(f"{site.address}/pintasan")
    await page.click("main form button")
    await page.goto(f"{site.address}/")
    await page.keyboard.press("t")
    await expect(page.locator("#per")).not_to_be_focused()


async def test_the_forms_are_accessible(
    site: Site, officer: Someone, looked_at: BrowserContext
) -> None:
    page = await sign_in(looked_at, site, officer)
    await page.goto(f"{site.address}{NEW}")
    await look(page, "entry")
    await page.fill("#effective_on", "31-2-2022")
    async with page.expect_navigation():
        await page.click("button[value=simpan]")
    await look(page, "entry-faults")
    long = " ".join(["Sengketa-pembagian-lapak", *["dan warga"] * 25])
    for name in ("entry-recorded", "entry-similar"):
        await page.goto(f"{site.address}{NEW}")
        await page.fill("#title", long)
        await page.fill("#effective_on", "kemarin")
        await page.check("[name=category][value=ipoleksosbud]")
        await page.select_option("#dimension", "budaya")
        async with page.expect_navigation():
            await page.click("button[value=simpan]")
        await look(page, name)
    await expect(page.locator("#serupa .note")).to_be_focused()
    await expect(page.locator("#serupa")).to_contain_text(long)
    async with page.expect_navigation():
        await page.click("button[value=pratinjau]")
    await expect(page.locator("#pratinjau")).to_be_focused()
    await look(page, "entry-preview")
    case = await page.locator("#serupa a").get_attribute("href")
    handled = f"{site.address}{case}/catat/handled"
    await page.goto(handled)
    other = await looked_at.new_page()
    await other.goto(handled)
    for one in (other, page):
        await one.check("[name=phase][value=penghentian]")
        await one.fill("#note", "Dipertemukan di balai kota")
        async with one.expect_navigation():
            await one.click("button[value=simpan]")
    await expect(page.locator("h1")).to_contain_text("sudah berubah")
    await look(page, "entry-overtaken")
    await page.goto(f"{site.address}/pintasan")
    await look(page, "shortcuts")
