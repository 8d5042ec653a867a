"""Indicators: their definitions, all versions of them, targets and the rating scale."""

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, TypeAlias

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, QueryParameter, SkipValidation
from msgspec import Struct, structs

from iku import comparing, texts
from iku.domain import indicator, scale
from iku.domain.comparison import Effect
from iku.domain.indicator import Indicator
from iku.domain.question import Unknown
from iku.ledger import log
from iku.ledger.log import Connection
from iku.web.commands import Desk, Receipt, answer, receipt
from iku.web.connection import connected
from iku.web.parameters import Code, unheeded
from iku.wiring import House

TAGS = ["Indicators"]

Reasons: TypeAlias = dict[tuple[str, int], str]


class ShownDefinition(Struct, frozen=True):
    """One version of the formula.

    Attributes:
        definition: Which version, from 1.
        effective_on: It counts periods that start on this day or later.
        basis: The decree it rests on.
        reason: Why it was changed; null for the first. A word in its place where it
            is not shown.
        options: The formula as data.
    """

    definition: int
    effective_on: date
    wording: str
    formula: str
    sources: tuple[str, ...]
    owner: str
    objective: str
    basis: str
    reason: str | None
    options: indicator.Options


class ShownTarget(Struct, frozen=True):
    """A target in per cent, for figures as of *effective_on* on.

    Attributes:
        basis: The agreement it rests on.
    """

    year: int
    target: Decimal
    effective_on: date
    basis: str


class ShownScale(Struct, frozen=True):
    """The rating scale in force.

    Attributes:
        bands: Each with the least achievement, in per cent, that earns it.
    """

    effective_on: date
    basis: str
    bands: tuple[scale.Band, ...]


class ShownIndicator(Struct, frozen=True):
    """An indicator; what is worded is worded as in its last definition.

    Attributes:
        definitions: All versions, the first first.
        targets: All targets, in the order in which they were recorded.
    """

    code: str
    wording: str
    formula: str
    sources: tuple[str, ...]
    owner: str
    objective: str
    definitions: tuple[ShownDefinition, ...]
    targets: tuple[ShownTarget, ...]


class OneIndicator(ShownIndicator, frozen=True, kw_only=True):
    """An indicator and the scale its achievement is rated by."""

    scale: ShownScale | None


class Indicators(Struct, frozen=True):
    """All indicators, and the scale their achievements are rated by."""

    indicators: tuple[ShownIndicator, ...]
    scale: ShownScale | None


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


@get(
    "/indicators",
    operation_id="listIndicators",
    summary="List the indicators",
    tags=TAGS,
)
async def index(house: NamedDependency[SkipValidation[House]]) -> Indicators:
    """All indicators with their definitions, targets and the rating scale."""
    async with connected(house) as connection:
        found = await house.figures.indicators(connection)
        rated_by = _scale(await house.figures.scale(connection), house)
        reasons = await _reasons(connection, house, found)
    shown = tuple(_shown(*one, reasons) for one in sorted(found.items()))
    return Indicators(shown, rated_by)


@get(
    "/indicators/{code:str}",
    operation_id="getIndicator",
    summary="Look at an indicator",
    tags=TAGS,
)
async def show(
    code: Code, house: NamedDependency[SkipValidation[House]]
) -> OneIndicator:
    """The indicator with its definitions, targets and the rating scale."""
    async with connected(house) as connection:
        found = await house.figures.indicators(connection)
        rated_by = _scale(await house.figures.scale(connection), house)
        if code not in found:
            raise Unknown(f"there is no indicator {code}")
        reasons = await _reasons(connection, house, {code: found[code]})
    shown = _shown(code, found[code], reasons)
    return OneIndicator(*structs.astuple(shown), scale=rated_by)


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
    preview: Annotated[
        bool,
        QueryParameter(
            description="true: records nothing, and answers with what would change in "
            "the last two complete years."
        ),
    ] = False,
) -> Response[DefinitionReceipt | Effect]:
    """Adds a version. Options that are left out stay as they were.

    With preview it is judged by the same rules, but nothing is recorded: the answer
    says what it would change.
    """
    shown: Response[Any]
    if preview:
        if change.command_id is not None:
            raise unheeded(
                "Idempotency-Key", "a preview may be asked for time and again"
            )
        (proposed,) = await change.foresee("indicator", code, data)
        shown = Response(await _effect(change.house, code, proposed), status_code=200)
        return shown
    outcome = await change.handle("indicator", code, data)
    given = receipt(outcome)
    entered = DefinitionReceipt(
        **structs.asdict(given),
        indicator=code,
        definition=await _definitions(change.house, code, given.version),
    )
    shown = answer(outcome, entered, _location(code))
    return shown


async def _effect(house: House, code: str, proposed: indicator.Defined) -> Effect:
    async with connected(house) as connection:
        today = house.office.today()
        found = await comparing.foresee(connection, code, proposed, today)
        return await texts.reveal(connection, house.vault, found)


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
) -> Response[TargetReceipt]:
    """Sets a target; a later one of the same year counts from its own day on."""
    targeted = data.fact()
    outcome = await change.handle("indicator", code, targeted)
    shown = TargetReceipt(
        **structs.asdict(receipt(outcome)),
        indicator=code,
        year=targeted.year,
        target=targeted.value,
    )
    return answer(outcome, shown, _location(code))


async def _definitions(house: House, code: str, version: int) -> int:
    """How many definitions there were once the indicator was at *version*."""
    async with connected(house) as connection:
        recorded = await log.read_stream(connection, indicator.decider.stream(code))
    return sum(one.type == "defined" for one in recorded[:version])


async def _reasons(
    connection: Connection, house: House, found: Mapping[str, Indicator]
) -> Reasons:
    """The reasons of all definitions, by code and place in the indicator's history."""
    stream = indicator.decider.stream
    wanted = [
        (code, version)
        for code, state in found.items()
        for version, event in enumerate(state.history, start=1)
        if getattr(event, "reason", None) is not None
    ]
    wordings = [(stream(code), {"reason": version}) for code, version in wanted]
    worded = await texts.worded(connection, house.vault, wordings)
    return {at: str(of["reason"].value) for at, of in zip(wanted, worded, strict=True)}


def _shown(code: str, state: Indicator, reasons: Reasons) -> ShownIndicator:
    last = state.definitions[-1].defined
    return ShownIndicator(
        code=code,
        wording=last.wording,
        formula=last.formula,
        sources=last.sources,
        owner=last.owner,
        objective=last.objective,
        definitions=tuple(_definitions_of(code, state, reasons)),
        targets=tuple(
            ShownTarget(one.year, one.value, one.effective_on, one.basis)
            for one in state.targets
        ),
    )


def _definitions_of(
    code: str, state: Indicator, reasons: Reasons
) -> Iterator[ShownDefinition]:
    places = [
        version
        for version, event in enumerate(state.history, start=1)
        if isinstance(event, indicator.Defined)
    ]
    for place, one in zip(places, state.definitions, strict=True):
        fields = structs.asdict(one.defined) | {"reason": reasons.get((code, place))}
        yield ShownDefinition(definition=one.version, **fields)


def _scale(state: scale.Scale | None, house: House) -> ShownScale | None:
    if state is None:
        return None
    now = scale.applicable(state, state, house.office.today())
    return ShownScale(now.effective_on, now.basis, now.bands)


def _location(code: str) -> str:
    return f"/api/v1/indicators/{code}"


HANDLERS: list[Any] = [index, show, redefine, target]
