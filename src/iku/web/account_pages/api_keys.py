"""The API keys of one's own account."""

from typing import Any

from litestar import Request, Response

from iku import parsing
from iku.access import account_credentials
from iku.access.account_credentials import KeyRequest, Requester
from iku.access.api_keys import ApiKeyRefused
from iku.connection import acquire_connection
from iku.messages import error_message
from iku.parsing import ParseError
from iku.web import page_routes as routes
from iku.web.account_pages.own_account import PAGE, account_page
from iku.web.page_failures import Failure
from iku.web.page_forms import read_form
from iku.web.page_rendering import redirect
from iku.web.visitor import authenticate_visitor

AnyRequest = Request[Any, Any, Any]
FIELDS = ("name", "days", "roles", "rights")


@routes.form("/akun/kunci-api")
async def create_api_key(request: AnyRequest) -> Response[bytes]:
    """Create an API key; the answer shows it once."""
    visitor = await authenticate_visitor(request)
    form = await read_form(request, visitor)
    _, session = visitor.signed_in()
    filled = [(name, text) for name, text in form.pairs if name in FIELDS and text]
    try:
        asked = parsing.parse_texts(KeyRequest, filled)
        async with acquire_connection(visitor.app) as connection:
            holder = Requester(visitor.app.commands, connection, visitor.credentials())
            made = await account_credentials.create_key(holder, session.account, asked)
    except ParseError as error:
        faults = {
            at: parsing.fault_message(at, rule) for at, rule in error.faults.items()
        }
        return await account_page(visitor, Failure({**faults}), values=form.values)
    except ApiKeyRefused as error:
        refused = Failure({"": error_message(error)})
        return await account_page(visitor, refused, values=form.values)
    visitor.record("api-key", made)
    return await account_page(visitor, created=made)


@routes.form("/akun/kunci-api/cabut")
async def revoke_api_key(request: AnyRequest) -> Response[bytes]:
    """Revoke an API key."""
    visitor = await authenticate_visitor(request)
    form = await read_form(request, visitor)
    _, session = visitor.signed_in()
    async with acquire_connection(visitor.app) as connection:
        holder = Requester(visitor.app.commands, connection, visitor.credentials())
        await account_credentials.revoke_key(
            holder, session.account, form.text("kunci_api")
        )
    visitor.record("api-key-revocation", None)
    return redirect(visitor.address(PAGE))


HANDLERS: list[Any] = [create_api_key, revoke_api_key]
