"""Verification of rights: whether each recorded event was allowed to its actor.

The verification needs only the log: the accounts, their roles, the divisions and the
version of the table of rights in force before the command that recorded the event.
Local mode and the records before the first account permit everything.

Three things are not in the log and are not judged: whether a factor was fresh, to which
roles an API key was limited, and whether a correction changes a figure of a closed
period.
"""

from msgspec import Struct

from iku.domain import access, publication
from iku.domain.access import (
    AGENCY_WIDE,
    BY_SYSTEM,
    LOCAL_ACTOR,
    RECOVERY_APPROVED_SINCE,
    SYSTEM_ACTOR,
    TABLE_VERSION,
    Action,
    Actor,
    Allowed,
    Mode,
    Scope,
)
from iku.domain.access_policy import DemonstrationDeclared
from iku.domain.account import Account, Role
from iku.domain.proposal import Proposal
from iku.domain.publication import Closed, Confirmed, Published, Reviewed
from iku.domain.recorded_approval import (
    actions_of,
    approved_proposal,
    denial_message,
    is_allowed,
    proposal_violations,
)
from iku.domain.recorded_state import (
    PLACING,
    JudgedCommand,
    JudgedEvent,
    JudgedRecord,
    RecordedState,
    Violations,
    decode_event,
)
from iku.messages import Term, message


class RightsFinding(Struct, frozen=True):
    """An event that its actor had no right to record, and the rule it breaks."""

    position: int
    actor: str
    stream: str
    type: str
    rule: str

    @property
    def sentence(self) -> str:
        """The finding as a sentence."""
        return message(
            "position {position}: {type} of {stream} by {actor} was not allowed: "
            "{rule}",
            position=self.position,
            type=self.type,
            stream=self.stream,
            actor=self.actor,
            rule=self.rule,
        )


class RecordedRights:
    """Verifies the rights of the records of a log, which are added in order.

    Attributes:
        events: Number of events that accounts recorded.
        accounts: The accounts that recorded them.
        unjudged: Position from which the table in force is newer than this program.
    """

    def __init__(self) -> None:
        self.events = 0
        self.accounts: set[str] = set()
        self.unjudged: int | None = None
        self._state = RecordedState()
        self._pending: list[JudgedEvent] = []

    @property
    def mode(self) -> Mode:
        """The mode of access (with or without accounts) at the end of the log."""
        return self._state.register.mode

    @property
    def table(self) -> int:
        """Version of the table of rights in force at the end."""
        return self._state.register.policy.table

    def add(self, record: JudgedRecord) -> list[RightsFinding]:
        """Add the next record; return the findings on the command that it ends."""
        one, found = decode_event(record), list[RightsFinding]()
        if self._pending and self._pending[0].body.command != one.body.command:
            found = self.finish()
        self._pending.append(one)
        return found

    def finish(self) -> list[RightsFinding]:
        """End the last command, and return the findings on it."""
        events, self._pending = self._pending, []
        if not events:
            return []
        if self.table > TABLE_VERSION:
            self.unjudged = self.unjudged or events[0].record.position
            self._apply(events)
            return []
        command = self._apply_command(events)
        if command.actor in command.register.accounts:
            self.events += len(events)
            self.accounts.add(command.actor)
        return [
            RightsFinding(
                one.record.position,
                one.body.actor,
                one.record.stream,
                one.record.type,
                rule,
            )
            for one, rule in _violations(command)
        ]

    def _apply_command(self, events: list[JudgedEvent]) -> JudgedCommand:
        """Apply *events* to the state, and return them with the state before them."""
        state = self._state
        register, streams = state.register, {e.record.stream for e in events}
        before = {stream: state.folded.get(stream) for stream in streams}
        about = streams | {
            held.proposed.target.stream
            for held in before.values()
            if isinstance(held, Proposal)
        }
        versions = {stream: state.versions.get(stream, 0) for stream in about}
        day, judged = events[-1].record.known_on, register.mode is not Mode.LOCAL
        subjects = streams if judged else set[str]()
        scopes = {stream: state.scopes(stream, day) for stream in subjects}
        self._apply(events)
        moved = {one.record.stream for one in events if one.record.type in PLACING}
        for stream in subjects & moved:
            scopes[stream] += state.scopes(stream, day)
        return JudgedCommand(events, register, before, versions, scopes, state)

    def _apply(self, events: list[JudgedEvent]) -> None:
        for one in events:
            self._state.apply(one)


