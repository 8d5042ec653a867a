"""The monitor's folder: the last verified state, records, findings and evidence."""

import os
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from pathlib import Path

import msgspec
from msgspec import Struct

from iku import messages
from iku.ledger import checkpoint, durable_files, note
from iku.ledger.checkpoint import Checkpoint
from iku.ledger.note import Note
from iku.messages import message
from iku.monitor.finding import MonitorFinding, MonitorNotReady


class MonitorState(Struct, frozen=True, forbid_unknown_fields=True):
    """The state that the monitor has verified.

    Attributes:
        note: The last verified checkpoint, with its signatures; None in a new folder.
        length: Number of bytes of the file of records that this checkpoint covers.
        counted: Number of records whose published figures were recounted, without a
            finding or with findings that were acknowledged.
    """

    note: str | None = None
    length: int = 0
    counted: int = 0

    @property
    def signed_note(self) -> Note | None:
        """The last verified checkpoint as a signed note; None in a new folder."""
        return None if self.note is None else note.parse(self.note.encode())

    @property
    def checkpoint(self) -> Checkpoint | None:
        """The last verified checkpoint, parsed from the note; None in a new folder."""
        return (
            None
            if self.signed_note is None
            else checkpoint.parse(self.signed_note.text)
        )

    @property
    def size(self) -> int:
        """The number of verified records."""
        return 0 if self.checkpoint is None else self.checkpoint.size


class MonitorFolder(Struct, frozen=True):
    """The folder of one followed log.

    It holds ``state``, ``records``, ``findings`` (JSON lines) and, after a fork, files
    ``evidence-….json``.
    """

    folder: Path

    @property
    def records_path(self) -> Path:
        """The path of the file of records."""
        return self.folder / "records"

    def refuse_insecure(self) -> None:
        """Refuse a folder or a file that other users can access or own.

        Raises:
            InsecurePermissions: The message names the path and its mode or its owner.
        """
        for path in (self.folder, *sorted(self.folder.iterdir())):
            durable_files.refuse_insecure(path)

    def state(self) -> MonitorState:
        """The verified state; in a new folder, an empty one.

        Raises:
            MonitorNotReady: The state is damaged, or lost although there are records.
        """
        path = self.folder / "state"
        raw = durable_files.read_if_exists(path)
        if raw is None:
            return self._empty_state(path)
        try:
            state = msgspec.json.decode(raw, type=MonitorState)
            size = state.size
        except (msgspec.DecodeError, ValueError) as error:
            raise damaged_error(path, messages.error_message(error)) from error
        if not 0 <= state.counted <= size or state.length < 0:
            raise damaged_error(
                path,
                message(
                    "it states {counted} counted records and a length of {length} "
                    "bytes, but the first must be from 0 to {size}, and the second at "
                    "least 0",
                    counted=state.counted,
                    length=state.length,
                    size=size,
                ),
            )
        return state

    def write_state(self, state: MonitorState) -> None:
        """Write the state durably: it is on disk when the call returns."""
        durable_files.write(self.folder / "state", msgspec.json.encode(state))

    def record(self, findings: Sequence[MonitorFinding], at: datetime) -> None:
        """Append findings to the file ``findings``, durably."""
        path = self.folder / "findings"
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
        with durable_files.naming_file_in_errors(path):
            file = os.fdopen(os.open(path, flags, 0o600), "ab")
            with file:
                for one in findings:
                    told = {"at": at, **_json_value(one)}
                    file.write(msgspec.json.encode(told) + b"\n")
                file.flush()
                os.fsync(file.fileno())

    def keep_evidence(self, sentence: str, notes: Sequence[Note]) -> Path:
        """Write signed checkpoints that contradict each other to a new file."""
        spelt = [str(one) for one in notes]
        name = sha256("".join(spelt).encode()).hexdigest()[:16]
        path = self.folder / f"evidence-{name}.json"
        told = {"finding": str(sentence), "notes": spelt}
        raw = msgspec.json.format(msgspec.json.encode(told), indent=1)
        durable_files.write(path, raw + b"\n")
        return path

    def _empty_state(self, path: Path) -> MonitorState:
        """The empty state of a new folder, which has no file of records yet."""
        if self.records_path.exists():
            raise MonitorNotReady(
                message(
                    "{path} is missing, but {records} exists; restore it, or follow "
                    "the log in a new folder",
                    path=path,
                    records=self.records_path,
                )
            )
        state = MonitorState()
        self.write_state(state)
        return state


def damaged_error(path: Path, why: str) -> MonitorNotReady:
    """The error of a damaged folder, with the path and the reason."""
    return MonitorNotReady(
        message(
            "{path} is damaged: {error}; restore the folder, or follow the log in a "
            "new one",
            path=path,
            error=why,
        )
    )


def _json_value(one: MonitorFinding) -> dict[str, object]:
    return {
        "kind": one.kind,
        "sentence": str(one.sentence),
        "position": one.position,
        "evidence": one.evidence,
    }
