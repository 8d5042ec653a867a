"""Accounts: the first invitation, later ones, and the rights that the log states.

The first invitation ends the local mode. Before it, the table of rights and the parts
of the register that each division owns are recorded, so that every later event can be
judged from the log alone.
"""

from collections.abc import Sequence
from uuid import NAMESPACE_OID, uuid4, uuid5

from msgspec import structs

from iku import streams
from iku.commands.command import Command, CommandResult
from iku.commands.handler import CommandHandler
from iku.domain import access
from iku.domain.access import SYSTEM_ACTOR, Credentials, Mode
from iku.domain.access_policy import (
    SUBJECT,
    DemonstrationDeclared,
    DivisionOwnership,
    RightsTableChanged,
)
from iku.domain.account import Invite
from iku.ledger.log import Reader


async def invite(
    commands: CommandHandler,
    reader: Reader,
    proposed: Invite,
    divisions: Sequence[DivisionOwnership],
    *,
    actor: str = SYSTEM_ACTOR,
    credentials: Credentials | None = None,
) -> CommandResult:
    """Create an account for a person, with its first role.

    Raises:
        Forbidden: The actor may not invite.
        Refused: A rule forbids the role.
    """
    command = await invitation(
        commands, reader, proposed, divisions, actor=actor, credentials=credentials
    )
    return await commands.handle(reader, command)


async def invitation(
    commands: CommandHandler,
    reader: Reader,
    proposed: Invite,
    divisions: Sequence[DivisionOwnership],
    *,
    actor: str = SYSTEM_ACTOR,
    credentials: Credentials | None = None,
    command_id: str | None = None,
) -> Command:
    """The command that creates an account for a person.

    The person has the identifier of an account with the same NIP, or a new one. The
    identifiers are the same for a retry under the same *command_id*.
    """
    await set_rights(commands, reader, divisions)
    person = proposed.holder.subject or await _person_with_nip(
        commands, reader, proposed.nip, new=_identifier("person", command_id)
    )
    holder = structs.replace(proposed.holder, subject=person)
    return Command(
        "account",
        _identifier("account", command_id),
        structs.replace(proposed, holder=holder),
        actor,
        command_id,
        credentials=credentials,
    )


def _identifier(kind: str, command_id: str | None) -> str:
    if command_id is None:
        return str(uuid4())
    return str(uuid5(NAMESPACE_OID, f"{kind} {command_id}"))


async def set_rights(
    commands: CommandHandler, reader: Reader, divisions: Sequence[DivisionOwnership]
) -> None:
    """Record the table of rights of this release and the *divisions*, if they changed.

    A newer table, which a newer release recorded, stays in force.
    """
    policy = (await commands.access.cached(reader)).value.policy
    same = policy.divisions == tuple(divisions)
    if policy.table > access.TABLE_VERSION or (
        policy.table == access.TABLE_VERSION and same
    ):
        return
    rights = RightsTableChanged(
        effective_on=commands.today(),
        table=access.TABLE_VERSION,
        divisions=tuple(divisions),
    )
    await commands.handle(reader, Command("access", SUBJECT, rights, SYSTEM_ACTOR))


async def renew_rights(
    commands: CommandHandler, reader: Reader, divisions: Sequence[DivisionOwnership]
) -> None:
    """Like `set_rights`, but does nothing in local mode."""
    known = (await commands.access.cached(reader)).value
    if known.mode is not Mode.LOCAL:
        await set_rights(commands, reader, divisions)


async def declare_demonstration(commands: CommandHandler, reader: Reader) -> None:
    """Record that the register is a demonstration."""
    declared = DemonstrationDeclared(effective_on=commands.today())
    await commands.handle(reader, Command("access", SUBJECT, declared, SYSTEM_ACTOR))


async def open_demonstration(
    commands: CommandHandler,
    reader: Reader,
    people: Sequence[Invite],
    divisions: Sequence[DivisionOwnership],
) -> None:
    """Declare a demonstration, and invite the people for its roles.

    A person of *people* whose role in that division was granted before, to any account,
    is not invited.
    """
    await declare_demonstration(commands, reader)
    known = (await commands.access.cached(reader)).value.accounts.values()
    held = {
        (grant.role, grant.division) for account in known for grant in account.grants
    }
    for person in people:
        if (person.role, person.division) not in held:
            await invite(commands, reader, person, divisions)


async def _person_with_nip(
    commands: CommandHandler, reader: Reader, nip: str | None, *, new: str
) -> str:
    """The person of the accounts with this NIP; *new* if there are none."""
    if nip is not None:
        for person, known in await known_nips(commands, reader):
            if known == nip:
                return person
    return new


async def known_nips(commands: CommandHandler, reader: Reader) -> list[tuple[str, str]]:
    """The person and the NIP of each account whose NIP is not erased."""
    register = (await commands.access.refresh(reader)).value
    names = [f"account-{name}" for name in register.accounts]
    found = await streams.read(reader, commands.vault, names)
    return [
        (one.state.person, nip)
        for one in found.values()
        if (nip := one.state.invitation.nip) is not None
    ]
