"""Problem details (RFC 9457): errors as `application/problem+json`.

This module alone maps the program's exceptions to HTTP statuses.
"""

import logging
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

import asyncpg
import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException
from msgspec import Struct, structs

from iku import messages
from iku.access.api_keys import ApiKeyRefused
from iku.access.audit import Outcome
from iku.commands.authorisation import StepUpRequired
from iku.commands.command import ReadOnlyReplica, StaleVersion
from iku.domain import hidden_characters
from iku.domain.access import Forbidden, Unauthenticated
from iku.domain.decider import Invalid, Refused, SubjectNotFound
from iku.domain.question import InvalidQuestion, UnknownReference
from iku.language import Language, negotiate, translate
from iku.ledger.appender import OutOfSpace, Overloaded, Unavailable
from iku.ledger.log import KeyReused, KnownOnDecreased, KnownOnInFuture, VersionConflict
from iku.ledger.record import TooLarge, Unrecordable
from iku.messages import Message, join_sentences, message
from iku.parsing import ParseError, fault_message
from iku.queries.attachments import Gone
from iku.vault.files import FilesError
from iku.vault.keys import KeysError
from iku.web.body_timeout import ClientDisconnected, RequestTimeout

_logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 2


class FieldError(Struct, frozen=True, omit_defaults=True):
    """An error in a field or parameter.

    Attributes:
        path: Name of the parameter; for a field of a body, its JSONPath without the
            leading ``$.``.
        message: Description of the error, in the response's language.
        message_id: The message id of the description: the English sentence with named
            parameters. Absent if it does not come from the message catalog.
        parameters: Values of the message's parameters, as those of the problem.
    """

    path: str
    message: str
    message_id: str = ""
    parameters: dict[str, Any] = {}


class Problem(Struct, frozen=True, omit_defaults=True):
    """Problem details of an error (RFC 9457).

    Attributes:
        type: URN of the kind of error, for programs.
        title: The standard phrase of the HTTP status, in the response's language.
        status: The HTTP status.
        detail: Description of this occurrence, in the response's language.
        message: The message id of the detail: the English sentence with named
            parameters. Absent if the detail does not come from the message catalog.
        parameters: Values of the message's parameters; a value that is a message itself
            has a message and parameters.
        errors: The invalid fields or parameters.
        proposable: Whether the caller may propose the command for approval by another
            person (`POST /proposals`). Absent if not.
    """

    type: str
    title: str
    status: int
    detail: str
    message: str = ""
    parameters: dict[str, Any] = {}
    errors: tuple[FieldError, ...] = ()
    proposable: bool = False


