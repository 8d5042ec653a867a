"""The key folder, which is outside the database and excluded from its backups.

It holds

* `2026-11.key`, …: the key-encryption key of an epoch, which wraps the database's data
  keys. A new epoch begins with the first text encrypted in a month. Once all data keys
  are rewrapped (`iku keys rotate`), an old epoch's key can be destroyed. The wrapped
  data keys in older backups are then useless.
* `digest.key`: the HMAC key of the hashes that identify a command's content. Without a
  key, a short clear text could be guessed from its hash.
* `erased.jsonl`: every erasure, so that a backup restored from before an erasure does
  not bring the erased texts back.
"""

import base64
import fcntl
import os
import re
import secrets
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import IO, Any

import msgspec
from msgspec import Struct

from iku import messages
from iku.messages import message

LENGTH = 32  # bytes of a key: AES-256, HMAC-SHA-256
DIGEST = "digest"
ERASED = "erased.jsonl"
EPOCH = re.compile(r"([0-9]{4}-[0-9]{2})(?:\.([0-9]+))?")


class KeysError(Exception):
    """The key folder cannot be used; the message has the reason."""


class ErasureEntry(Struct, frozen=True):
    """An erasure, with the fields by which it can be recorded again.

    Attributes:
        log: Identity of the log: the leaf hash of its first event, hexadecimal.
    """

    log: str
    subject: str
    command: str
    actor: str
    decision: str
    legal_basis: str
    effective_on: date | None


def _hmac_states(key: bytes) -> tuple[Any, Any]:
    """The inner and outer hash states of HMAC-SHA-256 under *key*.

    RFC 2104, section 4: precomputing both cuts the time of a digest to a third.
    """
    block = key.ljust(sha256().block_size, b"\0")
    inner = sha256(bytes(byte ^ 0x36 for byte in block))
    return inner, sha256(bytes(byte ^ 0x5C for byte in block))


