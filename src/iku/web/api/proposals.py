"""Proposals: commands that take effect once another person approves them."""

from datetime import datetime
from typing import Annotated, Any, TypeAlias

from litestar import Response
from msgspec import Meta, Struct, structs

from iku.access import invitations, proposal_inbox
from iku.access.administration import NO_SECOND_LINK
from iku.access.invitations import IssuedInvitation
from iku.app import App
from iku.commands import proposals as steps
from iku.commands.command import CommandResult
from iku.connection import acquire_connection, open_view
from iku.domain import conflict, erasure, fact, indicator, paper_data
from iku.domain import organisation as organisations
from iku.domain.access import Action
from iku.domain.access_policy import SUBJECT, TwoPersonRuleChanged
from iku.domain.decider import subject_id
from iku.domain.fact import Reason, Version
from iku.domain.import_permission import FileAllowed
from iku.domain.proposal import ProposedRedefinition
from iku.gateway import CommandGateway, EntryReceipt, receipt
from iku.language import Language, translate
from iku.queries.proposals import (
    ProposalId,
    Proposals,
    ProposalsQuestion,
    ShownProposal,
)
from iku.queries.view import Viewer
from iku.web.authentication import Caller
from iku.web.commands import EntryHeaders, receipt_response
from iku.web.routes import get, post

TAGS = ["Proposals"]
Subject: TypeAlias = Annotated[
    str,
    Meta(
        description="Identifier of the subject.",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._~/-]{0,99}$(?!\n)",
        examples=["K14"],
        extra_json_schema={
            "x-expects": "the identifier of a subject: letters, digits and . _ ~ / -, "
            "such as K14"
        },
    ),
]
Seen: TypeAlias = Annotated[
    Version | None,
    Meta(description="Version of the subject that the proposer saw; the last if null."),
]


class ConflictProposal(
    Struct,
    frozen=True,
    forbid_unknown_fields=True,
    tag_field="category",
    tag="conflict",
):
    """A command about a case, to be approved by another person."""

    subject: Subject
    command: (
        conflict.Corrected
        | fact.Annulled
        | conflict.Rejected
        | conflict.Merged
        | conflict.Reclassified
    )
    because: Reason
    seen: Seen = None


class OrganisationProposal(
    Struct,
    frozen=True,
    forbid_unknown_fields=True,
    tag_field="category",
    tag="organisation",
):
    """A command about an organisation, to be approved by another person."""

    subject: Subject
    command: (
        organisations.Corrected
        | fact.Annulled
        | organisations.Rejected
        | organisations.Merged
    )
    because: Reason
    seen: Seen = None


class IndicatorProposal(
    Struct,
    frozen=True,
    forbid_unknown_fields=True,
    tag_field="category",
    tag="indicator",
):
    """A definition or a target, to be approved by another person."""

    subject: Subject
    command: (
        indicator.Targeted | ProposedRedefinition | indicator.Revision | fact.Annulled
    )
    because: Reason
    seen: Seen = None


class ErasureProposal(
    Struct, frozen=True, forbid_unknown_fields=True, tag_field="category", tag="subject"
):
    """An erasure of the texts of a person or a case, to be approved."""

    subject: Subject
    command: erasure.Erased
    because: Reason
    seen: Seen = None


class ImportProposal(
    Struct, frozen=True, forbid_unknown_fields=True, tag_field="category", tag="import"
):
    """The import of the file with the SHA-256 that is the subject, to be approved."""

    subject: Subject
    command: FileAllowed
    because: Reason
    seen: Seen = None


class PaperDataProposal(
    Struct,
    frozen=True,
    forbid_unknown_fields=True,
    tag_field="category",
    tag="paper_data",
):
    """A statement about the agency, or an annulment of one, to be approved."""

    subject: Subject
    command: paper_data.Event
    because: Reason
    seen: Seen = None


class PolicyProposal(
    Struct, frozen=True, forbid_unknown_fields=True, tag_field="category", tag="access"
):
    """A change of the two-person rule, to be approved by another person."""

    command: TwoPersonRuleChanged
    because: Reason
    seen: Seen = None

    @property
    def subject(self) -> str:
        """The only subject of the category."""
        return SUBJECT


NewProposal: TypeAlias = (
    ConflictProposal
    | OrganisationProposal
    | IndicatorProposal
    | ErasureProposal
    | ImportProposal
    | PaperDataProposal
    | PolicyProposal
)


class Approve(Struct, frozen=True, forbid_unknown_fields=True, tag="approved"):
    """Approve the proposal, and record its command."""


class Decline(Struct, frozen=True, forbid_unknown_fields=True, tag="declined"):
    """Decline the proposal."""

    reason: Reason