class BadRequest(ValueError):
    """The request is malformed; *path* names the part of it."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message)
        self.path = path


class UnsupportedMediaType(ValueError):
    """The route does not accept the media type or encoding of the body."""


class NotFound(LookupError):
    """No resource exists at the address; the message gives the reason."""


class NotYetSigned(Exception):
    """No checkpoint covers the request yet; the message names the last one."""


# The kind of each exception, also for its subclasses that are not listed themselves.
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
    ApiKeyRefused: "refused",
    NotYetSigned: "unsigned",
    Refused: "refused",
    Forbidden: "forbidden",
    Unauthenticated: "unauthenticated",
    StepUpRequired: "step-up",
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
_LATER = message(
    "Send the same request again later; with the same Idempotency-Key it is carried "
    "out only once."
)
# Details that replace the exception's own message, which goes to the server's log.
_DETAILS = {
    "unavailable": _LATER,
    "overloaded": _LATER,
    "full": message(
        "The database is out of disk space or memory; the operators must free some. "
        "{later}",
        later=_LATER,
    ),
    "replica": messages.error_message(ReadOnlyReplica()),
    "locked": message(
        "The server cannot use its key folder or its folder of attachments; the "
        "reason is in the server's log. {later}",
        later=_LATER,
    ),
    "fault": message(
        "The reason is in the server's log. Repeat the request with the same "
        "Idempotency-Key to learn whether anything was recorded."
    ),
}
# Reason phrases of RFC 9110, section 15.
_TITLES = {
    HTTPStatus.BAD_REQUEST: message("Bad Request"),
    HTTPStatus.UNAUTHORIZED: message("Unauthorized"),
    HTTPStatus.FORBIDDEN: message("Forbidden"),
    HTTPStatus.NOT_FOUND: message("Not Found"),
    HTTPStatus.METHOD_NOT_ALLOWED: message("Method Not Allowed"),
    HTTPStatus.REQUEST_TIMEOUT: message("Request Timeout"),
    HTTPStatus.CONFLICT: message("Conflict"),
    HTTPStatus.GONE: message("Gone"),
    HTTPStatus.PRECONDITION_FAILED: message("Precondition Failed"),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: message("Content Too Large"),
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: message("Unsupported Media Type"),
    HTTPStatus.MISDIRECTED_REQUEST: message("Misdirected Request"),
    HTTPStatus.UNPROCESSABLE_ENTITY: message("Unprocessable Content"),
    HTTPStatus.INTERNAL_SERVER_ERROR: message("Internal Server Error"),
    HTTPStatus.SERVICE_UNAVAILABLE: message("Service Unavailable"),
}
# Status and title of each kind. The kind is the last component of the URN in `type`.
KINDS: dict[str, tuple[HTTPStatus, str]] = {
    kind: (status, _TITLES[status])
    for kind, status in {
        "invalid": HTTPStatus.BAD_REQUEST,
        "unauthenticated": HTTPStatus.UNAUTHORIZED,
        "forbidden": HTTPStatus.FORBIDDEN,
        "step-up": HTTPStatus.FORBIDDEN,
        "cross-site": HTTPStatus.FORBIDDEN,
        "missing": HTTPStatus.NOT_FOUND,
        "gone": HTTPStatus.GONE,
        "method": HTTPStatus.METHOD_NOT_ALLOWED,
        "timeout": HTTPStatus.REQUEST_TIMEOUT,
        "refused": HTTPStatus.CONFLICT,
        "unsigned": HTTPStatus.CONFLICT,
        "overtaken": HTTPStatus.CONFLICT,
        "outdated": HTTPStatus.PRECONDITION_FAILED,
        "misdirected": HTTPStatus.MISDIRECTED_REQUEST,
        "too-large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "media-type": HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        "reused": HTTPStatus.UNPROCESSABLE_ENTITY,
        "unavailable": HTTPStatus.SERVICE_UNAVAILABLE,
        "full": HTTPStatus.SERVICE_UNAVAILABLE,
        "replica": HTTPStatus.SERVICE_UNAVAILABLE,
        "overloaded": HTTPStatus.SERVICE_UNAVAILABLE,
        "locked": HTTPStatus.SERVICE_UNAVAILABLE,
        "fault": HTTPStatus.INTERNAL_SERVER_ERROR,
    }.items()
}


def problem(kind: str, detail: str, *errors: FieldError) -> Problem:
    """The problem of the kind *kind* (`KINDS`), in English."""
    status, title = KINDS[kind]
    named = f"urn:iku:problem:{kind}"
    return Problem(
        named, title, status, detail, *_message_id_and_parameters(detail), errors
    )


def internal_error() -> Problem:
    """The problem details of an unexpected error, which is only in the server's log."""
    return problem("fault", _DETAILS["fault"])


def field_error(path: str, said: str) -> FieldError:
    """The error of the field or parameter at *path*, with the message *said*."""
    return FieldError(path, said, *_message_id_and_parameters(said))


def _message_id_and_parameters(said: str) -> tuple[str, dict[str, Any]]:
    """The message id and the parameters of *said*; both empty for another text."""
    known = said if isinstance(said, Message) else Message("")
    return known.id, messages.parameters(known)


def preferred_language(
    headers: Iterable[tuple[bytes, bytes]], usual: Language = Language.ENGLISH
) -> Language:
    """The language negotiated by `Accept-Language`; *usual* without the header."""
    named = [v.decode("latin-1") for n, v in headers if n == b"accept-language"]
    return negotiate(",".join(named), usual) if named else usual


def language_headers(language: Language) -> dict[str, str]:
    """The headers of a response whose text depends on `Accept-Language`."""
    return {"Content-Language": language, "Vary": "Accept-Language"}


def encode(shown: Problem, language: Language) -> bytes:
    """The problem as JSON, translated into *language*."""
    localized = structs.replace(
        shown,
        title=translate(shown.title, language),
        detail=translate(shown.detail, language),
        errors=tuple(
            structs.replace(fault, message=translate(fault.message, language))
            for fault in shown.errors
        ),
    )
    return hidden_characters.escaped_json(msgspec.json.encode(localized))


