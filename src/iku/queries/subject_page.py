"""A case or organisation as its page shows it: state, events and next steps."""

from collections.abc import Mapping

from msgspec import Struct

from iku.domain import fact, lineage, next_steps
from iku.domain.access import Action, Scope
from iku.domain.decider_registry import DECIDERS
from iku.queries import event_history, subject_lookup, subjects
from iku.queries.event_history import EventView
from iku.queries.figure_parameters import Moment
from iku.queries.scopes import UNKNOWN
from iku.queries.subjects import SubjectView
from iku.queries.view import View


class SubjectRecord(Struct, frozen=True):
    """A case or organisation, and its events as known, oldest first.

    Attributes:
        scope: The division and area to which it belongs today.
        annulments: By version of an annulled event, the version that annuls it.
        refusals: By type of event, why the present state does not allow an event of
            the type; None if it does. Empty for a moment in the past.
    """

    seen: SubjectView
    scope: Scope
    events: tuple[EventView, ...]
    annulments: Mapping[int, int]
    refusals: Mapping[str, str | None]


async def resolve_subject(view: View, category: str, typed: str) -> list[str]:
    """The subjects with the number or identifier *typed* that the viewer may read.

    If the viewer may read none of them, all are returned: the refusal then names the
    roles that may.
    """
    found = await subject_lookup.identify(view, typed, (category,))
    subjects_ = [one.subject for one in found]
    if len(subjects_) < 2:
        return subjects_
    stream = DECIDERS[category].stream
    foreign = await view.inaccessible_streams(
        Action.READ_REGISTER, [*map(stream, subjects_)]
    )
    return [one for one in subjects_ if stream(one) not in foreign] or subjects_


async def record(
    view: View, category: str, subject: str, asked: Moment, *, present: bool
) -> SubjectRecord:
    """The subject at the requested coordinates, which may be the *present*.

    Raises:
        SubjectNotFound: The subject does not exist at these coordinates.
        InvalidQuestion: The requested size does not exist.
        Forbidden: The subject belongs to another division today.
    """
    seen = await subjects.state(view, category, subject, asked)
    history = await event_history.of_stream(view, seen.recorded)
    decider = DECIDERS[category]
    stream = decider.stream(subject)
    at = await view.scopes([stream])
    past = seen.state.history
    return SubjectRecord(
        seen,
        at.get(stream, UNKNOWN),
        history.events,
        {
            version: lineage.annulment(past, version)
            for version in fact.annulled_versions(past)
        },
        next_steps.refusals(decider, subject, seen.state, asked.as_of)
        if present
        else {},
    )
