"""Attached files: ciphertext in a folder, and a key for each file in the vault.

A file is written durably before the event that attaches it is appended. A file that no
event names is not deleted, because the database may have been restored from an older
dump. It is moved to a subfolder, the quarantine, and can still be read there.
"""

import errno
import os
import stat
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import NamedTuple
from uuid import UUID, uuid4

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import Struct

from iku.messages import message
from iku.vault.keys import LENGTH
from iku.vault.sealing import NONCE, TextDamaged, context

MOST = 10 << 20  # bytes of a file
UPLOADING_S = 3_600.0  # longest time between a file and the event that attaches it
PAGE = 1_000  # files in a page of a listing
QUARANTINE = "quarantine"
SUFFIX = ".sealed"
SETTLED_S = 2.0  # resolution assumed for a folder's time of modification


class FilesError(Exception):
    """The attachment folder cannot be used; the message has the reason."""


class FileReference(NamedTuple):
    """A stored file: its name on the disk and its key."""

    name: UUID
    key: bytes


class StoredFile(NamedTuple):
    """A file in the folder or in quarantine.

    *written* is the Unix time in seconds at which the file was stored; a move does not
    change it.
    """

    name: UUID
    bytes: int
    written: float

    @property
    def is_stale(self) -> bool:
        """Whether the file is too old to belong to an upload in progress."""
        return time.time() - self.written > UPLOADING_S


class QuarantineSummary(Struct, frozen=True):
    """The number, size and age of the files in quarantine.

    Attributes:
        files: Number of files.
        bytes: Total size of the files.
        oldest: When the oldest file was stored; null if there are no files.
    """

    files: int = 0
    bytes: int = 0
    oldest: datetime | None = None


