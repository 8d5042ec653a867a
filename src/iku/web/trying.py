"""Definitions to be tried out, as every route that compares some takes them."""

from enum import StrEnum
from typing import Annotated, Any, TypeAlias

from litestar.params import QueryParameter
from msgspec import Meta

from iku.domain import comparison
from iku.domain.conflict import Category, Level, Manner
from iku.domain.decider import Invalid
from iku.domain.indicator import (
    Amendment,
    CarryOver,
    DateBasis,
    Empty,
    ExpiredRegistration,
    Population,
    Reopening,
)
from iku.domain.organisation import Kind
from iku.web.parameters import LIST

_TRIED = "Option tried out: "
_SEVERAL = "; several with commas, or the parameter repeated."
MOST = 8  # definitions side by side
_VERSION = {"type": "integer", "minimum": 1, "maximum": 2_147_483_647}


def _values(of: type[StrEnum]) -> dict[str, Any]:
    """What one of several values may be, as the description says it."""
    return {"type": "string", "enum": [str(value) for value in of]}


Definitions: TypeAlias = Annotated[
    list[Annotated[int, Meta(ge=1, le=2_147_483_647)]] | None,
    QueryParameter(
        max_items=MOST,
        schema_extra=LIST | {"items": _VERSION},
        description="Version of the definition; repeated, one column each. The one in "
        "force at the start of the period where it is left out.",
    ),
]


def versions(named: list[int] | None) -> list[int]:
    """The versions that are *named*, in that order.

    Raises:
        Invalid: One of them is named twice.
    """
    given = named or []
    twice = next((one for one in given if given.count(one) > 1), None)
    if twice is not None:
        raise Invalid("definition", f"definition {twice} is named more than once")
    return given


def amendment(
    *,
    category: Annotated[
        Category | None,
        QueryParameter(
            description="The indicator's own category; any other is refused."
        ),
    ] = None,
    minimum_level: Annotated[
        Level | None,
        QueryParameter(description=f"{_TRIED}the least level of a case that counts."),
    ] = None,
    date_basis: Annotated[
        DateBasis | None,
        QueryParameter(description=f"{_TRIED}which day makes a case exist."),
    ] = None,
    carry_over: Annotated[
        CarryOver | None,
        QueryParameter(description=f"{_TRIED}whether older open cases count."),
    ] = None,
    reopening: Annotated[
        Reopening | None,
        QueryParameter(description=f"{_TRIED}whether a reopened case is unresolved."),
    ] = None,
    resolution_manners: Annotated[
        list[str] | None,
        QueryParameter(
            max_items=len(Manner),
            schema_extra=LIST | {"items": _values(Manner)},
            description=f"{_TRIED}which manners of closing are resolutions{_SEVERAL}",
        ),
    ] = None,
    kinds: Annotated[
        list[str] | None,
        QueryParameter(
            max_items=len(Kind),
            schema_extra=LIST | {"items": _values(Kind)},
            description=f"{_TRIED}which organisations count{_SEVERAL}",
        ),
    ] = None,
    expired_registration: Annotated[
        ExpiredRegistration | None,
        QueryParameter(
            description=f"{_TRIED}whether one with an expired certificate counts."
        ),
    ] = None,
    participation_threshold: Annotated[
        int | None,
        QueryParameter(
            ge=1,
            le=1000,
            description=f"{_TRIED}from how many participations on one is active.",
        ),
    ] = None,
    population: Annotated[
        Population | None,
        QueryParameter(description=f"{_TRIED}which organisations there are."),
    ] = None,
    empty: Annotated[
        Empty | None,
        QueryParameter(description=f"{_TRIED}what the percentage of 0 of 0 is."),
    ] = None,
    rounding: Annotated[
        str | None,
        QueryParameter(
            schema_extra={"enum": ["half_up_2"]},
            description=f"{_TRIED}how percentages are rounded.",
        ),
    ] = None,
) -> Amendment | None:
    """What provides the options that a request tries out; None where it names none."""
    given = {
        "category": category,
        "minimum_level": minimum_level,
        "date_basis": date_basis,
        "carry_over": carry_over,
        "reopening": reopening,
        "resolution_manners": resolution_manners,
        "kinds": kinds,
        "expired_registration": expired_registration,
        "participation_threshold": participation_threshold,
        "population": population,
        "empty": empty,
        "rounding": rounding,
    }
    told = {
        name: value if isinstance(value, list) else [str(value)]
        for name, value in given.items()
        if value is not None
    }
    return comparison.amendment(told) if told else None
