"""HTTP client of a log (C2SP tlog-tiles) that trusts no response.

Each response is limited in length and in time. Redirects are not followed, and proxies
of the environment are not used.
"""

import http.client
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from pathlib import Path
from threading import Timer
from urllib.parse import SplitResult, urlsplit

from iku import __version__, messages
from iku.ledger import durable_files, note, tile, tlog_proof
from iku.ledger.note import Malformed
from iku.ledger.proof_verification import InvalidProof
from iku.ledger.tile import LENGTH, WIDTH, Tile
from iku.messages import message
from iku.settings import is_loopback

TIMEOUT_S = 60.0  # of a whole answer, including the connection
LONGEST_BUNDLE = WIDTH * (2 + 65_535)  # bytes
LONGEST_PROOF = 63 * 45  # bytes: hashes in base64, one a line
LONGEST_KEY = 1_000  # characters
LOG = "/api/v1/log"  # below the address of an iku
ABSENT = {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}
REFUSED = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}


class LogUnreadable(Exception):
    """The log cannot be read now; the message has the reason."""


class NotServed(Exception):
    """The log responds that the file does not exist; the message has the status."""


class InvalidLogAddress(ValueError):
    """The address of the log, or the API key for it, cannot be used."""


class LogApiKey:
    """The secret of an API key; its `repr` does not show it."""

    def __init__(self, secret: str) -> None:
        if not 0 < len(secret) <= LONGEST_KEY or not secret.isascii():
            raise InvalidLogAddress(KEY_FORM)
        if not secret.isprintable() or " " in secret:
            raise InvalidLogAddress(KEY_FORM)
        self._secret = secret

    @property
    def header(self) -> str:
        """The value of the header `Authorization`."""
        return f"Bearer {self._secret}"


KEY_FORM = message(
    "the file of the key must hold one line of at most {most} visible ASCII characters",
    most=LONGEST_KEY,
)


def read_key(path: Path) -> LogApiKey:
    """The API key in a file.

    Raises:
        InvalidLogAddress: The file does not hold a key.
        InsecurePermissions: Other users can read the file.
        OSError: The file cannot be read.
    """
    try:
        return LogApiKey(durable_files.read_secret(path))
    except UnicodeDecodeError:
        raise InvalidLogAddress(KEY_FORM) from None


