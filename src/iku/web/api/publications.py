"""Publications: drafted, closed, reviewed, published; and what changed since."""

from typing import Annotated, Any, TypeAlias

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter, QueryParameter, SkipValidation
from msgspec import structs

from iku.app import House
from iku.commands.command import Outcome
from iku.domain import publication
from iku.domain.publication import Draft, NextStep, State, Take
from iku.queries import publications
from iku.queries.changes import PublicationChanges, read_page
from iku.queries.publications import Publications, ShownPublication
from iku.web.commands import Desk, Receipt, answer, receipt
from iku.web.connection import connected, viewing
from iku.web.parameters import Cursor, Limit

TAGS = ["Publications"]
CATEGORY = publication.decider.category

PublicationId: TypeAlias = Annotated[
    str, PathParameter(description="Identifier of the publication, such as 2021-W3.")
]
Year: TypeAlias = Annotated[
    int | None,
    QueryParameter(
        ge=1945, le=9999, description="Only publications of days of this year."
    ),
]
# Another name in the program: the framework keeps "state" for itself.
StateNow: TypeAlias = Annotated[
    State | None,
    QueryParameter(name="state", description="Only publications that are this now."),
]


@post(
    "/publications",
    operation_id="draftPublication",
    summary="Draft a publication",
    tags=TAGS,
)
async def draft(
    data: JSONBody[Draft], entry: NamedDependency[SkipValidation[Desk]]
) -> Response[Receipt]:
    """Begins the publication of the figures of a day and its period.

    A restatement names the published edition that it is to stand beside.
    """
    subject = publication.subject(data.publication)
    outcome = await entry.handle(CATEGORY, subject, data)
    return _answer(outcome, data.publication)


@post(
    "/publications/{publication_id:str}/events",
    operation_id="recordPublicationEvent",
    summary="Take a publication a step further",
    tags=TAGS,
)
async def record(
    publication_id: PublicationId,
    data: JSONBody[NextStep],
    change: NamedDependency[SkipValidation[Desk]],
) -> Response[Receipt]:
    """Closes, returns, reviews, publishes or withdraws a publication.

    Closing freezes the figures. Whoever publishes must not be who reviewed.
    """
    house = change.house
    async with connected(house) as connection:
        frozen = await publications.snapshot(
            connection, house.figures, publication_id, data, house.office.today()
        )
    subject = publication.subject(publication_id)
    taken = Take(publication_id, data, frozen)
    outcome = await change.handle(CATEGORY, subject, taken)
    return _answer(outcome, publication_id)


@get(
    "/publications",
    operation_id="listPublications",
    summary="List the publications",
    tags=TAGS,
)
async def search(
    house: NamedDependency[SkipValidation[House]],
    *,
    year: Year = None,
    now: StateNow = None,
) -> Publications:
    """All publications, by year, kind of period, day and edition."""
    async with viewing(house) as view:
        return await publications.listing(view, year, now)


@get(
    "/publications/{publication_id:str}",
    operation_id="getPublication",
    summary="Look at a publication",
    tags=TAGS,
)
async def show(
    publication_id: PublicationId, house: NamedDependency[SkipValidation[House]]
) -> Response[ShownPublication]:
    """The publication with its frozen figures, its steps and its other editions."""
    async with viewing(house) as view:
        vouched = await house.assurance(view.reader)
        shown = await publications.shown(
            view, house.figures, publication_id, house.office.today(), vouched
        )
    return Response(shown, headers={"ETag": f'"{shown.version}"'})


@get(
    "/publications/{publication_id:str}/changes",
    operation_id="listPublicationChanges",
    summary="Ask what changed after a publication",
    tags=TAGS,
)
async def changes(
    publication_id: PublicationId,
    house: NamedDependency[SkipValidation[House]],
    limit: Limit = 50,
    cursor: Cursor = None,
) -> PublicationChanges:
    """Perubahan setelah terbit: published and present value, and each cause between.

    Pages after the first go on in the log as the first one found it.
    """
    page = read_page(cursor, limit)
    async with viewing(house) as view:
        return await publications.changed(
            view, house.figures, publication_id, page, house.office.today()
        )


def _answer(outcome: Outcome, identifier: str) -> Response[Receipt]:
    """The receipt: its version is that of all publications of the year."""
    shown = structs.replace(receipt(outcome), id=identifier, number=identifier)
    return answer(outcome, shown, f"/api/v1/publications/{identifier}")


HANDLERS: list[Any] = [draft, record, search, show, changes]
