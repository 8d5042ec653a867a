"""A store of flows, and an identity provider."""

from collections.abc import Iterator

import pytest

from tests.access.flow_store import MemoryFlows
from tests.access.identity_provider import IdentityProvider, identity_provider


@pytest.fixture
def flows() -> MemoryFlows:
    return MemoryFlows()


@pytest.fixture
def provider() -> Iterator[IdentityProvider]:
    with identity_provider() as provider:
        yield provider
