"""A database that tests use one after the other, emptied before each of them.

To copy a template and drop the copy takes the server 20 ms, and the first command on a
new connection as long, because each session plans its statements afresh. A test that
needs a copy of its own, such as one about plans or sizes, has the mark `own_database`.
A database whose schema or privileges a test changed is replaced by a new copy.

A `conftest.py` selects this for its folder by naming the fixtures of this module.
"""

from collections.abc import AsyncIterator, Awaitable, Callable

import asyncpg
import pytest

from iku.postgres import pool as pools
from iku.postgres.database import Database
from iku.postgres.pool import Plain
from tests.conftest import Clone
from tests.restoring import Contents

Connect = Callable[[str], Awaitable[Plain]]


class Emptied:
    """A copy of a template, with connections that stay open from test to test."""

    def __init__(self, database: Database, contents: Contents) -> None:
        self.database = database
        self._contents = contents
        self._open: dict[Connect, Plain] = {}

    @classmethod
    async def copy(cls, database: Database) -> "Emptied":
        """An emptied *database*, which is a new copy."""
        return cls(database, await Contents.save(database))

    async def empty(self) -> bool:
        """Restore the rows of the template; false if more than rows was changed."""
        try:
            return await self._contents.restore()
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            return False

    async def connection(self, connect: Connect, dsn: str | None) -> Plain:
        """The connection that *connect* opens, in the state of a new one."""
        held = self._open.get(connect)
        if held is not None and (held.is_closed() or held.is_in_transaction()):
            await held.close()
            held = None
        if held is None:
            assert dsn is not None
            self._open[connect] = held = await connect(dsn)
        else:
            await held.reset()
        return held

    async def close(self) -> None:
        for connection in self._open.values():
            await connection.close()
        await self._contents.close()


class Pool:
    """The emptied databases of a process, by template."""

    def __init__(self, clone: Clone) -> None:
        self._clone = clone
        self._by_template: dict[str, Emptied] = {}

    async def take(self, template: str) -> Emptied:
        found = self._by_template.pop(template, None)
        if found is not None and not await found.empty():
            await found.close()
            found = None
        found = found or await Emptied.copy(await self._clone(template))
        self._by_template[template] = found
        return found

    async def close(self) -> None:
        for one in self._by_template.values():
            await one.close()


@pytest.fixture(scope="session")
async def emptied_pool(clone: Clone) -> AsyncIterator[Pool]:
    pool = Pool(clone)
    yield pool
    await pool.close()


@pytest.fixture
async def emptied(
    request: pytest.FixtureRequest, emptied_pool: Pool, clone: Clone, origin: str
) -> AsyncIterator[Emptied]:
    """The emptied copy of `origin`, or with `own_database` a new one."""
    if request.node.get_closest_marker("own_database") is None:
        yield await emptied_pool.take(origin)
    else:
        own = await Emptied.copy(await clone(origin))
        yield own
        await own.close()


@pytest.fixture
async def database(emptied: Emptied) -> Database:
    return emptied.database


@pytest.fixture
async def connection(emptied: Emptied) -> Plain:
    """A connection in the application's role."""
    return await emptied.connection(pools.connect, emptied.database.application_dsn)


@pytest.fixture
async def signer(emptied: Emptied) -> Plain:
    """A connection in the signer's role."""
    return await emptied.connection(
        pools.connect_as_signer, emptied.database.signer_dsn
    )


async def _connect_unguarded(dsn: str) -> Plain:
    return await pools.connect_as_owner(dsn)


@pytest.fixture
async def owner(emptied: Emptied) -> Plain:
    """A connection in the owner's role, with event triggers disabled."""
    connection = await emptied.connection(
        _connect_unguarded, emptied.database.owner_dsn
    )
    await connection.execute("set event_triggers = off")
    return connection


@pytest.fixture
async def guarded(emptied: Emptied) -> Plain:
    """A connection in the owner's role, with event triggers enabled."""
    return await emptied.connection(pools.connect_as_owner, emptied.database.owner_dsn)
