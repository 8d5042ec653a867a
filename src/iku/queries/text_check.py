"""Verification of every text and file against the commitments in the log.

A text that is never read would otherwise be damaged without notice. The log is read
page by page from its first event; memory does not grow with it. Concurrent writes are
safe: a text is looked up before the decisions that may have erased it.
"""

from collections.abc import AsyncGenerator, Callable
from typing import NamedTuple, TypeAlias

from msgspec import Struct, structs

from iku.domain import subject_name
from iku.domain.decider import SubjectNotFound
from iku.domain.question import InvalidQuestion, refuse_size_beyond
from iku.domain.withheld_text import Withheld, WithheldReason
from iku.ledger import checkpoint_store, log
from iku.ledger.log import PAGE, Reader
from iku.ledger.record import Recorded
from iku.messages import message
from iku.queries import attachments
from iku.queries.view import View
from iku.text_reading import Fate

FILE = "file"  # used as a field name; no record commits to a text of that name
DIGEST = "sha256"  # the text by which a record commits to its file
PAPER = "paper"  # the category of papers, whose signed copies are files

Tell: TypeAlias = Callable[[int, int], None]


class TextScope(NamedTuple):
    """The first *size* events, and *subjects* whose texts are checked (empty: all)."""

    size: int
    subjects: frozenset[str] = frozenset()


class TextCheckResult(NamedTuple):
    """The result of verifying a text or file against its record.

    Attributes:
        event: Stream and version, as in the associated data of a ciphertext.
        outcome: The decrypted text, or why it is withheld; None for a verified file.
    """

    position: int
    event: str
    field: str
    outcome: Fate | None

    @property
    def why(self) -> WithheldReason | None:
        """Why the text is not available; None if it matches the commitment."""
        return self.outcome.why if isinstance(self.outcome, Withheld) else None

    @property
    def finding(self) -> str | None:
        """The finding; None if the text is verified, erased or forbidden."""
        finding = None if self.why is None else _FINDINGS.get(self.why)
        if finding is None:
            return None
        return message(
            "position {position}: {field} of {event}: {finding}",
            position=self.position,
            field=self.field,
            event=self.event,
            finding=finding,
        )


_FINDINGS = {
    WithheldReason.LOCKED: message(
        "locked: its key is missing from the key folder, or differs"
    ),
    WithheldReason.DAMAGED: message(
        "damaged: the stored content does not match the commitment in the record"
    ),
    WithheldReason.MISSING: message(
        "missing: it is not stored, and no decision erased it"
    ),
}


class TextCounts(Struct, frozen=True):
    """Numbers of opened texts, and of unavailable ones by reason."""

    opened: int = 0
    erased: int = 0
    locked: int = 0
    damaged: int = 0
    missing: int = 0
    forbidden: int = 0

    def with_one(self, held: TextCheckResult) -> "TextCounts":
        """The counts with one more result."""
        name = "opened" if held.why is None else held.why.value
        return structs.replace(self, **{name: getattr(self, name) + 1})

    @property
    def unavailable(self) -> int:
        """Number of texts that are locked, damaged or missing."""
        return self.locked + self.damaged + self.missing


async def size_to_check(view: View, asked: int | None) -> int:
    """The number of events to examine: *asked*, or the last signed size.

    The last signed size is that of the next bundle.

    Raises:
        InvalidQuestion: Nothing was signed yet, or the log has fewer events.
    """
    last, held = await checkpoint_store.latest(view.reader), await log.head(view.reader)
    if asked is not None:
        refuse_size_beyond(asked, held.size)
        return asked
    if last is None:
        raise InvalidQuestion(
            "size", message("no checkpoint is signed yet; run `iku signer once`")
        )
    return last.checkpoint.size


async def check_texts(
    view: View, scope: TextScope, tell: Tell
) -> AsyncGenerator[TextCheckResult, None]:
    """The result for each text with a commitment; *tell* receives the progress.

    Raises:
        SubjectNotFound: A subject has no commitment; raised after the last text.
    """
    unseen = set(scope.subjects)
    async for page in _pages(view.reader, scope.size):
        asked = [(one, of) for one in page if (of := _owners(one, scope))]
        found = await view.outcomes([one for one, _ in asked])
        for one, owners in asked:
            unseen.difference_update(owners.values())
            for field in owners:
                fate = found[one.stream, one.version][field]
                yield TextCheckResult(one.position, _event_name(one), field, fate)
        tell(page[-1].position, scope.size)
    for subject in sorted(unseen):
        absent = subject_name.not_found_message("subject", subject)
        raise SubjectNotFound(
            message(
                "{not_found} (in the log's first {size} events)",
                not_found=absent,
                size=scope.size,
            )
        )


async def check_files(
    view: View, scope: TextScope, tell: Tell
) -> AsyncGenerator[TextCheckResult, None]:
    """The result for each file with a commitment; *tell* receives the progress."""
    async for page in _pages(view.reader, scope.size):
        for one in page:
            if one.type == "attached" and DIGEST in _owners(one, scope):
                fate = await _verify_file(view, one)
                yield TextCheckResult(one.position, _event_name(one), FILE, fate)
            elif one.type == "signed" and one.category == PAPER and not scope.subjects:
                # A signed copy of a paper; its hash is no text.
                read = await attachments.read_content(
                    view, one, one.body().data["digest"]
                )
                lost = Withheld(read) if isinstance(read, WithheldReason) else None
                yield TextCheckResult(one.position, _event_name(one), FILE, lost)
        tell(page[-1].position, scope.size)


async def _verify_file(view: View, recorded: Recorded) -> Withheld | None:
    digest = await _recorded_digest(view, recorded)
    # A file cannot be verified without its hash.
    if isinstance(digest, Withheld):
        return digest
    content = await attachments.read_content(view, recorded, digest.text)
    if not isinstance(content, WithheldReason):
        return None
    # The file may have been erased after its hash was read.
    again = await _recorded_digest(view, recorded)
    return again if isinstance(again, Withheld) else Withheld(content)


async def _recorded_digest(view: View, recorded: Recorded) -> Fate:
    found = await view.outcomes([recorded])
    return found[recorded.stream, recorded.version][DIGEST]


async def _pages(reader: Reader, size: int) -> AsyncGenerator[list[Recorded], None]:
    page: list[Recorded] = []
    async for one in log.read_log(reader, size=size):
        page.append(one)
        if len(page) == PAGE:
            yield page
            page = []
    if page:
        yield page


def _owners(recorded: Recorded, scope: TextScope) -> dict[str, str]:
    """The subject of each text in the *scope*, by field."""
    return {
        field: committed.s
        for field, committed in recorded.body().text.items()
        if not scope.subjects or committed.s in scope.subjects
    }


def _event_name(recorded: Recorded) -> str:
    return f"{recorded.stream}/{recorded.version}"
