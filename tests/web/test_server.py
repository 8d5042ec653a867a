"""Graceful shutdown of a server in a separate process."""

import asyncio
import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import httpx
import pytest

from iku.app import App
from iku.domain.access import Mode
from iku.postgres.database import Database
from iku.postgres.pool import Plain
from iku.web import server
from tests.conftest import Clone
from tests.forked import Forker, Process
from tests.web.conftest import CASE, RESOLVED

SERVED = Path(__file__).with_name("served.py")
ROOT = SERVED.parents[2]
Program: TypeAlias = "subprocess.Popen[str] | Process"


class Served:
    """A serving process and its address."""

    def __init__(self, process: Program, address: str) -> None:
        self.process = process
        self.address = address
        self.port = int(address.rpartition(":")[2])


@contextmanager
def running(process: Program) -> Iterator[Served]:
    """The server that was started as *process*; killed at the end if it still runs."""
    try:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        assert address, process.communicate()[1]
        yield Served(process, address)
    finally:
        process.kill()
        process.communicate()


def surroundings() -> dict[str, str]:
    """The environment of the tests, without settings."""
    return {n: v for n, v in os.environ.items() if not n.startswith("IKU_")}


@contextmanager
def serving(forker: Forker, **environment: str) -> Iterator[Served]:
    """A server process; killed at the end if it still runs."""
    given = surroundings() | environment
    with running(forker.start((), given, module="tests.web.served")) as served:
        yield served


@contextmanager
def serving_process(**environment: str) -> Iterator[Served]:
    """The same in a new Python, in which warnings are errors from its start."""
    process = subprocess.Popen(
        [sys.executable, "-W", "error", str(SERVED)],
        env=surroundings() | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with running(process) as served:
        yield served


def told(database: Database, home: Path) -> dict[str, str]:
    """The environment of a process: that database, and separate keys."""
    return {
        "IKU_DATABASE_URL": database.application_dsn,
        "IKU_OWNER_URL": database.owner_dsn,
        "IKU_HOME": str(home),
        "IKU_LANGUAGE": "en",
    }


@pytest.fixture
def served(forker: Forker, database: Database, tmp_path: Path) -> Iterator[Served]:
    with serving(forker, **told(database, tmp_path / "var")) as served:
        yield served


@pytest.fixture(scope="module")
async def kept_on(
    forker: Forker,
    clone: Clone,
    furnished: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Served]:
    """A server process shared by the tests of this file."""
    home = tmp_path_factory.mktemp("serving")
    with serving(forker, **told(await clone(furnished), home)) as served:
        yield served


def ended(served: Served, within_s: float) -> str:
    """The output of the process, which must exit with 0."""
    _, said = served.process.communicate(timeout=within_s)
    assert served.process.returncode == 0, said
    return said


# Whether a session waits for a lock of this connection. Not from pg_stat_activity,
# which stays the same throughout a transaction.
LOCKED = """
    select exists (
      select from pg_locks
       where not granted
         and pg_backend_pid() = any(pg_blocking_pids(pid)))
    """


async def _until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait until the condition holds, even on a busy machine."""
    async with asyncio.timeout(30):
        while not await holds():  # noqa: ASYNC110 - of another process
            await asyncio.sleep(0.02)


async def _refuses(served: Served) -> bool:
    """Whether the server refuses connections."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", served.port)
    except (ConnectionRefusedError, ConnectionResetError):
        return True
    writer.close()
    return False


async def test_who_is_being_answered_is_answered_before_it_stops(
    served: Served, owner: Plain
) -> None:
    async with httpx.AsyncClient(base_url=f"{served.address}/api/v1") as client:
        (await client.post("/conflicts", json=CASE)).raise_for_status()
        async with owner.transaction():
            await owner.execute("select from ledger.head for update")
            closing = client.post("/conflicts/K14/events", json=RESOLVED)
            waiting = asyncio.create_task(closing)
            await _until(lambda: owner.fetchval(LOCKED))
            served.process.send_signal(signal.SIGTERM)
            await _until(lambda: _refuses(served))
            assert not waiting.done()
        assert (await waiting).status_code == 201
    assert ended(served, 30) == ""
    version = "select version from ledger.stream where stream = 'conflict-K14'"
    assert await owner.fetchval(version) == 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_idle_connections_do_not_keep_it_from_stopping(
    served: Served, number: int
) -> None:
    with httpx.Client() as client:
        assert client.get(f"{served.address}/api/v1/health/ready").status_code == 200
        served.process.send_signal(number)
        assert ended(served, 30) == ""


def test_the_embedded_database_is_stopped_after_it(own_home: Path) -> None:
    with serving_process(IKU_HOME=str(own_home)) as served:
        assert httpx.get(f"{served.address}/api/v1/health/ready").status_code == 200
        assert (own_home / "postgres" / "data" / "postmaster.pid").exists()
        served.process.send_signal(signal.SIGTERM)
        assert ended(served, 20) == ""
    assert not (own_home / "postgres" / "data" / "postmaster.pid").exists()


