"""Passkeys: the requests of `static/passkeys.js`, which asks the browser for them."""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, post
from msgspec import Meta, Struct

from iku import parsing
from iku.access import passkey_sign_in, sessions
from iku.access import sign_in as sign_in_steps
from iku.access.passkeys import Passkeys
from iku.access.sign_in import FailedStep, SignedIn
from iku.connection import acquire_connection
from iku.domain.access import Forbidden, Unauthenticated
from iku.language import translate
from iku.messages import message
from iku.web import resubmission
from iku.web.account_pages.device import device_of
from iku.web.page_failures import FAULT_STATUS
from iku.web.page_forms import check_key, next_page
from iku.web.page_rendering import session_cookie
from iku.web.problems import UnsupportedMediaType
from iku.web.visitor import Visitor, authenticate_visitor

AnyRequest = Request[Any, Any, Any]
JSON = "application/json"


class PasskeyRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """The JSON body of a request of the script.

    Attributes:
        kunci: The form key.
        bukti: Whether the passkey confirms the holder of the present session.
        tanggapan: The browser's response; empty in a request for the options.
        nama: The name of a new passkey.
        ke: The page that follows.
        isian: A form of an ended session, sealed.
    """

    kunci: Annotated[str, Meta(max_length=200)] = ""
    bukti: bool = False
    tanggapan: dict[str, Any] = {}
    nama: Annotated[str, Meta(max_length=200)] = ""
    ke: Annotated[str, Meta(max_length=2000)] = ""
    isian: str = ""


@post("/masuk/passkey/opsi", status_code=200)
async def sign_in_options(request: AnyRequest) -> Response[bytes]:
    """The options of a sign-in, or of a confirmation."""
    visitor, asked = await _read(request)
    token = _token(visitor) if asked.bukti else None
    async with acquire_connection(visitor.app) as connection:
        options = await passkey_sign_in.begin(connection, _site(visitor), token)
    return _respond(visitor, options)


@post("/masuk/passkey", status_code=200)
async def sign_in(request: AnyRequest) -> Response[bytes]:
    """Sign in by a passkey alone, as the second factor, or as a step-up."""
    visitor, asked = await _read(request)
    site = _site(visitor)
    async with acquire_connection(visitor.app) as connection:
        if asked.bukti:
            done = await passkey_sign_in.verify(
                connection, site, _token(visitor), asked.tanggapan
            )
        else:
            done = await passkey_sign_in.start(
                connection, site, asked.tanggapan, device=device_of(request)
            )
            if isinstance(done, SignedIn) and visitor.token is not None:
                await sessions.end(connection, visitor.token)
        after = next_page(asked.ke)
        if isinstance(done, SignedIn):
            after = await resubmission.store_sealed_form(
                visitor, connection, done.account, asked.isian, after
            )
    visitor.record("step-up" if visitor.session else "sign-in", done)
    return _respond(visitor, done, after or "/")


@post("/akun/passkey/opsi", status_code=200)
async def registration_options(request: AnyRequest) -> Response[bytes]:
    """The options of a new passkey."""
    visitor, _ = await _read(request)
    async with acquire_connection(visitor.app) as connection:
        options = await passkey_sign_in.begin_registration(
            connection, _site(visitor), _token(visitor)
        )
    return _respond(visitor, options)


@post("/akun/passkey", status_code=200)
async def register(request: AnyRequest) -> Response[bytes]:
    """Store a new passkey, which completes or renews the session."""
    visitor, asked = await _read(request)
    async with acquire_connection(visitor.app) as connection:
        done = await passkey_sign_in.register(
            connection, _site(visitor), _token(visitor), asked.tanggapan, asked.nama
        )
    visitor.record("passkey", done)
    return _respond(visitor, done, next_page(asked.ke) or "/akun")


async def _read(request: AnyRequest) -> tuple[Visitor, PasskeyRequest]:
    visitor = await authenticate_visitor(request)
    kind = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind != JSON:
        raise UnsupportedMediaType(
            message("the body must be of type {type}", type=JSON)
        )
    asked: PasskeyRequest = parsing.parse_json(PasskeyRequest, await request.body())
    check_key(visitor, asked.kunci)
    return visitor, asked


def _site(visitor: Visitor) -> Passkeys:
    if visitor.means.passkeys is None:
        raise Forbidden(message("browsers offer no passkeys at this address"))
    return visitor.means.passkeys


def _token(visitor: Visitor) -> str:
    if visitor.token is None:
        raise Unauthenticated(sign_in_steps.reject_expired().reason)
    return visitor.token


def _respond(
    visitor: Visitor,
    done: Mapping[str, Any] | SignedIn | FailedStep,
    then: str = "",
) -> Response[bytes]:
    match done:
        case FailedStep(reason=reason):
            said = translate(reason, visitor.page.language)
            return _json({"pesan": said}, FAULT_STATUS)
        case SignedIn(token=token):
            followed = {"ke": visitor.address(then)}
            return _json(followed, headers={"Set-Cookie": session_cookie(token)})
        case options:
            return _json(dict(options))


def _json(
    content: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None
) -> Response[bytes]:
    return Response(
        msgspec.json.encode(content),
        status_code=status,
        media_type=JSON,
        headers=headers,
    )


HANDLERS: list[Any] = [sign_in_options, sign_in, registration_options, register]
