"""The program as `iku serve` runs it, with one route more, to hold the others against.

    IKU_DATABASE_URL=… python -m benchmarks.served

It prints its address. `GET /one` runs one select by an index, and shows the row.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from litestar import Router
from msgspec import Struct

from iku.app import House, open_house
from iku.postgres.database import Database
from iku.settings import Settings
from iku.web import serving
from iku.web.app import create_app
from iku.web.connection import connected
from iku.web.routes import get


class One(Struct, frozen=True):
    """A row, found by its key."""

    stream: str
    version: int


@get("/one")
async def one(house: House) -> One:
    """What one indexed select costs over HTTP."""
    async with connected(house) as connection:
        row = await connection.fetchrow(
            "select stream, version from ledger.stream where stream = $1",
            "indicator-IKU-1",
        )
    assert row is not None
    return One(row["stream"], row["version"])


@asynccontextmanager
async def served(database: Database, **settings: str) -> AsyncIterator[int]:
    """The program in a process of its own over that database; its port."""
    own = {
        "IKU_DATABASE_URL": database.application_dsn,
        "IKU_OWNER_URL": database.owner_dsn,
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.served"),
        env=_without_ours(os.environ) | own | settings,
        stdout=-1,
    )
    try:
        assert process.stdout is not None
        address = (await process.stdout.readline()).decode().strip()
        yield int(address.rpartition(":")[2])
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


def _without_ours(environment: Mapping[str, str]) -> dict[str, str]:
    return {k: v for k, v in environment.items() if not k.startswith("IKU_")}


async def main() -> None:
    """Serve until told to stop."""
    async with open_house(Settings.from_environment(os.environ)) as house:
        app = create_app(house)
        # As the routes of the API are held to their parameters, so is this.
        app.register(Router("/", route_handlers=[one]))
        await serving.serve_app(app, "127.0.0.1", 0, lambda at: print(at, flush=True))


if __name__ == "__main__":
    serving.run(main())
