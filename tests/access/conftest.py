"""Stores of flows, an identity provider, keys, and accounts that are enrolled."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from iku.access import passwords
from iku.access.secrets import Secrets
from iku.postgres.pool import Plain
from tests import emptied as in_turn
from tests.access.enrolling import Office
from tests.access.flow_store import MemoryFlows
from tests.access.identity_provider import IdentityProvider, identity_provider

emptied_pool, emptied, database = (
    in_turn.emptied_pool,
    in_turn.emptied,
    in_turn.database,
)
connection, owner = in_turn.connection, in_turn.owner


@pytest.fixture
def flows() -> MemoryFlows:
    return MemoryFlows()


@pytest.fixture
def provider() -> Iterator[IdentityProvider]:
    with identity_provider() as provider:
        yield provider


@pytest.fixture(autouse=True)
def fresh_dummy_hash() -> Iterator[None]:
    """No hash is kept from a test that sets other parameters."""
    yield
    passwords._dummy_hash.cache_clear()


@pytest.fixture
def secrets(tmp_path: Path) -> Secrets:
    """The keys of credentials of a new folder."""
    return Secrets(tmp_path / "keys", lambda: date(2026, 11, 27))


@pytest.fixture
def office(connection: Plain, owner: Plain, secrets: Secrets) -> Office:
    """An office whose people sign in."""
    return Office(connection, owner, secrets)
