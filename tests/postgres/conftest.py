"""A database for the tests of a file whose changes are rolled back."""

from collections.abc import AsyncIterator

import pytest

from iku.postgres.pool import Plain, connect_as_owner
from tests.conftest import Clone


@pytest.fixture(scope="module")
async def shared(clone: Clone, template: str) -> AsyncIterator[Plain]:
    """A connection in the owner's role, with event triggers enabled."""
    connection = await connect_as_owner((await clone(template)).owner_dsn)
    yield connection
    await connection.close()


@pytest.fixture
async def undone(shared: Plain) -> AsyncIterator[Plain]:
    """The same in a transaction, also settings and roles, that is rolled back."""
    transaction = shared.transaction(isolation="repeatable_read")
    await transaction.start()
    yield shared
    await transaction.rollback()


@pytest.fixture
async def unguarded(undone: Plain) -> Plain:
    """The same with event triggers disabled."""
    await undone.execute("set local event_triggers = off")
    return undone
