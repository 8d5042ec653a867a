"""Verification of a checkpoint: its signatures, and the age of its cosignatures."""

import time
from datetime import UTC, datetime

from msgspec import Struct

from iku import messages
from iku.ledger import note, policy
from iku.ledger.checkpoint import Checkpoint
from iku.ledger.note import Malformed, Note, Unverified, VerifiedSignature
from iku.ledger.policy import NONE, Policy
from iku.messages import message
from iku.monitor.finding import FindingKind, MonitorFinding, round_stopped
from iku.monitor.log_client import LogUnreadable

TOLERANCE_S = 3_600  # by which two clocks may differ, as for `iku-verify`


class CheckpointRequirements(Struct, frozen=True):
    """The requirements that a checkpoint must meet.

    Attributes:
        policy: The keys that are trusted, and the quorum of witnesses.
        max_age_s: Maximum age of a quorum of cosignatures; None for any.
        without_witness: Whether missing cosignatures are accepted.
    """

    policy: Policy
    max_age_s: int | None = None
    without_witness: bool = False


class VerifiedCheckpoint(Struct, frozen=True):
    """A checkpoint with verified signatures.

    Attributes:
        newest: The time of the newest cosignature, in seconds since 1970; None if no
            cosignature has a time, or if that time is in the future.
        findings: The requirements that the cosignatures do not meet.
    """

    signed: Note
    checkpoint: Checkpoint
    witnesses: tuple[str, ...]
    newest: int | None
    findings: tuple[MonitorFinding, ...]


def check(raw: bytes, demands: CheckpointRequirements) -> VerifiedCheckpoint:
    """Verify a checkpoint that the log returned.

    Raises:
        LogUnreadable: The response is not a checkpoint.
        RoundStopped: No trusted key of the log signed it, or a signature is wrong.
    """
    trusted = demands.policy
    try:
        signed = note.parse(raw)
        keys = [*(party.key for party in trusted.logs), *trusted.witness_keys]
        _refuse_invalid_signatures(signed, keys)
        judged = policy.judge(trusted, signed)
    except Malformed as error:
        raise LogUnreadable(
            message(
                "the server's checkpoint is malformed: {error}",
                error=messages.error_message(error),
            )
        ) from error
    except Unverified as error:
        raise round_stopped(
            FindingKind.UNTRUSTED,
            message(
                "no key of the policy signed the checkpoint: {error}",
                error=messages.error_message(error),
            ),
        ) from error
    newest = max((one.time for one in judged.cosigned if one.time), default=None)
    ahead = newest is not None and newest > time.time() + TOLERANCE_S
    return VerifiedCheckpoint(
        signed,
        judged.checkpoint,
        tuple(sorted({one.key.name for one in judged.cosigned})),
        None if ahead else newest,
        tuple(_unmet_requirements(demands, judged.cosigned, newest)),
    )


def _refuse_invalid_signatures(signed: Note, keys: list[note.VerifierKey]) -> None:
    try:
        note.verified_signatures(signed, keys)
    except Unverified as error:
        raise round_stopped(
            FindingKind.SIGNATURE,
            message(
                "the checkpoint is forged: {error}", error=messages.error_message(error)
            ),
        ) from error


def _unmet_requirements(
    demands: CheckpointRequirements,
    cosigned: tuple[VerifiedSignature, ...],
    newest: int | None,
) -> list[MonitorFinding]:
    """The requirements that the cosignatures do not meet."""
    now = int(time.time())
    if newest is not None and newest > now + TOLERANCE_S:
        return [MonitorFinding(FindingKind.UNTRUSTED, _ahead_message(newest - now))]
    found = []
    if not demands.without_witness and not _is_quorum(demands, cosigned, 1):
        sentence = message(
            "no quorum of witnesses cosigned the checkpoint, so the holder of the "
            "log's key alone could have rewritten the log"
        )
        found.append(MonitorFinding(FindingKind.UNWITNESSED, sentence))
    if demands.max_age_s is None:
        return found
    since = now - demands.max_age_s
    if not _is_quorum(demands, cosigned, since):
        sentence = (
            message(
                "no quorum of witnesses has cosigned since {time}: there is no "
                "cosignature with a known time",
                time=format_time(since),
            )
            if newest is None
            else message(
                "no quorum of witnesses has cosigned since {time}: the newest "
                "cosignature is from {newest}",
                time=format_time(since),
                newest=format_time(newest),
            )
        )
        found.append(MonitorFinding(FindingKind.STALE, sentence))
    return found


def _is_quorum(
    demands: CheckpointRequirements, cosigned: tuple[VerifiedSignature, ...], since: int
) -> bool:
    trusted = demands.policy
    recent = [one.key for one in cosigned if (one.time or 0) >= since]
    return trusted.quorum != NONE and trusted.is_quorum(recent)


def _ahead_message(seconds: int) -> str:
    return message(
        "the newest cosignature is {seconds} seconds ahead of this clock; one of the "
        "clocks is wrong",
        seconds=seconds,
    )


def format_time(seconds: int) -> str:
    """A Unix time as text, in UTC."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"
