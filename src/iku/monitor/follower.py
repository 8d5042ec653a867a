"""Follows the log of another office, round by round."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from msgspec import Struct, structs

from iku import messages
from iku.ledger import durable_files, note
from iku.ledger.checkpoint import encode_hash
from iku.ledger.note import Unverified
from iku.ledger.tree import Frontier, leaf_hash
from iku.messages import message
from iku.monitor import checkpoint_check
from iku.monitor.checkpoint_check import CheckpointRequirements, VerifiedCheckpoint
from iku.monitor.figure_check import FigureCheck, RecountResult
from iku.monitor.finding import (
    FindingKind,
    MonitorFinding,
    RoundStopped,
    exit_code,
    round_stopped,
)
from iku.monitor.log_client import LogClient, LogUnreadable
from iku.monitor.monitor_folder import MonitorFolder, MonitorState, damaged_error
from iku.monitor.record_file import RecordFile
from iku.monitor.verified_log import InconsistentLog, VerifiedLog


class MonitorRound(Struct, frozen=True):
    """The result of a round.

    Attributes:
        exit: The exit code that the findings demand.
        size: Number of verified records after the round.
        new: Number of these that were read in this round.
        publications: Publications whose figures were recounted in this round.
        witnesses: Names of the witnesses that cosigned the log's last checkpoint.
        newest: Time of the newest cosignature, in seconds since 1970; None without one.
    """

    at: datetime
    exit: int
    origin: str | None
    size: int
    root: str
    new: int
    publications: int
    figures: int
    witnesses: tuple[str, ...]
    newest: int | None
    findings: tuple[MonitorFinding, ...]


class Follower:
    """Fetches each new checkpoint of a log, and verifies that it extends the last one.

    Created by `open_follower`.
    """

    def __init__(
        self,
        log: LogClient,
        demands: CheckpointRequirements,
        folder: MonitorFolder,
        verified: VerifiedLog,
        figures: FigureCheck,
        *,
        keep_going: bool,
    ) -> None:
        self._log = log
        self._demands = demands
        self._folder = folder
        self._verified = verified
        self._figures = figures
        self._keep_going = keep_going
        self._acknowledged = True  # whether no finding on figures waits for a person
        self._before: tuple[str, ...] = ()  # the sentences of the last round

    def round(self, *, full: bool = False) -> MonitorRound:
        """Read the new records, verify them, and recount newly published figures.

        With *full*, all records are read again and compared with the local ones.

        Raises:
            OSError: The folder cannot be written.
        """
        before, findings, head = self._verified.size, list[MonitorFinding](), None
        try:
            head = checkpoint_check.check(self._log.checkpoint(), self._demands)
            findings += head.findings
            self._follow(head, full=full)
        except RoundStopped as stop:
            findings.append(stop.finding)
        except LogUnreadable as error:
            sentence = messages.error_message(error)
            findings.append(MonitorFinding(FindingKind.UNREADABLE, sentence))
        count = self._recount()
        findings += count.findings
        found = MonitorRound(
            at=datetime.now(UTC),
            exit=exit_code(findings),
            origin=None if head is None else head.checkpoint.origin,
            size=self._verified.size,
            root=self._verified.root.hex(),
            new=self._verified.size - before,
            publications=count.publications,
            figures=count.figures,
            witnesses=() if head is None else head.witnesses,
            newest=None if head is None else head.newest,
            findings=tuple(findings),
        )
        self._record_findings(found)
        return found

    def _follow(self, head: VerifiedCheckpoint, *, full: bool) -> None:
        state, now = self._folder.state(), head.checkpoint
        last = state.checkpoint
        if last is not None and last.origin != now.origin:
            raise _origin_changed(last.origin, now.origin)
        try:
            self._verified.follow(now, full=full)
        except InconsistentLog as error:
            notes = [one for one in (state.signed_note, head.signed) if one is not None]
            sentence = messages.error_message(error)
            path = self._folder.keep_evidence(sentence, notes)
            position = error.position
            raise round_stopped(
                FindingKind.FORK, sentence, position, str(path)
            ) from error
        length = self._verified.records.length
        self._write(MonitorState(str(head.signed), length, state.counted))

    def _recount(self) -> RecountResult:
        """Recount the new publications; a restart skips those without findings."""
        for record in self._verified.records.records_after(self._figures.size):
            self._figures.add(record)
        count = self._figures.recount()
        self._acknowledged &= self._keep_going or not count.findings
        if self._acknowledged:
            state = self._folder.state()
            self._write(structs.replace(state, counted=self._verified.size))
        return count

    def _write(self, state: MonitorState) -> None:
        if state != self._folder.state():
            self._folder.write_state(state)

    def _record_findings(self, found: MonitorRound) -> None:
        """Record the findings, unless they are those of the round before."""
        sentences = tuple(str(one.sentence) for one in found.findings)
        if sentences != self._before and sentences:
            self._folder.record(found.findings, found.at)
        self._before = sentences


def _origin_changed(before: str, now: str) -> RoundStopped:
    return round_stopped(
        FindingKind.RENAMED,
        message(
            "the server serves the log {now}, but this folder follows {before}: if "
            "{before} was continued under that name, follow it in a new folder",
            now=now,
            before=before,
        ),
    )


@contextmanager
def open_follower(
    log: LogClient,
    demands: CheckpointRequirements,
    folder: Path,
    *,
    keep_going: bool = False,
) -> Iterator[Follower]:
    """A follower with this folder, whose records are verified again first.

    Raises:
        MonitorNotReady: The folder is damaged.
        FolderInUse: Another monitor uses the folder.
        InsecurePermissions: Other users can access the folder.
    """
    home = MonitorFolder(folder)
    with durable_files.exclusive_lock(folder):
        home.refuse_insecure()
        state = home.state()
        _refuse_forged(home, state, demands)
        records = RecordFile(home.records_path)
        with closing(records):
            figures, leaves = FigureCheck(state.counted), Frontier()
            for record in records.load(state.length):
                figures.add(record)
                leaves.add(leaf_hash(record))
            last = state.checkpoint
            if last is not None and (leaves.size, leaves.root()) != (
                last.size,
                last.root,
            ):
                raise damaged_error(
                    home.records_path,
                    message(
                        "the {found} records in the file have root hash {root}, but "
                        "the {size} verified records had root hash {verified}",
                        found=leaves.size,
                        root=encode_hash(leaves.root()),
                        size=last.size,
                        verified=encode_hash(last.root),
                    ),
                )
            verified = VerifiedLog(log, records, leaves)
            yield Follower(log, demands, home, verified, figures, keep_going=keep_going)


def _refuse_forged(
    home: MonitorFolder, state: MonitorState, demands: CheckpointRequirements
) -> None:
    """Refuse a state whose checkpoint has a wrong signature of a trusted key."""
    trusted = demands.policy
    keys = [*(party.key for party in trusted.logs), *trusted.witness_keys]
    try:
        if state.signed_note is not None:
            note.verified_signatures(state.signed_note, keys)
    except Unverified as error:
        raise damaged_error(
            home.folder / "state", messages.error_message(error)
        ) from error
