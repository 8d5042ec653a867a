"""The account: a person who may act in the register, and the roles held.

An account is known only by its events, so the roles on any day, at any knowledge
cut-off, are a question like any other. A grant holds from its position in the log,
never earlier, up to its revocation or to the end of its last day. Events name an actor
only by the identifier of the account. The name, the civil servant number (NIP) and the
e-mail address are texts of the person and can be erased.

Passwords, passkeys and sessions are not events (`access/`).
"""

from datetime import date
from enum import StrEnum
from typing import Annotated, Any, TypeAlias, assert_never

from msgspec import Meta, Struct, structs

from iku.domain.cached_property import cached_property
from iku.domain.decider import Decider, DecisionContext, Invalid, Refused
from iku.domain.fact import Fact, Line, Person, Reason, Version
from iku.messages import Term, message

DIVISION = r"^[a-z][a-z0-9_]{0,31}$(?!\n)"

DivisionCode: TypeAlias = Annotated[
    str,
    Meta(
        pattern=DIVISION,
        description="Code of a division of the agency.",
        examples=["wasnas"],
        extra_json_schema={"x-expects": "the code of a division, such as wasnas"},
    ),
]
CivilServantNumber: TypeAlias = Annotated[
    str,
    Meta(
        pattern=r"^[0-9]{18}$(?!\n)",
        description="Civil servant number (NIP), 18 digits.",
        examples=["198501012010011001"],
        extra_json_schema={"x-expects": "the 18 digits of a NIP, without spaces"},
    ),
]
EmailAddress: TypeAlias = Annotated[
    str,
    Meta(
        pattern=r"^[^\s@<>\x00-\x1f\x7f]{1,64}@[^\s@<>\x00-\x1f\x7f]{1,190}$(?!\n)",
        description="E-mail address.",
        examples=["petugas@example.go.id"],
        extra_json_schema={"x-expects": "an e-mail address"},
    ),
]


class Role(StrEnum):
    """A role of an account; `access.TABLE` lists the actions of each."""

    PETUGAS = "petugas"
    VERIFIKATOR = "verifikator"
    KEPALA_BIDANG = "kepala_bidang"
    KEPALA_BADAN = "kepala_badan"
    PERENCANA = "perencana"
    AUDITOR = "auditor"
    ADMIN = "admin"


# The roles that are held for one division; the others are held for the whole agency.
OF_DIVISION = frozenset({Role.PETUGAS, Role.VERIFIKATOR, Role.KEPALA_BIDANG})
# The roles that approve, or check those who do. Granting one needs a second person, and
# so does the recovery of an account that holds one.
APPROVING = frozenset({Role.KEPALA_BIDANG, Role.KEPALA_BADAN, Role.AUDITOR})


# Events. The tags and fields are the storage format: add fields, never change them.


class Invited(Fact, frozen=True, tag="invited"):
    """An account was created for *holder*, who may enrol by a one-time link.

    Attributes:
        holder: The person; one person keeps the identifier in all accounts.
        basis: Number of the letter by which the person takes part; it names no person.
    """

    effective_on: date
    holder: Person
    basis: Line
    nip: CivilServantNumber | None = None
    email: EmailAddress | None = None


class RoleGranted(Fact, frozen=True, tag="granted"):
    """A role was granted to the account, from the position of this event.

    Attributes:
        division: Code of the division; only for the roles of a division.
        district: Code of a district; the role then extends to its subjects only.
        basis: Number of the decree or assignment letter; it names no person.
        until: Last day of the role, for acting officials (Plt., Plh.) and auditors;
            None without an end.
    """

    effective_on: date
    role: Role
    basis: Line
    division: DivisionCode | None = None
    district: str | None = None
    until: date | None = None


class RoleRevoked(Fact, frozen=True, tag="revoked"):
    """The role that event *grant* granted was revoked."""

    effective_on: date
    grant: Version
    reason: Reason


class AccountSuspended(Fact, frozen=True, tag="suspended"):
    """The account was suspended: it has no rights until it is restored."""

    effective_on: date
    reason: Reason


