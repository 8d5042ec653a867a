"""Comparisons: one indicator under several definitions, side by side."""

from typing import Any

from iku.app import House
from iku.connection import viewing
from iku.domain.comparison import Comparison
from iku.queries import comparing
from iku.queries.tried import TryingQuestion
from iku.web.routes import get

TAGS = ["Figures"]


@get(
    "/indicators/{code:str}/comparison",
    operation_id="compareDefinitions",
    summary="Compare definitions",
    tags=TAGS,
)
async def comparison(question: TryingQuestion, house: House) -> Comparison:
    """The figure under each definition, and the subjects that make the difference.

    Options given as parameters make one more column, on top of the last definition
    named. Every page counts the whole log anew, subject by subject.
    """
    today = house.office.today()
    tried = question.tried(today)
    async with viewing(house) as view:
        return await comparing.compare(view, tried, today)


HANDLERS: list[Any] = [comparison]
