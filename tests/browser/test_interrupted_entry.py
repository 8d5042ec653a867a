"""Form fills that are interrupted: no character is lost, nothing is recorded twice.

The session ends, the network is cut, the tab is closed, or the server is restarted, at
a random moment of a fill. 12 fills run in Chromium, three of each kind; 188 send over
HTTP what the script and the browser would send, because one in Chromium takes a second.
A sample has 4 in Chromium, one of each kind, and 24 over HTTP.
"""

import asyncio
import random
from contextlib import suppress
from typing import Any

import httpx
import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect
from playwright.async_api import Error as BrowserError

from iku.access import sessions
from iku.domain.account import Role
from iku.ledger import log
from tests.access.enrolling import PASSWORD
from tests.browser.conftest import LOW
from tests.browser.site import Site, Someone, fill_sign_in, sign_in
from tests.samples import examples
from tests.web.pages import filling
from tests.web.pages.filling import Filled, read_form

NEW = "/konflik/baru"
IN_BROWSER, BY_HTTP = examples(12, 4), examples(188, 12)
KINDS = ("session", "network", "tab", "server")
LETTERS = "abcdefghijklmnopqrstuvwxyzéñç "


def text_of(chance: random.Random, number: int) -> str:
    """A title that resembles no other one."""
    rest = "".join(chance.choices(LETTERS, k=chance.randrange(5, 120)))
    return " ".join(f"x{number} {rest}".split())


async def recorded_titles(site: Site, someone: Someone) -> list[str]:
    """The titles of all cases, as the API lists them."""
    found: list[str] = []
    async with httpx.AsyncClient(base_url=site.address) as client:
        cookie = await new_cookie(site, someone)
        cursor: str | None = ""
        while cursor is not None:
            query = {"limit": "200"} | ({"cursor": cursor} if cursor else {})
            page = await client.get("/api/v1/conflicts", params=query, headers=cookie)
            found += [one["title"] for one in page.json()["items"]]
            cursor = page.json()["next"]
    return found


async def end_sessions(site: Site, someone: Someone) -> None:
    async with site.app.pool.acquire() as connection:
        await sessions.end_all(connection, someone.account)


async def new_cookie(site: Site, someone: Someone) -> dict[str, str]:
    """The headers of a new session, as after a sign-in."""
    token = await site.open_session(someone.account)
    return {"Cookie": f"__Host-iku={token}", "Sec-Fetch-Site": "same-origin"}


@pytest.fixture
async def officer(site: Site) -> Someone:
    return await site.person(Role.PETUGAS, "wasnas")


async def test_interrupted_fills_lose_nothing_and_record_once(
    site: Site, officer: Someone, browser: Browser
) -> None:
    chance = random.Random(20261127)
    before = (await log.head(site.app.pool)).size
    context = await browser.new_context(viewport=LOW)
    titles = []
    page = await sign_in(context, site, officer)
    for number in range(IN_BROWSER):
        titles.append(text_of(chance, number))
        kind = KINDS[number % len(KINDS)]
        fill = BrowserFill(site, officer, context, page, titles[-1])
        page = await fill.run(kind, chance)
    await context.close()
    # No connection is kept: that of a stopped server would fail.
    async with httpx.AsyncClient(
        limits=httpx.Limits(max_keepalive_connections=0)
    ) as client:
        for number in range(IN_BROWSER, IN_BROWSER + BY_HTTP):
            titles.append(text_of(chance, number))
            # A restart takes longest.
            kind = chance.choices(KINDS, weights=(3, 3, 3, 1))[0]
            await HttpFill(site, officer, client, titles[-1]).run(kind, chance)
    assert (await log.head(site.app.pool)).size == before + len(titles)
    listed = await recorded_titles(site, officer)
    assert [listed.count(one) for one in titles] == [1] * len(titles)


