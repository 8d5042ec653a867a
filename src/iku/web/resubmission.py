"""Forms whose session has ended, or needs a fresh factor: nothing typed is lost.

A form carries the account that fills it in. If it arrives in another session, the
answer is the form of a sign-in, with the sent form sealed for that account in a hidden
field. After a sign-in of the same account it becomes the draft of its page, which the
page fills in again. Another account gets nothing.
"""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from litestar import Request, Response

from iku.access import drafts, filled_forms
from iku.access import token as tokens
from iku.access.database_flows import DatabaseFlows
from iku.access.drafts import DraftTooLong, Fields, FormPlace
from iku.access.flows import FlowKind
from iku.commands.authorisation import StepUpRequired
from iku.connection import acquire_connection
from iku.domain.access import Forbidden
from iku.messages import error_message
from iku.postgres.pool import Connection
from iku.web.page_forms import KEY, NEXT, Form, StaleForm, next_page, parse_form
from iku.web.page_rendering import redirect
from iku.web.sign_in_page import LOST, sign_in_page
from iku.web.subject_paths import streams_of
from iku.web.visitor import SignInRequired, Visitor, authenticate_visitor

SEALED = "isian"  # the field with a sealed form, or the parameter that leads to one
OWNER = "pengisi"  # the field with the account that fills in the form
PATH = "jalur"  # the field with the path of the form
ANOTHER = "lain"  # the parameter's value after a sign-in as somebody else
AGAIN = "lagi"  # the parameter's value if the form must be sent again
TECHNICAL = frozenset({"aksi", "jawab", OWNER, PATH, SEALED})
FLOW_S = 600
LONGEST = 300  # characters of a path


def owner(visitor: Visitor) -> str:
    """The account that fills in a form; empty without a session."""
    return "" if visitor.session is None else visitor.session.account


def check_owner(visitor: Visitor, form: Form) -> None:
    """Refuse a form that another account filled in.

    Raises:
        StaleForm: The session is not of that account.
    """
    if form.text(OWNER) != owner(visitor):
        raise StaleForm


def fields_of(form: Form) -> Fields:
    """The fields of a form that are kept; of its idempotency key, the random part."""
    return tuple(
        (name, value.partition(".")[0] if name == KEY else value)
        for name, value in form.pairs
        if name not in TECHNICAL
    )


async def respond_to_lost_session(
    request: Request[Any, Any, Any], error: Forbidden | SignInRequired
) -> Response[bytes]:
    """The response to a form that the present session cannot send.

    Raises:
        Forbidden: The form names no account, or no page of ours; the *error* itself.
    """
    visitor, form = await authenticate_visitor(request), await parse_form(request)
    path, account = urlsplit(next_page(form.text(PATH))).path, form.text(OWNER)
    if not path or max(len(path), len(account)) > LONGEST:
        raise error
    if account == owner(visitor):
        return await _kept(visitor, form, path, error)
    sealed = filled_forms.seal(
        visitor.means.secrets, account, path, fields_of(form), _now()
    )
    values = {NEXT: path, SEALED: sealed or "", "hilang": path}
    return await sign_in_page(visitor, values, status=LOST)


async def _kept(
    visitor: Visitor, form: Form, path: str, error: Forbidden | SignInRequired
) -> Response[bytes]:
    """Store the holder's own form as a draft, and show it again."""
    account = owner(visitor)
    if not account:
        raise error
    async with acquire_connection(visitor.app) as connection:
        await _save_draft(visitor, connection, account, path, fields_of(form))
    if isinstance(error, StepUpRequired):
        return redirect(visitor.address("/akun/konfirmasi", **{NEXT: path}))
    return redirect(visitor.address(path, **{SEALED: AGAIN}))


async def store_sealed_form(
    visitor: Visitor,
    connection: Connection,
    account: str,
    sealed: str,
    after: str,
) -> str:
    """Store the encrypted form of *account*; return the page after the sign-in."""
    if not sealed or not after:
        return after
    path = urlsplit(after).path
    fields = filled_forms.unseal(visitor.means.secrets, account, path, sealed, _now())
    if fields is None:
        return f"{path}?{SEALED}={ANOTHER}"
    await _save_draft(visitor, connection, account, path, fields)
    return f"{path}?{SEALED}={AGAIN}"


async def park_form(visitor: Visitor, form: Form) -> str:
    """Store the encrypted form; return the page after the sign-in at the provider.

    The form is stored on the server under a random name until then.
    """
    sealed, after = form.text(SEALED), form.next_page
    if not sealed or not after:
        return after
    name = tokens.generate()
    flows = DatabaseFlows(visitor.app.pool)
    key = tokens.digest(name)
    await flows.put(FlowKind.FILLED_FORM, key, sealed.encode(), FLOW_S)
    return f"{urlsplit(after).path}?{SEALED}={name}"


async def resume(
    visitor: Visitor, connection: Connection, path: str, given: str
) -> str:
    """Store a parked form as a draft, and return the parameter of its page."""
    if given in {"", ANOTHER, AGAIN}:
        return given
    key = tokens.digest(given)
    sealed = await DatabaseFlows(connection).take(FlowKind.FILLED_FORM, key)
    if sealed is None:
        return ""
    followed = await store_sealed_form(
        visitor, connection, owner(visitor), sealed.decode(), path
    )
    return followed.rpartition("=")[2]


async def _save_draft(
    visitor: Visitor, connection: Connection, account: str, path: str, fields: Fields
) -> None:
    try:
        place = FormPlace(path, streams_of(path))
        await drafts.save(connection, visitor.means.secrets, account, place, fields)
    except DraftTooLong as error:
        raise Forbidden(error_message(error)) from error


def _now() -> datetime:
    return datetime.now(UTC)
