"""Sign-in, confirmation and linking by the identity provider.

The header Refresh sends the browser to the provider: the Content-Security-Policy of the
pages allows forms, and their redirects, only to this server.
"""

from typing import Any
from urllib.parse import urlsplit

from litestar import Request, Response

from iku.access import oidc_sign_in, sessions, sign_in
from iku.access.database_flows import DatabaseFlows
from iku.access.oidc import FLOW_S, FinishedFlow, RelyingParty, cookie_name
from iku.access.oidc_client import RETURN_PATH
from iku.access.sign_in import FailedStep, PartialSession, SignedIn
from iku.access.token_endpoint import OidcRefused
from iku.connection import acquire_connection
from iku.domain.access import Forbidden
from iku.messages import Message, message
from iku.postgres.pool import Connection
from iku.web import authentication, resubmission
from iku.web import page_routes as routes
from iku.web.account_pages.device import device_of
from iku.web.page_failures import FAULT_STATUS, require_fresh
from iku.web.page_forms import NEXT, read_form
from iku.web.page_rendering import COOKIE_ATTRIBUTES, redirect, render
from iku.web.problems import NotFound
from iku.web.visitor import Visitor, authenticate_visitor

AnyRequest = Request[Any, Any, Any]
PREFIX = "__Host-"


@routes.form("/masuk/oidc")
async def send_to_provider(request: AnyRequest) -> Response[bytes]:
    """Send the browser to the identity provider."""
    visitor = await authenticate_visitor(request)
    form = await read_form(request, visitor)
    purpose = form.text("tujuan")
    account = None
    if purpose == "konfirmasi":
        account = visitor.signed_in()[1].account
    elif purpose == "tautkan":
        account = await _linking_account(visitor)
    started = await _provider(visitor).start(
        DatabaseFlows(visitor.app.pool),
        return_to=await resubmission.park_form(visitor, form) or "/",
        account=account,
        fresh=purpose == "konfirmasi",
    )
    cookie = f"{PREFIX}{started.cookie}={started.browser_value}; {COOKIE_ATTRIBUTES}"
    return render(
        visitor,
        "leave.html",
        headers={
            "Refresh": f"0; url={started.url}",
            "Set-Cookie": f"{cookie}; Max-Age={FLOW_S}",
        },
        url=started.url,
        host=urlsplit(started.url).hostname,
    )


@routes.page(RETURN_PATH)
async def receive_from_provider(request: AnyRequest) -> Response[bytes]:
    """Handle the redirect back from the identity provider (the redirect URI)."""
    visitor = await authenticate_visitor(request)
    query = dict(request.query_params)
    cookie = f"{PREFIX}{cookie_name(query.get('state', ''))}"
    value = authentication.cookie(request.scope, cookie)
    try:
        done = await _provider(visitor).finish(
            DatabaseFlows(visitor.app.pool), query, value
        )
    except OidcRefused as error:
        visitor.record("identity-provider", FailedStep(error.args[0]))
        return _refusal_page(visitor, error.args[0])
    async with acquire_connection(visitor.app) as connection:
        step = await _accept(request, visitor, connection, done)
    visitor.record("identity-provider", step)
    if isinstance(step, FailedStep):
        return _refusal_page(visitor, step.reason)
    address, token = step
    return redirect(visitor.address(address), token=token)


async def _accept(
    request: AnyRequest, visitor: Visitor, connection: Connection, done: FinishedFlow
) -> tuple[str, str] | FailedStep:
    """The page that follows, and the token of the session."""
    if done.flow.account is not None:
        return await _accept_of_account(visitor, connection, done)
    begun = await oidc_sign_in.start(connection, done, device=device_of(request))
    if isinstance(begun, FailedStep):
        return begun
    if visitor.token is not None:
        await sessions.end(connection, visitor.token)
    match begun:
        case SignedIn(token=token):
            return done.flow.return_to, token
        case PartialSession(token=token, factors=factors):
            step = "/masuk/kode" if factors.has_second_factor else "/pendaftaran"
            return visitor.address(step, **{NEXT: done.flow.return_to}), token


async def _accept_of_account(
    visitor: Visitor, connection: Connection, done: FinishedFlow
) -> tuple[str, str] | FailedStep:
    token = visitor.token or ""
    if done.flow.fresh:
        step = await oidc_sign_in.step_up(connection, done, token)
        if isinstance(step, FailedStep):
            return step
        return done.flow.return_to, step.token
    linked = await oidc_sign_in.link(connection, done, token)
    return linked if isinstance(linked, FailedStep) else (done.flow.return_to, linked)


async def _linking_account(visitor: Visitor) -> str:
    """The account that links an identity, from a session that may enrol factors."""
    if visitor.session is not None:
        require_fresh(visitor)
    async with acquire_connection(visitor.app) as connection:
        session = await sign_in.enrolling_session(connection, visitor.token or "")
    if isinstance(session, FailedStep):
        raise Forbidden(session.reason)
    return session.account


def _provider(visitor: Visitor) -> RelyingParty:
    if visitor.means.provider is None:
        raise NotFound(message("this register has no identity provider"))
    return visitor.means.provider


def _refusal_page(visitor: Visitor, reason: Message) -> Response[bytes]:
    return render(
        visitor, "sign_in.html", status=FAULT_STATUS, people=[], faults={"": reason}
    )


HANDLERS: list[Any] = [send_to_provider, receive_from_provider]
