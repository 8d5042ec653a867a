"""Differences: the causes of a difference between two figures of one indicator."""

from typing import Any

from iku.app import App
from iku.connection import open_view
from iku.domain.access import Action
from iku.domain.difference import Difference
from iku.queries import figure_difference
from iku.queries.figure_difference import DifferenceQuestion
from iku.queries.view import Viewer
from iku.web.routes import get

TAGS = ["Figures"]


@get(
    "/indicators/{code:str}/difference",
    Action.READ_HISTORY,
    operation_id="getDifference",
    summary="Explain the difference between two figures",
    tags=TAGS,
)
async def difference(
    question: DifferenceQuestion, app: App, viewer: Viewer
) -> Difference:
    """The difference between two figures of an indicator, by cause.

    It is explained in steps from the figure compared against to the figure requested:
    the knowledge, the definition, the day and its period, the target. In each step, the
    items of all pages add up to the change of that step.
    """
    today = app.commands.today()
    compared = question.compared_questions(today)
    async with open_view(app, viewer) as view:
        return await figure_difference.compute_difference(
            view, app.figures, compared, today
        )


HANDLERS: list[Any] = [difference]
