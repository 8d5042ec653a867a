"""Files that were attached: ciphertext in a folder, a key for each in the vault.

A file is on the disk, whole, before the event that tells of it is appended; one of
which no event tells in the end is swept away when the program starts.
"""

import os
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from uuid import UUID, uuid4

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from iku.vault.keys import LENGTH
from iku.vault.sealing import NONCE, Damaged, context

MOST = 10 << 20  # bytes of a file
UPLOADING_S = 3_600.0  # how long an event may follow its file


class FilesError(Exception):
    """The folder of attachments cannot be used; the sentence says why."""


class Filed(NamedTuple):
    """A file as it was put away: its name on the disk, and its key."""

    name: UUID
    key: bytes


class Files:
    """The files of one folder, which is made on first use."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, content: bytes) -> Filed:
        """Put *content* away, sealed, and wait until the disk has it."""
        filed, nonce = Filed(uuid4(), os.urandom(LENGTH)), os.urandom(NONCE)
        sealed = AESGCM(filed.key).encrypt(nonce, content, _bound(filed.name))
        with _plain_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            path = self._path(filed.name)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
            with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
                file.write(nonce + sealed)
                file.flush()
                os.fsync(file.fileno())
            _sync(self.folder)
        return filed

    def get(self, filed: Filed) -> bytes:
        """The content of that file.

        Raises:
            Damaged: It is not there, or not what was put away.
        """
        try:
            sealed = self._path(filed.name).read_bytes()
            nonce, rest = sealed[:NONCE], sealed[NONCE:]
            return AESGCM(filed.key).decrypt(nonce, rest, _bound(filed.name))
        except (OSError, InvalidTag, ValueError) as error:
            raise Damaged(f"file {filed.name} is not what was put away") from error

    def remove(self, names: Iterable[UUID]) -> None:
        """Remove files; those that are not there are passed over."""
        with _plain_errors(self.folder):
            for name in names:
                self._path(name).unlink(missing_ok=True)

    def sweep(self, live: Collection[UUID]) -> int:
        """Remove what is not *live*, and no upload under way; how many it were."""
        with _plain_errors(self.folder):
            stale = [
                path
                for path in self.folder.glob("*.sealed")
                if path.stem not in {str(name) for name in live}
                if time.time() - path.stat().st_mtime > UPLOADING_S
            ]
            for path in stale:
                path.unlink(missing_ok=True)
        return len(stale)

    def _path(self, name: UUID) -> Path:
        return self.folder / f"{name}.sealed"


def _bound(name: UUID) -> bytes:
    return context(b"iku/file/v1\0", str(name))


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _plain_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        named = error.filename or "a file"
        raise FilesError(
            f"the folder of attachments, {folder}: {named}: {error.strerror}"
        ) from error
