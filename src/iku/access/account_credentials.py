"""Sessions and API keys of an account: listed, ended, created and revoked.

An administrator may end the sessions and revoke the keys of any account. An API key is
created only by the holder of its account, because it acts as the holder.
"""

from datetime import datetime, timedelta
from typing import Annotated, Literal

from msgspec import Meta, Struct

from iku.access import accounts, api_keys, invitations, sessions
from iku.access.accounts import Factors
from iku.access.api_keys import ApiKeyRefused, ListedApiKey, NewApiKey
from iku.access.sessions import OpenSession
from iku.commands.authorisation import StepUpRequired
from iku.commands.handler import CommandHandler
from iku.domain import access
from iku.domain.access import RIGHTS, Action, Actor, Credentials, Unauthenticated
from iku.domain.account import Account, Role
from iku.domain.decider import SubjectNotFound
from iku.messages import message
from iku.postgres.pool import Connection


class KeyRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The API key to create, with roles of its account, rights, or both."""

    name: Annotated[
        str, Meta(min_length=1, max_length=80, description="What the key is for.")
    ]
    roles: Annotated[
        tuple[Role, ...], Meta(description="Roles of the account that the key may use.")
    ] = ()
    rights: Annotated[
        tuple[Literal["log"], ...],
        Meta(description="Rights in addition to roles: log reads the log."),
    ] = ()
    days: Annotated[
        int, Meta(ge=1, le=366, description="Number of days that the key is valid.")
    ] = 90


class SignInState(Struct, frozen=True):
    """The factors of an account, and its open sessions, keys and link.

    Attributes:
        sessions: Number of open sessions.
        api_keys: Number of valid API keys.
        invited_until: When its one-time link expires; null if none is open.
    """

    factors: Factors
    sessions: int
    api_keys: int
    invited_until: datetime | None


class Sessions(Struct, frozen=True):
    """The open sessions of an account, the last used first."""

    items: tuple[OpenSession, ...]


class ApiKeys(Struct, frozen=True):
    """The API keys of an account, including expired and revoked ones, oldest first."""

    items: tuple[ListedApiKey, ...]


class Requester(Struct, frozen=True):
    """The caller of a function of this module, with its credentials."""

    commands: CommandHandler
    connection: Connection
    credentials: Credentials | None

    async def actor(self) -> Actor:
        """The account that acts, with its rights.

        Raises:
            Unauthenticated: The caller has not signed in, or its account does not
                exist.
        """
        if self.credentials is None:
            raise Unauthenticated
        found = await self.commands.authority(self.connection, "", self.credentials)
        if found.actor is None:
            raise Unauthenticated
        return found.actor

    async def require(self, identifier: str, action: Action) -> Actor:
        """The actor, if it owns account *identifier* or may take *action*.

        Raises:
            Forbidden: The actor neither owns the account nor has the right.
            SubjectNotFound: The account does not exist.
        """
        actor = await self.actor()
        if actor.account != identifier:
            access.require(actor, action)
            await existing_account(
                self.commands, self.connection, self.credentials, identifier
            )
        return actor


async def existing_account(
    commands: CommandHandler,
    connection: Connection,
    credentials: Credentials | None,
    identifier: str,
) -> Account:
    """The account *identifier*.

    Raises:
        SubjectNotFound: The account does not exist.
    """
    register = await commands.access_register(connection, credentials)
    found = register.accounts.get(identifier)
    if found is None:
        raise SubjectNotFound(
            message("account {account} does not exist", account=identifier)
        )
    return found


async def sign_in_state(connection: Connection, identifier: str) -> SignInState:
    """The factors of the account, and its open sessions, keys and link."""
    links = await invitations.pending(connection)
    keys = await api_keys.of_account(connection, identifier)
    return SignInState(
        await accounts.factors(connection, identifier),
        len(await sessions.of_account(connection, identifier)),
        sum(one.valid for one in keys),
        next((one.expires_at for one in links if one.account == identifier), None),
    )


async def list_sessions(requester: Requester, identifier: str) -> list[OpenSession]:
    """The open sessions of an account.

    A caller may list the sessions of its own account, an administrator those of any.
    """
    await requester.require(identifier, Action.ADMINISTER)
    return await sessions.of_account(requester.connection, identifier)


async def end_sessions(
    requester: Requester, identifier: str, session: str | None = None
) -> int:
    """End one session of an account, or all of them, and return their number."""
    await requester.require(identifier, Action.ADMINISTER)
    if session is None:
        return await sessions.end_all(requester.connection, identifier)
    listed = await sessions.of_account(requester.connection, identifier)
    if session not in {one.id for one in listed}:
        return 0
    return int(await sessions.end_one(requester.connection, identifier, session))


async def list_keys(requester: Requester, identifier: str) -> list[ListedApiKey]:
    """The API keys of an account.

    A caller may list the keys of its own account; others need the right to see
    accounts.
    """
    await requester.require(identifier, Action.SEE_ACCOUNTS)
    return await api_keys.of_account(requester.connection, identifier)


async def create_key(
    requester: Requester, identifier: str, asked: KeyRequest
) -> NewApiKey:
    """Create an API key of the caller's account; a factor must be recently used.

    Raises:
        ApiKeyRefused: The account is not the caller's, or the key would have more
            rights than the account.
        StepUpRequired: The last factor is older than five minutes.
    """
    actor = await requester.actor()
    if actor.account != identifier:
        raise ApiKeyRefused(
            message(
                "only the holder of account {account} may create API keys for it",
                account=identifier,
            )
        )
    if requester.credentials is None or not requester.credentials.fresh:
        raise StepUpRequired
    for action, right in RIGHTS.items():
        if right in asked.rights:
            access.require(actor, action)
    return await api_keys.create(
        requester.connection,
        identifier,
        name=asked.name,
        roles=asked.roles,
        rights=asked.rights,
        held={grant.role for grant in actor.grants},
        lifetime=timedelta(days=asked.days),
    )


async def revoke_key(requester: Requester, identifier: str, key: str) -> bool:
    """Revoke an API key of an account, and return whether it was not yet revoked.

    An administrator revokes those of any account, another caller those of its own.
    """
    await requester.require(identifier, Action.ADMINISTER)
    return await api_keys.revoke(requester.connection, identifier, key)
