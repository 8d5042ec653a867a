"""The proposals that an account sees, and those that it may decide on.

Visibility is a query, and the right to decide is a rule of commands; this module
combines the two.
"""

from collections.abc import Sequence
from typing import NamedTuple

from iku.access import invitations
from iku.access.invitations import IssuedInvitation
from iku.commands import proposals as steps
from iku.commands.command import Command, CommandResult
from iku.commands.handler import CommandHandler
from iku.domain import account
from iku.domain.access import Credentials
from iku.ledger import log
from iku.postgres.pool import Connection
from iku.queries import proposals
from iku.queries.proposals import (
    Proposals,
    ProposalsQuestion,
    RecordedProposal,
    ShownProposal,
)
from iku.queries.view import View

INVITATION = 2  # version of an account after it was invited with its first role
RECOVERED = account.Recovered.__struct_config__.tag


class ApprovalResult(NamedTuple):
    """The result of an approval, and the link of the account invited or recovered."""

    outcome: CommandResult
    issued: IssuedInvitation | None = None


async def listing(
    commands: CommandHandler,
    view: View,
    credentials: Credentials | None,
    question: ProposalsQuestion,
) -> Proposals:
    """The page of proposals that *question* requests.

    Raises:
        Unauthenticated: The viewer has not signed in.
    """
    found = await proposals.visible_proposals(view, question, commands.today())
    if question.decidable:
        decidable = await _decidable_proposals(commands, view, credentials, found)
        found = [one for one in found if one.id in decidable]
        page = found[: question.limit]
    else:
        page = found[: question.limit]
        decidable = await _decidable_proposals(commands, view, credentials, page)
    return Proposals(
        await proposals.shown_proposals(view, page, decidable),
        page[-1].position if len(found) > len(page) else None,
    )


async def show(
    commands: CommandHandler,
    view: View,
    credentials: Credentials | None,
    identifier: str,
) -> ShownProposal:
    """The proposal with this identifier.

    Raises:
        SubjectNotFound: The proposal does not exist, or the viewer may not see it.
    """
    found = [await proposals.find(view, identifier, commands.today())]
    decidable = await _decidable_proposals(commands, view, credentials, found)
    [shown] = await proposals.shown_proposals(view, found, decidable)
    return shown


async def approve(
    commands: CommandHandler, connection: Connection, identifier: str, by: Command
) -> ApprovalResult:
    """Approve a proposal (see `commands.proposals.approve`).

    If it invites a person, or recovers an account, the one-time link is issued; its
    holder cannot approve for 24 hours after redeeming it. A recovery removes the
    factors. The link is a secret, so a repeated approval issues no other one.
    """
    outcome = await steps.approve(commands, connection, identifier, by)
    stream, version = outcome.receipt.stream, outcome.receipt.version
    category, _, subject = stream.partition("-")
    if category != account.decider.category or outcome.repeated:
        return ApprovalResult(outcome)
    [last] = await log.read_events(connection, {(stream, version)})
    match last.type, version:
        case (of, _) if of == RECOVERED:
            issue = invitations.recover
        case (_, of) if of == INVITATION:
            issue = invitations.issue
        case _:
            return ApprovalResult(outcome)
    return ApprovalResult(
        outcome, await issue(connection, subject, blocks_approving=True)
    )


async def _decidable_proposals(
    commands: CommandHandler,
    view: View,
    credentials: Credentials | None,
    found: Sequence[RecordedProposal],
) -> frozenset[str]:
    if credentials is None and view.viewer.actor is not None:
        return frozenset()  # has not signed in
    by = Command("proposal", "", None, view.viewer.name, credentials=credentials)
    held = {one.id: one.state for one in found}
    return await steps.decidable_proposals(commands, view.reader, by, held)
