"""Forgetting a subject, for good: also where an old backup comes back.

The decision is recorded in the log; in the same transaction the vault destroys what it
held. It is written down in the folder of keys as well, which no backup of the database
holds: so a database restored from before the decision does not bring anybody back.
"""

from msgspec import Struct

from iku.commands.command import Command, Outcome
from iku.commands.office import Office
from iku.domain import erasure, fact, naming
from iku.domain.decider import Missing
from iku.domain.erasure import Erased
from iku.ledger import log
from iku.ledger.log import Connection, Reader
from iku.ledger.record import Recorded
from iku.vault import quarantine
from iku.vault.keys import ErasureEntry


class Reconciled(Struct, frozen=True):
    """What had come back.

    Attributes:
        decisions: How many decisions the log had lost; they are recorded again.
        texts: How many texts were there again; they are destroyed again.
    """

    decisions: int
    texts: int

    def __add__(self, other: "Reconciled") -> "Reconciled":
        return Reconciled(self.decisions + other.decisions, self.texts + other.texts)


async def erase(office: Office, reader: Reader, command: Command) -> Outcome:
    """Carry out the decision that *command* proposes (see `Office.handle`).

    Raises:
        Missing: There is no such subject.
    """
    await _refuse_unknown(office, reader, command.subject)
    files = await office.vault.filed(reader, command.subject)
    outcome = await office.handle(reader, command)
    # Without their keys they are noise already. Should we end before they are removed,
    # the next start of the server finds their names among those that were erased.
    uses = await office.vault.uses(reader, files)
    office.vault.files.remove(name for name, use in uses.items() if use.erased)
    # Should we end before this is written, the next start finds it in the log.
    await _note(office, reader)
    return outcome


async def _refuse_unknown(office: Office, reader: Reader, subject: str) -> None:
    """Refuse a subject of which nothing is held, and of which nothing ever was."""
    if erasure.is_identifier(subject) and (
        await office.vault.held(reader, subject)
        or await log.read_stream(reader, erasure.decider.stream(subject))
    ):
        return
    raise Missing(naming.absent("subject", subject))


async def reconcile(office: Office, connection: Connection) -> Reconciled:
    """Hold every erasure against log and vault; runs before anybody is served."""
    lost = await _lost(office, connection)
    for entry in lost:
        await office.handle(connection, _command(entry))
    texts = await office.vault.reconcile(connection)
    if lost or texts:
        await quarantine.destroy_erased(office.vault, connection)
    await _note(office, connection)
    return Reconciled(len(lost), texts)


async def _lost(office: Office, reader: Reader) -> list[ErasureEntry]:
    """Those erasures of the folder of keys that the log does not hold."""
    ours = await _name(reader)
    noted = [entry for entry in office.vault.keys.erased() if entry.log == ours]
    if not noted:
        return []
    recorded = await log.recorded_commands(reader, [entry.command for entry in noted])
    return [entry for entry in noted if entry.command not in recorded]


async def _note(office: Office, reader: Reader) -> None:
    """Write down those erasures of the log that the folder of keys does not hold."""
    noted, ours = office.vault.keys.erased(), await _name(reader)
    known = {entry.command for entry in noted if entry.log == ours}
    async for recorded in log.read_subjects(reader, erasure.decider.category):
        for one in recorded:
            if one.body().command not in known:
                office.vault.keys.note(_entry(one, ours))


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
