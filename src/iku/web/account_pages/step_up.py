"""Step-up authentication: a second factor is required again before a critical step."""

from typing import Any

from litestar import Request, Response

from iku.access import accounts, sign_in
from iku.access.sign_in import SignedIn
from iku.connection import acquire_connection
from iku.web import page_routes as routes
from iku.web.page_failures import Failure, rejection_failure
from iku.web.page_forms import NEXT, next_page, read_form
from iku.web.page_rendering import redirect, render
from iku.web.visitor import Visitor, authenticate_visitor

AnyRequest = Request[Any, Any, Any]


@routes.page("/akun/konfirmasi")
async def show_step_up(request: AnyRequest) -> Response[bytes]:
    """The form of a confirmation."""
    visitor = await authenticate_visitor(request)
    asked = next_page(request.query_params.get(NEXT, ""))
    return await _page(visitor, {NEXT: asked})


@routes.form("/akun/konfirmasi")
async def step_up(request: AnyRequest) -> Response[bytes]:
    """Confirm by a code, which replaces the session's token."""
    visitor = await authenticate_visitor(request)
    form = await read_form(request, visitor)
    token, _ = visitor.signed_in()
    async with acquire_connection(visitor.app) as connection:
        done = await sign_in.step_up(
            connection, visitor.means.secrets, token, form.text("kode")
        )
    visitor.record("step-up", done)
    if isinstance(done, SignedIn):
        then = visitor.address(form.next_page or "/akun")
        return redirect(then, token=done.token)
    return await _page(visitor, {NEXT: form.next_page}, rejection_failure(done, "kode"))


async def _page(
    visitor: Visitor, values: dict[str, str], failure: Failure | None = None
) -> Response[bytes]:
    _, session = visitor.signed_in()
    async with acquire_connection(visitor.app) as connection:
        factors = await accounts.factors(connection, session.account)
    return render(
        visitor,
        "step_up.html",
        status=200 if failure is None else failure.status,
        headers={} if failure is None else failure.headers,
        faults={} if failure is None else failure.faults,
        values=values,
        factors=factors,
    )


HANDLERS: list[Any] = [show_step_up, step_up]
