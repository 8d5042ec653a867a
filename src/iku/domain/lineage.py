"""Which facts of a subject's history made it what it is, by their versions.

`fact.standing` gives what is left of a history; this says who left it so: the
corrections that restated a field, the annulments that took a fact away, and what
each of them put in the place of what.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import Struct, structs

from iku.domain.fact import (
    Annulled,
    Correction,
    Fact,
    StandingFact,
    annulled_versions,
    standing,
)


class UndoneFact(Struct, frozen=True):
    """A fact that was taken away.

    Attributes:
        fact: As its corrections had left it.
        by: Version of the annulment.
    """

    fact: StandingFact
    by: int


class ReplacedField(Struct, frozen=True):
    """A field that a correction or annulment left other than it was.

    Attributes:
        version: Of the fact whose field it is.
        before: What it was; None where the fact did not stand, or left it empty.
        after: What it is now; None likewise.
    """

    version: int
    field: str
    before: Any
    after: Any


def corrections(history: Sequence[Fact], version: int, *fields: str) -> tuple[int, ...]:
    """Versions of the corrections that these *fields* of a fact stand by."""
    last: dict[str, int] = {}
    for number, correction in _corrections(history, version):
        last |= dict.fromkeys(correction.restated(), number)
    return tuple(sorted({last[field] for field in fields if field in last}))


def undone(history: Sequence[Fact], *types: type[Fact]) -> Iterator[UndoneFact]:
    """The facts of these types that were taken away, in the order recorded."""
    void = annulled_versions(history)
    for version, event in enumerate(history, start=1):
        if version in void and isinstance(event, types):
            for _, correction in _corrections(history, version):
                event = structs.replace(event, **correction.restated())  # noqa: PLW2901
            yield UndoneFact(StandingFact(version, event), annulment(history, version))


def replaced(history: Sequence[Fact], version: int) -> list[ReplacedField]:
    """What the fact at *version* put in the place of what stood before it."""
    (found,) = each_replaced(history[:version], version - 1)
    return found


def each_replaced(history: Sequence[Fact], after: int) -> Iterator[list[ReplacedField]]:
    """The same for each fact of *history* after the version *after*, in order."""
    before: tuple[int, dict[int, Any]] | None = None  # what stood at a version
    for version, event in enumerate(history[after:], start=after + 1):
        if not isinstance(event, Correction | Annulled):
            yield []
            continue
        if before is None or before[0] != version - 1:
            before = version - 1, dict(standing(history[: version - 1]))
        now = dict(standing(history[:version]))
        yield [
            ReplacedField(of, field, was, is_now)
            for of in sorted(before[1].keys() | now.keys())
            for field, was, is_now in _differences(before[1].get(of), now.get(of))
        ]
        before = version, now


def roots(history: Sequence[Fact]) -> list[int]:
    """By version, from 1: the version of the fact that each fact is about in the end.

    A correction or annulment is about what the fact that it names is about, any other
    fact about itself. Facts of different roots do not change each other.
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
    """The corrections of a fact that stand, with their versions, in order."""
    void = annulled_versions(history)
    for number, event in enumerate(history, start=1):
        stands = number not in void
        if stands and isinstance(event, Correction) and event.corrects == version:
            yield number, event


def annulment(history: Sequence[Fact], version: int) -> int:
    """Version of the annulment by which a fact is gone: the last that stands."""
    void = annulled_versions(history)
    return max(
        number
        for number, event in enumerate(history, start=1)
        if isinstance(event, Annulled) and event.annuls == version
        if number not in void
    )
