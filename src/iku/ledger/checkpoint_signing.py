"""Signing checkpoints: what the log was can no longer be denied.

The signer trusts nothing that the database says of itself. It keeps the last
checkpoint it signed in a file of its own, reads the *bytes* of the records, hashes
them itself, and signs only what continues what it signed before. Otherwise it raises
an alarm and signs no more until somebody has looked into it.

Every round reads the records since the last full tile; a *full* round reads all of
them, so that a change far back is found too.
"""

import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import msgspec
from msgspec import Struct

from iku.ledger import (
    checkpoint,
    checkpoint_store,
    durable_files,
    note,
    proof_building,
    tile_cache,
    tree,
)
from iku.ledger.checkpoint import Checkpoint, parse_hash, spell_hash
from iku.ledger.log import Reader
from iku.ledger.note import Algorithm, Malformed, Note, SigningKey
from iku.ledger.tile import LENGTH, WIDTH, Tile
from iku.ledger.tile_cache import Tiles
from iku.ledger.tree import Frontier

PAGE = 4 * WIDTH  # records that are read at a time


class LogTampered(Exception):
    """The records are not what was signed; the sentence is the alarm's."""


class AlarmRaised(Exception):
    """The signer refuses to sign; the sentence says why, and how to go on."""


class SignerNotReady(Exception):
    """The signer's folder lacks something; the sentence says what helps."""


class SignerState(Struct, frozen=True, forbid_unknown_fields=True):
    """The last checkpoint that was signed, and all that is needed to go on from it.

    Attributes:
        peaks: The full subtrees of the tree of that size, the largest first (base64).
        note: The checkpoint with its signatures.
        vkey: The key that signs next.
    """

    peaks: tuple[str, ...]
    note: str
    vkey: str

    @property
    def checkpoint(self) -> Checkpoint:
        """The checkpoint itself."""
        return checkpoint.parse(note.parse(self.note.encode()).text)

    @property
    def frontier(self) -> Frontier:
        """The tree as it was signed, ready to grow."""
        return Frontier(self.checkpoint.size, map(parse_hash, self.peaks))


