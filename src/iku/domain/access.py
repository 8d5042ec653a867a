"""Rights: who may take which action, by one table of roles and actions.

`may` is the only function that decides it. `commands/` calls it before it decides a
command, `queries/` before it decrypts a text, and the verifier applies the same table
to the log alone. Division and district are attributes: the right of a division covers
the subjects that belong to it today, whatever day a question is about.

Source: `docs/access.md`, which shows the table; a test compares both.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from enum import StrEnum
from types import MappingProxyType
from typing import Any, ClassVar, assert_never

from msgspec import Struct

from iku.domain.access_policy import NO_POLICY, AccessPolicy, DivisionOwnership
from iku.domain.account import Account, Grant, Role
from iku.domain.conflict import Conflict
from iku.domain.decider import Refused
from iku.domain.indicator import ConflictOptions, Options, OrganisationOptions
from iku.domain.organisation import Organisation
from iku.domain.paper_data import StatementKind
from iku.messages import Term, message

TABLE_VERSION = 2
# The version since which the recovery of an account that approves is an action of its
# own (`Action.RECOVER_APPROVING`); before, it was `Action.ADMINISTER`.
RECOVERY_APPROVED_SINCE = 2


class Mode(StrEnum):
    """The mode of the register, as the log states it.

    `LOCAL`: there is no account, and everyone on the machine may do everything under
    any name. `DEMONSTRATION`: fictional data, and accounts that anyone may use.
    `ACCOUNTS`: an actor is an account that has signed in.
    """

    LOCAL = "local"
    DEMONSTRATION = "demonstration"
    ACCOUNTS = "accounts"


class Action(StrEnum):
    """An action that an actor may take: a row of the table of rights."""

    READ_FIGURES = "read_figures"
    READ_HISTORY = "read_history"
    READ_REGISTER = "read_register"
    READ_TEXTS = "read_texts"
    ENTER = "enter"
    REGISTER = "register"
    CHANGE_STATUS = "change_status"
    VERIFY = "verify"
    CORRECT = "correct"
    CORRECT_CLOSED = "correct_closed"
    APPROVE_CLOSED = "approve_closed"
    DEFINE = "define"
    APPROVE_DEFINITION = "approve_definition"
    DRAFT_PUBLICATION = "draft_publication"
    CONFIRM_FIGURE = "confirm_figure"
    CLOSE_PUBLICATION = "close_publication"
    REVIEW_PUBLICATION = "review_publication"
    PUBLISH = "publish"
    RETURN_PUBLICATION = "return_publication"
    WITHDRAW_PUBLICATION = "withdraw_publication"
    IMPORT = "import"
    ALLOW_IMPORT = "allow_import"
    APPROVE_IMPORT = "approve_import"
    AGENCY_DATA = "agency_data"
    APPROVE_AGENCY_DATA = "approve_agency_data"
    SET_TWO_PERSONS = "set_two_persons"
    APPROVE_TWO_PERSONS = "approve_two_persons"
    ERASE = "erase"
    READ_LOG = "read_log"
    READ_OPENINGS = "read_openings"
    SEE_ACCOUNTS = "see_accounts"
    ADMINISTER = "administer"
    GRANT_APPROVING = "grant_approving"
    RECOVER_APPROVING = "recover_approving"
    APPROVE_ROLES = "approve_roles"


class Extent(StrEnum):
    """The extent to which a role may take an action.

    `AGENCY`: on every subject. `DIVISION`: on the subjects of its division and, if it
    has one, its district. `PROPOSE`: on every subject, as a proposal that another
    person approves. `PROPOSE_DIVISION`: as `PROPOSE`, on the subjects of its division.
    """

    AGENCY = "agency"
    DIVISION = "division"
    PROPOSE = "propose"
    PROPOSE_DIVISION = "propose_division"


_AGENCY, _DIVISION = Extent.AGENCY, Extent.DIVISION
_PROPOSE, _PROPOSE_DIVISION = Extent.PROPOSE, Extent.PROPOSE_DIVISION
_ALL = dict.fromkeys(Role, Extent.AGENCY)
_OF_DIVISION = {
    Role.PETUGAS: _DIVISION,
    Role.VERIFIKATOR: _DIVISION,
    Role.KEPALA_BIDANG: _DIVISION,
}
_READERS = {
    **_OF_DIVISION,
    Role.KEPALA_BADAN: _AGENCY,
    Role.AUDITOR: _AGENCY,
}
_VERIFIERS = {Role.VERIFIKATOR: _DIVISION, Role.KEPALA_BIDANG: _DIVISION}

# A role without an entry may not take the action.
TABLE: Mapping[Action, Mapping[Role, Extent]] = MappingProxyType(
    {
        Action.READ_FIGURES: _ALL,
        # A planner sees aggregates, and the identifiers behind a figure.
        Action.READ_HISTORY: {**_READERS, Role.PERENCANA: _AGENCY},
        Action.READ_REGISTER: _READERS,
        Action.READ_TEXTS: _READERS,
        Action.ENTER: _OF_DIVISION,
        Action.REGISTER: _OF_DIVISION,
        Action.CHANGE_STATUS: _VERIFIERS,
        Action.VERIFY: _VERIFIERS,
        Action.CORRECT: {Role.PETUGAS: _PROPOSE_DIVISION, **_VERIFIERS},
        Action.CORRECT_CLOSED: dict.fromkeys(_OF_DIVISION, _PROPOSE_DIVISION),
        Action.APPROVE_CLOSED: {
            Role.KEPALA_BIDANG: _DIVISION,
            Role.KEPALA_BADAN: _AGENCY,
        },
        Action.DEFINE: {Role.PERENCANA: _PROPOSE},
        Action.APPROVE_DEFINITION: {Role.KEPALA_BADAN: _AGENCY},
        Action.DRAFT_PUBLICATION: {Role.PERENCANA: _AGENCY},
        Action.CONFIRM_FIGURE: {Role.KEPALA_BIDANG: _DIVISION},
        Action.CLOSE_PUBLICATION: {Role.KEPALA_BIDANG: _AGENCY},
        Action.REVIEW_PUBLICATION: {Role.PERENCANA: _AGENCY},
        Action.PUBLISH: {Role.KEPALA_BADAN: _AGENCY},
        Action.RETURN_PUBLICATION: {
            Role.KEPALA_BIDANG: _AGENCY,
            Role.KEPALA_BADAN: _AGENCY,
        },
        Action.WITHDRAW_PUBLICATION: {Role.PERENCANA: _AGENCY},
        Action.IMPORT: {Role.PETUGAS: _PROPOSE_DIVISION, **_VERIFIERS},
        # A file that declares days of knowledge, or verifies what it reports.
        Action.ALLOW_IMPORT: dict.fromkeys(_OF_DIVISION, _PROPOSE),
        Action.APPROVE_IMPORT: {
            Role.KEPALA_BIDANG: _AGENCY,
            Role.KEPALA_BADAN: _AGENCY,
        },
        Action.AGENCY_DATA: {Role.KEPALA_BADAN: _AGENCY, Role.PERENCANA: _PROPOSE},
        Action.APPROVE_AGENCY_DATA: {Role.KEPALA_BADAN: _AGENCY},
        Action.SET_TWO_PERSONS: {Role.ADMIN: _PROPOSE},
        Action.APPROVE_TWO_PERSONS: {Role.KEPALA_BADAN: _AGENCY},
        Action.ERASE: {Role.KEPALA_BIDANG: _PROPOSE, Role.KEPALA_BADAN: _AGENCY},
        Action.READ_LOG: {
            Role.KEPALA_BIDANG: _AGENCY,
            Role.KEPALA_BADAN: _AGENCY,
            Role.PERENCANA: _AGENCY,
            Role.AUDITOR: _AGENCY,
        },
        Action.READ_OPENINGS: {Role.AUDITOR: _AGENCY},
        Action.SEE_ACCOUNTS: {Role.AUDITOR: _AGENCY, Role.ADMIN: _AGENCY},
        Action.ADMINISTER: {Role.ADMIN: _AGENCY},
        Action.GRANT_APPROVING: {Role.ADMIN: _PROPOSE},
        Action.RECOVER_APPROVING: {Role.ADMIN: _PROPOSE},
        Action.APPROVE_ROLES: {Role.KEPALA_BADAN: _AGENCY},
    }
)


class Credentials(Struct, frozen=True):
    """The authenticated caller: an account, by a session or an API key.

    Attributes:
        version: Version of the account's stream when it was authenticated.
        roles: The roles that an API key is limited to; None for all of the account's.
        rights: The rights of an API key in addition to its roles, such as ``log``.
        fresh: Whether a factor was used within the last five minutes.
        approves: Whether it may approve; not within 24 hours of an invitation or a
            recovery of a role that approves.
    """

    account: str
    version: int = 0
    roles: frozenset[Role] | None = None
    rights: frozenset[str] = frozenset()
    fresh: bool = False
    approves: bool = True


# The rights that an API key may have in addition to its roles: `log` is for monitors.
RIGHTS: Mapping[Action, str] = MappingProxyType({Action.READ_LOG: "log"})


class Actor(Struct, frozen=True):
    """An account that acts, with its rights at the current position of the log.

    Attributes:
        account: Identifier of the account, as in the actor of events.
        person: Identifier of its holder.
        grants: The roles in force today, after the limits of an API key.
        rights: The rights of an API key in addition to its roles.
    """

    account: str
    person: str
    grants: tuple[Grant, ...]
    rights: frozenset[str] = frozenset()


class Scope(Struct, frozen=True):
    """The division and the area of a subject, by which rights cover it.

    Attributes:
        division: Code of the division that owns it today; None for the whole agency.
        area: Code of its area; None if the area is unknown.
    """

    division: str | None = None
    area: str | None = None


AGENCY_WIDE = Scope()

_ENTER, _VERIFY, _CORRECT = Action.ENTER, Action.VERIFY, Action.CORRECT
_CHANGE, _REGISTER = Action.CHANGE_STATUS, Action.REGISTER
# The action of recording an event, by category and type of the event.
ACTIONS: Mapping[str, Mapping[str, Action]] = MappingProxyType(
    {
        "conflict": {
            **dict.fromkeys(("reported", "returned", "handled", "referred"), _ENTER),
            "attached": _ENTER,
            **dict.fromkeys(("verified", "resolved", "reopened"), _VERIFY),
            "reclassified": _CHANGE,
            **dict.fromkeys(("rejected", "merged", "absorbed"), _CORRECT),
            **dict.fromkeys(("corrected", "annulled"), _CORRECT),
        },
        "organisation": {
            **dict.fromkeys(("registered", "renewed"), _REGISTER),
            **dict.fromkeys(("participated", "attached"), _ENTER),
            **dict.fromkeys(("suspended", "restored", "dissolved"), _CHANGE),
            **dict.fromkeys(("revoked", "moved_out"), _CHANGE),
            "participation_verified": _VERIFY,
            **dict.fromkeys(("rejected", "merged", "absorbed"), _CORRECT),
            **dict.fromkeys(("corrected", "annulled"), _CORRECT),
            "participation_carried": _CORRECT,
        },
        "indicator": dict.fromkeys(
            ("defined", "targeted", "corrected", "annulled"), Action.DEFINE
        ),
        "scale": {"scaled": Action.DEFINE},
        "publication": {
            "drafted": Action.DRAFT_PUBLICATION,
            "confirmed": Action.CONFIRM_FIGURE,
            "closed": Action.CLOSE_PUBLICATION,
            "returned": Action.RETURN_PUBLICATION,
            "reviewed": Action.REVIEW_PUBLICATION,
            "published": Action.PUBLISH,
            "withdrawn": Action.WITHDRAW_PUBLICATION,
        },
        "subject": {"erased": Action.ERASE},
        "import": {"file_allowed": Action.ALLOW_IMPORT},
        "paper": dict.fromkeys(("issued", "signed"), Action.AGENCY_DATA),
        "paper_data": dict.fromkeys(
            (*(f"{kind}_set" for kind in StatementKind), "annulled"), Action.AGENCY_DATA
        ),
        "ledger": {"continued": Action.ADMINISTER},
        "account": dict.fromkeys(
            ("invited", "granted", "revoked", "suspended", "restored", "recovered"),
            Action.ADMINISTER,
        ),
        # The right to what is proposed is checked for the proposed command itself.
        "proposal": dict.fromkeys(
            ("proposed", "approved", "declined", "withdrawn", "lapsed"),
            Action.READ_FIGURES,
        ),
        "access": {
            "demonstrated": Action.ADMINISTER,
            "rights_set": Action.ADMINISTER,
            "two_persons_set": Action.SET_TWO_PERSONS,
        },
    }
)


# The actions that approve a proposal of an action; the right to any suffices.
APPROVED_BY: Mapping[Action, tuple[Action, ...]] = {
    Action.CORRECT: (Action.CORRECT, Action.APPROVE_CLOSED),
    Action.CHANGE_STATUS: (Action.CHANGE_STATUS, Action.APPROVE_CLOSED),
    Action.DEFINE: (Action.APPROVE_DEFINITION,),
    Action.SET_TWO_PERSONS: (Action.APPROVE_TWO_PERSONS,),
    Action.GRANT_APPROVING: (Action.APPROVE_ROLES,),
    Action.RECOVER_APPROVING: (Action.APPROVE_ROLES,),
    Action.ALLOW_IMPORT: (Action.APPROVE_IMPORT,),
    Action.AGENCY_DATA: (Action.APPROVE_AGENCY_DATA,),
}
# The events that only the program itself records while there are accounts.
BY_SYSTEM: Mapping[str, frozenset[str]] = {
    "indicator": frozenset({"defined"}),
    "scale": frozenset({"scaled"}),
    "ledger": frozenset({"continued"}),
    "access": frozenset({"rights_set"}),
    "subject": frozenset({"erased"}),
}
LOCAL_ACTOR = "lokal"
SYSTEM_ACTOR = "iku"  # the program itself: seed definitions, continuation, rights


def approving_actions(asked: Action) -> tuple[Action, ...]:
    """The actions that approve a proposal of *asked*; a right to one suffices."""
    return APPROVED_BY.get(asked, (asked,))


def action_of(category: str, event: Any) -> Action:
    """The action of recording *event*.

    A participation that is entered as verified counts as a verification.
    """
    if getattr(event, "verified", False) is True:
        return Action.VERIFY
    tag: str = event.__struct_config__.tag
    return ACTIONS[category][tag]


class Forbidden(Refused):
    """The actor has no right to the action; the message names the roles that have it.

    Attributes:
        proposable: Whether the actor may propose it for approval by another person.
    """

    def __init__(self, message: str, *, proposable: bool = False) -> None:
        super().__init__(message)
        self.proposable = proposable


class Unauthenticated(Forbidden):
    """The register has accounts, and the caller has not signed in."""

    headers: ClassVar[dict[str, str]] = {"WWW-Authenticate": "Bearer"}

    def __init__(self, said: str | None = None) -> None:
        super().__init__(
            said
            or message(
                "this register has accounts: sign in, or set an API key; an actor "
                "cannot be claimed"
            )
        )


class Allowed(Struct, frozen=True):
    """The actor has the right to the action, by the roles in *by*."""

    by: tuple[Grant, ...]


class Denied(Struct, frozen=True):
    """The actor has no right to the action; *why* is the reason as a message.

    Attributes:
        brief: The reason without the action, for a button that names the action.
        proposable: Whether the actor may propose it.
    """

    why: str
    brief: str
    proposable: bool = False


def may(actor: Actor, action: Action, scope: Scope = AGENCY_WIDE) -> Allowed | Denied:
    """Whether *actor* may take *action* on a subject in *scope*."""
    if RIGHTS.get(action) in actor.rights:
        return Allowed(())
    extents = TABLE[action]
    direct = tuple(
        grant
        for grant in actor.grants
        if _extent_covers(extents.get(grant.role), grant, scope, proposing=False)
    )
    if direct:
        return Allowed(direct)
    if any(
        _extent_covers(extents.get(grant.role), grant, scope, proposing=True)
        for grant in actor.grants
    ):
        takes_two = message(
            "{action} needs a second person: propose it for approval",
            action=Term("action", action),
        )
        return Denied(takes_two, takes_two, proposable=True)
    return _denied(actor, action, scope)


def covered_scopes(
    actor: Actor, action: Action, *, proposing: bool = False
) -> tuple[Scope, ...]:
    """The scopes in which *actor* may take *action*, or propose it; empty if none.

    `AGENCY_WIDE` covers every subject; a scope without an area, its whole division.
    """
    if RIGHTS.get(action) in actor.rights:
        return (AGENCY_WIDE,)
    agency, division = (
        (Extent.PROPOSE, Extent.PROPOSE_DIVISION)
        if proposing
        else (Extent.AGENCY, Extent.DIVISION)
    )
    extents = TABLE[action]
    found = [
        AGENCY_WIDE
        if extents[grant.role] is agency
        else Scope(grant.division, grant.district)
        for grant in actor.grants
        if extents.get(grant.role) in {agency, division}
    ]
    return (AGENCY_WIDE,) if AGENCY_WIDE in found else tuple(dict.fromkeys(found))


def _extent_covers(
    extent: Extent | None, grant: Grant, scope: Scope, *, proposing: bool
) -> bool:
    match extent:
        case Extent.AGENCY:
            return not proposing
        case Extent.PROPOSE:
            return proposing
        case Extent.DIVISION:
            return not proposing and _is_within(grant, scope)
        case Extent.PROPOSE_DIVISION:
            return proposing and _is_within(grant, scope)
        case None:
            return False
    assert_never(extent)


def _is_within(grant: Grant, scope: Scope) -> bool:
    """Whether the scope is in the division and, if any, the district of the role."""
    if scope.division is not None and grant.division != scope.division:
        return False
    if grant.district is None:
        return True
    return scope.area is not None and (
        scope.area == grant.district or scope.area.startswith(f"{grant.district}.")
    )


def _denied(actor: Actor, action: Action, scope: Scope) -> Denied:
    """The denial, with the roles that have the right, and the actor's own."""
    named = Term("action", action)
    held = tuple(Term("role", one.role) for one in actor.grants)
    parts: dict[str, Any] = {
        "roles": tuple(Term("role", role) for role in TABLE[action]),
        "held": held or message("none"),
    }
    if scope.division is None or not any(
        grant.role in TABLE[action] for grant in actor.grants
    ):
        return Denied(
            message(
                "{action} requires one of the roles {roles}; your roles: {held}",
                action=named,
                **parts,
            ),
            message("requires one of the roles {roles}; your roles: {held}", **parts),
        )
    parts["division"] = scope.division
    parts["own"] = sorted(
        {str(one.division) for one in actor.grants if one.division}
    ) or message("none")
    return Denied(
        message(
            "{action} requires one of the roles {roles} in division {division}; your "
            "roles: {held}, in division {own}",
            action=named,
            **parts,
        ),
        message(
            "requires one of the roles {roles} in division {division}; your roles: "
            "{held}, in division {own}",
            **parts,
        ),
    )


