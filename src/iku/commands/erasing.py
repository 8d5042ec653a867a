"""Forgetting a subject, for good: also where an old backup comes back.

The decision is recorded in the log; in the same transaction the vault destroys what it
held. It is written down in the folder of keys as well, which no backup of the database
holds: so a database restored from before the decision does not bring anybody back.
"""

import re

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
from iku.vault.keys import Entry
from iku.vault.store import Lasting

# A person's, or the name of a stream: nothing else is looked for.
_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,99}")


class Known(Struct, frozen=True):
    """What is held of a subject, and what was decided about it."""

    held: list[Lasting]
    erasures: list[tuple[Recorded, Erased]]


class Doomed(Struct, frozen=True):
    """What an erasure would destroy, without any of its texts.

    Attributes:
        held: How many texts of each field, in which history.
        files: How many attached files.
        others: Persons who have texts in its history and keep them: they are erased
            by decisions of their own.
    """

    held: list[Lasting]
    files: int
    others: list[str]

    @property
    def texts(self) -> int:
        """How many texts; what is held of a file is none."""
        return sum(one.count for one in self.held) - self.files


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


async def look(office: Office, reader: Reader, subject: str) -> Known:
    """What is known of *subject*.

    Raises:
        Missing: Nothing is held of it, and nothing ever was erased.
    """
    if not _IDENTIFIER.fullmatch(subject):
        raise Missing(naming.absent("subject", subject))
    held = await office.vault.held(reader, subject)
    recorded = await log.read_stream(reader, erasure.decider.stream(subject))
    if not held and not recorded:
        raise Missing(naming.absent("subject", subject))
    return Known(held, [(one, fact.of(one, Erased)) for one in recorded])


async def preview(office: Office, reader: Reader, subject: str) -> Doomed:
    """What erasing *subject* would destroy now.

    Raises:
        Missing: Nothing is held of it, and nothing ever was erased.
    """
    known = await look(office, reader, subject)
    files = await office.vault.filed(reader, subject)
    recorded = await log.read_stream(reader, subject)  # a person's name is no stream
    named = {text.s for one in recorded for text in one.body().text.values()}
    return Doomed(known.held, len(files), sorted(named - {subject}))


async def erase(office: Office, reader: Reader, command: Command) -> Outcome:
    """Carry out the decision that *command* proposes (see `Office.handle`).

    Raises:
        Missing: There is no such subject.
    """
    await look(office, reader, command.subject)
    files = await office.vault.filed(reader, command.subject)
    outcome = await office.handle(reader, command)
    # Without their keys they are noise already. Should we end before they are removed,
    # the next start of the server finds their names among those that were erased.
    uses = await office.vault.uses(reader, files)
    office.vault.files.remove(name for name, use in uses.items() if use.erased)
    # Should we end before this is written, the next start finds it in the log.
    await _note(office, reader)
    return outcome


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


async def _lost(office: Office, reader: Reader) -> list[Entry]:
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


def _entry(recorded: Recorded, ours: str) -> Entry:
    body, erased = recorded.body(), fact.of(recorded, Erased)
    return Entry(
        log=ours,
        subject=recorded.subject,
        command=body.command,
        actor=body.actor,
        decision=erased.decision,
        legal_basis=erased.legal_basis,
        effective_on=erased.effective_on,
    )


def _command(entry: Entry) -> Command:
    erased = Erased(
        decision=entry.decision,
        legal_basis=entry.legal_basis,
        effective_on=entry.effective_on,
    )
    category = erasure.decider.category
    return Command(category, entry.subject, erased, entry.actor, entry.command)
