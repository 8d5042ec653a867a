"""The steps of a sign-in by password and authenticator, and of changing these.

A password opens a partial session, which permits only the second factor, or its
enrolment if the account has none. A code replaces it by a full session under a new
token. An invitation opens a session that sets login name and password and enrols a
factor. `accept` completes a sign-in by a passkey or a provider; their steps are in
`passkey_sign_in` and `oidc_sign_in`.

The rights of the account, which may be suspended, are decided by the log. Call these
functions outside a transaction: an attempt that is rolled back would not be counted.
"""

from collections.abc import Iterable
from typing import TypeAlias

from msgspec import Struct

from iku.access import accounts, attempts, passwords, sessions, totp
from iku.access.accounts import Factors
from iku.access.attempts import DelayedAttempt, StartedAttempt
from iku.access.secrets import Secrets
from iku.access.sessions import Session, Stage
from iku.access.totp import Enrolment
from iku.messages import Message, message
from iku.postgres.pool import Connection


class PartialSession(Struct, frozen=True):
    """A partial session: the password is verified, the second factor is missing.

    Attributes:
        factors: The factors of the account; without a second one, it must be enrolled.
    """

    account: str
    token: str
    factors: Factors


class SignedIn(Struct, frozen=True):
    """The token of a new full session, which replaces an earlier token."""

    account: str
    token: str


class FailedStep(Struct, frozen=True):
    """The step failed; nothing changed.

    Attributes:
        account: The account, for the audit log; None if there is none.
    """

    reason: Message
    account: str | None = None


Step: TypeAlias = SignedIn | FailedStep | DelayedAttempt


async def start(
    connection: Connection,
    secrets: Secrets,
    *,
    login_name: str,
    password: str,
    address: str,
    device: str = "",
) -> PartialSession | FailedStep | DelayedAttempt:
    """Verify login name and password.

    An unknown name takes the same time and is rejected with the same message.
    """
    name = accounts.normalised_login_name(login_name)
    begun = await attempts.begin_sign_in(connection, secrets, name, address)
    if isinstance(begun, DelayedAttempt):
        return begun
    right = await passwords.verify(begun.password, password)
    if not right or begun.account is None or begun.password is None:
        return _reject_password(begun)
    current = begun.password
    if passwords.is_outdated(current):
        current = await passwords.hash_password(password)
    async with connection.transaction():
        # Fails if the account was recovered, or its password changed, meanwhile.
        if not await passwords.replace(
            connection, begun.account, begun.password, current
        ):
            return _reject_password(begun)
        await attempts.record_success(connection, begun)
        token = await sessions.open_session(
            connection,
            begun.account,
            method="password",
            device=device,
            stage=Stage.PARTIAL,
        )
    found = await accounts.factors(connection, begun.account)
    return PartialSession(begun.account, token, found)


async def verify_second_factor(
    connection: Connection, secrets: Secrets, token: str, code: str
) -> Step:
    """Complete a partial session by a code of the authenticator."""
    session = await sessions.find_partial(connection, token)
    if session is None or session.stage is not Stage.PARTIAL:
        return reject_expired()
    begun = await _verify_code(connection, secrets, session.account, code)
    if not isinstance(begun, StartedAttempt):
        return begun
    return await _complete(connection, session, token, begun)


async def set_password(
    connection: Connection,
    token: str,
    *,
    login_name: str,
    password: str,
    words: Iterable[str] = (),
) -> FailedStep | None:
    """Set login name and password of an invited account; return a rejection or None.

    The password must not be guessable from *words*, the names of the agency. Only the
    session of an invitation may do this; others use `change_password`.
    """
    session = await sessions.find_partial(connection, token)
    if session is None or session.stage is not Stage.INVITED:
        return reject_expired()
    wrong = accounts.login_name_fault(login_name) or await passwords.check(
        password, {*words, *passwords.words_of(login_name)}
    )
    if wrong is not None:
        return FailedStep(wrong, session.account)
    new = await passwords.hash_password(password)
    async with connection.transaction():
        # A recovery at the same time removes the password, or has ended the session.
        await connection.execute("select access.lock_account($1)", session.account)
        if await sessions.find_partial(connection, token) is None:
            return reject_expired()
        if not await accounts.set_login_name(connection, session.account, login_name):
            taken = message("the login name {name} is taken", name=login_name)
            return FailedStep(taken, session.account)
        _, old = await passwords.of_account(connection, session.account)
        await passwords.replace(connection, session.account, old, new)
    return None


