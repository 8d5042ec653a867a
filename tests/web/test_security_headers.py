"""Every answer has the security headers (ASVS 3.4.1-8, 14.3.2)."""

from collections.abc import AsyncIterator, Mapping
from copy import copy
from typing import Any

import httpx
import pytest

from iku.app import App
from iku.commands.handler import CommandHandler
from iku.ledger.appender import Unavailable
from iku.web import security_headers
from iku.web.app import connect
from iku.web.listening import Transport
from tests.samples import pairs
from tests.web.conftest import API, CASE, Client, assembled, client_of
from tests.web.test_origin_check import table

HSTS = "strict-transport-security"
STRICT = {
    "default-src 'none'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
}
FIXED = {
    "x-content-type-options": "nosniff",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "same-origin",
}
# Everything else depends on who asks, or will when there are accounts.
CACHED = {
    "/api/v1/log/checkpoint": "public, max-age=5",
    "/api/v1/log/policy": "public, max-age=5",
    "/docs/assets/swagger-ui.css": "public, max-age=86400",
}
# Directives by which pages widen the policy.
DOCUMENTATION = {
    *("script-src 'self'", "style-src 'self' 'unsafe-inline'"),
    *("img-src 'self' data:", "connect-src 'self'"),
}


def check(answer: httpx.Response, *, tls: bool = False) -> None:
    """Assert that *answer* has each security header, once."""
    at = (answer.request.method, answer.request.url.path, answer.status_code)
    names = [name for name, _ in answer.headers.multi_items()]
    for name in ("content-security-policy", "cache-control", *FIXED):
        assert names.count(name) == 1, (at, name)
    assert {name: answer.headers[name] for name in FIXED} == FIXED, at
    assert set(policy(answer.headers)) >= STRICT, at
    expected = {"max-age=31536000; includeSubDomains"} if tls else set()
    assert set(answer.headers.get_list(HSTS)) == expected, at


OF_PAGES = {
    *("script-src 'self'", "style-src 'self'", "img-src 'self'", "connect-src 'self'")
}


def widened(path: str) -> set[str]:
    """The directives by which the answers of a path may widen the policy."""
    if path.startswith("/docs"):
        return set() if "/assets/" in path else DOCUMENTATION
    return set() if path.startswith(("/api/", "/assets/", "/metrics")) else OF_PAGES


def policy(headers: Mapping[str, str]) -> list[str]:
    """The directives of the Content-Security-Policy."""
    return headers["content-security-policy"].split("; ")


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_every_route_answers_with_them(reader: Client, scheme: str) -> None:
    tls, statuses = scheme == "https", set()
    # In the other order, so that a sample tries each route with both.
    queries = ("", "?unknown=1") if tls else ("?unknown=1", "")
    for (method, path), query in pairs(table(), queries, 2):
        answer = await reader.request(method, f"{scheme}://iku.test{path}{query}")
        check(answer, tls=tls)
        usual = CACHED.get(path) if answer.status_code == 200 else None
        assert answer.headers["Cache-Control"] == (usual or "no-store"), path
        assert set(policy(answer.headers)) - STRICT <= widened(path), path
        statuses.add(answer.status_code)
    assert statuses >= {200, 204, 400, 404, 409, 415}


async def test_an_address_without_a_route_answers_with_them(reader: Client) -> None:
    for method, path, status in (
        *((one, "/nothing", 404) for one in ("GET", "HEAD", "OPTIONS", "POST")),
        ("DELETE", "/api/v1/figures", 405),
        ("GET", "/docs/assets/none.js", 404),
        ("GET", "/docs/nothing", 404),
        ("POST", "/", 405),
        ("GET", "/api/v1/%zz", 400),
        ("GET", "/%00", 400),
    ):
        answer = await reader.request(method, f"http://iku.test{path}")
        assert answer.status_code == status, (method, path)
        check(answer)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "a b"}, 400),
        ({"Host": "evil.example"}, 421),
        ({"Origin": "https://evil.example"}, 403),
        ({"Via": "1.1 proxy"}, 400),
        ({}, 415),
    ],
)
async def test_a_refusal_in_admission_answers_with_them(
    app: App, headers: dict[str, str], status: int
) -> None:
    asgi = connect(copy(assembled()), app, Transport(local_only=True))
    url = "http://127.0.0.1/api/v1"
    async with Client(transport=httpx.ASGITransport(asgi), base_url=url) as client:
        answer = await client.post("/conflicts", headers=headers)
    assert answer.status_code == status
    check(answer)


async def test_a_file_answers_with_them_and_is_sandboxed(client: Client) -> None:
    await client.records("/conflicts", CASE)
    headers = {"Iku-File-Name": "a.html", "Content-Type": "text/html"}
    put = await client.post(
        "/conflicts/K14/attachments", content=b"<script>", headers=headers
    )
    check(put)
    file = await client.get(f"http://iku.test{put.headers['Location']}")
    assert file.status_code == 200
    check(file)
    assert set(policy(file.headers)) == STRICT | {"sandbox"}
    assert file.headers["Cache-Control"] == "no-store"


async def test_a_stream_answers_with_them(reader: Client) -> None:
    lines = {"Accept": "application/x-ndjson"}
    answer = await reader.get("/log/events", headers=lines)
    assert answer.headers["Content-Type"].startswith("application/x-ndjson")
    check(answer)


@pytest.fixture
async def failing(app: App, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Client]:
    """A client of an application whose commands are never carried out."""

    async def fail(*_: Any, **__: Any) -> None:
        raise failure

    failure: Exception = Unavailable()
    monkeypatch.setattr(CommandHandler, "handle", fail)
    async with client_of(app) as client:
        yield client


async def test_a_failure_answers_with_them(failing: Client) -> None:
    answer = await failing.post("/conflicts", json=CASE)
    assert answer.status_code == 503
    check(answer)


async def test_what_fails_outside_every_route_is_answered_with_them(
    app: App, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr("iku.web.admission._url_fault", fail)
    async with client_of(app) as client:
        answer = await client.get("/health/live")

    assert answer.status_code == 500
    assert answer.json()["type"] == "urn:iku:problem:fault"
    assert "secret" not in answer.text
    assert "secret" in caplog.text
    check(answer)


def test_a_handler_keeps_what_it_sets() -> None:
    own = [(b"Cache-Control", b"public"), (b"content-security-policy", b"sandbox")]
    found = security_headers.complete(own, "https")

    assert found[:2] == own
    names = [name.lower() for name, _ in found]
    assert len(names) == len(set(names)) == 7


async def test_the_description_of_the_api_does_not_list_them(described: Any) -> None:
    named = {
        name.lower()
        for path in described["paths"].values()
        for operation in path.values()
        for answer in operation["responses"].values()
        for name in answer.get("headers", {})
    }
    assert not named & {*FIXED, HSTS, "content-security-policy", "cache-control"}
    assert API.endswith("/api/v1")
