"""Signing checkpoints, so that the log's history can no longer be denied.

The signer does not trust the database. It keeps the last checkpoint it signed in a file
of its own, reads and hashes the *bytes* of the records itself, and signs only a tree
that is consistent with that checkpoint. Otherwise it raises an alarm and refuses to
sign until an operator has removed the alarm.

Each round reads the records since the last full tile. A *full* round reads all of them,
and so finds a change in an old record.
"""

import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import msgspec
from msgspec import Struct

from iku import messages
from iku.ledger import (
    checkpoint,
    checkpoint_store,
    durable_files,
    note,
    proof_building,
    tile_cache,
    tree,
)
from iku.ledger.checkpoint import Checkpoint, encode_hash, parse_hash
from iku.ledger.log import Reader
from iku.ledger.note import Algorithm, Malformed, Note, SigningKey
from iku.ledger.tile import LENGTH, WIDTH, Tile
from iku.ledger.tile_cache import Tiles
from iku.ledger.tree import Frontier
from iku.messages import message

PAGE = 4 * WIDTH  # records that are read at a time


class LogTampered(Exception):
    """The records differ from a signed checkpoint; the message is the alarm's text."""


class AlarmRaised(Exception):
    """The signer refuses to sign; the message says why, and how to resume."""


class SignerNotReady(Exception):
    """The signer's folder is incomplete or unusable; the message says what to do."""


class SignerState(Struct, frozen=True, forbid_unknown_fields=True):
    """The last signed checkpoint and the Merkle tree's state at that size.

    Attributes:
        peaks: The roots of the full subtrees at that size, largest first (base64).
        note: The checkpoint with its signatures.
        vkey: The verifier key of the key that signs next.
    """

    peaks: tuple[str, ...]
    note: str
    vkey: str

    @property
    def checkpoint(self) -> Checkpoint:
        """The checkpoint, parsed from the note."""
        return checkpoint.parse(note.parse(self.note.encode()).text)

    @property
    def frontier(self) -> Frontier:
        """The tree at the signed size, to which leaves can be added."""
        return Frontier(self.checkpoint.size, map(parse_hash, self.peaks))


class SignerFolder(Struct, frozen=True):
    """The signer's folder, which is outside the database and its backups.

    It holds ``key``, ``state`` and, while an alarm is raised, ``ALARM``. During a key
    rotation it also holds ``key.next``; afterwards the old key is kept as
    ``key.retired-<key id>``.
    """

    folder: Path

    @property
    def alarm(self) -> Path:
        """The path of the alarm file; the signer resumes once it is removed."""
        return self.folder / "ALARM"

    def make_key(self, origin: str) -> SigningKey:
        """Generate the log's first key and write it to the folder.

        Raises:
            SignerNotReady: The folder holds a key already.
            Malformed: The origin is not valid as the name of a key.
        """
        path = self.folder / "key"
        if path.exists():
            raise SignerNotReady(
                message(
                    "{path} is there already; `iku signer rotate` changes it", path=path
                )
            )
        return self._make(path, origin)

    def key(self) -> SigningKey:
        """The key that signs.

        Raises:
            SignerNotReady: The key file is missing or malformed.
            InsecurePermissions: Other users can read the key file.
        """
        return self._read(self.folder / "key")

    def next_key(self) -> SigningKey:
        """The key that a rotation introduces; generated at the first call."""
        path = self.folder / "key.next"
        return self._read(path) if path.exists() else self._make(path, self.key().name)

    def complete_rotation(self) -> None:
        """Complete a key rotation: make ``key.next`` the key if the state names it.

        A crash during a rotation leaves ``key.next`` in the folder; the next start
        calls this.
        """
        upcoming, state = self.folder / "key.next", self.state()
        if state is None or not upcoming.exists():
            return
        if str(self._read(upcoming).verifier) == state.vkey:
            old = self.key().verifier
            retired = self.folder / f"key.retired-{old.key_id.hex()}"
            durable_files.write(retired, (self.folder / "key").read_bytes())
            durable_files.rename(upcoming, self.folder / "key")

    def state(self) -> SignerState | None:
        """The state after the last signature; None if nothing was signed yet.

        Raises:
            SignerNotReady: The file is damaged.
        """
        path = self.folder / "state"
        raw = durable_files.read(path)
        if raw is None:
            return None
        try:
            state = msgspec.json.decode(raw, type=SignerState)
            intact = state.frontier.root() == state.checkpoint.root
        except (msgspec.DecodeError, ValueError) as error:
            raise SignerNotReady(
                message(
                    "{path} is damaged: {error}", path=path, error=messages.of(error)
                )
            ) from error
        if not intact:
            raise SignerNotReady(
                message("{path} is damaged: its parts do not fit together", path=path)
            )
        return state

    def write_state(self, state: SignerState) -> None:
        """Write the state durably: it is on disk when this returns."""
        durable_files.write(self.folder / "state", msgspec.json.encode(state))

    def raise_alarm(self, sentence: str) -> None:
        """Write the alarm file: time, *sentence*, and the last signed checkpoint."""
        state = self.state()
        signed = state.note if state else "nothing was signed before\n"
        text = f"{datetime.now(UTC).isoformat()}\n{sentence}\n\n{signed}"
        durable_files.write(self.alarm, text.encode())

    def refuse_alarmed(self) -> None:
        """Refuse to continue while an alarm is raised.

        Raises:
            AlarmRaised: The alarm file exists.
        """
        text = self.alarm_sentence()
        if text is not None:
            raise AlarmRaised(
                message(
                    "there is an alarm: {reason}; once it is dealt with, remove "
                    "{alarm}",
                    reason=text,
                    alarm=self.alarm,
                )
            )

    def alarm_sentence(self) -> str | None:
        """The alarm's sentence; None without an alarm, or without permission to read.

        A database that was restored to an older state has lost the alarm's row; the
        file has not.
        """
        try:
            text = durable_files.read(self.alarm)
        except PermissionError:
            return None
        if text is None:
            return None
        _, _, rest = text.decode("utf-8", "replace").partition("\n")
        return rest.partition("\n")[0] or f"see {self.alarm}"

    def _make(self, path: Path, name: str) -> SigningKey:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = note.generate(name, Algorithm.NOTE)
        durable_files.write(path, f"{made.secret}\n".encode())
        return made

    def _read(self, path: Path) -> SigningKey:
        try:
            return note.parse_signing(durable_files.read_secret(path))
        except FileNotFoundError as error:
            raise SignerNotReady(
                message("there is no {path}; `iku signer key` makes one", path=path)
            ) from error
        except (Malformed, UnicodeDecodeError) as error:
            raise SignerNotReady(
                message(
                    "{path} holds no key: {error}", path=path, error=messages.of(error)
                )
            ) from error


