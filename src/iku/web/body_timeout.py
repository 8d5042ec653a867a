"""A request body while it arrives: complete and in time, or an error of the client.

The framework waits for a body without limit and takes a client that disconnects for a
fault of the server. Both are settled here, below every route.
"""

import asyncio
from typing import Any, ClassVar

from litestar.types import ASGIApp, Receive, Send

from iku.messages import message

LEAST_RATE = 8 * 1024  # bytes a second
COMPLETE = "iku.complete"  # in the scope of a request whose body has arrived in full


class ClientDisconnected(Exception):
    """The client closed the connection before its request was complete."""


class RequestTimeout(Exception):
    """The request did not arrive in time; the sentence says how much of it did."""

    headers: ClassVar = {"Connection": "close"}  # the rest of the body is not read


class BodyReceiver:
    """The `receive` of one request (ASGI 3), with a deadline for its body.

    The deadline is *timeout_s* after the first call, and one second later for every
    `LEAST_RATE` bytes received: a slow line may take as long as it needs, a client that
    sends next to nothing may not.

    Attributes:
        disconnected: Whether the client left before the body was complete.
        answered: Whether the answer has begun; from then on nothing is enforced.
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
        """The next message of the server.

        Raises:
            ClientDisconnected: The client left before the body was complete.
            RequestTimeout: The body did not arrive in time.
        """
        if self._complete or self.answered:
            return await self._receive()
        # A deadline costs more than to receive what is there already.
        there = COMPLETE in self._scope
        message: Any = await (self._receive() if there else self._in_time())
        if message["type"] != "http.request":
            self.disconnected = True
            raise ClientDisconnected
        self._received += len(message.get("body", b""))
        self._complete = not message.get("more_body", False)
        return message

    async def _in_time(self) -> Any:
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
                    "the body was not complete after {seconds} s; {received} bytes "
                    "of it had arrived",
                    seconds=round(allowed_s),
                    received=self._received,
                )
            ) from error


def within(app: Any, timeout_s: float) -> ASGIApp:
    """The application *app*, the bodies of whose requests arrive in time."""

    async def bounded(scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            receive = BodyReceiver(scope, receive, timeout_s)
        await app(scope, receive, send)

    return bounded
