import asyncio
from uuid import UUID

import pytest

from iku.access import accounts, identities, totp
from iku.access.database_passkeys import DatabasePasskeys
from iku.access.factor_removal import LastFactor, protect_last_factor
from iku.access.oidc import Identity
from iku.access.passkeys import Passkey
from iku.postgres.pool import Connection, Pool
from tests.access.enrolling import Holder, Office, code

KEY = ("https://sso.example", "s")
IDENTITY = Identity(*KEY, None)


async def add_passkey(office: Office, holder: Holder) -> bytes:
    credential = UUID(holder.account).bytes
    one = Passkey(credential, holder.account, "laptop", b"key", 0)
    assert await DatabasePasskeys(office.connection).add(one)
    return credential


async def remove_authenticator(connection: Connection, account: str) -> bool:
    async with protect_last_factor(connection, account):
        return await totp.remove(connection, account)


async def remove_passkey(
    connection: Connection, account: str, credential: bytes
) -> bool:
    async with protect_last_factor(connection, account):
        return await DatabasePasskeys(connection).remove(account, credential)


async def test_the_last_factor_remains(office: Office) -> None:
    holder = await office.enrolled()
    with pytest.raises(LastFactor, match="enrol another"):
        await remove_authenticator(office.connection, holder.account)
    assert await totp.verify(
        office.connection, office.secrets, holder.account, code(holder.seed)
    )


async def test_a_factor_is_removed_while_another_one_signs_in(office: Office) -> None:
    holder = await office.enrolled()
    connection, account = office.connection, holder.account
    credential = await add_passkey(office, holder)
    assert await remove_authenticator(connection, account)
    assert not await remove_authenticator(connection, account)
    assert not await totp.verify(connection, office.secrets, account, code(holder.seed))
    with pytest.raises(LastFactor):
        await remove_passkey(connection, account, credential)
    await identities.link(connection, account, IDENTITY)
    assert await remove_passkey(connection, account, credential)
    with pytest.raises(LastFactor):
        async with protect_last_factor(connection, account):
            await identities.unlink(connection, account, *KEY)
    assert await identities.find_account(connection, IDENTITY) == account


async def test_of_two_removals_at_once_the_later_one_is_refused(
    office: Office, pool: Pool
) -> None:
    holder = await office.enrolled()
    credential = await add_passkey(office, holder)
    async with pool.acquire() as other:
        async with office.connection.transaction():
            assert await remove_passkey(office.connection, holder.account, credential)
            later = asyncio.ensure_future(remove_authenticator(other, holder.account))
            await asyncio.sleep(0.3)  # it waits for the account
            assert not later.done()
        with pytest.raises(LastFactor):
            await later
    found = await accounts.factors(office.connection, holder.account)
    assert found.is_complete
