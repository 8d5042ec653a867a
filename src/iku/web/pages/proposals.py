"""Proposals, Usulan: the proposed command, its effect on figures, and the decision."""

from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import suppress
from datetime import date
from typing import Any, NamedTuple

from litestar import Response
from msgspec import Struct, structs

from iku import labels
from iku.access import invitations, proposal_inbox
from iku.commands import proposals as steps
from iku.connection import acquire_connection
from iku.domain import paper_data, subject_kinds
from iku.domain.access import Action, Forbidden
from iku.domain.decider import Refused, SubjectNotFound
from iku.domain.proposal import ProposalStatus
from iku.exchange.field_format import FieldFormat
from iku.messages import error_message, message
from iku.queries import actor_names, paper_statements, subjects
from iku.queries.figure_parameters import Moment
from iku.queries.proposals import ProposalsQuestion, ShownProposal
from iku.queries.view import View
from iku.web.page_forms import Form
from iku.web.page_language import PageLanguage
from iku.web.page_rendering import redirect
from iku.web.pages.page_context import PageContext
from iku.web.pages.routes import present, sending

# Fields of a command that say which event it is about, and not what it changes.
ABOUT = frozenset({"type", "corrects", "annuls", "cleared", "reason"})
UNNAMED = {
    "redefined": message("new version of the definition"),
    "invite": message("invitation"),
}


class ProposalPageQuestion(Struct, frozen=True, forbid_unknown_fields=True):
    """The proposal in the path."""

    proposal_id: str


class ChangedField(NamedTuple):
    """A field of the proposed command, as it is and as proposed."""

    label: str
    before: str
    after: str


@present("/usulan", Action.READ_FIGURES, ProposalsQuestion)
async def show_proposals(frame: PageContext) -> Response[bytes]:
    """The proposals that the visitor may see, the latest first."""
    asked = frame.question
    asked = structs.replace(asked, limit=frame.rows(asked.limit))
    found = await _listing(frame, asked)
    return frame.show(
        "proposals.html",
        **found,
        statuses=list(ProposalStatus),
        command_label=lambda one: _command_label(frame.visitor.page, one),
        rest={"proposal_rows.html": _later_proposals(frame, asked, found)},
    )


async def _listing(frame: PageContext, asked: ProposalsQuestion) -> dict[str, Any]:
    """A page of the list, with the names of the proposers."""
    async with frame.view() as view:
        found = await proposal_inbox.listing(
            frame.app.commands, view, frame.credentials, asked
        )
        proposers = [one.proposed_by for one in found.items]
        names = await actor_names.names(view, frame.visitor.register, proposers)
    return {"found": found, "names": names}


async def _later_proposals(
    frame: PageContext, asked: ProposalsQuestion, page: dict[str, Any]
) -> AsyncGenerator[dict[str, Any], None]:
    """The pages of the list after *page*."""
    while (before := page["found"].next) is not None:
        page = await _listing(frame, structs.replace(asked, before=before))
        yield page


@present("/usulan/{proposal_id:str}", Action.READ_FIGURES, ProposalPageQuestion)
async def show_proposal(frame: PageContext) -> Response[bytes]:
    """A proposal: fields before and after, changed figures, and the decision."""
    return await _proposal_page(frame, frame.question.proposal_id)


@sending("/usulan/{proposal_id:str}", Action.READ_FIGURES)
async def decide(frame: PageContext, form: Form) -> Response[bytes]:
    """Approve, decline or withdraw a proposal."""
    identifier, commands = frame.path["proposal_id"], frame.app.commands
    link = None
    by = frame.gateway(form).command("proposal", identifier, None)
    try:
        async with acquire_connection(frame.app) as connection:
            match form.text("type"):
                case "approved":
                    done = await proposal_inbox.approve(
                        commands, connection, identifier, by
                    )
                    link = done.issued
                case "declined":
                    reason = form.text("reason").strip()
                    if not reason:
                        return await _proposal_page(
                            frame, identifier, {"reason": message("is required")}
                        )
                    await steps.decline(commands, connection, identifier, by, reason)
                case _:
                    await steps.withdraw(commands, connection, identifier, by)
    except Forbidden:
        raise
    except Refused as error:
        return await _proposal_page(frame, identifier, {"": error_message(error)})
    if link is not None:
        address = frame.app.settings.public_url or frame.visitor.origin
        once = address + invitations.path(link.token)
        return await _proposal_page(frame, identifier, link_once=once)
    return redirect(frame.address(f"/usulan/{identifier}"))


async def _proposal_page(
    frame: PageContext,
    identifier: str,
    faults: Mapping[str, str] | None = None,
    link_once: str | None = None,
) -> Response[bytes]:
    async with frame.view() as view:
        shown = await proposal_inbox.show(
            frame.app.commands, view, frame.credentials, identifier
        )
        now = await _present_fields(view, shown, frame.time.today)
        actors = [shown.proposed_by, *(one.by for one in shown.steps if one.by)]
        names = await actor_names.names(view, frame.visitor.register, actors)
    return frame.show(
        "proposal.html",
        status=422 if faults else 200,
        shown=shown,
        names=names,
        faults=faults or {},
        rows=list(_changed_fields(frame.field_format, shown, now)),
        link_once=link_once,
        command_label=lambda one: _command_label(frame.visitor.page, one),
    )


async def _present_fields(
    view: View, of: ShownProposal, today: date
) -> Mapping[str, Any]:
    """The fields of the subject of a proposal as they are today."""
    if of.category in subject_kinds.categories():
        with suppress(SubjectNotFound, Forbidden):  # annulled, or of another division
            state = await subjects.state(view, of.category, of.subject, Moment(today))
            return state.shown
    if of.category == paper_data.decider.category:
        found = (await paper_statements.listing(view, Moment(today))).statements
        held = [one.statement for one in found if one.id == of.subject]
        return structs.asdict(held[0]) if held and held[0] else {}
    return {}


def _command_label(page: PageLanguage, of: ShownProposal) -> str:
    name = str(of.command["type"])
    return page.text(UNNAMED.get(name) or labels.EVENTS[name])


def _changed_fields(
    fields: FieldFormat, of: ShownProposal, now: Mapping[str, Any]
) -> Iterator[ChangedField]:
    cleared = of.command.get("cleared", ())
    for name, value in {**of.command, **dict.fromkeys(cleared)}.items():
        if name not in {"type", "cleared"}:
            before = None if name in ABOUT else now.get(name)
            yield ChangedField(
                fields.label(name),
                fields.value(name, before),
                fields.value(name, value),
            )


HANDLERS: list[Any] = [show_proposals, show_proposal, decide]
