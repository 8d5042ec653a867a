"""Chromium for the tests of this folder; without it they are skipped."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import (
    Browser,
    BrowserContext,
    Page,
    ViewportSize,
    async_playwright,
)

from tests.browser.site import Faults, Site, open_site, sign_log
from tests.conftest import Clone
from tests.programs import CHROMIUM, program

# Pages live too briefly for V8's optimising compilers to pay off, and a process of its
# own for each page of one site takes a tenth of a second. Without RenderDocument a page
# takes over the frame of the page before it, as it did for years: a new frame for each
# page takes a quarter of the processor time of a navigation.
FLAGS = (
    "--js-flags=--no-turbofan,--no-maglev",
    "--renderer-process-limit=1",
    "--disable-features=RenderDocument",  # Playwright's list stays disabled, too
)
# A third of the processor time of a page in a high window is for painting it.
LOW: ViewportSize = {"width": 1280, "height": 320}


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    path = program(*CHROMIUM)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        await browser.close()


@pytest.fixture
async def page(browser: Browser) -> AsyncIterator[Page]:
    """A page in a context of its own."""
    context = await browser.new_context(viewport=LOW)
    yield await context.new_page()
    await context.close()


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
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    """A browser without JavaScript, whose pages report nothing."""
    context = await browser.new_context(java_script_enabled=False, viewport=LOW)
    faults = Faults(context)
    yield context
    await context.close()
    assert faults.found == []


@pytest.fixture
async def second(browser: Browser) -> AsyncIterator[BrowserContext]:
    """Another browser, whose pages may report faults."""
    context = await browser.new_context(viewport=LOW)
    yield context
    await context.close()


@pytest.fixture
async def scripted(browser: Browser) -> AsyncIterator[BrowserContext]:
    """A browser with JavaScript, whose pages report nothing."""
    context = await browser.new_context(viewport=LOW)
    faults = Faults(context)
    yield context
    await context.close()
    assert faults.found == []
