"""Why a figure is what it is: each case or organisation, its rule and its events."""

from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal, TypeAlias

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter, SkipValidation
from litestar.response import Stream
from msgspec import Struct

from iku.app import House
from iku.domain import place
from iku.domain.counting import Rule
from iku.domain.decider import subject_id
from iku.domain.figure import Figure
from iku.domain.place import Place
from iku.domain.question import Question
from iku.exchange import explained
from iku.exchange.explained import Delimiter
from iku.queries import explanation
from iku.queries.explanation import EXAMINED, Counted, Item, Page, Wanted
from iku.web import wording
from iku.web.connection import connected, viewing
from iku.web.parameters import LARGEST, Cursor, accepts
from iku.web.problems import Malformed

TAGS = ["Figures"]
CSV = "text/csv"
PART = "e"  # of a cursor: it is one of an explanation
USUAL_LIMIT = 50
MOST_AS_JSON = 200

# Dimensions of cases, kinds of organisations.
Part: TypeAlias = Literal[
    "ideologi",
    "politik",
    "ekonomi",
    "sosial",
    "budaya",
    "suku",
    "agama",
    "ras",
    "antargolongan",
    "ormas",
    "lsm",
    "parpol",
]


class Explained(Struct, frozen=True):
    """A figure, and how each case or organisation counts in it.

    Attributes:
        figure: The figure that is explained, with all its coordinates.
        items: The cases or organisations of this page, ordered by identifier.
        examined: How many were looked at for this page: 2,000 at most, so that a page
            may hold few items, or none, and still have a next one.
        next: The cursor of the page after this one; null where all were looked at.
    """

    figure: Figure
    items: tuple[Item, ...]
    examined: int
    next: str | None


@get(
    "/indicators/{code:str}/explanation",
    operation_id="explainFigure",
    summary="Ask why a figure is what it is",
    tags=TAGS,
)
async def explain(
    request: Request[Any, Any, Any],
    question: NamedDependency[SkipValidation[Question]],
    house: NamedDependency[SkipValidation[House]],
    *,
    counted: Annotated[
        Counted | None,
        QueryParameter(
            description="Only those in the numerator; in the denominator; in the "
            "denominator but not the numerator (open); in neither (none)."
        ),
    ] = None,
    rule: Annotated[
        Rule | None,
        QueryParameter(description="Only those that this rule decided."),
    ] = None,
    part: Annotated[
        Part | None,
        QueryParameter(description="Only those of this dimension or kind."),
    ] = None,
    district: Annotated[
        str | None,
        QueryParameter(
            max_length=8,
            pattern=wording.AREA,
            description="Only those in the district of this code; empty: those of "
            "which no area is known.",
        ),
    ] = None,
    subject: Annotated[
        str | None,
        QueryParameter(
            max_length=64,
            pattern=wording.SUBJECT,
            description="Only the one with this number in the register.",
        ),
    ] = None,
    limit: Annotated[
        int | None,
        QueryParameter(
            ge=1,
            le=1_000_000,
            description="The most items: 50 where it is left out, 200 at most; as CSV "
            "all of them.",
        ),
    ] = None,
    cursor: Cursor = None,
    delimiter: Annotated[
        Delimiter | None,
        QueryParameter(
            description="What separates the cells of CSV: comma, also where it is left "
            "out, or semicolon, for a spreadsheet with an Indonesian locale. Refused "
            "where JSON is asked for."
        ),
    ] = None,
) -> Response[Explained]:
    """Each case or organisation: whether it counts, by which rule and which events.

    The counts of all pages are the figure's. As JSON or, where that is accepted, as
    CSV, which is sent while it is read.
    """
    as_csv = accepts(request, CSV)
    if delimiter and not as_csv:
        message = f"delimiter is {delimiter}, but Accept does not ask for {CSV}"
        raise Malformed("delimiter", message)
    ended = place.read(cursor, PART)
    question = place.resume(question, ended, house.office.today())
    one = None if subject is None else subject_id(subject)
    wanted = Wanted(counted, rule, part, district, one)
    async with connected(house) as connection:
        (figure,) = await house.figures.answer(
            connection, [question], house.office.today()
        )
    asked = _Asked(
        house,
        figure,
        explanation.pinned(question, figure),
        wanted,
        delimiter or Delimiter.COMMA,
    )
    after = ended.key if ended else ""
    if as_csv:
        return await _as_csv(asked, after, limit or LARGEST)
    page = await asked.page(after, min(limit or USUAL_LIMIT, MOST_AS_JSON))
    shown = Explained(figure, page.items, page.examined, _next(figure, page))
    return Response(shown)


class _Asked(Struct, frozen=True):
    """A figure, and what is to be found of its explanation."""

    house: House
    figure: Figure
    question: Question
    wanted: Wanted
    delimiter: Delimiter

    async def page(self, after: str, limit: int) -> Page:
        async with viewing(self.house) as view:
            return await explanation.page(
                view, self.question, self.wanted, after=after, limit=limit
            )


async def _as_csv(asked: _Asked, after: str, most: int) -> Response[Any]:
    # The first part is read before anything is sent: an error still has its status.
    first = await asked.page(after, min(most, EXAMINED))
    name = f"penjelasan-{asked.figure.number}.csv"
    return Stream(
        _lines(asked, first, most),
        media_type=CSV,
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


async def _lines(asked: _Asked, page: Page, most: int) -> AsyncIterator[str]:
    """Line by line, *page* and those after it.

    Between two pages it holds no connection, however slowly they are taken.
    """
    yield explained.head(asked.delimiter)
    while True:
        yield explained.rows(page.items, asked.figure, asked.delimiter)
        most -= len(page.items)
        if page.next is None or most <= 0:
            return
        page = await asked.page(page.next, min(most, EXAMINED))


def _next(figure: Figure, page: Page) -> str | None:
    if page.next is None:
        return None
    return Place(figure.size, figure.as_of, PART, page.next, figure.known_on).cursor


HANDLERS: list[Any] = [explain]
