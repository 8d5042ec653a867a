"""The help, Bantuan: the handbook of each role, as it is printed.

The pages are the Markdown files of ``docs/handbook``, without their pictures.
"""

from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

from litestar import Response
from markdown_it import MarkdownIt
from markupsafe import Markup
from msgspec import Struct

import iku
from iku.messages import message
from iku.web.pages.frame import Frame
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
    text = (_folder() / f"{name}.md").read_text(encoding="utf-8")
    title, _, body = text.partition("\n")
    renderer = MarkdownIt("commonmark", {"html": False}).disable("image")
    lines = [line for line in body.splitlines() if not line.startswith("![")]
    html = Markup(renderer.render("\n".join(lines)))  # noqa: S704 - the files are ours
    return Handbook(name, title.removeprefix("# "), html)


def _folder() -> Any:
    """The folder of the handbooks, in the package or in the checkout."""
    installed = resources.files(iku) / "handbook"
    if installed.is_dir():
        return installed
    return Path(iku.__file__).parents[2] / "docs" / "handbook"


@timeless("/bantuan", None)
async def show_handbooks(frame: Frame) -> Response[bytes]:
    """The handbooks, by role."""
    return frame.show("handbooks.html", handbooks=[read_handbook(one) for one in NAMES])


@timeless("/bantuan/{role:str}", None, HandbookQuestion)
async def show_handbook(frame: Frame) -> Response[bytes]:
    """The handbook of a role."""
    role = frame.question.role
    if role not in NAMES:
        raise NotFound(message("there is no handbook {name}", name=role))
    return frame.show("handbook.html", handbook=read_handbook(role))


HANDLERS: list[Any] = [show_handbooks, show_handbook]
