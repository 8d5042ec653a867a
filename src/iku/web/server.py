"""uvicorn in this process, with graceful shutdown.

It runs in the caller's event loop, because the application that it serves is opened in
that loop and is closed there after the server has stopped. `run` uses uvloop.
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
BETWEEN_COLLECTIONS = 10_000  # objects, as many as a few hundred requests allocate
GRACE_S = 20  # for requests in progress at a shutdown
SIGNALS = (signal.SIGINT, signal.SIGTERM)

T = TypeVar("T")


def run(main: Coroutine[Any, Any, T]) -> T:
    """The result of *main*, run in a uvloop event loop."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main)


async def serve(app: App, host: str, port: int, ready: Callable[[str], object]) -> None:
    """Serve *app* until SIGINT or SIGTERM; otherwise as `serve_app`."""
    asgi = create_app(app, local_only=is_loopback(host))
    await serve_app(asgi, host, port, ready, app.settings.body_timeout_s)


async def serve_app(
    asgi: Litestar,
    host: str,
    port: int,
    ready: Callable[[str], object],
    timeout_s: float = BODY_TIMEOUT_S,
) -> None:
    """Serve *asgi* until SIGINT or SIGTERM.

    The head of a request must arrive within *timeout_s*. Once the server listens,
    *ready* is called with its address, such as `http://127.0.0.1:8000`. Port 0 selects
    a free port. A second signal ends the wait for requests in progress.

    Raises:
        OSError: The address cannot be bound.
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
        proxy_headers=False,  # no behaviour depends on the client's address
        backlog=BACKLOG,
        timeout_graceful_shutdown=GRACE_S,
    )
    with listener:
        await _Server(config, lambda: ready(address(listener))).serve([listener])


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens on the first address of *host*.

    Raises:
        OSError: The name cannot be resolved, or the address cannot be bound.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    family, _, _, _, place = found[0]
    return socket.create_server(place[:2], family=family, backlog=BACKLOG)


def address(listener: socket.socket) -> str:
    """The URL of the socket, such as ``http://127.0.0.1:8000``."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class _Server(uvicorn.Server):
    """A uvicorn server that does not raise a captured signal again.

    uvicorn raises the signal again once it has stopped. That would end the process
    before the application is closed, and leave an embedded database running.
    """

    def __init__(self, config: uvicorn.Config, ready: Callable[[], object]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            _freeze_startup_objects()
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


def _freeze_startup_objects() -> None:
    """Exempt the objects of the startup from garbage collections (`gc.freeze`).

    The objects that exist at this point live as long as the process.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(BETWEEN_COLLECTIONS)
