"""HTTP/1.1 on one connection: uvicorn's, with bounds where uvicorn has none.

uvicorn waits without limit for a request's head, however long it is; it merges trailer
fields into the header; and where a connection ends while several requests wait on it,
only the last one learns of it.
"""

import asyncio
from http import HTTPStatus
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import (
    HttpToolsProtocol,
    RequestResponseCycle,
)

from iku.web.body_timeout import COMPLETE

LARGEST_HEAD = 64 * 1024  # bytes of a request line and its header fields


class Protocol(HttpToolsProtocol):
    """One connection.

    Attributes:
        timeout_s: How long the head of a request may take to arrive, and the rest of a
            body once its request is answered.
    """

    timeout_s: float

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._timer: asyncio.TimerHandle | None = None
        self._in_head = False
        self._head_size = 0  # bytes, without those of the read in which it began
        self._refused = False
        self._active: RequestResponseCycle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's
        """Wait for the first request."""
        super().connection_made(transport)
        self._start_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Report it to the request that is being answered, and drop those that wait."""
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
            self._close_after_answer()  # the request is answered; no other protocol is
        if was_in_head and self._in_head:
            self._head_size += len(data)
            if self._head_size > LARGEST_HEAD:
                self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
                return
        if self._timer is None and self._is_idle():
            self._start_timer()

    def on_message_begin(self) -> None:
        """A request begins."""
        self._in_head, self._head_size = True, 0
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header field; a trailer field is none (RFC 9110, section 6.5.1)."""
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head of a request is complete."""
        self._in_head = False
        self._stop_timer()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The body of a request is complete."""
        super().on_message_complete()
        if not self.cycle.more_body:
            self.cycle.scope[COMPLETE] = True  # type: ignore[literal-required] # our own

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
        """Answer what is no request and close, after the answer that is under way."""
        active = self._active
        if active is None or active.response_complete or active.more_body:
            if self._is_idle() or (active and not active.response_started):
                self.transport.write(_answer(status))
            self.transport.close()
        self._close_after_answer()

    def _close_after_answer(self) -> None:
        self._refused = True
        if self._active is not None:
            self._active.keep_alive = False


def _answer(status: HTTPStatus) -> bytes:
    body = f"{status.phrase}\n"
    return (
        f"HTTP/1.1 {status.value} {status.phrase}\r\n"
        "content-type: text/plain; charset=utf-8\r\n"
        f"content-length: {len(body)}\r\n"
        "connection: close\r\n"
        f"\r\n{body}"
    ).encode("ascii")


def with_timeout(timeout_s: float) -> type[Protocol]:
    """The protocol whose requests have to arrive in that time."""
    return type("TimedProtocol", (Protocol,), {"timeout_s": timeout_s})
