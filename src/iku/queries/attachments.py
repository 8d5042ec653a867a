"""Attached files of cases and organisations, opened and verified."""

from hashlib import sha256

from iku.domain.decider import SubjectNotFound
from iku.domain.withheld import WithheldReason
from iku.ledger import log
from iku.ledger.log import Reader
from iku.ledger.record import Recorded
from iku.queries.view import View
from iku.texts import File
from iku.vault.keys import KeysError


class Gone(LookupError):
    """The file existed but is not available; the message states why."""


async def fetch(view: View, stream: str, version: int) -> File:
    """The file attached by the event of *stream* with that version.

    Raises:
        Missing: There is no such file.
        Gone: It was erased, or does not match the commitment.
        KeysError: Its key is not available.
    """
    named = f"attachment {version} of {stream.partition('-')[2]}"
    recorded = await _attached(view.reader, stream, version)
    if recorded is None:
        raise SubjectNotFound(f"there is no {named}")
    opened = await view.texts([recorded])
    found = opened[recorded.stream, recorded.version]
    for withheld in found.withheld.values():
        if withheld.why is WithheldReason.LOCKED:
            raise KeysError(f"{named} is locked: its key is not in the folder of keys")
        raise Gone(f"{named} is not to be had: {withheld.words}")
    content = await held(view, recorded, found.plain["sha256"])
    if isinstance(content, WithheldReason):
        raise Gone(f"{named} is not to be had: {content.word}")
    media_type: str = recorded.body().data["media_type"]
    return File(found.plain["file_name"], media_type, content)


async def held(view: View, recorded: Recorded, digest: str) -> bytes | WithheldReason:
    """The content of an attached file with SHA-256 *digest*, or why there is none."""
    content = await view.file(recorded)
    if isinstance(content, WithheldReason):
        return content
    return content if sha256(content).hexdigest() == digest else WithheldReason.DAMAGED


async def _attached(reader: Reader, stream: str, version: int) -> Recorded | None:
    found = await log.read_events(reader, [(stream, version)])
    return next((one for one in found if one.type == "attached"), None)
