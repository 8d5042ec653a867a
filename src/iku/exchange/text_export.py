"""Texts in clear, for an auditor who is to read them: with the salts they verify by.

A line each, as docs/ledger-format.md has it; `iku-verify bundle … --texts` holds them
against the records. Whoever has the file can read it, and no erasure reaches it.
"""

from collections.abc import AsyncIterable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TypeAlias

import msgspec
from msgspec import Struct

from iku.exchange.bundle import BundleWriteError
from iku.ledger import durable_files
from iku.queries.text_check import HeldText, TextCounts
from iku.vault.sealing import Opened

Name: TypeAlias = Callable[[HeldText], None]


class TextExportResult(Struct, frozen=True):
    """What was written to *file*: of the log's first *size* events, how many texts."""

    file: str
    size: int
    texts: TextCounts


async def export(found: AsyncIterable[HeldText], path: Path, name: Name) -> TextCounts:
    """Write what of *found* opened to *path*; *name* is told of each.

    Whatever *found* raises leaves nothing of the file.

    Raises:
        Unwritable: There is such a file already, or no room on the disk.
    """
    tally = TextCounts()
    with _new(path) as file:
        async for held in found:
            tally = tally.with_one(held)
            name(held)
            with _plain_errors(path):
                _write(file, held)
        with _plain_errors(path):
            file.flush()
    return tally


@contextmanager
def _new(path: Path) -> Iterator[IO[bytes]]:
    if path.exists():
        raise BundleWriteError(f"{path} is there already")
    with durable_files.writing(path) as file:
        yield file


def _write(file: IO[bytes], held: HeldText) -> None:
    if isinstance(held.fate, Opened):
        told = {
            "event": held.event,
            "field": held.field,
            "salt": held.fate.salt.hex(),
            "text": held.fate.text,
        }
        file.write(msgspec.json.encode(told, order="sorted") + b"\n")


@contextmanager
def _plain_errors(path: Path) -> Iterator[None]:
    """Name the file: an error of writing does not, and might be the database's."""
    try:
        yield
    except OSError as error:
        raise BundleWriteError(f"{path}: {error.strerror}") from error
