"""Papers as files: drafts, issued papers, and their signed copies."""

from typing import Annotated, Any, TypeAlias

from litestar import Response
from msgspec import Meta, Struct

from iku.app import App
from iku.commands import papers as paper_commands
from iku.connection import PooledReader, open_view
from iku.domain.fact import Reason
from iku.exchange.papers import signed_copies
from iku.exchange.papers.sources import PaperRequest
from iku.gateway import CommandGateway, EntryReceipt, receipt
from iku.queries.figure_parameters import MomentQuestion, SubjectId
from iku.queries.publications import PublicationId
from iku.queries.view import Viewer
from iku.vault.files import MOST
from iku.web import paper_files, paper_sources
from iku.web.commands import receipt_response
from iku.web.headers import AnyRequest
from iku.web.paper_sources import CATEGORY
from iku.web.routes import get, post

TAGS = ["Papers"]

PaperFileName: TypeAlias = Annotated[
    str,
    Meta(
        max_length=60,
        description="Name of the paper and the format: lkjip.pdf, lkjip.csv.",
    ),
]
PaperName: TypeAlias = Annotated[
    str, Meta(max_length=40, description="Name of the paper, such as lkjip.")
]
Of: TypeAlias = Annotated[
    PublicationId | None,
    Meta(description="The publication that the paper prints; see docs/papers.md."),
]
Case: TypeAlias = Annotated[
    SubjectId | None, Meta(description="The case that the paper is about.")
]
ForSigning: TypeAlias = Annotated[
    bool,
    Meta(
        description="Add a line feed behind the issued paper, before which some "
        "signing programs would write otherwise."
    ),
]


class PublicationPaperQuestion(Struct, frozen=True, forbid_unknown_fields=True):
    """A paper of the publication in the path."""

    publication_id: PublicationId
    file: PaperFileName
    for_signing: ForSigning = False

    def request(self) -> PaperRequest:
        """What the paper is about."""
        return PaperRequest(publication=self.publication_id)


class PaperQuestion(MomentQuestion, frozen=True, kw_only=True):
    """A paper, and what it is about."""

    publication: Of = None
    case: Case = None

    def request(self, app: App) -> PaperRequest:
        """What the paper is about; without a publication its coordinates.

        Raises:
            InvalidQuestion: A day is after today.
        """
        if self.publication is not None:
            return PaperRequest(publication=self.publication)
        moment = self.moment(app.commands.today())
        return PaperRequest(moment=moment, subject=self.case)


class PaperFileQuestion(PaperQuestion, frozen=True, kw_only=True):
    """A paper in a format."""

    file: PaperFileName
    for_signing: ForSigning = False


class IssueQuestion(PaperQuestion, frozen=True, kw_only=True):
    """A paper that is issued, or proposed to be issued."""

    paper: PaperName
    because: Annotated[
        Reason | None,
        Meta(description="Propose the issue for this reason instead of recording it."),
    ] = None


class SignedQuestion(PaperQuestion, frozen=True, kw_only=True):
    """An issued paper that is signed."""

    paper: PaperName


@get(
    "/publications/{publication_id:str}/papers/{file:str}",
    None,  # the paper states the right that it needs
    operation_id="getPublicationPaper",
    summary="Download a paper of a publication",
    tags=TAGS,
)
async def of_publication(
    question: PublicationPaperQuestion, app: App, viewer: Viewer
) -> Response[bytes]:
    """The issued paper, or its draft, which is marked KONSEP and names what it lacks.

    `Iku-Paper` is `issued` or `draft`. A table has CSV as well.
    """
    async with open_view(app, viewer) as view:
        return await paper_files.file(
            app, view, question.file, question.request(), signing=question.for_signing
        )


@get(
    "/papers/{file:str}",
    None,
    operation_id="getPaper",
    summary="Download a paper",
    tags=TAGS,
)
async def show(
    question: PaperFileQuestion, app: App, viewer: Viewer
) -> Response[bytes]:
    """A paper of a publication, of coordinates or of a case; see `docs/papers.md`.

    A paper that was issued at its coordinates is found with all three of them.
    """
    async with open_view(app, viewer) as view:
        return await paper_files.file(
            app,
            view,
            question.file,
            question.request(app),
            signing=question.for_signing,
        )


@post(
    "/papers/{paper:str}",
    operation_id="issuePaper",
    summary="Issue a paper",
    tags=TAGS,
)
async def issue(
    about: IssueQuestion, command_gateway: CommandGateway
) -> Response[EntryReceipt]:
    """Issues the paper as it is today: its digest is recorded, and its bytes are kept.

    It is refused while the paper lacks something, such as its signer. The paper has its
    proof as soon as a quorum of witnesses has cosigned the log.
    """
    app = command_gateway.app
    viewer = await app.viewer(PooledReader(app), command_gateway.credentials)
    async with open_view(app, viewer) as view:
        made = await paper_sources.prepare(app, view, about.paper, about.request(app))
    outcome = await paper_sources.record(command_gateway, made, about.because)
    where = f"/api/v1/papers/{about.paper}.pdf"
    if about.because is not None:
        where = f"/api/v1/proposals/{outcome.subject}"
    return receipt_response(outcome, receipt(outcome), where)


@get(
    "/papers/{paper:str}/signed",
    None,
    operation_id="getSignedPaper",
    summary="Download the signed copy of a paper",
    tags=TAGS,
)
async def signed(question: SignedQuestion, app: App, viewer: Viewer) -> Response[bytes]:
    """The last signed copy that was accepted. Its signatures were not validated."""
    async with open_view(app, viewer) as view:
        return await paper_files.signed(
            app, view, question.paper, question.request(app)
        )


@post(
    "/papers/{paper:str}/signed",
    operation_id="takeSignedPaper",
    summary="Take up the signed copy of a paper",
    tags=TAGS,
    request_max_body_size=MOST,
)
async def take_signed(
    about: SignedQuestion, command_gateway: CommandGateway, request: AnyRequest
) -> Response[EntryReceipt]:
    """Takes up the request body, the issued paper with an appended signature.

    It must begin with the issued bytes, and the signature must be drawn in the reserved
    field. It is kept sealed, and its SHA-256 is recorded; the signature is not
    validated.
    """
    app, copy = command_gateway.app, await request.body()
    viewer = await app.viewer(PooledReader(app), command_gateway.credentials)
    async with open_view(app, viewer) as view:
        found = await paper_files.issued(app, view, about.paper, about.request(app))
        event = await signed_copies.checked(
            paper_sources.sources(app, view), found, paper_sources.site(app), copy
        )
    command = command_gateway.command(CATEGORY, found.subject, event)
    outcome = await paper_commands.take_signed(
        app.commands, PooledReader(app), command, copy
    )
    where = f"/api/v1/papers/{about.paper}/signed"
    return receipt_response(outcome, receipt(outcome), where)


HANDLERS: list[Any] = [of_publication, show, issue, signed, take_signed]
