"""Checks of commands against closed periods.

A change of a figure of a closed period needs a reason; if it is retroactive, it also
needs the right to correct closed periods, or an approval. A figure is confirmed by the
division that owns its indicator.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from iku.commands import authorisation
from iku.commands.authorisation import Authority
from iku.commands.command import Command, SubjectChange
from iku.domain import access, closed_periods, fact
from iku.domain.access import Action, Scope
from iku.domain.closed_periods import ClosedPeriods, ReasonRequired
from iku.domain.decider import Invalid
from iku.domain.publication import NextStep, StepType, TakeStep
from iku.messages import message


def check_changes(
    command: Command,
    changes: Sequence[SubjectChange],
    closed: ClosedPeriods,
    authority: Authority,
    *,
    touched: Sequence[Any],
    today: date,
    unexplained: bool,
) -> bool:
    """Whether a decision depends on the closed periods, whose figures it may change.

    The change of the command's own subject is the first of *changes*; *touched* are the
    states before. *unexplained* if the command moves figures and gives no reason.

    Raises:
        Forbidden: The change is retroactive, and the account may not correct them.
        ReasonRequired: An unexplained change moves a figure of a closed period.
    """
    if unexplained:
        _refuse_unexplained_changes(changes, closed)
        return True
    if authority.actor is None or not _is_retroactive(changes[0]):
        return False
    scopes = authorisation.scopes_of(touched, authority.register, today)
    _refuse_unapproved(command, changes, closed, authority, scopes)
    return True


def _refuse_unexplained_changes(
    changes: Iterable[SubjectChange], closed: ClosedPeriods
) -> None:
    """Refuse a change of a closed period's figure without a reason.

    Raises:
        ReasonRequired: A change gives no reason.
    """
    for one in changes:
        closed_periods.refuse_change_without_reason(
            closed, one.subject, one.before.state, one.after
        )


def _refuse_unapproved(
    command: Command,
    changes: Iterable[SubjectChange],
    closed: ClosedPeriods,
    authority: Authority,
    scopes: Iterable[Scope],
) -> None:
    """Refuse a change of a closed period's figure without the right or an approval."""
    try:
        _refuse_unexplained_changes(changes, closed)
    except ReasonRequired:
        if command.proposing:
            authority.require_proposable(Action.CORRECT_CLOSED, scopes)
        else:
            authority.require(authorisation.closed_period_actions(command), scopes)


def _is_retroactive(change: SubjectChange) -> bool:
    """Whether the change corrects, annuls, rejects or merges recorded facts."""
    return any(isinstance(event, _RETROACTIVE) for event in change.events)


_RETROACTIVE = (fact.Correction, fact.Annulled, fact.Rejection, fact.Merger)


def refuse_confirmation_by_other_division(
    command: Command, closed: ClosedPeriods, authority: Authority
) -> None:
    """Refuse a confirmation by a head whose division does not own the indicator."""
    match command.proposed:
        case TakeStep(step=NextStep(type=StepType.CONFIRMED, indicator=str(code))):
            defined = closed.indicators.get(code)
            if defined is None:
                raise Invalid(
                    "indicator",
                    message(
                        "indicator is {indicator}, which does not exist", indicator=code
                    ),
                )
            scope = access.scope_of_indicator(
                defined.definitions[-1].defined.options,
                authority.register.policy.divisions,
            )
            authority.require((Action.CONFIRM_FIGURE,), [scope])
        case _:
            return
