"""Look-up of subjects by number or identifier."""

from collections.abc import Collection
from typing import NamedTuple

from iku.domain import numbering, subject_kinds
from iku.domain.access import Action
from iku.domain.decider import subject_number
from iku.domain.decider_registry import DECIDERS
from iku.messages import Message, Term, message
from iku.projections import number_index
from iku.queries.view import View


class SubjectMatch(NamedTuple):
    """A subject that matches."""

    category: str
    subject: str


async def identify(
    view: View, typed: str, among: Collection[str] | None = None
) -> list[SubjectMatch]:
    """The subjects with the number *typed*, and the one with the identifier *typed*.

    Only the categories *among* are searched; None means all categories that count.

    ``conflict-K14`` is an identifier only. An indicator has only a code; its existence
    is not checked.
    """
    categories = subject_kinds.categories() if among is None else among
    kind, _, identifier = typed.partition("-")
    if kind in categories and identifier:
        found = await _matches_in_category(view, kind, identifier)
        if (exact := SubjectMatch(kind, identifier)) in found:
            return [exact]
    return [
        one
        for kind in categories
        for one in await _matches_in_category(view, kind, typed)
    ]


async def _matches_in_category(
    view: View, category: str, typed: str
) -> list[SubjectMatch]:
    if category not in subject_kinds.categories():
        return [SubjectMatch(category, typed)]
    number = subject_number(typed)
    found = await number_index.find(view.reader, category, [number])
    return [
        SubjectMatch(category, subject)
        for subject, held in found.get(numbering.casefold(number), ())
        if held or numbering.casefold(subject) == numbering.casefold(typed)
    ]


async def holders_message(view: View, category: str, name: str) -> Message | None:
    """A message that names the subjects with the number *name*; None without any.

    It completes a message such as "K15 does not exist". Subjects that the viewer may
    not read are not named.
    """
    if category not in subject_kinds.categories():
        return None
    number = subject_number(name)
    found = await number_index.find(view.reader, category, [number])
    holders = [s for s, held in found.get(numbering.casefold(number), ()) if held]
    stream = DECIDERS[category].stream
    hidden = await view.inaccessible_streams(
        Action.READ_REGISTER, [stream(s) for s in holders]
    )
    holders = [s for s in holders if stream(s) not in hidden]
    if not holders:
        return None
    return message(
        "number {number} belongs to {category} {holders}",
        number=number,
        category=Term("category", category),
        holders=holders,
    )
