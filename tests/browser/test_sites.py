"""Pages keep to their policy, and pages of other sites record nothing."""

import json
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Page, expect

from tests.conftest import Clone
from tests.web.conftest import CASE
from tests.web.test_server import Served, serving_process, told

PATH = "/api/v1/conflicts"


@pytest.fixture(scope="module")
async def served(
    clone: Clone, entered: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Served]:
    """The fictional register, so that pages have figures to show."""
    home = tmp_path_factory.mktemp("serving")
    with serving_process(**told(await clone(entered), home)) as served:
        yield served


class OtherSite(BaseHTTPRequestHandler):
    """A server of an empty page without any policy."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>Other</title>")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it
        pass


@contextmanager
def other_site() -> Iterator[int]:
    """The port of a server of other pages on this machine."""
    with ThreadingHTTPServer(("127.0.0.1", 0), OtherSite) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def faults_of(page: Page) -> list[str]:
    """A list that gets each error and violation that the page reports."""
    found: list[str] = []
    page.on("pageerror", lambda error: found.append(str(error)))
    page.on(
        "console",
        lambda said: found.append(said.text) if said.type == "error" else None,
    )
    return found


async def test_no_page_violates_its_policy(page: Page, served: Served) -> None:
    """ASVS 3.4.3."""
    faults = faults_of(page)
    for path in ("/", "/?bahasa=en", "/?per=2021-12-31"):
        answer = await page.goto(f"{served.address}{path}")
        assert answer is not None
        assert answer.status == 200
        await expect(page.locator("table >> visible=true").first).to_be_visible()
    await page.goto(f"{served.address}/docs")
    # Rendering the whole document takes seconds on a busy machine.
    tag = page.locator("#operations-tag-Figures")
    await expect(tag).to_be_visible(timeout=60_000)
    assert faults == []


async def test_a_script_that_was_smuggled_into_a_page_does_not_run(
    page: Page, served: Served
) -> None:
    """ASVS 3.4.3."""
    faults = faults_of(page)
    # Rendering the whole document takes seconds.
    small = json.dumps({"openapi": "3.1.0", "paths": {}})
    await page.route("**/openapi.json", lambda route: route.fulfill(body=small))
    for path in ("/", "/docs"):
        await page.goto(f"{served.address}{path}")
        await page.evaluate(
            """() => {
              const script = document.createElement('script')
              script.textContent = 'window.smuggled = true'
              document.body.append(script)
            }"""
        )
        assert await page.evaluate("window.smuggled === undefined")
    assert len(faults) == 2
    assert all("Content Security Policy" in fault for fault in faults)


POSTED = """async ([url, body]) => {
  const headers = {'Content-Type': 'application/json'}
  return (await fetch(url, {method: 'POST', body, headers})).status
}"""
SUBMITTED = """url => {
  const form = document.createElement('form')
  form.method = 'post'
  form.action = url
  form.enctype = 'text/plain'
  document.body.append(form)
  form.submit()
}"""


async def submitted(page: Page, url: str) -> int:
    """The status of the answer to a form that the page sends to *url*."""
    async with page.expect_response(url) as answered:
        await page.evaluate(SUBMITTED, url)
    return (await answered.value).status


async def test_a_page_of_ours_may_record(page: Page, served: Served) -> None:
    url = f"{served.address}{PATH}"
    await page.goto(served.address)
    body = json.dumps(CASE | {"number": "K99"})
    assert await page.evaluate(POSTED, [url, body]) == 201
    # The form passes the check, and only then has the wrong media type.
    assert await submitted(page, url) == 415


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
async def test_a_page_of_another_site_records_nothing(
    page: Page, served: Served, host: str
) -> None:
    """ASVS 3.5.1, 3.5.3."""
    url, body = f"{served.address}{PATH}", json.dumps(CASE | {"number": "K98"})
    async with httpx.AsyncClient() as client:
        before = (await client.get(url)).json()["total"]
        with other_site() as port:
            await page.goto(f"http://{host}:{port}/")
            with pytest.raises(PlaywrightError, match="Failed to fetch"):
                await page.evaluate(POSTED, [url, body])
            # The form of our own page got 415.
            assert await submitted(page, url) == 403
        assert (await client.get(url)).json()["total"] == before


async def test_a_page_of_another_site_cannot_show_ours_in_a_frame(
    page: Page, served: Served
) -> None:
    """ASVS 3.4.6."""
    faults = faults_of(page)
    with other_site() as port:
        await page.goto(f"http://localhost:{port}/")
        await page.evaluate(
            """url => {
              const frame = document.createElement('iframe')
              frame.src = url
              document.body.append(frame)
              return new Promise(done => { frame.onload = done })
            }""",
            served.address,
        )
    assert any("frame-ancestors" in fault for fault in faults)
