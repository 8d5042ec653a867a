"""Indicators: definitions in all versions, targets, and the rating scale."""

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from msgspec import Struct, structs

from iku.domain import indicator, lineage, scale
from iku.domain.decider import SubjectNotFound
from iku.domain.indicator import Indicator
from iku.domain.question import Question, UnknownReference
from iku.ledger import log
from iku.ledger.log import Reader, Receipt
from iku.messages import message
from iku.queries.figures import Figures
from iku.queries.view import View


class ShownAnnulment(Struct, frozen=True):
    """The annulment of a definition or target.

    Attributes:
        version: Version of the annulment in the indicator's history.
        known_on: The day on which the office knew it.
        reason: The reason, or the words that replace it.
    """

    version: int
    known_on: date
    reason: str


class ShownDefinition(Struct, frozen=True):
    """A version of the definition.

    Attributes:
        definition: Number of the version, from 1.
        version: Version in the indicator's history, which a correction names.
        effective_on: Start of its validity: it counts periods that start on this day or
            later.
        basis: The legal basis.
        reason: The reason, or the words that replace it; null for the first version.
        options: The formula as data.
        corrects: The wrong definition that this one replaces; null for a change.
        annulled: Its annulment; null if it is not annulled.
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
    """A target in per cent, as last corrected, for figures from *effective_on* on.

    Attributes:
        version: Version in the indicator's history, which a correction names.
        basis: The performance agreement.
        reason: The reason, or the words that replace it; null if none was given.
        corrected: Versions of its corrections in the indicator's history.
        annulled: Its annulment; null if it is not annulled.
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
        bands: Each with its minimum achievement in per cent.
    """

    effective_on: date
    basis: str
    bands: tuple[scale.Band, ...]


class ShownIndicator(Struct, frozen=True):
    """An indicator, with the wording of the definition in force today.

    Attributes:
        version: Version of its history, for If-Match.
        definitions: All versions in order, including annulled ones.
        targets: All targets in the order of recording, including annulled ones.
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


class IndicatorWithScale(ShownIndicator, frozen=True, kw_only=True):
    """An indicator and the scale by which its achievement is rated."""

    scale: ShownScale | None


class Indicators(Struct, frozen=True):
    """All indicators, and the scale by which their achievements are rated."""

    indicators: tuple[ShownIndicator, ...]
    scale: ShownScale | None


async def listing(view: View, figures: Figures, today: date) -> Indicators:
    """All indicators, by code, and the scale in force *today*."""
    found = await figures.indicators(view.reader)
    rated_by = _shown_scale(await figures.scale(view.reader), today)
    shown = [
        await _shown_indicator(view, code, one, today)
        for code, one in sorted(found.items())
    ]
    return Indicators(tuple(shown), rated_by)


async def read_indicator(
    view: View, figures: Figures, code: str, today: date
) -> IndicatorWithScale:
    """The indicator with the code *code*.

    Raises:
        UnknownReference: The indicator does not exist.
    """
    found = await figures.indicators(view.reader)
    if code not in found:
        raise UnknownReference(
            message("indicator {indicator} does not exist", indicator=code)
        )
    rated_by = _shown_scale(await figures.scale(view.reader), today)
    one = await _shown_indicator(view, code, found[code], today)
    return IndicatorWithScale(*structs.astuple(one), scale=rated_by)


class KnownIndicator(NamedTuple):
    """An indicator as known at a cut-off.

    Attributes:
        in_force: Version of the definition that counts the period of the day.
    """

    shown: ShownIndicator
    in_force: int
    scale: ShownScale | None


async def known_indicator(
    view: View, figures: Figures, question: Question
) -> KnownIndicator | None:
    """The indicator of *question* as known at its cut-offs; None if it was unknown.

    Raises:
        UnknownReference: The indicator does not exist.
    """
    state = await figures.known_indicator(view.reader, question)
    if state is None:
        return None
    shown = await _shown_indicator(view, question.indicator, state, question.as_of)
    in_force = indicator.applicable_definition(state, state, question.start)
    rated_by = _shown_scale(await figures.scale(view.reader), question.as_of)
    return KnownIndicator(shown, in_force.version, rated_by)


