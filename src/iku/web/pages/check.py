"""The check of a printed figure, and the rights of the people in the register.

Both pages are public: the number and the QR code on a report lead to them.
"""

from typing import Annotated, Any
from urllib.parse import quote

from litestar import Response
from msgspec import Meta, Struct

from iku.domain.question import InvalidQuestion
from iku.messages import error_message
from iku.queries import public_figures
from iku.web.page_rendering import redirect
from iku.web.pages.page_context import PageContext
from iku.web.pages.routes import timeless


class NumberQuestion(Struct, frozen=True, forbid_unknown_fields=True):
    """The number in the form; None if the form was not sent yet."""

    nomor: Annotated[str, Meta(max_length=200)] | None = None


class CheckQuestion(Struct, frozen=True, forbid_unknown_fields=True):
    """The figure in the path."""

    number: str


@timeless("/periksa", None, NumberQuestion)
async def show_number_form(frame: PageContext) -> Response[bytes]:
    """The form in which the number on a printed page is entered."""
    typed = frame.question.nomor
    if typed is None:
        return frame.show("check_number.html")
    try:
        number = public_figures.normalised(typed)
    except InvalidQuestion as error:
        return frame.show(
            "check_number.html",
            status=400,
            values={"nomor": typed},
            faults={"nomor": error_message(error)},
        )
    return redirect(frame.address(f"/f/{quote(number)}"))


@timeless("/f/{number:str}", None, CheckQuestion)
async def show_check(frame: PageContext) -> Response[bytes]:
    """A figure as printed, as recounted from the log, and as it is now."""
    async with frame.view() as view:
        checked = await public_figures.check(
            view,
            frame.app.figures,
            frame.app.recounts,
            frame.question.number,
            frame.time.today,
        )
    return frame.show("checked_figure.html", checked=checked)


@timeless("/data-pribadi", None)
async def show_personal_data(frame: PageContext) -> Response[bytes]:
    """The page on personal data in the register and on requests for erasure."""
    return frame.show("personal_data.html")


HANDLERS: list[Any] = [show_number_form, show_check, show_personal_data]
