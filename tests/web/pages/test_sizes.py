"""Pages and what they load stay small (docs/decisions/0044)."""

import gc

import pytest
from jinja2.runtime import Context, Macro

from iku.web import page_rendering
from tests.web.conftest import Client
from tests.web.pages.showing import addresses

SITE = "http://iku.test"
KB = 1024
LARGEST_PAGE = 40 * KB
LARGEST = {"pages.css": 12 * KB, "desk.js": 8 * KB, "passkeys.js": 8 * KB}


@pytest.mark.parametrize("name", LARGEST)
async def test_a_file_that_pages_load_is_small(reader: Client, name: str) -> None:
    sent = await reader.get(f"{SITE}{page_rendering.asset_address(name)}")
    assert sent.status_code == 200
    assert 0 < len(sent.content) <= LARGEST[name]


async def test_a_page_leaves_nothing_to_the_garbage_collector(reader: Client) -> None:
    address = f"{SITE}/konflik"
    await reader.get(address)  # imports templates once for all pages
    gc.disable()
    gc.freeze()  # what there is, so that `get_objects` has only what this page leaves
    try:
        assert (await reader.get(address)).status_code == 200
        left = [one for one in gc.get_objects() if isinstance(one, Context | Macro)]
    finally:
        gc.unfreeze()
        gc.enable()
    assert left == []


@pytest.mark.parametrize("path", addresses())
async def test_a_page_is_small(reader: Client, path: str) -> None:
    page = await reader.get(f"{SITE}{path}")
    if page.headers["Content-Type"].startswith("text/html"):
        assert len(page.content) <= LARGEST_PAGE, len(page.content)
