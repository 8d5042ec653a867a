"""Whom somebody means who types a number or an identifier."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from iku.cli.edge import Failed
from iku.domain import numbering
from iku.domain.decider import subject_number
from iku.ledger.log import Reader
from iku.projections import numbers

KINDS = {
    "conflict": "a case",
    "organisation": "an organisation",
    "indicator": "an indicator",
}


class Named(NamedTuple):
    """A subject that somebody may mean."""

    category: str
    subject: str


async def identify(
    reader: Reader, typed: str, kinds: Collection[str] = tuple(numbering.LETTERS)
) -> list[Named]:
    """The subjects with that number, and the one with that identifier.

    ``conflict-K14`` is an identifier and nothing else. An indicator has a code only;
    whether there is one is not looked up.
    """
    kind, _, identifier = typed.partition("-")
    if kind in kinds and identifier:
        found = await _named(reader, kind, identifier)
        if (exact := Named(kind, identifier)) in found:
            return [exact]
    return [one for kind in kinds for one in await _named(reader, kind, typed)]


async def _named(reader: Reader, category: str, typed: str) -> list[Named]:
    if category not in numbering.LETTERS:
        return [Named(category, typed)]
    number = subject_number(typed)
    found = await numbers.find(reader, category, [number])
    return [
        Named(category, subject)
        for subject, held in found.get(numbering.fold(number), ())
        if held or numbering.fold(subject) == numbering.fold(typed)
    ]


def refuse_several(found: Sequence[Named], typed: str) -> None:
    """Refuse what several subjects go by, and list them.

    Raises:
        Failed: There are several.
    """
    if len(found) < 2:
        return
    number = subject_number(typed)
    if len({one.category for one in found}) == len(found):
        which = " and ".join(KINDS[one.category] for one in found)
        raise Failed(f"{number} is {which}; say which by --kind")
    several = ", ".join(f"{one.category}-{one.subject}" for one in found)
    raise Failed(
        f"{number} is the number or identifier of {several}; give one of these"
    )
