"""What is held of a subject, and what erasing it would destroy; never its texts."""

from msgspec import Struct

from iku.domain import erasure, fact, naming
from iku.domain.decider import Missing
from iku.domain.erasure import Erased
from iku.ledger import log
from iku.ledger.record import Recorded
from iku.queries.view import View
from iku.vault.store import Lasting


class HeldTexts(Struct, frozen=True):
    """What is held of a subject, and what was decided about it."""

    held: list[Lasting]
    erasures: list[tuple[Recorded, Erased]]


class Doomed(Struct, frozen=True):
    """What an erasure would destroy, without any of its texts.

    Attributes:
        held: How many texts of each field, in which history.
        files: How many attached files.
        others: Persons who have texts in its history, and subjects from which a merger
            brought some: they keep them, and are erased by decisions of their own.
    """

    held: list[Lasting]
    files: int
    others: list[str]

    @property
    def texts(self) -> int:
        """How many texts; what is held of a file is none."""
        return sum(one.count for one in self.held) - self.files


async def look(view: View, subject: str) -> HeldTexts:
    """What is known of *subject*.

    Raises:
        Missing: Nothing is held of it, and nothing ever was erased.
    """
    if not erasure.is_identifier(subject):
        raise Missing(naming.absent("subject", subject))
    held = await view.vault.held(view.reader, subject)
    recorded = await log.read_stream(view.reader, erasure.decider.stream(subject))
    if not held and not recorded:
        raise Missing(naming.absent("subject", subject))
    return HeldTexts(held, [(one, fact.of(one, Erased)) for one in recorded])


async def preview(view: View, subject: str) -> Doomed:
    """What erasing *subject* would destroy now (raises as `look` does)."""
    known = await look(view, subject)
    files = await view.vault.filed(view.reader, subject)
    # A person's name is no stream.
    recorded = await log.read_stream(view.reader, subject)
    named = {text.s for one in recorded for text in one.body().text.values()}
    return Doomed(known.held, len(files), sorted(named - {subject}))
