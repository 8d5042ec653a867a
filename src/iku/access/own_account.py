"""What holders change of their own accounts, with a factor of the last five minutes.

Passwords and authenticators are changed in `sign_in`, passkeys in `passkey_sign_in`.
"""

from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta

from iku.access import api_keys, identities, sessions, sign_in, totp
from iku.access.api_keys import ApiKeyRefused, NewApiKey
from iku.access.factor_removal import LastFactor, keeping_one
from iku.access.sign_in import Rejected
from iku.messages import message
from iku.postgres.pool import Connection


async def create_api_key(
    connection: Connection,
    token: str,
    *,
    name: str,
    roles: Iterable[str],
    rights: Iterable[str],
    held: Iterable[str],
    lifetime: timedelta,
) -> NewApiKey | Rejected:
    """Create an API key of the session's account, which holds the roles *held*."""
    session = await sign_in.fresh_session(connection, token)
    if isinstance(session, Rejected):
        return session
    try:
        return await api_keys.create(
            connection,
            session.account,
            name=name,
            roles=roles,
            rights=rights,
            held=held,
            lifetime=lifetime,
        )
    except ApiKeyRefused as error:
        return Rejected(error.args[0], session.account)


async def revoke_api_key(
    connection: Connection, token: str, key: str
) -> Rejected | None:
    """Revoke an API key of the session's account; None if it is revoked."""
    session = await sessions.find(connection, token)
    if session is None:
        return sign_in.expired()
    await api_keys.revoke(connection, session.account, key)
    return None


async def remove_authenticator(connection: Connection, token: str) -> Rejected | None:
    """Remove the authenticator of the session's account; None if it is removed."""
    return await _remove(
        connection, token, lambda account: totp.remove(connection, account)
    )


async def unlink_identity(
    connection: Connection, token: str, issuer: str, subject: str
) -> Rejected | None:
    """Unlink an identity of the session's account; None if it is unlinked."""
    return await _remove(
        connection,
        token,
        lambda account: identities.unlink(connection, account, issuer, subject),
    )


async def _remove(
    connection: Connection, token: str, remove: Callable[[str], Awaitable[bool]]
) -> Rejected | None:
    session = await sign_in.fresh_session(connection, token)
    if isinstance(session, Rejected):
        return session
    try:
        async with keeping_one(connection, session.account):
            removed = await remove(session.account)
    except LastFactor as error:
        return Rejected(error.args[0], session.account)
    if removed:
        return None
    return Rejected(message("the account has no such factor"), session.account)
