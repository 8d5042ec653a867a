"""Chromium for the tests of this folder; without it they are skipped."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from playwright.async_api import (
    Browser,
    BrowserContext,
    Page,
    ViewportSize,
    async_playwright,
)

from tests.browser.site import Site, faultless, open_site, sign_log
from tests.conftest import Clone
from tests.programs import CHROMIUM, program

# Pages live too briefly for V8's optimising compilers to pay off, and a process of its
# own for each page of one site takes a tenth of a second.
FLAGS = ("--js-flags=--no-turbofan,--no-maglev", "--renderer-process-limit=1")
# A third of the processor time of a page in a high window is for painting it.
LOW: ViewportSize = {"width": 1280, "height": 320}


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    path = program(*CHROMIUM)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        await browser.close()


class Lending:
    """Contexts that are lent to one test after the other.

    A context of its own costs each test a process for its pages. The first page of a
    lent one stays, and with it the process; all that a test can leave is removed.
    """

    def __init__(self, browser: Browser) -> None:
        self.browser = browser
        self.free: dict[str, list[BrowserContext]] = {}

    @asynccontextmanager
    async def context(
        self, script: str | None = None, **options: Any
    ) -> AsyncIterator[BrowserContext]:
        """A context with these options, whose pages run the script first."""
        free = self.free.setdefault(str((script and hash(script), options)), [])
        context = free.pop() if free else await self._made(script, options)
        yield context
        for page in context.pages[1:]:
            await page.close()
        await context.clear_cookies()
        await context.clear_permissions()
        await context.unroute_all()
        await context.set_offline(offline=False)
        free.append(context)

    async def _made(self, script: str | None, options: Any) -> BrowserContext:
        context = await self.browser.new_context(**options)
        if script is not None:
            await context.add_init_script(script)
        await context.new_page()
        return context


@pytest.fixture(scope="session")
def lending(browser: Browser) -> Lending:
    return Lending(browser)


@pytest.fixture
async def page(lending: Lending) -> AsyncIterator[Page]:
    """A page of a browser in which nothing is left of other tests."""
    async with lending.context(viewport=LOW) as context:
        yield await context.new_page()


@pytest.fixture(scope="session")
async def site(clone: Clone, furnished: str) -> AsyncIterator[Site]:
    """A register with accounts that all tests share; each has people of its own."""
    async with open_site(await clone(furnished)) as site:
        yield site


@pytest.fixture
async def demonstration(clone: Clone, furnished: str) -> AsyncIterator[Site]:
    """A demonstration with an administrator."""
    async with open_site(await clone(furnished), demonstrated=True) as site:
        yield site


@pytest.fixture(scope="session")
async def example(
    clone: Clone,
    imported: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Site]:
    """A demonstration with the example, its people, a publication and a checkpoint."""
    database = await clone(imported)
    async with open_site(database, demonstrated=True) as site:
        await site.invite_people()
        await site.publish()
        await sign_log(database, tmp_path_factory.mktemp("signer"))
        yield site


@pytest.fixture
async def context(lending: Lending) -> AsyncIterator[BrowserContext]:
    """A browser without JavaScript, whose pages report nothing."""
    async with lending.context(java_script_enabled=False, viewport=LOW) as context:
        with faultless(context):
            yield context


@pytest.fixture
async def second(lending: Lending) -> AsyncIterator[BrowserContext]:
    """Another browser, whose pages may report faults."""
    async with lending.context(viewport=LOW) as context:
        yield context


@pytest.fixture
async def scripted(lending: Lending) -> AsyncIterator[BrowserContext]:
    """A browser with JavaScript, whose pages report nothing."""
    async with lending.context(viewport=LOW) as context:
        with faultless(context):
            yield context
