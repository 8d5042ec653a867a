"""The API keys of one's own account."""

from datetime import timedelta
from typing import Any

from litestar import Request, Response

from iku.access import own_account
from iku.access.sign_in import Rejected
from iku.connection import acquire_connection
from iku.messages import message
from iku.web.account_pages import routes
from iku.web.account_pages.failures import Failure, fail, require_fresh
from iku.web.account_pages.forms import read_form
from iku.web.account_pages.own_account import PAGE, account_page
from iku.web.page_rendering import redirect
from iku.web.visitor import visit

AnyRequest = Request[Any, Any, Any]


@routes.form("/akun/kunci-api")
async def create_api_key(request: AnyRequest) -> Response[bytes]:
    """Create an API key; the answer shows it once."""
    visitor = await visit(request)
    form = await read_form(request, visitor)
    require_fresh(visitor)
    token, session = visitor.signed_in()
    held = visitor.register.accounts[session.account]
    today = visitor.app.commands.today()
    days = form.text("hari")
    if not days.isascii() or not days.isdigit() or len(days) > 4:
        wrong = Failure({"hari": message("write the number of days, such as 90")})
        return await account_page(visitor, wrong, values=form.values)
    async with acquire_connection(visitor.app) as connection:
        made = await own_account.create_api_key(
            connection,
            token,
            name=form.text("nama_kunci").strip(),
            roles=form.all("peran"),
            rights=[right for right in form.all("hak") if right == "log"],
            held=[grant.role for grant in held.roles_on(today)],
            lifetime=timedelta(days=int(days)),
        )
    visitor.record("api-key", made)
    if isinstance(made, Rejected):
        return await account_page(visitor, fail(made, "nama_kunci"), values=form.values)
    return await account_page(visitor, created=made)


@routes.form("/akun/kunci-api/cabut")
async def revoke_api_key(request: AnyRequest) -> Response[bytes]:
    """Revoke an API key."""
    visitor = await visit(request)
    form = await read_form(request, visitor)
    token, _ = visitor.signed_in()
    async with acquire_connection(visitor.app) as connection:
        done = await own_account.revoke_api_key(
            connection, token, form.text("kunci_api")
        )
    visitor.record("api-key-revocation", done)
    if done is not None:
        return await account_page(visitor, fail(done))
    return redirect(visitor.address(PAGE))


HANDLERS: list[Any] = [create_api_key, revoke_api_key]
