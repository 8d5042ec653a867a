"""A page of another site cannot make a browser record anything (ASVS 3.5.1, 3.5.3)."""

import re
from collections.abc import AsyncIterator, Iterator
from copy import copy
from functools import cache
from typing import Any

import httpx
import pytest

from iku.app import App
from iku.ledger import log
from iku.web.app import connect
from iku.web.listening import Transport
from iku.web.origin_check import SAFE
from tests.samples import pairs
from tests.web.conftest import CASE, Client, assembled, problem

OWN = "https://iku.example.go.id"
FOREIGN: tuple[dict[str, str], ...] = (
    {"Origin": "https://evil.example"},
    {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
    {"Origin": "https://lain.example.go.id", "Sec-Fetch-Site": "same-site"},
    {"Origin": "http://iku.example.go.id"},
    {"Origin": f"{OWN}:8443"},
    {"Origin": f"{OWN}.evil.example"},
    {"Origin": f"{OWN}/"},
    {"Origin": "null"},
    {"Origin": ""},
    {"Origin": "null", "Sec-Fetch-Site": "same-origin"},
    {"Origin": "https://evil.example", "Sec-Fetch-Site": "same-origin"},
    {"Origin": "https://evil.example", "Sec-Fetch-Site": "none"},
    {"Origin": OWN, "Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": ""},
    {"Sec-Fetch-Site": "same-origin, cross-site"},
    {"Cookie": "__Host-iku=x"},
)
OF_OURS: tuple[dict[str, str], ...] = (
    {},
    {"Origin": OWN},
    {"Origin": OWN, "Sec-Fetch-Site": "same-origin", "Cookie": "__Host-iku=x"},
    {"Sec-Fetch-Site": "same-origin", "Cookie": "__Host-iku=x"},
    {"Sec-Fetch-Site": "none"},
    {"Origin": OWN, "Cookie": "__Host-iku=x"},
)
VALUES = {
    "code": "IKU-1",
    "position": "1",
    "version": "1",
    "level": "0",
    "place": "000",
    "name": "swagger-ui.css",
}


def routes() -> Iterator[tuple[str, str]]:
    """Every method and address of the route table, with values for its parameters."""
    for route in assembled().routes:
        path = re.sub(
            r"\{(\w+)(?::\w+)?\}",
            lambda found: VALUES.get(found[1], "K14"),
            route.path_format,
        )
        yield from ((method, path) for method in sorted(route.methods))


STREAMS = {"/tugas/jumlah"}  # their answers do not end; they have tests of their own


@cache
def table() -> list[tuple[str, str]]:
    """The methods and addresses whose answers end."""
    return sorted({one for one in routes() if one[1] not in STREAMS})


def unsafe() -> list[tuple[str, str]]:
    return [(method, path) for method, path in table() if method not in SAFE]


@pytest.fixture
async def site(app: App) -> AsyncIterator[Client]:
    """A client of an application with a public URL, which records nothing."""
    asgi = connect(copy(assembled()), app, Transport(public_url=OWN, tls=True))
    before = await log.head(app.pool)
    async with Client(transport=httpx.ASGITransport(asgi), base_url=OWN) as client:
        yield client
    assert await log.head(app.pool) == before


def test_the_route_table_has_unsafe_routes() -> None:
    assert len(unsafe()) > 10
    assert ("POST", "/api/v1/conflicts") in unsafe()
    assert {method for method, _ in table()} - SAFE == {"POST"}


async def test_no_unsafe_route_is_carried_out_for_another_site(site: Client) -> None:
    for (method, path), headers in pairs(unsafe(), FOREIGN, 3):
        answer = await site.request(method, path, json=CASE, headers=headers)
        shown = problem(answer, 403)
        assert shown["type"] == "urn:iku:problem:cross-site", (path, headers)
        assert "nothing was recorded" in shown["detail"]


async def test_every_unsafe_route_is_open_to_our_pages_and_to_programs(
    site: Client,
) -> None:
    for (method, path), headers in pairs(unsafe(), OF_OURS, 3):
        # No body, so that nothing is recorded.
        answer = await site.request(method, path, headers=headers)
        signed_out = answer.headers.get("Location", "").startswith("/masuk")
        accepted = signed_out or answer.status_code in {400, 401, 404, 415}
        assert accepted, (path, headers, answer.text)


async def test_an_address_that_does_not_exist_is_checked_as_well(site: Client) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE", "TRACE", "EVIL"):
        for path in ("/nothing", "/api/v1/figures"):
            answer = await site.request(method, path, headers=FOREIGN[0])
            assert answer.status_code == 403
            assert (await site.request(method, path)).status_code in {404, 405}


async def test_safe_methods_change_nothing_and_are_not_checked(site: Client) -> None:
    safe = [(method, path) for method, path in table() if method in SAFE]
    for (method, path), headers in pairs(safe, (FOREIGN[1], FOREIGN[4]), 2):
        answer = await site.request(method, path, headers=headers)
        assert answer.status_code != 403, path


async def test_both_values_of_a_repeated_header_are_checked(site: Client) -> None:
    for name, ours, other in (
        ("Origin", OWN, "https://evil.example"),
        ("Sec-Fetch-Site", "same-origin", "cross-site"),
    ):
        for pair in ((ours, other), (other, ours)):
            headers = [(name, value) for value in pair]
            problem(await site.post("/api/v1/conflicts", headers=headers), 403)


@pytest.fixture
async def local(app: App) -> AsyncIterator[Client]:
    """A client of an application of this machine, without a public URL."""
    asgi = connect(copy(assembled()), app, Transport(local_only=True))
    url = "http://127.0.0.1:8000/api/v1"
    async with Client(transport=httpx.ASGITransport(asgi), base_url=url) as client:
        yield client


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "http://127.0.0.1:3000", "Sec-Fetch-Site": "same-site"},
        {"Origin": "http://127.0.0.1"},
        {"Origin": "https://127.0.0.1:8000"},
        {"Origin": "http://localhost:8000"},
        {"Origin": "null"},
    ],
)
async def test_another_site_records_nothing_on_this_machine(
    local: Client, headers: dict[str, str]
) -> None:
    shown = problem(await local.post("/conflicts", json=CASE, headers=headers), 403)

    assert "than http://127.0.0.1:8000, and nothing was recorded" in shown["detail"]
    assert (await local.says("/conflicts"))["items"] == []


@pytest.mark.parametrize(
    "headers",
    [{}, {"Origin": "http://127.0.0.1:8000", "Sec-Fetch-Site": "same-origin"}],
)
async def test_the_documentation_page_of_this_machine_may_record(
    local: Client, headers: dict[str, str]
) -> None:
    await local.records("/conflicts", CASE, **headers)


async def test_a_page_of_another_name_of_this_machine_is_another_site(
    local: Client,
) -> None:
    named: Any = {"Host": "LocalHost:8000", "Origin": "http://localhost:8000"}
    await local.records("/conflicts", CASE, **named)
    answer = await local.post(
        "/conflicts", json=CASE, headers=named | {"Host": "127.0.0.1:8000"}
    )
    problem(answer, 403)
