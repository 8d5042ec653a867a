"""The organisations of the register at some coordinates, with their participation.

Like `explanation` it reads only the log. It lists every organisation that had been
registered by the day and is not void, with its state and how it counts.
"""

from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import date
from typing import Any, NamedTuple

from iku.domain import organisation, subject_states
from iku.domain.access import Action
from iku.domain.counting import Rule
from iku.domain.question import Question
from iku.domain.subject_states import OrganisationState
from iku.queries import explanation
from iku.queries.case_annex import by_number
from iku.queries.explanation import ExplainedSubject
from iku.queries.recount import figure_basis
from iku.queries.view import View

_VOID = {Rule.ANNULLED, Rule.REJECTED, Rule.MERGED, Rule.NOT_YET}


class AnnexedOrganisation(NamedTuple):
    """An organisation of an annex.

    Attributes:
        explained: How it counts; its name is empty unless it was asked for.
        since: The day from which it has had its status.
    """

    explained: ExplainedSubject
    state: OrganisationState
    since: date


async def organisations(
    view: View, question: Question, *, with_names: bool
) -> list[AnnexedOrganisation]:
    """The organisations of *question*, which has all coordinates, ordered `by_number`.

    Raises:
        UnknownReference: The indicator does not exist.
        Forbidden: The indicator counts organisations of another division, or the viewer
            may not read texts and *with_names* is set.
    """
    code = question.indicator
    await view.require_indicator(Action.READ_HISTORY, code)
    if with_names:
        await view.require_indicator(Action.READ_TEXTS, code)
    found = [one async for one in _organisations(view, question)]
    found.sort(key=lambda one: by_number(one.explained))
    if not with_names:
        return [
            one._replace(explained=explanation.untitled(one.explained)) for one in found
        ]
    named = await view.reveal([one.explained for one in found])
    return [
        one._replace(explained=explained)
        for one, explained in zip(found, named, strict=True)
    ]


async def _organisations(
    view: View, question: Question
) -> AsyncIterator[AnnexedOrganisation]:
    by = await figure_basis(view.reader, question)
    options = by.definition.defined.options
    category = organisation.decider.category
    found = explanation.examine_all(view.reader, question, options, category)
    async with aclosing(found):
        async for examined in found:
            subject = examined.recorded[0].subject
            state = _state(subject, examined.state, question.as_of)
            if state is None:
                continue
            if examined.membership.denominator.reason().rule not in _VOID:
                since = _since(examined.state, question.as_of)
                yield AnnexedOrganisation(examined.item, state, since)


def _state(subject: str, of: Any, day: date) -> OrganisationState | None:
    """The state of the organisation on *day*; None if it has none yet."""
    for start, end, state in subject_states.organisation_states(subject, of):
        if start <= day and (end is None or day < end):
            return state if isinstance(state, OrganisationState) else None
    return None


def _since(of: organisation.Organisation, day: date) -> date:
    """The day from which the organisation has had the status that it has on *day*."""
    return max(one.since for one in of.timeline if one.start <= day)
