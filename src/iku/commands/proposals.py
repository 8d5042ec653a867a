"""Proposals: a command is proposed by one person and recorded by another's approval.

The approval decides the command again, at the version that the proposer saw, and
records its events and its own in one append. If the subject has changed since, the
proposal lapses.
"""

from collections.abc import Mapping
from typing import Any
from uuid import NAMESPACE_OID, uuid4, uuid5

from msgspec import structs

from iku import streams
from iku.commands import authorisation, command_streams, decision, text_erasure
from iku.commands.authorisation import Authority
from iku.commands.command import Command, CommandResult, ProposalApproval, StaleVersion
from iku.commands.handler import CommandHandler
from iku.domain import access, closed_periods, proposal
from iku.domain.access import Action, Allowed, Forbidden, Scope
from iku.domain.closed_periods import ClosedPeriods, ContributionChange
from iku.domain.decider import Refused, SubjectNotFound
from iku.domain.decider_registry import DECIDERS
from iku.domain.fact import TargetStream
from iku.domain.proposal import (
    Approved,
    Declined,
    Lapsed,
    Proposal,
    ProposalStatus,
    ProposalWithdrawn,
    Proposed,
    ProposedChange,
)
from iku.ledger.log import Connection, Reader
from iku.messages import message
from iku.streams import FoldedStream


async def propose(
    commands: CommandHandler, reader: Reader, command: Command, because: str
) -> CommandResult:
    """Propose *command* for approval by another person.

    Raises:
        Forbidden: The actor may not propose it.
        Refused: A rule forbids the command, or such a command cannot be proposed.
    """
    stored, texts = proposal.encode(command.category, command.proposed)
    tried = structs.replace(command, proposing=True)
    read = await command_streams.read(reader, commands.vault, tried)
    decided = await commands.decide(reader, tried, read)
    if not decided.events:
        raise Refused(
            message(
                "everything in this command is already recorded, so there is nothing "
                "to propose"
            )
        )
    closed = (await commands.closures.cached(reader)).value
    authority = await commands.authority(reader, command.actor, command.credentials)
    proposed = Proposed(
        effective_on=commands.today(),
        by=authority.name,
        target=TargetStream(command.stream, decided.before.version),
        command=stored,
        because=because,
        changes=_frozen_figure_changes(closed, command.subject, decided),
        **texts,
    )
    recorded = structs.replace(
        command, category="proposal", subject=_identifier(command), proposed=proposed
    )
    return await commands.handle(
        reader, structs.replace(recorded, expected=None, approval=None)
    )


def _identifier(command: Command) -> str:
    """A new identifier; the same for a retry under the same idempotency key."""
    if command.command_id is None:
        return str(uuid4())
    return str(uuid5(NAMESPACE_OID, f"proposal {command.command_id}"))


def _frozen_figure_changes(
    closed: ClosedPeriods, subject: str, decided: decision.CommandDecision
) -> tuple[ProposedChange, ...]:
    """The figures of closed periods that the command would change."""
    before, after = decided.before.state, decided.after
    return tuple(
        ProposedChange(
            publication=change.figure.publication.id,
            number=change.figure.frozen.number,
            before=f"{change.before.numerator}/{change.before.denominator}",
            after=f"{change.after.numerator}/{change.after.denominator}",
        )
        for change in closed_periods.frozen_figure_changes(
            closed, subject, before, after
        )
        if isinstance(change, ContributionChange)
    )


async def approve(
    commands: CommandHandler, connection: Connection, identifier: str, by: Command
) -> CommandResult:
    """Approve a proposal, and record the events of its command.

    *by* carries the approver: its actor, credentials and command id.

    Raises:
        Forbidden: The actor has no right to approve it.
        Refused: The proposal is no longer open, the approver proposed it, or the
            subject has changed since.
        SubjectNotFound: The proposal does not exist.
    """
    read = await _read_proposal(commands, connection, identifier)
    held: Proposal = read.state
    target = held.proposed.target
    authority = await commands.authority(connection, by.actor, by.credentials)
    approval = ProposalApproval(
        identifier,
        read,
        _approvable_divisions(authority, held),
        held.approved_divisions,
    )
    asked = structs.replace(
        by,
        category=target.category,
        subject=target.subject,
        proposed=proposal.decode(held.proposed),
        expected=target.version or None,
        approval=approval,
    )
    dated = proposal.approved_command(held.proposed, commands.today())
    command = structs.replace(asked, proposed=dated, sent_as=asked)
    try:
        if target.category == "subject":
            return await text_erasure.erase(commands, connection, command)
        return await commands.handle(connection, command)
    except StaleVersion as error:
        await _lapse(commands, connection, identifier, by, error.version)
        raise Refused(
            message(
                "{stream} is at version {version}, but the proposal was made for "
                "version {seen}: read the later events and propose the command again",
                stream=target.stream,
                version=error.version,
                seen=target.version,
            )
        ) from error
    except Forbidden:
        if not await _approves_in_part(commands, connection, command, authority):
            raise
        authorisation.refuse_unfresh(command)
        part = Approved(
            effective_on=commands.today(),
            by=authority.name,
            divisions=approval.divisions,
        )
        return await commands.handle(connection, _step_command(by, identifier, part))


