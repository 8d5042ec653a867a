"""Whether the register can be used, and how far its log is vouched for."""

import asyncio
from pathlib import Path

from msgspec import Struct, structs

from iku.ledger import checkpoints, log
from iku.ledger.checkpoints import Assurance
from iku.ledger.log import Reader
from iku.ledger.policy import Policy
from iku.ledger.signing import Home
from iku.postgres import migrations, pool
from iku.queries.view import View
from iku.vault.files import FilesError, Quarantine


class Health(Struct, frozen=True):
    """The state of the register.

    Attributes:
        size: How many events the log holds.
        replica: Whether the database is a replica.
        assurance: How far the log is signed and witnessed, and the signer's alarm.
        lost_keys: Epochs whose key is not in the folder of keys, or is another.
    """

    size: int
    replica: bool
    assurance: Assurance
    lost_keys: list[str]


async def health(view: View, witnesses: Policy, signer_home: Path) -> Health:
    """The state of a register whose schema is up to date."""
    return Health(
        (await log.head(view.reader)).size,
        await pool.only_reads(view.reader),
        await assurance(view.reader, witnesses, signer_home),
        await view.vault.lost(view.reader),
    )


async def pending(view: View) -> list[str]:
    """The migrations that the schema lacks.

    Raises:
        MigrationError: The schema is not one that this program can bring up to date.
    """
    return [str(one) for one in await migrations.pending(view.reader)]


async def quarantine(view: View) -> Quarantine | None:
    """What lies in quarantine; None where the folder of attachments cannot be read."""
    try:
        return await asyncio.to_thread(view.vault.files.look)
    except FilesError:
        return None


async def assurance(reader: Reader, witnesses: Policy, signer_home: Path) -> Assurance:
    """How far the log is vouched for; the signer's alarm, also from its own file.

    A database that was put back to an older state knows of no alarm.
    """
    found = await checkpoints.assurance(reader, witnesses)
    alarm = Home(signer_home).told_alarm()
    return found if alarm is None else structs.replace(found, alarm=alarm)
