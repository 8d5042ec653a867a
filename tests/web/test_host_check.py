"""A request for another host is refused."""

import socket
from collections.abc import AsyncIterator
from copy import copy
from pathlib import Path

import httpx
import pytest

from iku.app import App
from iku.ledger.witness import Witness
from iku.postgres.database import Database
from iku.web import host_check
from iku.web.app import connect
from iku.web.listening import Transport
from iku.web.problems import Problem
from iku.web.witness import create_witness
from tests.forked import Forker
from tests.ledger.test_witness import KEY, KNOWN, request
from tests.web.conftest import API, CASE, Client, assembled, problem
from tests.web.test_server import serving, told

OURS = (
    *("localhost", "localhost:8000", "LocalHost:8000", "localhost:"),
    *("127.0.0.1", "127.0.0.1:8000", "127.255.255.254", "127.8.9.10:80"),
    *("[::1]", "[::1]:8000", "[0:0:0:0:0:0:0:1]"),
)
OTHERS = (
    *("evil.test", "evil.test:8000", "iku.mojokerto.example", "localhost.evil.test"),
    *("127.0.0.1.evil.test", "127.0.0.1.nip.example:8000", "evil-localhost"),
    *("0.0.0.0", "10.0.0.1", "192.168.1.1:8000", "128.0.0.1", "126.255.255.255"),
    *("127.1", "0177.0.0.1", "2130706433", "0x7f000001", "127.0.0.256"),
    *("[::]", "[::2]:8000", "[fe80::1]", "[::::]", "%31%32%37.0.0.1", "local%68ost"),
)
MALFORMED = (
    *("", ":8000", "localhost:80x", "localhost:123456", "localhost:-1", "a:1:2"),
    *("::1", "[::1", "::1]", "[]", "[127.0.0.1", "[::1]x", "[fe80::1%25lo]"),
    *("127.0.0.1/", "user@localhost", "localhost localhost", "localhost,evil test"),
    *("http://localhost", "localhost?", "localhost#", "local\\host", '"localhost"'),
    *("a" * 254, "löcalhost", "localhost\x00", "\xff", "\t"),
)


def fault(host: str, *, local_only: bool = True) -> Problem | None:
    """The problem with that `Host`."""
    return host_check.host_problem(
        [(b"host", host.encode("latin-1"))], local_only=local_only
    )


@pytest.fixture
async def local(app: App) -> AsyncIterator[Client]:
    """A client of an application that is `local_only`."""
    asgi = connect(copy(assembled()), app, Transport(local_only=True))
    async with Client(transport=httpx.ASGITransport(asgi), base_url=API) as client:
        yield client


@pytest.mark.parametrize("host", OURS)
def test_this_machine_is_meant_by_each_of_its_names(host: str) -> None:
    assert fault(host) is None


@pytest.mark.parametrize("host", OTHERS)
def test_another_name_is_told_which_are_ours(host: str) -> None:
    found = fault(host)

    assert found is not None
    assert (found.status, found.type) == (421, "urn:iku:problem:misdirected")
    assert "this server is named localhost, 127.0.0.1 or [::1]" in found.detail
    assert fault(host, local_only=False) is None


@pytest.mark.parametrize("host", MALFORMED)
@pytest.mark.parametrize("local_only", [True, False])
def test_what_is_no_host_is_malformed(host: str, local_only: bool) -> None:
    found = fault(host, local_only=local_only)

    assert found is not None
    assert (found.status, found.type) == (400, "urn:iku:problem:invalid")
    assert found.detail.startswith(
        "Host is malformed; Host consists of a name or an address"
    )
    assert [one.path for one in found.errors] == ["Host"]


PUBLIC = "https://iku.example.go.id"


def public_fault(host: str, url: str = PUBLIC) -> Problem | None:
    """The problem with that `Host` of a server that has a public URL."""
    sent = [(b"host", host.encode("latin-1"))]
    return host_check.host_problem(sent, local_only=False, public_url=url)


def test_a_public_url_is_meant_by_its_host_in_any_case_and_with_its_port() -> None:
    for host in ("iku.example.go.id", "IKU.example.go.id", "iku.example.go.id:443"):
        assert public_fault(host) is None
    assert public_fault("iku.example.go.id:", PUBLIC) is None
    assert public_fault("iku.example.go.id:8443", f"{PUBLIC}:8443") is None
    assert public_fault("localhost:80", "http://localhost") is None
    assert public_fault("[::1]:8443", "https://[::1]:8443") is None


