"""Differences: what lies between two figures of one indicator."""

from typing import Any

from litestar import get
from litestar.di import NamedDependency
from litestar.params import SkipValidation

from iku.app import House
from iku.domain import difference as telling
from iku.domain import place
from iku.domain.difference import Against, Difference
from iku.domain.question import Question
from iku.queries import differences
from iku.queries.differences import Compared
from iku.web.connection import viewing
from iku.web.parameters import Cursor, Limit

TAGS = ["Figures"]


@get(
    "/indicators/{code:str}/difference",
    operation_id="getDifference",
    summary="Ask why two figures differ",
    tags=TAGS,
)
async def difference(
    question: NamedDependency[SkipValidation[Question]],
    against: NamedDependency[SkipValidation[Against]],
    house: NamedDependency[SkipValidation[House]],
    *,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Difference:
    """What lies between the figure asked for and one of other coordinates, by cause.

    Step by step from the one compared with: what is known, by which definition it is
    counted, the day and its period, the target. In each step the items, of all pages,
    add up to what the step changes.
    """
    today = house.office.today()
    against.refuse_future(today)
    after = telling.place(cursor)
    question = place.resume(question, after, today)
    compared = Compared(question, against.beside(question), after, limit)
    async with viewing(house) as view:
        return await differences.answer(view, house.figures, compared, today)


HANDLERS: list[Any] = [difference]
