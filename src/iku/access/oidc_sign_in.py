"""The steps with an identity provider: sign-in, step-up, linking an identity.

`oidc.RelyingParty` proves the identity; these functions change the session. A provider
that does not claim to have verified several factors counts as one factor (ASVS 5.0,
6.8.4): the session is partial until a second factor is verified.
"""

from iku.access import accounts, identities, sessions, sign_in
from iku.access.oidc import FinishedFlow
from iku.access.sessions import Session, Stage
from iku.access.sign_in import FailedStep, PartialSession, SignedIn
from iku.messages import message
from iku.postgres.pool import Connection

FACTOR = "oidc"


async def start(
    connection: Connection, done: FinishedFlow, *, device: str = ""
) -> SignedIn | PartialSession | FailedStep:
    """Open a session of the account that is linked to the identity."""
    if done.flow.account is not None:
        return _reject_purpose(done.flow.account)
    account = await identities.find_account(connection, done.identity)
    if account is None:
        return FailedStep(
            message(
                "your identity at {issuer} is not linked to an account: sign in "
                "another way and link it, or ask for an invitation",
                issuer=done.identity.issuer,
            )
        )
    full = done.identity.multi_factor
    token = await sessions.open_session(
        connection,
        account,
        method=FACTOR,
        device=device,
        stage=Stage.FULL if full else Stage.PARTIAL,
    )
    if full:
        return SignedIn(account, token)
    return PartialSession(account, token, await accounts.factors(connection, account))


async def step_up(
    connection: Connection, done: FinishedFlow, token: str
) -> SignedIn | FailedStep:
    """Make a full session fresh by an identity of its account."""
    session = await sessions.find(connection, token)
    if session is None:
        return sign_in.reject_expired()
    if done.flow.account != session.account or not done.flow.fresh:
        return _reject_purpose(session.account)
    if await identities.find_account(connection, done.identity) != session.account:
        return _reject_account(session)
    return await sign_in.accept(connection, session.account, factor=FACTOR, token=token)


async def link(
    connection: Connection, done: FinishedFlow, token: str
) -> str | FailedStep:
    """Link the identity to the session's account, and return the session's token.

    The session must be one that may enrol a factor. A full session gets a new token;
    another keeps its token, because the identity is not a second factor.
    """
    account = done.flow.account
    if account is None:
        return _reject_purpose(None)
    async with connection.transaction():
        # A recovery at the same time removes the identity, or has ended the session.
        await connection.execute("select access.lock_account($1)", account)
        session = await sign_in.enrolling_session(connection, token)
        if isinstance(session, FailedStep):
            return session
        if account != session.account:
            return _reject_purpose(session.account)
        if not await identities.link(connection, account, done.identity):
            return _reject_account(session)
    if session.stage is not Stage.FULL:
        return token
    renewed = await sign_in.accept(connection, account, factor=FACTOR, token=token)
    return renewed if isinstance(renewed, FailedStep) else renewed.token


def _reject_purpose(account: str | None) -> FailedStep:
    return FailedStep(
        message("this sign-in was started for another purpose or account: begin again"),
        account,
    )


def _reject_account(session: Session) -> FailedStep:
    return FailedStep(
        message("this identity belongs to another account"), session.account
    )
