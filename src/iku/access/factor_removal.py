"""Removal of single factors; the last one cannot be removed.

A factor without which the holder could not sign in stays. If it is lost, a recovery
removes it (`iku.access.invitations`).

The SQL function of schema access: `lock_account`.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from iku.access import accounts
from iku.messages import message
from iku.postgres.pool import Connection


class LastFactor(Exception):
    """The factor cannot be removed, because the holder could not sign in without it."""


@asynccontextmanager
async def protect_last_factor(
    connection: Connection, account: str
) -> AsyncIterator[None]:
    """A transaction that may remove factors of the account, but not the last one.

    Raises:
        LastFactor: The holder could no longer sign in; the transaction is rolled back.
    """
    async with connection.transaction():
        # Two removals at once would each see the other's factor.
        await connection.execute("select access.lock_account($1)", account)
        before = await accounts.factors(connection, account)
        yield
        after = await accounts.factors(connection, account)
        if before.is_complete and not after.is_complete:
            raise LastFactor(
                message(
                    "this is the last factor of the account: enrol another one first"
                )
            )
