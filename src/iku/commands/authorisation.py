"""Authorisation: whether the actor of a command may record its events.

The rule is `domain/access.may`. The append checks that the rights are current: in local
mode, that no account was invited; otherwise the version of the actor's account. A
process that has not read a change of rights can therefore record nothing under the old
rights.
"""

from collections.abc import Iterable
from datetime import date
from typing import Any, NamedTuple

from iku.commands.category_cache import Cached, CategoryCache
from iku.commands.command import Command
from iku.domain import (
    access,
    account,
    indicator,
    organisation,
    publication,
    subject_kinds,
)
from iku.domain.access import (
    ACTIONS,
    AGENCY_WIDE,
    BY_SYSTEM,
    LOCAL_ACTOR,
    SYSTEM_ACTOR,
    AccessRegister,
    Action,
    Actor,
    Allowed,
    Credentials,
    Denied,
    Forbidden,
    Mode,
    Scope,
    Unauthenticated,
    approving_actions,
)
from iku.domain.access_policy import NO_POLICY, SUBJECT
from iku.domain.account import Role
from iku.domain.decider import Refused
from iku.domain.decider_registry import DECIDERS
from iku.ledger.log import AppendCondition
from iku.messages import message

CATEGORIES = ("account", "access")

NOBODY = AccessRegister({})


class Authority(NamedTuple):
    """The actor of a command, and the conditions under which its rights are current.

    Attributes:
        actor: The account with its rights; None if the actor may do everything.
        name: The actor of the events.
        premises: Streams, each with the version that the append requires.
        conditions: Append conditions.
        covered: Divisions that have already approved the command.
    """

    register: AccessRegister
    actor: Actor | None
    name: str
    premises: tuple[tuple[str, int], ...] = ()
    conditions: tuple[AppendCondition, ...] = ()
    covered: frozenset[str] = frozenset()

    def require(self, actions: tuple[Action, ...], scopes: Iterable[Scope]) -> None:
        """Refuse an actor who may take none of *actions* in one of *scopes*.

        Raises:
            Forbidden: No role of the actor allows it; the message names the roles that
                do.
        """
        if self.actor is None:
            return
        for scope in scopes:
            if scope.division is not None and scope.division in self.covered:
                continue
            *others, last = actions
            if not any(
                isinstance(access.may(self.actor, action, scope), Allowed)
                for action in others
            ):
                access.require(self.actor, last, scope)

    def require_proposable(self, action: Action, scopes: Iterable[Scope]) -> None:
        """Refuse an actor who may propose *action* in none of *scopes*.

        One scope is enough, because a merger may also concern a subject of another
        division.

        Raises:
            Forbidden: No role of the actor allows it; the message names the roles that
                do.
        """
        if self.actor is None:
            return
        refusals = []
        for scope in scopes:
            match access.may(self.actor, action, scope):
                case Denied(why=why, proposable=False):
                    refusals.append(Forbidden(why))
                case _:
                    return
        raise refusals[0]


def access_cache() -> CategoryCache[AccessRegister]:
    """A cache of the accounts and the policy."""
    return CategoryCache(
        CATEGORIES,
        lambda states: AccessRegister(
            states["account"], states["access"].get(SUBJECT, NO_POLICY)
        ),
    )


def authority(
    known: Cached[AccessRegister],
    name: str,
    credentials: Credentials | None,
    today: date,
) -> Authority:
    """The authority of *name*, or of the account of *credentials*.

    Raises:
        Unauthenticated: The register has accounts, and there are no credentials.
        Forbidden: The name may not be claimed, or the account has no rights.
    """
    register = known.value
    if credentials is not None:
        return _authority_of_account(register, credentials, today)
    match register.mode:
        case Mode.LOCAL:
            return Authority(register, None, name, conditions=(known.condition,))
        case Mode.DEMONSTRATION:
            if name not in {LOCAL_ACTOR, SYSTEM_ACTOR}:
                raise Forbidden(
                    message(
                        "the actor is {actor}, but in a demonstration a program "
                        "without credentials acts as {local}",
                        actor=name,
                        local=LOCAL_ACTOR,
                    )
                )
            return Authority(register, None, name)
        case Mode.ACCOUNTS:
            if name == SYSTEM_ACTOR:
                return Authority(register, None, name)
            raise Unauthenticated


def _authority_of_account(
    register: AccessRegister, credentials: Credentials, today: date
) -> Authority:
    actor = register.actor(credentials, today)
    if actor is None:
        raise Unauthenticated(
            message("account {account} does not exist", account=credentials.account)
        )
    version = register.accounts[actor.account].version
    return Authority(
        register, actor, actor.account, ((f"account-{actor.account}", version),)
    )


def authorise(
    command: Command, states: Iterable[Any], authority: Authority, today: date
) -> None:
    """Refuse *command* if its actor has no right to it.

    *states* are the states of the subjects that it changes.

    Raises:
        Forbidden: No role of the actor allows it; the message names the roles that do.
    """
    if authority.actor is None:
        _refuse_event_not_of_program(command, authority, today)
        return
    known = [state for state in states if state is not None]
    asked = _action_on(command, known, today)
    if not known and command.category in subject_kinds.categories():
        known = [DECIDERS[command.category].fold([command.proposed])]
    about = scopes_of(known, authority.register, today) or [AGENCY_WIDE]
    if command.proposing:
        authority.require_proposable(asked, about)
    elif command.approval is not None:
        authority.require(approving_actions(asked), about)
    else:
        authority.require((asked,), about)


