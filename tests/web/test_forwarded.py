"""Forwarded headers count if a named proxy sent them, and from nobody else."""

from copy import copy
from ipaddress import ip_network
from typing import Any

import httpx
import pytest

from iku.app import App
from iku.web import forwarded
from iku.web.app import connect
from iku.web.listening import Transport
from tests.web.conftest import CASE, Client, assembled, problem

URL = "https://iku.example.go.id"
PROXIES = (ip_network("10.1.2.3"), ip_network("10.9.0.0/16"), ip_network("fd00::/8"))
LOCAL = Transport(local_only=True)
PROXIED = Transport(public_url=URL, proxies=PROXIES)
BY_TLS = Transport(public_url=URL, tls=True)
BOTH = Transport(public_url=URL, tls=True, proxies=PROXIES)
PROXY, CLIENT = "10.1.2.3", "203.0.113.7"
USUAL = {"X-Forwarded-For": CLIENT, "X-Forwarded-Proto": "https"}
HEADERS = (
    *("Forwarded", "Via", "X-Real-IP", "X-Forwarded-For", "X-Forwarded-Proto"),
    *("X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-Anything"),
)


def scope(peer: str | None, headers: Any, scheme: str = "http") -> Any:
    """An ASGI scope of a request of *peer*."""
    pairs = headers.items() if isinstance(headers, dict) else headers
    encoded = [(n.lower().encode(), v.encode("latin-1")) for n, v in pairs]
    client = None if peer is None else (peer, 40_000)
    return {"client": client, "scheme": scheme, "headers": encoded}


def came_from(hops: str | list[str], peer: str = PROXY) -> str | None:
    """The client's address by these values of X-Forwarded-For; None if refused."""
    values = [hops] if isinstance(hops, str) else hops
    headers = [("X-Forwarded-For", value) for value in values]
    asked = scope(peer, [*headers, ("X-Forwarded-Proto", "https")])
    if (found := forwarded.apply_forwarded_headers(asked, PROXIED)) is None:
        assert asked["scheme"] == "https"
        return str(asked["client"][0])
    assert (found.status, asked["client"][0]) == (400, peer)
    assert found.errors[0].path == "X-Forwarded-For"
    return None


@pytest.mark.parametrize(
    ("hops", "client"),
    [
        (CLIENT, CLIENT),
        (f"1.1.1.1, {CLIENT}", CLIENT),
        (f"{CLIENT}, 10.9.8.7", CLIENT),
        (f"1.1.1.1, {CLIENT} ,10.9.8.7,fd00::1", CLIENT),
        (f"not an address, {CLIENT}", CLIENT),
        ("10.9.0.1, 10.9.0.2", "10.9.0.1"),
        (f"{CLIENT}:4711", CLIENT),
        ("[2001:db8::7]:4711", "2001:db8::7"),
        ("2001:DB8:0::7", "2001:db8::7"),
        (f"::ffff:{CLIENT}", CLIENT),
        ("::ffff:10.9.8.7", "10.9.8.7"),
    ],
)
def test_the_client_is_the_last_hop_that_is_no_proxy(hops: str, client: str) -> None:
    assert came_from(hops) == client


def test_several_lines_are_one_list_of_hops() -> None:
    assert came_from(["1.1.1.1", f"{CLIENT}, 10.9.8.7"]) == CLIENT
    assert came_from([CLIENT, "10.9.8.7"]) == CLIENT


@pytest.mark.parametrize(
    "hops",
    [
        *(
            "",
            " ",
            ",",
            "unknown",
            "_secret",
            "iku.example.go.id",
            "10.9.8",
            "1.2.3.400",
        ),
        *(f"{CLIENT},", f"{CLIENT} {CLIENT}", f"{CLIENT}, unknown, 10.9.8.7", "[::1"),
        *(f"{CLIENT}:x", "fe80::1%eth0", f'for="{CLIENT}"', "10.9.8.7, x"),
    ],
)
def test_a_hop_that_counts_is_an_address(hops: str) -> None:
    assert came_from(hops) is None


def test_a_proxy_is_known_by_its_address_in_either_form() -> None:
    assert came_from(CLIENT, "::ffff:10.1.2.3") == CLIENT
    assert came_from(CLIENT, "fd12::9") == CLIENT


