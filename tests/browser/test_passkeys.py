"""Passkeys, with the virtual authenticator of Chromium."""

from typing import Any

from playwright.async_api import BrowserContext, Page, expect

from iku.access import sessions
from iku.domain.account import Role
from tests.access.enrolling import PASSWORD
from tests.browser.site import Site, sign_in, token_of

AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


async def with_authenticator(page: Page) -> tuple[Any, str]:
    """Give the page an authenticator; its session of the protocol, and its id."""
    protocol = await page.context.new_cdp_session(page)
    await protocol.send("WebAuthn.enable")
    made = await protocol.send(
        "WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR}
    )
    return protocol, made["authenticatorId"]


async def prove(page: Page) -> None:
    """Press the button of the passkey, and wait for the page that follows."""
    async with page.expect_navigation():
        await page.click("[data-passkey] button")


async def test_an_invited_person_enrols_a_passkey_and_signs_in_by_it(
    site: Site, scripted: BrowserContext
) -> None:
    """ASVS 6.3.3, 6.4.6."""
    account, name = await site.invite(Role.PERENCANA)
    page = await scripted.new_page()
    await with_authenticator(page)
    await page.goto(await site.link(account))
    await page.click("main button")
    await page.fill("#passkey-name", "Laptop kantor")
    invited = await token_of(scripted)
    await prove(page)
    await expect(page.locator("h1")).to_have_text(name)
    await expect(page.locator("main")).to_contain_text("Laptop kantor")
    first = await token_of(scripted)
    assert first not in {None, invited}
    await page.click("nav form button")
    await expect(page).to_have_url(f"{site.address}/masuk")
    await page.goto(f"{site.address}/akun")
    await prove(page)
    await expect(page).to_have_url(f"{site.address}/akun")
    await expect(page.locator("h1")).to_have_text(name)
    assert await token_of(scripted) not in {None, first}


async def test_a_passkey_is_the_second_step_confirms_and_can_be_removed(
    site: Site, scripted: BrowserContext
) -> None:
    """ASVS 6.3.3, 7.5.3."""
    someone = await site.person(Role.PERENCANA)
    page = await sign_in(scripted, site, someone)
    await with_authenticator(page)
    await page.goto(f"{site.address}/akun?bahasa=en")
    await page.fill("#passkey-name", "Telepon")
    await prove(page)
    await expect(page.locator("main")).to_contain_text("Telepon")
    await page.click("nav form button")
    await page.fill("#nama", someone.login_name)
    await page.fill("#sandi", PASSWORD)
    await page.click("main button >> nth=0")
    await expect(page.locator("h1")).to_have_text("Second step")
    await prove(page)
    await site.office.owner.execute(
        "update access.session set fresh_at = fresh_at - interval '6 minutes'"
    )
    await page.goto(f"{site.address}/akun/konfirmasi?ke=/akun")
    before = await token_of(scripted)
    await prove(page)
    await expect(page.locator("h1")).to_have_text(someone.name)
    assert await token_of(scripted) not in {None, before}
    await page.click("form[action^='/akun/passkey/hapus'] button")
    await expect(page.locator("form[action^='/akun/passkey/hapus']")).to_have_count(0)


async def test_a_passkey_that_was_removed_signs_nobody_in_and_the_page_says_so(
    site: Site, scripted: BrowserContext
) -> None:
    someone = await site.person(Role.PERENCANA)
    page = await sign_in(scripted, site, someone)
    protocol, authenticator = await with_authenticator(page)
    await page.goto(f"{site.address}/akun")
    await page.fill("#passkey-name", "Hilang")
    await prove(page)
    await page.click("form[action^='/akun/passkey/hapus'] button")
    await page.click("nav form button")
    await expect(page).to_have_url(f"{site.address}/masuk")
    await page.click("[data-passkey] button")
    said = page.locator("[data-passkey] [role=alert]")
    await expect(said).to_contain_text("tidak terdaftar")
    assert await token_of(scripted) is None
    await protocol.send(
        "WebAuthn.removeVirtualAuthenticator", {"authenticatorId": authenticator}
    )


async def test_without_javascript_the_page_says_what_passkeys_need(
    site: Site, context: BrowserContext
) -> None:
    page = await context.new_page()
    await page.goto(f"{site.address}/masuk")
    await expect(page.locator("[data-passkey] button")).to_be_hidden()
    await expect(page.locator("[data-unsupported]")).to_be_visible()
    await page.goto(f"{site.address}/masuk".replace("localhost", "127.0.0.1"))
    await expect(page.locator("[data-passkey]")).to_have_count(0)
    await expect(page.locator("main")).to_contain_text(site.address)


async def test_a_form_of_an_ended_session_is_filled_in_after_a_passkey(
    site: Site, scripted: BrowserContext
) -> None:
    account, name = await site.invite(Role.PETUGAS, "wasnas")
    page = await scripted.new_page()
    await with_authenticator(page)
    await page.goto(await site.link(account))
    await page.click("main button")
    await page.fill("#passkey-name", "Laptop kantor")
    await prove(page)
    await expect(page.locator("h1")).to_have_text(name)
    await page.goto(f"{site.address}/konflik/baru")
    await page.fill("#title", "Sengketa lahan parkir")
    async with site.app.pool.acquire() as connection:
        await sessions.end_all(connection, account)
    await page.click("button[value=simpan]")
    await expect(page.locator("main .note")).to_contain_text("tidak hilang")
    await prove(page)
    await expect(page.locator("#title")).to_have_value("Sengketa lahan parkir")
