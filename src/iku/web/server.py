"""The server in our own process, stopped without leaving anybody unanswered.

It runs in the caller's event loop, because the application that it serves was opened
there and is closed there, after it. `run` gives that loop the speed of uvloop.
"""

import asyncio
import contextlib
import gc
import signal
import socket
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, TypeVar

import uvicorn
import uvloop
from litestar import Litestar

from iku.app import App
from iku.settings import BODY_TIMEOUT_S, is_loopback
from iku.web import protocol
from iku.web.app import create_app

BACKLOG = 2048
BETWEEN_COLLECTIONS = 10_000  # objects; those of some hundred requests
GRACE_S = 20  # how long those who are being answered may take once we are told to stop
SIGNALS = (signal.SIGINT, signal.SIGTERM)

T = TypeVar("T")


def run(main: Coroutine[Any, Any, T]) -> T:
    """What *main* gives, in an event loop of uvloop's."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main)


async def serve(app: App, host: str, port: int, ready: Callable[[str], object]) -> None:
    """Serve an application until SIGINT or SIGTERM; the rest as `serve_app`."""
    asgi = create_app(app, local_only=is_loopback(host))
    await serve_app(asgi, host, port, ready, app.settings.body_timeout_s)


async def serve_app(
    asgi: Litestar,
    host: str,
    port: int,
    ready: Callable[[str], object],
    timeout_s: float = BODY_TIMEOUT_S,
) -> None:
    """Serve until SIGINT or SIGTERM; the head of a request arrives within *timeout_s*.

    Once it listens, *ready* is called with the address, as in `http://127.0.0.1:8000`.
    Port 0 takes a free one. A second signal ends the wait for those who are answered.

    Raises:
        OSError: The address cannot be listened on.
    """
    listener = listen(host, port)
    config = uvicorn.Config(
        asgi,
        http=protocol.with_timeout(timeout_s),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # nothing depends on where a request comes from
        backlog=BACKLOG,
        timeout_graceful_shutdown=GRACE_S,
    )
    with listener:
        await _Server(config, lambda: ready(address(listener))).serve([listener])


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there; a name is taken for its first address.

    Raises:
        OSError: It cannot be listened on.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    family, _, _, _, place = found[0]
    return socket.create_server(place[:2], family=family, backlog=BACKLOG)


def address(listener: socket.socket) -> str:
    """Where the socket is to be reached: ``http://127.0.0.1:8000``."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class _Server(uvicorn.Server):
    """uvicorn's, but told to stop by signals that do not outlive it.

    uvicorn raises a signal anew once it has stopped, which would end the process before
    the application is closed, and leave an embedded database running.
    """

    def __init__(self, config: uvicorn.Config, ready: Callable[[], object]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            _spare_the_collector()
            self._ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            loop.add_signal_handler(number, self._stop)
        try:
            yield
        finally:
            for number in SIGNALS:
                loop.remove_signal_handler(number)

    def _stop(self) -> None:
        self.force_exit = self.should_exit
        self.should_exit = True


def _spare_the_collector() -> None:
    """Let it look at what requests leave behind, not time and again at the program.

    What is there by now stays as long as the process.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(BETWEEN_COLLECTIONS)
