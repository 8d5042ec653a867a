"""Indicators: their definitions, all versions of them, targets and the rating scale."""

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, NamedTuple, TypeAlias

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, QueryParameter, SkipValidation
from msgspec import Struct, structs

from iku import texts
from iku.app import House
from iku.domain import indicator, lineage, scale
from iku.domain.comparison import Effect, Revised
from iku.domain.indicator import Indicator
from iku.domain.question import Unknown
from iku.ledger import log
from iku.ledger.log import Connection
from iku.queries import comparing
from iku.web.api import subjects
from iku.web.api.subjects import EventPage
from iku.web.commands import Desk, Receipt, answer, receipt
from iku.web.connection import connected
from iku.web.parameters import Code, Cursor, Limit, unheeded

TAGS = ["Indicators"]


class ShownAnnulment(Struct, frozen=True):
    """That a definition or target was annulled.

    Attributes:
        version: Of the annulment, in the indicator's history.
        known_on: The day the office knew.
        reason: Why. A word in its place where it is not shown.
    """

    version: int
    known_on: date
    reason: str


class ShownDefinition(Struct, frozen=True):
    """One version of the formula.

    Attributes:
        definition: Which version, from 1.
        version: Its place in the indicator's history, which a correction names.
        effective_on: It counts periods that start on this day or later.
        basis: The decree it rests on.
        reason: Why it was changed; null for the first. A word in its place where it
            is not shown.
        options: The formula as data.
        corrects: The definition that was recorded wrongly and that this one replaces;
            null where it is a change.
        annulled: How it was annulled; null where it stands.
    """

    definition: int
    version: int
    effective_on: date
    wording: str
    formula: str
    sources: tuple[str, ...]
    owner: str
    objective: str
    basis: str
    reason: str | None
    options: indicator.Options
    corrects: int | None
    annulled: ShownAnnulment | None


class ShownTarget(Struct, frozen=True):
    """A target in per cent, for figures as of *effective_on* on, as last corrected.

    Attributes:
        version: Its place in the indicator's history, which a correction names.
        basis: The agreement it rests on.
        reason: Why it is so; null where none was given. A word in its place where it
            is not shown.
        corrected: Versions, in the indicator's history, of its corrections.
        annulled: How it was annulled; null where it stands.
    """

    version: int
    year: int
    target: Decimal
    effective_on: date
    basis: str
    reason: str | None
    corrected: tuple[int, ...]
    annulled: ShownAnnulment | None


class ShownScale(Struct, frozen=True):
    """The rating scale in force.

    Attributes:
        bands: Each with the least achievement, in per cent, that earns it.
    """

    effective_on: date
    basis: str
    bands: tuple[scale.Band, ...]


class ShownIndicator(Struct, frozen=True):
    """An indicator; what is worded is worded as in the definition in force today.

    Attributes:
        version: Of its history, for If-Match.
        definitions: All versions, the first first; those that were annulled say so.
        targets: All targets, in the order in which they were recorded; likewise.
    """

    code: str
    wording: str
    formula: str
    sources: tuple[str, ...]
    owner: str
    objective: str
    version: int
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
    async with connected(house) as connection:
        found = await house.figures.indicators(connection)
        rated_by = _scale(await house.figures.scale(connection), house)
        shown = [await _shown(connection, house, *one) for one in sorted(found.items())]
    return Indicators(tuple(shown), rated_by)


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
    async with connected(house) as connection:
        found = await house.figures.indicators(connection)
        rated_by = _scale(await house.figures.scale(connection), house)
        if code not in found:
            raise Unknown(f"there is no indicator {code}")
        shown = await _shown(connection, house, code, found[code])
    one = OneIndicator(*structs.astuple(shown), scale=rated_by)
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
    entered = RevisionReceipt(
        **structs.asdict(receipt(outcome)),
        indicator=code,
        definition=await _added(change.house, code, outcome.receipt),
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
    return await subjects.history(house, "indicator", code, cursor, limit)


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


async def _definitions(house: House, code: str, version: int) -> int:
    """How many definitions there were once the indicator was at *version*."""
    async with connected(house) as connection:
        recorded = await log.read_stream(connection, indicator.decider.stream(code))
    return sum(one.type == "defined" for one in recorded[:version])


async def _added(house: House, code: str, given: log.Receipt) -> int | None:
    """The number of the definition that was appended; None where none was."""
    before = await _definitions(house, code, given.version - given.count)
    after = await _definitions(house, code, given.version)
    return after if after > before else None


class _Words(NamedTuple):
    """The reasons of an indicator's facts, and the days they were known, by version."""

    reasons: Mapping[int, str]
    known_on: Mapping[int, date]

    def annulment(self, state: Indicator, version: int) -> ShownAnnulment | None:
        """How the fact at *version* was annulled; None where it stands."""
        if version not in state.void:
            return None
        by = lineage.annulment(state.history, version)
        return ShownAnnulment(by, self.known_on[by], self.reasons[by])


async def _words(
    connection: Connection, house: House, code: str, state: Indicator
) -> _Words:
    stream = indicator.decider.stream(code)
    recorded = await log.read_stream(connection, stream)
    read = await texts.read(connection, house.vault, recorded[: len(state.history)])
    return _Words(
        {
            version: words.all["reason"]
            for (_, version), words in read.items()
            if "reason" in words.all
        },
        {one.version: one.known_on for one in recorded},
    )


async def _shown(
    connection: Connection, house: House, code: str, state: Indicator
) -> ShownIndicator:
    words = await _words(connection, house, code, state)
    now = indicator.applicable(state, state, house.office.today()).defined
    return ShownIndicator(
        code=code,
        wording=now.wording,
        formula=now.formula,
        sources=now.sources,
        owner=now.owner,
        objective=now.objective,
        version=len(state.history),
        definitions=tuple(_definitions_of(state, words)),
        targets=tuple(_targets_of(state, words)),
    )


def _definitions_of(state: Indicator, words: _Words) -> Iterator[ShownDefinition]:
    numbers = dict(zip(state.places, range(1, len(state.places) + 1), strict=True))
    for place, one in zip(state.places, state.definitions, strict=True):
        corrects = one.defined.corrects
        fields = structs.asdict(one.defined) | {
            "reason": words.reasons.get(place),
            "corrects": corrects and numbers[corrects],
            "annulled": words.annulment(state, place),
        }
        yield ShownDefinition(definition=one.version, version=place, **fields)


def _targets_of(state: Indicator, words: _Words) -> Iterator[ShownTarget]:
    gone = lineage.undone(state.history, indicator.Targeted)
    every = [*state.targeted, *(undone.fact for undone in gone)]
    for version, one in sorted(every, key=lambda standing: standing.version):
        yield ShownTarget(
            version=version,
            year=one.year,
            target=one.value,
            effective_on=one.effective_on,
            basis=one.basis,
            reason=words.reasons.get(version),
            corrected=tuple(
                place
                for place, event in enumerate(state.history, start=1)
                if isinstance(event, indicator.Corrected)
                if event.corrects == version and place not in state.void
            ),
            annulled=words.annulment(state, version),
        )


def _scale(state: scale.Scale | None, house: House) -> ShownScale | None:
    if state is None:
        return None
    now = scale.applicable(state, state, house.office.today())
    return ShownScale(now.effective_on, now.basis, now.bands)


def _location(code: str) -> str:
    return f"/api/v1/indicators/{code}"


HANDLERS: list[Any] = [index, show, redefine, target, record, history]
