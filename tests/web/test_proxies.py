"""The configuration files of docs/proxy, run with the real programs."""

import asyncio
import os
import signal
import socket
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from copy import copy
from ipaddress import ip_network
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple, cast

import httpx
import pytest

from iku.app import App
from iku.web import server
from iku.web.app import connect
from iku.web.listening import Transport
from tests.programs import program
from tests.web.certificates import NAME, make_pair, trusting
from tests.web.conftest import CASE, assembled, problem

FOLDER = Path(__file__).parents[2] / "docs" / "proxy"
URL = f"https://{NAME}"
BY = Transport(public_url=URL, proxies=(ip_network("127.0.0.1"),))
PAIR = make_pair()
# What a client might send to appear as another one.
FORGED = {
    "X-Forwarded-For": "203.0.113.7",
    "X-Forwarded-Proto": "http",
    "Forwarded": "for=203.0.113.7;proto=http",
}


class Backend(NamedTuple):
    """iku behind the proxy: its port, and the scope of each request."""

    port: int
    scopes: list[Any]


@asynccontextmanager
async def backend(app: App) -> AsyncIterator[Backend]:
    asgi, scopes = connect(copy(assembled()), app, BY), list[Any]()

    async def recording(scope: Any, receive: Any, send: Any) -> None:
        await asgi(scope, receive, send)
        if scope["type"] == "http":
            scopes.append(scope)

    found: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    serving = server.serve_app(cast(Any, recording), "127.0.0.1", 0, found.set_result)
    task = asyncio.create_task(serving)
    yield Backend(int((await found).rpartition(":")[2]), scopes)
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(task, 30)


class Ports(NamedTuple):
    """Free ports for a proxy."""

    http: int
    https: int


def free_ports() -> Ports:
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as two,
    ):
        return Ports(one.getsockname()[1], two.getsockname()[1])


def configured(name: str, folder: Path, replacements: dict[str, str]) -> str:
    """The text of a configuration file, for ports and files of the test."""
    text = (FOLDER / name).read_text()
    chain, key = PAIR.write(folder / "tls")
    replacements |= {
        "/etc/ssl/iku/fullchain.pem": str(chain),
        "/etc/ssl/iku/privkey.pem": str(key),
    }
    for old, new in replacements.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


def nginx(folder: Path, ports: Ports, backend_port: int) -> list[str]:
    """The command that runs nginx with our file in a folder of its own."""
    site = folder / "iku.conf"
    text = configured(
        "nginx.conf",
        folder,
        {
            "127.0.0.1:8000": f"127.0.0.1:{backend_port}",
            "listen 80;": f"listen 127.0.0.1:{ports.http};",
            "listen 443 ssl;": f"listen 127.0.0.1:{ports.https} ssl;",
            "listen [::]:80;": "",
            "listen [::]:443 ssl;": "",
        },
    )
    site.write_text(text)
    places = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "".join(f"{one}_temp_path {folder}/{one};\n" for one in places)
    user = "user root;" if os.geteuid() == 0 else ""
    main = folder / "nginx.conf"
    main.write_text(
        f"daemon off; {user} pid {folder}/pid; error_log {folder}/error.log;\n"
        f"events {{}}\nhttp {{\naccess_log off;\n{temporary}include {site};\n}}\n"
    )
    return [program("nginx"), "-p", str(folder), "-c", str(main)]


def caddy(folder: Path, ports: Ports, backend_port: int) -> list[str]:
    """The command that runs Caddy with our file in a folder of its own."""
    replacements = {"127.0.0.1:8000": f"127.0.0.1:{backend_port}"}
    text = configured("Caddyfile", folder, replacements)
    options = (
        f"{{\nadmin off\nhttp_port {ports.http}\nhttps_port {ports.https}\n"
        f"default_bind 127.0.0.1\nstorage file_system {folder}/storage\n}}\n"
    )
    file = folder / "Caddyfile"
    file.write_text(options + text)
    return [program("caddy"), "run", "--config", str(file), "--adapter", "caddyfile"]


@contextmanager
def running(command: list[str], folder: Path, ports: Ports) -> Iterator[None]:
    """The program, from when it listens until it is stopped."""
    env = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    log = folder / "output"
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=env, stdout=output, stderr=output)
    try:
        give_up = monotonic() + 30
        while not listens(ports.https):
            assert process.poll() is None, log.read_text()
            assert monotonic() < give_up, log.read_text()
        yield
    finally:
        process.terminate()
        process.wait(30)


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 0.2).close()
    except OSError:
        return False
    return True


