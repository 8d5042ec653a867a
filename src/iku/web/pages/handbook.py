"""The help, Bantuan: the handbook of each role, as it is printed.

The pages are the Markdown files of ``docs/handbook``, with their pictures.
"""

import re
from functools import cache
from typing import Any, NamedTuple

from litestar import Response
from markdown_it import MarkdownIt
from markupsafe import Markup
from msgspec import Struct

from iku.messages import message
from iku.web import shipped_documents
from iku.web.page_rendering import asset_address
from iku.web.pages.page_context import PageContext
from iku.web.pages.routes import timeless
from iku.web.problems import NotFound

NAMES = ("petugas", "verifikator", "kepala", "perencana", "auditor", "admin")


class HandbookQuestion(Struct, frozen=True, forbid_unknown_fields=True):
    """The handbook in the path."""

    role: str


class Handbook(NamedTuple):
    """A handbook: its heading, and its text as HTML."""

    name: str
    title: str
    html: Markup


@cache
def read_handbook(name: str) -> Handbook:
    """The handbook with that name."""
    file = shipped_documents.folder("handbook") / f"{name}.md"
    title, _, body = file.read_text(encoding="utf-8").partition("\n")
    shown = _PICTURE.sub(lambda found: _linked(*found.groups()), body)
    renderer = MarkdownIt("commonmark", {"html": False})
    html = Markup(renderer.render(shown))  # noqa: S704 - the files are ours
    return Handbook(name, title.removeprefix("# "), html)


def _linked(described: str, name: str) -> str:
    """A picture that is a link to itself, because a telephone shows it small."""
    address = asset_address(name)
    return f"[![{described}]({address})]({address})"


_PICTURE = re.compile(r"!\[([^\]]+)\]\(\.\./pictures/([^)]+)\)")


@timeless("/bantuan", None)
async def show_handbooks(frame: PageContext) -> Response[bytes]:
    """The handbooks, by role."""
    return frame.show("handbooks.html", handbooks=[read_handbook(one) for one in NAMES])


@timeless("/bantuan/{role:str}", None, HandbookQuestion)
async def show_handbook(frame: PageContext) -> Response[bytes]:
    """The handbook of a role."""
    role = frame.question.role
    if role not in NAMES:
        raise NotFound(message("there is no handbook {name}", name=role))
    return frame.show("handbook.html", handbook=read_handbook(role))


HANDLERS: list[Any] = [show_handbooks, show_handbook]
