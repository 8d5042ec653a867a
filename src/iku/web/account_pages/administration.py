"""The pages on which administrators change accounts and auditors read them."""

from collections.abc import Callable, Mapping
from typing import Any

from litestar import Request, Response
from litestar.params import FromPath

from iku import parsing
from iku.access import accounts, administration, invitations, sessions
from iku.access.administration import AccountChange
from iku.connection import acquire_connection
from iku.domain.access import Action, Forbidden
from iku.domain.account import (
    Account,
    AccountRestored,
    AccountSuspended,
    Invite,
    Later,
    Recovered,
    Role,
    RoleGranted,
    RoleRevoked,
)
from iku.domain.decider import Refused, SubjectNotFound
from iku.messages import error_message, message
from iku.parsing import ParseError
from iku.queries import account_holders
from iku.web import page_routes as routes
from iku.web.page_failures import Failure, form_faults, require_fresh
from iku.web.page_forms import Form, read_form
from iku.web.page_rendering import redirect, render
from iku.web.visitor import Visitor, authenticate_visitor

AnyRequest = Request[Any, Any, Any]
PAGE = "/kelola"
ROLE_FIELDS = ("role", "division", "district", "basis", "until")
INVITATION_FIELDS = (*ROLE_FIELDS, "nip", "email")


@routes.page(PAGE)
async def show_accounts(request: AnyRequest) -> Response[bytes]:
    """The list of accounts."""
    visitor = await _visitor_with_right(request)
    async with acquire_connection(visitor.app) as connection:
        register = (await visitor.app.commands.access.refresh(connection)).value
        view = visitor.app.view(connection, visitor.viewer)
        names = await account_holders.names(view, register.accounts)
        pending = {one.account for one in await invitations.pending(connection)}
    today = visitor.app.commands.today()
    listed = [
        (identifier, names[identifier], found, found.roles_on(today))
        for identifier, found in register.accounts.items()
    ]
    return render(
        visitor,
        "accounts.html",
        accounts=sorted(listed, key=lambda one: one[1].casefold()),
        pending=pending,
        administers=visitor.viewer.may(Action.ADMINISTER),
    )


@routes.page("/kelola/undang")
async def show_invitation_form(request: AnyRequest) -> Response[bytes]:
    """The form of an invitation."""
    visitor = await _visitor_with_right(request, Action.ADMINISTER)
    require_fresh(visitor)
    return _invitation_form(visitor, {})


@routes.form("/kelola/undang")
async def invite(request: AnyRequest) -> Response[bytes]:
    """Invite a person; the answer shows the link once."""
    visitor = await _visitor_with_right(request)
    form = await read_form(request, visitor)
    try:
        async with acquire_connection(visitor.app) as connection:
            done = await administration.invite(
                visitor.app.commands,
                connection,
                visitor.credentials(),
                _invitation_of_form(form),
                visitor.app.agency.division_ownership,
            )
    except (ParseError, Refused) as error:
        return _invitation_form(visitor, form.values, _failure(error))
    return await _change_response(visitor, done)


@routes.page("/kelola/{account:str}")
async def show_account(request: AnyRequest, account: FromPath[str]) -> Response[bytes]:
    """The page of an account."""
    visitor = await _visitor_with_right(request)
    return await _account_page(visitor, account)


@routes.form("/kelola/{account:str}/peran")
async def grant(request: AnyRequest, account: FromPath[str]) -> Response[bytes]:
    """Grant a role."""
    return await _change(request, account, _grant_of_form)


@routes.form("/kelola/{account:str}/cabut")
async def revoke(request: AnyRequest, account: FromPath[str]) -> Response[bytes]:
    """Revoke a role."""
    return await _change(
        request, account, _event_builder(RoleRevoked, "grant", "reason")
    )


@routes.form("/kelola/{account:str}/bekukan")
async def suspend(request: AnyRequest, account: FromPath[str]) -> Response[bytes]:
    """Suspend the account."""
    return await _change(request, account, _event_builder(AccountSuspended, "reason"))


@routes.form("/kelola/{account:str}/pulihkan")
async def restore(request: AnyRequest, account: FromPath[str]) -> Response[bytes]:
    """End the suspension of the account."""
    return await _change(request, account, _event_builder(AccountRestored, "reason"))


@routes.form("/kelola/{account:str}/undang-ulang")
async def recover(request: AnyRequest, account: FromPath[str]) -> Response[bytes]:
    """Recover an account after the loss of a factor; the answer shows the link once."""
    return await _change(request, account, _event_builder(Recovered, "reason"))


@routes.form("/kelola/{account:str}/tautan")
async def issue_link(request: AnyRequest, account: FromPath[str]) -> Response[bytes]:
    """Issue a new one-time link for an account that never enrolled."""
    visitor = await _visitor_with_right(request)
    await read_form(request, visitor)
    async with acquire_connection(visitor.app) as connection:
        done = await administration.issue_link(
            visitor.app.commands, connection, visitor.credentials(), account
        )
    return await _change_response(visitor, done)


@routes.form("/kelola/{account:str}/sesi")
async def end_sessions(request: AnyRequest, account: FromPath[str]) -> Response[bytes]:
    """End all sessions of an account."""
    visitor = await _visitor_with_right(request)
    await read_form(request, visitor)
    async with acquire_connection(visitor.app) as connection:
        await administration.end_sessions(
            visitor.app.commands, connection, visitor.credentials(), account
        )
    return redirect(visitor.address(f"{PAGE}/{account}"))


