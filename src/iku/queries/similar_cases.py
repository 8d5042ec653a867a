"""Cases similar to a report that is being typed, as a warning of duplicates.

A case is similar if it has the same dimension, was reported within `NEAR` of the same
day, and shares half of the words of the shorter title, or the area. Titles are compared
without the access log; those that are shown are recorded as openings.
"""

import re
from collections.abc import Collection
from datetime import date, timedelta
from typing import Any, NamedTuple

from iku.domain import subject_kinds
from iku.domain.conflict import Conflict, Dimension, Reported
from iku.domain.decider_registry import DECIDERS
from iku.queries import lists, search
from iku.queries.search import Match, Search, Sort
from iku.queries.view import View

NEAR = timedelta(days=30)
COMPARED = 60  # maximum number of cases whose titles are compared
SHOWN = 3
SHARED = 0.5  # of the words of the shorter title
_STANDING = ("open", "returned", "resolved")
_WORD = re.compile(r"\w{3,}")


class TypedReport(NamedTuple):
    """The fields of a report that have been typed so far.

    Attributes:
        area: Code of its area; empty if none was chosen.
    """

    title: str
    dimension: Dimension
    day: date
    area: str = ""

    @classmethod
    def of(cls, one: Reported) -> "TypedReport":
        """The fields of a report that is complete."""
        return cls(one.title, one.dimension, one.effective_on, one.area or "")


async def similar_cases_of_report(
    view: View, typed: TypedReport
) -> list[dict[str, Any]]:
    """The similar cases with their texts, the most similar first.

    Raises:
        Forbidden: The viewer may read no part of the register.
    """
    page = await search.page(
        view,
        Search(
            category=Conflict.CATEGORY,
            as_of=view.today,
            statuses=_STANDING,
            dimensions=(typed.dimension,),
            first=typed.day - NEAR,
            last=typed.day + NEAR,
            sort=Sort.ENTERED,
            descending=True,
            limit=COMPARED,
        ),
    )
    titles = await _titles(view, page.items)
    scored = [
        (_similarity(typed, one, title), one)
        for one, title in zip(page.items, titles, strict=True)
    ]
    found = sorted((pair for pair in scored if pair[0]), key=lambda p: -p[0])
    fields = subject_kinds.counted_kind(Conflict.CATEGORY).listed
    standing = [one.standing for _, one in found[:SHOWN]]
    return await lists.with_texts(view, Conflict.CATEGORY, standing, fields)


async def _titles(view: View, found: Collection[Match]) -> list[str]:
    stream = DECIDERS[Conflict.CATEGORY].stream
    wordings = [
        (stream(one.subject), {"title": one.standing["wording"]["title"]})
        for one in found
    ]
    texts = await view.without_access_log.text_fields(wordings)
    return [str(of["title"].value) for of in texts]


def _similarity(typed: TypedReport, one: Match, title: str) -> float:
    """The similarity of the case and the report; 0 means not similar."""
    wanted, given = _words(typed.title), _words(title)
    shorter = min(len(wanted), len(given))
    shared = len(wanted & given) / shorter if shorter else 0.0
    here = bool(typed.area) and one.standing["area"] == typed.area
    return (shared if shared >= SHARED else 0.0) + (1.0 if here else 0.0)


def _words(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(text.casefold()))
