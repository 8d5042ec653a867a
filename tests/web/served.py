"""Serves a house of its own on a free port and prints the address, as a process.

`SEND_BUFFER` may say how many bytes the system takes on for who does not read.
"""

import os
import socket

from iku.app import open_house
from iku.settings import Settings
from iku.web import serving

listen = serving.listen


def listen_with_little_ahead(host: str, port: int) -> socket.socket:
    """As it listens, but what it accepts inherits a small buffer."""
    listener = listen(host, port)
    if size := os.environ.get("SEND_BUFFER"):
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, int(size))
    return listener


async def main() -> None:
    serving.listen = listen_with_little_ahead
    async with open_house(Settings.from_environment(os.environ)) as house:
        await serving.serve(house, "127.0.0.1", 0, lambda at: print(at, flush=True))  # noqa: T201 - whoever started it reads the address


if __name__ == "__main__":
    serving.run(main())
