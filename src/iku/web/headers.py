"""Request headers: conditional requests, the media type, and content negotiation."""

import math
import re
from typing import Any, TypeAlias

from litestar import Request
from litestar.exceptions.http_exceptions import RequestEntityTooLarge

from iku.messages import message
from iku.parsing import quoted
from iku.web.problems import BadRequest, UnsupportedMediaType

AnyRequest: TypeAlias = Request[Any, Any, Any]

# The preconditions of RFC 9110, section 13.1, and the idempotency key.
CONDITIONS = (
    "If-Match",
    "If-None-Match",
    "If-Modified-Since",
    "If-Unmodified-Since",
    "If-Range",
    "Idempotency-Key",
)


def unsupported_header(name: str, rather: str) -> BadRequest:
    """The refusal of a header that is not supported; *rather* is the remedy."""
    return BadRequest(
        name,
        message(
            "{name} is not supported by this resource, so nothing was recorded; "
            "{rather}",
            name=name,
            rather=rather,
        ),
    )


async def json_body(request: AnyRequest) -> bytes:
    """The request body, whose Content-Type must be JSON.

    Raises:
        BadRequest: The request has no body.
        UnsupportedMediaType: Content-Type is missing or another type, or the body is
            encoded.
    """
    if _header(request, b"content-type") != "application/json":
        _refuse_non_json(request)
    refuse_encoded(request)
    body = await _read_body(request)
    if not body:
        raise BadRequest("", message("the request has no body"))
    return body


def _refuse_non_json(request: AnyRequest) -> None:
    kind, options = request.content_type
    if kind.lower() != "application/json":
        raise UnsupportedMediaType(
            message("Content-Type is {type}, not application/json", type=quoted(kind))
        )
    charset = options.get("charset", "utf-8")
    if charset.lower() not in {"utf-8", "us-ascii"}:
        raise UnsupportedMediaType(
            message(
                "Content-Type has charset {charset}, but JSON is read as UTF-8",
                charset=quoted(charset),
            )
        )


async def _read_body(request: AnyRequest) -> bytes:
    """The request body, up to the maximum size of the route.

    It replaces the framework's `Request.body`, which builds a dictionary of all headers
    on each call.

    Raises:
        RequestEntityTooLarge: The body exceeds the maximum size of the route.
    """
    most = request.route_handler.resolve_request_max_body_size() or math.inf
    announced = _header(request, b"content-length") or "0"
    # `content_length` refuses a value that is not a number.
    length = int(announced) if announced.isdecimal() else request.content_length or 0
    if length > most:
        raise RequestEntityTooLarge
    body, more = b"", True
    while more:
        received: Any = await request.receive()
        body += received.get("body", b"")
        more = received.get("more_body", False)
        if len(body) > most:
            raise RequestEntityTooLarge
    return body


def refuse_encoded(request: AnyRequest) -> None:
    """Refuse a body that is compressed or otherwise encoded.

    Raises:
        UnsupportedMediaType: The request has a Content-Encoding other than identity.
    """
    encoding = _header(request, b"content-encoding")
    if encoding is not None and encoding.lower() != "identity":
        raise UnsupportedMediaType(
            message(
                "Content-Encoding is {encoding}, but only uncompressed bodies are "
                "supported",
                encoding=quoted(encoding),
            )
        )


def _header(request: AnyRequest, name: bytes) -> str | None:
    """The first header with the lower-case *name*; None if there is none."""
    for one, value in request.scope["headers"]:
        if one == name:
            return value.decode("latin-1")
    return None


def accepts(request: AnyRequest, media_type: str) -> bool:
    """Whether `Accept` names *media_type*, and does not refuse it (``q=0``).

    Wildcards do not match: a route whose default is JSON returns another type only to a
    client that names it.
    """
    for one in request.headers.get("Accept", "").lower().split(","):
        named, *options = (part.strip() for part in one.split(";"))
        if named == media_type:
            return not any(_REFUSED.fullmatch(option) for option in options)
    return False


_REFUSED = re.compile(r"q\s*=\s*0(?:\.0*)?")
