"""Administration of accounts: events of the log, and their effects on credentials.

The event is recorded first. Then links are issued and sessions end. A role that
approves needs a second person: it is proposed, and its link is issued after the
approval. Call these functions outside a transaction: an append uses a connection of its
own.
"""

from collections.abc import Sequence
from uuid import uuid4

from msgspec import Struct

from iku.access import accounts as factors
from iku.access import invitations, sessions
from iku.access.invitations import Issued
from iku.commands import accounts, proposals
from iku.commands.authorisation import StepUpRequired
from iku.commands.command import Command
from iku.commands.handler import CommandHandler
from iku.domain import account
from iku.domain.access import AGENCY_WIDE, Action, Credentials, Forbidden
from iku.domain.access_policy import DivisionOwns
from iku.domain.account import APPROVING, Invite, Later
from iku.domain.decider import Refused, SubjectNotFound
from iku.messages import message
from iku.postgres.pool import Connection


class AccountChange(Struct, frozen=True):
    """The result of a change of an account.

    Attributes:
        account: The account; None if it does not exist before the approval.
        issued: The enrolment link, which is shown once.
        proposal: The proposal that another person must approve; None if none is needed.
    """

    account: str | None
    issued: Issued | None = None
    proposal: str | None = None


async def invite(
    commands: CommandHandler,
    connection: Connection,
    credentials: Credentials,
    proposed: Invite,
    divisions: Sequence[DivisionOwns],
) -> AccountChange:
    """Create an account and issue its link, or propose it.

    Raises:
        Forbidden: The actor may neither invite nor propose it.
        Refused: A rule forbids the role.
    """
    try:
        done = await accounts.invite(
            commands,
            connection,
            proposed,
            divisions,
            actor=credentials.account,
            credentials=credentials,
        )
    except Forbidden as error:
        if not error.proposable:
            raise
        identified = await accounts.with_person(commands, connection, proposed)
        command = _command(credentials, str(uuid4()), identified)
        return await _propose(commands, connection, command, None, proposed.basis)
    issued = await invitations.issue(
        connection, done.subject, blocks_approving=proposed.role in APPROVING
    )
    return AccountChange(done.subject, issued)


async def change(
    commands: CommandHandler,
    connection: Connection,
    credentials: Credentials,
    identifier: str,
    event: Later,
) -> AccountChange:
    """Record a later event of an account, or propose it.

    A suspension ends the sessions of the account. A recovery removes its factors and
    issues a new link.

    Raises:
        Forbidden: The actor may neither do nor propose it.
        Refused: A rule forbids it.
        SubjectNotFound: The account does not exist.
    """
    command = _command(credentials, identifier, event)
    try:
        await commands.handle(connection, command)
    except Forbidden as error:
        if not error.proposable:
            raise
        because: str = getattr(event, "reason", "") or getattr(event, "basis", "")
        return await _propose(commands, connection, command, identifier, because)
    match event:
        case account.AccountSuspended():
            await sessions.end_all(connection, identifier)
        case account.Recovered():
            blocks = await _approves(commands, connection, credentials, identifier)
            issued = await invitations.recover(
                connection, identifier, blocks_approving=blocks
            )
            return AccountChange(identifier, issued)
        case _:
            pass
    return AccountChange(identifier)


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
    await _administering(commands, connection, credentials)
    if not credentials.fresh:
        raise StepUpRequired
    if (await factors.factors(connection, identifier)).complete:
        raise Refused(
            message(
                "account {account} can already sign in: recover it if a factor is lost",
                account=identifier,
            )
        )
    blocks = await _approves(commands, connection, credentials, identifier)
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
    await _administering(commands, connection, credentials)
    return await sessions.end_all(connection, identifier)


async def _administering(
    commands: CommandHandler, connection: Connection, credentials: Credentials
) -> None:
    authority = await commands.authority(connection, credentials.account, credentials)
    authority.require((Action.ADMINISTER,), [AGENCY_WIDE])


async def _approves(
    commands: CommandHandler,
    connection: Connection,
    credentials: Credentials,
    identifier: str,
) -> bool:
    """Whether the account holds a role that approves or audits.

    Raises:
        SubjectNotFound: The account does not exist.
    """
    register = await commands.register(connection, credentials)
    found = register.accounts.get(identifier)
    if found is None:
        raise SubjectNotFound(
            message("account {account} does not exist", account=identifier)
        )
    held = (grant for grant in found.grants if grant.in_force(commands.today()))
    return any(grant.role in APPROVING for grant in held)


def _command(
    credentials: Credentials, identifier: str, proposed: Invite | Later
) -> Command:
    return Command(
        "account", identifier, proposed, credentials.account, credentials=credentials
    )


async def _propose(
    commands: CommandHandler,
    connection: Connection,
    command: Command,
    identifier: str | None,
    because: str,
) -> AccountChange:
    proposed = await proposals.propose(commands, connection, command, because)
    return AccountChange(identifier, proposal=proposed.subject)
