"""Typesetting of papers: a template and its data give a PDF/A-3a that is a PDF/UA-1.

The compiler reads no system font, no clock and no file but those in the folder of the
template, so equal arguments give equal bytes under one version of the program.
"""

import asyncio
import threading
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
from iku.exchange.papers.recent_papers import RecentPapers, key_of
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
    recent: RecentPapers | None = None,
) -> bytes:
    """The paper of *template* with *data*, compiled in a thread.

    The template has a function `paper`. Its arguments are *data*, which is anything
    that has a JSON form, and the *attachments*. The paper is taken from *recent* if it
    is there, and kept in it.

    Raises:
        RuntimeError: The template does not compile.
    """
    source = _source(template, data, attachments)
    if recent is None:
        return await asyncio.to_thread(_compile, template.parent, source, issued_at)
    made_with = msgspec.json.encode(toolchain(template.parent))
    key = key_of(made_with, source, issued_at.isoformat().encode())
    found = recent.get(key)
    if found is None:
        found = await asyncio.to_thread(_compile, template.parent, source, issued_at)
        recent.put(key, found)
    return found


def _source(template: Path, data: Any, attachments: tuple[Attachment, ...]) -> bytes:
    """The source that the compiler reads: a call of the template's `paper`."""
    attached = [
        one._asdict() | {"content": one.content.decode()} for one in attachments
    ]
    called = f"#paper({_json_of(data)}, {_json_of(attached)})"
    return f'#import "/{template.name}": paper\n{called}'.encode()


def _compile(folder: Path, source: bytes, issued_at: datetime) -> bytes:
    compiled = _compiler(folder).compile(
        source, pdf_standards=["a-3a", "ua-1"], timestamp=issued_at
    )
    if not isinstance(compiled, bytes):
        raise TypeError("the compiler gave no single file")
    return compiled


def _json_of(data: Any) -> str:
    """An expression of the template's language for *data*.

    The data are a string literal of its JSON and not a `sys.inputs`: equal parts of two
    papers are laid out once, but not if the inputs of the compiler differ.
    """
    text = msgspec.json.encode(data).decode()
    escaped = text.replace("\\", r"\\").replace('"', r"\"")
    return f'json(bytes("{escaped}"))'


class _Compilers(threading.local):
    """The compilers of a thread, by the folder of their templates.

    A compiler keeps fonts and templates between two papers, and makes one at a time.
    """

    def __init__(self) -> None:
        self.by_folder = dict[Path, typst.Compiler]()


_compilers = _Compilers()


def _compiler(folder: Path) -> typst.Compiler:
    """The compiler of this thread for the templates in *folder*."""
    found = _compilers.by_folder.get(folder)
    if found is None:
        found = typst.Compiler(
            root=folder, font_paths=[FONTS], ignore_system_fonts=True
        )
        _compilers.by_folder[folder] = found
    return found


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
