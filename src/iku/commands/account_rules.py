"""Separation of duties for accounts, in addition to the table of rights.

Another person must change the roles of an account, suspend, restore or recover it, and
there is always an administrator.
"""

from datetime import date
from typing import Any

from msgspec import structs

from iku.commands.authorisation import Authority
from iku.commands.command import Command
from iku.domain import account
from iku.domain.access import AccessRegister, Forbidden
from iku.domain.account import Account, Invite, Role
from iku.domain.decider import Refused
from iku.messages import message


def enforce(
    command: Command, state: Account | None, authority: Authority, today: date
) -> None:
    """Refuse a *command* that breaks a rule of accounts; *state* is the account.

    Raises:
        Forbidden: The account belongs to the same person as the actor's.
        Refused: The register would have no administrator.
    """
    _refuse_own_account(command.proposed, state, authority)
    if state is not None:
        _refuse_last_administrator(command, state, authority.register, today)


def _refuse_own_account(
    proposed: Any, state: Account | None, authority: Authority
) -> None:
    if isinstance(proposed, Invite):
        person = proposed.holder.subject
    else:
        person = None if state is None else state.person
    if authority.actor is not None and person == authority.actor.person:
        raise Forbidden(
            message(
                "this account is your own, so another person must change or recover it"
            )
        )


def _refuse_last_administrator(
    command: Command, state: Account, register: AccessRegister, today: date
) -> None:
    if not isinstance(command.proposed, account.RoleRevoked | account.AccountSuspended):
        return
    after = account.evolve(state, command.proposed)
    accounts = {**register.accounts, command.subject: after}
    left = structs.replace(register, accounts=accounts).holders(Role.ADMIN, today)
    if register.holders(Role.ADMIN, today) and not left:
        raise Refused(
            message(
                "account {account} belongs to the last administrator: grant the role "
                "to another person first",
                account=command.subject,
            )
        )
