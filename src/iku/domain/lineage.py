"""Lineage: the events from which the present values of a subject derive, by version.

`fact.effective_facts` gives the events in effect. This module gives the corrections
that set a field, the annulments that removed an event, and the values that each of
them replaced.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import Struct, structs

from iku.domain.fact import (
    Annulled,
    Correction,
    EffectiveFact,
    Fact,
    annulled_versions,
    effective_facts,
)


class AnnulledFact(Struct, frozen=True):
    """An event that was annulled, and the annulment.

    Attributes:
        fact: The event as last corrected.
        by: Version of the annulment.
    """

    fact: EffectiveFact
    by: int


class ReplacedField(Struct, frozen=True):
    """A field whose value a correction or an annulment changed.

    Attributes:
        version: Version of the event that has the field.
        before: Value before; None if the event was not in effect or the field was
            empty.
        after: Value after; None if the event is no longer in effect or the field is
            empty.
    """

    version: int
    field: str
    before: Any
    after: Any


def corrections(history: Sequence[Fact], version: int, *fields: str) -> tuple[int, ...]:
    """Versions of the corrections that set the present *fields* of an event."""
    last: dict[str, int] = {}
    for number, correction in _corrections(history, version):
        last |= dict.fromkeys(correction.restated_fields(), number)
    return tuple(sorted({last[field] for field in fields if field in last}))


def annulled_facts(
    history: Sequence[Fact], *types: type[Fact]
) -> Iterator[AnnulledFact]:
    """The annulled events of these types, in the order recorded."""
    void = annulled_versions(history)
    for version, event in enumerate(history, start=1):
        if version in void and isinstance(event, types):
            for _, correction in _corrections(history, version):
                event = structs.replace(event, **correction.restated_fields())  # noqa: PLW2901
            yield AnnulledFact(
                EffectiveFact(version, event), annulment(history, version)
            )


def replaced_fields(history: Sequence[Fact], version: int) -> list[ReplacedField]:
    """The fields that the event at *version* changed in other events."""
    (found,) = replaced_fields_by_event(history[:version], version - 1)
    return found


def replaced_fields_by_event(
    history: Sequence[Fact], after: int
) -> Iterator[list[ReplacedField]]:
    """`replaced_fields` for each event of *history* after version *after*, in order."""
    before: tuple[int, dict[int, Any]] | None = None  # events in effect at a version
    for version, event in enumerate(history[after:], start=after + 1):
        if not isinstance(event, Correction | Annulled):
            yield []
            continue
        if before is None or before[0] != version - 1:
            before = version - 1, dict(effective_facts(history[: version - 1]))
        now = dict(effective_facts(history[:version]))
        yield [
            ReplacedField(of, field, was, is_now)
            for of in sorted(before[1].keys() | now.keys())
            for field, was, is_now in _differences(before[1].get(of), now.get(of))
        ]
        before = version, now


def root_versions(history: Sequence[Fact]) -> list[int]:
    """For each version, from 1, the version of the event to which it ultimately refers.

    A correction or annulment refers to the root of the event that it names; any other
    event is its own root. Events with different roots do not affect each other.
    """
    found: list[int] = []
    for version, event in enumerate(history, start=1):
        match event:
            case Correction():
                about = event.corrects
            case Annulled():
                about = event.annuls
            case _:
                about = version
        found.append(found[about - 1] if 0 < about < version else version)
    return found


def _differences(was: Fact | None, now: Fact | None) -> Iterator[tuple[str, Any, Any]]:
    for field in getattr(was or now, "__struct_fields__", ()):
        before, after = getattr(was, field, None), getattr(now, field, None)
        if before != after:
            yield field, before, after


def _corrections(
    history: Sequence[Fact], version: int
) -> Iterator[tuple[int, Correction]]:
    """The corrections of an event that are in effect, with their versions, in order."""
    void = annulled_versions(history)
    for number, event in enumerate(history, start=1):
        stands = number not in void
        if stands and isinstance(event, Correction) and event.corrects == version:
            yield number, event


def annulment(history: Sequence[Fact], version: int) -> int:
    """Version of the last annulment of the event at *version* that is in effect."""
    void = annulled_versions(history)
    return max(
        number
        for number, event in enumerate(history, start=1)
        if isinstance(event, Annulled) and event.annuls == version
        if number not in void
    )