async def begin_enrolment(
    connection: Connection, secrets: Secrets, token: str, *, issuer: str
) -> Enrolment | FailedStep:
    """Start the enrolment of an authenticator, which is valid once a code confirms it.

    Permitted to an invited account, to a partial session of an account without a
    second factor, and to a full session with a fresh factor.
    """
    session = await _authenticator_session(connection, token)
    if isinstance(session, FailedStep):
        return session
    name = (await accounts.factors(connection, session.account)).login_name
    return await totp.enrol(
        connection,
        secrets,
        session.account,
        name=name or session.account,
        issuer=issuer,
    )


async def confirm_enrolment(
    connection: Connection, secrets: Secrets, token: str, code: str
) -> Step:
    """Confirm the authenticator by a code, which completes or renews the session."""
    session = await _authenticator_session(connection, token)
    if isinstance(session, FailedStep):
        return session
    begun = await attempts.begin_code(connection, secrets, session.account)
    if isinstance(begun, DelayedAttempt):
        return begun
    if not await totp.confirm(connection, secrets, session.account, code):
        return _reject_code(session.account)
    return await _complete(connection, session, token, begun)


async def step_up(
    connection: Connection, secrets: Secrets, token: str, code: str
) -> Step:
    """Verify a code in a full session, which makes the session fresh."""
    session = await sessions.find(connection, token)
    if session is None:
        return reject_expired()
    begun = await _verify_code(connection, secrets, session.account, code)
    if not isinstance(begun, StartedAttempt):
        return begun
    return await _complete(connection, session, token, begun)


async def verify_code(
    connection: Connection, secrets: Secrets, account: str, code: str
) -> FailedStep | DelayedAttempt | None:
    """Verify a code of an account without a session; return None if it is valid.

    The code is the recently used factor of a program that acts by an API key.
    """
    begun = await _verify_code(connection, secrets, account, code)
    if not isinstance(begun, StartedAttempt):
        return begun
    await attempts.record_success(connection, begun)
    return None


async def accept(
    connection: Connection,
    account: str,
    *,
    factor: str,
    token: str | None = None,
    device: str = "",
) -> SignedIn | FailedStep:
    """Sign in an account by a verified passkey or identity.

    Without a *token* this opens a full session, for which a passkey is enough;
    `oidc_sign_in` decides for an identity. With a *token*, its session is completed, or
    renewed if it is full (step-up), provided that it belongs to the account.
    """
    if token is None:
        new = await sessions.open_session(
            connection, account, method=factor, device=device
        )
        return SignedIn(account, new)
    session = await sessions.find(connection, token)
    session = session or await sessions.find_partial(connection, token)
    if session is None:
        return reject_expired()
    if session.account != account:
        other = message("the factor belongs to another account")
        return FailedStep(other, session.account)
    return await _replace_token(connection, session, token, factor)


async def change_password(
    connection: Connection,
    secrets: Secrets,
    token: str,
    *,
    old: str,
    new: str,
    words: Iterable[str] = (),
) -> Step:
    """Replace the password, given the old one; other sessions end.

    Requires a fresh factor.
    """
    session = await fresh_session(connection, token)
    if isinstance(session, FailedStep):
        return session
    begun = await attempts.begin_code(connection, secrets, session.account)
    if isinstance(begun, DelayedAttempt):
        return begun
    name, stored = await passwords.of_account(connection, session.account)
    if not await passwords.verify(stored, old):
        return FailedStep(message("the old password is wrong"), session.account)
    await attempts.record_success(connection, begun)
    wrong = await passwords.check(new, {*words, *passwords.words_of(name or "")})
    if wrong is not None:
        return FailedStep(wrong, session.account)
    replacement = await passwords.hash_password(new)
    try:
        async with connection.transaction():
            renewed = await _replace_password(
                connection, session, token, stored, replacement
            )
    except _SessionEnded:
        return reject_expired()
    return SignedIn(session.account, renewed)


