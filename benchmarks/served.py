"""The program as `iku serve` runs it, with two further routes for comparison.

    IKU_DATABASE_URL=… python -m benchmarks.served

Prints its address. `GET /one` runs one select by an index and returns the row.
`POST /crud` records a case as a CRUD program would: one transaction that inserts the
case and an audit row into tables that `prepare` creates.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import msgspec
from litestar import Router
from msgspec import Struct

from iku.app import App, migrate_and_open
from iku.connection import acquire_connection
from iku.domain import conflict
from iku.postgres import pool as pools
from iku.postgres.database import Database
from iku.settings import Settings
from iku.web import server
from iku.web.app import create_app
from iku.web.routes import get, post


class SelectedRow(Struct, frozen=True):
    """A row, selected by its key."""

    stream: str
    version: int


@get("/one", None)
async def one(app: App) -> SelectedRow:
    """The handler of `GET /one`, the cost of one indexed select over HTTP."""
    async with acquire_connection(app) as connection:
        row = await connection.fetchrow(
            "select stream, version from ledger.stream where stream = $1",
            "indicator-IKU-1",
        )
    assert row is not None
    return SelectedRow(row["stream"], row["version"])


class InsertedCase(Struct, frozen=True):
    """An inserted case."""

    id: int


@post("/crud")
async def crud(command: conflict.Report, app: App) -> InsertedCase:
    """The handler of `POST /crud`, the cost of one case and one audit row."""
    async with acquire_connection(app) as connection, connection.transaction():
        number = await connection.fetchval(
            """
            insert into crud.conflict (
                   category, dimension, level, title, effective_on, area, source,
                   reference)
            values ($1, $2, $3, $4, $5, $6, $7, $8)
            returning id
            """,
            command.category,
            command.dimension,
            command.level,
            command.title,
            command.effective_on,
            command.area,
            command.source,
            command.reference,
        )
        await connection.execute(
            "insert into crud.audit (conflict, actor, body) values ($1, $2, $3)",
            number,
            "lokal",
            msgspec.json.encode(command).decode(),
        )
    return InsertedCase(number)


async def prepare(database: Database) -> None:
    """Create the tables of `POST /crud`."""
    owner = await pools.connect_as_owner(database.owner_dsn)
    await owner.execute(
        """
        create schema crud;
        create table crud.conflict (
          id           bigint generated always as identity primary key,
          category     text not null,
          dimension    text not null,
          level        text not null,
          title        text not null,
          effective_on date not null,
          area         text,
          source       text,
          reference    text
        );
        create table crud.audit (
          id       bigint generated always as identity primary key,
          conflict bigint not null references crud.conflict,
          at       timestamptz not null default clock_timestamp(),
          actor    text not null,
          body     jsonb not null
        );
        grant usage on schema crud to iku_app;
        grant select, insert on all tables in schema crud to iku_app;
        """
    )
    await owner.close()


@asynccontextmanager
async def served(database: Database, **settings: str) -> AsyncIterator[int]:
    """The port of the program, run in a separate process over that database."""
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
    """Serve until stopped."""
    async with migrate_and_open(Settings.from_environment(os.environ)) as app:
        asgi = create_app(app)
        # The same parameter validation as for the routes of the API.
        asgi.register(Router("/", route_handlers=[one, crud]))
        await server.serve_app(asgi, "127.0.0.1", 0, lambda at: print(at, flush=True))


if __name__ == "__main__":
    server.run(main())
