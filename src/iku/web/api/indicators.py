"""Indicators: their definitions, all versions of them, targets and the rating scale."""

from decimal import Decimal
from typing import Annotated, Any

from litestar import Response
from msgspec import Meta, Struct, structs

from iku.app import App
from iku.connection import acquire_connection, open_view
from iku.domain import indicator
from iku.domain.comparison import RedefinitionEffect, RevisionPreview
from iku.gateway import CommandGateway, EntryReceipt, receipt
from iku.messages import message
from iku.queries import definition_comparison, indicators, subjects
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


class RevisedIndicator(AboutIndicator, frozen=True):
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
async def index(app: App) -> Indicators:
    """All indicators with their definitions, targets and the rating scale."""
    async with open_view(app) as view:
        return await indicators.listing(view, app.figures, app.commands.today())


@get(
    "/indicators/{code:str}",
    operation_id="getIndicator",
    summary="Look at an indicator",
    tags=TAGS,
)
async def show(question: AboutIndicator, app: App) -> Response[OneIndicator]:
    """The indicator with its definitions, targets and the rating scale."""
    async with open_view(app) as view:
        today = app.commands.today()
        one = await indicators.shown(view, app.figures, question.code, today)
    return Response(one, headers={"ETag": f'"{one.version}"'})


@post(
    "/indicators/{code:str}/definitions",
    operation_id="redefineIndicator",
    summary="Add a version of the definition",
    tags=TAGS,
)
async def redefine(
    about: RevisedIndicator, command: indicator.Redefinition, gateway: CommandGateway
) -> Response[DefinitionReceipt | RedefinitionEffect]:
    """Adds a version. What is left out stays as in the version in force on its day.

    It may be decreed for a day to come: figures before it stay as they are. A version
    that changes nothing is refused.

    With preview it is judged by the same rules, but nothing is recorded: the answer
    says what it would change.
    """
    shown: Response[Any]
    code = about.code
    if about.preview:
        _refuse_key(gateway)
        (proposed,) = await gateway.preview("indicator", code, command)
        shown = Response(await _effect(gateway.app, code, proposed), status_code=200)
        return shown
    outcome = await gateway.handle("indicator", code, command)
    async with acquire_connection(gateway.app) as connection:
        number = await indicators.definitions(connection, code, outcome.receipt.version)
    entered = DefinitionReceipt(
        **structs.asdict(receipt(outcome)), indicator=code, definition=number
    )
    shown = answer(outcome, entered, _location(code))
    return shown


async def _effect(
    app: App, code: str, proposed: indicator.Defined
) -> RedefinitionEffect:
    async with open_view(app) as view:
        return await definition_comparison.preview_definition(
            view, code, proposed, app.commands.today()
        )


@post(
    "/indicators/{code:str}/targets",
    operation_id="setTarget",
    summary="Set the target of a year",
    tags=TAGS,
)
async def target(
    about: RevisedIndicator, command: indicator.Target, gateway: CommandGateway
) -> Response[TargetReceipt | RevisionPreview]:
    """Sets a target; a later one of the same year counts from its own day on.

    It may be agreed for a day to come. Above 100 per cent it needs a reason.
    """
    targeted, code = command.fact(), about.code
    if about.preview:
        return await _revised(gateway, code, targeted)
    outcome = await gateway.handle("indicator", code, targeted)
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
    about: RevisedIndicator, command: indicator.Later, gateway: CommandGateway
) -> Response[RevisionReceipt | RevisionPreview]:
    """Records a correction or annulment of what the history holds at a version.

    A corrected definition becomes a new version; where its day was wrong, the wrong
    version is annulled with it. An annulled version is no longer in force, but can
    still be asked for by its number.
    """
    code = about.code
    if about.preview:
        return await _revised(gateway, code, command)
    outcome = await gateway.handle("indicator", code, command)
    async with acquire_connection(gateway.app) as connection:
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
async def history(question: IndicatorHistory, app: App) -> EventPage:
    """Every fact ever recorded of the indicator, corrections and annulments included.

    Each says what it left other than it was. The first recorded comes first, page by
    page.
    """
    async with open_view(app) as view:
        return await subjects.history(
            view, "indicator", question.code, question.cursor, question.limit
        )


def _refuse_key(gateway: CommandGateway) -> None:
    if gateway.command_id is not None:
        raise unheeded(
            "Idempotency-Key", message("a preview records nothing and needs no key")
        )


async def _revised(gateway: CommandGateway, code: str, data: Any) -> Response[Any]:
    """What a target, correction or annulment would desk."""
    _refuse_key(gateway)
    proposed = await gateway.preview("indicator", code, data)
    app = gateway.app
    async with acquire_connection(app) as connection:
        today = app.commands.today()
        found = await definition_comparison.preview_revision(
            connection, code, proposed, today
        )
    return Response(found, status_code=200)


def _location(code: str) -> str:
    return f"/api/v1/indicators/{code}"


HANDLERS: list[Any] = [index, show, redefine, target, record, history]
