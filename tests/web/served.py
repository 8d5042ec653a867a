"""A server process on a free port, which prints its address.

`MODE` is the mode in which it listens, local without it. `SEND_BUFFER` sets the
socket's send buffer in bytes, for tests of slow readers.
"""

import os
import socket
import warnings

from iku.app import migrate_and_open
from iku.domain.access import Mode
from iku.settings import Settings
from iku.web import server

listen = server.listen


def listen_with_little_ahead(host: str, port: int) -> socket.socket:
    """A listening socket whose accepted connections inherit the send buffer."""
    listener = listen(host, port)
    if size := os.environ.get("SEND_BUFFER"):
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, int(size))
    return listener


async def main() -> None:
    warnings.simplefilter("error")
    server.listen = listen_with_little_ahead
    mode = Mode(os.environ.get("MODE", Mode.LOCAL))
    async with migrate_and_open(Settings.from_environment(os.environ)) as app:
        await server.serve(app, "127.0.0.1", 0, lambda at: print(at, flush=True), mode)  # noqa: T201 - the parent process reads the address


if __name__ == "__main__":
    server.run(main())
