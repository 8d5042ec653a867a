"""Copies of signed checkpoints in a folder that another office holds.

Each checkpoint is one new file and is never overwritten, so the other office keeps what
this office could later delete from its database. The name begins with the size.
"""

import asyncio
import re
from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from iku.ledger import checkpoint, checkpoint_store, cosignature_store, durable_files
from iku.ledger import note as notes
from iku.ledger.log import Reader

MOST = 1_000  # missed checkpoints that are copied in a round
_NAME = re.compile(r"(\d{12,19})-[0-9a-f]{16}\.checkpoint")


async def copy(connection: Reader, folder: Path, signed: str) -> int:
    """Copy the note *signed* with its cosignatures; return the number of new files.

    Checkpoints that were missed since the last copy are also copied.

    Raises:
        OSError: The folder cannot be written.
    """
    sizes = await asyncio.to_thread(lambda: list(_sizes(folder)))
    count = 0
    if sizes:
        missed = checkpoint_store.checkpoints_after(connection, max(sizes), MOST)
        async for one in missed:
            count += await _write(folder, one.note, one.cosignatures)
    lines = await cosignature_store.cosignature_lines(connection, _size(signed), signed)
    return count + await _write(folder, signed, lines)


def _sizes(folder: Path) -> Iterator[int]:
    """The sizes of the copies in the folder."""
    for path in folder.iterdir():
        if found := _NAME.fullmatch(path.name):
            yield int(found[1])


async def _write(folder: Path, signed: str, cosignatures: tuple[str, ...]) -> bool:
    """Write a checkpoint unless it exists; return whether it was written."""
    digest = sha256(signed.encode()).hexdigest()[:16]
    path = folder / f"{_size(signed):012}-{digest}.checkpoint"
    if path.exists():
        return False
    content = (signed + "".join(cosignatures)).encode()
    await asyncio.to_thread(durable_files.write, path, content)
    with suppress(OSError):  # a mounted share may have no modes
        path.chmod(0o444)
    return True


def _size(signed: str) -> int:
    return checkpoint.parse(notes.parse(signed.encode()).text).size