class AccountRestored(Fact, frozen=True, tag="restored"):
    """The suspension of the account was ended."""

    effective_on: date
    reason: Reason


class Recovered(Fact, frozen=True, tag="recovered"):
    """The holder lost a factor and was invited again; all factors are revoked."""

    RECURS = True

    effective_on: date
    reason: Reason


Event = (
    Invited | RoleGranted | RoleRevoked | AccountSuspended | AccountRestored | Recovered
)


# Commands.


class Invite(Fact, frozen=True):
    """The command that creates an account with its first role.

    Attributes:
        holder: The person; without an identifier, a person who is new to the register.
        role: First role; the other fields of a role are as in `RoleGranted`.
    """

    holder: Person
    basis: Line
    role: Role
    nip: CivilServantNumber | None = None
    email: EmailAddress | None = None
    division: DivisionCode | None = None
    district: str | None = None
    until: date | None = None


Command = Event | Invite
Later = RoleGranted | RoleRevoked | AccountSuspended | AccountRestored | Recovered


# State.


class Grant(Struct, frozen=True):
    """A role that was granted to an account.

    Attributes:
        version: Version of the event that granted it.
        revoked: Version of the event that revoked it; None while it is not revoked.
    """

    version: int
    role: Role
    division: str | None
    district: str | None
    until: date | None
    granted_on: date
    revoked: int | None = None

    def in_force(self, day: date) -> bool:
        """Whether the role is in force on *day*, by the events so far."""
        return self.revoked is None and (self.until is None or day <= self.until)


class Account(Struct, frozen=True, dict=True):
    """An account, folded from its events; *history* holds all of them."""

    history: tuple[Event, ...]

    @property
    def version(self) -> int:
        """Version of the last event."""
        return len(self.history)

    @cached_property
    def invitation(self) -> Invited:
        """The first event: the invitation."""
        opening = self.history[0]
        if not isinstance(opening, Invited):
            raise AssertionError("an account begins with its invitation")  # noqa: TRY004
        return opening

    @property
    def person(self) -> str:
        """Identifier of the holder."""
        return str(self.invitation.holder.subject)

    @cached_property
    def grants(self) -> tuple[Grant, ...]:
        """All roles ever granted, in order."""
        found: dict[int, Grant] = {}
        for version, event in enumerate(self.history, start=1):
            if isinstance(event, RoleGranted):
                found[version] = _grant(version, event)
            elif isinstance(event, RoleRevoked) and event.grant in found:
                found[event.grant] = structs.replace(
                    found[event.grant], revoked=version
                )
        return tuple(found.values())

    @cached_property
    def suspended(self) -> bool:
        """Whether the account is suspended."""
        changes = [
            event
            for event in self.history
            if isinstance(event, AccountSuspended | AccountRestored)
        ]
        return bool(changes) and isinstance(changes[-1], AccountSuspended)

    def roles_on(self, day: date) -> tuple[Grant, ...]:
        """The roles in force on *day*; none while the account is suspended."""
        if self.suspended:
            return ()
        return tuple(grant for grant in self.grants if grant.in_force(day))

    def approves_on(self, day: date) -> bool:
        """Whether a role that approves is in force on *day*, even while suspended."""
        return any(one.role in APPROVING and one.in_force(day) for one in self.grants)


def _grant(version: int, event: RoleGranted) -> Grant:
    return Grant(
        version=version,
        role=event.role,
        division=event.division,
        district=event.district,
        until=event.until,
        granted_on=event.effective_on,
    )


def evolve(account: Account | None, event: Event) -> Account:
    """The account after *event*."""
    return Account((*(account.history if account else ()), event))


# Decisions.


def decide(
    command: Command, account: Account | None, context: DecisionContext
) -> list[Event]:
    """The events that *command* adds; empty if they would change nothing.

    Raises:
        Refused: A rule forbids the command; the message quotes both values.
    """
    if isinstance(command, Invite):
        return _invite(command, account, context)
    _refuse_other_day(command, context.today)
    if account is None:
        return [command]
    match command:
        case Invited():
            holds = _invite_again(command, account, context)
        case RoleGranted():
            holds = _is_granted(command, account, context)
        case RoleRevoked():
            holds = _is_revoked(command, account, context)
        case AccountSuspended():
            holds = account.suspended
        case AccountRestored():
            holds = not account.suspended
        case Recovered():
            holds = False
        case _:
            assert_never(command)
    return [] if holds else [command]


