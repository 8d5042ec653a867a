"""Forms: their fields, their key, and the page that follows."""

import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from litestar import Request

from iku.access.oidc import local_path
from iku.domain.access import Forbidden
from iku.exchange import written_day
from iku.exchange.written_day import MalformedDay
from iku.messages import error_message, message
from iku.parsing import ParseError
from iku.web.problems import BadRequest, UnsupportedMediaType
from iku.web.visitor import Visitor, form_key

KEY = "kunci"  # the field with the form key
NEXT = "ke"  # the field, or parameter, with the page that follows
MOST_FIELDS = 400  # a mapping of columns has the most
FORM = "application/x-www-form-urlencoded"


class StaleForm(Forbidden):
    """The form key belongs to another session than that of the request."""

    def __init__(self) -> None:
        super().__init__(
            message(
                "this form was opened before you signed in or out, so nothing was "
                "changed; go back, load the page again, and send the form"
            )
        )


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of a form that was sent, in order."""

    pairs: tuple[tuple[str, str], ...]

    def text(self, name: str) -> str:
        """The value of a field; empty if it was not sent."""
        return self.values.get(name, "")

    def all(self, name: str) -> list[str]:
        """The values of a field that may be sent several times."""
        return [value for field, value in self.pairs if field == name]

    def filled(self, names: Iterable[str]) -> list[tuple[str, str]]:
        """The named fields that were filled in, in order, without outer white space."""
        found = ((name, text.strip()) for name in names for text in self.all(name))
        return [pair for pair in found if pair[1]]

    @property
    def values(self) -> Mapping[str, str]:
        """The last value of each field."""
        return dict(self.pairs)

    @property
    def command_id(self) -> str | None:
        """The idempotency key of the command in the form; None without a form key.

        The idempotency key is the random part of the form key.
        """
        nonce = self.text(KEY).partition(".")[0]
        return f"form-{nonce}" if nonce else None

    @property
    def next_page(self) -> str:
        """The page that follows; empty if the form names none."""
        return next_page(self.text(NEXT))


async def read_form(request: Request[Any, Any, Any], visitor: Visitor) -> Form:
    """The form of a request.

    Raises:
        StaleForm: The form has not the form key of the visitor's session.
        UnsupportedMediaType: The body is not a form.
    """
    form = await parse_form(request)
    check_key(visitor, form.text(KEY))
    return form


async def parse_form(request: Request[Any, Any, Any]) -> Form:
    """The form of a request, without a check of its form key.

    Raises:
        UnsupportedMediaType: The body is not a form.
    """
    kind = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind != FORM:
        must = message("the body must be of type {type}", type=FORM)
        raise UnsupportedMediaType(must)
    body = (await request.body()).decode("ascii", "replace")
    try:
        pairs = parse_qsl(body, keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError as error:
        raise BadRequest("", message("the form has too many fields")) from error
    return Form(tuple((name, value.strip("\x00")) for name, value in pairs))


def iso_day(name: str, text: str, today: date) -> str:
    """The day in the field *name*, in ISO 8601.

    Raises:
        ParseError: The text is not a day.
    """
    try:
        return written_day.parse(text, today).isoformat()
    except MalformedDay as error:
        raise ParseError({name: error_message(error)}) from error


def check_key(visitor: Visitor, given: str) -> None:
    """Refuse a form that was not sent by a page of the visitor's session.

    Without a cookie there is no session that another site could use; `origin_check`
    refuses its forms in any case.

    Raises:
        StaleForm: *given* is not a form key of the session.
    """
    if visitor.token is None:
        return
    wanted = form_key(visitor.token, given.partition(".")[0]).encode()
    if not hmac.compare_digest(given.encode("utf-8", "replace"), wanted):
        raise StaleForm


def next_page(asked: str) -> str:
    """*asked*, if it is the address of a page of this server; otherwise empty."""
    if not asked or local_path(asked) != asked:
        return ""
    parts = urlsplit(asked)
    return "" if parts.scheme or parts.netloc or parts.fragment else asked
