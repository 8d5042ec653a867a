"""The format of a backup: a tar archive with a manifest as its last member.

Members, in this order:

* `iku-backup`: the format's name and version;
* `database.dump`: the database, in the custom format of pg_dump;
* `attachments/…`: the sealed files; those in quarantine in `attachments/quarantine/`;
* `manifest.json`: size and SHA-256 of each member, and the requirements of a restore.

The hash of the manifest identifies the backup. The file is streamed, so a backup needs
no further disk space.
"""

import re
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from hashlib import sha256
from typing import IO, TypeAlias

import msgspec
from msgspec import Struct

from iku import messages
from iku.messages import message

MARK = "iku-backup"
VERSION = 1
DUMP = "database.dump"
MANIFEST = "manifest.json"
FILE = re.compile(
    r"attachments/(?:quarantine/)?[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.sealed"
)
BLOCK = 1 << 20  # bytes
_SECTOR = tarfile.BLOCKSIZE

Take: TypeAlias = Callable[[bytes], None]


class UnreadableBackup(Exception):
    """The file is not a backup, or is damaged; the message states why."""


class ArchiveMember(Struct, frozen=True, forbid_unknown_fields=True):
    """A member: its size in bytes and its SHA-256 (hexadecimal)."""

    size: int
    sha256: str


class Manifest(Struct, frozen=True):
    """The manifest of a backup.

    Attributes:
        version: Version of the format.
        iku: The program's version.
        made_at: Time of the backup, by the machine's clock.
        server: PostgreSQL's version.
        migrations: Applied migrations.
        owner: The role that owns the schema.
        size: Number of events in the log.
        epochs: The epochs whose keys decrypt its texts. The keys are not included.
        members: The members by name.
    """

    version: int
    iku: str
    made_at: datetime
    server: str
    migrations: list[str]
    owner: str
    size: int
    epochs: list[str]
    members: dict[str, ArchiveMember]

    @property
    def files(self) -> list[str]:
        """The names of the members that are sealed files."""
        return [name for name in self.members if FILE.fullmatch(name)]


class Writer:
    """Writes the members of an archive, one after the other.

    Attributes:
        members: The members written so far.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.members: dict[str, ArchiveMember] = {}
        with self.member(MARK) as write_block:
            write_block(f"{MARK} {VERSION}\n".encode())

    @contextmanager
    def member(self, name: str) -> Iterator[Take]:
        """A function that writes the blocks of a member, which may have any size."""
        header = self._file.tell()
        self._file.write(bytes(_SECTOR))
        digest, size = sha256(), 0

        def write_block(block: bytes) -> None:
            nonlocal size
            self._file.write(block)
            digest.update(block)
            size += len(block)

        yield write_block
        self._file.write(bytes(-size % _SECTOR))
        end = self._file.tell()
        self._file.seek(header)
        self._file.write(_header(name, size))
        self._file.seek(end)
        self.members[name] = ArchiveMember(size, digest.hexdigest())

    def close(self, manifest: Manifest) -> str:
        """Write *manifest* as the last member, and return its SHA-256."""
        raw = msgspec.json.format(msgspec.json.encode(manifest), indent=1)
        with self.member(MANIFEST) as write_block:
            write_block(raw)
        self._file.write(bytes(2 * _SECTOR))
        return sha256(raw).hexdigest()


class Archive:
    """An archive whose bytes were all verified against its manifest.

    Attributes:
        digest: The manifest's SHA-256.
    """

    def __init__(self, file: IO[bytes]) -> None:
        """Read all of *file*, which must stay open as long as the archive is used.

        Raises:
            UnreadableBackup: The file is not a backup, or is damaged or truncated.
        """
        self._file = file
        self._places: dict[str, tuple[int, int]] = {}
        found, raw = self._read()
        self.digest = sha256(raw).hexdigest()
        try:
            self.manifest = msgspec.json.decode(raw, type=Manifest)
        except msgspec.MsgspecError as error:
            raise UnreadableBackup(
                message(
                    "the manifest cannot be read: {error}",
                    error=messages.error_message(error),
                )
            ) from error
        self._check_members(found)

    def blocks(self, name: str) -> Iterator[bytes]:
        """The content of a member, block by block."""
        begin, left = self._places[name]
        while left:
            self._file.seek(begin)
            block = self._file.read(min(left, BLOCK))
            if not block:
                raise UnreadableBackup(message("{name} is truncated", name=name))
            begin, left = begin + len(block), left - len(block)
            yield block

    def _read(self) -> tuple[dict[str, ArchiveMember], bytes]:
        """The size and digest of each member as found, and the manifest's bytes."""
        found: dict[str, ArchiveMember] = {}
        raw = b""
        try:
            with tarfile.open(fileobj=self._file, mode="r:") as tar:
                for one in tar:
                    if not found:
                        self._refuse_unknown_format(one)
                    if (
                        not one.isreg()
                        or one.name in found
                        or not _is_known_member(one.name)
                    ):
                        raise UnreadableBackup(
                            message(
                                "the backup has a member {name!r} that the manifest "
                                "does not list",
                                name=one.name,
                            )
                        )
                    self._places[one.name] = (one.offset_data, one.size)
                    found[one.name], content = self._digest_member(one.name)
                    raw = content if one.name == MANIFEST else raw
        except tarfile.TarError as error:
            raise UnreadableBackup(
                message(
                    "the file is not a backup of iku, or is truncated: {error}",
                    error=messages.error_message(error),
                )
            ) from error
        if next(reversed(found), None) != MANIFEST:
            raise UnreadableBackup(
                message("the file ends before the manifest: it is incomplete")
            )
        return found, raw

    def _refuse_unknown_format(self, first: tarfile.TarInfo) -> None:
        wanted = f"{MARK} {VERSION}\n".encode()
        self._file.seek(first.offset_data)
        if first.name != MARK:
            raise UnreadableBackup(message("the file is not a backup of iku"))
        said = self._file.read(min(first.size, BLOCK))
        if said != wanted:
            raise UnreadableBackup(
                message(
                    "the backup has format {found!r}, but this program reads {known!r}",
                    found=said[:40].decode(errors="replace").strip(),
                    known=wanted.decode().strip(),
                )
            )

    def _digest_member(self, name: str) -> tuple[ArchiveMember, bytes]:
        digest, kept = sha256(), b""
        for block in self.blocks(name):
            digest.update(block)
            kept = kept + block if name == MANIFEST else b""
        return ArchiveMember(self._places[name][1], digest.hexdigest()), kept

    def _check_members(self, found: dict[str, ArchiveMember]) -> None:
        listed = self.manifest.members
        for name in [*listed, *found]:
            if name == MANIFEST:
                continue
            if listed.get(name) != found.get(name):
                raise UnreadableBackup(
                    message(
                        "{name} does not match its size or SHA-256 in the manifest",
                        name=name,
                    )
                )


def _is_known_member(name: str) -> bool:
    return name in {MARK, DUMP, MANIFEST} or bool(FILE.fullmatch(name))


def _header(name: str, size: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o600
    return info.tobuf(tarfile.GNU_FORMAT)
