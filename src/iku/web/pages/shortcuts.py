"""The keyboard shortcuts, which a user can switch off (WCAG 2.1.4).

The choice is a cookie of the browser, because it depends on the keyboard and on the
aids of that machine.
"""

from typing import Any

from litestar import Response

from iku.web.page_forms import Form
from iku.web.page_rendering import COOKIE_ATTRIBUTES
from iku.web.pages.page_context import PageContext
from iku.web.pages.routes import sending, timeless
from iku.web.visitor import SHORTCUTS

YEAR_S = 365 * 86_400


@timeless("/pintasan", None)
async def show(frame: PageContext) -> Response[bytes]:
    """The shortcuts, and the switch."""
    return frame.show("shortcuts.html")


@sending("/pintasan", None)
async def switch(frame: PageContext, form: Form) -> Response[bytes]:
    """Switch the shortcuts on or off in this browser."""
    off = form.text("pintasan") == "mati"
    age = YEAR_S if off else 0
    cookie = f"{SHORTCUTS}=mati; {COOKIE_ATTRIBUTES}; Max-Age={age}"
    where = {"Location": frame.visitor.address("/pintasan"), "Set-Cookie": cookie}
    return Response(b"", status_code=303, headers=where, media_type="text/plain")


HANDLERS: list[Any] = [show, switch]
