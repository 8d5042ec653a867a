"""A request reaches the address that was checked, and no other (ASVS 5.0, 1.3.6)."""

import socket
import ssl
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from threading import Thread

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from iku.access.addresses import AddressRefused, AddressRules, ProviderUnavailable
from iku.access.provider_client import ProviderClient, resolve
from tests.access.identity_provider import IdentityProvider, send

HOSTS = frozenset({"sso.test", "other.test", "127.0.0.1"})
PUBLIC, INTERNAL = AddressRules(HOSTS), AddressRules(HOSTS, private=True)


class Names:
    """A name service whose answers change.

    Attributes:
        answers: The addresses in each next answer; the last one stays.
        asked: What was looked up.
    """

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = [*answers]
        self.asked: list[tuple[str, int]] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append((host, port))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def client_of(
    *answers: Sequence[str],
    rules: AddressRules = INTERNAL,
    trust: ssl.SSLContext | None = None,
) -> tuple[ProviderClient, Names]:
    names = Names(*answers)
    return ProviderClient(rules, resolve=names, trust=trust, timeout_s=3), names


async def test_the_checked_address_is_asked_for_the_name(
    provider: IdentityProvider,
) -> None:
    """The name exists for the given resolver only: nothing resolves it again."""
    heard = []

    def note_host(to: BaseHTTPRequestHandler) -> None:
        heard.append((to.headers["Host"], to.path))
        send(to, 200, {})

    provider.answers["/x"] = note_host
    client, names = client_of(["127.0.0.1"], ["8.8.8.8"])

    answer = await client.get(f"http://sso.test:{provider.server_port}/x?a=b")

    assert (answer.status, answer.body) == (200, b"{}")
    assert heard == [(f"sso.test:{provider.server_port}", "/x?a=b")]
    assert names.asked == [("sso.test", provider.server_port)]


async def test_a_name_that_moves_to_a_forbidden_address_is_refused(
    provider: IdentityProvider,
) -> None:
    """DNS rebinding: each request checks the addresses that it uses."""
    client, names = client_of(["127.0.0.1"], ["169.254.169.254"], ["10.0.0.1"])
    url = f"http://sso.test:{provider.server_port}/jwks"
    await client.get(url)

    with pytest.raises(AddressRefused, match=r"169\.254\.169\.254"):
        await client.get(url)
    with pytest.raises(AddressRefused, match="http is allowed on this machine only"):
        await client.post_form(url, {}, None)
    assert provider.asked == ["/jwks"]
    assert len(names.asked) == 3


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1"])
async def test_a_name_with_a_private_address_is_refused_without_the_setting(
    provider: IdentityProvider, address: str
) -> None:
    for addresses in ([address], ["8.8.8.8", address]):
        client, _ = client_of(addresses, rules=PUBLIC)
        with pytest.raises(AddressRefused, match=address):
            await client.get(f"https://sso.test:{provider.server_port}/jwks")
    assert provider.asked == []


async def test_an_address_that_does_not_answer_leads_to_the_next(
    provider: IdentityProvider,
) -> None:
    client, _ = client_of(["127.0.0.2", "127.0.0.1"], ["127.0.0.2", "127.0.0.3"], [])
    url = f"http://sso.test:{provider.server_port}/jwks"
    await client.get(url)

    with pytest.raises(ProviderUnavailable, match="cannot be read"):
        await client.get(url)
    with pytest.raises(ProviderUnavailable, match=r"sso\.test has no address"):
        await client.get(url)
    assert provider.asked == ["/jwks"]


async def test_proxies_of_the_environment_are_not_used(
    provider: IdentityProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTPS_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")

    assert (await client_of(["127.0.0.1"])[0].get(f"{provider.url}/jwks")).status == 200


async def test_a_name_that_does_not_exist_is_unavailable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(ProviderUnavailable, match="Name or service not known"):
        await ProviderClient(PUBLIC).get("https://sso.test/x")


async def test_a_name_that_no_resolver_accepts_is_unavailable() -> None:
    name = "a" * 70 + ".test"
    with pytest.raises(ProviderUnavailable, match="cannot be read"):
        await ProviderClient(AddressRules(frozenset({name}))).get(f"https://{name}/")


async def test_an_address_resolves_to_itself() -> None:
    assert await resolve("127.0.0.1", 443) == ["127.0.0.1"]
    assert await resolve("::1", 443) == ["::1"]


async def test_a_status_is_named(provider: IdentityProvider) -> None:
    client, _ = client_of(["127.0.0.1"])
    with pytest.raises(ProviderUnavailable, match="/none responded with status 404"):
        await client.get(f"{provider.url}/none")


async def test_an_answer_that_is_no_http_is_unavailable() -> None:
    def babble() -> None:
        given, _ = listening.accept()
        with given:
            given.recv(4_096)
            given.sendall(b"\x16\x03\x03 no HTTP\r\n\r\n")

    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        thread = Thread(target=babble, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/"
        with pytest.raises(ProviderUnavailable, match="cannot be read"):
            await client_of(["127.0.0.1"])[0].get(url)
        thread.join()


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate of sso.test, signed by itself, with its key in the same file."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sso.test")])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("sso.test")]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "certificate.pem"
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    pkcs8 = serialization.PrivateFormat.PKCS8
    path.write_bytes(key.private_bytes(pem, pkcs8, plain) + made.public_bytes(pem))
    return path


async def test_the_certificate_must_be_one_of_the_name_and_trusted(
    provider: IdentityProvider, certificate: Path
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    provider.socket = context.wrap_socket(provider.socket, server_side=True)
    names = []
    context.sni_callback = lambda _, name, __: names.append(name)
    trusting = ssl.create_default_context(cafile=certificate)
    url = f"https://sso.test:{provider.server_port}/jwks"

    client, _ = client_of(["127.0.0.1"], trust=trusting)
    assert (await client.get(url)).status == 200
    with pytest.raises(ProviderUnavailable, match=r"(?i)hostname mismatch"):
        await client.get(url.replace("sso.test", "other.test"))
    with pytest.raises(ProviderUnavailable, match=r"(?i)certificate"):
        await client_of(["127.0.0.1"])[0].get(url)
    assert names == ["sso.test", "other.test", "sso.test"]
