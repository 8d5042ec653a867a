"""Every text and file that the log commits to, opened and held against its record.

What nobody asks for is never opened, so nobody would see that it no longer opens, or is
another. This goes through the log from its first event, page by page: what is in memory
does not grow with it. Whoever records or erases meanwhile is no obstacle: first a text
is looked for, then the decisions that may have erased it.
"""

from collections.abc import AsyncGenerator, Callable
from typing import NamedTuple, TypeAlias

from msgspec import Struct, structs

from iku.domain import naming
from iku.domain.decider import Missing
from iku.domain.question import Unanswerable, refuse_size_beyond
from iku.domain.withheld import Why, Withheld
from iku.ledger import checkpoints, log
from iku.ledger.log import PAGE, Reader
from iku.ledger.record import Recorded
from iku.queries import attachments
from iku.queries.view import View
from iku.texts import Fate

FILE = "file"  # stands for the name of a field; no record commits to one of that name
DIGEST = "sha256"  # the text by which a record commits to its file

Tell: TypeAlias = Callable[[int, int], None]


class Scope(NamedTuple):
    """The log's first *size* events; of these what *subjects* own, all if empty."""

    size: int
    subjects: frozenset[str] = frozenset()


class HeldText(NamedTuple):
    """A text or file, as it was found when it was held against its record.

    Attributes:
        event: Stream and version, as contexts spell it.
        fate: The text opened, or why it is not to be had; of a file that is as the
            record says, None.
    """

    position: int
    event: str
    field: str
    fate: Fate | None

    @property
    def why(self) -> Why | None:
        """Why it is not to be had; None where it is what the record commits to."""
        return self.fate.why if isinstance(self.fate, Withheld) else None

    @property
    def finding(self) -> str | None:
        """What is wrong; None where it opened, or a decision erased it."""
        if self.why is None or self.why is Why.ERASED:
            return None
        told = _FINDINGS[self.why]
        return f"position {self.position}: {self.field} of {self.event}: {told}"


_FINDINGS = {
    Why.LOCKED: "locked: its key is not in the folder of keys, or is another",
    Why.DAMAGED: "damaged: what is kept is not what the record commits to",
    Why.MISSING: "missing: it is gone, and no decision erased it",
}


class Tally(Struct, frozen=True):
    """How many were opened; how many were not, and why."""

    opened: int = 0
    erased: int = 0
    locked: int = 0
    damaged: int = 0
    missing: int = 0

    def with_one(self, held: HeldText) -> "Tally":
        """These and one more."""
        name = "opened" if held.why is None else held.why.value
        return structs.replace(self, **{name: getattr(self, name) + 1})

    @property
    def withheld(self) -> int:
        """How many are not to be had, though no decision erased them."""
        return self.locked + self.damaged + self.missing


async def size_of(view: View, asked: int | None) -> int:
    """How many events are looked at: as *asked*; else as many as were signed last.

    For that is what the next bundle holds, and no bundle vouches for a later text.

    Raises:
        Unanswerable: Nothing was signed yet, or the log does not hold so many.
    """
    last, held = await checkpoints.latest(view.reader), await log.head(view.reader)
    if asked is not None:
        refuse_size_beyond(asked, held.size)
        return asked
    if last is None:
        raise Unanswerable("size", "nothing was signed yet; `iku signer once` signs")
    return last.checkpoint.size


async def held_texts(
    view: View, scope: Scope, tell: Tell
) -> AsyncGenerator[HeldText, None]:
    """Each text that is committed to, in order; *tell* how far it is.

    Raises:
        Missing: Of one of the subjects none is committed to; told after the last text.
    """
    unseen = set(scope.subjects)
    async for page in _pages(view.reader, scope.size):
        asked = [(one, of) for one in page if (of := _owners(one, scope))]
        found = await view.fates([one for one, _ in asked])
        for one, owners in asked:
            unseen.difference_update(owners.values())
            for field in owners:
                fate = found[one.stream, one.version][field]
                yield HeldText(one.position, _event(one), field, fate)
        tell(page[-1].position, scope.size)
    for subject in sorted(unseen):
        absent = naming.absent("subject", subject)
        raise Missing(f"{absent} (of the log's first {scope.size} events)")


async def held_files(
    view: View, scope: Scope, tell: Tell
) -> AsyncGenerator[HeldText, None]:
    """Each file that is committed to, in order; *tell* how far it is."""
    async for page in _pages(view.reader, scope.size):
        for one in page:
            if one.type == "attached" and DIGEST in _owners(one, scope):
                fate = await _file(view, one)
                yield HeldText(one.position, _event(one), FILE, fate)
        tell(page[-1].position, scope.size)


async def _file(view: View, recorded: Recorded) -> Withheld | None:
    digest = await _digest(view, recorded)
    # Without its hash nothing can be held against anything.
    if isinstance(digest, Withheld):
        return digest
    content = await attachments.held(view, recorded, digest.text)
    if not isinstance(content, Why):
        return None
    # It may have been erased since its hash was read.
    again = await _digest(view, recorded)
    return again if isinstance(again, Withheld) else Withheld(content)


async def _digest(view: View, recorded: Recorded) -> Fate:
    found = await view.fates([recorded])
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


def _owners(recorded: Recorded, scope: Scope) -> dict[str, str]:
    """By field whose each text is, as far as they are of the *scope*."""
    return {
        field: committed.s
        for field, committed in recorded.body().text.items()
        if not scope.subjects or committed.s in scope.subjects
    }


def _event(recorded: Recorded) -> str:
    return f"{recorded.stream}/{recorded.version}"
