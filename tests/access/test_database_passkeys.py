"""Passkeys over the database, with a whole registration and sign-in."""

import asyncio
from uuid import uuid4

import pytest

from iku.access import accounts
from iku.access.database_flows import DatabaseFlows
from iku.access.database_passkeys import DatabasePasskeys
from iku.access.passkeys import Passkey, PasskeyCloned, Passkeys
from iku.access.webauthn import PasskeyRefused
from iku.postgres.pool import Pool
from tests.access.authenticator import ORIGIN, Authenticator
from tests.access.enrolling import Office


class Counter:
    """Where people of an office use their passkeys."""

    def __init__(self, office: Office) -> None:
        self.flows = DatabaseFlows(office.connection)
        self.store = DatabasePasskeys(office.connection)
        self.passkeys = Passkeys(ORIGIN, "Bakesbangpol")

    async def register(self, key: Authenticator, account: str, name: str) -> Passkey:
        asked = await self.passkeys.begin_registration(
            self.flows, self.store, account, "siti"
        )
        return await self.passkeys.finish_registration(
            self.flows, self.store, account, key.create(asked), name
        )

    async def sign_in(self, key: Authenticator) -> Passkey:
        asked = await self.passkeys.begin_sign_in(self.flows, self.store)
        return await self.passkeys.finish_sign_in(
            self.flows, self.store, key.get(asked)
        )


@pytest.fixture
def counter(office: Office) -> Counter:
    return Counter(office)


async def invited(office: Office) -> str:
    await office.invited(account := str(uuid4()))
    return account


async def test_a_passkey_is_stored_as_it_was_registered(
    office: Office, counter: Counter
) -> None:
    account = await invited(office)
    first, second = Authenticator(), Authenticator(counter=None)
    made = await counter.register(first, account, "Laptop")
    await counter.register(second, account, "Ponsel")

    held = await counter.store.of_account(account)
    assert [one.name for one in held] == ["Laptop", "Ponsel"]
    assert held[0] == await counter.store.find(first.id)
    assert held[0].created_at is not None
    assert held[0].used_at is None
    for name in ("id", "account", "public_key", "sign_count", "transports"):
        assert getattr(held[0], name) == getattr(made, name)
    assert await counter.store.find(b"other") is None
    found = await accounts.factors(office.connection, account)
    assert (found.passkeys, found.has_second_factor) == (2, True)


async def test_a_use_is_recorded_and_a_cloned_passkey_refused(
    office: Office, counter: Counter
) -> None:
    account = await invited(office)
    key = Authenticator()
    await counter.register(key, account, "Laptop")
    assert (await counter.sign_in(key)).account == account

    held = await counter.store.find(key.id)
    assert held is not None
    assert held.sign_count == key.counter == 2
    assert held.used_at is not None
    key.counter = 1
    with pytest.raises(PasskeyCloned):
        await counter.sign_in(key)


async def test_of_uses_in_parallel_with_one_counter_one_passes(
    office: Office, counter: Counter, pool: Pool
) -> None:
    """A clone that signs at the same moment."""
    account = await invited(office)
    key = Authenticator()
    await counter.register(key, account, "Laptop")
    store = DatabasePasskeys(pool)

    used = await asyncio.gather(*(store.update_counter(key.id, 1, 2) for _ in range(8)))

    assert used.count(True) == 1


async def test_of_registrations_in_parallel_one_account_gets_the_passkey(
    office: Office, counter: Counter, pool: Pool
) -> None:
    people = [await invited(office) for _ in range(6)]
    store = DatabasePasskeys(pool)
    made = [Passkey(b"credential", one, "Laptop", b"key", 0) for one in people]

    added = await asyncio.gather(*map(store.add, made))

    assert added.count(True) == 1
    found = await store.find(b"credential")
    assert found is not None
    assert found.account == people[added.index(True)]


async def test_a_passkey_is_renamed_and_removed_by_its_holder_only(
    office: Office, counter: Counter
) -> None:
    holder, other = await invited(office), await invited(office)
    key = Authenticator()
    await counter.register(key, holder, "Laptop")

    assert not await counter.store.rename(other, key.id, "Dicuri")
    assert not await counter.store.remove(other, key.id)
    assert await counter.store.rename(holder, key.id, " Laptop baru ")
    with pytest.raises(PasskeyRefused, match="must have 1 to 64 printable characters"):
        await counter.store.rename(holder, key.id, "")
    assert [one.name for one in await counter.store.of_account(holder)] == [
        "Laptop baru"
    ]
    assert await counter.store.remove(holder, key.id)
    assert not await counter.store.remove(holder, key.id)
    with pytest.raises(PasskeyRefused, match="is not registered here"):
        await counter.sign_in(key)


async def test_a_challenge_expires_in_the_database(
    office: Office, counter: Counter
) -> None:
    asked = await counter.passkeys.begin_sign_in(counter.flows, counter.store)
    await office.later("301 seconds")

    with pytest.raises(PasskeyRefused, match="older than 5 minutes"):
        await counter.passkeys.finish_sign_in(
            counter.flows, counter.store, Authenticator().get(asked)
        )
