"""The stored texts of a subject, and the effect of an erasure; no contents."""

from msgspec import Struct

from iku.domain import erasure, fact, subject_name
from iku.domain.access import Action
from iku.domain.decider import SubjectNotFound
from iku.domain.erasure import Erased
from iku.ledger import log
from iku.ledger.record import Recorded
from iku.queries.view import View
from iku.vault.store import StoredTextCount


class StoredTexts(Struct, frozen=True):
    """The stored texts of a subject, and decisions to erase them."""

    held: list[StoredTextCount]
    erasures: list[tuple[Recorded, Erased]]


class ErasurePreview(Struct, frozen=True):
    """The effect of an erasure, without the texts.

    Attributes:
        held: Number of texts by stream and field.
        files: Number of attached files.
        others: Persons with texts in its history, and subjects whose texts a merger
            copied: their texts are kept and need erasures of their own.
    """

    held: list[StoredTextCount]
    files: int
    others: list[str]

    @property
    def texts(self) -> int:
        """Number of texts, without those of files."""
        return sum(one.count for one in self.held) - self.files


async def stored_texts(view: View, subject: str) -> StoredTexts:
    """The stored texts of *subject*.

    Raises:
        SubjectNotFound: No text is stored, and none was ever erased.
        Forbidden: The viewer may neither erase nor propose it.
    """
    view.viewer.require_somewhere(Action.ERASE)
    if not erasure.is_identifier(subject):
        raise SubjectNotFound(subject_name.not_found_message("subject", subject))
    held = await view.vault.count_texts(view.reader, subject)
    recorded = await log.read_stream(view.reader, erasure.decider.stream(subject))
    if not held and not recorded:
        raise SubjectNotFound(subject_name.not_found_message("subject", subject))
    return StoredTexts(
        held, [(one, fact.decode_recorded(one, Erased)) for one in recorded]
    )


async def preview(view: View, subject: str) -> ErasurePreview:
    """The effect of erasing *subject* now (raises as `stored_texts`)."""
    known = await stored_texts(view, subject)
    files = await view.vault.files_of_subject(view.reader, subject)
    # A person is not a stream.
    recorded = await log.read_stream(view.reader, subject)
    named = {text.s for one in recorded for text in one.body().text.values()}
    return ErasurePreview(known.held, len(files), sorted(named - {subject}))
