"""What goes wrong, as the client reads it: RFC 9457, `application/problem+json`.

Every error of the program gets its status here, and nowhere else.
"""

import logging
from http import HTTPStatus
from typing import Any

import asyncpg
import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException
from msgspec import Struct

from iku.commands.command import ReadOnlyReplica, StaleVersion
from iku.domain import hidden_characters
from iku.domain.decider import Invalid, Refused, SubjectNotFound
from iku.domain.question import InvalidQuestion, UnknownReference
from iku.ledger.appender import OutOfSpace, Overloaded, Unavailable
from iku.ledger.log import KeyReused, KnownOnDecreased, KnownOnInFuture, VersionConflict
from iku.ledger.record import TooLarge, Unrecordable
from iku.parsing import ParseError
from iku.queries.attachments import Gone
from iku.vault.files import FilesError
from iku.vault.keys import KeysError
from iku.web.body_timeout import ClientDisconnected, RequestTimeout

_logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 2


class FieldError(Struct, frozen=True):
    """A field or parameter that is at fault.

    Attributes:
        path: Its name; within a body as in JSONPath, without the leading ``$.``.
        message: What is wrong with it.
    """

    path: str
    message: str


class Problem(Struct, frozen=True, omit_defaults=True):
    """An error (RFC 9457).

    Attributes:
        type: What kind of error it is, for programs.
        title: The same in words.
        status: The HTTP status.
        detail: What happened here, and what was expected.
        errors: The fields or parameters at fault.
    """

    type: str
    title: str
    status: int
    detail: str
    errors: tuple[FieldError, ...] = ()