def _violations(command: JudgedCommand) -> Violations:
    yield from _wrong_actor_violations(command)
    if command.register.mode is Mode.LOCAL:
        yield from _first_account_violations(command)
    else:
        yield from _rights_violations(command)
    for one in command.events:
        if one.category == "publication":
            yield from _publication_violations(command, one)


def _wrong_actor_violations(command: JudgedCommand) -> Violations:
    """The events whose stated actor differs from that of the command.

    The actor in an event is the actor of its record, and all events of a command have
    the same actor.
    """
    for one in command.events:
        by = getattr(one.event, "by", None)
        if command.actor != one.body.actor or by not in {None, one.body.actor}:
            named = command.actor if by is None else by
            yield (
                one,
                message(
                    "the actor of the event differs from the actor that the command "
                    "states, {actor}",
                    actor=named,
                ),
            )


def _first_account_violations(command: JudgedCommand) -> Violations:
    if _granted_role(command) is not Role.ADMIN:
        for one in command.events:
            if one.category == "account":
                yield one, message("the first account must be that of an administrator")


def _granted_role(command: JudgedCommand) -> Role | None:
    """The role that the command grants; None if it grants none."""
    for one in command.events:
        if one.category == "account" and one.record.type == "granted":
            return Role(one.body.data["role"])
    return None


def _rights_violations(command: JudgedCommand) -> Violations:
    """The events that the actor had no right to record, once there are accounts."""
    name, register = command.actor, command.register
    free = {LOCAL_ACTOR, SYSTEM_ACTOR}
    if register.mode is Mode.DEMONSTRATION and name in free:
        return
    if name == SYSTEM_ACTOR:
        yield from _system_violations(command)
        return
    account = register.accounts.get(name)
    for one in command.events:
        if account is None:
            yield one, message("account {account} did not exist", account=name)
        elif account.suspended:
            yield one, message("account {account} was suspended", account=name)
        else:
            grants = account.roles_on(one.today)
            actor = Actor(name, account.person, grants)
            yield from _account_violations(command, one, actor)


def _system_violations(command: JudgedCommand) -> Violations:
    """The events that the program itself may not record.

    The program may record those of `BY_SYSTEM`, and the first invitations of an
    administrator and of a head of agency.
    """
    role = _granted_role(command)
    for one in command.events:
        if one.record.type in BY_SYSTEM.get(one.category, ()):
            continue
        first = role in {Role.ADMIN, Role.KEPALA_BADAN}
        if one.category != "account" or role is None or not first:
            yield one, message("the program itself never records an event of this type")
        elif holders := command.register.holders(role, one.today):
            yield (
                one,
                message(
                    "account {account} held the role {role} already",
                    role=Term("role", role),
                    account=holders[0],
                ),
            )


def _account_violations(
    command: JudgedCommand, one: JudgedEvent, actor: Actor
) -> Violations:
    if one.category == "proposal":
        yield from proposal_violations(command, one, actor)
        return
    yield from _unconditional_violations(command, one, actor)
    approved = approved_proposal(command)
    sufficient = _sufficient_actions(command, one, approved=approved is not None)
    covered = frozenset() if approved is None else approved.approved_divisions
    for scope in _scopes(command, one):
        if scope.division not in covered and not is_allowed(actor, sufficient, scope):
            yield one, denial_message(sufficient, scope, actor)
            return
    if sufficient == (Action.VERIFY,):
        yield from _self_verification(command, one, actor)


