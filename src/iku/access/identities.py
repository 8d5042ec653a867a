"""Identities at identity providers, linked to accounts.

An identity belongs to one account; the holder links it. No other data of the provider
is stored.

The SQL functions of schema access, in the order of the functions here: `add_identity`,
`use_identity`, `identities`, `remove_identity`.
"""

from datetime import datetime

from msgspec import Struct

from iku.access.oidc import Identity
from iku.postgres.pool import Queryable


class LinkedIdentity(Struct, frozen=True):
    """An identity of an account.

    Attributes:
        used_at: When it was last used to sign in; None if never.
    """

    issuer: str
    subject: str
    created_at: datetime
    used_at: datetime | None


async def link(database: Queryable, account: str, identity: Identity) -> bool:
    """Link the identity to the account; False if it is linked to another account."""
    linked: bool = await database.fetchval(
        "select access.add_identity($1, $2, $3)",
        account,
        identity.issuer,
        identity.subject,
    )
    return linked


async def find_account(database: Queryable, identity: Identity) -> str | None:
    """The account that is linked to the identity, whose use is recorded; None if none.

    For a confirmation, compare the result with the account that is signed in: the user
    may have another identity at the same provider.
    """
    account = await database.fetchval(
        "select access.use_identity($1, $2)", identity.issuer, identity.subject
    )
    return None if account is None else str(account)


async def of_account(database: Queryable, account: str) -> list[LinkedIdentity]:
    """The identities of the account, oldest first."""
    rows = await database.fetch("select * from access.identities($1)", account)
    return [
        LinkedIdentity(
            row["issuer"], row["subject"], row["created_at"], row["last_used_at"]
        )
        for row in rows
    ]


async def unlink(database: Queryable, account: str, issuer: str, subject: str) -> bool:
    """Unlink an identity of the account; False if it has no such identity."""
    unlinked: bool = await database.fetchval(
        "select access.remove_identity($1, $2, $3)", account, issuer, subject
    )
    return unlinked
