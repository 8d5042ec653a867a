"""Enrolment by an invitation: login name, password, and a second factor.

An account without a second factor that signed in by password enrols one here, too, and
a signed-in holder replaces an authenticator.
"""

import re
from collections.abc import Iterable
from typing import Any

from litestar import Request, Response
from litestar.params import FromPath

from iku.access import invitations, passwords, sessions, sign_in
from iku.access.accounts import Factors
from iku.access.sessions import Stage
from iku.access.sign_in import FailedStep, SignedIn
from iku.access.totp import Enrolment
from iku.app import App
from iku.connection import acquire_connection
from iku.messages import message
from iku.web import page_routes as routes
from iku.web.account_pages.device import device_of
from iku.web.account_pages.sign_in import partial_sign_in
from iku.web.page_failures import Failure, rejection_failure
from iku.web.page_forms import NEXT, Form, next_page, read_form
from iku.web.page_rendering import redirect, render
from iku.web.visitor import SignInRequired, Visitor, authenticate_visitor

AnyRequest = Request[Any, Any, Any]
GONE = message(
    "this invitation was used, was replaced by a later one, or has expired; ask an "
    "administrator for a new one"
)
_SEED = re.compile(r"[A-Z2-7]{32}")
_URI = re.compile(r"otpauth://totp/[\x21-\x7e]{1,600}")


def agency_words(app: App) -> Iterable[str]:
    """Words of the agency, which a password must not consist of."""
    ours = app.agency
    divisions = (one.name for one in ours.divisions)
    areas = (one.name for one in ours.areas)
    return passwords.words_of("iku", ours.name, ours.city, *divisions, *areas)


@routes.page("/undangan/{invitation:str}")
async def show_invitation(
    request: AnyRequest, invitation: FromPath[str]
) -> Response[bytes]:
    """The page of an invitation's link, which redeems nothing by itself."""
    visitor = await authenticate_visitor(request)
    return render(visitor, "invitation.html", invitation=invitation)


@routes.form("/undangan/{invitation:str}")
async def redeem(request: AnyRequest, invitation: FromPath[str]) -> Response[bytes]:
    """Redeem an invitation, which opens the enrolment."""
    visitor = await authenticate_visitor(request)
    await read_form(request, visitor)
    async with acquire_connection(visitor.app) as connection:
        redeemed = await invitations.redeem(
            connection, invitation, device=device_of(request)
        )
        if redeemed is not None and visitor.token is not None:
            await sessions.end(connection, visitor.token)
    visitor.record("invitation", redeemed or FailedStep(GONE))
    if redeemed is not None:
        return redirect(visitor.address("/pendaftaran"), token=redeemed.token)
    return render(
        visitor, "invitation.html", status=410, invitation=None, faults={"": GONE}
    )


@routes.page("/pendaftaran")
async def show_enrolment(request: AnyRequest) -> Response[bytes]:
    """The next step of the enrolment."""
    visitor = await authenticate_visitor(request)
    asked = next_page(request.query_params.get(NEXT, ""))
    if visitor.session is not None:
        return redirect(visitor.address("/akun"))
    return await _enrolment_page(visitor, {NEXT: asked})


@routes.form("/pendaftaran/sandi")
async def set_password(request: AnyRequest) -> Response[bytes]:
    """Set login name and password of an invited account."""
    visitor = await authenticate_visitor(request)
    form = await read_form(request, visitor)
    token, session, _ = await partial_sign_in(visitor)
    if form.text("sandi") != form.text("sandi_lagi"):
        differ = Failure({"sandi_lagi": message("the two passwords differ")})
        return await _enrolment_page(visitor, {"nama": form.text("nama")}, differ)
    async with acquire_connection(visitor.app) as connection:
        done = await sign_in.set_password(
            connection,
            token,
            login_name=form.text("nama"),
            password=form.text("sandi"),
            words=agency_words(visitor.app),
        )
    visitor.record("password-set", done or session)
    if done is None:
        return redirect(visitor.address("/pendaftaran"))
    failure = rejection_failure(done, _field_at_fault(done))
    return await _enrolment_page(visitor, {"nama": form.text("nama")}, failure)


def _field_at_fault(done: FailedStep) -> str:
    return "nama" if "login name" in done.reason.id else "sandi"


@routes.form("/pendaftaran/aplikasi")
async def begin_authenticator(request: AnyRequest) -> Response[bytes]:
    """Show the key of a new authenticator, once."""
    visitor = await authenticate_visitor(request)
    form = await read_form(request, visitor)
    async with acquire_connection(visitor.app) as connection:
        begun = await sign_in.begin_enrolment(
            connection,
            visitor.means.secrets,
            _token(visitor),
            issuer=visitor.app.agency.name,
        )
    if isinstance(begun, FailedStep):
        return await _enrolment_page(
            visitor, {NEXT: form.next_page}, rejection_failure(begun)
        )
    return _authenticator_page(visitor, begun, form)


@routes.form("/pendaftaran/kode")
async def confirm_authenticator(request: AnyRequest) -> Response[bytes]:
    """Confirm the new authenticator by a code, which signs in."""
    visitor = await authenticate_visitor(request)
    form = await read_form(request, visitor)
    async with acquire_connection(visitor.app) as connection:
        done = await sign_in.confirm_enrolment(
            connection, visitor.means.secrets, _token(visitor), form.text("kode")
        )
    visitor.record("authenticator", done)
    if isinstance(done, SignedIn):
        return redirect(visitor.address(form.next_page or "/akun"), token=done.token)
    shown = form.text("rahasia"), form.text("otpauth")
    if not _SEED.fullmatch(shown[0]) or not _URI.fullmatch(shown[1]):
        return await _enrolment_page(
            visitor, {NEXT: form.next_page}, rejection_failure(done)
        )
    return _authenticator_page(
        visitor, Enrolment(*shown), form, rejection_failure(done, "kode")
    )


def _token(visitor: Visitor) -> str:
    if visitor.token is None:
        raise SignInRequired
    return visitor.token


def _authenticator_page(
    visitor: Visitor, begun: Enrolment, form: Form, failure: Failure | None = None
) -> Response[bytes]:
    return render(
        visitor,
        "authenticator.html",
        status=200 if failure is None else failure.status,
        headers={} if failure is None else failure.headers,
        faults={} if failure is None else failure.faults,
        begun=begun,
        values={NEXT: form.next_page},
    )


async def _enrolment_page(
    visitor: Visitor, values: dict[str, str], failure: Failure | None = None
) -> Response[bytes]:
    """The page of the next enrolment step, or again that of a step that failed."""
    if visitor.session is not None and failure is not None:
        raise failure
    _, session, factors = await partial_sign_in(visitor)
    if session.stage is Stage.PARTIAL and factors.has_second_factor:
        return redirect(visitor.address("/masuk/kode", **values))
    return render(
        visitor,
        "enrolment.html",
        status=200 if failure is None else failure.status,
        headers={} if failure is None else failure.headers,
        faults={} if failure is None else failure.faults,
        values=values,
        factors=factors,
        wants_password=_wants_password(session.stage, factors),
        rules=(passwords.LEAST, passwords.MOST),
    )


def _wants_password(stage: Stage, factors: Factors) -> bool:
    return stage is Stage.INVITED and not (factors.password or factors.identities)


HANDLERS: list[Any] = [
    *(show_invitation, redeem, show_enrolment, set_password),
    *(begin_authenticator, confirm_authenticator),
]
