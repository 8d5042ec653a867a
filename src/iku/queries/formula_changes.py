"""Changes of the definition in force, the target or the scale of a figure.

Such an event moves no count and may have any effective day or none, such as an
annulment. It is found by comparing definition, target and scale before and after it.
"""

from collections.abc import Iterator, Sequence
from itertools import accumulate, chain
from typing import Any

from iku.domain import fact, indicator, scale, subject_kinds
from iku.domain.cause import Cause
from iku.domain.decider_registry import DECIDERS
from iku.domain.fact import Annulled
from iku.domain.publication import Closed, Publication
from iku.domain.question import SCALE
from iku.ledger import log
from iku.ledger.log import Reader
from iku.ledger.record import Recorded


async def changed_positions(
    reader: Reader, of: Publication, closing: Closed, size: int
) -> list[int]:
    """Positions of events that changed definition, target or scale of a frozen figure.

    Events known at the closing are omitted.
    """
    codes = [frozen.indicator for frozen in closing.figures]
    streams = [*map(indicator.decider.stream, codes), scale.decider.stream(SCALE)]
    found = await log.read_streams(reader, streams, size=size)
    return [
        one.position
        for recorded in found.values()
        for one, before, after in _basis_changes(recorded, of)
        if before != after
        if one.position > closing.size or one.known_on > closing.known_on
    ]


def _basis_changes(
    recorded: Sequence[Recorded], of: Publication
) -> Iterator[tuple[Recorded, Any, Any]]:
    """Each event with definition, target and scale before and after it."""
    decider = DECIDERS[recorded[0].category]
    states = [*accumulate(chain([None], decode_facts(recorded)), decider.evolve)]
    made = [_basis_at(state, states[-1], of) for state in states]
    yield from zip(recorded, made, made[1:], strict=False)


def _basis_at(state: Any, whole: Any, of: Publication) -> Any:
    """The scale, or the definition version and the target, in force in *state*."""
    if isinstance(whole, scale.Scale):
        return scale.applicable_version(state, whole, of.as_of)
    definition = indicator.applicable_definition(state, whole, of.period.start)
    return definition.version, state.target(of.as_of) if state else None


def decode_facts(recorded: Sequence[Recorded]) -> list[Any]:
    """The facts in *recorded*, which are events of one stream."""
    event_type = DECIDERS[recorded[0].category].event_type
    return [fact.decode_recorded(one, event_type) for one in recorded]


def cause(category: str, history: Sequence[Any]) -> Cause:
    """The cause by which the last event of *history* changes a figure."""
    match event := history[-1]:
        case indicator.Defined():
            return Cause.DEFINITION
        case indicator.Targeted() | indicator.Corrected() | scale.Scaled():
            return Cause.TARGET
        case Annulled() if category == indicator.decider.category:
            # It annuls or restores a definition or a target.
            return cause(category, history[: event.annuls])
        case _:
            return subject_kinds.counted_kind(category).cause(event)
