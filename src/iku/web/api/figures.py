"""Figures: of one indicator, of all, and as a series for plots."""

from datetime import date, timedelta
from typing import Annotated, Any, Literal

from litestar import get
from litestar.di import NamedDependency
from litestar.params import QueryParameter, SkipValidation
from msgspec import Struct, structs

from iku.domain import period
from iku.domain.figure import Figure
from iku.domain.period import Kind
from iku.domain.question import Question, refuse_year_one
from iku.web.connection import connected
from iku.web.parameters import (
    AsOf,
    Code,
    Definition,
    KnownOn,
    PeriodKind,
    Size,
)
from iku.web.problems import Malformed
from iku.wiring import House

TAGS = ["Figures"]
MOST_POINTS = 1_200  # a hundred years by month

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
        date, QueryParameter(name="from", description="The first point is in its step.")
    ],
    last: Annotated[
        date | None,
        QueryParameter(name="to", description="The day of the last point; today."),
    ] = None,
    step: Annotated[
        Kind, QueryParameter(description="How far apart the points are.")
    ] = Kind.MONTH,
    known_on: KnownOn = None,
    size: Size = None,
    period: PeriodKind = Kind.YEAR,
    definition: Definition = None,
) -> Figures:
    """Figures at the end of each step between two days; the last one on the last day.

    All are counted from one snapshot of the log, at most 1,200 of them.
    """
    refuse_year_one(**{"from": first, "to": last})
    today = house.office.today()
    days = points(first, last or today, step, today)
    questions = [
        Question(
            code,
            day,
            known_on=known_on,
            size=size,
            period=period,
            definition=definition,
        )
        for day in days
    ]
    async with connected(house) as connection:
        answers = await house.figures.answer(connection, questions, today)
    return Figures(tuple(answers))


def points(first: date, last: date, step: Kind, today: date) -> list[date]:
    """The last day of each step from *first* on, and *last* itself.

    Raises:
        Malformed: They are in the wrong order, too many, or not yet past.
    """
    if last > today:
        raise Malformed("to", f"to is {last}, but today is only {today}")
    if first > last:
        raise Malformed("from", f"from is {first}, but to is {last}")
    days: list[date] = []
    day = first
    while day <= last:
        days.append(min(period.containing(day, step).end, last))
        if len(days) > MOST_POINTS:
            raise Malformed("step", f"that is more than {MOST_POINTS} points")
        day = days[-1] + timedelta(days=1)
    return days


HANDLERS: list[Any] = [figure, figures, series]
