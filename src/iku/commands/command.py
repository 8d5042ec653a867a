"""A command as it is handed in, and its outcome."""

from datetime import date
from typing import Any, TypeGuard

import msgspec
from msgspec import Struct, structs

from iku.domain import (
    continuation,
    erasure,
    indicator,
    publication,
    scale,
    subject_kinds,
)
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
from iku.vault.files import Filed

# Of subjects that do not count, what is said of one first, and only then.
FIRST = (
    indicator.Defined,
    scale.Scaled,
    continuation.Continued,
    erasure.Erased,
)
_encode = msgspec.json.Encoder(order="sorted").encode


def is_first(proposed: Any) -> TypeGuard[Fact]:
    """Whether this is said of a subject first, and only then."""
    return isinstance(proposed, (*subject_kinds.openings(), *FIRST))


def is_opening(proposed: Any) -> TypeGuard[Fact]:
    """Whether this may begin a subject, of which nothing was said before."""
    return is_first(proposed) or isinstance(proposed, publication.Draft)


class StaleVersion(Exception):
    """The command was about a version that is no longer the last one."""

    def __init__(self, version: int, expected: int) -> None:
        super().__init__(
            message(
                "the version is {version}, but the command is for {expected}",
                version=version,
                expected=expected,
            )
        )
        self.version = version


class Command(Struct, frozen=True):
    """What is to be recorded of a subject, and by whom.

    Attributes:
        category: Kind of the subject; names its decider.
        subject: Identifier of the subject; empty where it is to be given a number.
        proposed: The fact to be recorded, or what its decider makes a fact of.
        command_id: The idempotency key; None: repetitions are not recognised.
        known_on: The day the office knew, declared; None: today.
        expected: The version it is about; None: whichever is the last.
        file: The sealed file that it attaches; None: it attaches none.
    """

    category: str
    subject: str
    proposed: Any
    actor: str
    command_id: str | None = None
    known_on: date | None = None
    expected: int | None = None
    file: Filed | None = None

    def with_file(self, proposed: Any, file: Filed) -> "Command":
        """The command that proposes so, and brings that file."""
        return structs.replace(self, proposed=proposed, file=file)

    @property
    def content(self) -> bytes:
        """All that a repetition must share with the first.

        Clear text: what is stored of it is a hash under a key of the vault's folder,
        so that nobody can confirm a guess of what was asked.
        """
        proposed = DECIDERS[self.category].asked(self.proposed)
        return _encode((self.category, self.subject, proposed, self.known_on))

    @property
    def stream(self) -> str:
        """The stream it is to be recorded in."""
        return DECIDERS[self.category].stream(self.subject)


class CommandResult(Struct, frozen=True):
    """What came of a command.

    Attributes:
        number: Of the subject in the register, once the receipt's event was recorded.
        receipt: Of its last event; where nothing had to be added, of the stream's.
        added: Whether it recorded anything, now or when it was first sent.
        repeated: Whether it had been carried out before, under the same id.
        notes: What else it means, in sentences: what a merger does not take over, whom
            a rejection takes along.
    """

    subject: str
    number: str
    receipt: Receipt
    added: bool
    repeated: bool
    notes: tuple[str, ...] = ()


class ReadOnlyReplica(Unavailable):
    """The database is a replica, or was when the program started: nothing is recorded.

    One that has become the primary is looked after by the next start, as any that may
    have lost events: so the program does not go on by itself.
    """

    def __init__(self) -> None:
        super().__init__(
            message(
                "the database is a replica, which only reads; send the command to the "
                "primary, and if this has become the primary, restart iku first"
            )
        )


def with_subject(command: Command, subject: str, number: str) -> Command:
    """The opening under that identifier; it says its number where that is another."""
    proposed = command.proposed
    if subject_number(subject) != number:
        proposed = structs.replace(proposed, number=number)
    return structs.replace(command, subject=subject, proposed=proposed)