def _approvable_divisions(authority: Authority, held: Proposal) -> tuple[str, ...]:
    """The divisions for which the actor may approve; empty for the whole agency."""
    if authority.actor is None:
        return ()
    actor = authority.actor
    wanted = _approving_actions(
        held.proposed.target.category, proposal.decode(held.proposed)
    )
    found = {one.division for one in actor.grants if one.division is not None}
    return tuple(
        sorted(
            division
            for division in found
            if any(
                isinstance(access.may(actor, action, Scope(division)), Allowed)
                for action in wanted
            )
        )
    )


async def _approves_in_part(
    commands: CommandHandler, reader: Reader, command: Command, authority: Authority
) -> bool:
    """Whether the actor may approve for some, but not all, divisions concerned."""
    if authority.actor is None:
        return False
    covered, found = await _covered_and_concerned_scopes(
        commands, reader, command, authority
    )
    return 0 < len(covered) < len(found)


async def _covered_and_concerned_scopes(
    commands: CommandHandler, reader: Reader, command: Command, authority: Authority
) -> tuple[list[Scope], list[Scope]]:
    """The scopes for which the actor may approve, and all that are concerned."""
    read = await command_streams.read(reader, commands.vault, command)
    own = read.get(command.stream, FoldedStream()).state
    after = DECIDERS[command.category].fold([command.proposed], own)
    states = [*(one.state for one in read.values()), after]
    found = authorisation.scopes_of(states, authority.register, commands.today())
    wanted = _approving_actions(command.category, command.proposed)
    covered = [
        scope
        for scope in found
        if authority.actor is None
        or any(
            isinstance(access.may(authority.actor, action, scope), Allowed)
            for action in wanted
        )
    ]
    return covered, found


async def decidable_proposals(
    commands: CommandHandler, reader: Reader, by: Command, held: Mapping[str, Proposal]
) -> frozenset[str]:
    """Those of the proposals *held*, by identifier, that the actor may decide on now.

    Whether the approval is recorded is decided when it is given: the subject may have
    changed, and a factor must have been used recently.
    """
    authority = await commands.authority(reader, by.actor, by.credentials)
    return frozenset(
        [
            identifier
            for identifier, one in held.items()
            if await _may_decide(commands, reader, one, authority)
        ]
    )


async def _may_decide(
    commands: CommandHandler, reader: Reader, held: Proposal, authority: Authority
) -> bool:
    person_of = authority.register.person
    involved = [held.proposed.by, *(one.by for one in held.approvals)]
    if held.status is not ProposalStatus.OPEN:
        return False
    if person_of(authority.name) in map(person_of, involved):
        return False
    covered, _ = await _covered_and_concerned_scopes(
        commands, reader, _proposed_command(held, authority), authority
    )
    return bool(covered)


def _proposed_command(held: Proposal, authority: Authority) -> Command:
    target = held.proposed.target
    proposed = proposal.decode(held.proposed)
    return Command(target.category, target.subject, proposed, authority.name)


def _approving_actions(category: str, proposed: Any) -> tuple[Action, ...]:
    return access.approving_actions(authorisation.action(category, proposed))


async def decline(
    commands: CommandHandler, reader: Reader, identifier: str, by: Command, reason: str
) -> CommandResult:
    """Decline a proposal (raises as `approve`)."""
    read = await _read_proposal(commands, reader, identifier)
    authority = await commands.authority(reader, by.actor, by.credentials)
    await _require_approver(commands, reader, read.state, authority)
    declined = Declined(effective_on=commands.today(), by=authority.name, reason=reason)
    return await commands.handle(reader, _step_command(by, identifier, declined))


async def _require_approver(
    commands: CommandHandler, reader: Reader, held: Proposal, authority: Authority
) -> None:
    """Refuse an actor who may approve for none of the divisions concerned."""
    command = _proposed_command(held, authority)
    covered, found = await _covered_and_concerned_scopes(
        commands, reader, command, authority
    )
    if not covered and authority.actor is not None:
        wanted = _approving_actions(command.category, command.proposed)
        access.require(authority.actor, wanted[-1], found[0])


async def withdraw(
    commands: CommandHandler, reader: Reader, identifier: str, by: Command
) -> CommandResult:
    """Withdraw one's own proposal (raises as `approve`)."""
    await _read_proposal(commands, reader, identifier)
    authority = await commands.authority(reader, by.actor, by.credentials)
    withdrawn = ProposalWithdrawn(effective_on=commands.today(), by=authority.name)
    return await commands.handle(reader, _step_command(by, identifier, withdrawn))


async def _lapse(
    commands: CommandHandler,
    reader: Reader,
    identifier: str,
    by: Command,
    version: int,
) -> None:
    lapsed = Lapsed(effective_on=commands.today(), version=version)
    step = structs.replace(_step_command(by, identifier, lapsed), command_id=None)
    await commands.handle(reader, step)


def _step_command(by: Command, identifier: str, event: object) -> Command:
    return structs.replace(
        by, category="proposal", subject=identifier, proposed=event, expected=None
    )


async def _read_proposal(
    commands: CommandHandler, reader: Reader, identifier: str
) -> FoldedStream:
    stream = proposal.decider.stream(identifier)
    found = await streams.read(reader, commands.vault, [stream])
    if stream not in found:
        raise SubjectNotFound(
            message("proposal {proposal} does not exist", proposal=identifier)
        )
    return found[stream]
