"""Verification of recorded proposals and approvals, from the log alone.

An approval is judged together with the events of the approved command, which are in the
same append.
"""

from collections.abc import Mapping
from typing import Any

from iku.domain import access
from iku.domain.access import (
    ACTIONS,
    AGENCY_WIDE,
    Action,
    Actor,
    Allowed,
    Denied,
    Scope,
)
from iku.domain.account import APPROVING
from iku.domain.proposal import (
    DATED_BY_APPROVAL,
    Declined,
    Lapsed,
    Proposal,
    ProposalStatus,
    ProposalWithdrawn,
    Proposed,
)
from iku.domain.recorded_state import (
    JudgedCommand,
    JudgedEvent,
    Violations,
    merger_counterpart,
)
from iku.messages import Term, message


def actions_of(
    category: str, name: str, data: Mapping[str, Any], *, approved: bool = False
) -> tuple[Action, ...]:
    """The actions, a right to any of which allows the event; empty if it is unknown.

    A command that is stored in a proposal has its own name. With *approved*, the result
    is the actions that approve the command. A recovery is judged as that of an account
    that approves, because only such a recovery is proposed.
    """
    if category == "account" and name in {"granted", "invite"}:
        approving = data.get("role") in APPROVING
        found = Action.GRANT_APPROVING if approving else Action.ADMINISTER
    elif category == "account" and name == "recovered":
        found = Action.RECOVER_APPROVING
    elif name == "redefined":
        found = Action.DEFINE
    # A verified participation that a merger carries over was verified before.
    elif data.get("verified") is True and name != "participation_carried":
        found = Action.VERIFY
    elif name in ACTIONS.get(category, {}):
        found = ACTIONS[category][name]
    else:
        return ()
    return access.approving_actions(found) if approved else (found,)


def is_allowed(actor: Actor, sufficient: tuple[Action, ...], scope: Scope) -> bool:
    """Whether *actor* may take any of the actions in *sufficient* in *scope*."""
    return any(isinstance(access.may(actor, one, scope), Allowed) for one in sufficient)


def denial_message(sufficient: tuple[Action, ...], scope: Scope, actor: Actor) -> str:
    """The rule that *actor* breaks by any of the actions in *sufficient* in *scope*."""
    held = tuple(Term("role", one.role) for one in actor.grants) or message("none")
    action = tuple(Term("action", one) for one in sufficient)
    if scope.division is None:
        return message(
            "the right {action} belongs to none of the roles {held}",
            action=action,
            held=held,
        )
    own = sorted({one.division for one in actor.grants if one.division is not None})
    return message(
        "the right {action} in division {division} belongs to none of the roles {held} "
        "of {own}",
        action=action,
        division=scope.division,
        held=held,
        own=own or message("none"),
    )


def approved_proposal(command: JudgedCommand) -> Proposal | None:
    """The proposal that the events approve; None if they approve none."""
    for one in command.events:
        held = command.before.get(one.record.stream)
        if one.record.type == "approved" and isinstance(held, Proposal):
            return held
    return None


def proposal_violations(
    command: JudgedCommand, one: JudgedEvent, actor: Actor
) -> Violations:
    """The rules that an event of a proposal breaks, each with the event."""
    held, event = command.before[one.record.stream], one.event
    if isinstance(event, Proposed):
        if held is not None:
            yield one, message("the proposal had already been recorded")
        yield from _proposed_violations(command, one, actor)
    elif held is None or held.status is not ProposalStatus.OPEN:
        yield one, message("the proposal did not exist, or was no longer open")
    elif isinstance(event, Lapsed):
        target = held.proposed.target
        if command.versions[target.stream] == target.version or not actor.grants:
            yield (
                one,
                message(
                    "the proposal lapsed although its subject was still at the version "
                    "for which it was made"
                ),
            )
    else:
        yield from _decision_violations(command, one, actor)


def _decision_violations(
    command: JudgedCommand, one: JudgedEvent, actor: Actor
) -> Violations:
    """The violations of an approval, a decline or a withdrawal, by its actor."""
    held = command.before[one.record.stream]
    proposer = held.proposed.by
    same = command.is_same(one.body.actor, proposer)
    if isinstance(one.event, ProposalWithdrawn):
        if not same:
            yield (
                one,
                message(
                    "only the person who made the proposal may withdraw it; it was "
                    "made by {actor}",
                    actor=proposer,
                ),
            )
        return
    if same and command.two_persons:
        yield one, message("the person who made a proposal cannot decide on it")
    if isinstance(one.event, Declined):
        yield from _decline_violations(one, held, actor)
    else:
        yield from _approval_violations(command, one, actor)


