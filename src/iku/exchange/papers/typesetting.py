"""Typesetting of papers: a template and its data give a PDF/A-3a that is a PDF/UA-1.

The compiler reads no system font, no clock and no file but the template's own, so equal
arguments give equal bytes under one version of the program.
"""

import asyncio
import json
from datetime import datetime
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import fontpkg_public_sans
import msgspec
import typst

from iku import __version__
from iku.domain.paper import Toolchain
from iku.exchange.papers import digest
from iku.exchange.papers.words import say
from iku.messages import message

TEMPLATES = Path(__file__).parent / "templates"
FONTS = Path(fontpkg_public_sans.ROOT)


class Attachment(NamedTuple):
    """A file attached to a paper."""

    name: str
    content: bytes
    mime_type: str
    description: str


# The attachment of an issued paper that receives its proof.
PROOF = Attachment(
    "bukti.json",
    digest.EMPTY,
    "application/json",
    say(message("proof from the log")),
)


async def typeset(
    template: Path,
    data: Any,
    attachments: tuple[Attachment, ...],
    issued_at: datetime,
) -> bytes:
    """The paper of *template* with *data*, compiled in a thread.

    *data* is anything that has a JSON form; the template reads it from
    `sys.inputs.data`, and attaches the files of `sys.inputs.attachments`.

    Raises:
        RuntimeError: The template does not compile.
    """
    return await asyncio.to_thread(_compile, template, data, attachments, issued_at)


def _compile(
    template: Path,
    data: Any,
    attachments: tuple[Attachment, ...],
    issued_at: datetime,
) -> bytes:
    attached = [one._asdict() for one in attachments]
    for one in attached:
        one["content"] = one["content"].decode()
    inputs = {
        "data": msgspec.json.encode(data).decode(),
        "attachments": json.dumps(attached),
    }
    compiled: bytes = typst.compile(
        template,
        root=template.parent,
        font_paths=[FONTS],
        ignore_system_fonts=True,
        sys_inputs=inputs,
        pdf_standards=["a-3a", "ua-1"],
        timestamp=issued_at,
    )
    return compiled


@cache
def toolchain(folder: Path = TEMPLATES) -> Toolchain:
    """What papers are made with; the files are read once."""
    return Toolchain(
        __version__, version("typst"), _hash_files(FONTS), _hash_files(folder)
    )


def _hash_files(folder: Path) -> str:
    """The SHA-256 over names and contents of the files in *folder*."""
    found = sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            content = path.read_bytes()
            name = path.relative_to(folder).as_posix()
            found.update(f"{name}\0{len(content)}\0".encode())
            found.update(content)
    return found.hexdigest()
