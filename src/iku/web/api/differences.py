"""Differences: what lies between two figures of one indicator."""

from typing import Any

from iku.app import House
from iku.connection import viewing
from iku.domain.difference import Difference
from iku.queries import differences
from iku.queries.differences import DifferenceQuestion
from iku.web.routes import get

TAGS = ["Figures"]


@get(
    "/indicators/{code:str}/difference",
    operation_id="getDifference",
    summary="Ask why two figures differ",
    tags=TAGS,
)
async def difference(question: DifferenceQuestion, house: House) -> Difference:
    """What lies between the figure asked for and one of other coordinates, by cause.

    Step by step from the one compared with: what is known, by which definition it is
    counted, the day and its period, the target. In each step the items, of all pages,
    add up to what the step changes.
    """
    today = house.office.today()
    compared = question.compared(today)
    async with viewing(house) as view:
        return await differences.answer(view, house.figures, compared, today)


HANDLERS: list[Any] = [difference]
