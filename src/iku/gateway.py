"""Where a person's or a program's command is handed in, and the receipt for it.

HTTP and the command line share it: what one refuses the other refuses, in one sentence.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from msgspec import Struct

from iku import messages
from iku.app import App
from iku.commands.command import Command, CommandResult, StaleVersion
from iku.connection import PooledReader
from iku.domain import subject_name
from iku.domain.decider import Invalid, Refused, SubjectNotFound
from iku.domain.fact import stated
from iku.language import Language, translate
from iku.messages import Term, message
from iku.queries import subject_lookup


class EntryReceipt(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Proof of entry: durable, and in the log for good.

    Attributes:
        id: Identifier of the subject, as in its address.
        number: Its number in the register.
        version: Of its last event, which this receipt is about.
        position: Of that event in the log.
        size: Of the log once the event was in it.
        recorded_at: The database's clock, UTC.
        leaf: The event's leaf hash (RFC 6962, 2.1), lower-case hexadecimal.
        notes: What else it means: the participations that a merger does not take over
            and why, the subjects that a rejection takes along. Absent where nothing.
    """

    id: str
    number: str
    version: int
    position: int
    size: int
    recorded_at: datetime
    leaf: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CommandGateway:
    """Where the commands of one request are handed in."""

    app: App
    actor: str
    command_id: str | None
    expected: int | None = None
    language: Language = Language.ENGLISH

    async def handle(self, category: str, subject: str, proposed: Any) -> CommandResult:
        """Carry out what is *proposed* for that subject (see `Office.handle`).

        Raises:
            Refused: The rules do not allow it, or the register says so already: the
                receipt of another's event would pass for one of this request.
        """
        command = self.command(category, subject, proposed)
        try:
            with known(command):
                outcome = await self.app.commands.handle(
                    PooledReader(self.app), command
                )
        except SubjectNotFound as error:
            raise SubjectNotFound(
                message(
                    "{error}{hint}",
                    error=messages.of(error),
                    hint=await self._hint(command, subject),
                )
            ) from error
        except Invalid as error:
            if error.path != "into":
                raise
            hint = await self._hint(command, stated(command.proposed, "into"))
            raise Invalid(
                error.path,
                message("{error}{hint}", error=messages.of(error), hint=hint),
            ) from error
        if not outcome.added:
            raise Refused(
                message(
                    "{category} {subject} holds this fact already, at version "
                    "{version}; nothing was recorded",
                    category=Term("category", category),
                    subject=outcome.subject,
                    version=outcome.receipt.version,
                )
            )
        return outcome

    async def _hint(self, command: Command, name: str) -> str:
        """Whose number it is that was given for an identifier."""
        view = self.app.view(PooledReader(self.app))
        return await subject_lookup.hint(view, command.category, name)

    async def preview(self, category: str, subject: str, proposed: Any) -> list[Any]:
        """What `handle` would record now; nothing is recorded.

        Raises:
            Refused: The rules do not allow it, or the register says so already.
        """
        command = self.command(category, subject, proposed)
        with known(command):
            facts = await self.app.commands.preview(PooledReader(self.app), command)
        if not facts:
            raise Refused(
                message(
                    "{category} {subject} holds this fact already; nothing would be "
                    "recorded",
                    category=Term("category", category),
                    subject=subject,
                )
            )
        return facts

    def command(self, category: str, subject: str, proposed: Any) -> Command:
        """What the request asks for, as a command."""
        return Command(
            category,
            subject,
            proposed,
            self.actor,
            command_id=self.command_id,
            expected=self.expected,
        )


@contextmanager
def known(command: Command) -> Iterator[None]:
    """Tell a version of nothing from one that is merely not the last."""
    try:
        yield
    except StaleVersion as error:
        if error.version == 0:
            missing = subject_name.absent(command.category, command.subject)
            raise SubjectNotFound(missing) from error
        raise


def receipt(
    outcome: CommandResult, language: Language = Language.ENGLISH
) -> EntryReceipt:
    """The receipt as the client gets it, its notes in that language."""
    given = outcome.receipt
    return EntryReceipt(
        id=outcome.subject,
        number=outcome.number,
        version=given.version,
        position=given.position,
        size=given.size,
        recorded_at=given.recorded_at,
        leaf=given.leaf.hex(),
        notes=tuple(translate(note, language) for note in outcome.notes),
    )