def error_response(
    request: Request[Any, Any, Any], error: Exception
) -> Response[bytes]:
    """The response to a request that raised *error*."""
    if isinstance(error, ClientDisconnected):
        _logger.info(
            "%s %s: the client disconnected", request.method, _encoded_path(request)
        )
        return Response(b"", status_code=HTTPStatus.BAD_REQUEST)  # never delivered
    shown = error_message(request, error)
    if isinstance(error, Forbidden):
        audit_refusal(request, error)
    language = preferred_language(request.scope["headers"])
    headers = {**language_headers(language), **(getattr(error, "headers", None) or {})}
    if shown.status == HTTPStatus.INTERNAL_SERVER_ERROR:
        _logger.error("%s %s", request.method, _encoded_path(request), exc_info=error)
    elif shown.status == HTTPStatus.SERVICE_UNAVAILABLE:
        _logger.warning("%s %s: %s", request.method, _encoded_path(request), error)
        headers["Retry-After"] = str(RETRY_AFTER_S)
    return Response(
        encode(shown, language),
        status_code=shown.status,
        media_type=MEDIA_TYPE,
        headers=headers,
    )


def audit_refusal(request: Request[Any, Any, Any], error: Forbidden) -> None:
    """Write a refusal to the audit trail."""
    scope: Any = request.scope
    found = scope.get("iku.caller")
    app: Any = request.app
    app.app.audit.record(
        Outcome.REFUSED,
        type(error).__name__.lower(),
        account=found.viewer.name if found else None,
        reason=_message_id_and_parameters(messages.error_message(error))[0],
    )


def error_message(request: Request[Any, Any, Any], error: Exception) -> Problem:
    """The problem of a request that raised *error*, in English."""
    if isinstance(error, HTTPException):
        return _framework_problem(request, error)
    return _program_problem(error)


_SECRET = b"/undangan/"  # the token of an invitation follows


def _encoded_path(request: Request[Any, Any, Any]) -> str:
    """The percent-encoded path, without control characters and secrets."""
    raw: bytes = request.scope["raw_path"]
    if raw.startswith(_SECRET):
        raw = _SECRET
    return raw.decode("ascii", "backslashreplace")


def _program_problem(error: Exception) -> Problem:
    """The problem of an exception of this program."""
    kind = next((OURS[t] for t in type(error).__mro__ if t in OURS), "fault")
    detail = _DETAILS.get(kind, messages.error_message(error))
    if isinstance(error, ParseError):
        return _parse_problem(error)
    if kind == "invalid" and hasattr(error, "path"):
        return problem(kind, detail, field_error(error.path, detail))
    proposable = isinstance(error, Forbidden) and error.proposable
    return structs.replace(problem(kind, detail), proposable=proposable)


_OF_STATUS = {int(status): kind for kind, (status, _) in reversed(KINDS.items())}


def _framework_problem(
    request: Request[Any, Any, Any], error: HTTPException
) -> Problem:
    """The problem details (RFC 9457) for an exception that the framework raised."""
    kind = _OF_STATUS.get(error.status_code)
    if kind is None:
        kind = "invalid" if error.status_code < 500 else "fault"
    if kind == "fault":
        return _program_problem(error)
    if kind == "too-large":
        most = request.route_handler.resolve_request_max_body_size()
        return problem(
            kind,
            message(
                "the body is longer than the maximum of {most} bytes",
                most=most,
            ),
        )
    if kind in _ROUTING:
        named = f"{request.method} {_encoded_path(request)}"
        detail = message("{request}: {reason}.", request=named, reason=_ROUTING[kind])
        return problem(kind, detail)
    # The framework's own message is written for programmers.
    return problem(
        kind, message("the request does not match the API's OpenAPI description")
    )


_ROUTING = {
    "missing": message("no resource exists at this address"),
    "method": message(
        "the resource supports only the methods listed in the Allow header"
    ),
}


def _parse_problem(error: ParseError) -> Problem:
    found = [
        field_error(path, fault_message(path, rule))
        for path, rule in error.faults.items()
    ]
    return problem("invalid", join_sentences(one.message for one in found), *found)
