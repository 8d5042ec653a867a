"""The state of a case or organisation on a day, and histories of subjects."""

import re
from datetime import date
from typing import Any

from msgspec import Struct, structs

from iku import streams
from iku.domain import page_cursor, subject_kinds, subject_name
from iku.domain.access import Action
from iku.domain.decider import SubjectNotFound
from iku.domain.decider_registry import DECIDERS
from iku.domain.page_cursor import STRANGE, PageCursor
from iku.domain.question import InvalidQuestion, refuse_size_beyond
from iku.ledger import log
from iku.ledger.record import Recorded
from iku.messages import Message, Term, join_sentences, message
from iku.queries import event_history, subject_lookup
from iku.queries.event_history import EventView
from iku.queries.figure_parameters import (
    Code,
    Cursor,
    Limit,
    Moment,
    MomentQuestion,
    SubjectId,
)
from iku.queries.lists import with_texts
from iku.queries.view import View

# The form of an identifier; anything else is not looked up.
_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,63}")
_VERSION = re.compile(r"[0-9]{1,9}")
PART = "h"  # marks a cursor of a history


class ConflictQuestion(MomentQuestion, frozen=True, kw_only=True):
    """The requested case, day and knowledge cut-off."""

    conflict_id: SubjectId


class OrganisationQuestion(MomentQuestion, frozen=True, kw_only=True):
    """The requested organisation, day and knowledge cut-off."""

    organisation_id: SubjectId


class HistoryQuestion(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The requested page of a history."""

    limit: Limit = 100
    cursor: Cursor = None


class ConflictHistoryQuestion(HistoryQuestion, frozen=True, kw_only=True):
    """The requested case's history."""

    conflict_id: SubjectId


class OrganisationHistoryQuestion(HistoryQuestion, frozen=True, kw_only=True):
    """The requested organisation's history."""

    organisation_id: SubjectId


class IndicatorHistoryQuestion(HistoryQuestion, frozen=True, kw_only=True):
    """The requested indicator's history."""

    code: Code


class SubjectView(Struct, frozen=True):
    """The state of a subject on a day, and the version of its stream as known.

    Attributes:
        shown: The state of the subject, including its texts.
        state: Its state as folded, without texts.
        recorded: Its events as known.
    """

    shown: dict[str, Any]
    version: int
    state: Any
    recorded: tuple[Recorded, ...]


class EventPage(Struct, frozen=True):
    """A page of the history of a subject.

    Attributes:
        items: The events of the page by version, from 1.
        next: The cursor of the next page; null on the last page.
    """

    items: tuple[EventView, ...]
    next: str | None


async def state(view: View, category: str, subject: str, asked: Moment) -> SubjectView:
    """The state of *subject* at the requested coordinates.

    Raises:
        SubjectNotFound: The subject does not exist at these coordinates.
        InvalidQuestion: The requested size does not exist.
        Forbidden: The subject belongs to another division today.
    """
    _refuse_bad_identifier(category, subject)
    await view.require(Action.READ_REGISTER, DECIDERS[category].stream(subject))
    if asked.size is not None:
        refuse_size_beyond(asked.size, (await log.head(view.reader)).size)
    stream = DECIDERS[category].stream(subject)
    recorded = await log.read_stream(
        view.reader, stream, size=asked.size, known_on=asked.known_on
    )
    if not recorded:
        raise SubjectNotFound(
            await _not_found_message(view, category, subject, asked.known_on)
        )
    known = streams.fold(recorded)
    found = subject_kinds.state_on(category, subject, known.state, asked.as_of)
    if found is None:
        raise SubjectNotFound(
            message(
                "{category} {subject} did not exist yet on {day}",
                category=Term("category", category),
                subject=subject,
                day=asked.as_of,
            )
        )
    one = [structs.asdict(found)]
    [shown] = await with_texts(
        view, category, one, subject_kinds.counted_kind(category).texts
    )
    return SubjectView(shown, known.version, known.state, tuple(recorded))


async def history(
    view: View, category: str, subject: str, cursor: str | None, limit: int
) -> EventPage:
    """A page of the facts of *subject*.

    Raises:
        InvalidQuestion: The cursor is invalid.
        SubjectNotFound: The subject does not exist.
        Forbidden: The subject belongs to another division today.
    """
    _refuse_bad_identifier(category, subject)
    if category in subject_kinds.categories():
        await view.require(Action.READ_HISTORY, DECIDERS[category].stream(subject))
    after = _last_version(cursor)
    found = await event_history.page(view, category, subject, after=after, limit=limit)
    if not found.events:
        if after:
            raise InvalidQuestion("cursor", STRANGE)
        raise SubjectNotFound(await _not_found_message(view, category, subject))
    last = found.events[-1]
    end = PageCursor(last.position, last.known_on, PART, str(last.version))
    return EventPage(found.events, None if found.next is None else end.cursor)


def _last_version(cursor: str | None) -> int:
    """The last version of the previous page; 0 on the first page."""
    ended = page_cursor.parse(cursor, PART)
    if ended is None:
        return 0
    if not _VERSION.fullmatch(ended.key):
        raise InvalidQuestion("cursor", STRANGE)
    return int(ended.key)


def _refuse_bad_identifier(category: str, subject: str) -> None:
    if not _IDENTIFIER.fullmatch(subject):
        raise SubjectNotFound(subject_name.not_found_message(category, subject))


async def _not_found_message(
    view: View, category: str, subject: str, known_on: date | None = None
) -> Message:
    """The message that *subject* is not found, with the holders of its number."""
    named = {"category": Term("category", category), "subject": subject}
    if known_on is None:
        absent = message("{category} {subject} does not exist", **named)
    else:
        absent = message(
            "{category} {subject} is not known on {day}", day=known_on, **named
        )
    holders = await subject_lookup.holders_message(view, category, subject)
    return join_sentences(one for one in (absent, holders) if one is not None)
