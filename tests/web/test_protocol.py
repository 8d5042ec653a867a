"""The protocol of a connection: the packets of its responses."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeAlias

import pytest
import uvicorn
from uvicorn.server import ServerState

from iku.web import protocol

Send: TypeAlias = Callable[[dict[str, Any]], Awaitable[None]]
LENGTH = [(b"content-length", b"4")]
BODY = {"type": "http.response.body", "body": b"body"}


class Packets(asyncio.Transport):
    """A transport that keeps what each write sends."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[bytes] = []
        self.closed = False

    def write(self, data: Any) -> None:
        self.sent.append(bytes(data))

    def writelines(self, several: Iterable[Any]) -> None:
        self.write(b"".join(several))

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed


@pytest.fixture
def packets() -> Packets:
    return Packets()


async def respond(
    packets: Packets,
    *answers: dict[str, Any],
    headers: Iterable[tuple[bytes, bytes]] = LENGTH,
    request: str = "GET / HTTP/1.1\r\n\r\n",
) -> None:
    """Answer one request by a head with *headers*, and by *answers*."""

    async def app(_scope: Any, receive: Any, send: Send) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for one in answers:
            await send(one)

    config = uvicorn.Config(app, lifespan="off", log_config=None, server_header=False)
    config.load()
    state = ServerState()
    state.default_headers = []
    connection = protocol.with_timeout(5)(config, state, {})
    connection.connection_made(packets)
    connection.data_received(request.encode())
    await asyncio.gather(*state.tasks)
    connection.connection_lost(None)


HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n"


async def test_a_head_and_its_body_are_one_packet(packets: Packets) -> None:
    await respond(packets, BODY)
    assert packets.sent == [HEAD + b"body"]


async def test_only_the_first_part_of_a_body_is_sent_with_the_head(
    packets: Packets,
) -> None:
    first = {**BODY, "body": b"bo", "more_body": True}
    await respond(packets, first, {**BODY, "body": b"dy"})
    assert packets.sent == [HEAD + b"bo", b"dy"]


async def test_the_head_of_a_stream_does_not_wait_for_its_first_part(
    packets: Packets,
) -> None:
    await respond(packets, {**BODY, "more_body": False}, headers=[])
    head, part = packets.sent
    assert head.endswith(b"transfer-encoding: chunked\r\n\r\n")
    assert part == b"4\r\nbody\r\n0\r\n\r\n"


@pytest.mark.parametrize(
    ("method", "length"), [("HEAD", b"4"), ("GET", b"0"), ("HEAD", b"0")]
)
async def test_a_head_without_a_body_does_not_wait(
    packets: Packets, method: str, length: bytes
) -> None:
    headers, request = [(b"content-length", length)], f"{method} / HTTP/1.1\r\n\r\n"
    await respond(packets, {**BODY, "body": b""}, headers=headers, request=request)
    assert b"".join(packets.sent) == HEAD.replace(b"4", length)


async def test_a_head_whose_body_is_missing_is_sent_before_the_connection_ends(
    packets: Packets,
) -> None:
    await respond(packets)
    assert packets.sent == [HEAD]
    assert packets.closed


async def test_an_interim_response_does_not_wait_for_the_final_one(
    packets: Packets,
) -> None:
    request = "POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n{}"
    await respond(packets, BODY, request=request)
    assert packets.sent == [b"HTTP/1.1 100 Continue\r\n\r\n", HEAD + b"body"]
