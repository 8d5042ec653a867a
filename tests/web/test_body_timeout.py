"""An incomplete request is an error of the client."""

import socket
import struct
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import product
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import httpx
import pytest

from iku.postgres.database import Database
from iku.web import documentation
from iku.web.app import MODULES
from tests.conftest import Clone
from tests.forked import Forker
from tests.web.conftest import CASE, ORGANISATION
from tests.web.test_server import Served, ended, serving, told

ID = "6f0f8f6e-2f60-4cf0-8a0e-6b7c8d9e0f10"
SUBJECTS = {
    "{conflict_id:str}": "K14",
    "{organisation_id:str}": "O41",
    "{code:str}": "IKU-1",
    "{publication_id:str}": "2021",
    "{subject_id:str}": "conflict-K14",
    **dict.fromkeys(("{account_id:str}", "{proposal_id:str}"), ID),
    "{key_id:str}": "0123456789ab",
    "{statement_id:str}": "plan",
    "{paper:str}": "data-terbuka",
}
HEAD = "Host: localhost\r\nContent-Type: application/json\r\nIku-File-Name: a.pdf\r\n"
# The limit is generous for busy machines; a leaked connection lasts forever.
PATIENCE_S = 20
STARTED = b'{"type": "'
FRAMES = {
    "length": ("Content-Length: 500\r\n\r\n", STARTED),
    "chunked": ("Transfer-Encoding: chunked\r\n\r\n", b"20\r\n" + STARTED),
    "between chunks": (
        "Transfer-Encoding: chunked\r\n\r\n",
        b"a\r\n" + STARTED + b"\r\n",
    ),
    "no byte": ("Content-Length: 500\r\n\r\n", b""),
}


def posted() -> list[str]:
    """The address of every route with a request body."""
    handlers: list[Any] = [
        *(handler for module in MODULES for handler in module.HANDLERS),
        *documentation.HANDLERS,
    ]
    found = {
        path
        for handler in handlers
        if handler.http_methods & {"POST", "PUT", "PATCH"}
        for path in handler.paths
    }
    return sorted(found)


POSTED = posted()
# Routes that read the body also of a caller who has not signed in. Those of accounts
# answer before, and the issue of a paper has no body.
STREAMED = [
    path
    for path in POSTED
    if not path.startswith("/accounts") and path != "/papers/{paper:str}"
]


def address(path: str) -> str:
    for placeholder, subject in SUBJECTS.items():
        path = path.replace(placeholder, subject)
    assert "{" not in path
    return f"/api/v1{path}"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("receiving") / "var"


@pytest.fixture(scope="module")
async def database(clone: Clone, furnished: str) -> Database:
    return await clone(furnished)


@pytest.fixture(scope="module")
def served(forker: Forker, database: Database, home: Path) -> Iterator[Served]:
    """One server for all tests; it stops promptly, without output."""
    settings = told(database, home) | {"IKU_BODY_TIMEOUT_S": "1"}
    with serving(forker, **settings) as served:
        with httpx.Client(base_url=f"{served.address}/api/v1") as client:
            client.post("/conflicts", json=CASE).raise_for_status()
            client.post("/organisations", json=ORGANISATION).raise_for_status()
            draft = {"period": "year", "as_of": "2021-12-31", "reason": "LKjIP"}
            client.post("/publications", json=draft).raise_for_status()
        yield served
        assert counted(served, "500") == 0
        served.process.terminate()
        assert ended(served, PATIENCE_S) == ""


def connected(served: Served) -> socket.socket:
    return socket.create_connection(("127.0.0.1", served.port), timeout=2 * PATIENCE_S)