class SignerFolder(Struct, frozen=True):
    """The signer's folder, outside the database and its backups.

    It holds ``key``, ``state`` and, where something is wrong, ``ALARM``; while the key
    is changed ``key.next``, and afterwards the old one as ``key.retired-<key id>``.
    """

    folder: Path

    @property
    def alarm(self) -> Path:
        """Where an alarm is told; removing the file lets the signer go on."""
        return self.folder / "ALARM"

    def make_key(self, origin: str) -> SigningKey:
        """A first key.

        Raises:
            Unprepared: There is one.
            Malformed: The origin cannot be the name of a key.
        """
        path = self.folder / "key"
        if path.exists():
            raise SignerNotReady(
                f"{path} is there already; `iku signer rotate` changes it"
            )
        return self._make(path, origin)

    def key(self) -> SigningKey:
        """The key that signs.

        Raises:
            Unprepared: There is none, it is none, or others may read it.
        """
        return self._read(self.folder / "key")

    def next_key(self) -> SigningKey:
        """The key that is to sign once the one that does now has introduced it."""
        path = self.folder / "key.next"
        return self._read(path) if path.exists() else self._make(path, self.key().name)

    def settle(self) -> None:
        """Put the next key in place, once the state says that it is the one that signs.

        A crash between the two files ends here, at the next start.
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
        """What was signed last; None where nothing was.

        Raises:
            Unprepared: The file does not hold what the signer wrote.
        """
        path = self.folder / "state"
        raw = durable_files.read(path)
        if raw is None:
            return None
        try:
            state = msgspec.json.decode(raw, type=SignerState)
            intact = state.frontier.root() == state.checkpoint.root
        except (msgspec.DecodeError, ValueError) as error:
            raise SignerNotReady(f"{path} is damaged: {error}") from error
        if not intact:
            raise SignerNotReady(f"{path} is damaged: its parts do not fit together")
        return state

    def keep(self, state: SignerState) -> None:
        """Write down what is signed, on disk once this returns."""
        durable_files.write(self.folder / "state", msgspec.json.encode(state))

    def raise_alarm(self, sentence: str) -> None:
        """Tell that something is wrong, with what was signed last as evidence."""
        state = self.state()
        signed = state.note if state else "nothing was signed before\n"
        told = f"{datetime.now(UTC).isoformat()}\n{sentence}\n\n{signed}"
        durable_files.write(self.alarm, told.encode())

    def refuse_alarmed(self) -> None:
        """Refuse to go on while an alarm stands.

        Raises:
            Alarmed: One does.
        """
        told = self.told_alarm()
        if told is not None:
            raise AlarmRaised(
                f"an alarm stands: {told}; once it is dealt with, remove {self.alarm}"
            )

    def told_alarm(self) -> str | None:
        """The alarm's sentence; None where there is none, or it is not for us to read.

        A database that was put back to an older state no longer knows of an alarm; the
        file does.
        """
        try:
            told = durable_files.read(self.alarm)
        except PermissionError:
            return None
        if told is None:
            return None
        _, _, rest = told.decode("utf-8", "replace").partition("\n")
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
                f"there is no {path}; `iku signer key` makes one"
            ) from error
        except (Malformed, UnicodeDecodeError) as error:
            raise SignerNotReady(f"{path} holds no key: {error}") from error


class SigningResult(Struct, frozen=True):
    """What a round came to.

    Attributes:
        size: Of the last checkpoint.
        signed: Whether it is a new one.
        read: How many records were read and hashed.
    """

    size: int
    signed: bool
    read: int
    note: str


async def sign(
    connection: Reader, home: SignerFolder, origin: str, *, full: bool = False
) -> SigningResult:
    """Sign what the log has become, if it has grown; *full*: read all of it anew.

    Raises:
        Alarmed: The log is not what it was; the alarm is told, in a file and, where
            possible, in the database.
        Unprepared: Key or state cannot be used.
    """
    home.settle()
    home.refuse_alarmed()
    return await _sign(connection, home, origin, [home.key()], full=full)


async def rotate(connection: Reader, home: SignerFolder, origin: str) -> SigningResult:
    """Let the key introduce a new one: both sign a checkpoint, then the new one alone.

    Raises:
        Alarmed: As `sign`.
        Unprepared: As `sign`, or nothing was signed yet.
    """
    home.settle()
    home.refuse_alarmed()
    if home.state() is None:
        raise SignerNotReady("nothing was signed yet, so there is no key to change")
    keys = [home.key(), home.next_key()]
    outcome = await _sign(connection, home, origin, keys, full=False)
    home.settle()
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
        frontier, read = await _measure(connection, state, full=full)
    except LogTampered as error:
        raise await alarmed(connection, home, str(error)) from error
    new = state is None or frontier.size > state.checkpoint.size or len(keys) > 1
    if new:
        state = _signed(frontier, origin, keys)
        # On disk before anybody sees it: after a crash we may have signed more than was
        # published, but have never published what we do not know of.
        home.keep(state)
    assert state is not None  # noqa: S101 - it is new otherwise
    await _publish(connection, state, keys)
    return SigningResult(state.checkpoint.size, new, read, state.note)


async def alarmed(connection: Reader, home: SignerFolder, sentence: str) -> AlarmRaised:
    """Raise the alarm; what is then to be raised as an exception."""
    home.raise_alarm(sentence)
    # The file is what counts; a database that was tampered with may refuse the row.
    with contextlib.suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
        await checkpoint_store.record_alarm(connection, sentence, raised=True)
    return AlarmRaised(sentence)


def _refuse_other(state: SignerState | None, origin: str, key: SigningKey) -> None:
    if key.name != origin:
        raise SignerNotReady(
            f"the key is that of {key.name}, but IKU_ORIGIN is {origin}"
        )
    if state is None:
        return
    if state.checkpoint.origin != origin:
        raise SignerNotReady(f"the state is that of the log {state.checkpoint.origin}")
    if state.vkey != str(key.verifier):
        raise SignerNotReady(
            f"the last checkpoint was signed by {state.vkey}, which is not the key in "
            "use; put that one back, and change it by `iku signer rotate`"
        )


def _signed(frontier: Frontier, origin: str, keys: list[SigningKey]) -> SignerState:
    text = Checkpoint(origin, frontier.size, frontier.root()).text
    signed = Note(text, tuple(key.sign(text) for key in keys))
    peaks = tuple(spell_hash(peak) for peak in frontier.peaks)
    return SignerState(peaks, str(signed), str(keys[-1].verifier))


async def _publish(
    connection: Reader, state: SignerState, keys: list[SigningKey]
) -> None:
    by = [key.verifier for key in keys]
    signed = note.parse(state.note.encode())
    await checkpoint_store.publish(connection, state.checkpoint, signed, by)
    await checkpoint_store.record_alarm(connection, "all is well again", raised=False)


async def _measure(
    connection: Reader, state: SignerState | None, *, full: bool
) -> tuple[Frontier, int]:
    """The tree of the log as its bytes are now, and how many records were read.

    Raises:
        Tampered: It does not continue what was signed, or the hashes that are kept
            beside the records are not theirs.
    """
    signed = state.frontier if state else Frontier()
    size = await connection.fetchval(
        "select coalesce(max(position), 0) from ledger.event"
    )
    if size < signed.size:
        raise LogTampered(
            f"the log holds {size} records, but {signed.size} were signed"
        )
    frontier = Frontier() if full else signed.rounded(WIDTH)
    first = frontier.size
    await _grow(connection, frontier, signed, size)
    if full:
        await tile_cache.forget_upper(connection)
    await tile_cache.keep_upper(connection, size)
    found = await proof_building.root(Tiles(connection), size)
    if found != frontier.root():
        raise LogTampered(
            f"at size {size} the hashes kept beside the records give root "
            f"{found.hex()}, their bytes {frontier.root().hex()}"
        )
    return frontier, size - first


async def _grow(
    connection: Reader, frontier: Frontier, signed: Frontier, size: int
) -> None:
    """Add the records up to *size*, and keep the full tiles that they make."""
    _hold_signed(frontier, signed)
    row = bytearray()
    async for leaf in _leaves(connection, frontier.size, size):
        frontier.add(leaf)
        _hold_signed(frontier, signed)
        row += leaf
        if len(row) == WIDTH * LENGTH:
            tile = Tile(0, frontier.size // WIDTH - 1)
            await tile_cache.keep(connection, tile, bytes(row))
            row.clear()


def _hold_signed(frontier: Frontier, signed: Frontier) -> None:
    if frontier.size == signed.size and frontier.root() != signed.root():
        raise LogTampered(
            f"the first {signed.size} records give root {frontier.root().hex()}, but "
            f"{signed.root().hex()} was signed"
        )


async def _leaves(connection: Reader, after: int, size: int) -> AsyncIterator[bytes]:
    """The leaf hashes of the records' bytes, which no position may lack."""
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
            raise LogTampered(f"position {after + 1} is missing")
        for expected, row in enumerate(rows, after + 1):
            leaf = tree.leaf_hash(row["record"])
            if row["position"] != expected:
                raise LogTampered(f"position {expected} is missing")
            if row["leaf"] != leaf:
                raise LogTampered(
                    f"position {expected}: the bytes have leaf {leaf.hex()}, but "
                    f"{row['leaf'].hex()} stands beside them"
                )
            yield leaf
        after += len(rows)
