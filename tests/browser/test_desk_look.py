"""Each page of the desk is accessible, at every width and in every colour scheme.

Full, empty, and where it refuses something; in Indonesian, and once in English. A
sample has each page of the full register and each refusal in Indonesian, and some of
the other pages.
"""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import BrowserContext, Page, Response

from iku.ledger.appender import Unavailable
from iku.web import page_failures
from iku.web.pages import routes
from iku.web.visitor import authenticate_visitor
from tests.browser.site import Site, become
from tests.browser.test_look import (
    RULES,
    SCHEMES,
    WIDTHS,
    follow,
    look,
    looked_at,
    views,
)
from tests.samples import sample
from tests.web.pages.showing import addresses

__all__ = ["looked_at"]
SHOWN = {200, 400, 404}
NEW = "/konflik/baru"
# Colours and sizes are those of the Indonesian pages.
SAME = {name: {"enabled": False} for name in ("color-contrast", "target-size")}
OF_LANGUAGES: dict[str, tuple[Any, tuple[int, ...]]] = {
    "id": (SCHEMES, WIDTHS),
    "en": ({"light": RULES | {"rules": SAME}}, WIDTHS[:1]),
}
STEPS = {"id": 1, "en": 12}  # of a sample


class Opened:
    """A page of a browser, with the status of what it shows."""

    def __init__(self, page: Page, site: Site, language: str) -> None:
        self.page, self.site, self.language = page, site, language
        self.status = 0
        page.on("response", self._answered)

    def _answered(self, answer: Response) -> None:
        if answer.request.is_navigation_request():
            self.status = answer.status

    async def open(self, path: str) -> None:
        joined = "&" if "?" in path else "?"
        language = "" if self.language == "id" else f"{joined}bahasa={self.language}"
        await self.page.goto(f"{self.site.address}{path}{language}")
        found = await self.page.locator("html").get_attribute("lang")
        assert found == self.language, path

    async def be(self, name: str) -> None:
        await become(self.page.context, self.site, name)

    async def look(self, name: str) -> None:
        await look(self.page, name, *OF_LANGUAGES[self.language])


async def walk(
    site: Site, context: BrowserContext, language: str, name: str, step: int
) -> None:
    """Look at every page, or in a sample at each *step*-th one.

    Pages with the same view follow each other, because a change of the width or of the
    colours takes as long as half a page.
    """
    opened = Opened(await context.new_page(), site, language)
    named = {
        f"{name}{path.replace('/', '-')}-{language}": path
        for path in sample(addresses(), step)
    }
    for one in sorted(
        named, key=lambda one: str([*views(one, *OF_LANGUAGES[language])])
    ):
        await opened.open(named[one])
        assert opened.status in SHOWN, one
        await opened.look(one)


@pytest.mark.parametrize("language", OF_LANGUAGES)
async def test_each_page_of_a_register_is_accessible(
    example: Site, looked_at: BrowserContext, language: str
) -> None:
    await walk(example, looked_at, language, "desk", STEPS[language])


async def test_each_page_of_an_empty_register_is_accessible(
    demonstration: Site, looked_at: BrowserContext
) -> None:
    await walk(demonstration, looked_at, "id", "empty", step=12)


async def away(*_: Any) -> None:
    raise Unavailable


async def refusals(opened: Opened, patch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    """Open each kind of page that refuses something; gives the status it must have."""
    page = opened.page
    for status, path in (
        (400, "/?per=kapan"),
        (404, "/indikator/IKU-9"),
        (409, f"{NEW}?per=2021-12-31"),
    ):
        await opened.open(path)
        yield status
    await opened.be("Perencana Contoh")
    await opened.open(NEW)
    yield 403
    await opened.be("Petugas Contoh")
    await opened.open(NEW)
    await follow(page, "button[value=simpan]")
    yield 422
    await opened.open("/konflik/K05/catat/handled")
    await page.check("[name=phase][value=penghentian]")
    await page.evaluate("document.querySelector('[name=versi]').value = 1")
    await follow(page, "button[value=simpan]")
    yield 412
    await opened.open(NEW)
    await page.context.clear_cookies()
    await follow(page, "button[value=simpan]")
    yield 401
    patch.setattr("iku.queries.last_movement.last_moved_on", away)
    await opened.open("/")
    yield 503
    for module in (page_failures, routes):
        patch.setattr(module, authenticate_visitor.__name__, away)
    await opened.open("/")
    yield 503


@pytest.mark.parametrize("language", sample(list(OF_LANGUAGES), len(OF_LANGUAGES)))
async def test_each_page_that_refuses_something_is_accessible(
    example: Site,
    looked_at: BrowserContext,
    monkeypatch: pytest.MonkeyPatch,
    language: str,
) -> None:
    opened = Opened(await looked_at.new_page(), example, language)
    async for status in refusals(opened, monkeypatch):
        assert opened.status == status, opened.page.url
        await opened.look(f"refusal-{status}-{language}")