class AccessRegister(Struct, frozen=True, dict=True):
    """All accounts and the policy, at a position of the log."""

    accounts: Mapping[str, Account]
    policy: AccessPolicy = NO_POLICY

    @property
    def mode(self) -> Mode:
        """The mode that the log states."""
        if self.policy.demonstration:
            return Mode.DEMONSTRATION
        return Mode.ACCOUNTS if self.accounts else Mode.LOCAL

    def actor(self, credentials: Credentials, day: date) -> Actor | None:
        """The authenticated actor with its rights on *day*; None without an account."""
        account = self.accounts.get(credentials.account)
        if account is None:
            return None
        limit = credentials.roles
        grants = tuple(
            grant
            for grant in account.roles_on(day)
            if limit is None or grant.role in limit
        )
        rights = credentials.rights if account.roles_on(day) else frozenset()
        return Actor(credentials.account, account.person, grants, rights)

    def person(self, name: str) -> str:
        """The person behind the actor *name*; *name* itself if it is not an account."""
        account = self.accounts.get(name)
        return name if account is None else account.person

    def holders(self, role: Role, day: date) -> list[str]:
        """The accounts that hold *role* on *day*."""
        return [
            name
            for name, account in self.accounts.items()
            if any(grant.role is role for grant in account.roles_on(day))
        ]


