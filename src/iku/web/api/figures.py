"""Figures: of one indicator, of all, and as a series for plots."""

from datetime import date
from typing import Annotated, Any, Literal

from litestar import get
from litestar.di import NamedDependency
from litestar.params import PathParameter, QueryParameter, SkipValidation
from msgspec import Struct, structs

from iku.app import House
from iku.domain.figure import Figure
from iku.domain.period import Kind
from iku.domain.question import Question, refuse_future
from iku.queries import series as serial
from iku.queries import verifying
from iku.queries.series import Series, Span
from iku.queries.verifying import Verified
from iku.web.connection import Reading, connected
from iku.web.parameters import (
    AsOf,
    Code,
    Definition,
    KnownOn,
    PeriodKind,
    Size,
)

TAGS = ["Figures"]

Breakdown = Annotated[
    Literal["dimension", "district"] | None,
    QueryParameter(
        description="Whether the figure's parts are asked for as well: by dimension "
        "(of organisations: by kind) or by district."
    ),
]
_PARTS: dict[str | None, Literal["part", "district"] | None] = {
    None: None,
    "dimension": "part",
    "district": "district",
}


class Figures(Struct, frozen=True):
    """Figures that were counted from one snapshot of the log."""

    figures: tuple[Figure, ...]


@get(
    "/indicators/{code:str}/figure",
    operation_id="getFigure",
    summary="Ask for a figure",
    tags=TAGS,
)
async def figure(
    question: NamedDependency[SkipValidation[Question]],
    house: NamedDependency[SkipValidation[House]],
    breakdown: Breakdown = None,
) -> Figure:
    """The indicator's figure as of a day, by what was known on another.

    With the coordinates it names it comes out the same for ever.
    """
    question = structs.replace(question, breakdown=_PARTS[breakdown])
    async with connected(house) as connection:
        (answer,) = await house.figures.answer(
            connection, [question], house.office.today()
        )
    return answer


@get(
    "/figures",
    operation_id="listFigures",
    summary="Ask for the figures of all indicators",
    tags=TAGS,
)
async def figures(
    house: NamedDependency[SkipValidation[House]],
    *,
    as_of: AsOf = None,
    known_on: KnownOn = None,
    size: Size = None,
    period: PeriodKind = Kind.YEAR,
    breakdown: Breakdown = None,
) -> Figures:
    """The figures of all indicators, counted from one snapshot of the log."""
    today = house.office.today()
    refuse_future(as_of, today, known_on)
    async with connected(house) as connection:
        codes = await house.figures.indicators(connection)
        questions = [
            Question(
                code,
                as_of or today,
                known_on=known_on,
                size=size,
                period=period,
                breakdown=_PARTS[breakdown],
            )
            for code in sorted(codes)
        ]
        answers = await house.figures.answer(connection, questions, today)
    return Figures(tuple(answers))


@get(
    "/figures/{number:str}",
    operation_id="verifyFigure",
    summary="Verify a figure by its number",
    tags=TAGS,
)
async def verify(
    number: Annotated[
        str,
        PathParameter(
            description="The figure's number as printed; blanks and lower case do not "
            "matter."
        ),
    ],
    house: NamedDependency[SkipValidation[House]],
) -> Verified:
    """The figure that bears this number, and its recount from the log alone.

    The number gives the same figure for ever, whatever is recorded, corrected or
    defined anew. Recounting reads all that was recorded of the cases or organisations.
    """
    return await verifying.verify(
        Reading(house), house.figures, number, house.office.today()
    )


@get(
    "/indicators/{code:str}/series",
    operation_id="getSeries",
    summary="Ask for a series of figures",
    tags=TAGS,
)
async def series(
    code: Code,
    house: NamedDependency[SkipValidation[House]],
    *,
    first: Annotated[
        date,
        QueryParameter(
            name="from",
            description="The first point is the end of the step that has this day.",
        ),
    ],
    last: Annotated[
        date | None,
        QueryParameter(
            name="to", description="Day of the last point; today where it is left out."
        ),
    ] = None,
    step: Annotated[
        Kind, QueryParameter(description="How far apart the points are.")
    ] = Kind.MONTH,
    known_on: KnownOn = None,
    size: Size = None,
    period: PeriodKind = Kind.YEAR,
    definition: Definition = None,
) -> Series:
    """Figures at the end of each step between two days; the last one on the last day.

    At most 1,200 points: as known now, as known on each point's own day, and as first
    published; and where another version of the definition begins to count.
    """
    today = house.office.today()
    refuse_future(None, today, known_on)
    question = Question(
        code,
        today,
        known_on=known_on,
        size=size,
        period=period,
        definition=definition,
    )
    span = Span(first, last, step)
    async with connected(house) as connection:
        return await serial.series(connection, house.figures, question, span, today)


HANDLERS: list[Any] = [figure, figures, verify, series]