async def _visitor_with_right(
    request: AnyRequest, action: Action = Action.SEE_ACCOUNTS
) -> Visitor:
    """The visitor, after a check of the right to see accounts.

    Raises:
        SignInRequired: The visitor has not signed in.
        Forbidden: The visitor's roles do not permit the action.
    """
    visitor = await authenticate_visitor(request)
    visitor.signed_in()
    visitor.viewer.require(action)
    return visitor


async def _change(
    request: AnyRequest,
    identifier: str,
    event_of: Callable[[Form, Visitor], Later],
) -> Response[bytes]:
    visitor = await _visitor_with_right(request)
    form = await read_form(request, visitor)
    try:
        async with acquire_connection(visitor.app) as connection:
            change = administration.account_command(
                visitor.credentials(), identifier, event_of(form, visitor)
            )
            done = await administration.record_change(
                visitor.app.commands, connection, change
            )
    except (ParseError, Refused) as error:
        return await _account_page(visitor, identifier, form.values, _failure(error))
    return await _change_response(visitor, done)


async def _change_response(visitor: Visitor, done: AccountChange) -> Response[bytes]:
    """The page after a change: the one-time link, the proposal or the account."""
    if done.issued is None and done.proposal is None:
        return redirect(visitor.address(f"{PAGE}/{done.account}"))
    origin = visitor.app.settings.public_url or visitor.origin
    issued = done.issued
    one_time = None if issued is None else origin + invitations.path(issued.token)
    return render(visitor, "changed.html", change=done, one_time=one_time)


def _invitation_of_form(form: Form) -> Invite:
    """The invitation of a form.

    Raises:
        ParseError: A field is missing or invalid.
    """
    if not (name := form.text("name").strip()):
        raise ParseError({"name": message("is missing")})
    given = {"holder": {"name": name}}
    return parsing.parse_texts(Invite, form.filled(INVITATION_FIELDS), given)


def _grant_of_form(form: Form, visitor: Visitor) -> RoleGranted:
    return parsing.parse_texts(
        RoleGranted,
        form.filled(ROLE_FIELDS),
        {"effective_on": visitor.app.commands.today().isoformat()},
    )


def _event_builder(event: type[Any], *names: str) -> Callable[[Form, Visitor], Later]:
    """A function that builds an event, dated today, from the named fields of a form."""

    def build_event(form: Form, visitor: Visitor) -> Later:
        today = visitor.app.commands.today().isoformat()
        found: Later = parsing.parse_texts(
            event, form.filled(names), {"effective_on": today}
        )
        return found

    return build_event


def _failure(error: ParseError | Refused) -> Failure:
    """The `Failure` for a refused form (raises as `form_faults`)."""
    faults = form_faults(error)
    if isinstance(error, ParseError):
        faults = {at: parsing.fault_message(at, rule) for at, rule in faults.items()}
    return Failure(faults)


def _invitation_form(
    visitor: Visitor, values: Mapping[str, str], failure: Failure | None = None
) -> Response[bytes]:
    return render(
        visitor,
        "invite.html",
        status=200 if failure is None else failure.status,
        faults={} if failure is None else failure.faults,
        values=values,
        **_choices(visitor),
    )


async def _account_page(
    visitor: Visitor,
    identifier: str,
    values: Mapping[str, str] | None = None,
    failure: Failure | None = None,
) -> Response[bytes]:
    async with acquire_connection(visitor.app) as connection:
        register = (await visitor.app.commands.access.refresh(connection)).value
        found: Account | None = register.accounts.get(identifier)
        if found is None:
            raise SubjectNotFound(
                message("account {account} does not exist", account=identifier)
            )
        view = visitor.app.view(connection, visitor.viewer)
        names = await account_holders.names(view, {identifier: found})
        factors = await accounts.factors(connection, identifier)
        opened = await sessions.of_account(connection, identifier)
    return render(
        visitor,
        "administered.html",
        status=200 if failure is None else failure.status,
        faults={} if failure is None else failure.faults,
        values=values or {},
        identifier=identifier,
        name=names[identifier],
        account=found,
        grants=found.grants,
        today=visitor.app.commands.today(),
        factors=factors,
        sessions=opened,
        hindrance=_change_refusal(visitor, found),
        **_choices(visitor),
    )


def _change_refusal(visitor: Visitor, found: Account) -> str | None:
    """The reason why the visitor cannot change the account; None if unknown."""
    try:
        visitor.viewer.require(Action.ADMINISTER)
    except Forbidden as error:
        return error_message(error)
    actor = visitor.viewer.actor
    if actor is not None and actor.person == found.person:
        return message("this account is your own, so another person must change it")
    return None


def _choices(visitor: Visitor) -> dict[str, Any]:
    """The options of the form fields that describe a role."""
    agency = visitor.app.agency
    return {
        "roles": list(Role),
        "divisions": [(one.code, one.name) for one in agency.divisions],
        "districts": [(one.code, one.name) for one in agency.areas],
    }


HANDLERS: list[Any] = [
    *(show_accounts, show_invitation_form, invite, show_account),
    *(grant, revoke, suspend, restore, recover, issue_link, end_sessions),
]
