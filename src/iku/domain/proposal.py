"""The proposal: a command that takes effect once another person approves it.

An actor who may not record a command alone proposes it, with a reason. The approval is
recorded in the same append as the events of the command. The command is stored as it
will be recorded. Its texts belong to the subject of the command, so an erasure of that
subject includes them.
"""

from collections.abc import Callable, Mapping
from datetime import date
from enum import StrEnum
from typing import Annotated, Any, TypeAlias, assert_never, get_args

from msgspec import Meta, Struct, structs

from iku.domain import (
    access_policy,
    account,
    conflict,
    erasure,
    fact,
    import_permission,
    indicator,
    paper,
    paper_data,
)
from iku.domain import organisation as organisations
from iku.domain.account import CivilServantNumber, EmailAddress
from iku.domain.decider import Decider, DecisionContext, Refused
from iku.domain.fact import (
    EncodedFact,
    EventId,
    Fact,
    Line,
    Note,
    Person,
    Persons,
    Reason,
    TargetStream,
)
from iku.messages import Term, message


class ProposedRedefinition(
    indicator.Redefinition, frozen=True, kw_only=True, tag="redefined"
):
    """A new version of a definition, as stored in a proposal."""


class ProposedInvitation(account.Invite, frozen=True, tag="invite"):
    """An invitation, as stored in a proposal."""


# The commands that can be proposed, by category. Each is stored under its tag.
COMMANDS: Mapping[str, Any] = {
    "conflict": conflict.Corrected
    | fact.Annulled
    | conflict.Rejected
    | conflict.Merged
    | conflict.Reclassified,
    "organisation": organisations.Corrected
    | fact.Annulled
    | organisations.Rejected
    | organisations.Merged,
    "indicator": indicator.Targeted
    | ProposedRedefinition
    | indicator.Revision
    | fact.Annulled,
    "access": access_policy.TwoPersonRuleChanged,
    "account": ProposedInvitation | account.RoleGranted | account.Recovered,
    "subject": erasure.Erased,
    "import": import_permission.FileAllowed,
    "paper": paper.Issued,
    "paper_data": paper_data.Event,
}
# Rights hold from the day on which they are recorded, which is that of the approval.
DATED_BY_APPROVAL = frozenset({"account", "access"})
# Commands without a tag, and the type under which they are stored.
_STORED_AS: Mapping[type[Fact], type[Fact]] = {
    indicator.Redefinition: ProposedRedefinition,
    account.Invite: ProposedInvitation,
}


class ProposalStatus(StrEnum):
    """The status of a proposal."""

    OPEN = "open"
    APPROVED = "approved"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    LAPSED = "lapsed"


class ProposedCommand(Struct, frozen=True, forbid_unknown_fields=True):
    """A proposed command without its texts, in the form of a record.

    Attributes:
        name: The tag of its type among those of the category (`COMMANDS`).
        data: The fields, as `fact.encode` gives them.
    """

    name: str
    data: dict[str, Any]
    effective_on: date | None = None


class ProposedChange(Struct, frozen=True, forbid_unknown_fields=True):
    """A figure of a closed period that the command would change.

    Attributes:
        number: Number of the frozen figure.
        before: Numerator and denominator as counted today, such as ``7/9``.
        after: The same with the command.
    """

    publication: str
    number: str
    before: str
    after: str


# Events. The tags and fields are the storage format: add fields, never change them.


class Proposed(Fact, frozen=True, tag="proposed"):
    """*by*, the actor, proposed a command for the subject of *target*.

    Attributes:
        target: Stream of the subject, and the version on which the proposal is based; 0
            for a new subject.
        because: Reason for the proposal, in addition to that of the command.
        changes: The figures of closed periods that the command would change.
    """

    effective_on: date
    by: Line
    target: TargetStream
    command: ProposedCommand
    because: Reason
    changes: tuple[ProposedChange, ...] = ()
    # The texts of the command, under their own names.
    title: Line | None = None
    name: Line | None = None
    reason: Reason | None = None
    note: Note | None = None
    evidence: Note | None = None
    reference: Line | None = None
    missing: Reason | None = None
    reporter: Person | None = None
    parties: Persons | None = None
    holder: Person | None = None
    nip: CivilServantNumber | None = None
    email: EmailAddress | None = None


class Approved(Fact, frozen=True, tag="approved"):
    """*by*, the actor, approved the proposal.

    Attributes:
        divisions: The divisions for which it was approved; empty for the agency.
        recorded: The last event of the command; None while another division must also
            approve.
    """

    effective_on: date
    by: Line
    divisions: tuple[str, ...] = ()
    recorded: EventId | None = None


class Declined(Fact, frozen=True, tag="declined"):
    """*by*, the actor, declined the proposal."""

    effective_on: date
    by: Line
    reason: Reason


class ProposalWithdrawn(Fact, frozen=True, tag="withdrawn"):
    """*by*, the proposer, withdrew the proposal."""

    effective_on: date
    by: Line


