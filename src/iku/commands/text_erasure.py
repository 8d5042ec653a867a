"""Forgetting a subject, for good: also where an old backup comes back.

The decision is recorded in the log; in the same transaction the vault destroys what it
held. It is written down in the folder of keys as well, which no backup of the database
holds: so a database restored from before the decision does not bring anybody back.
"""

from msgspec import Struct

from iku.commands.command import Command, CommandResult
from iku.commands.handler import CommandHandler
from iku.domain import erasure, fact, subject_name
from iku.domain.decider import SubjectNotFound
from iku.domain.erasure import Erased
from iku.ledger import log
from iku.ledger.log import Connection, Reader
from iku.ledger.record import Recorded
from iku.vault import quarantine
from iku.vault.keys import ErasureEntry


class ReconciliationResult(Struct, frozen=True):
    """What had come back.

    Attributes:
        decisions: How many decisions the log had lost; they are recorded again.
        texts: How many texts were there again; they are destroyed again.
    """

    decisions: int
    texts: int

    def __add__(self, other: "ReconciliationResult") -> "ReconciliationResult":
        return ReconciliationResult(
            self.decisions + other.decisions, self.texts + other.texts
        )


async def erase(
    commands: CommandHandler, reader: Reader, command: Command
) -> CommandResult:
    """Carry out the decision that *command* proposes (see `CommandHandler.handle`).

    Raises:
        SubjectNotFound: There is no such subject.
    """
    await _refuse_unknown(commands, reader, command.subject)
    files = await commands.vault.filed(reader, command.subject)
    outcome = await commands.handle(reader, command)
    # Without their keys they are noise already. Should we end before they are removed,
    # the next start of the server finds their names among those that were erased.
    uses = await commands.vault.uses(reader, files)
    commands.vault.files.remove(name for name, use in uses.items() if use.erased)
    # Should we end before this is written, the next start finds it in the log.
    await _note(commands, reader)
    return outcome


async def _refuse_unknown(
    commands: CommandHandler, reader: Reader, subject: str
) -> None:
    """Refuse a subject of which nothing is held, and of which nothing ever was."""
    if erasure.is_identifier(subject) and (
        await commands.vault.held(reader, subject)
        or await log.read_stream(reader, erasure.decider.stream(subject))
    ):
        return
    raise SubjectNotFound(subject_name.absent("subject", subject))


async def reconcile(
    commands: CommandHandler, connection: Connection
) -> ReconciliationResult:
    """Hold every erasure against log and vault; runs before anybody is served."""
    lost = await _lost(commands, connection)
    for entry in lost:
        await commands.handle(connection, _command(entry))
    texts = await commands.vault.reconcile(connection)
    if lost or texts:
        await quarantine.destroy_erased(commands.vault, connection)
    await _note(commands, connection)
    return ReconciliationResult(len(lost), texts)


async def _lost(commands: CommandHandler, reader: Reader) -> list[ErasureEntry]:
    """Those erasures of the folder of keys that the log does not hold."""
    ours = await _name(reader)
    noted = [entry for entry in commands.vault.keys.erased() if entry.log == ours]
    if not noted:
        return []
    recorded = await log.recorded_commands(reader, [entry.command for entry in noted])
    return [entry for entry in noted if entry.command not in recorded]


async def _note(commands: CommandHandler, reader: Reader) -> None:
    """Write down those erasures of the log that the folder of keys does not hold."""
    noted, ours = commands.vault.keys.erased(), await _name(reader)
    known = {entry.command for entry in noted if entry.log == ours}
    async for recorded in log.read_subjects(reader, erasure.decider.category):
        for one in recorded:
            if one.body().command not in known:
                commands.vault.keys.note(_entry(one, ours))


async def _name(reader: Reader) -> str:
    """What tells this log from every other: its first leaf. Empty while it is empty.

    A restored log has it, too; one that was begun anew has another.
    """
    first = [one async for one in log.read_log(reader, size=1)]
    return first[0].leaf.hex() if first else ""


def _entry(recorded: Recorded, ours: str) -> ErasureEntry:
    body, erased = recorded.body(), fact.of(recorded, Erased)
    return ErasureEntry(
        log=ours,
        subject=recorded.subject,
        command=body.command,
        actor=body.actor,
        decision=erased.decision,
        legal_basis=erased.legal_basis,
        effective_on=erased.effective_on,
    )


def _command(entry: ErasureEntry) -> Command:
    erased = Erased(
        decision=entry.decision,
        legal_basis=entry.legal_basis,
        effective_on=entry.effective_on,
    )
    category = erasure.decider.category
    return Command(category, entry.subject, erased, entry.actor, entry.command)
