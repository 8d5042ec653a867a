"""Administration of accounts: events of the log, and their effects on credentials.

The event is recorded first. Then links are issued and sessions end. A role that
approves needs a second person, and so does the recovery of an account that holds one:
it is proposed, and its link is issued after the approval. Call these functions outside
a transaction: an append uses a connection of its own.
"""

from collections.abc import Sequence

from msgspec import Struct, structs

from iku.access import accounts as factors
from iku.access import invitations, sessions
from iku.access.account_credentials import existing_account
from iku.access.invitations import IssuedInvitation
from iku.commands import accounts, proposals
from iku.commands.authorisation import StepUpRequired
from iku.commands.command import Command, CommandResult
from iku.commands.handler import CommandHandler
from iku.domain import account, proposal
from iku.domain.access import AGENCY_WIDE, Action, Credentials, Forbidden
from iku.domain.access_policy import DivisionOwnership
from iku.domain.account import APPROVING, Invite, Later
from iku.domain.decider import Refused
from iku.messages import message
from iku.postgres.pool import Connection

NO_SECOND_LINK = message(
    "the command was already carried out with the same Idempotency-Key: a one-time "
    "link is shown only in the first answer; if the link was lost, issue it again, "
    "or recover the account"
)


class AccountChange(Struct, frozen=True):
    """The result of a change of an account.

    Attributes:
        account: Identifier of the account; None if the approval creates the account.
        issued: The enrolment link, which is shown once; None if none was issued, or if
            the change is repeated.
        proposal: The proposal that another person must approve; None if none is needed.
        repeated: Whether the change was made before, by the same command id.
        version: Version of the account after the change; None if it was proposed.
    """

    account: str | None
    issued: IssuedInvitation | None = None
    proposal: str | None = None
    repeated: bool = False
    version: int | None = None


async def invite(
    commands: CommandHandler,
    connection: Connection,
    credentials: Credentials,
    proposed: Invite,
    divisions: Sequence[DivisionOwnership],
    *,
    command_id: str | None = None,
) -> AccountChange:
    """Create an account and issue its link, or propose it.

    Raises:
        Forbidden: The actor may neither invite nor propose it.
        KeyReused: The command id was given to another command.
        Refused: A rule forbids the role.
        StepUpRequired: The last factor is too old, also for a proposal.
    """
    command = await accounts.invitation(
        commands,
        connection,
        proposed,
        divisions,
        actor=credentials.account,
        credentials=credentials,
        command_id=command_id,
    )
    done = await _record_or_propose(commands, connection, command, None, proposed.basis)
    if done.proposal is not None or done.repeated or done.account is None:
        return done
    issued = await invitations.issue(
        connection, done.account, blocks_approving=proposed.role in APPROVING
    )
    return structs.replace(done, issued=issued)


async def invite_at_server(
    commands: CommandHandler,
    connection: Connection,
    proposed: Invite,
    divisions: Sequence[DivisionOwnership],
) -> AccountChange:
    """Create the account of the first administrator, or head of the agency.

    If an account held the role before, the new holder cannot approve for 24 hours.

    Raises:
        Unauthenticated: An account holds the role, or the role is neither of the two.
    """
    known = (await commands.access.refresh(connection)).value.accounts.values()
    held = {grant.role for one in known for grant in one.grants}
    done = await accounts.invite(commands, connection, proposed, divisions)
    blocks = proposed.role in held & APPROVING
    issued = await invitations.issue(connection, done.subject, blocks_approving=blocks)
    return AccountChange(done.subject, issued)


async def record_change(
    commands: CommandHandler,
    connection: Connection,
    command: Command,
) -> AccountChange:
    """Record a later event of an account, or propose it.

    A suspension ends the sessions of the account. A recovery removes its factors and
    issues a new link, unless it is repeated.

    Raises:
        Forbidden: The actor may neither do nor propose it.
        KeyReused: The command id was given to another command.
        Refused: A rule forbids it.
        StaleVersion: The account is at another version than the command expects.
        StepUpRequired: The last factor is too old, also for a proposal.
        SubjectNotFound: The account does not exist.
    """
    event, identifier = command.proposed, command.subject
    because: str = getattr(event, "reason", "") or getattr(event, "basis", "")
    done = await _record_or_propose(commands, connection, command, identifier, because)
    if done.proposal is not None:
        return done
    match event:
        case account.AccountSuspended():
            await sessions.end_all(connection, identifier)
        case account.Recovered() if not done.repeated:
            issued = await invitations.recover(connection, identifier)
            return structs.replace(done, issued=issued)
        case _:
            pass
    return done


async def issue_link(
    commands: CommandHandler,
    connection: Connection,
    credentials: Credentials,
    identifier: str,
) -> AccountChange:
    """Issue the link of an account that never enrolled; an earlier one is cancelled.

    Raises:
        Forbidden: The actor may not administer accounts.
        Refused: The account can already sign in.
    """
    await _require_administrator(commands, connection, credentials)
    if not credentials.fresh:
        raise StepUpRequired
    blocks = await _has_approving_role(commands, connection, credentials, identifier)
    if (await factors.factors(connection, identifier)).is_complete:
        raise Refused(
            message(
                "account {account} can already sign in: recover it if a factor is lost",
                account=identifier,
            )
        )
    issued = await invitations.issue(connection, identifier, blocks_approving=blocks)
    return AccountChange(identifier, issued)


async def end_sessions(
    commands: CommandHandler,
    connection: Connection,
    credentials: Credentials,
    identifier: str,
) -> int:
    """End all sessions of an account, and return their number.

    Raises as `issue_link`.
    """
    await _require_administrator(commands, connection, credentials)
    await existing_account(commands, connection, credentials, identifier)
    return await sessions.end_all(connection, identifier)


async def _require_administrator(
    commands: CommandHandler, connection: Connection, credentials: Credentials
) -> None:
    authority = await commands.authority(connection, credentials.account, credentials)
    authority.require((Action.ADMINISTER,), [AGENCY_WIDE])


async def _has_approving_role(
    commands: CommandHandler,
    connection: Connection,
    credentials: Credentials,
    identifier: str,
) -> bool:
    """Whether the account holds a role that approves or audits.

    Raises:
        SubjectNotFound: The account does not exist.
    """
    found = await existing_account(commands, connection, credentials, identifier)
    return found.approves_on(commands.today())


def account_command(credentials: Credentials, identifier: str, event: Later) -> Command:
    """The command that records a later event of an account."""
    return Command(
        "account", identifier, event, credentials.account, credentials=credentials
    )


async def _record_or_propose(
    commands: CommandHandler,
    connection: Connection,
    command: Command,
    identifier: str | None,
    because: str,
) -> AccountChange:
    """Record *command*, or propose it if the actor may only propose it.

    Returns the outcome. A retry is recognised whether the first attempt recorded or
    proposed the command.
    """
    try:
        done = await commands.handle(connection, command)
    except Forbidden as error:
        if not error.proposable:
            raise
    else:
        return _account_change(done, identifier)
    if command.credentials is None or not command.credentials.fresh:
        raise StepUpRequired
    proposing = structs.replace(command, sent_as=command)
    done = await proposals.propose(commands, connection, proposing, because)
    return _account_change(done, identifier)


def _account_change(done: CommandResult, identifier: str | None) -> AccountChange:
    category, _, subject = done.receipt.stream.partition("-")
    if category == proposal.decider.category:
        return AccountChange(identifier, proposal=subject, repeated=done.repeated)
    return AccountChange(subject, repeated=done.repeated, version=done.receipt.version)
