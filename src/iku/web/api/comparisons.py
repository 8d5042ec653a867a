"""Comparisons: one indicator under several definitions, side by side."""

from typing import Any

from litestar import get
from litestar.di import NamedDependency
from litestar.params import SkipValidation

from iku.app import House
from iku.domain import place
from iku.domain.comparison import Comparison
from iku.domain.indicator import Amendment
from iku.domain.period import Kind
from iku.domain.question import Question, refuse_future
from iku.queries import comparing
from iku.queries.comparing import Tried
from iku.web.connection import viewing
from iku.web.parameters import AsOf, Code, Cursor, KnownOn, Limit, PeriodKind, Size
from iku.web.trying import Definitions, versions

TAGS = ["Figures"]


@get(
    "/indicators/{code:str}/comparison",
    operation_id="compareDefinitions",
    summary="Compare definitions",
    tags=TAGS,
)
async def comparison(
    code: Code,
    amendment: NamedDependency[SkipValidation[Amendment | None]],
    house: NamedDependency[SkipValidation[House]],
    *,
    as_of: AsOf = None,
    known_on: KnownOn = None,
    size: Size = None,
    period: PeriodKind = Kind.YEAR,
    definition: Definitions = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Comparison:
    """The figure under each definition, and the subjects that make the difference.

    Options given as parameters make one more column, on top of the last definition
    named. Every page counts the whole log anew, subject by subject.
    """
    today = house.office.today()
    refuse_future(as_of, today, known_on)
    after = place.read(cursor, comparing.LETTER)
    question = Question(
        code, as_of or today, known_on=known_on, size=size, period=period
    )
    tried = Tried(
        place.resume(question, after, today),
        versions(definition),
        amendment,
        after,
        limit,
    )
    async with viewing(house) as view:
        return await comparing.compare(view, tried, today)


HANDLERS: list[Any] = [comparison]
