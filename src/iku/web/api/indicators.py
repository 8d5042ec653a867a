"""Indicators: their definitions, all versions of them, targets and the rating scale."""

from decimal import Decimal
from typing import Annotated, Any

from litestar import Response
from msgspec import Meta, Struct, structs

from iku.app import House
from iku.connection import connected, viewing
from iku.desk import Desk, EntryReceipt, receipt
from iku.domain import indicator
from iku.domain.comparison import Effect, Revised
from iku.queries import comparing, indicators, subjects
from iku.queries.indicators import Indicators, OneIndicator
from iku.queries.parameters import Code
from iku.queries.subjects import EventPage, IndicatorHistory
from iku.web.commands import answer
from iku.web.headers import unheeded
from iku.web.routes import get, post

TAGS = ["Indicators"]


class AboutIndicator(Struct, frozen=True, forbid_unknown_fields=True):
    """Which indicator is asked for."""

    code: Code


class Revising(AboutIndicator, frozen=True):
    """Of which indicator something is recorded, or only previewed."""

    preview: Annotated[
        bool,
        Meta(
            description="true: records nothing, and answers with what would change in "
            "the last two complete years."
        ),
    ] = False


class DefinitionReceipt(EntryReceipt, frozen=True, kw_only=True):
    """Proof of entry of a definition.

    Attributes:
        definition: The number of the version that was in force with it.
    """

    indicator: str
    definition: int


class TargetReceipt(EntryReceipt, frozen=True, kw_only=True):
    """Proof of entry of a target, in per cent."""

    indicator: str
    year: int
    target: Decimal


class RevisionReceipt(EntryReceipt, frozen=True, kw_only=True):
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
async def index(house: House) -> Indicators:
    """All indicators with their definitions, targets and the rating scale."""
    async with viewing(house) as view:
        return await indicators.listing(view, house.figures, house.office.today())


@get(
    "/indicators/{code:str}",
    operation_id="getIndicator",
    summary="Look at an indicator",
    tags=TAGS,
)
async def show(question: AboutIndicator, house: House) -> Response[OneIndicator]:
    """The indicator with its definitions, targets and the rating scale."""
    async with viewing(house) as view:
        today = house.office.today()
        one = await indicators.shown(view, house.figures, question.code, today)
    return Response(one, headers={"ETag": f'"{one.version}"'})


@post(
    "/indicators/{code:str}/definitions",
    operation_id="redefineIndicator",
    summary="Add a version of the definition",
    tags=TAGS,
)
async def redefine(
    about: Revising, command: indicator.Redefinition, desk: Desk
) -> Response[DefinitionReceipt | Effect]:
    """Adds a version. What is left out stays as in the version in force on its day.

    It may be decreed for a day to come: figures before it stay as they are. A version
    that changes nothing is refused.

    With preview it is judged by the same rules, but nothing is recorded: the answer
    says what it would change.
    """
    shown: Response[Any]
    code = about.code
    if about.preview:
        _refuse_key(desk)
        (proposed,) = await desk.foresee("indicator", code, command)
        shown = Response(await _effect(desk.house, code, proposed), status_code=200)
        return shown
    outcome = await desk.handle("indicator", code, command)
    async with connected(desk.house) as connection:
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
    about: Revising, command: indicator.Target, desk: Desk
) -> Response[TargetReceipt | Revised]:
    """Sets a target; a later one of the same year counts from its own day on.

    It may be agreed for a day to come. Above 100 per cent it needs a reason.
    """
    targeted, code = command.fact(), about.code
    if about.preview:
        return await _revised(desk, code, targeted)
    outcome = await desk.handle("indicator", code, targeted)
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
    about: Revising, command: indicator.Later, desk: Desk
) -> Response[RevisionReceipt | Revised]:
    """Records a correction or annulment of what the history holds at a version.

    A corrected definition becomes a new version; where its day was wrong, the wrong
    version is annulled with it. An annulled version is no longer in force, but can
    still be asked for by its number.
    """
    code = about.code
    if about.preview:
        return await _revised(desk, code, command)
    outcome = await desk.handle("indicator", code, command)
    async with connected(desk.house) as connection:
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
async def history(question: IndicatorHistory, house: House) -> EventPage:
    """Every fact ever recorded of the indicator, corrections and annulments included.

    Each says what it left other than it was. The first recorded comes first, page by
    page.
    """
    async with viewing(house) as view:
        return await subjects.history(
            view, "indicator", question.code, question.cursor, question.limit
        )


def _refuse_key(desk: Desk) -> None:
    if desk.command_id is not None:
        raise unheeded("Idempotency-Key", "a preview may be asked for time and again")


async def _revised(desk: Desk, code: str, data: Any) -> Response[Any]:
    """What a target, correction or annulment would desk."""
    _refuse_key(desk)
    proposed = await desk.foresee("indicator", code, data)
    house = desk.house
    async with connected(house) as connection:
        today = house.office.today()
        found = await comparing.revised(connection, code, proposed, today)
    return Response(found, status_code=200)


def _location(code: str) -> str:
    return f"/api/v1/indicators/{code}"


HANDLERS: list[Any] = [index, show, redefine, target, record, history]
