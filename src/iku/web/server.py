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
from functools import partial
from typing import Any, TypeVar

import uvicorn
import uvloop
from litestar import Litestar

from iku.app import App
from iku.domain.access import Mode
from iku.settings import BODY_TIMEOUT_S
from iku.web import listening, protocol
from iku.web.app import create_app
from iku.web.tls import Certificate

BACKLOG = 2048
BETWEEN_COLLECTIONS = 10_000  # objects, as many as a few hundred requests allocate
GRACE_S = 20  # for requests in progress at a shutdown
SIGNALS = (signal.SIGINT, signal.SIGTERM)
TICKS_BETWEEN_CHECKS = (
    20  # of the certificate's files; uvicorn ticks ten times a second
)

T = TypeVar("T")


def run(main: Coroutine[Any, Any, T]) -> T:
    """The result of *main*, run in a uvloop event loop."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main)


async def serve(
    app: App, host: str, port: int, ready: Callable[[str], object], mode: Mode
) -> None:
    """Serve *app* until SIGINT or SIGTERM; otherwise as `serve_app`.

    Raises:
        ListeningRefused: The *mode* or the settings do not allow it.
        CertificateError: The certificate of the settings cannot be used.
        OSError: The address cannot be bound.
    """
    settings = app.settings
    transport = listening.transport(settings, host, mode)
    certificate = None
    if transport.tls and settings.tls_cert and settings.tls_key:
        certificate = Certificate(settings.tls_cert, settings.tls_key)
    asgi = create_app(app, transport)
    await serve_app(
        asgi,
        host,
        port,
        ready,
        timeout_s=settings.body_timeout_s,
        certificate=certificate,
        stopping=asgi.stop,
    )


async def serve_app(
    asgi: Litestar,
    host: str,
    port: int,
    ready: Callable[[str], object],
    *,
    timeout_s: float = BODY_TIMEOUT_S,
    certificate: Certificate | None = None,
    stopping: Callable[[], object] = lambda: None,
) -> None:
    """Serve *asgi* until SIGINT or SIGTERM; with a *certificate* by TLS.

    The head of a request must arrive within *timeout_s*. Once the server listens,
    *ready* is called with its address, such as `http://127.0.0.1:8000`. Port 0 selects
    a free port. *stopping* is called at a signal. A second signal ends the wait for
    requests in progress. SIGHUP loads the certificate again.

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
        proxy_headers=False,  # `forwarded` reads them
        backlog=BACKLOG,
        timeout_graceful_shutdown=GRACE_S,
        ssl_context_factory=(lambda *_: certificate.context) if certificate else None,
    )
    scheme = "https" if certificate else "http"
    with listener:
        said = partial(ready, address(listener, scheme))
        await _Server(config, said, stopping, certificate).serve([listener])


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens on the first address of *host*.

    Raises:
        OSError: The name cannot be resolved, or the address cannot be bound.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    family, _, _, _, place = found[0]
    return socket.create_server(place[:2], family=family, backlog=BACKLOG)


def address(listener: socket.socket, scheme: str = "http") -> str:
    """The URL of the socket, such as ``http://127.0.0.1:8000``."""
    host, port = listener.getsockname()[:2]
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


class _Server(uvicorn.Server):
    """A uvicorn server that does not raise a captured signal again.

    uvicorn raises the signal again once it has stopped. That would end the process
    before the application is closed, and leave an embedded database running.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        ready: Callable[[], object],
        stopping: Callable[[], object],
        certificate: Certificate | None,
    ) -> None:
        super().__init__(config)
        self._ready = ready
        self._stopping = stopping
        self._certificate = certificate

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            _freeze_startup_objects()
            self._ready()

    async def on_tick(self, counter: int) -> bool:
        if self._certificate and counter % TICKS_BETWEEN_CHECKS == 0:
            self._certificate.reload_if_changed()
        return await super().on_tick(counter)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        handlers = dict.fromkeys(SIGNALS, self._stop)
        if self._certificate:
            handlers[signal.SIGHUP] = self._certificate.reload
        for number, handler in handlers.items():
            loop.add_signal_handler(number, handler)
        try:
            yield
        finally:
            for number in handlers:
                loop.remove_signal_handler(number)

    def _stop(self) -> None:
        self.force_exit = self.should_exit
        self.should_exit = True
        self._stopping()


def _freeze_startup_objects() -> None:
    """Exempt the objects of the startup from garbage collections (`gc.freeze`).

    The objects that exist at this point live as long as the process.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(BETWEEN_COLLECTIONS)
