"""Sign-in by password and code, by one click in a demonstration, and sign-out."""

from typing import Any

from litestar import Request, Response

from iku.access import accounts, sessions, sign_in
from iku.access.sessions import DEMONSTRATION, Session, Stage
from iku.access.sign_in import PartialSession, SignedIn
from iku.connection import acquire_connection
from iku.domain.access import Forbidden
from iku.messages import message
from iku.postgres.pool import Connection
from iku.web import page_routes as routes
from iku.web import resubmission
from iku.web.account_pages.device import address_of, device_of
from iku.web.page_failures import Failure, rejection_failure
from iku.web.page_forms import NEXT, Form, next_page, read_form
from iku.web.page_rendering import redirect, render
from iku.web.resubmission import SEALED
from iku.web.sign_in_page import sign_in_page
from iku.web.visitor import SignInRequired, Visitor, authenticate_visitor

AnyRequest = Request[Any, Any, Any]
HOME = "/"


@routes.page("/masuk")
async def show_sign_in(request: AnyRequest) -> Response[bytes]:
    """The form of a sign-in."""
    visitor = await authenticate_visitor(request)
    asked = next_page(request.query_params.get(NEXT, ""))
    if visitor.session is not None:
        return redirect(visitor.address(asked or HOME))
    return await sign_in_page(visitor, {NEXT: asked})


@routes.form("/masuk")
async def begin(request: AnyRequest) -> Response[bytes]:
    """Verify login name and password, which opens the second step."""
    visitor = await authenticate_visitor(request)
    form = await read_form(request, visitor)
    async with acquire_connection(visitor.app) as connection:
        begun = await sign_in.start(
            connection,
            visitor.means.secrets,
            login_name=form.text("nama"),
            password=form.text("sandi"),
            address=address_of(request),
            device=device_of(request),
        )
        if isinstance(begun, PartialSession) and visitor.token is not None:
            await sessions.end(connection, visitor.token)
        if isinstance(begun, PartialSession):
            following = await _next_address(visitor, connection, begun.account, form)
    visitor.record("password", begun)
    if not isinstance(begun, PartialSession):
        kept = {"nama": form.text("nama"), NEXT: form.next_page}
        kept[SEALED] = form.text(SEALED)
        return await sign_in_page(visitor, kept, rejection_failure(begun))
    step = "/masuk/kode" if begun.factors.has_second_factor else "/pendaftaran"
    then = visitor.address(step, **{NEXT: following})
    return redirect(then, token=begun.token)


@routes.page("/masuk/kode")
async def show_code(request: AnyRequest) -> Response[bytes]:
    """The form of the second step."""
    visitor = await authenticate_visitor(request)
    asked = next_page(request.query_params.get(NEXT, ""))
    return await _code_page(visitor, {NEXT: asked})


@routes.form("/masuk/kode")
async def verify_code(request: AnyRequest) -> Response[bytes]:
    """Complete the sign-in by a code."""
    visitor = await authenticate_visitor(request)
    form = await read_form(request, visitor)
    if visitor.token is None:
        raise SignInRequired
    async with acquire_connection(visitor.app) as connection:
        done = await sign_in.verify_second_factor(
            connection, visitor.means.secrets, visitor.token, form.text("kode")
        )
    visitor.record("sign-in", done)
    if isinstance(done, SignedIn):
        return redirect(visitor.address(form.next_page or HOME), token=done.token)
    return await _code_page(
        visitor, {NEXT: form.next_page}, rejection_failure(done, "kode")
    )


@routes.form("/masuk/demonstrasi")
async def sign_in_by_click(request: AnyRequest) -> Response[bytes]:
    """Sign in as a person of the demonstration, or confirm that session."""
    visitor = await authenticate_visitor(request)
    form = await read_form(request, visitor)
    account = form.text("akun")
    if not visitor.in_demonstration or account not in visitor.register.accounts:
        raise Forbidden(
            message("sign-in by one click is allowed only in a demonstration")
        )
    async with acquire_connection(visitor.app) as connection:
        if visitor.token is not None:
            await sessions.end(connection, visitor.token)
        token = await sessions.open_session(
            connection, account, method=DEMONSTRATION, device=device_of(request)
        )
        following = await _next_address(visitor, connection, account, form)
    visitor.record("sign-in", SignedIn(account, token))
    return redirect(visitor.address(following or HOME), token=token)


@routes.form("/keluar")
async def sign_out(request: AnyRequest) -> Response[bytes]:
    """End the session."""
    visitor = await authenticate_visitor(request)
    await read_form(request, visitor)
    if visitor.token is not None:
        async with acquire_connection(visitor.app) as connection:
            await sessions.end(connection, visitor.token)
        visitor.record("sign-out", None)
    return redirect(visitor.address("/masuk"), token="")


async def _next_address(
    visitor: Visitor, connection: Connection, account: str, form: Form
) -> str:
    """The address after the sign-in; a sealed form of the account becomes a draft."""
    sealed, after = form.text(SEALED), form.next_page
    return await resubmission.store_sealed_form(
        visitor, connection, account, sealed, after
    )


async def partial_sign_in(visitor: Visitor) -> tuple[str, Session, accounts.Factors]:
    """The token and session of an incomplete sign-in or enrolment.

    Raises:
        SignInRequired: The visitor has no such session, or it has expired.
    """
    if visitor.token is None:
        raise SignInRequired
    async with acquire_connection(visitor.app) as connection:
        session = await sessions.find_partial(connection, visitor.token)
        if session is None:
            raise SignInRequired
        found = await accounts.factors(connection, session.account)
    return visitor.token, session, found


async def _code_page(
    visitor: Visitor, values: dict[str, str], failure: Failure | None = None
) -> Response[bytes]:
    _, session, factors = await partial_sign_in(visitor)
    if session.stage is not Stage.PARTIAL or not factors.has_second_factor:
        return redirect(visitor.address("/pendaftaran", **values))
    return _render_form(visitor, "code.html", values, failure, factors=factors)


def _render_form(
    visitor: Visitor,
    template: str,
    values: dict[str, str],
    failure: Failure | None,
    **more: Any,
) -> Response[bytes]:
    if failure is None:
        return render(visitor, template, values=values, **more)
    return render(
        visitor,
        template,
        status=failure.status,
        headers=failure.headers,
        values=values,
        faults=failure.faults,
        **more,
    )


HANDLERS: list[Any] = [
    *(show_sign_in, begin, show_code, verify_code, sign_in_by_click, sign_out),
]