async def version(reader: Reader, code: str) -> int:
    """The version of the indicator's history.

    Raises:
        SubjectNotFound: The indicator does not exist.
    """
    recorded = await log.read_stream(reader, indicator.decider.stream(code))
    if not recorded:
        raise SubjectNotFound(
            message("indicator {indicator} does not exist", indicator=code)
        )
    return recorded[-1].version


async def count_definitions(reader: Reader, code: str, version: int) -> int:
    """The number of definitions in the first *version* events of the indicator."""
    recorded = await log.read_stream(reader, indicator.decider.stream(code))
    return sum(one.type == "defined" for one in recorded[:version])


async def appended_definition(reader: Reader, code: str, given: Receipt) -> int | None:
    """The version of the appended definition; None if none was appended."""
    before = await count_definitions(reader, code, given.version - given.count)
    after = await count_definitions(reader, code, given.version)
    return after if after > before else None


class _FactTexts(NamedTuple):
    """The reason and the knowledge date of each fact of an indicator, by version."""

    reasons: Mapping[int, str]
    known_on: Mapping[int, date]

    def annulment(self, state: Indicator, version: int) -> ShownAnnulment | None:
        """The annulment of the fact at *version*; None if it is not annulled."""
        if version not in state.annulled_event_versions:
            return None
        by = lineage.annulment(state.history, version)
        return ShownAnnulment(by, self.known_on[by], self.reasons[by])


async def _read_fact_texts(view: View, code: str, state: Indicator) -> _FactTexts:
    stream = indicator.decider.stream(code)
    recorded = await log.read_stream(view.reader, stream)
    read = await view.texts(recorded[: len(state.history)])
    return _FactTexts(
        {
            version: words["reason"]
            for (_, version), words in (
                (event, view.texts_in_words(texts)) for event, texts in read.items()
            )
            if "reason" in words
        },
        {one.version: one.known_on for one in recorded},
    )


async def _shown_indicator(
    view: View, code: str, state: Indicator, today: date
) -> ShownIndicator:
    words = await _read_fact_texts(view, code, state)
    now = indicator.applicable_definition(state, state, today).defined
    return ShownIndicator(
        code=code,
        wording=now.wording,
        formula=now.formula,
        sources=now.sources,
        owner=now.owner,
        objective=now.objective,
        version=len(state.history),
        definitions=tuple(_shown_definitions(state, words)),
        targets=tuple(_shown_targets(state, words)),
    )


def _shown_definitions(
    state: Indicator, words: _FactTexts
) -> Iterator[ShownDefinition]:
    numbers = dict(
        zip(
            state.definition_event_versions,
            range(1, len(state.definition_event_versions) + 1),
            strict=True,
        )
    )
    for place, one in zip(
        state.definition_event_versions, state.definitions, strict=True
    ):
        corrects = one.defined.corrects
        fields = structs.asdict(one.defined) | {
            "reason": words.reasons.get(place),
            "corrects": corrects and numbers[corrects],
            "annulled": words.annulment(state, place),
        }
        yield ShownDefinition(definition=one.version, version=place, **fields)


def _shown_targets(state: Indicator, words: _FactTexts) -> Iterator[ShownTarget]:
    gone = lineage.annulled_facts(state.history, indicator.Targeted)
    every = [*state.effective_targets, *(undone.fact for undone in gone)]
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
                if event.corrects == version
                and place not in state.annulled_event_versions
            ),
            annulled=words.annulment(state, version),
        )


def _shown_scale(state: scale.Scale | None, today: date) -> ShownScale | None:
    if state is None:
        return None
    now = scale.applicable_version(state, state, today)
    return ShownScale(now.effective_on, now.basis, now.bands)
