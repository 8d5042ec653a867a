"""TLS by the server itself, and a certificate that is replaced while it serves."""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import ssl
import warnings
from collections.abc import AsyncIterator
from pathlib import Path
from time import monotonic
from typing import NamedTuple

import pytest
from cryptography import x509

from iku.postgres.database import Database
from iku.web.tls import Certificate, CertificateError
from tests.conftest import Clone
from tests.forked import Forker
from tests.web.certificates import NAME, Pair, make_pair, trusting
from tests.web.test_server import Served, serving, told

OLD, NEW = make_pair(), make_pair()
GET = (
    f"GET /api/v1/health/live HTTP/1.1\r\nHost: {NAME}\r\nX-Forwarded-For: 1.1.1.1\r\n"
)


class Protected(NamedTuple):
    """A serving process with TLS, and the folder of its certificate."""

    served: Served
    folder: Path

    def serial(self) -> int:
        """The serial number of the certificate that a new connection gets."""
        with (
            socket.create_connection(("127.0.0.1", self.served.port), 30) as plain,
            trusting(OLD, NEW).wrap_socket(plain, server_hostname=NAME) as link,
        ):
            encoded = link.getpeercert(binary_form=True)
        assert encoded is not None
        return x509.load_der_x509_certificate(encoded).serial_number


def environment(database: Database, home: Path, folder: Path) -> dict[str, str]:
    """The environment of a server with accounts and TLS of its own."""
    chain, key = OLD.write(folder)
    return told(database, home) | {
        "MODE": "accounts",
        "IKU_PUBLIC_URL": f"https://{NAME}",
        "IKU_TLS_CERT": str(chain),
        "IKU_TLS_KEY": str(key),
    }


@pytest.fixture(scope="module")
async def shared(
    forker: Forker,
    clone: Clone,
    furnished: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Protected]:
    """One server for all tests."""
    home = tmp_path_factory.mktemp("protected")
    folder = home / "tls"
    variables = environment(await clone(furnished), home / "var", folder)
    with serving(forker, **variables) as served:
        yield Protected(served, folder)


@pytest.fixture
async def protected(shared: Protected) -> Protected:
    """The server with the old certificate."""
    OLD.write(shared.folder)
    os.kill(shared.served.process.pid, signal.SIGHUP)
    await replaced(shared, OLD)
    return shared


