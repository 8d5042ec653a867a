"""Publications: drafted, closed, reviewed, published; and what changed since."""

from datetime import date, datetime
from typing import Annotated, Any, TypeAlias

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter, QueryParameter, SkipValidation
from msgspec import Struct, structs

from iku.domain import publication
from iku.domain.figure import Figure
from iku.domain.period import Period
from iku.domain.publication import Asked, Draft, Frozen, State
from iku.domain.question import Question
from iku.handling import Outcome
from iku.ledger.record import Recorded
from iku.projections import changes as afterwards
from iku.projections import publications
from iku.projections.changes import PublicationChanges, read_page
from iku.projections.publications import Printed
from iku.web.commands import Desk, Receipt, answer, receipt
from iku.web.connection import connected
from iku.web.parameters import Cursor, Limit
from iku.wiring import House

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


class Edition(Struct, frozen=True):
    """An edition of a publication.

    Attributes:
        edition: From 1; every later one restates the one before it.
    """

    id: str
    edition: int
    state: State


class ListedPublication(Struct, frozen=True):
    """A publication in the list.

    Attributes:
        as_of: The day whose figures are printed.
        edition: From 1; every later one restates the one before it.
        restates: Identifier of the edition before it; None for the first.
        title: What it is printed under.
        since: The day of its last step.
    """

    id: str
    period: Period
    as_of: date
    edition: int
    restates: str | None
    title: str | None
    state: State
    since: date


class Publications(Struct, frozen=True):
    """All publications that were asked for."""

    publications: tuple[ListedPublication, ...]


class ShownStep(Struct, frozen=True):
    """A step that the publication took.

    Attributes:
        version: Its place in the history of the year's publications, from 1.
        position: Its place in the log, from 1.
        recorded_at: The database's clock, UTC.
        actor: Who took it.
        reason: Why.
    """

    type: str
    version: int
    position: int
    effective_on: date
    recorded_at: datetime
    actor: str
    reason: str


class ShownPublication(ListedPublication, frozen=True, kw_only=True):
    """A publication.

    Attributes:
        version: Of the history of the year's publications, for If-Match.
        known_on: Whose knowledge is frozen: that of the end of this day; None while
            it is a draft.
        size: Of the log from which the frozen figures were counted; None while it is
            a draft.
        figures: The frozen figures; None while it is a draft.
        live: What a draft would freeze if it were closed now; None for all others.
        steps: Every step that it took, the first first.
        editions: All editions of the same period and day, this one included.
    """

    version: int
    known_on: date | None
    size: int | None
    figures: tuple[Frozen, ...] | None
    live: tuple[Figure, ...] | None
    steps: tuple[ShownStep, ...]
    editions: tuple[Edition, ...]


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
    data: JSONBody[Asked],
    change: NamedDependency[SkipValidation[Desk]],
) -> Response[Receipt]:
    """Closes, returns, reviews, publishes or withdraws a publication.

    Closing freezes the figures. Whoever publishes must not be who reviewed.
    """
    house = change.house
    async with connected(house) as connection:
        taken = await publications.taken(
            connection, house.figures, publication_id, data, house.office.today()
        )
    subject = publication.subject(publication_id)
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
    async with connected(house) as connection:
        found = await publications.printed(connection)
    return Publications(
        tuple(
            ListedPublication(**_listed(one))
            for one in found
            if year in {None, one.publication.as_of.year}
            and now in {None, one.publication.state}
        )
    )


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
    async with connected(house) as connection:
        found = await publications.find(connection, publication_id)
        of, live = found.publication, None
        if of.state is State.DRAFT:
            codes = sorted(await house.figures.indicators(connection))
            questions = [
                Question(code, of.as_of, period=of.period.kind) for code in codes
            ]
            today = house.office.today()
            live = tuple(await house.figures.answer(connection, questions, today))
    shown = shown_publication(found, live)
    return Response(shown, headers={"ETag": f'"{found.version}"'})


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
    async with connected(house) as connection:
        of = (await publications.find(connection, publication_id)).publication
        return await afterwards.changes(
            connection, house.figures, of, page, house.office.today()
        )


def shown_publication(
    found: Printed, live: tuple[Figure, ...] | None
) -> ShownPublication:
    """The publication as it is shown, with what a draft would freeze now."""
    of, closing = found.publication, found.publication.closing
    return ShownPublication(
        **_listed(found),
        version=found.version,
        known_on=closing.known_on if closing else None,
        size=closing.size if closing else None,
        figures=closing.figures if closing else None,
        live=live,
        steps=tuple(
            _step(recorded, step.reason, step.effective_on)
            for recorded, step in zip(found.steps, of.steps, strict=True)
        ),
        editions=tuple(
            Edition(one.id, one.edition, one.state) for one in found.editions
        ),
    )


def _listed(found: Printed) -> dict[str, Any]:
    of = found.publication
    names = ListedPublication.__struct_fields__
    return {n: getattr(of, n) for n in names if n != "since"} | {
        "since": of.last.effective_on
    }


def _step(recorded: Recorded, reason: str, effective_on: date) -> ShownStep:
    return ShownStep(
        type=recorded.type,
        version=recorded.version,
        position=recorded.position,
        effective_on=effective_on,
        recorded_at=recorded.recorded_at,
        actor=recorded.body().actor,
        reason=reason,
    )


def _answer(outcome: Outcome, identifier: str) -> Response[Receipt]:
    """The receipt: its version is that of all publications of the year."""
    shown = structs.replace(receipt(outcome), id=identifier, number=identifier)
    return answer(outcome, shown, f"/api/v1/publications/{identifier}")


HANDLERS: list[Any] = [draft, record, search, show, changes]
