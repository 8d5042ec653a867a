"""Accounts, their roles, sessions and API keys."""

from datetime import datetime
from typing import Annotated, Any

from litestar import Response
from litestar.status_codes import HTTP_201_CREATED
from msgspec import Meta, Struct

from iku.access import account_credentials, administration, invitations
from iku.access.account_credentials import (
    ApiKeys,
    KeyRequest,
    Requester,
    Sessions,
    SignInState,
)
from iku.access.administration import AccountChange
from iku.access.api_keys import NewApiKey
from iku.app import App
from iku.connection import acquire_connection, open_view
from iku.domain.access import Action, Credentials, Unauthenticated
from iku.domain.account import Invite, Later
from iku.gateway import CommandGateway, MissingAsNotFound
from iku.language import translate
from iku.queries import accounts
from iku.queries.accounts import AccountId, Accounts, AccountsQuestion, ShownAccount
from iku.queries.view import Viewer
from iku.web.authentication import Caller
from iku.web.commands import AccountChangeHeaders, AccountHeaders, RetryHeaders
from iku.web.problems import language_headers
from iku.web.routes import get, post

TAGS = ["Accounts"]


class AccountPath(Struct, frozen=True, forbid_unknown_fields=True):
    """Path parameters of the routes below an account."""

    account_id: AccountId


class KeyPath(AccountPath, frozen=True):
    """Path parameters of an API key."""

    key_id: Annotated[
        str, Meta(description="Identifier of the API key: the part after iku_.")
    ]


class SessionEnd(Struct, frozen=True, forbid_unknown_fields=True):
    """The sessions to end.

    Attributes:
        session: Identifier of the session; all sessions of the account if omitted.
    """

    session: str | None = None


class AccountDetails(Struct, frozen=True):
    """An account as it is today, with its factors, sessions and API keys."""

    account: ShownAccount
    sign_in: SignInState


class AccountReceipt(Struct, frozen=True):
    """The result of a change of an account.

    Attributes:
        account: Identifier of the account; null if it is created by the approval.
        link: The one-time link for the holder, shown once; null if none was issued,
            or if the request is repeated.
        expires_at: When the link expires.
        proposal: The proposal that another person must approve; null if none is needed.
        note: Why a repeated request has no link; null if it is not repeated.
    """

    account: str | None
    link: str | None
    expires_at: datetime | None
    proposal: str | None
    note: str | None = None


class EndedSessions(Struct, frozen=True):
    """The number of ended sessions."""

    ended: int


class RevokedKey(Struct, frozen=True):
    """Whether a valid key was revoked."""

    revoked: bool


@post(
    "/accounts",
    headers=RetryHeaders,
    operation_id="inviteAccount",
    summary="Invite a person",
    tags=TAGS,
)
async def invite(
    command: Invite, command_gateway: CommandGateway
) -> Response[AccountReceipt]:
    """Creates an account with its first role, and issues its one-time link (24 hours).

    A role that approves is proposed, and its link is issued with the approval. The
    first administrator and the first head of the agency are invited at the server. A
    repeated request gets the receipt without the link, which is shown once.
    """
    gateway, app = command_gateway, command_gateway.app
    async with acquire_connection(app) as connection:
        done = await administration.invite(
            app.commands,
            connection,
            _require_credentials(gateway),
            command,
            app.agency.division_ownership,
            command_id=gateway.command_id,
        )
    return _receipt_response(gateway, done)


@get(
    "/accounts",
    Action.SEE_ACCOUNTS,
    operation_id="listAccounts",
    summary="List accounts and their roles on a day",
    tags=TAGS,
)
async def search(question: AccountsQuestion, app: App, viewer: Viewer) -> Accounts:
    """The accounts of the day and their roles, as known on any day."""
    async with open_view(app, viewer) as view:
        return await accounts.listing(view, question, app.commands.today())


@get(
    "/accounts/{account_id:str}",
    Action.READ_FIGURES,
    operation_id="getAccount",
    summary="Get an account",
    tags=TAGS,
)
async def show(
    question: AccountPath, app: App, viewer: Viewer
) -> Response[AccountDetails]:
    """The account as it is today.

    Callers may read their own account; others need the right to see accounts.
    """
    identifier = question.account_id
    async with acquire_connection(app) as connection:
        view = app.view(connection, viewer)
        found = await accounts.show(view, identifier, app.commands.today())
        state = await account_credentials.sign_in_state(connection, identifier)
    headers = {"ETag": f'"{found.version}"'}
    return Response(AccountDetails(found, state), headers=headers)


@post(
    "/accounts/{account_id:str}/events",
    headers=AccountChangeHeaders,
    operation_id="recordAccountEvent",
    summary="Change the roles of an account, suspend, restore or recover it",
    tags=TAGS,
)
async def record(
    about: AccountPath, command: Later, command_gateway: CommandGateway
) -> Response[AccountReceipt]:
    """Records the event, which takes effect at once for sessions and API keys.

    A role that approves is proposed. A recovery removes the factors of the account, and
    issues a new one-time link; that of an account that approves or audits is proposed.
    Another person must change one's own account. A repeated request gets the receipt
    without the link, which is shown once.
    """
    gateway, app = command_gateway, command_gateway.app
    _require_credentials(gateway)
    change = gateway.command("account", about.account_id, command)
    async with acquire_connection(app) as connection:
        with MissingAsNotFound(change):
            done = await administration.record_change(app.commands, connection, change)
    return _receipt_response(gateway, done)