class SigningResult(Struct, frozen=True):
    """The result of one round of signing.

    Attributes:
        size: Size of the last checkpoint.
        signed: Whether this round signed it.
        read: Number of records that were read and hashed.
    """

    size: int
    signed: bool
    read: int
    note: str


async def sign(
    connection: Reader, home: SignerFolder, origin: str, *, full: bool = False
) -> SigningResult:
    """Sign the log's current tree if it has grown; with *full*, reread every record.

    Raises:
        AlarmRaised: The log is not consistent with the last signed checkpoint. The
            alarm is written to a file and, if possible, to the database.
        SignerNotReady: The key or the state cannot be used.
    """
    home.complete_rotation()
    home.refuse_alarmed()
    return await _sign(connection, home, origin, [home.key()], full=full)


async def rotate(connection: Reader, home: SignerFolder, origin: str) -> SigningResult:
    """Rotate the key: the old and the new key sign a checkpoint, then only the new.

    Raises:
        AlarmRaised: As in `sign`.
        SignerNotReady: As in `sign`, or nothing was signed yet.
    """
    home.complete_rotation()
    home.refuse_alarmed()
    if home.state() is None:
        raise SignerNotReady(
            message("nothing is signed yet, so there is no key to change")
        )
    keys = [home.key(), home.next_key()]
    outcome = await _sign(connection, home, origin, keys, full=False)
    home.complete_rotation()
    return outcome


async def _sign(
    connection: Reader,
    home: SignerFolder,
    origin: str,
    keys: list[SigningKey],
    *,
    full: bool,
) -> SigningResult:
    state = home.state()
    _refuse_other(state, origin, keys[0])
    try:
        frontier, read = await _compute_tree(connection, state, full=full)
    except LogTampered as error:
        raise await raise_tamper_alarm(connection, home, str(error)) from error
    new = state is None or frontier.size > state.checkpoint.size or len(keys) > 1
    if new:
        state = _signed(frontier, origin, keys)
        # Written before it is published: after a crash the state may name a checkpoint
        # that was not published, but a published one is never missing from the state.
        home.write_state(state)
    assert state is not None  # noqa: S101 - it is new otherwise
    await _publish(connection, state, keys)
    return SigningResult(state.checkpoint.size, new, read, state.note)


async def raise_tamper_alarm(
    connection: Reader, home: SignerFolder, sentence: str
) -> AlarmRaised:
    """Raise the alarm in the file and the database, and return the exception."""
    home.raise_alarm(sentence)
    # The file is authoritative; a database under attack may reject the row.
    with contextlib.suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
        await checkpoint_store.record_alarm(connection, sentence, raised=True)
    return AlarmRaised(sentence)


