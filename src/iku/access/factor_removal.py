"""Removal of single factors, of which the last one remains.

An account whose holder could not sign in without it keeps the factor; a lost one is
removed by a recovery (`iku.access.invitations`).

The SQL function of schema access: `lock_account`.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from iku.access import accounts
from iku.messages import message
from iku.postgres.pool import Connection


class LastFactor(Exception):
    """Without the factor the holder could not sign in; the message says so."""


@asynccontextmanager
async def keeping_one(connection: Connection, account: str) -> AsyncIterator[None]:
    """A transaction that removes factors of the account by this connection.

    Raises:
        LastFactor: The holder could no longer sign in; nothing is removed.
    """
    async with connection.transaction():
        # Two removals at once would each see the other's factor.
        await connection.execute("select access.lock_account($1)", account)
        before = await accounts.factors(connection, account)
        yield
        after = await accounts.factors(connection, account)
        if before.complete and not after.complete:
            raise LastFactor(
                message(
                    "the factor is the last one of the account: enrol another one first"
                )
            )
