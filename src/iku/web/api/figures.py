"""Figures: of one indicator, of all indicators, and as a series for plots."""

from typing import Any

from msgspec import Struct

from iku.app import App
from iku.connection import PooledReader, acquire_connection
from iku.domain.access import Action
from iku.domain.figure import Figure
from iku.queries import figure_verification
from iku.queries import series as serial
from iku.queries.figure_parameters import FigureQuestion, FiguresQuestion
from iku.queries.figure_verification import VerificationQuestion, VerifiedFigure
from iku.queries.series import Series, SeriesQuestion
from iku.web.authentication import Caller
from iku.web.routes import get

TAGS = ["Figures"]


class FigureList(Struct, frozen=True):
    """Figures counted from one snapshot of the log."""

    figures: tuple[Figure, ...]


@get(
    "/indicators/{code:str}/figure",
    Action.READ_FIGURES,
    operation_id="getFigure",
    summary="Get a figure",
    tags=TAGS,
)
async def figure(question: FigureQuestion, caller: Caller, app: App) -> Figure:
    """The indicator's figure as of a day, from the facts known by the cut-off.

    The response has all coordinates of the figure. A request with these coordinates
    always returns the same figure.
    """
    today = app.commands.today()
    asked = [question.question(today)]
    (answer,) = await app.figures.answer(
        PooledReader(app), asked, today, caller.validator
    )
    return answer


@get(
    "/figures",
    Action.READ_FIGURES,
    operation_id="listFigures",
    summary="List the figures of all indicators",
    tags=TAGS,
)
async def figures(question: FiguresQuestion, app: App) -> FigureList:
    """The figures of all indicators, counted from one snapshot of the log."""
    today = app.commands.today()
    async with acquire_connection(app) as connection:
        codes = await app.figures.indicators(connection)
        questions = [question.question_for(code, today) for code in sorted(codes)]
        answers = await app.figures.answer(connection, questions, today)
    return FigureList(tuple(answers))


@get(
    "/figures/{number:str}",
    Action.READ_FIGURES,
    operation_id="verifyFigure",
    summary="Verify a figure by its number",
    tags=TAGS,
)
async def verify(question: VerificationQuestion, app: App) -> VerifiedFigure:
    """The figure with the given number, and its recount from the log alone.

    The number always identifies the same figure; later events, corrections and
    definitions do not change it. The recount reads every event of the cases or
    organisations.
    """
    return await figure_verification.verify(
        PooledReader(app), app.figures, question.number, app.commands.today()
    )


@get(
    "/indicators/{code:str}/series",
    Action.READ_FIGURES,
    operation_id="getSeries",
    summary="Get a series of figures",
    tags=TAGS,
)
async def series(question: SeriesQuestion, app: App) -> Series:
    """Figures at the end of each step between two days; the last one on the last day.

    A series has at most 1,200 points. Each point has the figure as known now, as known
    on its own day, and as first published. The series also names the points from which
    another version of the definition applies.
    """
    today = app.commands.today()
    asked = question.question_for(today)
    async with acquire_connection(app) as connection:
        return await serial.series(
            connection, app.figures, asked, question.range_of_days, today
        )


HANDLERS: list[Any] = [figure, figures, verify, series]
