"""Request timeout: a request body must arrive completely and in time.

The framework waits for a body without limit, and reports a client that disconnects as a
server error. This wrapper of `receive` corrects both for every route.
"""

import asyncio
from typing import Any, ClassVar

from litestar.types import ASGIApp, Receive, Send

from iku.messages import message

LEAST_RATE = 8 * 1024  # bytes a second
COMPLETE = "iku.complete"  # a key in the ASGI scope if the whole body has arrived


class ClientDisconnected(Exception):
    """The client closed the connection before its request was complete."""


class RequestTimeout(Exception):
    """The request did not arrive in time; the message has the bytes received."""

    headers: ClassVar = {"Connection": "close"}  # the rest of the body is not read


class BodyReceiver:
    """The `receive` callable of one request (ASGI 3), with a deadline for its body.

    The deadline is *timeout_s* after the first call, plus one second for every
    `LEAST_RATE` bytes received. A slow connection can take as long as it needs; a
    client that stalls cannot.

    Attributes:
        disconnected: Whether the client disconnected before the body was complete.
        answered: Whether the response has begun; no deadline applies from then on.
    """

    def __init__(self, scope: Any, receive: Receive, timeout_s: float) -> None:
        self._scope = scope
        self._receive = receive
        self._timeout_s = timeout_s
        self._began_at: float | None = None
        self._received = 0  # bytes
        self._complete = False
        self.disconnected = False
        self.answered = False

    async def __call__(self) -> Any:
        """The next ASGI message of the server.

        Raises:
            ClientDisconnected: The client disconnected before the body was complete.
            RequestTimeout: The body did not arrive in time.
        """
        if self._complete or self.answered:
            return await self._receive()
        # Setting a deadline costs more than receiving a body that has arrived already.
        there = COMPLETE in self._scope
        message: Any = await (self._receive() if there else self._receive_in_time())
        if message["type"] != "http.request":
            self.disconnected = True
            raise ClientDisconnected
        self._received += len(message.get("body", b""))
        self._complete = not message.get("more_body", False)
        return message

    async def _receive_in_time(self) -> Any:
        now = asyncio.get_running_loop().time()
        if self._began_at is None:
            self._began_at = now
        allowed_s = self._timeout_s + self._received / LEAST_RATE
        try:
            async with asyncio.timeout_at(self._began_at + allowed_s):
                return await self._receive()
        except TimeoutError as error:
            raise RequestTimeout(
                message(
                    "the request body was incomplete after {seconds} seconds: "
                    "{received} bytes were received",
                    seconds=round(allowed_s),
                    received=self._received,
                )
            ) from error


def with_body_timeout(app: Any, timeout_s: float) -> ASGIApp:
    """Middleware that enforces the deadline on the request bodies of *app*."""

    async def with_deadline(scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            receive = BodyReceiver(scope, receive, timeout_s)
        await app(scope, receive, send)

    return with_deadline
