"""Rendering of pages from templates, and the files that the pages load.

A template has the visitor, translates its sentences by ``_("…", name=value)``, and
escapes every value.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache, lru_cache, partial
from hashlib import sha256
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from jinja2.runtime import Context
from litestar import Response, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from markupsafe import Markup, escape

from iku import labels
from iku.domain.access import Action
from iku.exchange import example, qr_code
from iku.language import Language, translate, translate_sentence
from iku.messages import Term
from iku.web import (
    confirmation,
    navigation,
    page_workbook,
    shipped_documents,
    subject_titles,
)
from iku.web.authentication import COOKIE
from iku.web.page_language import PageLanguage
from iku.web.security_headers import content_policy
from iku.web.visitor import Visitor

POLICY = content_policy(
    "script-src 'self'", "style-src 'self'", "img-src 'self'", "connect-src 'self'"
)
OTHER = {Language.INDONESIAN: Language.ENGLISH, Language.ENGLISH: Language.INDONESIAN}
LANGUAGES = {Language.INDONESIAN: "Bahasa Indonesia", Language.ENGLISH: "English"}
ASSETS = {
    "pages.css": "text/css",
    "desk.js": "text/javascript",
    "passkeys.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}
_DAY = re.compile(r"\b(?:\d\d-\d\d-\d{4}|\d{4}-\d\d-\d\d)\b", re.ASCII)
COOKIE_ATTRIBUTES = "Path=/; Secure; HttpOnly; SameSite=Lax"


CONTEXTS = "contexts"  # the variable with the contexts of a rendering


class _ListedContext(Context):
    """A context that adds itself to the contexts of its rendering."""

    def __init__(
        self,
        environment: Environment,
        parent: dict[str, Any],
        *others: Any,
        **further: Any,
    ) -> None:
        super().__init__(environment, parent, *others, **further)
        # A template that is imported without context is kept for all renderings.
        if (contexts := parent.get(CONTEXTS)) is not None:
            contexts.append(self)

    def call(
        self,
        called: Callable[..., Any],
        /,
        *args: Any,
        _loop_vars: object = None,
        _block_vars: object = None,
        **given: Any,
    ) -> Any:
        """Call a function or macro of a template.

        The template engine would look at each call whether the function takes the
        context, which none does. A page has hundreds of calls.
        """
        return called(*args, **given)


class _PageEnvironment(Environment):
    context_class = _ListedContext


@cache
def _environment() -> Environment:
    return _PageEnvironment(
        loader=PackageLoader("iku.web"),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,  # or each page would look at the files of all its parts
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _rendered(template: str, values: Mapping[str, Any]) -> str:
    """The text of a template.

    A context refers to its macros and they to it, so a page would leave some hundreds
    of objects to the garbage collector, which stops a later request for milliseconds.
    The contexts are emptied instead, which frees all of them at once.
    """
    contexts: list[Context] = []
    try:
        made = _environment().get_template(template)
        return made.render({**values, CONTEXTS: contexts})
    finally:
        for one in contexts:
            one.vars, one.parent, one.blocks = {}, {}, {}


def render_markup(visitor: Visitor, template: str, **values: Any) -> str:
    """The HTML of a template for the visitor."""
    page = visitor.page

    def in_page_language(sentence: str, /, **parameters: Any) -> str:
        return translate_sentence(sentence, parameters, page.language)

    given: dict[str, Any] = {
        "visitor": visitor,
        "page": page,
        "actions": Action,
        "labels": labels,
        "asset": asset_address,
        "sentence": lambda said: _sentence(page.text(said)),
        "term": lambda field, stored: _term(field, stored, page.language),
        "label": lambda field, stored: page.text(labels.VALUES[field][stored]),
        "method": lambda method: " + ".join(
            map(page.text, labels.sign_in_method(method))
        ),
        "moment": lambda instant: format_instant(visitor, instant),
        "subject_title": partial(subject_titles.subject_title, page),
        "qr_code": _qr_code,
        "unbroken": unbroken,
        "example": example,
        "other_language": OTHER[page.language],
        "other_language_name": LANGUAGES[OTHER[page.language]],
        "frame": None,
        "link": visitor.address,
        "navigation": navigation.entries(visitor),
        "confirmation": confirmation.of_visitor(visitor),
        "has_tables": page_workbook.has_tables,
        "faults": {},
        "_": in_page_language,
    }
    if (frame := values.get("frame")) is not None:
        given["link"] = frame.address
    fields = {"values": defaultdict(str, values.get("values", {}))}
    return _rendered(template, {**given, **values, **fields})


def render(
    visitor: Visitor,
    template: str,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    **values: Any,
) -> Response[bytes]:
    """The page of a template."""
    return _html_response(
        render_markup(visitor, template, **values), visitor.page, status, headers
    )


def _html_response(
    whole: str, page: PageLanguage, status: int, headers: Mapping[str, str] | None
) -> Response[bytes]:
    return Response(
        whole.encode(),
        status_code=status,
        media_type="text/html",
        headers={
            "Content-Security-Policy": POLICY,
            "Content-Language": page.language.value,
            **(headers or {}),
        },
    )


def render_without_visitor(
    page: PageLanguage,
    status: int,
    headers: Mapping[str, str] | None = None,
) -> Response[bytes]:
    """The page that is shown if no visitor can be determined."""

    def in_page_language(sentence: str) -> str:
        return translate_sentence(sentence, {}, page.language)

    given = {"page": page, "asset": asset_address, "_": in_page_language}
    whole = _rendered("unavailable.html", given)
    return _html_response(whole, page, status, headers)


def redirect(address: str, *, token: str | None = None) -> Response[bytes]:
    """A redirect to *address*, with the token of a new session if there is one."""
    headers = {"Location": address}
    if token is not None:
        headers["Set-Cookie"] = session_cookie(token)
    return Response(b"", status_code=303, headers=headers, media_type="text/plain")


def redirect_permanently(address: str) -> Response[bytes]:
    """A permanent redirect to *address*."""
    return Response(
        b"", status_code=301, headers={"Location": address}, media_type="text/plain"
    )


def session_cookie(token: str) -> str:
    """The Set-Cookie header for the token of a session; an empty one removes it."""
    ending = "" if token else "; Max-Age=0"
    return f"{COOKIE}={token}; {COOKIE_ATTRIBUTES}{ending}"


def _qr_code(text: str, title: str) -> Markup:
    return Markup(qr_code.svg(text, title))  # noqa: S704 - it escapes the title


def unbroken(text: str) -> Markup:
    """The HTML of a text whose days are not broken at their hyphens."""
    escaped = escape(text)
    if "-" not in text:
        return escaped
    # As text, or the substitution would be escaped, too.
    return Markup(_DAY.sub(_unbroken_day, str(escaped)))  # noqa: S704 - escaped


def _unbroken_day(found: re.Match[str]) -> str:
    return f'<span class="day">{found[0]}</span>'


def _sentence(text: str) -> str:
    """A text with a capital letter and a full stop."""
    ended = text if text.endswith((".", "!", "?")) else f"{text}."
    return ended[:1].upper() + ended[1:]


@lru_cache(1024)  # a page of the log has a few terms hundreds of times
def _term(field: str, stored: str, language: Language) -> str:
    return translate(labels.term_label(Term(field, stored)), language)


def format_instant(visitor: Visitor, instant: datetime) -> str:
    """An instant in the time zone of the agency, to the minute."""
    local = instant.astimezone(visitor.app.settings.timezone)
    return f"{visitor.page.day(local.date())} {_time_of_day(visitor, local)}"


def format_time_of_day(visitor: Visitor, instant: datetime) -> str:
    """The time of day of an instant in the time zone of the agency, to the minute."""
    return _time_of_day(visitor, instant.astimezone(visitor.app.settings.timezone))


def _time_of_day(visitor: Visitor, local: datetime) -> str:
    point = "." if visitor.page.is_indonesian else ":"
    return f"{local.hour:02}{point}{local.minute:02}"


@cache
def asset_address(name: str) -> str:
    """The address of a file that pages load, which changes with its content."""
    stem, ending = name.rsplit(".", 1)
    return f"/assets/{stem}.{sha256(_content(name)).hexdigest()[:12]}.{ending}"


@get("/assets/{name:str}", include_in_schema=False, sync_to_thread=False)
def asset(name: FromPath[str]) -> Response[bytes]:
    """A file that pages load."""
    known = _assets().get(f"/assets/{name}")
    if known is None:
        raise NotFoundException
    kept = {"Cache-Control": "public, max-age=31536000, immutable"}
    kind = ASSETS.get(known, "image/png")
    return Response(_content(known), media_type=kind, headers=kept)


@cache
def _assets() -> dict[str, str]:
    """The names of the files that pages load, by address."""
    pictures = (one.name for one in shipped_documents.folder("pictures").iterdir())
    return {asset_address(name): name for name in (*ASSETS, *pictures)}


@cache
def _content(name: str) -> bytes:
    if name.endswith(".png"):
        return (shipped_documents.folder("pictures") / name).read_bytes()
    stored = (files("iku.web") / "static" / name).read_bytes()
    if not name.endswith(".css"):
        return stored
    dense = _AFTER_NAMES.sub(rb"\1", _AROUND_SIGNS.sub(rb"\1", stored))
    return dense.replace(b";}", b"}")


# What only the authors of a style sheet need.
_AROUND_SIGNS = re.compile(rb"\s*([{};,>])\s*")
_AFTER_NAMES = re.compile(rb"([{;][a-z-]+:) ")


HANDLERS: list[Any] = [asset]
