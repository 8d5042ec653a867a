"""The check of rights: every event of the log by the rights at its position.

The rules are those of `domain/recorded_rights`; this module reads the records.
"""

from msgspec import Struct

from iku import messages
from iku.domain.access import Mode
from iku.domain.recorded_rights import RecordedRights, RightsFinding
from iku.ledger import log
from iku.ledger.log import Reader
from iku.messages import message

FINDINGS = 20  # of which the sentences are given


class RightsCheckResult(Struct, frozen=True):
    """The result of the check of rights.

    Attributes:
        mode: The mode that the log states at its end.
        events: Number of events that accounts recorded.
        accounts: Number of accounts that recorded them.
        refused: Number of events that were not allowed.
        unjudged: Position from which a newer table of rights is in force; None if this
            program has the table.
        findings: The first findings.
    """

    mode: Mode
    events: int
    accounts: int
    refused: int
    unjudged: int | None
    findings: list[str]


async def check_rights(reader: Reader) -> RightsCheckResult:
    """Check the rights of every event of the log, which is read once, in order."""
    rights = RecordedRights()
    found: list[RightsFinding] = []
    unread: list[str] = []
    async for recorded in log.read_log(reader):
        try:
            found += rights.add(recorded)
        except (ValueError, LookupError, TypeError) as error:
            unread.append(_unreadable(recorded.position, error))
            break
    found += rights.finish()
    return RightsCheckResult(
        rights.mode,
        rights.events,
        len(rights.accounts),
        len(found),
        rights.unjudged,
        [*(one.sentence for one in found[:FINDINGS]), *unread],
    )


def _unreadable(position: int, error: Exception) -> str:
    return message(
        "position {position}: rights cannot be verified from this record on: {error}",
        position=position,
        error=messages.error_message(error),
    )
