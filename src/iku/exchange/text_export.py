"""Export of decrypted texts for an auditor, with the salts to verify them.

One line per text, as specified in docs/ledger-format.md; `iku-verify bundle … --texts`
verifies them against the records. The file is not encrypted, and a later erasure does
not remove its texts.
"""

from collections.abc import AsyncIterable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TypeAlias

import msgspec
from msgspec import Struct

from iku.exchange.bundle import BundleWriteError
from iku.ledger import durable_files
from iku.messages import message
from iku.queries.text_check import TextCheckResult, TextCounts
from iku.vault.sealing import Opened

Report: TypeAlias = Callable[[TextCheckResult], None]


class TextExportResult(Struct, frozen=True):
    """The texts written to *file*, of the first *size* events of the log."""

    file: str
    size: int
    texts: TextCounts


async def export(
    found: AsyncIterable[TextCheckResult], path: Path, report: Report
) -> TextCounts:
    """Write the opened texts of *found* to *path*.

    *report* is called with each result. If *found* raises, the file is removed.

    Raises:
        BundleWriteError: The file already exists, or the disk is full.
    """
    tally = TextCounts()
    with _create_file(path) as file:
        async for held in found:
            tally = tally.with_one(held)
            report(held)
            with _plain_errors(path):
                _write_text(file, held)
        with _plain_errors(path):
            file.flush()
    return tally


@contextmanager
def _create_file(path: Path) -> Iterator[IO[bytes]]:
    if path.exists():
        raise BundleWriteError(message("{path} already exists", path=path))
    with durable_files.atomic_writer(path) as file:
        yield file


def _write_text(file: IO[bytes], held: TextCheckResult) -> None:
    if isinstance(held.outcome, Opened):
        line = {
            "event": held.event,
            "field": held.field,
            "salt": held.outcome.salt.hex(),
            "text": held.outcome.text,
        }
        file.write(msgspec.json.encode(line, order="sorted") + b"\n")


@contextmanager
def _plain_errors(path: Path) -> Iterator[None]:
    """Replace errors of writing the file by one with its name."""
    try:
        yield
    except OSError as error:
        raise BundleWriteError(
            message("{path}: {reason}", path=path, reason=error.strerror)
        ) from error
