"""A witness: cosigns a log's checkpoint only if it continues the last one it cosigned.

A log therefore cannot show different histories to different parties, as long as each
requires this witness's cosignature. The protocol is C2SP tlog-witness, over HTTP or,
for a machine without a network, through files. A witness may have a key of each
algorithm of C2SP tlog-cosignature, and then cosigns with both.

The last size is compared and replaced under a lock, and is on disk before the
cosignature is returned. Concurrent requests therefore cannot roll it back.

A witness that lost its state could cosign a shorter log. The file ``logs-known`` lists
the logs that it has cosigned. If this file, or the stored checkpoint of a log listed in
it, is missing, the witness refuses until an operator states that the log is new.
"""

import time
from collections.abc import Sequence
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path

import msgspec
from msgspec import Struct

from iku import messages
from iku.ledger import checkpoint, durable_files, note, tlog_proof
from iku.ledger.checkpoint import Checkpoint, parse_size
from iku.ledger.note import (
    Algorithm,
    Malformed,
    Note,
    SigningKey,
    Unverified,
    VerifiedSignature,
)
from iku.ledger.policy import Policy
from iku.ledger.proof_verification import InvalidProof, check_consistency
from iku.ledger.tree import EMPTY_ROOT
from iku.messages import message

SIZE_TYPE = "text/x.tlog.size"
LARGEST_REQUEST = 1 << 20  # bytes
KEY_FILES = {
    Algorithm.COSIGNATURE: "key",
    Algorithm.COSIGNATURE_ML_DSA: "key.ml-dsa-44",
}


