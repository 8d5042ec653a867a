"""The papers of a publication on its page: downloads, the issue, and signed copies."""

from collections.abc import Iterable
from typing import Annotated, Any, NamedTuple

import msgspec
from litestar import Response
from msgspec import Meta

from iku.access.uploads import Upload
from iku.commands import papers as paper_commands
from iku.connection import PooledReader
from iku.domain.access import Action
from iku.domain.decider import Invalid
from iku.domain.fact import Reason
from iku.domain.paper import Issued
from iku.exchange.papers import (
    agency_cells,
    frozen_figures,
    issuing,
    missing,
    registry,
    signed_copies,
)
from iku.exchange.papers.missing import Missing
from iku.exchange.papers.registry import Paper, PaperArchive, PaperScope
from iku.exchange.papers.sources import PaperRequest, Participants
from iku.ledger.checkpoint_store import Assurance
from iku.ledger.record import Recorded
from iku.messages import Message, message
from iku.queries import agency_data, papers
from iku.queries.agency_data import AgencyData
from iku.queries.figure_parameters import Moment, MomentQuestion
from iku.queries.papers import PaperRecord
from iku.queries.publications import PublicationId, ShownPublication
from iku.queries.view import View
from iku.vault.files import MOST
from iku.web import paper_files, paper_sources
from iku.web.page_forms import Form
from iku.web.page_rendering import redirect
from iku.web.pages.page_context import PageContext
from iku.web.pages.routes import sending, timeless, uploading
from iku.web.paper_sources import CATEGORY

PAGE = "/publikasi/{publication_id:str}/dokumen"


class PaperPageQuestion(MomentQuestion, frozen=True, kw_only=True):
    """The file of a paper in the path; the coordinates are those of the publication."""

    publication_id: PublicationId
    file: Annotated[str, Meta(max_length=60)]


class OfferedPaper(NamedTuple):
    """A paper of a publication, as its page offers it.

    Attributes:
        can_be_issued: Whether it is a kind of paper that is issued.
        issued: Its issue in force; None if it was not issued.
        proven: Whether it is served with its proof, and so is no draft.
        signed: Whether a signed copy was accepted.
        participants: The fields of `Participants` that it prints.
    """

    name: str
    label: Message
    can_be_issued: bool
    issued: Issued | None
    proven: bool
    signed: bool
    participants: tuple[str, ...]


class PublicationPapers(NamedTuple):
    """The papers of a publication.

    Attributes:
        archives: The archives of files that the visitor may make.
        proposing: Whether the visitor proposes an issue, which another approves.
        why: Why the visitor may neither issue nor propose it; None if they may.
        missing: What keeps papers from being issued or proven.
    """

    papers: tuple[OfferedPaper, ...]
    archives: tuple[PaperArchive, ...]
    proposing: bool
    why: str | None
    missing: tuple[Missing, ...]


@timeless(f"{PAGE}/{{file:str}}", Action.READ_FIGURES, PaperPageQuestion)
async def download_paper(frame: PageContext) -> Response[bytes]:
    """A paper of the publication as a file."""
    question: PaperPageQuestion = frame.question
    request = PaperRequest(publication=question.publication_id)
    async with frame.view() as view:
        return await paper_files.file(frame.app, view, question.file, request)


@timeless(f"{PAGE}/{{file:str}}/tanda-tangan", Action.READ_FIGURES, PaperPageQuestion)
async def download_signed_copy(frame: PageContext) -> Response[bytes]:
    """The last signed copy of a paper."""
    question: PaperPageQuestion = frame.question
    request = PaperRequest(publication=question.publication_id)
    async with frame.view() as view:
        return await paper_files.signed(frame.app, view, question.file, request)


@sending(f"{PAGE}/{{file:str}}/isian", Action.READ_HISTORY)
async def print_minutes(frame: PageContext, form: Form) -> Response[bytes]:
    """Minutes with the people and the place of the form, which are not stored.

    They are sent in a form, so that no address and no log contains names.
    """
    kind = issuing.kind_of(frame.path["file"])
    request = PaperRequest(
        publication=frame.path["publication_id"],
        participants=participants(kind, form),
    )
    async with frame.view() as view:
        return await paper_files.file(frame.app, view, f"{kind.name}.pdf", request)


