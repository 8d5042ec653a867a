"""The coordinates of a figure, as every route that is about one takes them."""

from collections.abc import Callable
from datetime import date
from typing import Annotated

from litestar.params import QueryParameter

from iku.app import House
from iku.domain.difference import Against
from iku.domain.period import Kind
from iku.domain.question import Question, refuse_future
from iku.web.parameters import (
    LARGEST,
    AsOf,
    Code,
    Definition,
    KnownOn,
    PeriodKind,
    Size,
)

_ELSE = "; as in the figure asked for where it is left out."


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
        today = house.office.today()
        refuse_future(as_of, today, known_on)
        return Question(
            code,
            as_of or today,
            known_on=known_on,
            size=size,
            period=period,
            definition=definition,
        )

    return question


def against(
    *,
    against_as_of: Annotated[
        date | None,
        QueryParameter(description=f"The day compared with{_ELSE}"),
    ] = None,
    against_known_on: Annotated[
        date | None,
        QueryParameter(description=f"Whose knowledge is compared with{_ELSE}"),
    ] = None,
    against_size: Annotated[
        int | None,
        QueryParameter(
            ge=0,
            le=LARGEST,
            schema_extra={"minimum": 0},  # the framework forgets a bound of nought
            description=f"Which prefix of the log is compared with{_ELSE}",
        ),
    ] = None,
    against_definition: Annotated[
        int | None,
        QueryParameter(
            ge=1,
            le=2_147_483_647,
            description=f"Version of the definition compared with{_ELSE} Where that "
            "names none, each figure is counted by the one in force.",
        ),
    ] = None,
    against_period: Annotated[
        Kind | None,
        QueryParameter(description=f"The period compared with{_ELSE}"),
    ] = None,
) -> Against:
    """What provides the coordinates that a figure is compared with."""
    return Against(
        as_of=against_as_of,
        known_on=against_known_on,
        size=against_size,
        definition=against_definition,
        period=against_period,
    )
