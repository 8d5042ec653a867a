"""The next steps of a publication, and who may take them."""

from typing import NamedTuple, assert_never

from iku.domain import publication
from iku.domain.access import ACTIONS, AGENCY_WIDE, Action, Denied, Scope, may
from iku.domain.publication import (
    FrozenValue,
    Publication,
    PublicationState,
    StepType,
)
from iku.queries import scopes
from iku.queries.publications import PublicationRecord
from iku.queries.view import View


class StepChoice(NamedTuple):
    """A step that is possible in the present state.

    Attributes:
        indicator: The indicator whose figure a confirmation confirms; None otherwise.
        why: The reason why the viewer may not take the step; None if they may.
    """

    step: StepType
    indicator: str | None
    why: str | None


class Edition(NamedTuple):
    """The frozen figures of an edition, by indicator."""

    publication: Publication
    figures: dict[str, FrozenValue]


async def step_choices(
    view: View, now: Publication, codes: list[str]
) -> list[StepChoice]:
    """The next steps of a publication, with a confirmation for each indicator.

    The rule that different persons take the steps is evaluated when a step is taken.
    """
    possible = [step for step in StepType if now.state in publication.FOLLOWS[step]]
    found = []
    for step in possible:
        action = ACTIONS["publication"][step]
        if step is not StepType.CONFIRMED:
            found.append(StepChoice(step, None, _refusal(view, action, AGENCY_WIDE)))
            continue
        for code in codes:
            if code not in now.confirmed:
                divisions = view.viewer.divisions
                scope = await scopes.of_indicator(view.reader, code, divisions)
                why = _refusal(view, action, scope or AGENCY_WIDE)
                found.append(StepChoice(step, code, why))
    return found


def remaining_steps(state: PublicationState) -> list[StepType]:
    """The steps that lead from *state* to a published report, in order."""
    match state:
        case PublicationState.DRAFT:
            return [StepType.CLOSED, StepType.REVIEWED, StepType.PUBLISHED]
        case PublicationState.CLOSED:
            return [StepType.REVIEWED, StepType.PUBLISHED]
        case PublicationState.REVIEWED:
            return [StepType.PUBLISHED]
        case PublicationState.PUBLISHED | PublicationState.WITHDRAWN:
            return []
    assert_never(state)


def _refusal(view: View, action: Action, scope: Scope) -> str | None:
    actor = view.viewer.actor
    if actor is None:
        return None
    decided = may(actor, action, scope)
    return decided.brief if isinstance(decided, Denied) else None


def editions(found: PublicationRecord) -> list[Edition]:
    """The frozen editions of the period and day of a publication, oldest first."""
    return [
        Edition(one, {value.indicator: value for value in one.figures})
        for one in found.editions
        if one.figures
    ]
