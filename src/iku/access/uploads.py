"""Uploaded files, kept encrypted between the steps of a form.

A file is kept for the account that uploaded it, under its SHA-256, so the next step
gets the same content or none. It is a temporary file without a name, encrypted under a
key that exists only in this process: a restart, or an hour, ends it.
"""

import asyncio
import io
import os
import tempfile
import time
from collections.abc import Callable
from hashlib import sha256
from typing import Any, BinaryIO, NamedTuple
from weakref import finalize

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

BLOCK = 64 * 1024  # bytes that are encrypted together
TAG = 16  # bytes that the encryption adds to a block
LIFETIME_S = 3600
OF_ACCOUNT = 3  # files kept for an account
IN_ALL = 32  # files kept for all accounts


class SealedFile:
    """A temporary file that is written once, and then read by any number of readers."""

    def __init__(self) -> None:
        self._cipher = AESGCM(os.urandom(32))
        self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - read later
        finalize(self, self._file.close)
        self._digest = sha256()
        self._rest = b""
        self._blocks = 0
        self.length = 0

    def write(self, data: bytes) -> None:
        """Append *data*; only before the first `open`."""
        self._digest.update(data)
        self.length += len(data)
        self._rest += data
        while len(self._rest) >= BLOCK:
            self._seal(self._rest[:BLOCK])
            self._rest = self._rest[BLOCK:]

    def open(self) -> BinaryIO:
        """A reader of the whole content."""
        if self._rest:
            self._seal(self._rest)
            self._rest = b""
        return io.BufferedReader(_Reader(self), BLOCK)

    @property
    def sha256(self) -> str:
        """The SHA-256 of the content, in hexadecimal."""
        return self._digest.hexdigest()

    def block(self, index: int) -> bytes:
        """The content of a block; empty after the last one."""
        sealed = os.pread(self._file.fileno(), BLOCK + TAG, index * (BLOCK + TAG))
        return self._cipher.decrypt(_nonce(index), sealed, None) if sealed else b""

    def _seal(self, content: bytes) -> None:
        self._file.write(self._cipher.encrypt(_nonce(self._blocks), content, None))
        self._blocks += 1


def _nonce(index: int) -> bytes:
    """The nonce of a block; the key is of one file, so no nonce is used twice."""
    return index.to_bytes(12)


class _Reader(io.RawIOBase):
    def __init__(self, of: SealedFile) -> None:
        self._of = of
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._of.length}
        self._at = base[whence] + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        index, skipped = divmod(self._at, BLOCK)
        into = memoryview(buffer)
        content = self._of.block(index)[skipped : skipped + len(into)]
        into[: len(content)] = content
        self._at += len(content)
        return len(content)


class Upload(NamedTuple):
    """An uploaded file, with the name and the media type that the browser sent.

    Name, media type and content are empty if the user chose no file.
    """

    name: str
    media_type: str
    file: SealedFile

    @property
    def content(self) -> bytes:
        """The whole content."""
        return self.file.open().read()

    @property
    def is_missing(self) -> bool:
        """Whether no file was chosen."""
        return not (self.name or self.file.length)


class Uploads:
    """The files that are kept in this process.

    Attributes:
        turn: The lock under which files are checked and recorded, one at a time.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: dict[tuple[str, str], tuple[float, Upload]] = {}
        self.turn = asyncio.Lock()

    def keep(self, account: str, upload: Upload) -> None:
        """Keep the file for the account, and drop the oldest files above the limit."""
        self._expire()
        key = account, upload.file.sha256
        self._kept.pop(key, None)
        self._kept[key] = self._clock() + LIFETIME_S, upload
        own = [one for one in self._kept if one[0] == account]
        for one in own[:-OF_ACCOUNT]:
            del self._kept[one]
        for one in [*self._kept][:-IN_ALL]:
            del self._kept[one]

    def find(self, account: str, digest: str) -> Upload | None:
        """The file with this SHA-256; None if it is not kept for the account."""
        self._expire()
        found = self._kept.get((account, digest))
        return None if found is None else found[1]

    def _expire(self) -> None:
        now = self._clock()
        for key, (until, _) in [*self._kept.items()]:
            if until <= now:
                del self._kept[key]
