"""Continue the log under a new name after a restore that lost signed events.

The signed log has ended: it can never be shown complete again, and its checkpoints do
not verify against the kept events. The kept events become the beginning of a log with
another name. Its next event records which events are lost (`iku.domain.continuation`).
"""

from base64 import b64encode
from collections.abc import Iterable, Sequence
from datetime import date

from msgspec import Struct, ValidationError, json

from iku import messages, streams
from iku.domain import continuation
from iku.domain.continuation import SUBJECT, Continued, successor
from iku.domain.decider import Refused
from iku.ledger import checkpoint, log, note
from iku.ledger.appender import AcceptedRequest
from iku.ledger.checkpoint import Checkpoint
from iku.ledger.log import Reader
from iku.ledger.note import Malformed, Unverified, VerifierKey
from iku.ledger.tree import Frontier, leaf_hash
from iku.messages import message

STREAM = continuation.decider.stream(SUBJECT)


class Approval(Struct, frozen=True):
    """The approver of a continuation without the lost events, and the reason."""

    approver: str
    reason: str


async def origin(connection: Reader) -> str | None:
    """The present name of the log, if it was ever continued; else None."""
    recorded = await log.read_stream(connection, STREAM)
    return streams.fold(recorded).state.present_name if recorded else None


def verify_checkpoint(raw: bytes, keys: Iterable[VerifierKey]) -> Checkpoint:
    """The checkpoint in the note *raw*, signed by one of *keys*.

    Raises:
        Refused: The note holds no checkpoint, or none of the keys signed it.
    """
    known = list(keys)
    try:
        signed = note.parse(raw)
        found = checkpoint.parse(signed.text)
        note.verify(signed, [key for key in known if key.name == found.origin])
    except Malformed as error:
        raise Refused(
            message(
                "the file is not a signed checkpoint: {error}",
                error=messages.error_message(error),
            )
        ) from error
    except Unverified as error:
        raise Refused(
            message(
                "the checkpoint is not signed by a known key of {origin} ({error}); "
                "to add a key, put the line log <vkey> into the file that "
                "IKU_WITNESSES names",
                origin=found.origin,
                error=messages.error_message(error),
            )
        ) from error
    return found


async def build_continuation(
    connection: Reader, signed: Checkpoint, raw: bytes, approval: Approval, today: date
) -> Continued:
    """The continuation event; *raw* is the note of the old log's checkpoint *signed*.

    Reads every record.

    Raises:
        Refused: No event is lost, or the kept events differ from the signed ones.
    """
    tree = Frontier()
    same = signed.size > 0
    async for recorded in log.read_log(connection):
        tree.add(leaf_hash(recorded.record))
        if tree.size == signed.size:
            same = tree.root() == signed.root
    if tree.size >= signed.size and not same:
        raise Refused(
            message(
                "the log's first {size} events differ from the signed ones, so the "
                "log was altered, not truncated: change nothing, and call the auditors",
                size=signed.size,
            )
        )
    continued = Continued(
        effective_on=today,
        origin=signed.origin,
        successor=successor(signed.origin),
        kept=tree.size,
        root=b64encode(tree.root()).decode(),
        lost_to=signed.size,
        signed=raw.decode(),
        approver=approval.approver,
        reason=approval.reason,
    )
    try:
        return json.decode(json.encode(continued), type=Continued)
    except ValidationError as error:
        raise Refused(
            message(
                "the log cannot be continued: {error}",
                error=messages.error_message(error),
            )
        ) from error


def refuse_if_log_grew(accepted: Sequence[AcceptedRequest]) -> None:
    """Refuse, within the append's transaction, if other events were appended first.

    Raises:
        Refused: The event would not be the first one after the kept events.
    """
    for one in accepted:
        continued = one.request.attachments[-1].after.history[-1]
        if one.receipt.position != continued.kept + 1:
            raise Refused(
                message(
                    "the log had {kept} events and has grown to {size} since; stop "
                    "all programs that write to it",
                    kept=continued.kept,
                    size=one.receipt.position - 1,
                )
            )
