"""An HTTP server that shows a log made of any records, signed by the log's real key."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeAlias
from urllib.parse import parse_qs, urlsplit

from iku.ledger import tlog_proof, tree
from iku.ledger.note import SigningKey
from tests.exchange.forging import forged_files, spell
from tests.ledger.test_note import log_key

KEY = log_key()
Answer: TypeAlias = Callable[[BaseHTTPRequestHandler], None]


def record(number: int, **changes: Any) -> dict[str, Any]:
    """A record that no figure counts, the one of that version in its stream."""
    return {
        "actor": "u/siti",
        "command": f"c-{number}",
        "data": {"n": number},
        "declared": False,
        "effective_on": None,
        "known_on": "2026-01-01",
        "recorded_at": "2026-01-01T00:00:00.000000Z",
        "schema": 2,
        "stream": "note-1",
        "text": {},
        "type": "noted",
        "version": number,
        **changes,
    }


def records(count: int) -> list[Any]:
    return [record(number + 1) for number in range(count)]


def consistency(
    old: int, leaves: Sequence[bytes], *, whole: bool = True
) -> list[bytes]:
    """The proof from *old* to all leaves: SUBPROOF of RFC 6962, 2.1.2."""
    new = len(leaves)
    if old == new:
        return [] if whole else [tree.root(leaves)]
    half = 1 << (new - 1).bit_length() - 1
    if old <= half:
        left = consistency(old, leaves[:half], whole=whole)
        return [*left, tree.root(leaves[half:])]
    right = consistency(old - half, leaves[half:], whole=False)
    return [*right, tree.root(leaves[:half])]


class LyingLog(ThreadingHTTPServer):
    """A log whose answers can be replaced, one by one.

    Attributes:
        files: The body of each file of the log, by path.
        answers: Other answers, by path; they take precedence.
        asked: Path and `Authorization` of each request.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, bytes] = {}
        self.answers: dict[str, Answer] = {}
        self.asked: list[tuple[str, str | None]] = []
        self.leaves: list[bytes] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def show(
        self, shown: Sequence[Any], key: SigningKey = KEY, at: int | None = None
    ) -> "LyingLog":
        """Show these records and no others, signed, and cosigned at the time *at*."""
        when = int(time.time()) if at is None else at
        files = forged_files(key, shown, (), when)
        self.leaves = [tree.leaf_hash(spell(one)) for one in shown]
        self.files, self.answers = files, {}  # a monitor may be reading
        return self

    def body(self, path: str, query: dict[str, list[str]]) -> bytes | None:
        if path == "proof/consistency":
            old, new = (int(query[name][0]) for name in ("old", "new"))
            proof = consistency(old, self.leaves[:new])
            return tlog_proof.encode_hashes(proof).encode()
        return self.files.get(path)


class _Handler(BaseHTTPRequestHandler):
    server: LyingLog

    def do_GET(self) -> None:
        asked = urlsplit(self.path)
        path = asked.path.removeprefix("/api/v1/log/")
        self.server.asked.append((path, self.headers["Authorization"]))
        if path in self.server.answers:
            self.server.answers[path](self)
            return
        body = self.server.body(path, parse_qs(asked.query))
        if body is None:
            reply(self, 404, b"not here")
        else:
            reply(self, 200, body)

    def log_message(self, *words: object) -> None:
        """Print nothing."""


def reply(to: BaseHTTPRequestHandler, status: int, body: bytes, **headers: str) -> None:
    to.send_response(status)
    to.send_header("Content-Length", str(len(body)))
    for name, value in headers.items():
        to.send_header(name, value)
    to.end_headers()
    to.wfile.write(body)


def answering(status: int, body: bytes, **headers: str) -> Answer:
    """An answer with this status, body and headers."""
    return lambda to: reply(to, status, body, **headers)


@contextmanager
def lying_log() -> Iterator[LyingLog]:
    """A running server."""
    with LyingLog() as log:
        thread = threading.Thread(target=log.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield log
        finally:
            log.shutdown()
            thread.join()
