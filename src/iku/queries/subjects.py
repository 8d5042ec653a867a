"""What a case or an organisation was on a day, and the histories of all subjects."""

import re
from typing import Any

from msgspec import Struct, structs

from iku import streams
from iku.domain import kinds, naming, place
from iku.domain.decider import Missing
from iku.domain.deciders import DECIDERS
from iku.domain.place import STRANGE, Place
from iku.domain.question import Unanswerable, refuse_size_beyond
from iku.ledger import log
from iku.queries import histories, identifying
from iku.queries.histories import Event
from iku.queries.lists import with_texts
from iku.queries.parameters import (
    At,
    Code,
    Cursor,
    Limit,
    MomentQuestion,
    SubjectId,
)
from iku.queries.view import View

# What can be the identifier of a subject: nothing else is looked for.
_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,63}")
_VERSION = re.compile(r"[0-9]{1,9}")
PART = "h"  # of a cursor: it is one of a history


class ConflictQuestion(MomentQuestion, frozen=True, kw_only=True):
    """Which case is asked for, and when."""

    conflict_id: SubjectId


class OrganisationQuestion(MomentQuestion, frozen=True, kw_only=True):
    """Which organisation is asked for, and when."""

    organisation_id: SubjectId


class HistoryQuestion(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which page of a history is asked for."""

    limit: Limit = 100
    cursor: Cursor = None


class ConflictHistory(HistoryQuestion, frozen=True, kw_only=True):
    """Which case's history is asked for."""

    conflict_id: SubjectId


class OrganisationHistory(HistoryQuestion, frozen=True, kw_only=True):
    """Which organisation's history is asked for."""

    organisation_id: SubjectId


class IndicatorHistory(HistoryQuestion, frozen=True, kw_only=True):
    """Which indicator's history is asked for."""

    code: Code


class Seen(Struct, frozen=True):
    """What a subject was on a day, and the version of its stream by that knowledge.

    Attributes:
        shown: Its standing, its texts among the fields.
    """

    shown: dict[str, Any]
    version: int


class EventPage(Struct, frozen=True):
    """Part of the history of a subject.

    Attributes:
        items: Its events by version, the first at version 1.
        next: The cursor of the page after this one; null at the end.
    """

    items: tuple[Event, ...]
    next: str | None


async def standing(view: View, category: str, subject: str, asked: At) -> Seen:
    """What *subject* was on the day asked about, by the knowledge asked for.

    Raises:
        Missing: There was no such case or organisation.
        Unanswerable: The log is not of the size asked for.
    """
    _refuse_unfit(category, subject)
    refuse_size_beyond(asked.size, (await log.head(view.reader)).size)
    stream = DECIDERS[category].stream(subject)
    recorded = await log.read_stream(
        view.reader, stream, size=asked.size, known_on=asked.known_on
    )
    if not recorded:
        known_on = f" known on {asked.known_on}" if asked.known_on else ""
        hint = await identifying.hint(view, category, subject)
        raise Missing(f"there is no {category} {subject}{known_on}{hint}")
    known = streams.fold(recorded)
    found = kinds.standing(category, subject, known.state, asked.as_of)
    if found is None:
        raise Missing(f"there was no {category} {subject} on {asked.as_of}")
    one = [structs.asdict(found)]
    [shown] = await with_texts(view, category, one, kinds.named(category).texts)
    return Seen(shown, known.version)


async def history(
    view: View, category: str, subject: str, cursor: str | None, limit: int
) -> EventPage:
    """A page of the facts of *subject*.

    Raises:
        Unanswerable: No page gave this cursor.
        Missing: There is no such subject.
    """
    _refuse_unfit(category, subject)
    after = _version(cursor)
    found = await histories.page(view, category, subject, after=after, limit=limit)
    if not found.events:
        if after:
            raise Unanswerable("cursor", STRANGE)
        hint = await identifying.hint(view, category, subject)
        raise Missing(f"there is no {category} {subject}{hint}")
    last = found.events[-1]
    end = Place(last.position, last.known_on, PART, str(last.version))
    return EventPage(found.events, None if found.next is None else end.cursor)


def _version(cursor: str | None) -> int:
    """The version that the page before ended with; 0 on the first page."""
    ended = place.read(cursor, PART)
    if ended is None:
        return 0
    if not _VERSION.fullmatch(ended.key):
        raise Unanswerable("cursor", STRANGE)
    return int(ended.key)


def _refuse_unfit(category: str, subject: str) -> None:
    if not _IDENTIFIER.fullmatch(subject):
        raise Missing(naming.absent(category, subject))
