"""Only allowed hosts at allowed addresses are asked (ASVS 5.0, 1.3.6)."""

import httpx
import pytest

from iku.access.addresses import AddressRefused, AddressRules

HOSTS = frozenset({"sso.example.go.id", "127.0.0.1"})
PUBLIC, INTERNAL = AddressRules(HOSTS), AddressRules(HOSTS, private=True)
URL = httpx.URL("https://sso.example.go.id")

OUTSIDE = ("8.8.8.8", "103.21.244.1", "2606:4700::1111", "64:ff9b::808:808")
PRIVATE = (
    *("127.0.0.1", "127.8.8.8", "10.1.2.3", "172.16.0.1", "172.31.255.255"),
    *("192.168.1.1", "100.64.0.1", "::1", "fc00::1", "fd12:3456::1"),
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a00:1"),
)
OF_NO_SERVER = (
    *("0.0.0.0", "0.1.2.3", "169.254.169.254", "169.254.1.1", "224.0.0.1"),
    *("239.1.2.3", "240.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1"),
    *("::", "fe80::1", "fe80::1%1", "fec0::1", "ff02::1", "ff0e::1", "2001:db8::1"),
    *("::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "::127.0.0.1"),
    *("2002:7f00:1::", "2001::1", "2002:808:808::"),
)


@pytest.mark.parametrize("rules", [PUBLIC, INTERNAL])
@pytest.mark.parametrize("address", OUTSIDE)
def test_a_public_address_is_allowed(rules: AddressRules, address: str) -> None:
    rules.check_address(URL, address)


@pytest.mark.parametrize("address", PRIVATE)
def test_a_private_address_is_allowed_by_the_setting_only(address: str) -> None:
    INTERNAL.check_address(URL, address)
    with pytest.raises(AddressRefused, match="has the private address") as caught:
        PUBLIC.check_address(URL, address)
    assert f"sso.example.go.id has the private address {address};" in str(caught.value)
    assert "IKU_OIDC_ALLOW_PRIVATE=true" in str(caught.value)


@pytest.mark.parametrize("rules", [PUBLIC, INTERNAL])
@pytest.mark.parametrize("address", OF_NO_SERVER)
def test_an_address_of_no_server_is_never_allowed(
    rules: AddressRules, address: str
) -> None:
    """The metadata services of clouds (169.254.169.254) are such addresses."""
    with pytest.raises(AddressRefused, match="is not the address of a server"):
        rules.check_address(URL, address)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
def test_http_is_for_this_machine_only(address: str) -> None:
    url = INTERNAL.check_url("http://sso.example.go.id/x")
    INTERNAL.check_address(url, address)
    for other in ("10.1.2.3", "8.8.8.8", "fd00::1"):
        with pytest.raises(AddressRefused, match="http is allowed on this machine"):
            INTERNAL.check_address(url, other)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://sso.example.go.id/x", "has the scheme http, but"),
        ("ftp://sso.example.go.id/x", "has the scheme ftp, but"),
        ("file:///etc/passwd", "has the scheme file, but"),
        ("//sso.example.go.id/x", "has the scheme –, but"),
        ("sso.example.go.id", "has the scheme –, but"),
        ("", "has the scheme –, but"),
        ("https://jahat.test/x", "has the host jahat.test, but the allowed hosts are"),
        ("https://sso.example.go.id.jahat.test", "has the host"),
        ("https://sso.example.go.id./x", "has the host"),
        ("https://sso.example.go.id@jahat.test/x", "has the host jahat.test"),
        ("https://jahat.test\\@sso.example.go.id/x", "must not contain a user name"),
        ("https://jahat.test#@sso.example.go.id/x", "has the host jahat.test"),
        ("https://169.254.169.254/x", "has the host 169.254.169.254"),
        ("https://2130706433/x", "has the host 2130706433"),
        ("https://[::1]/x", "has the host"),
        ("https:///x", "has the host –"),
        (
            "https://siti:pw@sso.example.go.id/x",
            "must not contain a user name or a fragment",
        ),
        ("https://sso.example.go.id/x#a", "must not contain a user name or a fragment"),
        ("https://sso.example.go.id:x/", "is not a URL"),
        ("https://sso.example.go.id/a\nb", "is not a URL"),
        ("https://[::1", "is not a URL"),
        ("https://sso\x00.example.go.id/", "is not a URL"),
    ],
)
def test_only_https_urls_of_listed_hosts_are_allowed(url: str, said: str) -> None:
    with pytest.raises(AddressRefused, match=said):
        PUBLIC.check_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://sso.example.go.id",
        "https://SSO.Example.go.id:8443/realms/kota?a=b",
        "https://127.0.0.1/x",
    ],
)
def test_a_url_of_a_listed_host_is_allowed(url: str) -> None:
    assert PUBLIC.check_url(url) == httpx.URL(url)
