"""The signer's folder: its key, its state and its alarm.

The folder is outside the database and its backups, belongs to the user who signs, and
is not accessible to other users.
"""

from datetime import UTC, datetime
from pathlib import Path

import msgspec
from msgspec import Struct

from iku import messages
from iku.ledger import checkpoint, durable_files, note
from iku.ledger.checkpoint import Checkpoint, encode_hash, parse_hash
from iku.ledger.note import Algorithm, Malformed, Note, SigningKey, VerifierKey
from iku.ledger.tree import Frontier
from iku.messages import message


class AlarmRaised(Exception):
    """The signer refuses to sign; the message has the reason and how to resume."""


class SignerNotReady(Exception):
    """The signer's folder is incomplete or unusable; the message has the remedy."""


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

    @property
    def has_signed_nothing(self) -> bool:
        """Whether no checkpoint of records has been signed yet."""
        return self.checkpoint.size == 0


def signed_state(
    frontier: Frontier, origin: str, keys: list[SigningKey]
) -> SignerState:
    """The state after all *keys* have signed the tree; the last one signs later on."""
    text = Checkpoint(origin, frontier.size, frontier.root()).text
    signed = Note(text, tuple(key.sign(text) for key in keys))
    peaks = tuple(encode_hash(peak) for peak in frontier.peaks)
    return SignerState(peaks, str(signed), str(keys[-1].verifier))


class SignerFolder(Struct, frozen=True):
    """The signer's folder, which is outside the database and its backups.

    It holds ``key``, ``state``, ``shape`` (`accepted_schema_shape`) and, while an alarm
    is raised, ``ALARM``. During a key rotation it also holds ``key.next``; afterwards
    the old key is kept as ``key.retired-<key id>``.
    """

    folder: Path

    @property
    def alarm_path(self) -> Path:
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
                    "{path} already exists; use `iku signer rotate` to replace the key",
                    path=path,
                )
            )
        made = note.generate_signing_key(origin, Algorithm.NOTE)
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # The state of a key that has signed nothing. A key without a state may have
        # signed and lost its state (`checkpoint_signing.sign`).
        self.write_state(signed_state(Frontier(), origin, [made]))
        return self._write(path, made)

    def verifier_keys(self) -> list[VerifierKey]:
        """The public keys of the current key and of the retired ones."""
        retired = sorted(self.folder.glob("key.retired-*"))
        return [self.key().verifier, *(self._read(one).verifier for one in retired)]

    def refuse_insecure(self) -> None:
        """Refuse a folder or a file that other users can access or own.

        Raises:
            InsecurePermissions: The message names the path and its mode or its owner.
        """
        for name in (".", "key", "key.next", "state", "shape", "ALARM"):
            path = self.folder / name
            if path.exists():
                durable_files.refuse_insecure(path)

    def key(self) -> SigningKey:
        """The current key.

        Raises:
            SignerNotReady: The key file is missing or malformed.
            InsecurePermissions: Other users can read the key file.
        """
        return self._read(self.folder / "key")

    def next_key(self) -> SigningKey:
        """The key that a rotation introduces, generated at the first call."""
        path = self.folder / "key.next"
        if path.exists():
            return self._read(path)
        return self._write(
            path, note.generate_signing_key(self.key().name, Algorithm.NOTE)
        )

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
        """The state after the last signature; None if the file is missing.

        Raises:
            SignerNotReady: The file is damaged.
        """
        path = self.folder / "state"
        raw = durable_files.read_if_exists(path)
        if raw is None:
            return None
        try:
            state = msgspec.json.decode(raw, type=SignerState)
            intact = state.frontier.root() == state.checkpoint.root
        except (msgspec.DecodeError, ValueError) as error:
            raise SignerNotReady(
                message(
                    "{path} is damaged: {error}",
                    path=path,
                    error=messages.error_message(error),
                )
            ) from error
        if not intact:
            raise SignerNotReady(
                message(
                    "{path} is damaged: its tree does not have the root hash of its "
                    "checkpoint",
                    path=path,
                )
            )
        return state

    def write_state(self, state: SignerState) -> None:
        """Write the state durably: it is on disk when the call returns."""
        durable_files.write(self.folder / "state", msgspec.json.encode(state))

    def raise_alarm(self, sentence: str) -> None:
        """Write the alarm file: time, *sentence*, and the last signed checkpoint."""
        state = self.state()
        signed = "nothing was signed before\n"
        if state is not None and not state.has_signed_nothing:
            signed = state.note
        text = f"{datetime.now(UTC).isoformat()}\n{sentence}\n\n{signed}"
        durable_files.write(self.alarm_path, text.encode())

    def refuse_if_alarmed(self) -> None:
        """Refuse to continue while an alarm is raised.

        Raises:
            AlarmRaised: The alarm file exists.
        """
        text = self.alarm_sentence()
        if text is not None:
            raise AlarmRaised(
                message(
                    "the signer has raised an alarm: {reason}; after resolving it, "
                    "remove {alarm}",
                    reason=text,
                    alarm=self.alarm_path,
                )
            )

    def alarm_sentence(self) -> str | None:
        """The alarm's sentence; None without an alarm, or without permission to read.

        The file remains if the database, which also holds the alarm, is restored to an
        older state.
        """
        try:
            text = durable_files.read_if_exists(self.alarm_path)
        except PermissionError:
            return None
        if text is None:
            return None
        _, _, rest = text.decode("utf-8", "replace").partition("\n")
        return rest.partition("\n")[0] or f"see {self.alarm_path}"

    def _write(self, path: Path, made: SigningKey) -> SigningKey:
        durable_files.write(path, f"{made.secret}\n".encode())
        return made

    def _read(self, path: Path) -> SigningKey:
        try:
            return note.parse_signing(durable_files.read_secret(path))
        except FileNotFoundError as error:
            raise SignerNotReady(
                message(
                    "{path} does not exist; run `iku signer key` to create the key",
                    path=path,
                )
            ) from error
        except (Malformed, UnicodeDecodeError) as error:
            raise SignerNotReady(
                message(
                    "{path} does not hold a valid key: {error}",
                    path=path,
                    error=messages.error_message(error),
                )
            ) from error