class Files:
    """The files of one folder, which is created on first use, and its quarantine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.quarantine = folder / QUARANTINE
        self._seen: tuple[int, QuarantineSummary] | None = None

    def put(self, content: bytes) -> FileReference:
        """Encrypt *content* under a new key and store it durably."""
        filed, nonce = FileReference(uuid4(), os.urandom(LENGTH)), os.urandom(NONCE)
        sealed = AESGCM(filed.key).encrypt(nonce, content, _associated_data(filed.name))
        with _as_files_error(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            path = self._path(filed.name)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
            with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
                file.write(nonce + sealed)
                file.flush()
                os.fsync(file.fileno())
            _sync(self.folder)
        return filed

    def get(self, filed: FileReference) -> bytes:
        """Read and decrypt a file, from the folder or the quarantine.

        The key authenticates both content and name, so only the file that was stored is
        returned.

        Raises:
            TextDamaged: The file is missing, or not the one that was stored.
        """
        # The folder is tried again last: the file may be restored between the reads.
        for path in (*self._paths(filed.name), self._path(filed.name)):
            try:
                sealed = path.read_bytes()
                nonce, rest = sealed[:NONCE], sealed[NONCE:]
                return AESGCM(filed.key).decrypt(
                    nonce, rest, _associated_data(filed.name)
                )
            except (OSError, InvalidTag, ValueError):
                continue
        raise TextDamaged(
            message(
                "file {name} differs from the file that was stored", name=filed.name
            )
        )

    def remove(self, names: Iterable[UUID]) -> int:
        """Delete files from the folder and the quarantine; return the number deleted.

        Names without a file are ignored.
        """
        removed = 0
        with _as_files_error(self.folder):
            for name in names:
                # The folder is tried again last, as in `get`.
                for path in (*self._paths(name), self._path(name)):
                    removed += _unlink(path)
            if removed:
                self._sync_both()
        return removed

    def delete_quarantined(self, names: Iterable[UUID]) -> int:
        """Delete files from the quarantine; return the number deleted."""
        with _as_files_error(self.folder):
            removed = sum(_unlink(self._paths(name)[1]) for name in names)
            if removed:
                _sync(self.quarantine)
        return removed

    def list_stored(self) -> Iterator[list[StoredFile]]:
        """The files of the folder, in pages.

        Files may be moved while they are listed.
        """
        return _pages(self._scan(self.folder))

    def list_quarantined(self) -> Iterator[list[StoredFile]]:
        """The files in quarantine, in pages."""
        return _pages(self._scan(self.quarantine))

    def find(self, names: Iterable[UUID]) -> list[StoredFile]:
        """The named files that are in quarantine."""
        with _as_files_error(self.folder):
            paths = [self._paths(name)[1] for name in names]
            found = [_stored_file(path.name, path) for path in paths]
        return [stored for stored in found if stored is not None]

    def move_to_quarantine(self, names: Sequence[UUID]) -> int:
        """Move files from the folder to the quarantine; return the number moved."""
        if not names:
            return 0
        with _as_files_error(self.folder):
            self.quarantine.mkdir(exist_ok=True, mode=0o700)
            return self._move(self.folder, self.quarantine, names)

    def restore(self, names: Sequence[UUID]) -> int:
        """Move files from the quarantine to the folder; return the number moved.

        A file whose name exists in the folder is not moved, so no copy is lost.
        """
        if not names:
            return 0
        with _as_files_error(self.folder):
            return self._move(self.quarantine, self.folder, names)

    def summary(self) -> QuarantineSummary:
        """The summary of the quarantine, cached until the quarantine is modified."""
        with _as_files_error(self.folder):
            try:
                changed = self.quarantine.stat().st_mtime_ns
            except (FileNotFoundError, NotADirectoryError):
                return QuarantineSummary()
            if self._seen is not None and self._seen[0] == changed:
                return self._seen[1]
            began = time.time()
            found = self._compute_summary()
            if began - changed / 1e9 > SETTLED_S:
                self._seen = changed, found
            return found

    def _compute_summary(self) -> QuarantineSummary:
        count, size, oldest = 0, 0, float("inf")
        for one in self._scan(self.quarantine):
            count, size = count + 1, size + one.bytes
            oldest = min(oldest, one.written)
        when = datetime.fromtimestamp(oldest, UTC) if count else None
        return QuarantineSummary(count, size, when)

    def _move(self, source: Path, target: Path, names: Iterable[UUID]) -> int:
        """Rename the files; after a crash each is complete in one of the folders."""
        moved = 0
        for name in names:
            old, new = source / f"{name}{SUFFIX}", target / f"{name}{SUFFIX}"
            if new.exists():
                continue
            try:
                old.rename(new)
            except FileNotFoundError:  # another process was faster
                continue
            moved += 1
        if moved:
            # The target first: otherwise a crash could lose both directory entries.
            _sync(target)
            _sync(source)
        return moved

    def _scan(self, folder: Path) -> Iterator[StoredFile]:
        with _as_files_error(self.folder):
            try:
                opened = os.scandir(folder)
            except FileNotFoundError:
                return
            with opened as entries:
                for entry in entries:
                    if (stored := _stored_file(entry.name, entry)) is not None:
                        yield stored

    def _sync_both(self) -> None:
        for folder in (self.folder, self.quarantine):
            if folder.is_dir():
                _sync(folder)

    def _path(self, name: UUID) -> Path:
        return self.folder / f"{name}{SUFFIX}"

    def _paths(self, name: UUID) -> tuple[Path, Path]:
        """The file's path in the folder and its path in quarantine."""
        return self._path(name), self.quarantine / f"{name}{SUFFIX}"


def _associated_data(name: UUID) -> bytes:
    return context(b"iku/file/v1\0", str(name))


def _parse_name(entry: str) -> UUID | None:
    """The name of an encrypted file; None if the entry is not in canonical form."""
    stem = entry.removesuffix(SUFFIX)
    try:
        name = UUID(stem)
    except ValueError:
        return None
    return name if entry == f"{name}{SUFFIX}" else None


def _stored_file(entry: str, at: Path | os.DirEntry[str]) -> StoredFile | None:
    """The stored file of a directory entry; None for any other entry."""
    if (name := _parse_name(entry)) is None:
        return None
    try:
        found = at.stat(follow_symlinks=False)
    except (FileNotFoundError, NotADirectoryError):
        return None
    if not stat.S_ISREG(found.st_mode):
        return None
    return StoredFile(name, found.st_size, found.st_mtime)


def _pages(found: Iterator[StoredFile]) -> Iterator[list[StoredFile]]:
    while page := list(islice(found, PAGE)):
        yield page


def _unlink(path: Path) -> bool:
    try:
        path.unlink()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _as_files_error(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        named = error.filename or message("a file")
        why: str | None = error.strerror
        if error.errno == errno.EXDEV:
            why = message(
                "the subfolder {folder} must be on the same file system as the folder",
                folder=QUARANTINE,
            )
        raise FilesError(
            message(
                "attachment folder {folder}: {name}: {reason}",
                folder=folder,
                name=named,
                reason=why,
            )
        ) from error