@pytest.mark.parametrize(
    ("host", "url"),
    [
        *((host, PUBLIC) for host in (*OURS, *OTHERS)),
        ("iku.example.go.id:80", PUBLIC),
        ("iku.example.go.id:8443", PUBLIC),
        ("iku.example.go.id.evil.test", PUBLIC),
        ("evil.iku.example.go.id", PUBLIC),
        ("iku.example.go.id.", PUBLIC),
        ("iku.example.go.id", f"{PUBLIC}:8443"),
        ("iku.example.go.id:443", f"{PUBLIC}:8443"),
        ("localhost:443", "http://localhost"),
    ],
)
def test_with_a_public_url_no_other_host_is_accepted(host: str, url: str) -> None:
    found = public_fault(host, url)

    assert found is not None
    assert (found.status, found.type) == (421, "urn:iku:problem:misdirected")
    assert found.detail == f"Host is {host}, but this server is reached as {url}"


@pytest.mark.parametrize("host", MALFORMED)
def test_with_a_public_url_a_malformed_host_is_malformed(host: str) -> None:
    found = public_fault(host)

    assert found is not None
    assert found.status == 400


async def test_nothing_is_recorded_for_another_name(local: Client) -> None:
    for host, status in (("evil.test", 421), ("a b", 400), ("127.0.0.1:80", 201)):
        answer = await local.post("/conflicts", json=CASE, headers={"Host": host})
        assert answer.status_code == status
    listed = await local.get("/log/events", headers={"Host": "localhost"})
    assert listed.text.count('"type":"reported"') == 1


async def test_a_request_without_a_host_is_malformed(local: Client) -> None:
    asked = local.build_request("GET", "/health/live")
    del asked.headers["Host"]
    answer = await local.send(asked)

    assert problem(answer, 400, "Host")["detail"].startswith("Host is missing")


async def test_a_request_of_two_hosts_is_malformed(local: Client) -> None:
    both = [("Host", "localhost"), ("Host", "evil.test")]
    answer = await local.get("/health/live", headers=both)

    assert problem(answer, 400, "Host")["detail"].startswith("Host occurs 2 times")


@pytest.mark.parametrize(
    "path", ["/", "/docs", "/api/v1/openapi.json", "/api/v1/nothing", "/api/v1/figures"]
)
async def test_pages_and_what_is_not_there_are_kept_from_others_alike(
    local: Client, path: str
) -> None:
    for method in ("GET", "OPTIONS", "DELETE"):
        asked = local.build_request(
            method, f"http://iku.test{path}", headers={"Host": "evil.test"}
        )
        problem(await local.send(asked), 421)


def test_what_serves_this_machine_answers_to_its_names_only(
    forker: Forker, database: Database, tmp_path: Path
) -> None:
    with serving(forker, **told(database, tmp_path / "var")) as served:
        for lines, status in (
            (f"Host: 127.0.0.1:{served.port}\r\n", b"200"),
            (f"Host: evil.test:{served.port}\r\n", b"421"),
            ("Host: localhost\r\nHost: evil.test\r\n", b"400"),
            ("", b"400"),
        ):
            asked = (
                f"GET /api/v1/health/live HTTP/1.1\r\n{lines}Connection: close\r\n\r\n"
            )
            with socket.create_connection(("127.0.0.1", served.port), 10) as link:
                link.sendall(asked.encode())
                assert link.recv(65_536).split(b" ")[1] == status


async def test_a_witness_of_this_machine_answers_to_its_names_only(
    tmp_path: Path,
) -> None:
    asked = str(await request(0, 9))
    for local_only, host, status in (
        (True, "evil.test", 421),
        (True, "a b", 400),
        (False, "a b", 400),
        (True, "[::1]:8001", 200),
        (False, "saksi.example", 200),
    ):
        (tmp_path / host).mkdir(0o700, exist_ok=True)
        asgi = create_witness(
            Witness(tmp_path / host, (KEY,), KNOWN, new=True), local_only=local_only
        )
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(asgi),  # type: ignore[arg-type]
            base_url="http://saksi.test",
        ) as client:
            answer = await client.post(
                "/add-checkpoint", content=asked, headers={"Host": host}
            )
        assert answer.status_code == status
        assert answer.headers["Content-Type"].startswith("text/plain")
