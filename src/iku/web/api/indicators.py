"""Indicators: the versions of their definitions, targets and the rating scale."""

from decimal import Decimal
from typing import Annotated, Any

from litestar import Response
from msgspec import Meta, Struct, structs

from iku.app import App
from iku.connection import acquire_connection, open_view
from iku.domain import indicator
from iku.domain.access import Action
from iku.domain.comparison import RedefinitionEffect, RevisionPreview
from iku.gateway import CommandGateway, EntryReceipt, receipt
from iku.messages import message
from iku.queries import definition_comparison, indicators, subjects
from iku.queries.figure_parameters import Code
from iku.queries.indicators import Indicators, IndicatorWithScale
from iku.queries.subjects import EventPage, IndicatorHistoryQuestion
from iku.queries.view import Viewer
from iku.web.authentication import Caller
from iku.web.commands import receipt_response
from iku.web.headers import unsupported_header
from iku.web.routes import get, post

TAGS = ["Indicators"]


class IndicatorPath(Struct, frozen=True, forbid_unknown_fields=True):
    """Path parameters of the routes below an indicator."""

    code: Code


class IndicatorRevisionPath(IndicatorPath, frozen=True):
    """Parameters of a change of an indicator: its path, and whether it is a preview."""

    preview: Annotated[
        bool,
        Meta(
            description="true: record nothing, and return the effect on the last two "
            "complete years."
        ),
    ] = False


class DefinitionReceipt(EntryReceipt, frozen=True, kw_only=True):
    """The receipt of a definition.

    Attributes:
        definition: Version of the new definition.
    """

    indicator: str
    definition: int


class TargetReceipt(EntryReceipt, frozen=True, kw_only=True):
    """The receipt of a target, in per cent."""

    indicator: str
    year: int
    target: Decimal


class RevisionReceipt(EntryReceipt, frozen=True, kw_only=True):
    """The receipt of a correction or annulment.

    Attributes:
        definition: Version of the new definition if one was corrected; otherwise null.
    """

    indicator: str
    definition: int | None


@get(
    "/indicators",
    Action.READ_FIGURES,
    operation_id="listIndicators",
    summary="List the indicators",
    tags=TAGS,
)
async def index(app: App, viewer: Viewer) -> Indicators:
    """All indicators with their definitions, targets and the rating scale."""
    async with open_view(app, viewer) as view:
        return await indicators.listing(view, app.figures, app.commands.today())


@get(
    "/indicators/{code:str}",
    Action.READ_FIGURES,
    operation_id="getIndicator",
    summary="Get an indicator",
    tags=TAGS,
)
async def show(
    question: IndicatorPath, app: App, viewer: Viewer
) -> Response[IndicatorWithScale]:
    """The indicator with its definitions, targets and the rating scale."""
    async with open_view(app, viewer) as view:
        today = app.commands.today()
        one = await indicators.read_indicator(view, app.figures, question.code, today)
    return Response(one, headers={"ETag": f'"{one.version}"'})


@post(
    "/indicators/{code:str}/definitions",
    operation_id="redefineIndicator",
    summary="Add a version of the definition",
    tags=TAGS,
)
async def redefine(
    about: IndicatorRevisionPath,
    command: indicator.Redefinition,
    command_gateway: CommandGateway,
    caller: Caller,
) -> Response[DefinitionReceipt | RedefinitionEffect]:
    """Adds a version of the definition.

    Omitted fields keep their values from the version in force on the new version's
    effective day. That day may lie in the future; earlier figures do not change. A
    version that changes nothing is refused.

    With `preview=true`, the same rules are checked, but nothing is recorded: the
    response describes the effect of the version.
    """
    shown: Response[Any]
    code = about.code
    if about.preview:
        _refuse_idempotency_key(command_gateway)
        (proposed,) = await command_gateway.preview("indicator", code, command)
        shown = Response(
            await _preview_definition(
                command_gateway.app, caller.viewer, code, proposed
            ),
            status_code=200,
        )
        return shown
    outcome = await command_gateway.handle("indicator", code, command)
    async with acquire_connection(command_gateway.app) as connection:
        number = await indicators.count_definitions(
            connection, code, outcome.receipt.version
        )
    entered = DefinitionReceipt(
        **structs.asdict(receipt(outcome)), indicator=code, definition=number
    )
    shown = receipt_response(outcome, entered, _location(code))
    return shown