class Keys:
    """The keys of one folder, which is created on first use."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._read: dict[str, bytes] = {}
        with _as_keys_error(folder):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            _refuse_open_to_others(folder)
        self._inner, self._outer = _hmac_states(self._load_or_generate(DIGEST))

    def digest(self, content: bytes) -> bytes:
        """The HMAC of *content* under the folder's digest key."""
        inner, kek = self._inner.copy(), self._outer.copy()
        inner.update(content)
        kek.update(inner.digest())
        made: bytes = kek.digest()
        return made

    def epochs(self) -> list[str]:
        """Names of the epochs whose keys the folder holds, oldest first."""
        with _as_keys_error(self.folder):
            # Every append lists the keys, and `glob` takes several times as long.
            files = [*self.folder.iterdir()]
        names = (file.stem for file in files if file.suffix == ".key")
        return sorted((n for n in names if EPOCH.fullmatch(n)), key=_epoch_sort_key)

    def current_epoch(self, today: date) -> tuple[str, bytes]:
        """Name and key of the current epoch; the key is generated if it is missing.

        Raises:
            KeysError: The key cannot be read or written.
        """
        name = self.current_epoch_name(today)
        return name, self._load_or_generate(name)

    def current_epoch_name(self, today: date) -> str:
        """Name of the current epoch, whether or not its key exists."""
        # Never an earlier epoch, even if the clock is set back.
        return max((f"{today:%Y-%m}", *self.epochs()), key=_epoch_sort_key)

    def start_epoch(self, today: date, taken: Iterable[str] = ()) -> str:
        """Start the next epoch of the month, with a name that is not in *taken*."""
        month = f"{today:%Y-%m}"
        names = {*self.epochs(), *taken}
        ours = [_epoch_sort_key(name)[1] for name in names if name.startswith(month)]
        name = f"{month}.{max(ours) + 1}" if ours else month
        self._load_or_generate(name)
        return name

    def key(self, epoch: str) -> bytes | None:
        """The key of *epoch*; None if it is missing or malformed."""
        try:
            return self._load(epoch)
        except KeysError:
            return None

    def destroy(self, epoch: str) -> None:
        """Overwrite the key of *epoch* and delete the file.

        Raises:
            KeysError: The folder does not hold the key.
        """
        path = self._path(epoch)
        with _as_keys_error(self.folder):
            # A copy-on-write file system may keep the old block nevertheless.
            _write(path, os.urandom(path.stat().st_size), os.O_WRONLY)
            path.unlink()
            _sync(self.folder)
        self._read.pop(epoch, None)

    def append_erasure(self, erased: ErasureEntry) -> None:
        """Append an erasure to `erased.jsonl`, durably."""
        line = msgspec.json.encode(erased) + b"\n"
        with _as_keys_error(self.folder), _exclusive_file(self.folder / ERASED) as file:
            # An incomplete last line is cut off, or it would corrupt this one.
            whole = file.read().rfind(b"\n") + 1
            file.truncate(whole)
            file.seek(whole)
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
            _sync(self.folder)

    def erasures(self) -> list[ErasureEntry]:
        """Every erasure in `erased.jsonl`, in order.

        Raises:
            KeysError: A line is malformed.
        """
        with _as_keys_error(self.folder):
            path = self.folder / ERASED
            lines = path.read_bytes().split(b"\n") if path.exists() else []
        # An incomplete last line was interrupted by a crash; the erasure is in the log
        # and is recorded again.
        return [_parse_entry(line, number) for number, line in enumerate(lines[:-1], 1)]

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.key"

    def _load(self, name: str) -> bytes:
        if name not in self._read:
            with _as_keys_error(self.folder):
                self._read[name] = _decode_key(self._path(name).read_bytes(), name)
        return self._read[name]

    def _load_or_generate(self, name: str) -> bytes:
        """The key named *name*, generated if it is missing."""
        with _as_keys_error(self.folder):
            if not self._path(name).exists():
                self._generate(name)
        return self._load(name)

    def _generate(self, name: str) -> None:
        # Linked, not renamed: if two processes generate it, both use the same key.
        part = self.folder / f".{name}.{secrets.token_hex(8)}"
        content = base64.b64encode(os.urandom(LENGTH)) + b"\n"
        _write(part, content, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        try:
            self._path(name).hardlink_to(part)
        except FileExistsError:
            pass
        finally:
            part.unlink()
        # A text encrypted under a key that a power failure removes is lost.
        _sync(self.folder)


def read_key(folder: Path, epoch: str) -> bytes | None:
    """The key of *epoch* in *folder*; None if it is missing or malformed.

    Unlike `Keys`, it generates and caches nothing.
    """
    if EPOCH.fullmatch(epoch) is None:
        return None
    try:
        return _decode_key((folder / f"{epoch}.key").read_bytes(), epoch)
    except (OSError, KeysError):
        return None


def _epoch_sort_key(epoch: str) -> tuple[str, int]:
    found = EPOCH.fullmatch(epoch)
    if found is None:
        raise KeysError(
            message(
                "{epoch} is not the name of an epoch; a name has the form 2026-11",
                epoch=epoch,
            )
        )
    return found[1], int(found[2] or 1)


def _decode_key(content: bytes, name: str) -> bytes:
    try:
        key = base64.b64decode(content.strip(), validate=True)
    except ValueError as error:
        raise KeysError(message("{name}.key is not a valid key", name=name)) from error
    if len(key) != LENGTH:
        raise KeysError(
            message(
                "{name}.key is not a valid key: it has {found} bytes, not {length}",
                name=name,
                found=len(key),
                length=LENGTH,
            )
        )
    return key


def _parse_entry(line: bytes, number: int) -> ErasureEntry:
    try:
        return msgspec.json.decode(line, type=ErasureEntry)
    except msgspec.DecodeError as error:
        raise KeysError(
            message(
                "{file}, line {line}, is not a valid erasure entry: {error}",
                file=ERASED,
                line=number,
                error=messages.error_message(error),
            )
        ) from error


@contextmanager
def _exclusive_file(path: Path) -> Iterator[IO[bytes]]:
    """The file, created if it is missing, under an exclusive lock."""
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file


def _write(path: Path, content: bytes, flags: int) -> None:
    with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _refuse_open_to_others(folder: Path) -> None:
    found = folder.stat()
    if found.st_uid != os.geteuid():
        raise KeysError(
            message(
                "the key folder {folder} belongs to user {owner}, but the program runs "
                "as user {user}: run it as user {owner}, or run chown {user} {folder}",
                folder=folder,
                owner=found.st_uid,
                user=os.geteuid(),
            )
        )
    if found.st_mode & 0o077:
        raise KeysError(
            message(
                "the key folder {folder} is accessible to other users (mode {mode}), "
                "but only its owner may access it: run chmod 700 {folder}",
                folder=folder,
                mode=f"{stat.S_IMODE(found.st_mode):04o}",
            )
        )


@contextmanager
def _as_keys_error(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        named = error.filename or "a file"
        raise KeysError(
            message(
                "key folder {folder}: {name}: {reason}",
                folder=folder,
                name=named,
                reason=error.strerror,
            )
        ) from error
