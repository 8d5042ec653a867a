"""Serves a house of its own on a free port and prints the address, as a process.

`SEND_BUFFER` may say how many bytes the system takes on for who does not read.
"""

import os
import socket

from iku.app import migrate_and_open
from iku.settings import Settings
from iku.web import server

listen = server.listen


def listen_with_little_ahead(host: str, port: int) -> socket.socket:
    """As it listens, but what it accepts inherits a small buffer."""
    listener = listen(host, port)
    if size := os.environ.get("SEND_BUFFER"):
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, int(size))
    return listener


async def main() -> None:
    server.listen = listen_with_little_ahead
    async with migrate_and_open(Settings.from_environment(os.environ)) as app:
        await server.serve(app, "127.0.0.1", 0, lambda at: print(at, flush=True))  # noqa: T201 - whoever started it reads the address


if __name__ == "__main__":
    server.run(main())