def test_the_embedded_database_may_be_killed_under_it(
    forker: Forker, own_home: Path
) -> None:
    with (
        serving(forker, IKU_HOME=str(own_home)) as served,
        httpx.Client(base_url=f"{served.address}/api/v1") as client,
    ):
        client.post("/conflicts", json=CASE).raise_for_status()
        pid = (own_home / "postgres" / "data" / "postmaster.pid").read_text()
        os.kill(int(pid.split()[0]), signal.SIGKILL)
        give_up = monotonic() + 30
        while (answer := client.post("/conflicts/K14/events", json=RESOLVED)).is_error:
            assert answer.status_code == 503
            assert monotonic() < give_up
            sleep(0.05)
        assert answer.json()["version"] == 2
        assert client.get("/health/ready").json()["size"] == 6
        served.process.send_signal(signal.SIGTERM)
        ended(served, 20)
    assert not (own_home / "postgres" / "data" / "postmaster.pid").exists()


def test_the_log_is_sent_while_it_is_read(kept_on: Served) -> None:
    with httpx.Client(base_url=f"{kept_on.address}/api/v1") as client:
        long = CASE | {"title": "x" * 500, "reference": "y" * 500}
        for number in range(60):
            report = long | {"number": f"K{number}"}
            client.post("/conflicts", json=report).raise_for_status()
        head = {"Accept": "application/x-ndjson"}
        with client.stream("GET", "/log/events", headers=head) as answer:
            assert answer.headers["Transfer-Encoding"] == "chunked"
            told = sum(1 for line in answer.iter_lines() if line)
        assert told == 64


def exchange(served: Served, said: bytes) -> bytes:
    """The server's response to these bytes, until it closes the connection."""
    with socket.create_connection(("127.0.0.1", served.port), timeout=30) as plain:
        plain.sendall(said)
        answer = b""
        while piece := plain.recv(65_536):
            answer += piece
    return answer


def test_odd_targets_are_no_fault_of_ours(kept_on: Served) -> None:
    for target, status in (
        ("/api/v1/conflicts?text=%zz", b"400"),
        ("/api/v1/conflicts/K14%00", b"400"),
        ("/api/v1/conflicts/\xe9", b"400"),
        ("/api/v1/../../etc/passwd", b"404"),
        ("//etc/passwd", b"404"),
        ("/api/v1/conflicts/..%2f..%2fx", b"404"),
        ("*", b"404"),
        ("http://elsewhere/api/v1/health/live", b"200"),
    ):
        head = f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        answer = exchange(kept_on, head.encode("latin-1"))
        assert answer.split(b" ", 2)[1] == status, (target, answer)


def test_what_is_no_request_is_refused(kept_on: Served) -> None:
    for said in (
        b"\x00\x01\x02\x03\r\n\r\n",
        b"POST /api/v1/conflicts HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: \x00\r\n\r\n",
    ):
        answer = exchange(kept_on, said)
        assert answer.split(b" ", 2)[1] == b"400", said
        assert b"content-security-policy: default-src 'none'; " in answer
        assert b"strict-transport-security" not in answer


def test_a_body_that_never_ends_is_cut_off(kept_on: Served) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", kept_on.port, timeout=30)
    connection.connect()
    connection.auto_open = 0  # otherwise it would reconnect
    connection.putrequest("POST", "/api/v1/conflicts")
    connection.putheader("Content-Type", "application/json")
    connection.putheader("Transfer-Encoding", "chunked")
    connection.endheaders()
    piece = b"100000\r\n" + b" " * (1 << 20) + b"\r\n"

    def send() -> None:
        try:
            for _ in range(50):
                connection.send(piece)
        except (OSError, http.client.NotConnected):
            pass  # it no longer listens

    sender = threading.Thread(target=send)
    sender.start()
    with connection.getresponse() as answer:
        assert answer.status == 413
    connection.close()
    sender.join()


def test_a_place_that_is_taken_is_an_error_of_the_callers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=r"[Aa]ddress already in use"):
            server.listen("127.0.0.1", port)


@pytest.mark.parametrize(
    ("host", "begins"),
    [("127.0.0.1", "http://127.0.0.1:"), ("localhost", "http://")],
)
def test_the_address_is_the_one_to_be_reached(host: str, begins: str) -> None:
    with server.listen(host, 0) as listener:
        at = urlsplit(server.address(listener))
        assert server.address(listener).startswith(begins)
        assert at.port == listener.getsockname()[1]


async def test_it_serves_in_the_callers_loop(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    serving = server.serve(app, "127.0.0.1", 0, found.set_result, Mode.LOCAL)
    task = asyncio.create_task(serving)
    address = await found
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"{address}/api/v1/health/ready")
    assert answer.status_code == 200
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(task, 30)


def test_uvloop_runs_it() -> None:
    async def loop() -> Any:
        return type(asyncio.get_running_loop()).__module__

    assert server.run(loop()) == "uvloop"


async def test_a_stream_of_counts_ends_when_the_server_stops(served: Served) -> None:
    async with (
        httpx.AsyncClient(base_url=served.address, timeout=30) as client,
        client.stream("GET", "/tugas/jumlah") as answer,
    ):
        lines = answer.aiter_lines()
        assert (await anext(lines)).startswith("event:")
        served.process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(_count(lines), server.GRACE_S / 2)
    assert ended(served, 30) == ""


async def _count(lines: AsyncIterator[str]) -> int:
    return len([line async for line in lines])
