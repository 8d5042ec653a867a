"""The command and its result."""

from datetime import date
from typing import Any, NamedTuple, TypeGuard, get_args

import msgspec
from msgspec import Struct, structs

from iku.domain import (
    access_policy,
    account,
    continuation,
    erasure,
    import_permission,
    indicator,
    paper,
    paper_data,
    proposal,
    publication,
    scale,
    subject_kinds,
)
from iku.domain.access import Credentials
from iku.domain.decider import (
    subject_number,
)
from iku.domain.decider_registry import DECIDERS
from iku.domain.fact import Fact
from iku.ledger.appender import Unavailable
from iku.ledger.log import (
    Receipt,
)
from iku.messages import message
from iku.streams import FoldedStream
from iku.vault.files import FileReference

# First events of the subjects that are not counted; none of them occurs later.
FIRST = (
    indicator.Defined,
    scale.Scaled,
    continuation.Continued,
    erasure.Erased,
    account.Invited,
    account.Invite,
    proposal.Proposed,
    import_permission.FileAllowed,
    *get_args(access_policy.Event),
)
_encode = msgspec.json.Encoder(order="sorted").encode


def must_create_subject(proposed: Any) -> TypeGuard[Fact]:
    """Whether *proposed* can only be the first event of a subject."""
    return isinstance(proposed, (*subject_kinds.creation_event_types(), *FIRST))


def creates_subject(proposed: Any) -> TypeGuard[Fact]:
    """Whether *proposed* creates a subject: it can be its first event."""
    return must_create_subject(proposed) or isinstance(
        proposed, publication.Draft | paper.Issued | paper_data.Statement
    )


class StaleVersion(Exception):
    """The version that the command expects is not the last version."""

    def __init__(self, version: int, expected: int) -> None:
        super().__init__(
            message(
                "the current version is {version}, but the command expects version "
                "{expected}",
                version=version,
                expected=expected,
            )
        )
        self.version = version


class ProposalApproval(Struct, frozen=True):
    """The approval of a proposal, which is recorded with the events of its command.

    Attributes:
        proposal: Identifier of the proposal.
        before: The proposal's stream as read.
        divisions: The divisions for which the approver approves.
        covered: The divisions that have approved before.
    """

    proposal: str
    before: FoldedStream
    divisions: tuple[str, ...] = ()
    covered: frozenset[str] = frozenset()


class Command(Struct, frozen=True):
    """A proposed event of a subject, with its actor.

    Attributes:
        category: Category of the subject; it selects the decider.
        subject: Identifier of the subject; empty to assign the next automatic number.
        proposed: The event to record, or the input from which the decider builds it.
        command_id: Idempotency key; None means that a retry is not recognised.
        known_on: Declared day on which the office knew the fact; None means today.
        expected: Expected version of the stream; None means any version.
        file: Sealed file to attach; None means no file.
        credentials: The account that acts; None if *actor* is only claimed, or is the
            program itself.
        approval: The approval of the proposal of this command; None without one.
        proposing: Whether the command is only decided, for a proposal, and not
            recorded.
        sent_as: The command as the client sent it; None if the client sent this
            command.
    """

    category: str
    subject: str
    proposed: Any
    actor: str
    command_id: str | None = None
    known_on: date | None = None
    expected: int | None = None
    file: FileReference | None = None
    credentials: Credentials | None = None
    approval: ProposalApproval | None = None
    proposing: bool = False
    sent_as: "Command | None" = None

    def with_file(self, proposed: Any, file: FileReference) -> "Command":
        """The command with *proposed* and *file* in place of its event and file."""
        return structs.replace(self, proposed=proposed, file=file)

    @property
    def content(self) -> bytes:
        """The encoded command, which a retry must repeat byte by byte.

        The content is clear text. The log stores only its keyed hash, under a key in
        the vault's folder, so that a guess of the content cannot be confirmed.
        """
        sent = self.sent_as or self
        proposed = DECIDERS[sent.category].asked(sent.proposed)
        return _encode((sent.category, sent.subject, proposed, sent.known_on))

    @property
    def stream(self) -> str:
        """Name of the stream of the subject."""
        return DECIDERS[self.category].stream(self.subject)


class CommandResult(Struct, frozen=True):
    """The result of a command.

    Attributes:
        number: Number of the subject after the event of the receipt.
        receipt: Receipt of the last event; if no event was added, of the last one in
            the stream.
        added: Whether the command added events, now or at its first attempt.
        repeated: Whether a command with the same id was carried out before.
        notes: Further effects, in sentences: participations that a merger does not take
            over, subjects that a rejection excludes as well.
    """

    subject: str
    number: str
    receipt: Receipt
    added: bool
    repeated: bool
    notes: tuple[str, ...] = ()


class SubjectChange(NamedTuple):
    """The events that a command adds to one subject.

    Attributes:
        category: Category of the subject.
        before: State before the events, as read.
        after: State after the events.
    """

    category: str
    subject: str
    events: list[Any]
    before: FoldedStream
    after: Any


class ReadOnlyReplica(Unavailable):
    """The database is a replica, or was one at the start; nothing can be recorded.

    A replica that becomes the primary may have lost events. Only a restart checks for
    that, so the program does not continue by itself.
    """

    def __init__(self) -> None:
        super().__init__(
            message(
                "the database is a read-only replica; send the command to the "
                "primary, or restart iku if this server has become the primary"
            )
        )


def with_subject(command: Command, subject: str, number: str) -> Command:
    """The command that creates *subject*, with *number* if it is not the identifier."""
    proposed = command.proposed
    if subject_number(subject) != number:
        proposed = structs.replace(proposed, number=number)
    return structs.replace(command, subject=subject, proposed=proposed)
