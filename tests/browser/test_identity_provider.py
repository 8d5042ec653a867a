"""Sign-in, linking and confirmation by an identity provider, in a browser."""

from collections.abc import AsyncIterator, Iterator
from html import escape
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from playwright.async_api import BrowserContext, expect

from iku.access import sessions
from iku.domain.account import Role
from tests.access.identity_provider import IdentityProvider, identity_provider, send
from tests.browser.site import Site, open_site, sign_in, token_of
from tests.conftest import Clone


def send_back(asked: BaseHTTPRequestHandler) -> None:
    """Send the browser back at once, as for somebody who is signed in there."""
    provider = asked.server
    assert isinstance(provider, IdentityProvider)
    url = f"{provider.url}{asked.path}"
    given = dict(parse_qsl(urlsplit(url).query))
    address = f"{given['redirect_uri']}?{urlencode(provider.authorize(url))}"
    page = f'<meta http-equiv="refresh" content="0; url={escape(address)}">'
    send(asked, 200, page.encode(), Content_Type="text/html")


@pytest.fixture(scope="module")
def provider() -> Iterator[IdentityProvider]:
    with identity_provider() as provider:
        provider.secret = None
        # A route of the browser would do as well, but disables its cache for all pages.
        provider.answers["/authorize"] = send_back
        yield provider


@pytest.fixture(scope="module")
async def linked(
    clone: Clone, furnished: str, provider: IdentityProvider
) -> AsyncIterator[Site]:
    """A register whose accounts can be linked to identities of the provider."""
    async with open_site(await clone(furnished), issuer=provider.url) as site:
        yield site


async def test_an_identity_is_linked_and_signs_in_with_a_second_factor(
    linked: Site, context: BrowserContext
) -> None:
    """ASVS 10.5, 6.8.4: the provider proves one factor."""
    someone = await linked.person(Role.PERENCANA)
    page = await context.new_page()
    await page.goto(f"{linked.address}/masuk")
    await page.click("form[action='/masuk/oidc'] button")
    await expect(page.locator(".summary")).to_be_visible()  # not linked yet
    assert await token_of(context) is None

    page = await sign_in(context, linked, someone)
    await page.goto(f"{linked.address}/akun")
    await page.click("form[action='/masuk/oidc'] button")
    await expect(page.locator("h1")).to_have_text(someone.name)
    await expect(page.locator("main")).to_contain_text("198503122010011001")
    await page.click("nav form button")
    await expect(page).to_have_url(f"{linked.address}/masuk")

    await page.goto(f"{linked.address}/akun?bahasa=en")
    await page.click("form[action^='/masuk/oidc'] button")
    await page.fill("#kode", "123456")  # the second factor is asked for
    half_open = await token_of(context)
    await linked.office.forget_codes()
    await page.fill("#kode", someone.code)
    await page.click("main button >> nth=0")
    await expect(page.locator(".top nav")).to_contain_text(someone.name)
    assert await token_of(context) not in {None, half_open}

    await linked.office.owner.execute(
        "update access.session set fresh_at = fresh_at - interval '6 minutes'"
    )
    await page.goto(f"{linked.address}/akun/konfirmasi?ke=/akun")
    before = await token_of(context)
    await page.click("form[action='/masuk/oidc'] button")
    await expect(page).to_have_url(f"{linked.address}/akun")
    assert await token_of(context) not in {None, before}
    await page.goto(f"{linked.address}/masuk/oidc?state=x&code=y")
    await expect(page.locator(".summary")).to_be_visible()


async def test_a_form_of_an_ended_session_is_filled_in_after_the_provider(
    linked: Site, provider: IdentityProvider, context: BrowserContext
) -> None:
    provider.claims["sub"] = "198503122010011002"  # the other one is linked
    someone = await linked.person(Role.PETUGAS, "wasnas")
    page = await sign_in(context, linked, someone)
    await page.goto(f"{linked.address}/akun")
    await page.click("form[action='/masuk/oidc'] button")
    await expect(page.locator("h1")).to_have_text(someone.name)
    await page.goto(f"{linked.address}/konflik/baru")
    await page.fill("#title", "Sengketa lahan parkir")
    async with linked.app.pool.acquire() as connection:
        await sessions.end_all(connection, someone.account)
    await page.click("button[value=simpan]")
    await page.click("form[action='/masuk/oidc'] button")
    await page.wait_for_selector("#kode")
    await linked.office.forget_codes()
    await page.fill("#kode", someone.code)
    await page.click("main button >> nth=0")
    await expect(page.locator("#title")).to_have_value("Sengketa lahan parkir")
