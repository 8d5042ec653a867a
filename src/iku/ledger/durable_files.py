"""Durable writes, secret files and folder locks."""

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from iku.messages import message


class InsecurePermissions(Exception):
    """A file or folder is accessible to other users, or belongs to another user."""


class FolderInUse(Exception):
    """Another process holds the lock on the folder."""


def write(path: Path, content: bytes) -> None:
    """Write a file atomically and durably: it is on disk when the call returns.

    The file's mode is 0600.
    """
    with naming_file_in_errors(path), atomic_writer(path) as file:
        file.write(content)


@contextmanager
def naming_file_in_errors(path: Path) -> Iterator[None]:
    """Add *path* to an `OSError` that names no file, such as that of a full disk."""
    try:
        yield
    except OSError as error:
        if error.errno is not None and error.filename is None:
            error.filename = str(path)
        raise


@contextmanager
def atomic_writer(path: Path) -> Iterator[IO[bytes]]:
    """A file object whose content replaces *path* when the block ends (see `write`)."""
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    file = os.fdopen(os.open(part, flags, 0o600), "wb")
    try:
        yield file
        file.flush()
        os.fsync(file.fileno())
        file.close()
        rename(part, path)
    finally:
        # On a full disk, closing fails again and would hide the first error.
        with suppress(OSError):
            file.close()
        part.unlink(missing_ok=True)


def rename(source: Path, target: Path) -> None:
    """Rename within a folder, durably: the folder is flushed to disk."""
    source.replace(target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def read_if_exists(path: Path) -> bytes | None:
    """The content of *path*; None if the file does not exist."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def refuse_insecure(path: Path) -> None:
    """Refuse a path that other users can access, or that belongs to another user.

    Raises:
        InsecurePermissions: The message contains the command that corrects it.
        FileNotFoundError: The path does not exist.
    """
    found = path.stat()
    mode = stat.S_IMODE(found.st_mode)
    if mode & 0o077:
        raise InsecurePermissions(
            message(
                "{path} is accessible to other users (mode {mode}), but only its "
                "owner may access it: run chmod {wanted} {path}",
                path=path,
                mode=f"{mode:04o}",
                wanted="700" if stat.S_ISDIR(found.st_mode) else "600",
            )
        )
    if found.st_uid != os.geteuid():
        raise InsecurePermissions(
            message(
                "{path} belongs to user {owner}, but the program runs as user {user}: "
                "run it as user {owner}, or run chown {user} {path}",
                path=path,
                owner=found.st_uid,
                user=os.geteuid(),
            )
        )


def read_secret(path: Path) -> str:
    """The text of *path*, without a final line feed.

    Raises:
        InsecurePermissions: Other users can access the file, or own it.
        FileNotFoundError: The file does not exist.
    """
    refuse_insecure(path)
    return path.read_text("utf-8").removesuffix("\n")


@contextmanager
def exclusive_lock(folder: Path, *, wait: bool = False) -> Iterator[None]:
    """Hold an exclusive lock on *folder*, which is created if it is missing.

    Raises:
        FolderInUse: Another process holds the lock and *wait* is false.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    with os.fdopen(file, "r+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError as error:
            raise FolderInUse(
                message("another process holds the lock of {folder}", folder=folder)
            ) from error
        yield