def reset(connection: socket.socket) -> None:
    """Close the connection with a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def all_of(connection: socket.socket) -> bytes:
    """The bytes received until the other side closes."""
    answer = b""
    while piece := connection.recv(65_536):
        answer += piece
    return answer


def request(path: str, frame: str = "length") -> bytes:
    head, body = FRAMES[frame]
    return f"POST {path} HTTP/1.1\r\n{HEAD}{head}".encode() + body


def counted(served: Served, status: str) -> float:
    """The number of requests counted with that status."""
    text = httpx.get(f"{served.address}/api/v1/metrics").text
    return sum(
        float(line.rpartition(" ")[2])
        for line in text.splitlines()
        if line.startswith("iku_http_requests_total") and f'status="{status}"' in line
    )


def size(served: Served) -> int:
    answer = httpx.get(f"{served.address}/api/v1/health/ready")
    return int(answer.json()["size"])


def sockets(served: Served) -> int:
    """The number of open files and sockets of the process."""
    return len([*Path(f"/proc/{served.process.pid}/fd").iterdir()])


def eventually(served: Served, status: str, number: float) -> None:
    """Wait until *count* requests are counted with that status."""
    give_up = monotonic() + PATIENCE_S
    while counted(served, status) < number:
        assert monotonic() < give_up, counted(served, status)
        sleep(0.02)
    assert counted(served, status) == number


def test_the_routes_that_take_a_body_are_known() -> None:
    assert len(POSTED) >= 9
    assert {address(path) for path in POSTED}


def test_a_client_that_leaves_in_mid_body_is_no_fault_of_the_server(
    served: Served, home: Path
) -> None:
    before, files = size(served), set(home.rglob("*"))
    gone = counted(served, "499")
    for path, frame in product(STREAMED, FRAMES):
        for leave in (socket.socket.close, reset):
            with connected(served) as connection:
                connection.sendall(request(address(path), frame))
                sleep(0.005)  # so that it reads the data before the reset
                leave(connection)
    eventually(served, "499", gone + 2 * len(STREAMED) * len(FRAMES))
    assert counted(served, "500") == 0
    assert size(served) == before
    assert set(home.rglob("*")) == files


def test_a_body_that_stalls_is_answered_408_and_the_connection_closed(
    served: Served,
) -> None:
    before, held, late = size(served), sockets(served), counted(served, "408")
    asked = [request(address(path), frame) for path in STREAMED for frame in FRAMES]
    with ExitStack() as stack:
        waiting = [stack.enter_context(connected(served)) for _ in asked]
        for connection, said in zip(waiting, asked, strict=True):
            connection.sendall(said)
        for connection in waiting:
            head, _, body = all_of(connection).partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 408 ")
            assert b"connection: close" in head.lower()
            assert b"application/problem+json" in head
            assert b"urn:iku:problem:timeout" in body
            assert b"incomplete after 1 s" in body
    assert size(served) == before
    eventually(served, "408", late + len(asked))
    give_up = monotonic() + PATIENCE_S
    while sockets(served) > held:  # each connection is closed, by the server too
        assert monotonic() < give_up
        sleep(0.05)


def test_a_body_that_trickles_in_stalls_too(served: Served) -> None:
    began = monotonic()
    with connected(served) as connection:
        connection.sendall(request("/api/v1/conflicts"))
        connection.settimeout(0.1)
        answer = b""
        while not answer:
            connection.sendall(b" ")
            try:
                answer = connection.recv(65_536)
            except TimeoutError:
                continue
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert monotonic() - began < PATIENCE_S


def test_a_large_file_on_a_slow_line_may_take_longer(served: Served) -> None:
    content = b"x" * 60_000
    head = (
        "POST /api/v1/conflicts/K14/attachments HTTP/1.1\r\nHost: localhost\r\n"
        "Content-Type: application/pdf\r\nIku-File-Name: a.pdf\r\n"
        f"Connection: close\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    began = monotonic()
    with connected(served) as connection:
        connection.sendall(head.encode())
        for start in range(0, len(content), 6_000):
            connection.sendall(content[start : start + 6_000])
            sleep(0.2)
        assert all_of(connection).startswith(b"HTTP/1.1 201 ")
    assert monotonic() - began > 1.5


def test_a_head_that_stalls_does_not_hold_the_connection(served: Served) -> None:
    for said, status in (
        (b"", b""),
        (b"GET /api/v1/agency HTTP/1.1\r\nHost: local", b"HTTP/1.1 408 "),
        (b"POST", b"HTTP/1.1 408 "),
        (b"\r\n\r\n", b""),
    ):
        began = monotonic()
        with connected(served) as connection:
            connection.sendall(said)
            answer = all_of(connection)
        assert answer.startswith(status)
        assert bool(answer) == bool(status)
        assert 0.5 < monotonic() - began < PATIENCE_S


def test_the_rest_of_a_body_that_was_answered_does_not_hold_the_connection(
    served: Served,
) -> None:
    began = monotonic()
    with connected(served) as connection:
        connection.sendall(request("/api/v1/nowhere"))
        connection.settimeout(0.1)
        answer = b""
        try:
            while monotonic() - began < 2 * PATIENCE_S:
                connection.sendall(b" ")
                try:
                    piece = connection.recv(65_536)
                except TimeoutError:
                    continue
                if not piece:
                    break
                answer += piece
        except ConnectionError:
            pass
    assert answer.startswith(b"HTTP/1.1 404 ")
    assert answer.count(b"HTTP/1.1") == 1
    assert monotonic() - began < PATIENCE_S


def test_a_head_is_of_bounded_size(served: Served) -> None:
    for said in (b"GET /api/v1/agency?", b"GET / HTTP/1.1\r\nHost: x\r\nX: "):
        with connected(served) as connection:
            connection.sendall(said)
            answer = b""
            try:
                for _ in range(1_000):
                    connection.sendall(b"x" * 65_536)
                answer = all_of(connection)
            except ConnectionError:
                answer = answer or b"closed"
        assert answer == b"closed" or answer.startswith(b"HTTP/1.1 431 ")


def test_a_field_of_the_trailer_is_none_of_the_header(served: Served) -> None:
    body = b'{"number":"K15","category":"sara","title":"x","effective_on":"2021-02-09"'
    body += b',"dimension":"agama"}'
    head = "Host: localhost\r\nContent-Type: application/json\r\nConnection: close\r\n"
    said = (
        f"POST /api/v1/conflicts HTTP/1.1\r\n{head}Transfer-Encoding: chunked\r\n\r\n"
    )
    chunk = b"%x\r\n%s\r\n0\r\n" % (len(body), body)
    with connected(served) as connection:
        connection.sendall(said.encode() + chunk + b"Iku-Actor: other\r\n\r\n")
        assert all_of(connection).startswith(b"HTTP/1.1 201 ")
    found = httpx.get(f"{served.address}/api/v1/conflicts/K15/events").json()
    assert found["items"][0]["actor"] == "lokal"


GET = b"GET /api/v1/agency HTTP/1.1\r\nHost: localhost\r\n\r\n"
BROKEN = b"POST /api/v1/conflicts HTTP/1.1\r\nHost: localhost\r\n"


GARBAGE: tuple[tuple[bytes, list[bytes]], ...] = (
    (GET + b"\x00\x01\x02\r\n\r\n", [b"200"]),
    (GET + GET + b"garbage\r\n\r\n" + GET, [b"200"]),
    (GET * 50 + b"garbage\r\n\r\n", [b"200"]),
    (BROKEN + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", [b"400"]),
    (BROKEN + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n", [b"400"]),
    (BROKEN + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n", [b"400"]),
    (b"CONNECT localhost:1 HTTP/1.1\r\nHost: localhost\r\n\r\n" + GET, []),
    (
        b"GET /api/v1/agency HTTP/1.1\r\nHost: localhost\r\n"
        b"Connection: upgrade\r\nUpgrade: websocket\r\n\r\n" + GET,
        [b"200"],
    ),
    (b"GET http://[ HTTP/1.1\r\nHost: localhost\r\n\r\n", [b"400"]),
    (b"GET x HTTP/1.1\r\nHost: localhost\r\n\r\n", [b"400"]),
)


def test_garbage_on_a_connection_ends_it_without_a_word_in_the_log(
    served: Served,
) -> None:
    for said, statuses in GARBAGE:
        with connected(served) as connection:
            connection.sendall(said)
            answer = all_of(connection)
            begun = [part[:3] for part in answer.split(b"HTTP/1.1 ")[1:]]
        assert begun[: len(statuses)] == statuses, said
        assert b"500" not in begun
    assert counted(served, "500") == 0


def test_a_client_that_leaves_while_several_requests_wait_is_forgotten(
    served: Served,
) -> None:
    for _ in range(20):
        with connected(served) as connection:
            connection.sendall(GET * 10)
        with connected(served) as connection:
            connection.sendall(GET * 10 + request("/api/v1/conflicts"))
    assert size(served) > 0


def test_a_client_that_leaves_while_it_is_answered_is_forgotten(
    served: Served,
) -> None:
    lines = "GET {} HTTP/1.1\r\nHost: localhost\r\nAccept: {}\r\n\r\n"
    for _ in range(10):
        for path, accept in (
            ("/api/v1/log/events", "application/x-ndjson"),
            ("/api/v1/indicators/IKU-1/replay", "*/*"),
            ("/api/v1/indicators/IKU-1/explanation", "text/csv"),
            ("/openapi.json", "*/*"),
        ):
            with connected(served) as connection:
                connection.sendall(lines.format(path, accept).encode() * 2)
                connection.recv(1)
                reset(connection)
    assert counted(served, "500") == 0