def _decline_violations(one: JudgedEvent, held: Proposal, actor: Actor) -> Violations:
    sufficient = _sufficient_actions(held)
    roles = {role for action in sufficient for role in access.TABLE[action]}
    if not any(grant.role in roles for grant in actor.grants):
        yield one, denial_message(sufficient, AGENCY_WIDE, actor)


def _sufficient_actions(held: Proposal) -> tuple[Action, ...]:
    """The actions, a right to any of which approves the proposal."""
    stored, category = held.proposed.command, held.proposed.target.category
    return actions_of(category, stored.name, stored.data, approved=True)


def _proposed_violations(
    command: JudgedCommand, one: JudgedEvent, actor: Actor
) -> Violations:
    """A violation if the actor may propose the command for none of the subjects."""
    target, stored, state = one.event.target, one.event.command, command.state
    sufficient = actions_of(target.category, stored.name, stored.data)
    other = merger_counterpart(target.category, stored.data)
    streams = [
        target.stream,
        *([other] if other else state.linked_streams(target.stream)),
    ]
    day = one.record.known_on
    scopes = [scope for stream in streams for scope in state.scopes(stream, day)]
    for scope in scopes or [AGENCY_WIDE]:
        for action in sufficient:
            match access.may(actor, action, scope):
                case Denied(proposable=False):
                    pass
                case _:
                    return
    yield one, denial_message(sufficient, (scopes or [AGENCY_WIDE])[0], actor)


def _approval_violations(
    command: JudgedCommand, one: JudgedEvent, actor: Actor
) -> Violations:
    held: Proposal = command.before[one.record.stream]
    for earlier in held.approvals:
        if command.is_same(earlier.by, one.body.actor):
            yield one, message("the same person had already approved the proposal")
    sufficient = _sufficient_actions(held)
    for division in one.event.divisions:
        if not is_allowed(actor, sufficient, Scope(division)):
            yield one, denial_message(sufficient, Scope(division), actor)
    if one.event.recorded is None:
        if len(command.events) > 1 or not one.event.divisions:
            yield (
                one,
                message(
                    "an approval that does not complete the proposal must name a "
                    "division and must be the only event of its command"
                ),
            )
        return
    yield from _command_violations(command, one, held.proposed)


def _command_violations(
    command: JudgedCommand, one: JudgedEvent, proposed: Proposed
) -> Violations:
    """The violations of the recorded command: its version, and its content."""
    target = proposed.target
    seen = command.versions[target.stream]
    if target.version not in {0, seen}:
        yield (
            one,
            message(
                "the command was proposed for version {version} of {stream}, but "
                "recorded after version {seen}",
                version=target.version,
                stream=target.stream,
                seen=seen,
            ),
        )
    if not _is_proposed(command, one, proposed):
        yield one, message("the recorded command differs from the proposed command")


def _is_proposed(
    command: JudgedCommand, approved: JudgedEvent, proposed: Proposed
) -> bool:
    """Whether *command* recorded what was proposed.

    Its last event is the proposed event in the target's stream. Its other events are of
    the target, or are those that the same command records of other subjects.
    """
    last, recorded = command.events[-1], approved.event.recorded
    target, stored = proposed.target, proposed.command
    if not (
        target.stream == recorded.stream == last.record.stream
        and recorded.version == last.record.version
        and all(
            one is approved
            or one.record.stream == target.stream
            or one.record.type in _OF_OTHERS
            for one in command.events
        )
    ):
        return False
    if target.category == "indicator":  # a definition is recorded as a whole
        return True
    name, day = stored.name, stored.effective_on
    if name == "invite":  # it grants a role
        name = "granted"
    if target.category in DATED_BY_APPROVAL:
        day = last.record.effective_on
    found = last.record.type, last.body.data, last.record.effective_on
    return (name, stored.data, day) == found


_OF_OTHERS = frozenset({"absorbed", "participation_carried", "annulled"})
