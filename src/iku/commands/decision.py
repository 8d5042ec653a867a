"""Decisions: the events that a command adds, and the premises of the decision.

A decision reads the texts of its streams as far as they can be decrypted. It depends on
a text only to find out whether an event is recorded already.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from functools import partial
from typing import Any, NamedTuple

from iku import streams
from iku.commands import account_rules, authorisation
from iku.commands.authorisation import Authority
from iku.commands.category_cache import Cached
from iku.commands.command import (
    Command,
    creates_subject,
)
from iku.domain import (
    access,
    account,
    closed_periods,
    fact,
    merger,
    proposal,
    subject_name,
)
from iku.domain.access import Action, Scope
from iku.domain.access_policy import TwoPersonRule
from iku.domain.closed_periods import ClosedPeriods, ReasonRequired
from iku.domain.decider import (
    DecisionContext,
    Invalid,
    SubjectNotFound,
    refuse_hidden_characters,
)
from iku.domain.decider_registry import DECIDERS
from iku.domain.fact import EventId
from iku.domain.proposal import Approved
from iku.domain.publication import NextStep, StepType, TakeStep
from iku.ledger.log import (
    AppendCondition,
    Reader,
)
from iku.ledger.record import Recorded
from iku.messages import message
from iku.streams import FoldedStream
from iku.vault.store import Vault


class SubjectChange(NamedTuple):
    """The events that a command adds to one subject.

    Attributes:
        category: Category of the subject.
        before: State before the events, as read.
        after: State after the events.
    """

    category: str
    subject: str
    events: list[Any]
    before: "FoldedStream"
    after: Any


class CommandDecision(NamedTuple):
    """The events that a command adds to the log, and the premises of the decision.

    Attributes:
        events: Events of the command's own subject; empty if they are already recorded.
        before: State before the events, as read.
        after: State after the events.
        premises: Other streams on which the decision is based, with the versions read.
        conditions: Append conditions of the decision.
        others: Events of other subjects, in the same append.
        notes: Remarks for the answer, in addition to the receipt.
        actor: Actor of the events.
        approval: The approval of the proposal, in the same append; None without one.
    """

    events: list[Any]
    before: "FoldedStream"
    after: Any
    premises: tuple[tuple[str, int], ...] = ()
    conditions: tuple[AppendCondition, ...] = ()
    others: tuple[SubjectChange, ...] = ()
    notes: tuple[str, ...] = ()
    actor: str = ""
    approval: SubjectChange | None = None


def decide(
    command: Command,
    read: Mapping[str, FoldedStream],
    *,
    today: date,
    areas: frozenset[str],
    closed: Cached[ClosedPeriods] | None,
    authority: Authority,
) -> CommandDecision:
    """The events that *command* adds to the streams *read*.

    The result also has the stream versions that the decision rests on; the append
    verifies them.

    If *closed* is None, no event needs a reason.

    Raises:
        Forbidden: The actor has no right to the command.
        ReasonRequired: The command changes a figure of a closed period without a
            reason.
        Refused: A rule forbids it, or a text has hidden characters.
        StepUpRequired: The actor's last factor is too old; everything else is allowed.
        SubjectNotFound: The subject does not exist.
    """
    decided = _decide(
        command, read, today=today, areas=areas, closed=closed, authority=authority
    )
    authorisation.refuse_unfresh(command)
    return decided


def _decide(
    command: Command,
    read: Mapping[str, FoldedStream],
    *,
    today: date,
    areas: frozenset[str],
    closed: Cached[ClosedPeriods] | None,
    authority: Authority,
) -> CommandDecision:
    decider = DECIDERS[command.category]
    proposed = decider.asked(command.proposed)
    # Of a publication's step only the part that the client sent, so that the error
    # path names a field of the request body.
    refuse_hidden_characters(getattr(proposed, "step", proposed))
    before = read.get(command.stream, FoldedStream())
    state = before.state
    if state is None and not creates_subject(command.proposed):
        raise SubjectNotFound(
            subject_name.not_found_message(command.category, command.subject)
        )
    grounds = decider.premises_of(command.proposed, command.subject, state)
    related = {
        subject: read.get(decider.stream(subject), FoldedStream())
        for subject in grounds.related_subjects
    }
    # Before the decision, so that a refusal discloses nothing of the subject.
    touched = [state, *(peer.state for peer in related.values())]
    authorisation.authorise(command, touched, authority, today)
    if command.category == account.decider.category:
        account_rules.enforce(command, state, authority, today)
    if closed is not None:
        _refuse_confirmation_by_other_division(command, closed.value, authority)
    context = _context(command, related, authority, today, areas)
    if closed is not None:
        context = replace(context, indicators=frozenset(closed.value.indicators))
    decision = decider.decision(command.proposed, state, context)
    after = decider.fold(decision.events, state)
    own = SubjectChange(
        command.category, command.subject, decision.events, before, after
    )
    others = tuple(
        _changes_of_related_subjects(command.category, decision.others, related)
    )
    changes = (own, *others)
    if not command.proposing:
        # A change of the category may have moved the subject to another division.
        moved = [one.after for one in changes]
        authorisation.authorise(command, moved, authority, today)
    # The streams of other subjects must still have the versions that were read.
    unchanged = [decider.stream(one) for one in related if one not in decision.others]
    premises = (
        *authority.premises,
        *((name, read.get(name, FoldedStream()).version) for name in unchanged),
        *((name, read.get(name, FoldedStream()).version) for name in grounds.streams),
    )
    decided = CommandDecision(
        decision.events,
        before,
        after,
        premises,
        authority.conditions,
        others=others,
        notes=merger.notes(command.proposed, state, decision.others),
        actor=authority.name,
        approval=_approval(command, own, context),
    )
    if closed is None:
        return decided
    if grounds.closures:
        _refuse_unexplained_changes(changes, closed.value)
    elif authority.actor is not None and _is_retroactive(own):
        about = authorisation.scopes_of(touched, authority.register, today)
        _refuse_unapproved(command, changes, closed.value, authority, about)
    else:
        return decided
    return decided._replace(conditions=(*authority.conditions, closed.condition))


def _context(
    command: Command,
    related: Mapping[str, FoldedStream],
    authority: Authority,
    today: date,
    areas: frozenset[str],
) -> DecisionContext:
    policy = authority.register.policy
    return DecisionContext(
        today=today,
        subject=command.subject,
        areas=areas,
        related_subjects={subject: peer.state for subject, peer in related.items()},
        actor=authority.name,
        accounts=authority.actor is not None,
        divisions=policy.division_codes,
        person_of=authority.register.person,
        two_persons=policy.two_persons is TwoPersonRule.REQUIRED,
    )


def _changes_of_related_subjects(
    category: str, events: Mapping[str, list[Any]], related: Mapping[str, FoldedStream]
) -> Iterator[SubjectChange]:
    for subject, added in events.items():
        peer = related[subject]
        after = DECIDERS[category].fold(added, peer.state)
        yield SubjectChange(category, subject, added, peer, after)


def _refuse_confirmation_by_other_division(
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


def _approval(
    command: Command, own: SubjectChange, context: DecisionContext
) -> SubjectChange | None:
    """The approval that is recorded with the events of *own*; None without one."""
    approval = command.approval
    if approval is None:
        return None
    version = own.before.version + len(own.events)
    approved = Approved(
        effective_on=context.today,
        by=context.actor,
        divisions=approval.divisions,
        recorded=EventId(command.stream, version),
    )
    about = replace(context, subject=approval.proposal)
    before = approval.before
    events = proposal.decide(approved, before.state, about)
    after = proposal.decider.fold(events, before.state)
    return SubjectChange("proposal", approval.proposal, events, before, after)


def _is_retroactive(change: SubjectChange) -> bool:
    """Whether the change corrects, annuls, rejects or merges recorded facts."""
    return any(isinstance(event, _RETROACTIVE) for event in change.events)


_RETROACTIVE = (fact.Correction, fact.Annulled, fact.Rejection, fact.Merger)


def _refuse_unexplained_changes(
    changes: Iterable[SubjectChange], closed: ClosedPeriods
) -> None:
    for one in changes:
        closed_periods.refuse_change_without_reason(
            closed, one.subject, one.before.state, one.after
        )


async def read_streams(
    reader: Reader, vault: Vault, command: Command
) -> dict[str, FoldedStream]:
    """The streams on which the decision on *command* is based, its own first.

    The texts that *command* may need are decrypted, in the command's own stream only.
    """
    found = await streams.read(
        reader, vault, [command.stream], partial(_needs_texts, command)
    )
    decider, own = DECIDERS[command.category], found.get(command.stream, FoldedStream())
    grounds = decider.premises_of(command.proposed, command.subject, own.state)
    others = [*map(decider.stream, grounds.related_subjects), *grounds.streams]
    if others:
        found |= await streams.read(reader, vault, others, lambda _recorded: False)
    return found


def _needs_texts(command: Command, recorded: Recorded) -> bool:
    """Whether the decision on *command* needs the texts of event *recorded*.

    The texts are needed if the event may equal the proposed one, or if a merger copies
    them. Most commands need no text.
    """
    tag = command.proposed.__struct_config__.tag
    return isinstance(command.proposed, fact.Correction | fact.Merger) or tag in {
        None,
        False,
        recorded.type,
    }