def _action_on(command: Command, known: Iterable[Any], today: date) -> Action:
    """The action of the table of rights to which *command* belongs.

    *known* are the states of its subjects: a recovery needs a second person only for an
    account that approves.
    """
    asked = action(command.category, command.proposed)
    if asked is not Action.RECOVER_APPROVING or command.approval is not None:
        return asked
    approves = any(
        isinstance(one, account.Account) and one.approves_on(today) for one in known
    )
    return asked if approves or command.proposing else Action.ADMINISTER


def closed_period_actions(command: Command) -> tuple[Action, ...]:
    """The action of changing a figure of a closed period, or of approving it."""
    if command.approval is not None:
        return (Action.APPROVE_CLOSED,)
    return (Action.CORRECT_CLOSED,)


def action(category: str, proposed: Any) -> Action:
    """The action of the table of rights to which *proposed* belongs."""
    match proposed:
        case publication.Draft():
            return Action.DRAFT_PUBLICATION
        case publication.TakeStep(step=step):
            return ACTIONS[category][step.type]
        case indicator.Amendment():
            return Action.DEFINE
        case account.Invite(role=role) | account.RoleGranted(role=role):
            approving = role in account.APPROVING
            return Action.GRANT_APPROVING if approving else Action.ADMINISTER
        case account.Recovered():
            return Action.RECOVER_APPROVING
        case event:
            return access.action_of(category, event)


def _refuse_event_not_of_program(
    command: Command, authority: Authority, today: date
) -> None:
    """Refuse an event that the program itself may not record once there are accounts.

    The program may invite the first administrator and the first head of the agency.
    """
    mode = authority.register.mode
    if mode is Mode.LOCAL and command.category == "account":
        _refuse_unless_first_admin(command)
    if mode is not Mode.ACCOUNTS:
        return
    match command.proposed:
        case account.Invite(role=Role.ADMIN | Role.KEPALA_BADAN as role):
            allowed = not authority.register.holders(role, today)
        case proposed:
            own = BY_SYSTEM.get(command.category, frozenset())
            allowed = proposed.__struct_config__.tag in own
    if not allowed:
        raise Unauthenticated


def _refuse_unless_first_admin(command: Command) -> None:
    match command.proposed:
        case account.Invite(role=Role.ADMIN):
            return
        case _:
            raise Refused(message("the first account must be that of an administrator"))


def entry_to_verify(command: Command, state: Any) -> int | None:
    """Version of the entry that *command* verifies; None if it verifies none.

    A verifier may not verify an entry by the same person; a head of division may. The
    version is 0 for a participation recorded as verified, which verifies itself.
    """
    if action(command.category, command.proposed) is not Action.VERIFY:
        return None
    match command.proposed:
        case organisation.Participated():
            return 0
        case organisation.ParticipationVerified(participation=reference):
            entered = state.effective_facts(organisation.Participated)
            return next((v for v, e in entered if e.participation == reference), 1)
        case _:
            return 1


def refuse_own_entry(
    authority: Authority, entered_by: str, states: Iterable[Any], today: date
) -> None:
    """Refuse a verifier's verification of an entry by the same person.

    Raises:
        Forbidden: The actor made the entry, and may verify only as a verifier.
    """
    actor, register = authority.actor, authority.register
    if actor is None or register.person(entered_by) != actor.person:
        return
    for scope in scopes_of(states, register, today):
        allowed = access.require(actor, Action.VERIFY, scope)
        if all(grant.role is Role.VERIFIKATOR for grant in allowed.by):
            raise Forbidden(
                message(
                    "you recorded the report yourself, so another verifier, or the "
                    "head of the division, must verify the report"
                )
            )


def scopes_of(
    states: Iterable[Any], register: AccessRegister, today: date
) -> list[Scope]:
    """The scopes today of the subjects with these *states*, without duplicates."""
    divisions = register.policy.divisions
    found = (access.scope_of(state, divisions, today) for state in states)
    return list(dict.fromkeys(found))


def refuse_unfresh(command: Command) -> None:
    """Refuse a sensitive action, or an approval, without a recently used factor.

    This check must run last, so that a user is not asked for a factor before a refusal.

    Raises:
        Forbidden: The account was invited or recovered too recently to approve.
        StepUpRequired: No factor was used in the last five minutes.
    """
    credentials = command.credentials
    if command.approval is not None and credentials and not credentials.approves:
        raise Forbidden(
            message(
                "this account was invited or recovered less than 24 hours ago, so it "
                "cannot approve yet"
            )
        )
    if credentials is None or credentials.fresh or command.proposing:
        return
    asked = action(command.category, command.proposed)
    if asked in FRESH or command.approval is not None:
        raise StepUpRequired


class StepUpRequired(Forbidden):
    """The action needs a factor used within the last five minutes (ASVS 7.5.3)."""

    def __init__(self) -> None:
        super().__init__(
            message("confirm your identity first: sign in again with a second factor")
        )


# Factors, links and keys are changed in `access/`, which checks freshness itself.
FRESH = frozenset(
    {
        *(Action.PUBLISH, Action.ERASE, Action.ADMINISTER, Action.GRANT_APPROVING),
        *(Action.RECOVER_APPROVING, Action.APPROVE_ROLES, Action.SET_TWO_PERSONS),
        *(Action.APPROVE_CLOSED, Action.APPROVE_DEFINITION),
        *(Action.APPROVE_AGENCY_DATA, Action.APPROVE_TWO_PERSONS),
    }
)
