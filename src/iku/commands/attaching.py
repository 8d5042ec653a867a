"""Files of cases and organisations: sealed in a folder, committed to in the log."""

import asyncio
from hashlib import sha256

from iku.commands.command import Command, Outcome
from iku.commands.office import Office
from iku.domain.attachment import Attached
from iku.ledger.log import Reader
from iku.texts import File
from iku.vault.files import Filed


async def attach(
    office: Office, reader: Reader, command: Command, file: File
) -> Outcome:
    """Put *file* with the subject that *command* names (see `Office.handle`)."""
    attached = Attached(
        file_name=file.name,
        media_type=file.media_type,
        length=len(file.content),
        sha256=sha256(file.content).hexdigest(),
    )
    filed = await asyncio.to_thread(office.vault.files.put, file.content)
    kept = False
    try:
        command = command.with_file(attached, filed)
        outcome = await office.handle(reader, command)
        kept = outcome.added and not outcome.repeated
    finally:
        # Whether the event was recorded may not be known: then the file is kept, and a
        # later start of the server moves it to quarantine if no event names it.
        if not kept and not await _told(office, reader, filed):
            office.vault.files.remove([filed.name])
    return outcome


async def _told(office: Office, reader: Reader, filed: Filed) -> bool:
    """Whether an event tells of the file, as far as can be found out."""
    try:
        return filed.name in await office.vault.uses(reader, [filed.name])
    except Exception:  # noqa: BLE001 - the error under way says more
        return True
