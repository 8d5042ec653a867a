"""Each page of the desk is accessible at every width and in every colour scheme."""

import pytest
from playwright.async_api import BrowserContext

from tests.browser.site import Site
from tests.browser.test_look import look, looked_at
from tests.web.pages.showing import addresses

__all__ = ["looked_at"]


@pytest.mark.parametrize("path", addresses())
async def test_a_page_is_accessible_and_fits_a_telephone(
    example: Site, looked_at: BrowserContext, path: str
) -> None:
    page = await looked_at.new_page()
    answer = await page.goto(f"{example.address}{path}")
    assert answer is not None
    assert answer.status == 200 or path.endswith("tidak-ada"), path
    await look(page, f"desk{path.replace('/', '-')}")
