"""Publications: drafted, closed, reviewed, published; and what changed since."""

from typing import Any

from litestar import Response
from msgspec import Struct, structs

from iku.app import House
from iku.commands.command import Outcome
from iku.connection import connected, viewing
from iku.desk import Desk, EntryReceipt, receipt
from iku.domain import publication
from iku.domain.publication import Draft, NextStep, Take
from iku.queries import publications
from iku.queries.changes import PublicationChanges, read_page
from iku.queries.publications import (
    ChangesQuestion,
    PublicationId,
    Publications,
    PublicationsQuestion,
    ShownPublication,
)
from iku.web.commands import answer
from iku.web.routes import get, post

TAGS = ["Publications"]
CATEGORY = publication.decider.category


class AboutPublication(Struct, frozen=True, forbid_unknown_fields=True):
    """Which publication is asked for, or taken a step further."""

    publication_id: PublicationId


@post(
    "/publications",
    operation_id="draftPublication",
    summary="Draft a publication",
    tags=TAGS,
)
async def draft(command: Draft, desk: Desk) -> Response[EntryReceipt]:
    """Begins the publication of the figures of a day and its period.

    A restatement names the published edition that it is to stand beside.
    """
    subject = publication.subject(command.publication)
    outcome = await desk.handle(CATEGORY, subject, command)
    return _answer(outcome, command.publication)


@post(
    "/publications/{publication_id:str}/events",
    operation_id="recordPublicationEvent",
    summary="Take a publication a step further",
    tags=TAGS,
)
async def record(
    about: AboutPublication, command: NextStep, desk: Desk
) -> Response[EntryReceipt]:
    """Closes, returns, reviews, publishes or withdraws a publication.

    Closing freezes the figures. Whoever publishes must not be who reviewed.
    """
    house, identifier = desk.house, about.publication_id
    async with connected(house) as connection:
        frozen = await publications.snapshot(
            connection, house.figures, identifier, command, house.office.today()
        )
    subject = publication.subject(identifier)
    taken = Take(identifier, command, frozen)
    outcome = await desk.handle(CATEGORY, subject, taken)
    return _answer(outcome, identifier)


@get(
    "/publications",
    operation_id="listPublications",
    summary="List the publications",
    tags=TAGS,
)
async def search(question: PublicationsQuestion, house: House) -> Publications:
    """All publications, by year, kind of period, day and edition."""
    async with viewing(house) as view:
        return await publications.listing(view, question.year, question.state)


@get(
    "/publications/{publication_id:str}",
    operation_id="getPublication",
    summary="Look at a publication",
    tags=TAGS,
)
async def show(question: AboutPublication, house: House) -> Response[ShownPublication]:
    """The publication with its frozen figures, its steps and its other editions."""
    async with viewing(house) as view:
        vouched = await house.assurance(view.reader)
        today, of = house.office.today(), question.publication_id
        shown = await publications.shown(view, house.figures, of, today, vouched)
    return Response(shown, headers={"ETag": f'"{shown.version}"'})


@get(
    "/publications/{publication_id:str}/changes",
    operation_id="listPublicationChanges",
    summary="Ask what changed after a publication",
    tags=TAGS,
)
async def changes(question: ChangesQuestion, house: House) -> PublicationChanges:
    """Perubahan setelah terbit: published and present value, and each cause between.

    Pages after the first go on in the log as the first one found it.
    """
    page = read_page(question.cursor, question.limit)
    today, of = house.office.today(), question.publication_id
    async with viewing(house) as view:
        return await publications.changed(view, house.figures, of, page, today)


def _answer(outcome: Outcome, identifier: str) -> Response[EntryReceipt]:
    """The receipt: its version is that of all publications of the year."""
    shown = structs.replace(receipt(outcome), id=identifier, number=identifier)
    return answer(outcome, shown, f"/api/v1/publications/{identifier}")


HANDLERS: list[Any] = [draft, record, search, show, changes]
