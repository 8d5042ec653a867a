"""Erasure of the texts of a subject, which also survives the restore of a backup.

The decision is recorded in the log, and the vault destroys the texts in the same
transaction. The decision is also noted in the key folder, which no backup of the
database holds. A database restored from before the decision is therefore reconciled:
the texts are destroyed again.
"""

from msgspec import Struct

from iku.commands.command import Command, CommandResult
from iku.commands.handler import CommandHandler
from iku.domain import erasure, fact, subject_name
from iku.domain.access import SYSTEM_ACTOR, Mode
from iku.domain.decider import SubjectNotFound
from iku.domain.erasure import Erased
from iku.ledger import log
from iku.ledger.log import Connection, Reader
from iku.ledger.record import Recorded
from iku.vault import quarantine
from iku.vault.keys import ErasureEntry


class ReconciliationResult(Struct, frozen=True):
    """What a reconciliation found and repaired.

    Attributes:
        decisions: Number of decisions missing from the log; they are recorded again.
        texts: Number of restored texts; they are destroyed again.
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
    """Record an erasure, and destroy the texts and files (see `CommandHandler.handle`).

    Raises:
        SubjectNotFound: The subject does not exist.
    """
    await _refuse_subject_without_texts(commands, reader, command.subject)
    files = await commands.vault.files_of_subject(reader, command.subject)
    outcome = await commands.handle(reader, command)
    # Without their keys the files are unreadable. If the process ends before it removes
    # them, the next start finds their names among the erased ones.
    uses = await commands.vault.file_uses(reader, files)
    commands.vault.files.remove(name for name, use in uses.items() if use.erased)
    # If the process ends before this note, the next start finds the event in the log.
    await _complete_key_folder(commands, reader)
    return outcome


async def _refuse_subject_without_texts(
    commands: CommandHandler, reader: Reader, subject: str
) -> None:
    """Refuse a subject that has neither texts nor a recorded erasure."""
    if erasure.is_identifier(subject) and (
        await commands.vault.count_texts(reader, subject)
        or await log.read_stream(reader, erasure.decider.stream(subject))
    ):
        return
    raise SubjectNotFound(subject_name.not_found_message("subject", subject))


async def reconcile(
    commands: CommandHandler, connection: Connection
) -> ReconciliationResult:
    """Repeat erasures that a restore has undone; runs before requests are served."""
    lost = await _missing_from_log(commands, connection)
    local = (await commands.access.cached(connection)).value.mode is Mode.LOCAL
    for entry in lost:
        # Once there are accounts, the program is the actor: no one has signed in.
        actor = entry.actor if local else SYSTEM_ACTOR
        await commands.handle(connection, _erasure_command(entry, actor))
    texts = await commands.vault.reconcile(connection)
    if lost or texts:
        await quarantine.destroy_erased(commands.vault, connection)
    await _complete_key_folder(commands, connection)
    return ReconciliationResult(len(lost), texts)


async def _missing_from_log(
    commands: CommandHandler, reader: Reader
) -> list[ErasureEntry]:
    """The erasures in the key folder that the log does not hold."""
    ours = await _log_identity(reader)
    noted = [entry for entry in commands.vault.keys.erasures() if entry.log == ours]
    if not noted:
        return []
    recorded = await log.recorded_commands(reader, [entry.command for entry in noted])
    return [entry for entry in noted if entry.command not in recorded]


async def _complete_key_folder(commands: CommandHandler, reader: Reader) -> None:
    """Append to the key folder the erasures that only the log holds."""
    noted, ours = commands.vault.keys.erasures(), await _log_identity(reader)
    known = {entry.command for entry in noted if entry.log == ours}
    async for recorded in log.read_subjects(reader, erasure.decider.category):
        for one in recorded:
            if one.body().command not in known:
                commands.vault.keys.append_erasure(_erasure_entry(one, ours))


async def _log_identity(reader: Reader) -> str:
    """The identity of this log: the leaf hash of its first record; may be empty.

    The identity of an empty log is empty. A restored log keeps its identity; a newly
    initialised log has another one.
    """
    first = [one async for one in log.read_log(reader, size=1)]
    return first[0].leaf.hex() if first else ""


def _erasure_entry(recorded: Recorded, ours: str) -> ErasureEntry:
    body, erased = recorded.body(), fact.decode_recorded(recorded, Erased)
    return ErasureEntry(
        log=ours,
        subject=recorded.subject,
        command=body.command,
        actor=body.actor,
        decision=erased.decision,
        legal_basis=erased.legal_basis,
        effective_on=erased.effective_on,
    )


def _erasure_command(entry: ErasureEntry, actor: str) -> Command:
    erased = Erased(
        decision=entry.decision,
        legal_basis=entry.legal_basis,
        effective_on=entry.effective_on,
    )
    category = erasure.decider.category
    return Command(category, entry.subject, erased, actor, entry.command)