class CosignRefused(Exception):
    """The witness refuses to cosign; *status* is the HTTP status (tlog-witness)."""

    def __init__(self, status: HTTPStatus, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class CosignConflict(CosignRefused):
    """The old size in the request is not the size that this witness cosigned last.

    *now* is the size of the checkpoint in the request.
    """

    def __init__(self, asked: int, size: int, now: int) -> None:
        super().__init__(
            HTTPStatus.CONFLICT,
            message(
                "the log was shortened: the checkpoint has size {now}, but size "
                "{size} was cosigned before",
                now=now,
                size=size,
            )
            if now < size
            else message(
                "the request has old size {asked}, but the last cosigned size is "
                "{size}",
                asked=asked,
                size=size,
            ),
        )
        self.size = size


class WitnessNotReady(CosignRefused):
    """The witness's stored state is missing or damaged; the message has the remedy."""

    def __init__(self, sentence: str) -> None:
        super().__init__(HTTPStatus.SERVICE_UNAVAILABLE, sentence)


class CosignRequest(Struct, frozen=True):
    """A checkpoint to cosign, with a consistency proof from an older one.

    Attributes:
        old: The size of the older checkpoint; 0 without one.
    """

    old: int
    proof: tuple[bytes, ...]
    signed: Note

    def __str__(self) -> str:
        """The request body of ``add-checkpoint``."""
        proof = tlog_proof.encode_hashes(self.proof)
        return f"old {self.old}\n{proof}\n{self.signed}"


def parse_request(raw: bytes) -> CosignRequest:
    """Parse a request body.

    Raises:
        Malformed: The bytes are not a request.
    """
    head, blank, signed = raw.partition(b"\n\n")
    try:
        old, *lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError as error:
        raise Malformed(message("the proof lines are not ASCII")) from error
    if not old.startswith("old ") or not blank:
        raise Malformed(message("the request must begin with a line such as: old 120"))
    size = parse_size(old.removeprefix("old "))
    return CosignRequest(size, tlog_proof.parse_hashes(lines), note.parse(signed))


class CosignedCheckpoint(Struct, frozen=True, forbid_unknown_fields=True):
    """The last cosigned checkpoint of a log, as stored in its file."""

    note: str

    @property
    def checkpoint(self) -> Checkpoint:
        """The checkpoint, parsed from the note."""
        return checkpoint.parse(note.parse(self.note.encode()).text)


class WitnessFolder(Struct, frozen=True):
    """The witness's folder: its keys, and the last cosigned checkpoint of each log.

    The keys are ``key``, ``key.ml-dsa-44`` or both. The checkpoints are files in
    ``logs``, one for each log; ``logs-known`` has a line for each log.
    """

    folder: Path

    @property
    def _known_logs(self) -> Path:
        return self.folder / "logs-known"

    def make_key(self, name: str, algorithm: Algorithm) -> SigningKey:
        """Generate the witness's key of an algorithm and write it to the folder.

        Raises:
            Malformed: The name is not valid as the name of a key, or the witness's
                other key has another name.
            FileExistsError: The folder holds a key of this algorithm already.
        """
        path = self.folder / KEY_FILES[algorithm]
        if path.exists():
            raise FileExistsError(message("{path} already exists", path=path))
        others = self.signing_keys()
        if others and others[0].name != name:
            raise Malformed(
                message(
                    "the witness's other key has the name {other}, so this one cannot "
                    "have the name {name}",
                    other=others[0].name,
                    name=name,
                )
            )
        made = note.generate_signing_key(name, algorithm)
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not others:
            durable_files.write(self._known_logs, b"")  # this key has cosigned no log
        durable_files.write(path, f"{made.secret}\n".encode())
        return made

    def signing_keys(self) -> tuple[SigningKey, ...]:
        """The keys that cosign, at most one of each algorithm; empty in a new folder.

        Raises:
            Malformed: A file is not a key, or is a key of another algorithm.
            InsecurePermissions: Other users can read a key file.
        """
        return tuple(
            self._read_key(self.folder / file, algorithm)
            for algorithm, file in KEY_FILES.items()
            if (self.folder / file).exists()
        )

    def _read_key(self, path: Path, algorithm: Algorithm) -> SigningKey:
        key = note.parse_signing(durable_files.read_secret(path))
        if key.algorithm is not algorithm:
            raise Malformed(
                message(
                    "{path} holds a key of algorithm {found}, not {wanted}",
                    path=path,
                    found=f"{key.algorithm:#04x}",
                    wanted=f"{algorithm:#04x}",
                )
            )
        return key

    def last_cosigned(self, origin: str) -> Checkpoint | None:
        """The last cosigned checkpoint of the log *origin*; None if none was cosigned.

        Raises:
            WitnessNotReady: The stored checkpoint is damaged.
        """
        kept = self.read_checkpoint(_origin_hash(origin))
        return None if kept is None else kept.checkpoint

    def read_checkpoint(self, place: str) -> CosignedCheckpoint | None:
        """The last cosigned checkpoint of a log; None if none was cosigned.

        *place* is the SHA-256 of the log's origin.

        Raises:
            WitnessNotReady: The stored checkpoint is damaged.
        """
        path = self.folder / "logs" / place
        raw = durable_files.read_if_exists(path)
        if raw is None:
            return None
        try:
            kept = msgspec.json.decode(raw, type=CosignedCheckpoint)
            kept.checkpoint  # noqa: B018 - parsed, to refuse a damaged one
        except (msgspec.DecodeError, ValueError) as error:
            raise WitnessNotReady(
                message(
                    "{path} is damaged: {error}; restore it, or start with --new "
                    "once the last cosigned checkpoint is known for certain",
                    path=path,
                    error=messages.error_message(error),
                )
            ) from error
        return kept

    def write(self, place: str, kept: CosignedCheckpoint) -> None:
        """Store the cosigned checkpoint *kept* durably, and list the log as known."""
        listed = durable_files.read_if_exists(self._known_logs) or b""
        if place.encode() not in listed.split():
            durable_files.write(self._known_logs, listed + f"{place}\n".encode())
        logs = self.folder / "logs"
        logs.mkdir(mode=0o700, exist_ok=True)
        durable_files.write(logs / place, msgspec.json.encode(kept))

    def is_new(self, place: str) -> bool:
        """Whether the list of known logs exists and does not contain the log."""
        listed = durable_files.read_if_exists(self._known_logs)
        return listed is not None and place.encode() not in listed.split()

    def refuse_insecure(self) -> None:
        """Refuse a folder or a file that other users can access or own.

        Raises:
            InsecurePermissions: The message names the path and its mode or its owner.
        """
        logs = self.folder / "logs"
        keys = (self.folder / file for file in KEY_FILES.values())
        paths = [self.folder, *keys, self._known_logs, logs]
        paths += sorted(logs.iterdir()) if logs.exists() else []
        for path in paths:
            if path.exists():
                durable_files.refuse_insecure(path)


class Witness(Struct, frozen=True):
    """Cosigns the logs of *policy* with all its *keys*; its state is in *folder*.

    With *new*, a log whose stored checkpoint is missing or damaged counts as never
    cosigned.
    """

    folder: Path
    keys: tuple[SigningKey, ...]
    policy: Policy
    new: bool = False

    @property
    def witness_folder(self) -> WitnessFolder:
        """The folder that holds the last cosigned checkpoint of each log."""
        return WitnessFolder(self.folder)

    def cosign(self, raw: bytes) -> str:
        """Cosign the checkpoint in the request *raw*; return a line for each signature.

        Raises:
            CosignRefused: The request is malformed, unsigned or inconsistent.
        """
        try:
            asked = parse_request(raw)
            found = checkpoint.parse(asked.signed.text)
        except Malformed as error:
            raise CosignRefused(HTTPStatus.BAD_REQUEST, str(error)) from error
        by_log = self._log_signatures(asked, found)
        if asked.old > found.size:
            raise CosignRefused(
                HTTPStatus.BAD_REQUEST,
                message(
                    "old size {old} exceeds the checkpoint's size {size}: the "
                    "log was shortened",
                    old=asked.old,
                    size=found.size,
                ),
            )
        with durable_files.exclusive_lock(self.folder, wait=True):
            return self._cosign(asked, found, by_log)

    def latest(self, place: str) -> str | None:
        """The last cosigned checkpoint of a log as a note; None if none was cosigned.

        *place* is the SHA-256 of the log's origin.
        """
        known = {_origin_hash(party.key.name) for party in self.policy.logs}
        if place not in known:
            return None
        last = self.witness_folder.read_checkpoint(place)
        return last.note if last else None

    def _log_signatures(
        self, asked: CosignRequest, found: Checkpoint
    ) -> list[VerifiedSignature]:
        """The signatures by keys of the log; at least one."""
        keys = [p.key for p in self.policy.logs if p.key.name == found.origin]
        if not keys:
            raise CosignRefused(
                HTTPStatus.NOT_FOUND,
                message(
                    "the log {origin} is not in the policy of this witness",
                    origin=found.origin,
                ),
            )
        try:
            return note.verify(asked.signed, keys)
        except Unverified as error:
            raise CosignRefused(HTTPStatus.FORBIDDEN, str(error)) from error

    def _cosign(
        self,
        asked: CosignRequest,
        found: Checkpoint,
        by_log: Sequence[VerifiedSignature],
    ) -> str:
        """Compare and replace the last cosigned size; the caller holds the lock."""
        place = _origin_hash(found.origin)
        size, root = _size_and_root(self._last_cosigned(place, found.origin))
        if asked.old != size:
            raise CosignConflict(asked.old, size, found.size)
        try:
            check_consistency(size, root, found.size, found.root, asked.proof)
        except InvalidProof as error:
            raise CosignRefused(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                message(
                    "the checkpoint is not consistent with the last one: {error}",
                    error=messages.error_message(error),
                ),
            ) from error
        text, now = asked.signed.text, int(time.time())
        made = tuple(key.sign(text, now) for key in self.keys)
        # Other signatures are left out: with them the note could exceed its limit.
        signed = Note(text, (*(one.signature for one in by_log), *made))
        if len(str(signed).encode()) > note.LONGEST:
            raise CosignRefused(
                HTTPStatus.BAD_REQUEST,
                message("the note is longer than {most} bytes", most=note.LONGEST),
            )
        self.witness_folder.write(place, CosignedCheckpoint(str(signed)))
        return "".join(one.line for one in made)

    def _last_cosigned(self, place: str, origin: str) -> CosignedCheckpoint | None:
        """The last cosigned checkpoint of a log; None if the log is new.

        Raises:
            WitnessNotReady: The stored checkpoint is missing or damaged.
        """
        self.witness_folder.refuse_insecure()
        try:
            last = self.witness_folder.read_checkpoint(place)
        except WitnessNotReady:
            if self.new:
                return None
            raise
        if last is None and not self.new and not self.witness_folder.is_new(place):
            raise WitnessNotReady(
                message(
                    "{folder} does not hold the last cosigned checkpoint of the "
                    "log {origin}, which a new cosignature could contradict; "
                    "restore it, or start with --new if nothing was cosigned",
                    origin=origin,
                    folder=self.folder,
                )
            )
        return last


def _size_and_root(last: CosignedCheckpoint | None) -> tuple[int, bytes]:
    if last is None:
        return 0, EMPTY_ROOT
    return last.checkpoint.size, last.checkpoint.root


def _origin_hash(origin: str) -> str:
    """The SHA-256 of an origin in hexadecimal: the file name of its checkpoint."""
    return sha256(origin.encode()).hexdigest()