@post(
    "/accounts/{account_id:str}/link",
    headers=AccountHeaders,
    operation_id="issueAccountLink",
    summary="Issue the one-time link again",
    tags=TAGS,
)
async def issue_link(
    about: AccountPath, command_gateway: CommandGateway
) -> Response[AccountReceipt]:
    """Issues the one-time link of an account that cannot sign in yet.

    An earlier link becomes invalid.
    """
    gateway, app = command_gateway, command_gateway.app
    async with acquire_connection(app) as connection:
        done = await administration.issue_link(
            app.commands, connection, _require_credentials(gateway), about.account_id
        )
    return _receipt_response(gateway, done)


@get(
    "/accounts/{account_id:str}/sessions",
    Action.READ_FIGURES,
    operation_id="listSessions",
    summary="List the sessions of an account",
    tags=TAGS,
)
async def sessions(question: AccountPath, app: App, caller: Caller) -> Sessions:
    """The open sessions of the caller's account or, for an administrator, of any."""
    async with acquire_connection(app) as connection:
        requester = Requester(app.commands, connection, caller.credentials)
        found = await account_credentials.list_sessions(requester, question.account_id)
    return Sessions(tuple(found))


@post(
    "/accounts/{account_id:str}/sessions/end",
    headers=AccountHeaders,
    operation_id="endSessions",
    summary="End sessions of an account",
    tags=TAGS,
)
async def end_sessions(
    about: AccountPath, command: SessionEnd, app: App, caller: Caller
) -> EndedSessions:
    """Ends one session of an account, or all.

    Callers may end their own sessions, and an administrator those of any account.
    """
    async with acquire_connection(app) as connection:
        requester = Requester(app.commands, connection, caller.credentials)
        return EndedSessions(
            await account_credentials.end_sessions(
                requester, about.account_id, command.session
            )
        )


@get(
    "/accounts/{account_id:str}/keys",
    Action.READ_FIGURES,
    operation_id="listApiKeys",
    summary="List the API keys of an account",
    tags=TAGS,
)
async def keys(question: AccountPath, app: App, caller: Caller) -> ApiKeys:
    """The API keys of an account, without their secrets.

    Callers may list their own keys; others need the right to see accounts.
    """
    async with acquire_connection(app) as connection:
        requester = Requester(app.commands, connection, caller.credentials)
        found = await account_credentials.list_keys(requester, question.account_id)
    return ApiKeys(tuple(found))


@post(
    "/accounts/{account_id:str}/keys",
    headers=AccountHeaders,
    operation_id="createApiKey",
    summary="Create an API key",
    tags=TAGS,
)
async def create_key(
    about: AccountPath, command: KeyRequest, app: App, caller: Caller
) -> Response[NewApiKey]:
    """Creates an API key for the caller's account. The key is shown once.

    The session must have verified a factor within the last five minutes; an API key
    cannot create another one.
    """
    async with acquire_connection(app) as connection:
        requester = Requester(app.commands, connection, caller.credentials)
        made = await account_credentials.create_key(
            requester, about.account_id, command
        )
    where = f"/api/v1/accounts/{about.account_id}/keys"
    return Response(made, status_code=HTTP_201_CREATED, headers={"Location": where})


@post(
    "/accounts/{account_id:str}/keys/{key_id:str}/revocation",
    headers=AccountHeaders,
    operation_id="revokeApiKey",
    summary="Revoke an API key",
    tags=TAGS,
)
async def revoke_key(about: KeyPath, app: App, caller: Caller) -> RevokedKey:
    """Revokes an API key at once.

    Callers may revoke their own keys, and an administrator those of any account.
    """
    async with acquire_connection(app) as connection:
        requester = Requester(app.commands, connection, caller.credentials)
        return RevokedKey(
            await account_credentials.revoke_key(
                requester, about.account_id, about.key_id
            )
        )


def _require_credentials(gateway: CommandGateway) -> Credentials:
    if gateway.credentials is None:
        raise Unauthenticated
    return gateway.credentials


def _receipt_response(
    gateway: CommandGateway, done: AccountChange
) -> Response[AccountReceipt]:
    issued = done.issued
    path = None if issued is None else invitations.path(issued.token)
    receipt = AccountReceipt(
        done.account,
        None if path is None else f"{gateway.app.settings.address}{path}",
        None if issued is None else issued.expires_at,
        done.proposal,
        translate(administration.NO_SECOND_LINK, gateway.language)
        if done.repeated
        else None,
    )
    headers = {} if done.version is None else {"ETag": f'"{done.version}"'}
    if done.repeated:
        headers |= language_headers(gateway.language)
        headers["Idempotency-Replayed"] = "true"
    where = (
        f"/api/v1/proposals/{done.proposal}"
        if done.proposal is not None
        else f"/api/v1/accounts/{done.account}"
    )
    headers["Location"] = where
    return Response(receipt, status_code=HTTP_201_CREATED, headers=headers)


HANDLERS: list[Any] = [
    *(invite, search, show, record, issue_link, sessions, end_sessions),
    *(keys, create_key, revoke_key),
]