def _refuse_other(state: SignerState | None, origin: str, key: SigningKey) -> None:
    if key.name != origin:
        raise SignerNotReady(
            message(
                "the key is that of {name}, but IKU_ORIGIN is {origin}",
                name=key.name,
                origin=origin,
            )
        )
    if state is None:
        return
    if state.checkpoint.origin != origin:
        raise SignerNotReady(
            message(
                "the state is that of the log {origin}", origin=state.checkpoint.origin
            )
        )
    if state.vkey != str(key.verifier):
        raise SignerNotReady(
            message(
                "the last checkpoint was signed by {vkey}, which is not the key in "
                "use; put that one back, and change it by `iku signer rotate`",
                vkey=state.vkey,
            )
        )


def _signed(frontier: Frontier, origin: str, keys: list[SigningKey]) -> SignerState:
    text = Checkpoint(origin, frontier.size, frontier.root()).text
    signed = Note(text, tuple(key.sign(text) for key in keys))
    peaks = tuple(encode_hash(peak) for peak in frontier.peaks)
    return SignerState(peaks, str(signed), str(keys[-1].verifier))


async def _publish(
    connection: Reader, state: SignerState, keys: list[SigningKey]
) -> None:
    by = [key.verifier for key in keys]
    signed = note.parse(state.note.encode())
    await checkpoint_store.publish(connection, state.checkpoint, signed, by)
    await checkpoint_store.record_alarm(connection, "all is well again", raised=False)


async def _compute_tree(
    connection: Reader, state: SignerState | None, *, full: bool
) -> tuple[Frontier, int]:
    """The tree over the records' bytes, and the number of records that were read.

    Raises:
        LogTampered: The tree is not consistent with what was signed, or the stored
            leaf hashes differ from those of the records.
    """
    signed = state.frontier if state else Frontier()
    size = await connection.fetchval(
        "select coalesce(max(position), 0) from ledger.event"
    )
    if size < signed.size:
        raise LogTampered(
            message(
                "the log holds {size} records, but {signed} were signed",
                size=size,
                signed=signed.size,
            )
        )
    frontier = Frontier() if full else signed.rounded(WIDTH)
    first = frontier.size
    await _extend_tree(connection, frontier, signed, size)
    if full:
        await tile_cache.delete_upper(connection)
    await tile_cache.store_upper(connection, size)
    found = await proof_building.root(Tiles(connection), size)
    if found != frontier.root():
        raise LogTampered(
            message(
                "at size {size} the hashes kept beside the records give root "
                "{stored}, their bytes {counted}",
                size=size,
                stored=found.hex(),
                counted=frontier.root().hex(),
            )
        )
    return frontier, size - first


async def _extend_tree(
    connection: Reader, frontier: Frontier, signed: Frontier, size: int
) -> None:
    """Add the records up to *size* to the tree, and cache the full tiles."""
    _check_signed_root(frontier, signed)
    row = bytearray()
    async for leaf in _leaves(connection, frontier.size, size):
        frontier.add(leaf)
        _check_signed_root(frontier, signed)
        row += leaf
        if len(row) == WIDTH * LENGTH:
            tile = Tile(0, frontier.size // WIDTH - 1)
            await tile_cache.store(connection, tile, bytes(row))
            row.clear()


def _check_signed_root(frontier: Frontier, signed: Frontier) -> None:
    if frontier.size == signed.size and frontier.root() != signed.root():
        raise LogTampered(
            message(
                "the first {size} records give root {found}, but {signed} was signed",
                size=signed.size,
                found=frontier.root().hex(),
                signed=signed.root().hex(),
            )
        )


async def _leaves(connection: Reader, after: int, size: int) -> AsyncIterator[bytes]:
    """Recomputed leaf hashes of the records; a missing position is an error."""
    while after < size:
        rows = await connection.fetch(
            """
            select position, record, leaf
              from ledger.event
             where position > $1
               and position <= $2
             order by position
             limit $3
            """,
            after,
            size,
            PAGE,
        )
        if not rows:
            raise LogTampered(
                message("position {position} is missing", position=after + 1)
            )
        for expected, row in enumerate(rows, after + 1):
            leaf = tree.leaf_hash(row["record"])
            if row["position"] != expected:
                raise LogTampered(
                    message("position {position} is missing", position=expected)
                )
            if row["leaf"] != leaf:
                raise LogTampered(
                    message(
                        "position {position}: the bytes have leaf {found}, but "
                        "{stored} is stored with them",
                        position=expected,
                        found=leaf.hex(),
                        stored=row["leaf"].hex(),
                    )
                )
            yield leaf
        after += len(rows)
