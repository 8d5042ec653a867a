"""Removal of factors by the holder of an account, after a recent use of a factor.

Passkeys are removed in `passkey_sign_in`.
"""

from collections.abc import Awaitable, Callable

from iku.access import identities, sign_in, totp
from iku.access.factor_removal import LastFactor, protect_last_factor
from iku.access.sign_in import FailedStep
from iku.messages import message
from iku.postgres.pool import Connection


async def remove_authenticator(connection: Connection, token: str) -> FailedStep | None:
    """Remove the authenticator of the session's account; return a rejection or None."""
    return await _remove(
        connection, token, lambda account: totp.remove(connection, account)
    )


async def unlink_identity(
    connection: Connection, token: str, issuer: str, subject: str
) -> FailedStep | None:
    """Unlink an identity of the session's account; return a rejection or None."""
    return await _remove(
        connection,
        token,
        lambda account: identities.unlink(connection, account, issuer, subject),
    )


async def _remove(
    connection: Connection, token: str, remove: Callable[[str], Awaitable[bool]]
) -> FailedStep | None:
    session = await sign_in.fresh_session(connection, token)
    if isinstance(session, FailedStep):
        return session
    try:
        async with protect_last_factor(connection, session.account):
            removed = await remove(session.account)
    except LastFactor as error:
        return FailedStep(error.args[0], session.account)
    if removed:
        return None
    return FailedStep(message("the account has no such factor"), session.account)
