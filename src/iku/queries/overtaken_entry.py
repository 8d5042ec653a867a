"""What has changed in a case or an organisation since a form about it was opened."""

from datetime import date
from typing import Any, NamedTuple

from msgspec import structs

from iku import streams
from iku.domain import subject_kinds, subject_name
from iku.domain.access import Action
from iku.domain.decider import SubjectNotFound
from iku.domain.decider_registry import DECIDERS
from iku.ledger import log
from iku.ledger.record import Recorded
from iku.queries.lists import with_texts
from iku.queries.view import View


class EventSince(NamedTuple):
    """An event that was recorded since the form was opened.

    Attributes:
        actor: Identifier of the account, or the claimed name.
    """

    type: str
    effective_on: date | None
    actor: str


class OvertakenEntry(NamedTuple):
    """A subject as a form showed it, and as it is now.

    Attributes:
        seen: The state then, with its texts; empty if it did not exist on this day.
        now: The state now.
        version: The version of the last event.
    """

    seen: dict[str, Any]
    now: dict[str, Any]
    version: int
    events: tuple[EventSince, ...]


async def compare_with_present(
    view: View, category: str, subject: str, version: int
) -> OvertakenEntry:
    """Compare the subject at *version*, which a form showed, with the subject now.

    Raises:
        SubjectNotFound: The subject does not exist.
        Forbidden: The subject belongs to another division today.
    """
    stream = DECIDERS[category].stream(subject)
    await view.require(Action.READ_REGISTER, stream)
    recorded = await log.read_stream(view.reader, stream)
    if not recorded:
        raise SubjectNotFound(subject_name.not_found_message(category, subject))
    seen = await _state(view, category, subject, recorded[:version])
    now = await _state(view, category, subject, recorded)
    since = tuple(
        EventSince(one.type, one.effective_on, one.body().actor)
        for one in recorded[version:]
    )
    return OvertakenEntry(seen, now, len(recorded), since)


async def _state(
    view: View, category: str, subject: str, recorded: list[Recorded]
) -> dict[str, Any]:
    if not recorded:
        return {}
    state = streams.fold(recorded).state
    found = subject_kinds.state_on(category, subject, state, view.today)
    if found is None:
        return {}
    fields = subject_kinds.counted_kind(category).texts
    [shown] = await with_texts(view, category, [structs.asdict(found)], fields)
    return shown
