"""Publications: draft, close, review, publish, and list the changes since."""

from typing import Any

from litestar import Response
from msgspec import Struct, structs

from iku.app import App
from iku.commands.command import CommandResult
from iku.connection import acquire_connection, open_view
from iku.domain import publication
from iku.domain.access import Action
from iku.domain.publication import Draft, NextStep, TakeStep
from iku.gateway import CommandGateway, EntryReceipt, receipt
from iku.queries import publications
from iku.queries.publication_changes import PublicationChanges, read_page
from iku.queries.publications import (
    ChangesQuestion,
    PublicationId,
    Publications,
    PublicationsQuestion,
    ShownPublication,
)
from iku.queries.view import Viewer
from iku.web.commands import receipt_response
from iku.web.routes import get, post

TAGS = ["Publications"]
CATEGORY = publication.decider.category


class PublicationPath(Struct, frozen=True, forbid_unknown_fields=True):
    """Path parameters of the routes below a publication."""

    publication_id: PublicationId


@post(
    "/publications",
    operation_id="draftPublication",
    summary="Draft a publication",
    tags=TAGS,
)
async def draft(
    command: Draft, command_gateway: CommandGateway
) -> Response[EntryReceipt]:
    """Drafts a publication of the figures of a period as of a day.

    A restatement names the published edition that it restates.
    """
    subject = publication.stream_year(command.publication)
    outcome = await command_gateway.handle(CATEGORY, subject, command)
    return _receipt_response(outcome, command.publication)


@post(
    "/publications/{publication_id:str}/events",
    operation_id="recordPublicationEvent",
    summary="Record a step of a publication",
    tags=TAGS,
)
async def record(
    about: PublicationPath, command: NextStep, command_gateway: CommandGateway
) -> Response[EntryReceipt]:
    """Closes, returns, reviews, publishes or withdraws a publication.

    Closing freezes the figures. The actor who publishes must differ from the actor who
    reviewed.
    """
    app, identifier = command_gateway.app, about.publication_id
    async with acquire_connection(app) as connection:
        frozen = await publications.snapshot(
            connection, app.figures, identifier, command, app.commands.today()
        )
    subject = publication.stream_year(identifier)
    taken = TakeStep(identifier, command, frozen)
    outcome = await command_gateway.handle(CATEGORY, subject, taken)
    return _receipt_response(outcome, identifier)


@get(
    "/publications",
    None,  # published editions are public
    operation_id="listPublications",
    summary="List the publications",
    tags=TAGS,
)
async def search(
    question: PublicationsQuestion, app: App, viewer: Viewer
) -> Publications:
    """All publications, by year, kind of period, day and edition."""
    async with open_view(app, viewer) as view:
        return await publications.listing(view, question.year, question.state)


@get(
    "/publications/{publication_id:str}",
    None,  # published editions are public
    operation_id="getPublication",
    summary="Get a publication",
    tags=TAGS,
)
async def show(
    question: PublicationPath, app: App, viewer: Viewer
) -> Response[ShownPublication]:
    """The publication with its frozen figures, its steps and its other editions."""
    async with open_view(app, viewer) as view:
        vouched = await app.assurance(view.reader)
        today, of = app.commands.today(), question.publication_id
        shown = await publications.read_publication(
            view, app.figures, of, today, vouched
        )
    return Response(shown, headers={"ETag": f'"{shown.version}"'})


@get(
    "/publications/{publication_id:str}/changes",
    Action.READ_HISTORY,
    operation_id="listPublicationChanges",
    summary="List the changes after a publication",
    tags=TAGS,
)
async def changes(
    question: ChangesQuestion, app: App, viewer: Viewer
) -> PublicationChanges:
    """The changes since publication (Perubahan setelah terbit).

    The response has the published and the present value of each figure, and the causes
    of their difference. All pages of one listing are read at the log size of its first
    page.
    """
    page = read_page(question.cursor, question.limit)
    today, of = app.commands.today(), question.publication_id
    async with open_view(app, viewer) as view:
        return await publications.changes(view, app.figures, of, page, today)


def _receipt_response(
    outcome: CommandResult, identifier: str
) -> Response[EntryReceipt]:
    """The receipt; its version counts the events of all publications of the year."""
    shown = structs.replace(receipt(outcome), id=identifier, number=identifier)
    return receipt_response(outcome, shown, f"/api/v1/publications/{identifier}")


HANDLERS: list[Any] = [draft, record, search, show, changes]
