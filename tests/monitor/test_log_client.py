"""No answer of a hostile server is read beyond its limits, and no key is revealed."""

import gc
import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from iku.ledger import note
from iku.ledger.durable_files import InsecurePermissions
from iku.ledger.proof_verification import InvalidProof
from iku.ledger.tile import Tile
from iku.monitor.log_client import (
    LONGEST_BUNDLE,
    InvalidLogAddress,
    LogApiKey,
    LogClient,
    LogUnreadable,
    NotServed,
    read_key,
)
from tests.monitor.lying_log import LyingLog, answering, reply

SECRET = "iku_2f9b-secret"


@pytest.fixture
def client(log: LyingLog) -> LogClient:
    return LogClient(log.url, timeout_s=1)


def test_an_answer_may_be_as_long_as_the_format_allows_and_no_longer(
    log: LyingLog, client: LogClient
) -> None:
    tile = Tile(0, 0)
    cases: list[tuple[str, Callable[[], object], int]] = [
        ("checkpoint", client.checkpoint, note.LONGEST),
        ("tile/0/000", lambda: client.leaves(tile), 8_192),
        ("tile/entries/000", lambda: client.entries(tile), LONGEST_BUNDLE),
    ]
    for path, ask, most in cases:
        log.answers[path] = answering(200, bytes(most))
        ask()
        log.answers[path] = answering(200, bytes(most + 1))
        with pytest.raises(LogUnreadable, match=f"is longer than {most} bytes"):
            ask()


def without_end(to: BaseHTTPRequestHandler) -> None:
    """An answer that never ends, as fast as it is read."""
    to.send_response(200)
    to.end_headers()
    while True:
        to.wfile.write(bytes(1 << 16))


def drop_by_drop(to: BaseHTTPRequestHandler) -> None:
    """A body of which a byte comes before each time limit of the socket."""
    to.send_response(200)
    to.send_header("Content-Length", "60000")
    to.end_headers()
    for _ in range(100):
        to.wfile.write(b"x")
        to.wfile.flush()
        time.sleep(0.1)


def endless_head(to: BaseHTTPRequestHandler) -> None:
    to.wfile.write(b"HTTP/1.0 200 OK\r\nX: ")
    for _ in range(100):
        to.wfile.write(b"x")
        to.wfile.flush()
        time.sleep(0.1)


def silent(to: BaseHTTPRequestHandler) -> None:
    time.sleep(3)


def cut_off(to: BaseHTTPRequestHandler) -> None:
    to.send_response(200)
    to.send_header("Content-Length", "100")
    to.end_headers()
    to.wfile.write(b"half")


def test_an_answer_that_ends_early_leaves_no_socket_open(
    log: LyingLog, client: LogClient
) -> None:
    log.answers["checkpoint"] = cut_off
    gc.collect()
    gc.disable()
    try:
        with pytest.raises(LogUnreadable, match="cannot be read") as refused:
            client.checkpoint()
        ours = [one for one in gc.get_objects() if isinstance(one, socket.socket)]
        peers = [peer(one) for one in ours]
    finally:
        gc.enable()
    assert refused.tb is not None  # its frames may refer to the response
    assert log.server_address not in peers


def peer(one: socket.socket) -> object:
    """The address to which a socket is connected; None if it is closed."""
    try:
        return one.getpeername()
    except OSError:
        return None


def no_http(to: BaseHTTPRequestHandler) -> None:
    to.wfile.write(b"\x00\x1b[31m\xff\r\n\r\n")


def many_headers(to: BaseHTTPRequestHandler) -> None:
    to.wfile.write(b"HTTP/1.0 200 OK\r\n" + b"X: y\r\n" * 500 + b"\r\n")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (without_end, "is longer than 65536 bytes"),
        (drop_by_drop, "the response took longer than 1 seconds"),
        (endless_head, "the response took longer than 1 seconds"),
        (silent, "the response took longer than 1 seconds"),
        (cut_off, "checkpoint cannot be read"),
        (no_http, "checkpoint cannot be read"),
        (many_headers, "checkpoint cannot be read"),
    ],
)
def test_a_hostile_answer_ends_within_the_time_limit(
    log: LyingLog,
    client: LogClient,
    answer: Callable[[BaseHTTPRequestHandler], None],
    said: str,
    capfd: pytest.CaptureFixture[str],
) -> None:
    log.answers["checkpoint"] = answer
    begun = time.monotonic()
    with pytest.raises(LogUnreadable, match=said):
        client.checkpoint()
    assert time.monotonic() - begun < 3
    capfd.readouterr()  # the server's own complaints about the closed connection


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(
    log: LyingLog, client: LogClient, status: int
) -> None:
    elsewhere = f"{log.url}/api/v1/log/other"
    log.answers["checkpoint"] = answering(status, b"", Location=elsewhere)
    with pytest.raises(LogUnreadable, match="redirects are not followed"):
        client.checkpoint()
    assert [path for path, _ in log.asked] == ["checkpoint"]