class BrowserFill:
    """A fill in Chromium."""

    def __init__(
        self,
        site: Site,
        someone: Someone,
        context: BrowserContext,
        page: Page,
        title: str,
    ) -> None:
        self.site, self.someone, self.context = site, someone, context
        self.page, self.title = page, title

    async def run(self, kind: str, chance: random.Random) -> Page:
        """Fill in the form with an interruption of that kind; gives the last page."""
        page = self.page
        await page.goto(f"{self.site.address}{NEW}")
        cut = chance.randrange(len(self.title))
        await page.fill("#title", self.title[:cut])
        await page.wait_for_timeout(chance.choice((0, 0, 900)))
        await getattr(self, f"_{kind}")()
        if await self.page.locator(".done").count() == 0:
            await self._complete()
        return self.page

    async def _complete(self) -> None:
        """Record the form, which shows everything that was typed.

        It is empty if it was recorded and only the answer was lost.
        """
        page = self.page
        if await page.input_value("#title") == "":
            return
        await expect(page.locator("#title")).to_have_value(self.title)
        await page.check("[name=category][value=lainnya]")
        await page.select_option("#dimension", "batas_wilayah")
        await page.click("button[value=simpan]")
        await expect(page.locator(".done")).to_be_visible()

    async def _session(self) -> None:
        await end_sessions(self.site, self.someone)
        await self.page.fill("#title", self.title)
        await self.page.click("button[value=simpan]")
        await self.site.office.forget_codes()
        await fill_sign_in(self.page, self.someone)

    async def _network(self) -> None:
        await self.context.set_offline(True)
        await self.page.fill("#title", self.title)
        await self.page.click("button[value=simpan]")
        said = self.page.locator("[data-keadaan]")
        await expect(said).to_contain_text("Tidak tersambung")
        await self.context.set_offline(False)
        await expect(said).to_contain_text("Draf tersimpan")

    async def _tab(self) -> None:
        await self.page.fill("#title", self.title)
        await self.page.close(run_before_unload=True)
        self.page = await self.context.new_page()
        # The browser sends the draft of a closed tab while other pages load.
        for _ in range(50):
            await self.page.goto(f"{self.site.address}{NEW}")
            if await self.page.input_value("#title") == self.title:
                break
            await self.page.wait_for_timeout(100)

    async def _server(self) -> None:
        await self.page.fill("#title", self.title)
        await self.page.check("[name=category][value=lainnya]")
        await self.page.select_option("#dimension", "batas_wilayah")
        await asyncio.gather(self._clicked(), self.site.restart())
        try:
            await expect(self.page.locator(".done")).to_be_visible(timeout=5_000)
        except AssertionError:
            await self.page.goto(f"{self.site.address}{NEW}")

    async def _clicked(self) -> None:
        with suppress(BrowserError):  # the server is restarted while it answers
            await self.page.click("button[value=simpan]")


class HttpFill:
    """A fill over HTTP, with the requests of the script and of the browser."""

    def __init__(
        self, site: Site, someone: Someone, client: httpx.AsyncClient, title: str
    ) -> None:
        self.site, self.someone = site, someone
        self.client, self.title = client, title
        self.cookie: dict[str, str] = {}

    async def run(self, kind: str, chance: random.Random) -> None:
        """Fill in the form with an interruption of that kind, and record it."""
        self.cookie = await new_cookie(self.site, self.someone)
        form = (await self._opened()).typed(
            title=self.title,
            category="lainnya",
            dimension="batas_wilayah",
            parties="A\r\nB",
        )
        begun = form.typed(title=self.title[: chance.randrange(len(self.title))])
        await self._send(begun.typed(jawab="json"), to="/draf")
        await getattr(self, f"_{kind}")(form, chance)
        restored = await self._opened()
        if not restored.value("title"):
            return  # recorded already, or its answer was lost
        for name in ("title", "category", "dimension", "parties"):
            assert restored.value(name) == form.value(name), (kind, name)
        assert (await self._send(restored)).status_code == 303

    async def _session(self, form: Filled, _chance: random.Random) -> None:
        await end_sessions(self.site, self.someone)
        lost = await self._send(form)
        assert lost.status_code == 401
        asked = read_form(lost.text, "/masuk").typed(
            nama=self.someone.login_name, sandi=PASSWORD
        )
        assert (await self._send(asked)).status_code == 303
        self.cookie = await new_cookie(self.site, self.someone)

    async def _network(self, form: Filled, chance: random.Random) -> None:
        await self._send(form.typed(jawab="json"), to="/draf")
        await self._cut(form, chance)

    async def _tab(self, form: Filled, chance: random.Random) -> None:
        del chance
        await self._send(form, to="/draf")  # as the browser does for a closed tab

    async def _server(self, form: Filled, chance: random.Random) -> None:
        await self._send(form.typed(jawab="json"), to="/draf")
        await asyncio.gather(self._cut(form, chance), self.site.restart())

    async def _cut(self, form: Filled, chance: random.Random) -> None:
        """Send the form, and lose the connection at a random moment."""
        with suppress(TimeoutError, httpx.TransportError):
            await asyncio.wait_for(self._send(form), chance.random() * 0.06)

    async def _opened(self) -> Filled:
        page = await self.client.get(f"{self.site.address}{NEW}", headers=self.cookie)
        assert page.status_code == 200, page.text
        return read_form(page.text)

    async def _send(self, form: Filled, **more: Any) -> httpx.Response:
        return await filling.sent(
            self.client, form, headers=self.cookie, site=self.site.address, **more
        )