class LogClient:
    """Reads the log at *url*: the address of a server, or of the log itself.

    Raises:
        InvalidLogAddress: The address is not an HTTP URL, or *key* would be sent in
            clear.
    """

    def __init__(
        self, url: str, key: LogApiKey | None = None, timeout_s: float = TIMEOUT_S
    ) -> None:
        self._address = _parse_server_url(url)
        self._timeout_s = timeout_s
        self._headers = {
            "Accept-Encoding": "identity",
            "Connection": "close",
            "User-Agent": f"iku-monitor/{__version__}",
        }
        self._tls = self._address.scheme == "https"
        if key is not None:
            if not self._tls and not is_loopback(self._address.hostname or ""):
                raise InvalidLogAddress(
                    message(
                        "{url} is neither https nor on this machine, so the API key "
                        "cannot be sent to it",
                        url=url,
                    )
                )
            self._headers["Authorization"] = key.header

    def checkpoint(self) -> bytes:
        """The last checkpoint.

        Raises:
            LogUnreadable: The log cannot be read, or has no checkpoint.
        """
        try:
            return self._get("checkpoint", note.LONGEST)
        except NotServed as error:
            raise LogUnreadable(messages.error_message(error)) from error

    def entries(self, asked: Tile) -> bytes:
        """The entry bundle of a tile of level 0.

        Raises:
            NotServed: The log responds that the bundle does not exist.
            LogUnreadable: The log cannot be read.
        """
        return self._get(asked.entries_path(), LONGEST_BUNDLE)

    def leaves(self, asked: Tile) -> list[bytes]:
        """The leaf hashes of a tile of level 0; fewer if the response is truncated.

        Raises:
            NotServed: The log responds that the tile does not exist.
            LogUnreadable: The log cannot be read.
        """
        raw = self._get(asked.path(), tile.WIDTH * LENGTH)
        return [raw[at : at + LENGTH] for at in range(0, len(raw), LENGTH)]

    def consistency(self, old: int, new: int) -> tuple[bytes, ...]:
        """The consistency proof between two sizes.

        Raises:
            InvalidProof: The response is not a list of hashes.
            NotServed: The log responds that the proof does not exist.
            LogUnreadable: The log cannot be read.
        """
        path = f"proof/consistency?old={old}&new={new}"
        raw = self._get(path, LONGEST_PROOF)
        try:
            *lines, rest = raw.decode("ascii").split("\n")
            hashes = tlog_proof.parse_hashes(lines)
        except (UnicodeDecodeError, Malformed) as error:
            raise InvalidProof(
                message(
                    "the response of the log is not a proof: {error}",
                    error=messages.error_message(error),
                )
            ) from error
        if rest:
            raise InvalidProof(message("the proof does not end with a line feed"))
        return hashes

    def _get(self, path: str, most: int) -> bytes:
        try:
            status, body = self._response(path, most)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise LogUnreadable(
                message(
                    "{path} cannot be read: {error}",
                    path=path,
                    error=messages.error_message(error) or type(error).__name__,
                )
            ) from error
        if status != HTTPStatus.OK:
            raise _refusal(path, status, body)
        if len(body) > most:
            raise LogUnreadable(
                message("{path} is longer than {most} bytes", path=path, most=most)
            )
        return body

    def _response(self, path: str, most: int) -> tuple[int, bytes]:
        """The status and the body, of which at most *most* + 1 bytes are read."""
        with self._connection() as connection:
            below = f"{self._address.path}/{path}"
            connection.request("GET", below, headers=self._headers)
            # Closing the connection leaves the socket open to a response that was not
            # read to its end.
            with connection.getresponse() as answer:
                body = answer.read(most + 1)
                # `read` with a length does not complain about an early end.
                if answer.length and len(body) <= most:
                    raise http.client.IncompleteRead(body, answer.length)
                return answer.status, body

    @contextmanager
    def _connection(self) -> Iterator[http.client.HTTPConnection]:
        """A connection that is shut down after the time limit."""
        host, port = self._address.hostname or "", self._port
        connecting = socket.create_connection((host, port), self._timeout_s)
        with connecting:
            kind: type[http.client.HTTPConnection] = http.client.HTTPConnection
            given = connecting
            if self._tls:
                kind = http.client.HTTPSConnection
                given = ssl.create_default_context().wrap_socket(
                    connecting, server_hostname=host, do_handshake_on_connect=False
                )
            over = _Deadline(self._timeout_s, given)
            try:
                if isinstance(given, ssl.SSLSocket):
                    given.do_handshake()
                connection = kind(host, port)
                connection.sock = given
                yield connection
            except (OSError, http.client.HTTPException, ValueError) as error:
                if over.passed or isinstance(error, TimeoutError):
                    raise TimeoutError(self._timeout_message()) from error
                raise
            finally:
                over.cancel()
                given.close()
            if over.passed:  # the end of the body may only be that of the connection
                raise TimeoutError(self._timeout_message())

    def _timeout_message(self) -> str:
        return message(
            "the response took longer than {seconds} seconds",
            seconds=int(self._timeout_s),
        )

    @property
    def _port(self) -> int:
        return self._address.port or (443 if self._tls else 80)


class _Deadline:
    """Shuts a socket down after a time, which ends a blocked read."""

    def __init__(self, seconds: float, over: socket.socket) -> None:
        self.passed = False
        self._socket = over
        self._timer = Timer(seconds, self._shut_down)
        self._timer.daemon = True
        self._timer.start()
        self.cancel: Callable[[], None] = self._timer.cancel

    def _shut_down(self) -> None:
        self.passed = True
        with suppress(OSError):
            # That of TLS would drop the state that a reading thread uses.
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


def _parse_server_url(url: str) -> SplitResult:
    invalid = InvalidLogAddress(
        message(
            "{url} is not the address of a server, such as https://iku.example.go.id",
            url=url,
        )
    )
    try:
        address = urlsplit(url)
        address.port  # noqa: B018 - parsed, to refuse a wrong one
    except ValueError:
        raise invalid from None
    plain = url.isascii() and url.isprintable() and " " not in url
    if address.scheme not in {"http", "https"} or not address.hostname or not plain:
        raise invalid
    if address.username is not None or address.query or address.fragment:
        raise InvalidLogAddress(
            message(
                "{url} must not contain a user name, a query or a fragment",
                url=address._replace(
                    netloc=address.netloc.rpartition("@")[2], query="", fragment=""
                ).geturl(),
            )
        )
    path = address.path.rstrip("/")
    # The address of a log, as a policy has it, or that of the server.
    return address._replace(path=path if path.endswith("/log") else f"{path}{LOG}")


def _refusal(path: str, status: int, body: bytes) -> Exception:
    said = " ".join(body[:200].decode("utf-8", "replace").split())
    answered = message(
        "{path}: the server responded with status {status}: {reason}",
        path=path,
        status=status,
        reason=said,
    )
    if status in ABSENT:
        return NotServed(answered)
    if 300 <= status < 400:
        return LogUnreadable(
            message(
                "{path}: the server redirects ({status}), but redirects are not "
                "followed; if you trust the target, give its address",
                path=path,
                status=status,
            )
        )
    if status in REFUSED:
        return LogUnreadable(
            message(
                "{path}: the server refuses access ({status}); give an API key with "
                "--key",
                path=path,
                status=status,
            )
        )
    return LogUnreadable(answered)