async def _preview_definition(
    app: App, viewer: Viewer, code: str, proposed: indicator.Defined
) -> RedefinitionEffect:
    async with open_view(app, viewer) as view:
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
    about: IndicatorRevisionPath,
    command: indicator.Target,
    command_gateway: CommandGateway,
) -> Response[TargetReceipt | RevisionPreview]:
    """Sets the target of a year; a later target of that year applies from its own day.

    The effective day may lie in the future. A target above 100 per cent requires a
    reason.
    """
    targeted, code = command.to_event(), about.code
    if about.preview:
        return await _preview_revision(command_gateway, code, targeted)
    outcome = await command_gateway.handle("indicator", code, targeted)
    entered = TargetReceipt(
        **structs.asdict(receipt(outcome)),
        indicator=code,
        year=targeted.year,
        target=targeted.value,
    )
    shown: Response[Any] = receipt_response(outcome, entered, _location(code))
    return shown


@post(
    "/indicators/{code:str}/events",
    operation_id="recordIndicatorEvent",
    summary="Correct or annul a definition or target",
    tags=TAGS,
)
async def record(
    about: IndicatorRevisionPath,
    command: indicator.Later,
    command_gateway: CommandGateway,
) -> Response[RevisionReceipt | RevisionPreview]:
    """Corrects or annuls the event at a version of the indicator's history.

    A corrected definition becomes a new version. If its effective day is corrected, the
    wrong version is annulled at the same time. An annulled version is no longer in
    force, but figures can still be requested under its number.
    """
    code = about.code
    if about.preview:
        return await _preview_revision(command_gateway, code, command)
    outcome = await command_gateway.handle("indicator", code, command)
    async with acquire_connection(command_gateway.app) as connection:
        added = await indicators.appended_definition(connection, code, outcome.receipt)
    entered = RevisionReceipt(
        **structs.asdict(receipt(outcome)), indicator=code, definition=added
    )
    shown: Response[Any] = receipt_response(outcome, entered, _location(code))
    return shown


@get(
    "/indicators/{code:str}/events",
    Action.READ_FIGURES,
    operation_id="listIndicatorEvents",
    summary="List the events of an indicator",
    tags=TAGS,
)
async def history(
    question: IndicatorHistoryQuestion, app: App, viewer: Viewer
) -> EventPage:
    """Every event of the indicator, corrections and annulments included, oldest first.

    Each event has the fields that it changed. The history is returned in pages.
    """
    async with open_view(app, viewer) as view:
        return await subjects.history(
            view, "indicator", question.code, question.cursor, question.limit
        )


def _refuse_idempotency_key(command_gateway: CommandGateway) -> None:
    if command_gateway.command_id is not None:
        raise unsupported_header(
            "Idempotency-Key",
            message("a preview records nothing, so it needs no idempotency key"),
        )


async def _preview_revision(
    command_gateway: CommandGateway, code: str, data: Any
) -> Response[Any]:
    """The response that previews the effect of a target, correction or annulment."""
    _refuse_idempotency_key(command_gateway)
    proposed = await command_gateway.preview("indicator", code, data)
    app = command_gateway.app
    async with acquire_connection(app) as connection:
        today = app.commands.today()
        found = await definition_comparison.preview_revision(
            connection, code, proposed, today
        )
    return Response(found, status_code=200)


def _location(code: str) -> str:
    return f"/api/v1/indicators/{code}"


HANDLERS: list[Any] = [index, show, redefine, target, record, history]
