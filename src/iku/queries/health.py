"""The readiness of the register, and the assurance of its log."""

import asyncio
from pathlib import Path

from msgspec import Struct, structs

from iku.ledger import checkpoint_store, log
from iku.ledger.checkpoint_store import Assurance
from iku.ledger.log import Reader
from iku.ledger.policy import Policy
from iku.ledger.signer_folder import SignerFolder
from iku.postgres import migrations, pool
from iku.queries.view import View
from iku.vault.files import FilesError, QuarantineSummary


class Health(Struct, frozen=True):
    """The state of the register.

    Attributes:
        size: Number of events in the log.
        replica: Whether the database is a replica.
        assurance: Signed and witnessed sizes of the log, and the signer's alarm.
        lost_keys: Epochs whose key is missing from the key folder, or differs.
    """

    size: int
    replica: bool
    assurance: Assurance
    lost_keys: list[str]


async def health(view: View, witnesses: Policy, signer_home: Path) -> Health:
    """The state of a register with a migrated schema."""
    return Health(
        (await log.head(view.reader)).size,
        await pool.is_read_only(view.reader),
        await assurance(view.reader, witnesses, signer_home),
        await view.vault.find_lost_epochs(view.reader),
    )


async def pending_migrations(view: View) -> list[str]:
    """The migrations of this release that the database lacks, in order.

    Raises:
        MigrationError: This program cannot migrate the schema.
    """
    return [str(one) for one in await migrations.pending_migrations(view.reader)]


async def quarantine(view: View) -> QuarantineSummary | None:
    """The files in quarantine; None if the folder cannot be read."""
    try:
        return await asyncio.to_thread(view.vault.files.summary)
    except FilesError:
        return None


async def assurance(reader: Reader, witnesses: Policy, signer_home: Path) -> Assurance:
    """Signatures and cosignatures of the log, and the signer's alarm.

    The alarm is also read from its file, because a restored database may lack it.
    """
    found = await checkpoint_store.assurance(reader, witnesses)
    alarm = SignerFolder(signer_home).alarm_sentence()
    return found if alarm is None else structs.replace(found, alarm=alarm)
