"""uvicorn's HTTP/1.1 protocol, with the limits that it lacks.

uvicorn has no limit on the time and size of a request's head, and merges trailer fields
into the header. It reports the loss of a connection only to the last of its pipelined
requests.
"""

import asyncio
from http import HTTPStatus
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import (
    HttpToolsProtocol,
    RequestResponseCycle,
)

from iku.web import security_headers
from iku.web.body_timeout import COMPLETE

LARGEST_HEAD = 64 * 1024  # bytes of a request line and its header fields


class TimeLimitedProtocol(HttpToolsProtocol):
    """The HTTP protocol of one connection, with a time limit for each request.

    Attributes:
        timeout_s: Time limit for the head of a request, and for the rest of a body
            whose request is answered.
    """

    timeout_s: float

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._timer: asyncio.TimerHandle | None = None
        self._in_head = False
        self._head_size = 0  # bytes, without the read in which the head began
        self._refused = False
        self._active: RequestResponseCycle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's
        """Start the timer for the first request."""
        super().connection_made(transport)
        self._start_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Report the loss to the active request, and drop pipelined requests."""
        self._stop_timer()
        self.pipeline.clear()
        if self._active is not None and not self._active.response_complete:
            self._active.disconnected = True
            self._active.message_event.set()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse the next bytes, unless the connection is about to be closed."""
        if self._refused or self.transport.is_closing():
            return
        self._unset_keepalive_if_required()
        was_in_head = self._in_head
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            self._refuse(HTTPStatus.BAD_REQUEST)
            return
        except httptools.HttpParserUpgrade:
            self._close_after_response()  # the request is answered without an upgrade
        if was_in_head and self._in_head:
            self._head_size += len(data)
            if self._head_size > LARGEST_HEAD:
                self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
                return
        if self._timer is None and self._is_idle():
            self._start_timer()

    def on_message_begin(self) -> None:
        """Note that the head of a request begins."""
        self._in_head, self._head_size = True, 0
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Add a header field; trailer fields are ignored (RFC 9110, section 6.5.1)."""
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Stop the timer, because the head of a request is complete."""
        self._in_head = False
        self._stop_timer()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Mark the scope of a request whose body is complete."""
        super().on_message_complete()
        if not self.cycle.more_body:
            self.cycle.scope[COMPLETE] = True  # type: ignore[literal-required] # an extension

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._active = cycle
        super()._start_asgi_task(cycle, app)

    def _is_idle(self) -> bool:
        return self._active is None or self._active.response_complete

    def _start_timer(self) -> None:
        self._timer = self.loop.call_later(self.timeout_s, self._expire)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _expire(self) -> None:
        self._timer = None
        if self._in_head:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)
        else:
            self.transport.close()

    def _refuse(self, status: HTTPStatus) -> None:
        """Answer a malformed request with *status*, and close the connection.

        A response in progress is completed first.
        """
        active = self._active
        if active is None or active.response_complete or active.more_body:
            if self._is_idle() or (active and not active.response_started):
                self.transport.write(_error_response(status, self.scheme or "http"))
            self.transport.close()
        self._close_after_response()

    def _close_after_response(self) -> None:
        self._refused = True
        if self._active is not None:
            self._active.keep_alive = False


def _error_response(status: HTTPStatus, scheme: str) -> bytes:
    body = f"{status.phrase}\n".encode()
    headers = security_headers.complete(
        [
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
        ],
        scheme,
    )
    lines = [f"HTTP/1.1 {status.value} {status.phrase}".encode()]
    lines += [b"%b: %b" % header for header in headers]
    return b"\r\n".join([*lines, b"", body])


def with_timeout(timeout_s: float) -> type[TimeLimitedProtocol]:
    """The protocol class with the time limit *timeout_s*."""
    return type("TimedProtocol", (TimeLimitedProtocol,), {"timeout_s": timeout_s})