def _scopes(command: JudgedCommand, one: JudgedEvent) -> list[Scope]:
    """The scopes of the event's subject; for a confirmation, that of the indicator."""
    if isinstance(one.event, Confirmed):
        return [command.state.scope_of_figure(one.event.indicator)]
    return command.scopes[one.record.stream] or [AGENCY_WIDE]


def _unconditional_violations(
    command: JudgedCommand, one: JudgedEvent, actor: Actor
) -> Violations:
    """The violations of rules that no role overrides.

    No person may change an account of their own, a register with accounts cannot become
    a demonstration, and an import with earlier days of knowledge needs a permission.
    """
    if isinstance(one.event, DemonstrationDeclared):
        yield (
            one,
            message("a register with accounts cannot be declared a demonstration"),
        )
    if one.category == "account":
        subject = one.record.stream.partition("-")[2]
        if command.state.register.person(subject) == actor.person:
            yield one, message("a person must not change an account of their own")
    declared = one.record.declared and one.record.known_on < one.today
    if declared and not command.state.allows_imports:
        yield (
            one,
            message(
                "the event states an earlier day of knowledge, but no import of a file "
                "with earlier days was allowed"
            ),
        )


def _sufficient_actions(
    command: JudgedCommand, one: JudgedEvent, *, approved: bool
) -> tuple[Action, ...]:
    """The actions, a right to any of which allows the event.

    For an invitation these are the actions of granting its role.
    """
    name, data = one.record.type, one.body.data
    if one.category == "account" and name == "invited":
        name, data = "granted", {"role": _granted_role(command)}
    if name == "recovered" and not approved and not _recovers_approver(command, one):
        return (Action.ADMINISTER,)
    return actions_of(one.category, name, data, approved=approved)


def _recovers_approver(command: JudgedCommand, one: JudgedEvent) -> bool:
    """Whether the event recovers an account that approves, which has its own action."""
    found: Account | None = command.before[one.record.stream]
    table = command.register.policy.table
    return (
        table >= RECOVERY_APPROVED_SINCE
        and found is not None
        and found.approves_on(one.today)
    )


def _self_verification(
    command: JudgedCommand, one: JudgedEvent, actor: Actor
) -> Violations:
    """A violation if a verifier verifies their own entry; a head of division may."""
    if one.record.declared and command.state.allows_imports:
        return  # another person has approved the file
    stream, reference = one.record.stream, one.body.data.get("participation")
    entered_by = command.state.entered_by(stream, reference)
    if not command.is_same(entered_by, one.body.actor):
        return
    verdicts = [
        access.may(actor, Action.VERIFY, scope) for scope in command.scopes[stream]
    ]
    if any(
        isinstance(verdict, Allowed)
        and all(grant.role is Role.VERIFIKATOR for grant in verdict.by)
        for verdict in verdicts
    ):
        yield one, message("a verifier cannot verify what the same person entered")


# Publications.


def _publication_violations(command: JudgedCommand, one: JudgedEvent) -> Violations:
    """The violations of a publication's step.

    Closing, review and publishing need three persons, and a closing needs the
    confirmations of its figures.
    """
    year = command.before[one.record.stream]
    event = one.event
    now = year.publications.get(event.publication) if year else None
    if now is None:
        return
    if isinstance(event, Closed) and one.body.actor in command.register.accounts:
        missing = publication.unconfirmed_indicators(event, now)
        if missing:
            yield (
                one,
                message(
                    "the figures of {indicators} were closed without a confirmation by "
                    "the head of the division",
                    indicators=missing,
                ),
            )
        elif event.by is None:
            yield one, message("the closing does not name the person who closed it")
    if isinstance(event, Reviewed | Published) and command.two_persons:
        before = publication.step_of_same_person(event, now, command.register.person)
        if before is not None:
            yield (
                one,
                message(
                    "the same person took the step {step}, but the two steps need "
                    "different persons",
                    step=Term("event", str(before.__struct_config__.tag)),
                ),
            )
