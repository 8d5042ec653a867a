"""HTTP load generator in a separate process: concurrent connections, one request each.

    python -m benchmarks.loading < load.json

It shares the machine with the measured program, so it does as little as possible: it
writes bytes and looks only for the end of responses.
"""

import asyncio
import sys
import time
from statistics import quantiles
from typing import Any

import msgspec
import uvloop
from msgspec import Struct

from benchmarks import measuring


class Load(Struct, frozen=True):
    """The requests to send, and for how long.

    Attributes:
        heads: The request lines, such as ``GET /x HTTP/1.1``, used in rotation.
            ``{}`` is replaced by a number unique to the request.
        body: JSON, also with ``{}``; empty if there is none.
        most: Maximum number of requests; None: limited by time only.
    """

    port: int
    heads: tuple[str, ...]
    body: str = ""
    connections: int = 64
    seconds: float = 5
    most: int | None = None
    first: int = 0
    status: int = 200


class LoadResult(Struct, frozen=True):
    """The result: responses per second and their latencies in milliseconds."""

    rate: float
    count: int
    p50: float
    p99: float


class _HttpConnection(asyncio.Protocol):
    """One connection, which sends the next request after each response."""

    def __init__(self, run: "_Run") -> None:
        self._run = run
        self._transport: Any = None
        self._answer = b""
        self._began = 0.0
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._ask()

    def _ask(self) -> None:
        request = self._run.next()
        if request is None:
            self._transport.close()
            self.ended.set_result(None)
            return
        self._began = time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._answer += data
        head, found, rest = self._answer.partition(b"\r\n\r\n")
        if not found:
            return
        place = head.lower().index(b"content-length: ") + 16
        length = int(head[place : head.find(b"\r", place) % (len(head) + 1)])
        if len(rest) < length:
            return
        if not self._answer.startswith(self._run.good):
            self.ended.set_exception(AssertionError(self._answer.decode()))
            self._transport.close()
            return
        self._answer = b""
        self._run.took.append(time.perf_counter() - self._began)
        self._ask()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_exception(exc or ConnectionError("the server hung up"))


class _Run:
    """The remaining requests, and the latency of each response."""

    def __init__(self, load: Load) -> None:
        self.took: list[float] = []
        self.good = f"HTTP/1.1 {load.status} ".encode()
        self._load = load
        self._asked = 0
        self._until = time.perf_counter() + load.seconds

    def next(self) -> bytes | None:
        load, number = self._load, self._load.first + self._asked
        if time.perf_counter() > self._until or self._asked == load.most:
            return None
        self._asked += 1
        head = load.heads[number % len(load.heads)].replace("{}", str(number))
        if not load.body:
            return f"{head}\r\nHost: 127.0.0.1:{load.port}\r\n\r\n".encode()
        body = load.body.replace("{}", str(number)).encode()
        fields = (
            f"Host: 127.0.0.1:{load.port}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        return f"{head}\r\n{fields}".encode() + body


async def run(load: Load) -> LoadResult:
    """Send requests until the time or the number is reached; await the responses."""
    loop, running = asyncio.get_running_loop(), _Run(load)
    began = time.perf_counter()
    connections = [
        (
            await loop.create_connection(
                lambda: _HttpConnection(running), "127.0.0.1", load.port
            )
        )[1]
        for _ in range(load.connections)
    ]
    await asyncio.gather(*(connection.ended for connection in connections))
    seconds = time.perf_counter() - began
    took = running.took if len(running.took) > 1 else running.took * 2
    cuts = [1000 * cut for cut in quantiles(took, n=100)]
    return LoadResult(
        len(running.took) / seconds, len(running.took), cuts[49], cuts[98]
    )


async def run_in_process(load: Load) -> LoadResult:
    """The result of *load*, run in another process with its own event loop."""
    result = await measuring.run_in_process(
        "benchmarks.loading", stdin=msgspec.json.encode(load)
    )
    return msgspec.convert(result, LoadResult)


def main() -> None:
    """Run the load described on standard input."""
    load = msgspec.json.decode(sys.stdin.buffer.read(), type=Load)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(msgspec.json.encode(runner.run(run(load))).decode())


if __name__ == "__main__":
    main()
