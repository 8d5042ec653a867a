"""One's own account: roles, factors, sessions and the password."""

from base64 import urlsafe_b64decode
from binascii import Error as NotBase64
from typing import Any

from litestar import Request, Response

from iku.access import (
    accounts,
    api_keys,
    identities,
    own_account,
    passkey_sign_in,
    sessions,
    sign_in,
)
from iku.access.database_passkeys import DatabasePasskeys
from iku.access.flows import base64url
from iku.access.sign_in import FailedStep, SignedIn
from iku.connection import acquire_connection
from iku.language import Language
from iku.messages import message
from iku.web import page_rendering
from iku.web import page_routes as routes
from iku.web.account_pages.enrolment import agency_words
from iku.web.page_failures import Failure, rejection_failure, require_fresh
from iku.web.page_forms import Form, read_form
from iku.web.page_rendering import redirect, render
from iku.web.visitor import Visitor, authenticate_visitor

AnyRequest = Request[Any, Any, Any]
PAGE = "/akun"


@routes.page(PAGE)
async def show_account(request: AnyRequest) -> Response[bytes]:
    """The page of one's own account."""
    return await account_page(await authenticate_visitor(request))


async def account_page(
    visitor: Visitor, failure: Failure | None = None, **more: Any
) -> Response[bytes]:
    """The page of the visitor's account, after a step that may have failed."""
    _, session = visitor.signed_in()
    held = session.account
    async with acquire_connection(visitor.app) as connection:
        shown = {
            "factors": await accounts.factors(connection, held),
            "passkeys": [
                (one, base64url(one.id))
                for one in await DatabasePasskeys(connection).of_account(held)
            ],
            "identities": await identities.of_account(connection, held),
            "sessions": await sessions.of_account(connection, held),
            "api_keys": await api_keys.of_account(connection, held),
        }
    today = visitor.app.commands.today()
    return render(
        visitor,
        "account.html",
        status=200 if failure is None else failure.status,
        headers={} if failure is None else failure.headers,
        faults={} if failure is None else failure.faults,
        languages=page_rendering.LANGUAGES.items(),
        **{
            **shown,
            "session": session,
            "grants": visitor.register.accounts[held].roles_on(today),
            "created": None,
            "values": {"bahasa": session.language or Language.INDONESIAN},
            **more,
        },
    )


@routes.form("/akun/sandi")
async def change_password(request: AnyRequest) -> Response[bytes]:
    """Change the password, which ends all other sessions."""
    visitor, form = await _form_after_recent_factor(request)
    token, _ = visitor.signed_in()
    if form.text("sandi") != form.text("sandi_lagi"):
        differ = Failure({"sandi_lagi": message("the two passwords differ")})
        return await account_page(visitor, differ)
    async with acquire_connection(visitor.app) as connection:
        done = await sign_in.change_password(
            connection,
            visitor.means.secrets,
            token,
            old=form.text("sandi_lama"),
            new=form.text("sandi"),
            words=agency_words(visitor.app),
        )
    visitor.record("password-change", done)
    if isinstance(done, SignedIn):
        return redirect(visitor.address(PAGE), token=done.token)
    old = isinstance(done, FailedStep) and "old password" in done.reason.id
    return await account_page(
        visitor, rejection_failure(done, "sandi_lama" if old else "sandi")
    )


@routes.form("/akun/aplikasi/hapus")
async def remove_authenticator(request: AnyRequest) -> Response[bytes]:
    """Remove the authenticator."""
    visitor, _ = await _form_after_recent_factor(request)
    token, _ = visitor.signed_in()
    async with acquire_connection(visitor.app) as connection:
        done = await own_account.remove_authenticator(connection, token)
    return await _removal_response(visitor, done)


@routes.form("/akun/passkey/hapus")
async def remove_passkey(request: AnyRequest) -> Response[bytes]:
    """Remove a passkey."""
    visitor, form = await _form_after_recent_factor(request)
    token, _ = visitor.signed_in()
    async with acquire_connection(visitor.app) as connection:
        done = await passkey_sign_in.remove(
            connection, token, _credential(form.text("passkey"))
        )
    return await _removal_response(visitor, done)


@routes.form("/akun/identitas/hapus")
async def unlink_identity(request: AnyRequest) -> Response[bytes]:
    """Unlink an identity at the provider."""
    visitor, form = await _form_after_recent_factor(request)
    token, _ = visitor.signed_in()
    async with acquire_connection(visitor.app) as connection:
        done = await own_account.unlink_identity(
            connection, token, form.text("penerbit"), form.text("subjek")
        )
    return await _removal_response(visitor, done)


@routes.form("/akun/bahasa")
async def choose_language(request: AnyRequest) -> Response[bytes]:
    """Choose the language of one's pages."""
    visitor = await authenticate_visitor(request)
    form = await read_form(request, visitor)
    _, session = visitor.signed_in()
    try:
        chosen = Language(form.text("bahasa"))
    except ValueError:
        missing = Failure({"bahasa": message("choose one of the languages")})
        return await account_page(visitor, missing)
    async with acquire_connection(visitor.app) as connection:
        await accounts.set_language(connection, session.account, chosen)
    return redirect(PAGE)  # without a language in the address, so that the choice shows


@routes.form("/akun/sesi/akhiri")
async def end_session(request: AnyRequest) -> Response[bytes]:
    """End one session of the account, or all others."""
    visitor = await authenticate_visitor(request)
    form = await read_form(request, visitor)
    _, session = visitor.signed_in()
    chosen = form.text("sesi")
    async with acquire_connection(visitor.app) as connection:
        if chosen == "lainnya":
            await sessions.end_all(
                connection, session.account, except_session=session.id
            )
        elif any(
            one.id == chosen
            for one in await sessions.of_account(connection, session.account)
        ):
            await sessions.end_one(connection, session.account, chosen)
    return redirect(visitor.address(PAGE))


async def _form_after_recent_factor(request: AnyRequest) -> tuple[Visitor, Form]:
    """The visitor and the submitted form, after a check of the form key.

    Refused unless the visitor used a factor in the last five minutes.
    """
    visitor = await authenticate_visitor(request)
    form = await read_form(request, visitor)
    require_fresh(visitor)
    return visitor, form


def _credential(text: str) -> bytes:
    """The identifier of a passkey; empty if the text is not one."""
    try:
        return urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (NotBase64, ValueError):
        return b""


async def _removal_response(
    visitor: Visitor, done: FailedStep | None
) -> Response[bytes]:
    visitor.record("factor-removal", done)
    if done is None:
        return redirect(visitor.address(PAGE))
    return await account_page(visitor, rejection_failure(done))


HANDLERS: list[Any] = [
    *(show_account, change_password, remove_authenticator, remove_passkey),
    *(unlink_identity, choose_language, end_session),
]
