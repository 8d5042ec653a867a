"""Headers of a request: conditions, the type of the body, and what `Accept` names."""

import re
from typing import Any, TypeAlias

from litestar import Request

from iku.messages import message
from iku.parsing import shown
from iku.web.problems import BadRequest, UnsupportedMediaType

AnyRequest: TypeAlias = Request[Any, Any, Any]

# What makes a request conditional: RFC 9110, section 13.1; and one that is sent again.
CONDITIONS = (
    "If-Match",
    "If-None-Match",
    "If-Modified-Since",
    "If-Unmodified-Since",
    "If-Range",
    "Idempotency-Key",
)


def unheeded(name: str, rather: str) -> BadRequest:
    """The refusal of a header *name* that would be ignored; *rather* is the way out."""
    return BadRequest(
        name,
        message(
            "{name} is not supported here, so nothing was recorded; {rather}",
            name=name,
            rather=rather,
        ),
    )


async def json_body(request: AnyRequest) -> bytes:
    """The body, which must be said to be JSON.

    Raises:
        Malformed: There is none.
        Unsupported: It is said to be something else, or nothing.
    """
    kind, options = request.content_type
    if kind.lower() != "application/json":
        raise UnsupportedMediaType(
            message("Content-Type is {type}, not application/json", type=shown(kind))
        )
    charset = options.get("charset", "utf-8")
    if charset.lower() not in {"utf-8", "us-ascii"}:
        raise UnsupportedMediaType(
            message(
                "Content-Type has charset {charset}, but JSON is read as UTF-8",
                charset=shown(charset),
            )
        )
    refuse_encoded(request)
    body = await request.body()
    if not body:
        raise BadRequest("", message("the request has no body"))
    return body


def refuse_encoded(request: AnyRequest) -> None:
    """Refuse a body that is compressed or otherwise encoded.

    Raises:
        Unsupported: It is.
    """
    encoding = request.headers.get("Content-Encoding", "identity")
    if encoding.lower() != "identity":
        raise UnsupportedMediaType(
            message(
                "Content-Encoding is {encoding}; send the body without one",
                encoding=shown(encoding),
            )
        )


def accepts(request: AnyRequest, media_type: str) -> bool:
    """Whether `Accept` names that very type, and does not refuse it (``q=0``).

    A route whose usual answer is JSON gives another type only to those who name it.
    """
    for one in request.headers.get("Accept", "").lower().split(","):
        named, *options = (part.strip() for part in one.split(";"))
        if named == media_type:
            return not any(_REFUSED.fullmatch(option) for option in options)
    return False


_REFUSED = re.compile(r"q\s*=\s*0(?:\.0*)?")
