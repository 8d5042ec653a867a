"""Admission control before routing, and the metrics of every request.

The application checks the transport of a request (`forwarded`, `host_check`,
`origin_check`) and the encoding of its URL: percent-encoded UTF-8 without U+0000. A
slash within a number, written %2F, is distinguished from a separator of the path. Every
response gets the security headers (`security_headers`), and HEAD is answered as GET
(`head_requests`).
"""

import logging
import re
from time import perf_counter
from typing import Any
from urllib.parse import unquote_to_bytes

from litestar import Litestar
from litestar.types import Message as AsgiMessage
from litestar.types import Send

from iku.access.credential_lookup import CredentialLookup
from iku.app import App
from iku.domain.access import Forbidden
from iku.messages import message
from iku.web import (
    forwarded,
    head_requests,
    host_check,
    origin_check,
    problems,
    security_headers,
)
from iku.web.body_timeout import BodyReceiver
from iku.web.listening import Transport
from iku.web.metrics import Metrics
from iku.web.problems import Problem, language_headers
from iku.web.sign_in_means import SignInMeans

_ESCAPES = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_SLASH = re.compile(rb"%2[Ff]")
_logger = logging.getLogger(__name__)
CLIENT_CLOSED = 499  # in metrics, if no response could be sent; not an HTTP status


class RightsEnded(Forbidden):
    """The caller of a stream signed out, or lost or gained a right, before its end."""

    def __init__(self) -> None:
        super().__init__(
            message(
                "the session or the API key ended, or a right was revoked, before "
                "the response was complete"
            )
        )


class Application(Litestar):
    """The ASGI application with admission control."""

    __slots__ = (
        *("app", "body_timeout_s", "credentials", "is_stopping", "means"),
        *("metrics", "transport"),
    )

    body_timeout_s: float
    app: App
    credentials: CredentialLookup
    is_stopping: bool  # streams without an end end then
    means: SignInMeans
    metrics: Metrics
    transport: Transport

    def stop(self) -> None:
        """End the streams, because the server stops."""
        self.is_stopping = True

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Handle a request, or the server's lifespan events."""
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        began, status, method = perf_counter(), 500, scope["method"]
        scope = head_requests.as_get(scope)
        receiver = BodyReceiver(scope, receive, self.body_timeout_s)

        async def send_with_headers(sent: AsgiMessage) -> None:
            nonlocal status
            if sent["type"] == "http.response.start":
                status = sent["status"]
                receiver.answered = True
                sent["headers"] = security_headers.complete(
                    head_requests.allow_head(sent.get("headers", ())), scope["scheme"]
                )
            if method == head_requests.HEAD:
                sent = head_requests.without_content(sent)
            await send(sent)

        try:
            await self._admit(scope, receiver, send_with_headers)
        except Exception as error:
            if _is_only_rights_ended(error):
                return  # the answer is incomplete, so the server closes the connection
            if receiver.answered:
                raise
            # Neither a handler nor the framework answered, so the server would.
            _logger.exception("%s failed", scope["method"])
            await _send_problem(problems.internal_error(), scope, send_with_headers)
        finally:
            if receiver.disconnected:
                status = CLIENT_CLOSED
            route = scope.get("path_template") or "none"
            self.metrics.count_request(method, route, status, perf_counter() - began)

    async def _admit(self, scope: Any, receive: Any, send: Any) -> None:
        unexpected = self._transport_problem(scope)
        if unexpected:
            await _send_problem(unexpected, scope, send)
            return
        path, query = scope["raw_path"], scope["query_string"]
        fault = _url_fault(path) or (_url_fault(query) if query else None)
        if fault:
            unexpected = problems.problem(
                "invalid", message("the URL {fault}", fault=fault)
            )
            await _send_problem(unexpected, scope, send)
            return
        # An identifier has ~ in place of the slash of a number (decider.subject_id).
        scope["path"] = unquote_to_bytes(_SLASH.sub(b"~", path)).decode()
        await super().__call__(scope, receive, send)

    def _transport_problem(self, scope: Any) -> Problem | None:
        """The problem of a request that does not match the transport, if any."""
        by = self.transport
        return (
            forwarded.apply_forwarded_headers(scope, by)
            or host_check.host_problem(
                scope["headers"], local_only=by.local_only, public_url=by.public_url
            )
            or origin_check.origin_problem(scope, by.public_url)
        )


def _is_only_rights_ended(error: Exception) -> bool:
    """Whether a stream ended with the rights of its caller, and for no other reason."""
    match error.__cause__:  # of the framework's exception
        case ExceptionGroup() as group:
            return group.split(RightsEnded)[1] is None
        case cause:
            return isinstance(cause, RightsEnded)


def _url_fault(part: bytes) -> str | None:
    """The reason why a part of the URL is invalid; None if it is valid."""
    if _ESCAPES.search(part):
        return message("contains a % that is not followed by two hexadecimal digits")
    plain = unquote_to_bytes(part)
    if b"\x00" in plain:
        return message("contains U+0000")
    try:
        plain.decode()
    except UnicodeDecodeError:
        return message("is not UTF-8")
    return None if part.isascii() else message("is not ASCII; percent-encode it")


async def _send_problem(problem: Problem, scope: Any, send: Send) -> None:
    language = problems.preferred_language(scope["headers"])
    body = problems.encode(problem, language)
    headers = [
        *(
            (n.lower().encode(), v.encode())
            for n, v in language_headers(language).items()
        ),
        (b"content-type", problems.MEDIA_TYPE.encode()),
        (b"content-length", str(len(body)).encode()),
    ]
    await send(
        {
            "type": "http.response.start",
            "status": problem.status,
            "headers": headers,
        }
    )
    await send({"type": "http.response.body", "body": body, "more_body": False})
