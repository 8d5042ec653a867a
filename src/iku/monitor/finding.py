"""The findings of a round of the monitor, and the exit codes."""

from enum import StrEnum

from msgspec import Struct

from iku.messages import vocabulary

FINE = 0
FINDING = 1
USAGE = 2
NOT_ENOUGH = 3  # nothing wrong was found, but the evidence is not sufficient
CANNOT_READ = 4
_BY_WEIGHT = (FINDING, CANNOT_READ, NOT_ENOUGH, FINE)


class FindingKind(StrEnum):
    """The kind of a finding, for programs."""

    SIGNATURE = "signature"
    FORK = "fork"
    ROLLBACK = "rollback"
    MISSING = "missing"
    EDITED = "edited"
    RECORD = "record"
    FIGURE = "figure"
    UNTRUSTED = "untrusted"
    UNWITNESSED = "unwitnessed"
    STALE = "stale"
    RENAMED = "renamed"
    LOSS = "loss"
    UNCOUNTED = "uncounted"
    UNREADABLE = "unreadable"


CODES = {
    FindingKind.SIGNATURE: FINDING,
    FindingKind.FORK: FINDING,
    FindingKind.ROLLBACK: FINDING,
    FindingKind.MISSING: FINDING,
    FindingKind.EDITED: FINDING,
    FindingKind.RECORD: FINDING,
    FindingKind.FIGURE: FINDING,
    FindingKind.UNTRUSTED: NOT_ENOUGH,
    FindingKind.UNWITNESSED: NOT_ENOUGH,
    FindingKind.STALE: NOT_ENOUGH,
    FindingKind.RENAMED: NOT_ENOUGH,
    FindingKind.LOSS: NOT_ENOUGH,
    FindingKind.UNCOUNTED: NOT_ENOUGH,
    FindingKind.UNREADABLE: CANNOT_READ,
}
LABELS = vocabulary(
    "monitor",
    {
        FindingKind.SIGNATURE: "WRONG SIGNATURE",
        FindingKind.FORK: "FORK",
        FindingKind.ROLLBACK: "ROLLBACK",
        FindingKind.MISSING: "MISSING RECORDS",
        FindingKind.EDITED: "EDITED RECORD",
        FindingKind.RECORD: "INVALID RECORD",
        FindingKind.FIGURE: "WRONG FIGURE",
        FindingKind.UNTRUSTED: "not trusted",
        FindingKind.UNWITNESSED: "not witnessed",
        FindingKind.STALE: "stale",
        FindingKind.RENAMED: "another log",
        FindingKind.LOSS: "declared loss",
        FindingKind.UNCOUNTED: "not recounted",
        FindingKind.UNREADABLE: "cannot be read",
    },
)


class MonitorFinding(Struct, frozen=True, omit_defaults=True):
    """A finding on the log, or a reason why there is no verdict.

    Attributes:
        position: Position of the first affected record, if it is known.
        evidence: Path of the file that holds both signed checkpoints of a fork.
    """

    kind: FindingKind
    sentence: str
    position: int | None = None
    evidence: str | None = None

    @property
    def demanded_exit_code(self) -> int:
        """The exit code of a round with this finding alone."""
        return CODES[self.kind]


class RoundStopped(Exception):
    """The round ends with *finding*; nothing after it can be verified."""

    def __init__(self, finding: MonitorFinding) -> None:
        super().__init__(finding.sentence)
        self.finding = finding


class MonitorNotReady(Exception):
    """The folder is damaged or belongs to another log; the message has the remedy."""


def round_stopped(
    kind: FindingKind,
    sentence: str,
    position: int | None = None,
    evidence: str | None = None,
) -> RoundStopped:
    """The exception that ends a round with this finding."""
    return RoundStopped(MonitorFinding(kind, sentence, position, evidence))


def exit_code(findings: list[MonitorFinding]) -> int:
    """The exit code of a round: a finding before a log that could not be read."""
    return min(
        (one.demanded_exit_code for one in findings), key=_BY_WEIGHT.index, default=FINE
    )
