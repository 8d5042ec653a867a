"""The tour of the demonstration: three hints on the front page.

The hints of a register with real cases are in the handbook. That they were dismissed is
a cookie of the browser, because a demonstration has visitors without an account, and a
parameter of the address would be lost by the next link.
"""

from typing import Any

from litestar import Response

from iku.web.page_forms import Form
from iku.web.page_rendering import COOKIE_ATTRIBUTES
from iku.web.pages.page_context import PageContext
from iku.web.pages.routes import sending
from iku.web.visitor import TOUR

YEAR_S = 365 * 86_400


@sending("/tur", None)
async def dismiss(frame: PageContext, form: Form) -> Response[bytes]:
    """Dismiss the hints in this browser."""
    cookie = f"{TOUR}=selesai; {COOKIE_ATTRIBUTES}; Max-Age={YEAR_S}"
    where = {"Location": form.next_page or frame.address("/"), "Set-Cookie": cookie}
    return Response(b"", status_code=303, headers=where, media_type="text/plain")


HANDLERS: list[Any] = [dismiss]