@pytest.mark.parametrize("by", [PROXIED, BOTH])
@pytest.mark.parametrize(
    ("headers", "name"),
    [
        ({}, "X-Forwarded-For"),
        ({"X-Forwarded-Proto": "https"}, "X-Forwarded-For"),
        ({"X-Forwarded-For": CLIENT}, "X-Forwarded-Proto"),
        (USUAL | {"X-Forwarded-Proto": "https, http"}, "X-Forwarded-Proto"),
        (USUAL | {"X-Forwarded-Proto": "ftp"}, "X-Forwarded-Proto"),
        ([*USUAL.items(), ("X-Forwarded-Proto", "http")], "X-Forwarded-Proto"),
    ],
)
def test_a_proxy_states_both_the_client_and_the_scheme(
    by: Transport, headers: Any, name: str
) -> None:
    asked = scope(PROXY, headers)
    found = forwarded.apply_forwarded_headers(asked, by)

    assert found is not None
    assert (found.status, found.errors[0].path) == (400, name)
    assert f"the proxy {PROXY} sent no valid {name}" in found.detail
    assert asked["scheme"] == "http"


def test_what_reached_the_proxy_without_tls_is_misdirected() -> None:
    found = forwarded.apply_forwarded_headers(
        scope(PROXY, USUAL | {"X-Forwarded-Proto": "http"}), PROXIED
    )

    assert found is not None
    assert found.status == 421
    assert (
        found.detail
        == f"the request was sent by http, but this server is reached only as {URL}"
    )


def test_other_forwarded_headers_of_a_proxy_do_not_count() -> None:
    others = dict.fromkeys(HEADERS, "198.51.100.1") | USUAL
    asked = scope(PROXY, others)

    assert forwarded.apply_forwarded_headers(asked, PROXIED) is None
    assert (asked["client"][0], asked["scheme"]) == (CLIENT, "https")


@pytest.mark.parametrize("name", HEADERS)
@pytest.mark.parametrize(
    ("by", "peer"),
    [(LOCAL, "127.0.0.1"), (LOCAL, "::1"), (Transport(public_url=URL), "127.0.0.1")],
)
def test_no_forwarded_header_is_accepted_where_no_proxy_is_named(
    name: str, by: Transport, peer: str
) -> None:
    found = forwarded.apply_forwarded_headers(scope(peer, {name: "203.0.113.7"}), by)

    assert found is not None
    assert found.status == 400
    assert "this server is not served through a proxy" in found.detail
    assert found.errors[0].path.lower() == name.lower()


@pytest.mark.parametrize("name", HEADERS)
@pytest.mark.parametrize("peer", ["10.1.2.4", CLIENT, "127.0.0.1", "::1", "10.8.255.1"])
def test_nobody_but_the_proxy_sends_forwarded_headers_to_it(
    name: str, peer: str
) -> None:
    found = forwarded.apply_forwarded_headers(scope(peer, {name: "127.0.0.1"}), PROXIED)

    assert found is not None
    assert found.status == 400
    assert f"was sent by {peer}, which is not a proxy" in found.detail


@pytest.mark.parametrize("name", HEADERS)
@pytest.mark.parametrize("by", [BY_TLS, BOTH])
def test_with_tls_of_its_own_the_headers_of_others_are_ignored(
    name: str, by: Transport
) -> None:
    asked = scope(CLIENT, {name: "127.0.0.1"}, "https")

    assert forwarded.apply_forwarded_headers(asked, by) is None
    assert (asked["client"][0], asked["scheme"]) == (CLIENT, "https")


def test_only_the_proxy_and_this_machine_connect_without_tls() -> None:
    for peer in (CLIENT, "10.1.2.4", None):
        found = forwarded.apply_forwarded_headers(scope(peer, {}), PROXIED)
        assert found is not None
        assert found.status == 421
    assert forwarded.apply_forwarded_headers(scope("127.0.0.1", {}), PROXIED) is None


async def test_a_register_of_this_machine_records_nothing_through_a_proxy(
    app: App,
) -> None:
    asgi = connect(copy(assembled()), app, LOCAL)
    transport = httpx.ASGITransport(asgi)
    url = "http://127.0.0.1/api/v1"
    async with Client(transport=transport, base_url=url) as client:
        for name in HEADERS:
            answer = await client.post("/conflicts", json=CASE, headers={name: CLIENT})
            assert problem(answer, 400, name.title())["type"].endswith(":invalid")
        assert (await client.says("/conflicts"))["items"] == []
        await client.records("/conflicts", CASE)
