"""Indicators: their definitions, all versions of them, targets and the rating scale."""

from decimal import Decimal
from typing import Annotated, Any, TypeAlias

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, QueryParameter, SkipValidation
from msgspec import structs

from iku.app import House
from iku.domain import indicator
from iku.domain.comparison import Effect, Revised
from iku.queries import comparing, indicators, subjects
from iku.queries.indicators import Indicators, OneIndicator
from iku.queries.subjects import EventPage
from iku.web.commands import Desk, Receipt, answer, receipt
from iku.web.connection import connected, viewing
from iku.web.parameters import Code, Cursor, Limit, unheeded

TAGS = ["Indicators"]


class DefinitionReceipt(Receipt, frozen=True, kw_only=True):
    """Proof of entry of a definition.

    Attributes:
        definition: The number of the version that was in force with it.
    """

    indicator: str
    definition: int


class TargetReceipt(Receipt, frozen=True, kw_only=True):
    """Proof of entry of a target, in per cent."""

    indicator: str
    year: int
    target: Decimal


class RevisionReceipt(Receipt, frozen=True, kw_only=True):
    """Proof of entry of a correction or annulment.

    Attributes:
        definition: The number of the new version, where a definition was corrected;
            else null.
    """

    indicator: str
    definition: int | None


@get(
    "/indicators",
    operation_id="listIndicators",
    summary="List the indicators",
    tags=TAGS,
)
async def index(house: NamedDependency[SkipValidation[House]]) -> Indicators:
    """All indicators with their definitions, targets and the rating scale."""
    async with viewing(house) as view:
        return await indicators.listing(view, house.figures, house.office.today())


@get(
    "/indicators/{code:str}",
    operation_id="getIndicator",
    summary="Look at an indicator",
    tags=TAGS,
)
async def show(
    code: Code, house: NamedDependency[SkipValidation[House]]
) -> Response[OneIndicator]:
    """The indicator with its definitions, targets and the rating scale."""
    async with viewing(house) as view:
        one = await indicators.shown(view, house.figures, code, house.office.today())
    return Response(one, headers={"ETag": f'"{one.version}"'})


Preview: TypeAlias = Annotated[
    bool,
    QueryParameter(
        description="true: records nothing, and answers with what would change in "
        "the last two complete years."
    ),
]


@post(
    "/indicators/{code:str}/definitions",
    operation_id="redefineIndicator",
    summary="Add a version of the definition",
    tags=TAGS,
)
async def redefine(
    code: Code,
    data: JSONBody[indicator.Redefinition],
    change: NamedDependency[SkipValidation[Desk]],
    *,
    preview: Preview = False,
) -> Response[DefinitionReceipt | Effect]:
    """Adds a version. What is left out stays as in the version in force on its day.

    It may be decreed for a day to come: figures before it stay as they are. A version
    that changes nothing is refused.

    With preview it is judged by the same rules, but nothing is recorded: the answer
    says what it would change.
    """
    shown: Response[Any]
    if preview:
        _refuse_key(change)
        (proposed,) = await change.foresee("indicator", code, data)
        shown = Response(await _effect(change.house, code, proposed), status_code=200)
        return shown
    outcome = await change.handle("indicator", code, data)
    async with connected(change.house) as connection:
        number = await indicators.definitions(connection, code, outcome.receipt.version)
    entered = DefinitionReceipt(
        **structs.asdict(receipt(outcome)), indicator=code, definition=number
    )
    shown = answer(outcome, entered, _location(code))
    return shown


async def _effect(house: House, code: str, proposed: indicator.Defined) -> Effect:
    async with viewing(house) as view:
        return await comparing.foresee(view, code, proposed, house.office.today())


@post(
    "/indicators/{code:str}/targets",
    operation_id="setTarget",
    summary="Set the target of a year",
    tags=TAGS,
)
async def target(
    code: Code,
    data: JSONBody[indicator.Target],
    change: NamedDependency[SkipValidation[Desk]],
    *,
    preview: Preview = False,
) -> Response[TargetReceipt | Revised]:
    """Sets a target; a later one of the same year counts from its own day on.

    It may be agreed for a day to come. Above 100 per cent it needs a reason.
    """
    targeted = data.fact()
    if preview:
        return await _revised(change, code, targeted)
    outcome = await change.handle("indicator", code, targeted)
    entered = TargetReceipt(
        **structs.asdict(receipt(outcome)),
        indicator=code,
        year=targeted.year,
        target=targeted.value,
    )
    shown: Response[Any] = answer(outcome, entered, _location(code))
    return shown


@post(
    "/indicators/{code:str}/events",
    operation_id="recordIndicatorEvent",
    summary="Correct or annul a definition or target",
    tags=TAGS,
)
async def record(
    code: Code,
    data: JSONBody[indicator.Later],
    change: NamedDependency[SkipValidation[Desk]],
    *,
    preview: Preview = False,
) -> Response[RevisionReceipt | Revised]:
    """Records a correction or annulment of what the history holds at a version.

    A corrected definition becomes a new version; where its day was wrong, the wrong
    version is annulled with it. An annulled version is no longer in force, but can
    still be asked for by its number.
    """
    if preview:
        return await _revised(change, code, data)
    outcome = await change.handle("indicator", code, data)
    async with connected(change.house) as connection:
        added = await indicators.added(connection, code, outcome.receipt)
    entered = RevisionReceipt(
        **structs.asdict(receipt(outcome)), indicator=code, definition=added
    )
    shown: Response[Any] = answer(outcome, entered, _location(code))
    return shown


@get(
    "/indicators/{code:str}/events",
    operation_id="listIndicatorEvents",
    summary="Read the history of an indicator",
    tags=TAGS,
)
async def history(
    code: Code,
    house: NamedDependency[SkipValidation[House]],
    limit: Limit = 100,
    cursor: Cursor = None,
) -> EventPage:
    """Every fact ever recorded of the indicator, corrections and annulments included.

    Each says what it left other than it was. The first recorded comes first, page by
    page.
    """
    async with viewing(house) as view:
        return await subjects.history(view, "indicator", code, cursor, limit)


def _refuse_key(change: Desk) -> None:
    if change.command_id is not None:
        raise unheeded("Idempotency-Key", "a preview may be asked for time and again")


async def _revised(change: Desk, code: str, data: Any) -> Response[Any]:
    """What a target, correction or annulment would change."""
    _refuse_key(change)
    proposed = await change.foresee("indicator", code, data)
    house = change.house
    async with connected(house) as connection:
        today = house.office.today()
        found = await comparing.revised(connection, code, proposed, today)
    return Response(found, status_code=200)


def _location(code: str) -> str:
    return f"/api/v1/indicators/{code}"


HANDLERS: list[Any] = [index, show, redefine, target, record, history]
