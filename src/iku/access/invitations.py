"""Invitations: links that are valid once, for 24 hours, and permit only enrolment.

No user sets the password of another account; a holder who lost a factor is invited
again.

The SQL functions of schema access, in the order of the functions here: `invite`,
`remove_factors`, `redeem`, `invitations`, `cancel_invitation`.
"""

from datetime import datetime

from msgspec import Struct

from iku.access import token as tokens
from iku.access.sessions import DEVICE
from iku.postgres.pool import Connection, Queryable


def path(token: str) -> str:
    """The path of the page on which an invitation is redeemed."""
    return f"/undangan/{token}"


class IssuedInvitation(Struct, frozen=True):
    """An issued invitation, whose token is shown once."""

    token: str
    expires_at: datetime


class RedeemedInvitation(Struct, frozen=True):
    """A redeemed invitation: the token of a session that may only enrol factors."""

    account: str
    token: str


class PendingInvitation(Struct, frozen=True):
    """An invitation that has not been redeemed."""

    account: str
    created_at: datetime
    expires_at: datetime


async def issue(
    connection: Connection, account: str, *, blocks_approving: bool = False
) -> IssuedInvitation:
    """Issue an invitation for the account; an earlier one becomes invalid.

    With *blocks_approving* the account cannot approve for 24 hours after the invitation
    is redeemed.
    """
    token = tokens.generate()
    expires_at = await connection.fetchval(
        "select access.invite($1, $2, $3)",
        account,
        tokens.digest(token),
        blocks_approving,
    )
    return IssuedInvitation(token, expires_at)


async def recover(
    connection: Connection, account: str, *, blocks_approving: bool = False
) -> IssuedInvitation:
    """Issue an invitation for an account whose holder lost a factor.

    Its password, authenticator, passkeys and OIDC identities are removed, and its
    sessions and API keys end. The login name remains.
    """
    async with connection.transaction():
        await connection.execute("select access.remove_factors($1)", account)
        return await issue(connection, account, blocks_approving=blocks_approving)


async def redeem(
    connection: Connection, token: str, *, device: str = ""
) -> RedeemedInvitation | None:
    """Redeem an invitation; None if the token belongs to no valid invitation."""
    session = tokens.generate()
    account = await connection.fetchval(
        "select access.redeem($1, $2, $3)",
        tokens.digest(token),
        tokens.digest(session),
        device[:DEVICE],
    )
    return None if account is None else RedeemedInvitation(str(account), session)


async def pending(reader: Queryable) -> list[PendingInvitation]:
    """The valid invitations that have not been redeemed, oldest first."""
    rows = await reader.fetch("select * from access.invitations()")
    return [
        PendingInvitation(str(row["account"]), row["created_at"], row["expires_at"])
        for row in rows
    ]


async def cancel(connection: Connection, account: str) -> bool:
    """Cancel the account's invitation, and return whether there was one."""
    cancelled: bool = await connection.fetchval(
        "select access.cancel_invitation($1)", account
    )
    return cancelled
