"""The steps with a passkey: sign-in, second factor, step-up, registration, removal.

A passkey verifies its user, so that it counts as two factors: it opens a full session
by itself. It also completes a partial session, and makes a full one fresh. Call these
functions outside a transaction: the challenge of a refused response must not become
valid again.
"""

from collections.abc import Mapping
from typing import Any

from iku.access import accounts, passkeys, sessions, sign_in
from iku.access.database_flows import DatabaseFlows
from iku.access.database_passkeys import DatabasePasskeys
from iku.access.factor_removal import LastFactor, protect_last_factor
from iku.access.passkeys import Json, Passkey, Passkeys
from iku.access.sessions import Session, Stage
from iku.access.sign_in import FailedStep, SignedIn
from iku.access.webauthn import PasskeyRefused
from iku.messages import message
from iku.postgres.pool import Connection

FACTOR = "passkey"


async def begin(
    connection: Connection, site: Passkeys, token: str | None = None
) -> Json | FailedStep:
    """The options for `navigator.credentials.get`.

    *token* is that of a session which the passkey completes or makes fresh; None for a
    sign-in.
    """
    account = None
    if token is not None:
        session = await _session_for_passkey(connection, token)
        if session is None:
            return sign_in.reject_expired()
        account = session.account
    flows, store = _flow_and_passkey_stores(connection)
    try:
        return await site.begin_sign_in(flows, store, account)
    except PasskeyRefused as error:
        return FailedStep(error.reason, account)


async def start(
    connection: Connection,
    site: Passkeys,
    response: Mapping[str, Any],
    *,
    device: str = "",
) -> SignedIn | FailedStep:
    """Open a full session of the account whose passkey signed *response*."""
    flows, store = _flow_and_passkey_stores(connection)
    try:
        used = await site.finish_sign_in(flows, store, response)
    except PasskeyRefused as error:
        return FailedStep(error.reason, None)
    return await sign_in.accept(connection, used.account, factor=FACTOR, device=device)


async def verify(
    connection: Connection, site: Passkeys, token: str, response: Mapping[str, Any]
) -> SignedIn | FailedStep:
    """Verify a passkey: complete the sign-in, or renew a completed session.

    A renewed session counts as recently verified.
    """
    session = await _session_for_passkey(connection, token)
    if session is None:
        return sign_in.reject_expired()
    flows, store = _flow_and_passkey_stores(connection)
    try:
        await site.finish_sign_in(flows, store, response, session.account)
    except PasskeyRefused as error:
        return FailedStep(error.reason, session.account)
    return await sign_in.accept(connection, session.account, factor=FACTOR, token=token)


async def begin_registration(
    connection: Connection, site: Passkeys, token: str
) -> Json | FailedStep:
    """The options for `navigator.credentials.create`.

    Permitted to an invited account, to a partial session of an account without a
    second factor, and to a full session with a fresh factor.
    """
    session = await sign_in.enrolling_session(connection, token)
    if isinstance(session, FailedStep):
        return session
    name = (await accounts.factors(connection, session.account)).login_name
    flows, store = _flow_and_passkey_stores(connection)
    try:
        return await site.begin_registration(
            flows, store, session.account, name or session.account
        )
    except PasskeyRefused as error:
        return FailedStep(error.reason, session.account)


async def register(
    connection: Connection,
    site: Passkeys,
    token: str,
    response: Mapping[str, Any],
    name: str,
) -> SignedIn | FailedStep:
    """Store a new passkey, which completes or renews the session."""
    session = await sign_in.enrolling_session(connection, token)
    if isinstance(session, FailedStep):
        return session
    flows, store = _flow_and_passkey_stores(connection)
    try:
        made = await site.verify_registration(
            flows, store, session.account, response, name
        )
        return await _store_passkey(connection, made, token)
    except PasskeyRefused as error:
        return FailedStep(error.reason, session.account)
    except _StepRejected as error:
        return error.why


async def remove(
    connection: Connection, token: str, credential: bytes
) -> FailedStep | None:
    """Remove a passkey of the session's account; return a rejection or None.

    The session must be fully signed in and recently verified.
    """
    session = await sign_in.fresh_session(connection, token)
    if isinstance(session, FailedStep):
        return session
    try:
        async with protect_last_factor(connection, session.account):
            removed = await DatabasePasskeys(connection).remove(
                session.account, credential
            )
    except LastFactor as error:
        return FailedStep(error.args[0], session.account)
    if removed:
        return None
    return FailedStep(message("the account has no such passkey"), session.account)


class _StepRejected(Exception):
    """The step was rejected; its transaction is rolled back."""

    def __init__(self, why: FailedStep) -> None:
        super().__init__(why.reason)
        self.why = why


async def _store_passkey(connection: Connection, made: Passkey, token: str) -> SignedIn:
    """Store the passkey and replace the session's token, or do neither.

    Raises:
        PasskeyRefused: The passkey is already registered.
        _StepRejected: The session has ended, for example by a concurrent recovery.
    """
    async with connection.transaction():
        # A recovery at the same time removes the passkey, or has ended the session.
        await connection.execute("select access.lock_account($1)", made.account)
        await passkeys.add(DatabasePasskeys(connection), made)
        done = await sign_in.accept(
            connection, made.account, factor=FACTOR, token=token
        )
        if isinstance(done, FailedStep):
            raise _StepRejected(done)
        return done


def _flow_and_passkey_stores(
    connection: Connection,
) -> tuple[DatabaseFlows, DatabasePasskeys]:
    return DatabaseFlows(connection), DatabasePasskeys(connection)


async def _session_for_passkey(connection: Connection, token: str) -> Session | None:
    """The session of a token that a passkey may complete or make fresh."""
    session = await sessions.find(connection, token)
    if session is not None:
        return session
    session = await sessions.find_partial(connection, token)
    partial = session is not None and session.stage is Stage.PARTIAL
    return session if partial else None
