"""Files that must survive a crash, be ours alone, or be read by nobody else."""

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO


class InsecurePermissions(Exception):
    """A file that holds a secret can be read by others."""


class FolderInUse(Exception):
    """Another process works with the same folder."""


def write(path: Path, content: bytes) -> None:
    """Put *content* at *path*, whole or not at all, and on disk once this returns.

    Only its owner may read the file.
    """
    with naming(path), writing(path) as file:
        file.write(content)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Name *path* in an error of writing: the system names only what it cannot open."""
    try:
        yield
    except OSError as error:
        if error.errno is not None and error.filename is None:
            error.filename = str(path)
        raise


@contextmanager
def writing(path: Path) -> Iterator[IO[bytes]]:
    """A file that stands at *path* once all is in it: see `write`."""
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
        # Of a full disk it is told again, in place of the error under way.
        with suppress(OSError):
            file.close()
        part.unlink(missing_ok=True)


def rename(source: Path, target: Path) -> None:
    """Rename within a folder; a crash afterwards does not undo it."""
    source.replace(target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def read(path: Path) -> bytes | None:
    """What is at *path*; None where there is no file."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def read_secret(path: Path) -> str:
    """What is at *path*, without its last line feed.

    Raises:
        Exposed: Its group or others may read or change it.
        FileNotFoundError: There is no such file.
    """
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise InsecurePermissions(
            f"{path} can be used by others (mode {mode:04o}); make it yours: "
            f"chmod 600 {path}"
        )
    return path.read_text("utf-8").removesuffix("\n")


@contextmanager
def alone(folder: Path, *, wait: bool = False) -> Iterator[None]:
    """Hold *folder*, which is made if need be, for this user of it alone.

    Raises:
        InUse: Another one holds it, and we are not to *wait*.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError as error:
            raise FolderInUse(f"another process is working in {folder}") from error
        yield
