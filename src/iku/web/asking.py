"""The coordinates of a figure, as every route that is about one takes them."""

from collections.abc import Callable

from iku.domain.period import Kind
from iku.domain.question import Question
from iku.web.parameters import AsOf, Code, Definition, KnownOn, PeriodKind, Size
from iku.wiring import House


def asking(house: House) -> Callable[..., Question]:
    """What provides the question that a request asks."""

    def question(
        code: Code,
        *,
        as_of: AsOf = None,
        known_on: KnownOn = None,
        size: Size = None,
        period: PeriodKind = Kind.YEAR,
        definition: Definition = None,
    ) -> Question:
        return Question(
            code,
            as_of or house.office.today(),
            known_on=known_on,
            size=size,
            period=period,
            definition=definition,
        )

    return question