def participants(kind: Paper, form: Form) -> Participants:
    """The participants of a form, with a name on each line."""
    given: dict[str, Any] = {}
    for name in kind.participants:
        typed = form.values.get(name, "").splitlines()
        lines = tuple(line.strip() for line in typed if line.strip())
        many = name in {"present", "witnesses"}
        given[name] = lines if many else " ".join(lines) or None
    return Participants(**given)


@sending(f"{PAGE}/{{file:str}}/terbit", Action.AGENCY_DATA)
async def issue_paper(frame: PageContext, form: Form) -> Response[bytes]:
    """Issue a paper, or propose its issue."""
    of = frame.path["publication_id"]
    because = None if _may_issue(frame) else _reason(form)
    async with frame.view() as view:
        made = await paper_sources.prepare(
            frame.app, view, frame.path["file"], PaperRequest(publication=of)
        )
    outcome = await paper_sources.record(frame.gateway(form), made, because)
    if because is not None:
        return redirect(frame.address(f"/usulan/{outcome.subject}"))
    return redirect(frame.address(f"/publikasi/{of}") + "#dokumen")


@uploading(f"{PAGE}/{{file:str}}/tanda-tangan", Action.AGENCY_DATA, MOST)
async def take_signed_copy(
    frame: PageContext, form: Form, sent: Upload
) -> Response[bytes]:
    """Take up the signed copy of a paper."""
    app, of = frame.app, frame.path["publication_id"]
    request = PaperRequest(publication=of)
    async with frame.view() as view:
        found = await paper_files.issued(app, view, frame.path["file"], request)
        event = await signed_copies.checked(
            paper_sources.sources(app, view),
            found,
            paper_sources.site(app),
            sent.content,
        )
    command = frame.gateway(form).command(CATEGORY, found.subject, event)
    await paper_commands.take_signed(
        app.commands, PooledReader(app), command, sent.content
    )
    return redirect(frame.address(f"/publikasi/{of}") + "#dokumen")


async def of_publication(
    frame: PageContext,
    view: View,
    shown: ShownPublication,
    assurance: Assurance,
    recorded: Iterable[Recorded],
) -> PublicationPapers | None:
    """The papers that the visitor may make; None if the figures are not frozen.

    *recorded* are all events about the data of the agency.
    """
    if shown.figures is None:
        return None
    known = await papers.issued_papers(view, shown.id)
    offered = [
        await _offered(view, kind, known.get(kind.name), assurance)
        for kind in registry.PAPERS.values()
        if kind.scope is PaperScope.PUBLICATION and frame.refusal(kind.action) is None
    ]
    archives = tuple(
        one for one in registry.ARCHIVES.values() if frame.refusal(one.action) is None
    )
    agency = agency_data.of_recorded(recorded, Moment(shown.as_of), view.today)
    return PublicationPapers(
        tuple(offered),
        archives,
        not _may_issue(frame),
        frame.refusal(Action.AGENCY_DATA),
        _missing(frame, shown, offered, agency),
    )


async def _offered(
    view: View, kind: Paper, found: PaperRecord | None, assurance: Assurance
) -> OfferedPaper:
    issued = found.paper.issued if found else None
    proven = found is not None and await papers.is_proven(view, found, assurance)
    signed = bool(found and found.paper.signed)
    return OfferedPaper(
        kind.name,
        kind.label,
        kind.issued,
        issued,
        proven,
        signed,
        kind.participants,
    )


def _missing(
    frame: PageContext,
    shown: ShownPublication,
    offered: Iterable[OfferedPaper],
    agency: AgencyData,
) -> tuple[Missing, ...]:
    """What keeps papers of the publication from being issued, or from their proof."""
    lacks = [
        *frozen_figures.missing_steps(shown.state),
        *agency_cells.missing_signers(agency),
    ]
    proof = missing.proof(frame.app.witnesses)
    waiting = any(one.issued and not one.proven for one in offered)
    if waiting or proof is missing.WITNESSES:
        lacks.append(proof)
    return tuple(lacks)


def _may_issue(frame: PageContext) -> bool:
    return frame.visitor.viewer.may(Action.AGENCY_DATA)


def _reason(form: Form) -> str:
    """The reason of the proposal.

    Raises:
        Invalid: It is missing or too long.
    """
    try:
        return msgspec.convert(form.values.get("because", "").strip(), Reason)
    except msgspec.ValidationError:
        raise Invalid(
            "because",
            message("because is missing: give the reason of the proposal in one line"),
        ) from None


HANDLERS: list[Any] = [
    *(download_paper, download_signed_copy, print_minutes),
    *(issue_paper, take_signed_copy),
]
