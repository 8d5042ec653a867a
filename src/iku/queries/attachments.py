"""Attached files of cases and organisations, opened and verified."""

from hashlib import sha256

from iku.domain.access import Action, Forbidden
from iku.domain.decider import SubjectNotFound
from iku.domain.withheld_text import WithheldReason
from iku.ledger import log
from iku.ledger.log import Reader
from iku.ledger.record import Recorded
from iku.messages import Term, message
from iku.queries.view import View
from iku.text_reading import File
from iku.vault.keys import KeysError


class Gone(LookupError):
    """The file existed but is not available; the message states why."""


async def fetch(view: View, stream: str, version: int) -> File:
    """The file attached by the event at *version* of *stream*.

    Raises:
        SubjectNotFound: The file does not exist.
        Forbidden: The file belongs to a subject whose texts the viewer may not read.
        Gone: The file was erased, or does not match the commitment.
        KeysError: The key of the file is not available.
    """
    named = message(
        "attachment {version} of {subject}",
        version=version,
        subject=stream.partition("-")[2],
    )
    await view.require(Action.READ_TEXTS, stream)
    recorded = await _attachment_event(view.reader, stream, version)
    if recorded is None:
        raise SubjectNotFound(message("{file} does not exist", file=named))
    opened = await view.texts([recorded])
    found = opened[recorded.stream, recorded.version]
    for withheld in found.withheld.values():
        if withheld.why is WithheldReason.LOCKED:
            raise KeysError(
                message(
                    "{file} is locked: its key is not in the key folder",
                    file=named,
                )
            )
        said = message(
            "{file} is not available: {reason}",
            file=named,
            reason=withheld.replacement_message,
        )
        if withheld.why is WithheldReason.FORBIDDEN:
            raise Forbidden(said)
        raise Gone(said)
    content = await read_content(view, recorded, found.plain["sha256"])
    if isinstance(content, WithheldReason):
        raise Gone(
            message(
                "{file} is not available: {reason}",
                file=named,
                reason=Term("withheld", content),
            )
        )
    media_type: str = recorded.body().data["media_type"]
    return File(found.plain["file_name"], media_type, content)


async def read_content(
    view: View, recorded: Recorded, digest: str
) -> bytes | WithheldReason:
    """The content of an attached file with SHA-256 *digest*, or why it is withheld."""
    content = await view.file(recorded)
    if isinstance(content, WithheldReason):
        return content
    return content if sha256(content).hexdigest() == digest else WithheldReason.DAMAGED


async def _attachment_event(
    reader: Reader, stream: str, version: int
) -> Recorded | None:
    found = await log.read_events(reader, [(stream, version)])
    return next((one for one in found if one.type == "attached"), None)
