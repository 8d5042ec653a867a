"""Serves a house of its own on a free port and prints the address, as a process."""

import os

from iku.settings import Settings
from iku.web import serving
from iku.wiring import open_house


async def main() -> None:
    async with open_house(Settings.from_environment(os.environ)) as house:
        await serving.serve(house, "127.0.0.1", 0, lambda at: print(at, flush=True))  # noqa: T201 - whoever started it reads the address


if __name__ == "__main__":
    serving.run(main())