class Withdraw(Struct, frozen=True, forbid_unknown_fields=True, tag="withdrawn"):
    """Withdraw one's own proposal."""


Decision: TypeAlias = Approve | Decline | Withdraw


class DecisionReceipt(EntryReceipt, frozen=True, kw_only=True, omit_defaults=True):
    """The receipt of a decision, and the link of an account that it created.

    Attributes:
        link: The one-time link for the holder of the account, shown once.
        expires_at: When the link expires.
    """

    link: str | None = None
    expires_at: datetime | None = None


class ProposalPath(Struct, frozen=True, forbid_unknown_fields=True):
    """Path parameters of the routes below a proposal."""

    proposal_id: ProposalId


@post(
    "/proposals",
    operation_id="propose",
    summary="Propose a command",
    tags=TAGS,
    opt={"errors": (404, 412)},
)
async def propose(
    command: NewProposal, command_gateway: CommandGateway
) -> Response[EntryReceipt]:
    """Proposes a command that the caller may not record alone, with a reason.

    The command is decided as if it were recorded now, so that a refusal is reported at
    once. Invitations and roles that approve are proposed by the routes of accounts.
    """
    gateway = command_gateway
    category = str(type(command).__struct_config__.tag)
    subject = subject_id(command.subject)
    asked = structs.replace(
        gateway.command(category, subject, command.command), expected=command.seen
    )
    async with acquire_connection(gateway.app) as connection:
        outcome = await steps.propose(
            gateway.app.commands, connection, asked, command.because
        )
    where = f"/api/v1/proposals/{outcome.subject}"
    return receipt_response(outcome, receipt(outcome), where, gateway.language)


@get(
    "/proposals",
    Action.READ_FIGURES,
    operation_id="listProposals",
    summary="List proposals",
    tags=TAGS,
)
async def search(
    question: ProposalsQuestion, app: App, viewer: Viewer, caller: Caller
) -> Proposals:
    """The proposals that the caller may see, the latest first."""
    async with open_view(app, viewer) as view:
        return await proposal_inbox.listing(
            app.commands, view, caller.credentials, question
        )


@get(
    "/proposals/{proposal_id:str}",
    Action.READ_FIGURES,
    operation_id="getProposal",
    summary="Get a proposal",
    tags=TAGS,
)
async def show(
    question: ProposalPath, app: App, viewer: Viewer, caller: Caller
) -> Response[ShownProposal]:
    """The proposal: its command, the figures that it would change, and its steps."""
    async with open_view(app, viewer) as view:
        found = await proposal_inbox.show(
            app.commands, view, caller.credentials, question.proposal_id
        )
    return Response(found, headers={"ETag": f'"{found.version}"'})


@post(
    "/proposals/{proposal_id:str}/events",
    headers=EntryHeaders,
    operation_id="decideProposal",
    summary="Approve, decline or withdraw a proposal",
    tags=TAGS,
)
async def decide(
    about: ProposalPath, command: Decision, command_gateway: CommandGateway
) -> Response[DecisionReceipt]:
    """Records the decision; an approval records the proposed command with it.

    If several divisions are concerned, the head of each approves, and the last approval
    records the command. A person cannot approve what the same person proposed.
    """
    app, of = command_gateway.app, about.proposal_id
    by = command_gateway.command("proposal", of, command)
    issued: IssuedInvitation | None = None
    async with acquire_connection(app) as connection:
        match command:
            case Approve():
                outcome, issued = await proposal_inbox.approve(
                    app.commands, connection, of, by
                )
            case Decline(reason=reason):
                outcome = await steps.decline(app.commands, connection, of, by, reason)
            case Withdraw():
                outcome = await steps.withdraw(app.commands, connection, of, by)
    return _decision_response(app, of, outcome, issued, command_gateway.language)


def _decision_response(
    app: App,
    identifier: str,
    outcome: CommandResult,
    issued: IssuedInvitation | None,
    language: Language,
) -> Response[DecisionReceipt]:
    shown = DecisionReceipt(**structs.asdict(receipt(outcome, language)))
    if outcome.repeated and outcome.receipt.stream.startswith("account-"):
        note = translate(NO_SECOND_LINK, language)
        shown = structs.replace(shown, notes=(*shown.notes, note))
    if issued is not None:
        link = f"{app.settings.address}{invitations.path(issued.token)}"
        shown = structs.replace(shown, link=link, expires_at=issued.expires_at)
    return receipt_response(outcome, shown, f"/api/v1/proposals/{identifier}", language)


HANDLERS: list[Any] = [propose, search, show, decide]
