"""Comparisons: one indicator under several versions of its definition, side by side."""

from typing import Any

from iku.app import App
from iku.connection import open_view
from iku.domain.access import Action
from iku.domain.comparison import Comparison
from iku.queries import definition_comparison
from iku.queries.comparison_questions import TrialQuestion
from iku.queries.view import Viewer
from iku.web.routes import get

TAGS = ["Figures"]


@get(
    "/indicators/{code:str}/comparison",
    Action.READ_HISTORY,
    operation_id="compareDefinitions",
    summary="Compare definitions",
    tags=TAGS,
)
async def comparison(question: TrialQuestion, app: App, viewer: Viewer) -> Comparison:
    """The figure under each definition, and the subjects on which they differ.

    Options given as parameters add one more column: the last definition named, with
    these options replaced. Every page recounts all subjects from the log.
    """
    today = app.commands.today()
    tried = question.comparison_request(today)
    async with open_view(app, viewer) as view:
        return await definition_comparison.compare(view, tried, today)


HANDLERS: list[Any] = [comparison]