def _invite(
    command: Invite, account: Account | None, context: DecisionContext
) -> list[Event]:
    invited = Invited(
        effective_on=context.today,
        holder=command.holder,
        basis=command.basis,
        nip=command.nip,
        email=command.email,
    )
    granted = RoleGranted(
        effective_on=context.today,
        role=command.role,
        basis=command.basis,
        division=command.division,
        district=command.district,
        until=command.until,
    )
    if account is not None:
        _invite_again(invited, account, context)
        return []
    _refuse_bad_grant(granted, context)
    return [invited, granted]


def _refuse_other_day(command: Event, today: date) -> None:
    # Rights hold from their position in the log, so no other day would be true.
    if command.effective_on != today:
        raise Invalid(
            "effective_on",
            message(
                "effective_on is {day}, but rights apply from the day on which they "
                "are recorded, {today}",
                day=command.effective_on,
                today=today,
            ),
        )


def _invite_again(command: Invited, account: Account, context: DecisionContext) -> bool:
    if command == account.invitation:
        return True
    raise Refused(
        message(
            "account {account} has existed since {day}",
            account=context.subject,
            day=account.invitation.effective_on,
        )
    )


def _is_granted(
    command: RoleGranted, account: Account, context: DecisionContext
) -> bool:
    """Whether the account already holds the role.

    Raises:
        Refused: The role cannot be granted.
    """
    _refuse_bad_grant(command, context)
    if account.suspended:
        raise Refused(
            message(
                "account {account} is suspended, so no role can be granted to it",
                account=context.subject,
            )
        )
    wanted = _grant(0, command)
    held = (one for one in account.grants if one.in_force(context.today))
    return any(_is_same_extent(one, wanted) for one in held)


def _is_same_extent(one: Grant, other: Grant) -> bool:
    return all(
        getattr(one, name) == getattr(other, name)
        for name in ("role", "division", "district", "until")
    )


def _refuse_bad_grant(command: RoleGranted, context: DecisionContext) -> None:
    if command.until is not None and command.until < context.today:
        raise Invalid(
            "until",
            message(
                "until is {until}, but the role is granted on {today}",
                until=command.until,
                today=context.today,
            ),
        )
    role = Term("role", command.role)
    if command.role in OF_DIVISION and command.division is None:
        raise Invalid(
            "division",
            message(
                "division is missing: the role {role} is held for one division",
                role=role,
            ),
        )
    if command.role not in OF_DIVISION and command.division is not None:
        raise Invalid(
            "division",
            message(
                "the role {role} is held for the whole agency, not for division "
                "{division}",
                role=role,
                division=command.division,
            ),
        )
    if command.division not in {None, *context.divisions}:
        raise Invalid(
            "division",
            message(
                "division is {division}, but must be one of: {known}",
                division=command.division,
                known=sorted(context.divisions),
            ),
        )
    if command.district is None:
        return
    if command.role is not Role.PETUGAS:
        raise Invalid(
            "district",
            message("only the role petugas can be limited to a district"),
        )
    if command.district not in context.areas:
        raise Invalid(
            "district",
            message(
                "district is {district}, which is not an area of the agency",
                district=command.district,
            ),
        )


def _is_revoked(
    command: RoleRevoked, account: Account, context: DecisionContext
) -> bool:
    """Whether the role is already revoked.

    Raises:
        Invalid: The event does not grant a role.
    """
    grant = next((one for one in account.grants if one.version == command.grant), None)
    if grant is None:
        raise Invalid(
            "grant",
            message(
                "grant is {version}, but event {version} of account {account} does not "
                "grant a role",
                version=command.grant,
                account=context.subject,
            ),
        )
    return grant.revoked is not None


decider: Decider[Account, Any] = Decider(
    "account", Event, decide, evolve, moves_figures=False
)