class BadRequest(ValueError):
    """The request itself is at fault; *path* names the part of it."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message)
        self.path = path


class UnsupportedMediaType(ValueError):
    """The body is of a kind that is not read here."""


class NotFound(LookupError):
    """The address names nothing that there is; the sentence says why."""


class NotYetSigned(Exception):
    """What is asked for is not signed yet; the sentence says what is."""


# The kind of each error that the program raises; of a subclass, unless it is named too.
OURS: dict[type, str] = {
    BadRequest: "invalid",
    ParseError: "invalid",
    Invalid: "invalid",
    InvalidQuestion: "invalid",
    Unrecordable: "invalid",
    RequestTimeout: "timeout",
    TooLarge: "too-large",
    SubjectNotFound: "missing",
    UnknownReference: "missing",
    NotFound: "missing",
    NotYetSigned: "unsigned",
    Refused: "refused",
    KnownOnDecreased: "refused",
    KnownOnInFuture: "refused",
    VersionConflict: "overtaken",
    StaleVersion: "outdated",
    UnsupportedMediaType: "media-type",
    KeyReused: "reused",
    Unavailable: "unavailable",
    Overloaded: "overloaded",
    OutOfSpace: "full",
    ReadOnlyReplica: "replica",
    asyncpg.ReadOnlySQLTransactionError: "replica",
    Gone: "gone",
    KeysError: "locked",
    FilesError: "locked",
    ConnectionError: "unavailable",
    TimeoutError: "unavailable",
}
_LATER = (
    "Send the same request again in a while; under the same Idempotency-Key it is "
    "carried out only once."
)
# What is said in place of the error's own words, which are for the log.
_DETAILS = {
    "unavailable": _LATER,
    "overloaded": _LATER,
    "full": f"Its disk or its memory is full, which the operators must mend. {_LATER}",
    "replica": f"{ReadOnlyReplica()}.".capitalize(),
    "locked": "The server's keys or its folder of files cannot be used; it has been "
    "written down for the operators. " + _LATER,
    "fault": "It has been written down for the operators. The same request under the "
    "same Idempotency-Key tells whether anything was recorded.",
}
# Status and title of each kind; the kind is the last part of `type`.
KINDS: dict[str, tuple[HTTPStatus, str]] = {
    "invalid": (HTTPStatus.BAD_REQUEST, "Malformed or invalid"),
    "missing": (HTTPStatus.NOT_FOUND, "There is no such thing"),
    "gone": (HTTPStatus.GONE, "No longer to be had"),
    "method": (HTTPStatus.METHOD_NOT_ALLOWED, "Not possible here"),
    "timeout": (HTTPStatus.REQUEST_TIMEOUT, "Request Timeout"),
    "refused": (HTTPStatus.CONFLICT, "Refused by the rules"),
    "unsigned": (HTTPStatus.CONFLICT, "Not signed yet"),
    "overtaken": (HTTPStatus.CONFLICT, "Somebody else was faster"),
    "outdated": (HTTPStatus.PRECONDITION_FAILED, "Not the last version"),
    "misdirected": (HTTPStatus.MISDIRECTED_REQUEST, "Another server is meant"),
    "too-large": (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "Too large"),
    "media-type": (HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Not a kind that is read"),
    "reused": (HTTPStatus.UNPROCESSABLE_ENTITY, "Idempotency-Key was used before"),
    "unavailable": (HTTPStatus.SERVICE_UNAVAILABLE, "The database is away"),
    "full": (HTTPStatus.SERVICE_UNAVAILABLE, "The database has no room"),
    "replica": (HTTPStatus.SERVICE_UNAVAILABLE, "A replica only reads"),
    "overloaded": (HTTPStatus.SERVICE_UNAVAILABLE, "Too much waits already"),
    "locked": (HTTPStatus.SERVICE_UNAVAILABLE, "The keys or files cannot be used"),
    "fault": (HTTPStatus.INTERNAL_SERVER_ERROR, "Our fault"),
}


def problem(kind: str, detail: str, *errors: FieldError) -> Problem:
    """The problem of that *kind* (`KINDS`)."""
    status, title = KINDS[kind]
    return Problem(f"urn:iku:problem:{kind}", title, status, detail, errors)


def encoded(shown: Problem) -> bytes:
    """The problem as it is sent."""
    return hidden_characters.escaped(msgspec.json.encode(shown))


def answer(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """The response to a request that ended in *error*."""
    if isinstance(error, ClientDisconnected):
        _logger.info("%s %s: the client disconnected", request.method, _target(request))
        return Response(b"", status_code=HTTPStatus.BAD_REQUEST)  # nobody reads it
    shown = _http(request, error) if isinstance(error, HTTPException) else _of(error)
    headers = dict(getattr(error, "headers", None) or {})
    if shown.status == HTTPStatus.INTERNAL_SERVER_ERROR:
        _logger.error("%s %s", request.method, _target(request), exc_info=error)
    elif shown.status == HTTPStatus.SERVICE_UNAVAILABLE:
        _logger.warning("%s %s: %s", request.method, _target(request), error)
        headers["Retry-After"] = str(RETRY_AFTER_S)
    return Response(
        encoded(shown), status_code=shown.status, media_type=MEDIA_TYPE, headers=headers
    )


def _target(request: Request[Any, Any, Any]) -> str:
    """The path as it was sent, percent-encoded: no line end, nothing invisible."""
    raw: bytes = request.scope["raw_path"]
    return raw.decode("ascii", "backslashreplace")


def _of(error: Exception) -> Problem:
    """The problem that an error of ours is."""
    kind = next((OURS[t] for t in type(error).__mro__ if t in OURS), "fault")
    detail = _DETAILS.get(kind, str(error))
    if isinstance(error, ParseError):
        return _misread(error)
    if kind == "invalid" and hasattr(error, "path"):
        return problem(kind, detail, FieldError(error.path, detail))
    return problem(kind, detail)


_OF_STATUS = {int(status): kind for kind, (status, _) in reversed(KINDS.items())}


def _http(request: Request[Any, Any, Any], error: HTTPException) -> Problem:
    """The problem that an error of the framework's is."""
    kind = _OF_STATUS.get(error.status_code)
    if kind is None:
        kind = "invalid" if error.status_code < 500 else "fault"
    if kind == "fault":
        return _of(error)
    if kind == "too-large":
        most = request.route_handler.resolve_request_max_body_size()
        return problem(
            kind, f"the body is longer than {most} bytes, the most read here"
        )
    if kind in _ROUTING:
        return problem(kind, f"{request.method} {_target(request)}: {_ROUTING[kind]}.")
    # Its own words are for programmers.
    return problem(kind, "the request is not what the API's description says")


_ROUTING = {
    "missing": "there is nothing here",
    "method": "this can only be done with what Allow names",
}


def _misread(error: ParseError) -> Problem:
    found = [
        FieldError(path, f"{path or 'the body'} {rule}")
        for path, rule in error.faults.items()
    ]
    return problem("invalid", "; ".join(one.message for one in found), *found)
