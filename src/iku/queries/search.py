"""Search of cases and organisations at given coordinates, in a given order.

Lists are filtered and ordered by columns of `projection.state`. No projection has
titles or names: for a text search, or to order by them, the texts of at most `WALKED`
subjects are opened. The statement contains only subjects that the viewer may see, so
that neither totals nor cursors depend on others.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import date
from enum import StrEnum
from typing import Any, NamedTuple

import asyncpg
from msgspec import Struct, json, structs

from iku.domain import numbering, subject_kinds, subject_states
from iku.domain.access import Action
from iku.domain.decider_registry import DECIDERS
from iku.domain.page_cursor import STRANGE
from iku.domain.question import InvalidQuestion
from iku.domain.subject_states import StateColumns
from iku.ledger.log import Reader
from iku.messages import message
from iku.projections import number_index
from iku.queries import scopes, state_statement
from iku.queries.view import View


class Sort(StrEnum):
    """The sort field of a list; equal subjects are ordered by identifier."""

    ID = "id"
    NUMBER = "number"
    ENTERED = "entered"
    STATUS = "status"
    LEVEL = "level"
    TITLE = "title"


class Search(Struct, frozen=True, kw_only=True):
    """A search; a field that is empty or None does not restrict it.

    Attributes:
        kinds: Categories of cases, kinds of organisations.
        levels: Ranks of levels, from 1.
        area: Code of an area, or of a district with all its areas.
        first: The first day of report or registration.
        last: The last day of report or registration.
        number: The exact number; letter case is ignored.
        text: Part of the title, name or number; letter case is ignored.
        after: Last identifier of the previous page.
    """

    category: str
    as_of: date
    known_on: date | None = None
    size: int | None = None
    statuses: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    dimensions: tuple[str, ...] = ()
    levels: tuple[int, ...] = ()
    sources: tuple[str, ...] = ()
    verified: bool | None = None
    expired: bool | None = None
    area: str = ""
    first: date | None = None
    last: date | None = None
    number: str | None = None
    text: str | None = None
    sort: Sort = Sort.ID
    descending: bool = False
    limit: int = 50
    after: str = ""


class Match(Struct, frozen=True):
    """The state of a subject in a list, without its texts."""

    subject: str
    standing: dict[str, Any]


class ListedMatches(Struct, frozen=True):
    """A page of the matches of a search.

    Attributes:
        next: Cursor of the next page: the last identifier of this one; None on the last
            page.
        statuses: Number of matches by status; None if unknown.
        size: Size of the log to which the search applies.
    """

    items: list[Match]
    next: str | None
    statuses: dict[str, int] | None
    size: int


class _FoundStates(NamedTuple):
    """A page of states, regardless of the texts.

    Attributes:
        statuses: Number of all matches by status.
        size: The requested size of the log; without one, the present size.
    """

    matches: list[Match]
    statuses: dict[str, int]
    size: int


WALKED = 2_000  # maximum number of titles or names opened for a page
CHUNK = 200


async def page(view: View, asked: Search) -> ListedMatches:
    """The page of the search *asked*, with at most `asked.limit` items.

    In a text search among more than `WALKED` subjects, a page may have few items, or
    none, although another page follows, and the number of matches is unknown.

    Raises:
        InvalidQuestion: The subject to continue after does not exist, or more than
            `WALKED` subjects would have to be ordered by title.
        Forbidden: The viewer may read no part of the register.
    """
    view.viewer.require_somewhere(Action.READ_REGISTER)
    if asked.text is None and asked.sort is not Sort.TITLE:
        found = await _states(view, asked, asked.limit + 1)
        return _page(found, asked.limit)
    found = await _states(view, structs.replace(asked, after=""), WALKED)
    asked = structs.replace(asked, size=found.size)
    if (total := sum(found.statuses.values())) <= WALKED:
        return await _filter_by_text(view, asked, found)
    if asked.sort is Sort.TITLE:
        raise InvalidQuestion(
            "sort",
            message(
                "at most {most} subjects can be sorted by {field}, but {total} match: "
                "narrow the filter",
                field=_title_field(asked.category),
                most=WALKED,
                total=total,
            ),
        )
    return await _scan(view, asked)


async def _filter_by_text(
    view: View, asked: Search, found: _FoundStates
) -> ListedMatches:
    """The page of the *found* subjects whose texts match."""
    names = await _names(view, asked.category, found.matches)
    named = [*zip(found.matches, names, strict=True)]
    if asked.sort is Sort.TITLE:
        named.sort(key=lambda one: (one[1].casefold(), one[0].subject))
        if asked.descending:
            named.reverse()
    wanted = (asked.text or "").lower()
    matching = [one for one, name in named if wanted in _searchable_text(one, name)]
    statuses = Counter(one.standing["status"] for one in matching)
    place = {one.subject: place for place, (one, _) in enumerate(named)}
    if asked.after and asked.after not in place:
        raise InvalidQuestion("cursor", STRANGE)
    begin = place.get(asked.after, -1)
    further = [one for one in matching if place[one.subject] > begin]
    found = found._replace(matches=further, statuses=dict(statuses))
    return _page(found, asked.limit)


async def _scan(view: View, asked: Search) -> ListedMatches:
    """A page of a text search that examines part of the list."""
    wanted, matching = (asked.text or "").lower(), list[Match]()
    for _ in range(WALKED // CHUNK):
        scanned = await _states(view, asked, CHUNK)
        names = await _names(view, asked.category, scanned.matches)
        named = zip(scanned.matches, names, strict=True)
        matching += [
            one for one, name in named if wanted in _searchable_text(one, name)
        ]
        if len(matching) > asked.limit or len(scanned.matches) < CHUNK:
            found = _page(scanned._replace(matches=matching), asked.limit)
            return structs.replace(found, statuses=None)
        asked = structs.replace(asked, after=scanned.matches[-1].subject)
    return ListedMatches(matching, asked.after, None, scanned.size)


async def _names(view: View, category: str, found: Sequence[Match]) -> list[str]:
    """The title or name of each subject, for comparison."""
    stream, field = DECIDERS[category].stream, _title_field(category)
    wordings = [
        (stream(one.subject), {field: one.standing["wording"][field]}) for one in found
    ]
    named = await view.without_access_log.text_fields(wordings)
    return [str(of[field].value) for of in named]


def _title_field(category: str) -> str:
    """The text field that a search examines: the title, or the name."""
    return subject_kinds.counted_kind(category).texts[0]


def _searchable_text(found: Match, name: str) -> str:
    return f"{found.standing['number']} {name}".lower()


def _page(found: _FoundStates, limit: int) -> ListedMatches:
    shown = found.matches[:limit]
    following = shown[-1].subject if len(found.matches) > limit else None
    return ListedMatches(shown, following, found.statuses, found.size)


async def _states(view: View, asked: Search, limit: int) -> _FoundStates:
    """The first matches regardless of their texts, and the number of each status.

    A page continues after the state of the last subject at the same coordinates,
    whether or not it matches, so its place in the order is the same on every page.

    Raises:
        InvalidQuestion: The subject to continue after does not exist.
    """
    values = {
        **_values(asked, limit),
        **await _found_number(view.reader, asked),
        **_covered_values(view, asked.category),
    }
    statement = state_statement.build(
        values, asked.sort.value, descending=asked.descending
    )
    rows = await view.reader.fetch(statement.text, *statement.arguments)
    if asked.after and rows[0]["last"] is None:
        raise InvalidQuestion("cursor", STRANGE)
    statuses: dict[str, int] = json.decode(rows[0]["statuses"] or "{}")
    matches = [match_from_row(row) for row in rows if row["subject"] is not None]
    size: int = rows[0]["log_size"]
    return _FoundStates(
        matches, statuses, size if asked.size is None else min(asked.size, size)
    )


def match_from_row(row: asyncpg.Record) -> Match:
    """The subject of a row of `projection.state`."""
    stored = StateColumns(*(row[name] for name in StateColumns._fields))
    shape = subject_kinds.counted_kind(row["category"]).standing
    decoded = subject_states.decode_columns(shape, row["subject"], stored)
    return Match(row["subject"], decoded)


# The fields of a search that are values of its statement, if they restrict it.
_VALUES = (
    *("category", "as_of", "known_on", "size", "limit", "after"),
    *("statuses", "kinds", "dimensions", "levels", "sources", "verified", "expired"),
    *("area", "first", "last"),
)


def _values(asked: Search, limit: int) -> dict[str, Any]:
    """The values of the search, except its number and the rights of the viewer."""
    values = {name: getattr(asked, name) for name in _VALUES} | {"limit": limit}
    return {name: one for name, one in values.items() if one not in {None, "", ()}}


async def _found_number(reader: Reader, asked: Search) -> dict[str, Any]:
    """The case-folded number, and the subjects that have or had it, by an index."""
    if asked.number is None:
        return {}
    folded = numbering.casefold(asked.number)
    found = await number_index.find(reader, asked.category, [folded])
    subjects = [subject for subject, _ in found.get(folded, ())]
    return {"number": folded, "subjects": subjects}


def _covered_values(view: View, category: str) -> dict[str, Any]:
    """The kinds and districts that the viewer may see; empty for all."""
    covered = view.viewer.covered(Action.READ_REGISTER)
    within = scopes.covered_subjects(category, covered, view.viewer.divisions)
    if within is None:
        return {}
    return {
        "covered_kinds": within.kinds,
        "covered_districts": within.districts,
        "today": view.today,
    }
