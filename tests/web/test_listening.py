"""Which addresses the server may listen on in each mode, and how requests reach it."""

from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from iku.domain.access import Mode
from iku.settings import Settings
from iku.web.listening import ListeningRefused, Transport, transport

URL = "https://iku.example.go.id"
TLS: dict[str, Any] = {
    "tls_cert": Path("fullchain.pem"),
    "tls_key": Path("privkey.pem"),
}
PROXIES = (ip_network("10.1.2.3"),)
LOOPBACK = ("127.0.0.1", "::1", "localhost")
OTHERS = ("0.0.0.0", "::", "10.0.0.1", "iku.example.go.id")
OPEN = (Mode.LOCAL, Mode.DEMONSTRATION)


def refused(host: str, mode: Mode, **settings: Any) -> str:
    """The sentence with which listening is refused."""
    with pytest.raises(ListeningRefused) as caught:
        transport(Settings(**settings), host, mode)
    return str(caught.value)


@pytest.mark.parametrize("mode", OPEN)
@pytest.mark.parametrize("host", LOOPBACK)
def test_a_register_without_accounts_is_served_on_loopback(
    mode: Mode, host: str
) -> None:
    assert transport(Settings(), host, mode) == Transport(local_only=True)


@pytest.mark.parametrize("mode", OPEN)
@pytest.mark.parametrize("host", OTHERS)
def test_a_register_without_accounts_is_not_served_to_other_machines(
    mode: Mode, host: str
) -> None:
    said = refused(host, mode, public_url=URL)
    assert (
        "is served to this machine only: the address to listen on must be 127.0.0.1"
        in said
    )
    assert said.endswith(f"not {host}")


@pytest.mark.parametrize("mode", OPEN)
@pytest.mark.parametrize("host", [*LOOPBACK, *OTHERS])
@pytest.mark.parametrize(
    ("name", "settings"),
    [("IKU_TLS_CERT", TLS), ("IKU_TRUSTED_PROXY", {"trusted_proxy": PROXIES})],
)
def test_a_register_without_accounts_has_neither_tls_nor_a_proxy(
    mode: Mode, host: str, name: str, settings: dict[str, Any]
) -> None:
    said = refused(host, mode, public_url=URL, **settings)
    assert said.startswith(f"{name} is set, but ")
    assert "`iku account invite`" in said


@pytest.mark.parametrize("mode", OPEN)
def test_a_public_url_does_not_count_until_there_are_accounts(mode: Mode) -> None:
    found = transport(Settings(public_url=URL), "127.0.0.1", mode)
    assert found == Transport(local_only=True)


@pytest.mark.parametrize("host", LOOPBACK)
def test_accounts_alone_are_served_to_this_machine(host: str) -> None:
    assert transport(Settings(), host, Mode.ACCOUNTS) == Transport(local_only=True)


@pytest.mark.parametrize("host", [*LOOPBACK, *OTHERS])
def test_accounts_are_served_anywhere_by_tls_or_behind_a_proxy(host: str) -> None:
    by_tls = Settings(public_url=URL, **TLS)
    proxied = Settings(public_url=URL, trusted_proxy=PROXIES)
    both = replace(by_tls, trusted_proxy=PROXIES)

    for settings, expected in (
        (by_tls, Transport(public_url=URL, tls=True)),
        (proxied, Transport(public_url=URL, proxies=PROXIES)),
        (both, Transport(public_url=URL, tls=True, proxies=PROXIES)),
    ):
        assert transport(settings, host, Mode.ACCOUNTS) == expected


@pytest.mark.parametrize(
    ("host", "settings"),
    [
        *((host, {}) for host in OTHERS),
        *((host, TLS) for host in (*LOOPBACK, *OTHERS)),
        *((host, {"trusted_proxy": PROXIES}) for host in (*LOOPBACK, *OTHERS)),
    ],
)
def test_tls_a_proxy_and_other_addresses_need_a_public_url(
    host: str, settings: dict[str, Any]
) -> None:
    said = refused(host, Mode.ACCOUNTS, **settings)
    assert said.startswith("IKU_PUBLIC_URL is not set")


@pytest.mark.parametrize("host", [*LOOPBACK, *OTHERS])
def test_an_https_url_needs_something_that_provides_tls(host: str) -> None:
    said = refused(host, Mode.ACCOUNTS, public_url=URL)
    assert said.startswith(f"IKU_PUBLIC_URL is {URL}, but nothing provides TLS")
    assert "IKU_TLS_KEY, or IKU_TRUSTED_PROXY" in said


def test_an_http_url_is_of_this_machine_and_without_tls() -> None:
    url = "http://localhost:8000"
    found = transport(Settings(public_url=url), "127.0.0.1", Mode.ACCOUNTS)

    assert found == Transport(public_url=url)
    for host, settings in (("0.0.0.0", {}), ("127.0.0.1", TLS), ("::", TLS)):
        said = refused(host, Mode.ACCOUNTS, public_url=url, **settings)
        assert said.startswith(f"IKU_PUBLIC_URL is {url}, which has no TLS")