class Lapsed(Fact, frozen=True, tag="lapsed"):
    """The subject has changed since, so the proposal can no longer be approved."""

    effective_on: date
    version: Annotated[int, Meta(ge=0, le=2_147_483_647)]


Event = Proposed | Approved | Declined | ProposalWithdrawn | Lapsed
Later: TypeAlias = Approved | Declined | ProposalWithdrawn | Lapsed


# State.


class Proposal(Struct, frozen=True):
    """A proposal, folded from its events."""

    proposed: Proposed
    status: ProposalStatus = ProposalStatus.OPEN
    approvals: tuple[Approved, ...] = ()

    @property
    def approved_divisions(self) -> frozenset[str]:
        """The divisions that have approved so far."""
        return frozenset(code for one in self.approvals for code in one.divisions)


def evolve(proposal: Proposal | None, event: Event) -> Proposal:
    """The proposal after *event*."""
    if isinstance(event, Proposed):
        return Proposal(event)
    if proposal is None:
        raise AssertionError("a proposal begins with its command")
    match event:
        case Approved():
            done = event.recorded is not None
            return structs.replace(
                proposal,
                status=ProposalStatus.APPROVED if done else proposal.status,
                approvals=(*proposal.approvals, event),
            )
        case Declined():
            return structs.replace(proposal, status=ProposalStatus.DECLINED)
        case ProposalWithdrawn():
            return structs.replace(proposal, status=ProposalStatus.WITHDRAWN)
        case Lapsed():
            return structs.replace(proposal, status=ProposalStatus.LAPSED)
    assert_never(event)


# Decisions.


def decide(
    command: Event, proposal: Proposal | None, context: DecisionContext
) -> list[Event]:
    """The event that *command* adds.

    Raises:
        Refused: The proposal is no longer open, or approver and proposer are one
            person.
    """
    if isinstance(command, Proposed) or proposal is None:
        return [] if proposal and proposal.proposed == command else [command]
    if proposal.status is not ProposalStatus.OPEN:
        raise Refused(
            message(
                "proposal {proposal} is {status}, so it cannot be {event}",
                proposal=context.subject,
                status=Term("proposal", proposal.status),
                event=Term("event", str(command.__struct_config__.tag)),
            )
        )
    proposer = proposal.proposed.by
    match command:
        case Approved():
            _refuse_own(command.by, proposer, context)
            _refuse_second_approval(command, proposal, context.person_of)
        case Declined():
            _refuse_own(command.by, proposer, context)
        case ProposalWithdrawn():
            if context.person_of(command.by) != context.person_of(proposer):
                raise Refused(
                    message(
                        "only {proposer} can withdraw the proposal, not {actor}",
                        proposer=proposer,
                        actor=command.by,
                    )
                )
        case _:
            pass
    return [command]


def _refuse_own(by: str, proposer: str, context: DecisionContext) -> None:
    same = context.person_of(by) == context.person_of(proposer)
    if same and context.two_persons:
        raise Refused(
            message(
                "{actor} made the proposal, so another person must decide on the "
                "proposal",
                actor=by,
            )
        )


def _refuse_second_approval(
    command: Approved, proposal: Proposal, person_of: Callable[[str], str]
) -> None:
    for before in proposal.approvals:
        if person_of(before.by) == person_of(command.by):
            raise Refused(
                message(
                    "{actor} already approved the proposal on {day}; another "
                    "division must approve the proposal as well",
                    actor=before.by,
                    day=before.effective_on,
                )
            )


# The command within a proposal.


def encode(category: str, command: Fact) -> tuple[ProposedCommand, dict[str, Any]]:
    """*command* without its texts, and its texts by field.

    Raises:
        Refused: Commands of this type cannot be proposed.
    """
    stored_as = _STORED_AS.get(type(command), type(command))
    union = COMMANDS.get(category, ())
    if stored_as not in (get_args(union) or (union,)):
        raise Refused(
            message(
                "{command} of {category} cannot be proposed; record it directly",
                command=type(command).__name__.lower(),
                category=Term("category", category),
            )
        )
    fields = {name: getattr(command, name) for name in command.__struct_fields__}
    written = fact.encode(stored_as(**fields))
    stored = ProposedCommand(written.type, written.data, written.effective_on)
    return stored, fact.join_texts(written.text)


def decode(proposed: Proposed) -> Fact:
    """The proposed command, with the texts of the proposal."""
    stored = proposed.command
    texts = fact.encode(proposed).text
    own = {name: text for name, text in texts.items() if name != "because"}
    written = EncodedFact(stored.name, stored.effective_on, stored.data, own)
    command: Fact = fact.decode(written, COMMANDS[proposed.target.category])
    return command


def approved_command(proposed: Proposed, today: date) -> Fact:
    """The proposed command as it is recorded by an approval on the day *today*."""
    command = decode(proposed)
    dated = proposed.command.effective_on is not None
    if dated and proposed.target.category in DATED_BY_APPROVAL:
        return structs.replace(command, effective_on=today)
    return command


decider: Decider[Proposal, Any] = Decider(
    "proposal", Event, decide, evolve, moves_figures=False
)