class Proxied:
    """A client that reaches iku through a proxy, by the proxy's public name."""

    def __init__(self, ports: Ports, backend: Backend) -> None:
        self.ports = ports
        self.backend = backend
        self._client = httpx.AsyncClient(
            verify=trusting(PAIR), base_url=f"https://127.0.0.1:{ports.https}/api/v1"
        )

    async def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        """The answer to a request for the public name."""
        headers = {"Host": NAME} | options.pop("headers", {})
        extensions = {"sni_hostname": NAME}
        return await self._client.request(
            method, path, headers=headers, extensions=extensions, **options
        )

    async def close(self) -> None:
        await self._client.aclose()


Command = Callable[[Path, Ports, int], list[str]]


@pytest.fixture(params=[nginx, caddy])
def command(request: pytest.FixtureRequest) -> Command:
    program(request.param.__name__)
    found: Command = request.param
    return found


@pytest.fixture
async def proxied(app: App, tmp_path: Path, command: Command) -> AsyncIterator[Proxied]:
    async with backend(app) as behind:
        ports = free_ports()
        with running(command(tmp_path, ports, behind.port), tmp_path, ports):
            client = Proxied(ports, behind)
            yield client
            await client.close()


async def test_a_proxy_states_the_client_and_the_scheme_whatever_a_client_sends(
    proxied: Proxied,
) -> None:
    for headers in ({}, FORGED):
        answer = await proxied.ask("GET", "/health/live", headers=headers)
        assert answer.status_code == 200, answer.text
        assert answer.headers["Strict-Transport-Security"]
        assert len(answer.headers.get_list("Content-Security-Policy")) == 1
        scope = proxied.backend.scopes[-1]
        assert (scope["client"], scope["scheme"]) == (("127.0.0.1", 0), "https")
        assert b"forwarded" not in {name for name, _ in scope["headers"]}


async def test_a_proxy_passes_on_what_is_recorded_and_read(proxied: Proxied) -> None:
    slashed = CASE | {"number": "12/PKK/2021"}
    own = {"Origin": URL, "Sec-Fetch-Site": "same-origin"}
    answer = await proxied.ask("POST", "/conflicts", json=slashed, headers=own)
    assert answer.status_code == 201, answer.text
    found = await proxied.ask("GET", "/conflicts/12%2FPKK%2F2021")
    assert found.json()["number"] == "12/PKK/2021"
    name = {"Iku-File-Name": "foto.bin", "Content-Type": "application/octet-stream"}
    at = "/conflicts/12%2FPKK%2F2021/attachments"
    put = await proxied.ask("POST", at, content=bytes(10 << 20), headers=name)
    assert put.status_code == 201, put.text
    lines = await proxied.ask(
        "GET", "/log/events", headers={"Accept": "application/x-ndjson"}
    )
    assert (
        lines.text.count("\n")
        == (await proxied.ask("GET", "/log/events")).json()["size"]
    )


async def test_a_proxy_does_not_hide_another_site_or_another_name(
    proxied: Proxied,
) -> None:
    evil = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    problem(await proxied.ask("POST", "/conflicts", json=CASE, headers=evil), 403)
    answer = await proxied.ask("GET", "/health/live", headers={"Host": "evil.example"})
    assert answer.status_code != 200 or not answer.content


async def test_a_proxy_leads_from_http_to_https(proxied: Proxied) -> None:
    async with httpx.AsyncClient() as client:
        url = f"http://127.0.0.1:{proxied.ports.http}/x?y=1"
        answer = await client.get(url, headers={"Host": NAME})
    assert answer.status_code in {301, 308}
    to = httpx.URL(answer.headers["Location"])
    assert (to.scheme, to.host, to.raw_path) == ("https", NAME, b"/x?y=1")


async def test_a_proxy_without_iku_answers_with_security_headers(
    tmp_path: Path, command: Command
) -> None:
    ports = free_ports()
    with running(command(tmp_path, ports, free_ports().http), tmp_path, ports):
        client = Proxied(ports, Backend(0, []))
        answer = await client.ask("GET", "/health/live")
        await client.close()
    assert answer.status_code in {502, 503}
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Strict-Transport-Security"]
    assert answer.headers["Cache-Control"] == "no-store"


async def test_nobody_reaches_iku_past_the_proxy_by_forged_headers(app: App) -> None:
    async with backend(app) as behind, httpx.AsyncClient() as client:
        url = f"http://127.0.0.1:{behind.port}/api/v1/health/live"
        answer = await client.get(url, headers={"Host": NAME})
    # The proxy's own address, but nobody stated for whom.
    assert problem(answer, 400, "X-Forwarded-For")["status"] == 400