def test_what_a_server_refuses_is_said(log: LyingLog, client: LogClient) -> None:
    for status, said in (
        (401, "refuses access"),
        (403, "refuses access"),
        (404, "404"),
        (429, "429"),
        (500, "500: \x1b away"),
    ):
        log.answers["checkpoint"] = answering(status, b"\x1b\n away")
        with pytest.raises(LogUnreadable, match=said):
            client.checkpoint()
    with pytest.raises(NotServed, match="404: not here"):
        client.entries(Tile(0, 0))


@pytest.mark.parametrize("body", [b"x\n", b"\xff\n", b"AAAA\n", b"\n", b"A"])
def test_an_answer_that_is_no_proof_proves_nothing(
    log: LyingLog, client: LogClient, body: bytes
) -> None:
    log.answers["proof/consistency"] = answering(200, body)
    with pytest.raises(InvalidProof):
        client.consistency(1, 2)


@pytest.mark.parametrize(
    "url",
    [
        *("", "iku.test", "ftp://iku.test", "file:///etc/passwd", "http://"),
        *("http://iku.test:x", "http://iku.test:99999", "http://iku\x1b.test"),
        *("http://iku.test/a b", "http://siti:pw@iku.test", "http://iku.test/?a=1"),
        *("http://iku.test/#a", "http://[::1", "http://ik\u0131.test"),
    ],
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(InvalidLogAddress):
        LogClient(url)


@pytest.mark.parametrize("below", ["", "/", "/api/v1/log", "/api/v1/log/"])
def test_the_address_is_that_of_the_server_or_of_its_log(
    log: LyingLog, below: str
) -> None:
    log.answers["checkpoint"] = answering(200, b"here")
    assert LogClient(log.url + below).checkpoint() == b"here"


def test_a_key_is_sent_with_each_request_and_never_shown(
    log: LyingLog, tmp_path: Path
) -> None:
    path = tmp_path / "key"
    path.write_text(f"{SECRET}\n")
    path.chmod(0o600)
    key = read_key(path)
    client = LogClient(log.url, key, timeout_s=1)
    assert SECRET not in f"{key!r}{key}{client!r}"
    for ask in (lambda: client.entries(Tile(0, 0)), lambda: client.consistency(1, 2)):
        with pytest.raises((NotServed, InvalidProof, LogUnreadable)) as caught:
            ask()
        assert SECRET not in str(caught.value)
    assert {key for _, key in log.asked} == {f"Bearer {SECRET}"}
    log.asked.clear()
    log.answers["checkpoint"] = lambda to: reply(to, 200, b"")
    LogClient(log.url, timeout_s=1).checkpoint()
    assert log.asked == [("checkpoint", None)]


def test_a_key_is_not_sent_in_clear_to_another_machine() -> None:
    key = LogApiKey(SECRET)
    for url in ("http://iku.example.go.id", "http://203.0.113.1:8000"):
        with pytest.raises(InvalidLogAddress, match="neither https") as caught:
            LogClient(url, key)
        assert SECRET not in str(caught.value)
    for url in ("https://iku.example.go.id", "http://localhost", "http://[::1]:8000"):
        LogClient(url, key)


@pytest.mark.parametrize("content", ["", "a b", "a\nb", "\x1b", "kunci-é", "x" * 1_001])
def test_a_file_that_holds_no_key_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "key"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(InvalidLogAddress):
        read_key(path)
    path.write_bytes(b"\xff")
    with pytest.raises(InvalidLogAddress):
        read_key(path)


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text(SECRET)
    path.chmod(0o644)
    with pytest.raises(InsecurePermissions):
        read_key(path)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate of 127.0.0.1, signed by itself, with its key in the same file."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "iku.test")])
    address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(address, critical=False)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    pkcs8 = serialization.PrivateFormat.PKCS8
    pem = serialization.Encoding.PEM
    path = tmp_path / "certificate.pem"
    path.write_bytes(key.private_bytes(pem, pkcs8, plain) + made.public_bytes(pem))
    return path


def test_a_certificate_must_be_trusted(
    log: LyingLog, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    log.socket = context.wrap_socket(log.socket, server_side=True)
    log.answers["checkpoint"] = answering(200, b"here")
    url = log.url.replace("http:", "https:")
    with pytest.raises(LogUnreadable, match=r"(?i)certificate"):
        LogClient(url, timeout_s=5).checkpoint()
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert LogClient(url, timeout_s=5).checkpoint() == b"here"


def test_a_handshake_that_does_not_end_is_ended() -> None:
    def drip() -> None:
        with suppress(OSError):
            given, _ = listening.accept()
            with given:
                given.sendall(b"\x16\x03\x03\x40\x00")  # a record of 16,384 bytes
                for _ in range(100):
                    given.sendall(b"\x02")
                    time.sleep(0.1)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        url = f"https://127.0.0.1:{listening.getsockname()[1]}"
        begun = time.monotonic()
        with pytest.raises(LogUnreadable, match="took longer than 1 seconds"):
            LogClient(url, timeout_s=1).checkpoint()
        assert time.monotonic() - begun < 3
        thread.join()


def test_a_server_that_is_away_is_named_as_such() -> None:
    with pytest.raises(LogUnreadable, match="checkpoint cannot be read"):
        LogClient("http://127.0.0.1:1").checkpoint()