class _SessionEnded(Exception):
    """The session ended during the step, so the transaction is rolled back."""


async def _replace_password(
    connection: Connection, session: Session, token: str, old: str | None, new: str
) -> str:
    """Replace the password's hash, end other sessions, and return the new token.

    Raises:
        _SessionEnded: The session ended, or the password was changed by another
            request.
    """
    # First, since it locks the account against another change.
    replaced = await passwords.replace(connection, session.account, old, new)
    renewed = await sessions.renew(connection, token)
    if not replaced or renewed is None:
        raise _SessionEnded
    await sessions.end_all(connection, session.account, except_session=session.id)
    return renewed


async def fresh_session(connection: Connection, token: str) -> Session | FailedStep:
    """The full session of a token, if a factor was used in the last five minutes."""
    session = await sessions.find(connection, token)
    if session is None:
        return reject_expired()
    return session if session.fresh else reject_stale(session)


async def enrolling_session(connection: Connection, token: str) -> Session | FailedStep:
    """The session of a token, if it may enrol a factor such as a passkey."""
    session = await sessions.find(connection, token)
    if session is not None:
        return session if session.fresh else reject_stale(session)
    session = await sessions.find_partial(connection, token)
    if session is None:
        return reject_expired()
    found = await accounts.factors(connection, session.account)
    if session.stage is Stage.PARTIAL and found.has_second_factor:
        second = message("the account has a second factor: sign in with it first")
        return FailedStep(second, session.account)
    return session


async def _authenticator_session(
    connection: Connection, token: str
) -> Session | FailedStep:
    """The session of a token, if it may enrol an authenticator.

    A code is only a second factor, so an invited account must set up another one first.
    """
    session = await enrolling_session(connection, token)
    if isinstance(session, FailedStep) or session.stage is not Stage.INVITED:
        return session
    found = await accounts.factors(connection, session.account)
    if found.password or found.identities:
        return session
    first = message("set a login name and a password first")
    return FailedStep(first, session.account)


async def _verify_code(
    connection: Connection, secrets: Secrets, account: str, code: str
) -> StartedAttempt | FailedStep | DelayedAttempt:
    """The attempt with a valid code of the account, not yet recorded as successful."""
    begun = await attempts.begin_code(connection, secrets, account)
    if isinstance(begun, DelayedAttempt):
        return begun
    if not await totp.verify(connection, secrets, account, code):
        return _reject_code(account)
    return begun


async def _complete(
    connection: Connection, session: Session, token: str, begun: StartedAttempt
) -> SignedIn | FailedStep:
    """Replace the session's token after a code was verified."""
    async with connection.transaction():
        await attempts.record_success(connection, begun)
        factor = "password+totp" if session.stage is Stage.INVITED else "totp"
        return await _replace_token(connection, session, token, factor)


async def _replace_token(
    connection: Connection, session: Session, token: str, factor: str
) -> SignedIn | FailedStep:
    """Complete the session, or renew it if it is full."""
    match session.stage:
        case Stage.FULL:
            new = await sessions.renew(connection, token)
        case Stage.PARTIAL:
            method = f"{session.method}+{factor}"
            new = await sessions.complete(connection, token, method)
        case Stage.INVITED:
            new = await sessions.complete(connection, token, factor)
    return reject_expired() if new is None else SignedIn(session.account, new)


def reject_expired() -> FailedStep:
    """The rejection of a token that has no session of the required stage."""
    return FailedStep(message("the sign-in has expired: begin again"))


def reject_stale(session: Session) -> FailedStep:
    """The rejection of a session without a fresh factor."""
    return FailedStep(
        message("a factor must have been used in the last five minutes"),
        session.account,
    )


def _reject_password(begun: StartedAttempt) -> FailedStep:
    return FailedStep(message("the login name or the password is wrong"), begun.account)


def _reject_code(account: str) -> FailedStep:
    return FailedStep(
        message("the code is wrong, was used before, or has expired"), account
    )