def require(actor: Actor, action: Action, scope: Scope = AGENCY_WIDE) -> Allowed:
    """The result of `may`, or an error if it denies the action.

    Raises:
        Forbidden: The actor may not take the action.
    """
    found = may(actor, action, scope)
    if isinstance(found, Denied):
        raise Forbidden(found.why, proposable=found.proposable)
    return found


def scope_of(state: Any, divisions: Iterable[DivisionOwnership], day: date) -> Scope:
    """The scope on *day* of the subject with this state."""
    match state:
        case Conflict():
            segment = state.state_on(day) or next(iter(state.timeline), None)
            opening = state.creation_event
            category = segment.category if segment else opening.category
            return Scope(owning_division("conflict", category, divisions), opening.area)
        case Organisation():
            opening = state.creation_event
            kind = owning_division("organisation", opening.kind, divisions)
            return Scope(kind, opening.area)
        case _:
            return AGENCY_WIDE


def scope_of_indicator(
    options: Options, divisions: Iterable[DivisionOwnership]
) -> Scope:
    """The scope of an indicator: the division whose subjects these options count."""
    match options:
        case ConflictOptions(category=category):
            return Scope(owning_division("conflict", category, divisions))
        case OrganisationOptions(kinds=kinds):
            return Scope(owning_division("organisation", kinds[0], divisions))
        case _:
            return AGENCY_WIDE


def owning_division(
    category: str, kind: str, divisions: Iterable[DivisionOwnership]
) -> str | None:
    """The division that owns the subjects of a kind; None if none owns them.

    *kind* is a category of cases if *category* is ``conflict``, else a kind of
    organisations.
    """
    part = "categories" if category == "conflict" else "kinds"
    owners = (one.code for one in divisions if kind in getattr(one, part))
    return next(owners, None)