class Link(NamedTuple):
    """A TLS connection to the server."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def ask(self, more: str = "") -> bytes:
        """The head of the answer to one request."""
        self.writer.write(f"{GET}{more}\r\n".encode())
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r")[0])
        await self.reader.readexactly(length)
        return head


@contextlib.asynccontextmanager
async def connected(served: Served) -> AsyncIterator[Link]:
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", served.port, ssl=trusting(OLD, NEW), server_hostname=NAME
    )
    yield Link(reader, writer)
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


async def test_it_answers_by_tls_as_its_public_name_only(protected: Protected) -> None:
    served = protected.served
    assert served.address == f"https://127.0.0.1:{served.port}"
    async with connected(served) as link:
        head = await link.ask()
        assert head.startswith(b"HTTP/1.1 200 ")
        assert b"strict-transport-security: max-age=31536000" in head
        link.writer.write(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert (await link.reader.readline()).startswith(b"HTTP/1.1 421 ")
    async with connected(served) as link:
        link.writer.write(b"no request\r\n\r\n")
        answer = await link.reader.read()
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert b"strict-transport-security: max-age=31536000" in answer


def test_without_tls_or_with_an_old_version_it_answers_nothing(
    protected: Protected,
) -> None:
    place = ("127.0.0.1", protected.served.port)
    with socket.create_connection(place, 30) as plain:
        plain.sendall(f"{GET}\r\n".encode())
        with contextlib.suppress(ConnectionResetError):
            assert b"HTTP" not in plain.recv(65_536)
    old = trusting(OLD)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    with socket.create_connection(place, 30) as plain, pytest.raises(ssl.SSLError):
        old.wrap_socket(plain, server_hostname=NAME)
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        present = trusting(OLD)
        present.minimum_version = present.maximum_version = version
        with socket.create_connection(place, 30) as plain:
            present.wrap_socket(plain, server_hostname=NAME).close()


async def test_a_certificate_is_replaced_under_load_without_a_lost_request(
    protected: Protected,
) -> None:
    served, stopped = protected.served, asyncio.Event()
    answered = 0

    async def ask_again_and_again() -> None:
        nonlocal answered
        while not stopped.is_set():
            async with connected(served) as link:
                for _ in range(3):
                    assert (await link.ask()).startswith(b"HTTP/1.1 200 ")
                    answered += 1

    async with connected(served) as before, asyncio.TaskGroup() as group:
        assert (await before.ask()).startswith(b"HTTP/1.1 200 ")
        for _ in range(4):
            group.create_task(ask_again_and_again())
        NEW.write(protected.folder)
        await replaced(protected, NEW)
        at_replacement = answered
        # The connection of the old certificate is still open.
        assert (await before.ask()).startswith(b"HTTP/1.1 200 ")
        async with asyncio.timeout(30):
            while answered < at_replacement + 20:  # noqa: ASYNC110 - by the tasks
                await asyncio.sleep(0.01)
        stopped.set()
    assert answered > at_replacement > 0


async def replaced(protected: Protected, pair: Pair) -> None:
    """Wait until new connections get the certificate of *pair*."""
    give_up = monotonic() + 30
    while await asyncio.to_thread(protected.serial) != pair.serial:
        assert monotonic() < give_up
        await asyncio.sleep(0.1)


async def test_sighup_loads_the_certificate_at_once(protected: Protected) -> None:
    os.kill(protected.served.process.pid, signal.SIGHUP)
    assert await asyncio.to_thread(protected.serial) == OLD.serial
    NEW.write(protected.folder)
    os.kill(protected.served.process.pid, signal.SIGHUP)
    await replaced(protected, NEW)
    assert protected.served.process.poll() is None


def handshake(certificate: Certificate, name: str | None = NAME) -> int:
    """The serial number that a client gets in a handshake in memory."""
    context = ssl.create_default_context(cadata=(OLD.chain + NEW.chain).decode())
    context.check_hostname = name is not None
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(to_client, to_server, server_hostname=name)
    server = certificate.context.wrap_bio(to_server, to_client, server_side=True)
    for side in (client, server, client, server):
        with contextlib.suppress(ssl.SSLWantReadError):
            side.do_handshake()
    encoded = client.getpeercert(binary_form=True)
    assert encoded is not None
    return x509.load_der_x509_certificate(encoded).serial_number


@pytest.fixture
def certificate(tmp_path: Path) -> Certificate:
    return Certificate(*OLD.write(tmp_path / "tls"))


@pytest.mark.parametrize("name", [NAME, None])
def test_a_new_pair_is_used_once_both_files_are_there(
    certificate: Certificate, tmp_path: Path, name: str | None
) -> None:
    chain, key = tmp_path / "tls" / "fullchain.pem", tmp_path / "tls" / "privkey.pem"
    assert handshake(certificate, name) == OLD.serial
    for path, content, expected in ((chain, NEW.chain, OLD), (key, NEW.key, NEW)):
        path.write_bytes(content)
        certificate.reload_if_changed()
        assert handshake(certificate, name) == expected.serial


@pytest.mark.parametrize(
    ("chain", "key"),
    [
        (NEW.chain, OLD.key),
        (b"", NEW.key),
        (NEW.chain, b"nothing"),
        (NEW.chain[:200], NEW.key),
        (None, NEW.key),
        (NEW.chain, make_pair(b"password").key),
    ],
    # Otherwise the keys would be in the names, and differ from process to process.
    ids=["other", "empty", "no key", "cut", "gone", "encrypted"],
)
def test_a_broken_pair_leaves_the_old_one_in_use_and_is_logged_once(
    certificate: Certificate,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    chain: bytes | None,
    key: bytes,
) -> None:
    folder = tmp_path / "tls"
    (folder / "privkey.pem").write_bytes(key)
    if chain is None:
        (folder / "fullchain.pem").unlink()
    else:
        (folder / "fullchain.pem").write_bytes(chain)
    with caplog.at_level(logging.ERROR, "iku"):
        certificate.reload_if_changed()
        certificate.reload_if_changed()

    assert handshake(certificate) == OLD.serial
    assert caplog.text.count("the previous certificate remains in use") == 1
    NEW.write(folder)
    certificate.reload_if_changed()
    assert handshake(certificate) == NEW.serial


def test_a_file_that_was_moved_into_place_is_a_change(
    certificate: Certificate, tmp_path: Path
) -> None:
    for path in NEW.write(tmp_path / "renewed"):
        at = tmp_path / "tls" / path.name
        os.utime(path, ns=(at.stat().st_atime_ns, at.stat().st_mtime_ns))
        path.replace(at)
    certificate.reload_if_changed()
    assert handshake(certificate) == NEW.serial


def test_a_pair_that_cannot_be_used_is_refused_at_the_start(tmp_path: Path) -> None:
    chain, key = OLD.write(tmp_path / "tls")
    with pytest.raises(CertificateError, match=r"fullchain\.pem and IKU_TLS_KEY"):
        Certificate(chain, tmp_path / "none.pem")
    key.write_bytes(NEW.key)
    with pytest.raises(CertificateError, match="cannot be used"):
        Certificate(chain, key)
    key.write_bytes(make_pair(b"password").key)
    with pytest.raises(CertificateError, match="is encrypted"):
        Certificate(chain, key)
