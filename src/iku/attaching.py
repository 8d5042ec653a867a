"""Files with a case: sealed beside the vault, committed to in the log."""

import asyncio
from hashlib import sha256
from typing import NamedTuple

from iku import texts
from iku.domain.conflict import Attached
from iku.domain.withheld import Why
from iku.handling import Command, Missing, Office, Outcome
from iku.ledger import log
from iku.ledger.log import Reader
from iku.ledger.record import Recorded
from iku.vault.files import Filed
from iku.vault.keys import KeysError
from iku.vault.sealing import Damaged
from iku.vault.store import Trouble, Vault


class Gone(LookupError):
    """There was such a file; why it cannot be had stands in the sentence."""


class File(NamedTuple):
    """A file as it was attached."""

    name: str
    media_type: str
    content: bytes


async def attach(
    office: Office, reader: Reader, command: Command, file: File
) -> Outcome:
    """Put *file* with the case that *command* names (see `Office.handle`)."""
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


async def fetch(office: Office, reader: Reader, subject: str, version: int) -> File:
    """The file that was put with a case at that version.

    Raises:
        Missing: There is none.
        Gone: It was erased, or is not what the record commits to.
        KeysError: Its key is not here.
    """
    named = f"attachment {version} of {subject}"
    recorded = await _attached(reader, subject, version)
    if recorded is None:
        raise Missing(f"there is no {named}")
    opened = await texts.read(reader, office.vault, [recorded])
    found = opened[recorded.stream, recorded.version]
    for withheld in found.withheld.values():
        if withheld.why is Why.LOCKED:
            raise KeysError(f"{named} is locked: its key is not in the folder of keys")
        raise Gone(f"{named} is not to be had: {withheld.words}")
    content = await held(office.vault, reader, recorded, found.plain["sha256"])
    if isinstance(content, Why):
        raise Gone(f"{named} is not to be had: {content.word}")
    media_type: str = recorded.body().data["media_type"]
    return File(found.plain["file_name"], media_type, content)


async def held(
    vault: Vault, reader: Reader, recorded: Recorded, digest: str
) -> bytes | Why:
    """The content of the file of *recorded*, whose SHA-256 is *digest*; or why not."""
    filed = await vault.file(reader, recorded)
    if isinstance(filed, Trouble):
        return Why(filed.value)
    try:
        content = await asyncio.to_thread(vault.files.get, filed)
    except Damaged:
        return Why.DAMAGED
    return content if sha256(content).hexdigest() == digest else Why.DAMAGED


async def _attached(reader: Reader, subject: str, version: int) -> Recorded | None:
    found = await log.read_events(reader, [(f"conflict-{subject}", version)])
    return next((one for one in found if one.type == "attached"), None)
