"""Registers that are filled once, and cloned for tests that change them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from iku.app import open_app
from iku.postgres import pool as pools
from iku.postgres.database import Database
from iku.postgres.embedded import Lease
from iku.postgres.pool import Plain
from tests.conftest import SETTINGS, Clone, within
from tests.registers.chronicle import fill
from tests.registers.memory import Memory
from tests.registers.world import World
from tests.restoring import Restored, restored
from tests.samples import examples

LONG = examples(5_000, 2_000)
SHORT = 600


@asynccontextmanager
async def opened(database: Database) -> AsyncIterator[World]:
    """A world over an existing database."""
    async with (
        open_app(SETTINGS, database) as app,
        app.pool.acquire() as connection,
    ):
        yield World(app, connection)


async def owner_of(database: Database) -> Plain:
    """A connection in the owner's role, with event triggers disabled.

    The guard of the schema examines each of the statements of a rebuild, which takes
    half of the time of rebuilding a short register.
    """
    connection = await pools.connect_as_owner(database.owner_dsn)
    await connection.execute("set event_triggers = off")
    return connection


async def _filled(
    server: Lease, administrator: Plain, template: str, name: str, count: int
) -> str:
    await administrator.execute(f"create database {name} template {template}")
    async with opened(within(server, name)) as world:
        await fill(world, seed=2021, count=count)
    owner = await pools.connect_as_owner(within(server, name).owner_dsn)
    await owner.execute("analyze")  # autovacuum is off
    await owner.close()
    return name


@pytest.fixture(scope="session")
async def long_register(server: Lease, administrator: Plain, template: str) -> str:
    """The name of a database with `LONG` events and some mergers."""
    return await _filled(server, administrator, template, "register_long", LONG)


@pytest.fixture(scope="session")
async def short_register(server: Lease, administrator: Plain, template: str) -> str:
    """The name of a database with some 600 events."""
    return await _filled(server, administrator, template, "register_short", SHORT)


@pytest.fixture(scope="session")
async def long(clone: Clone, long_register: str) -> AsyncIterator[World]:
    """The long register; tests must only read it."""
    async with opened(await clone(long_register)) as world:
        yield world


@pytest.fixture(scope="session")
async def memory(long: World) -> Memory:
    """The events of the long register, in memory."""
    return await Memory.of(long.connection, long.app.vault)


@pytest.fixture
async def world(clone: Clone, short_register: str) -> AsyncIterator[World]:
    """A copy of the short register for this test alone."""
    async with opened(await clone(short_register)) as world:
        yield world


@pytest.fixture(scope="session")
async def restored_furnished(clone: Clone, furnished: str) -> AsyncIterator[Restored]:
    """A register with the seed definitions, which is restored for each test."""
    async with restored(await clone(furnished)) as made:
        yield made


@pytest.fixture(scope="session")
async def restored_entered(clone: Clone, entered: str) -> AsyncIterator[Restored]:
    """The fictional register, which is restored for each test."""
    async with restored(await clone(entered)) as made:
        yield made


@pytest.fixture(scope="session")
async def restored_imported(clone: Clone, imported: str) -> AsyncIterator[Restored]:
    """The example register, which is restored for each test."""
    async with restored(await clone(imported)) as made:
        yield made
