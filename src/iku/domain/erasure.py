"""Erasure: decisions to erase the texts of a subject, a person or a case.

The decision is an event and stays in the log. The erased texts are not in the log: it
holds only commitments to them (crypto-shredding).
"""

import re
from collections.abc import Iterable
from datetime import date

from msgspec import Struct

from iku.domain.decider import Decider, DecisionContext, refuse_unlikely_day
from iku.domain.fact import Fact, Line

# The identifier of a person, or the name of a stream.
_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,99}")


def is_identifier(subject: str) -> bool:
    """Whether *subject* has the form of an identifier."""
    return _IDENTIFIER.fullmatch(subject) is not None


# Events. The tag and the fields are the storage format: add fields, never change them.


class Erased(Fact, frozen=True, tag="erased"):
    """All texts of the subject that were recorded before this event were erased.

    Attributes:
        decision: Number of the decision; it names no person.
        legal_basis: Legal basis of the decision, such as an article of UU 27/2022.
    """

    decision: Line
    legal_basis: Line
    effective_on: date | None = None


class Erasures(Struct, frozen=True):
    """All decisions on a subject, the first at version 1."""

    history: tuple[Erased, ...]


def evolve(erasures: Erasures | None, event: Erased) -> Erasures:
    """The decisions after *event*."""
    return Erasures((*(erasures.history if erasures else ()), event))


def decide(
    command: Erased, erasures: Erasures | None, context: DecisionContext
) -> list[Erased]:
    """The event that *command* adds; empty if the same decision is already recorded.

    Raises:
        Refused: The day is in the future or before the founding of the republic.
    """
    refuse_unlikely_day("effective_on", command.effective_on, context.today)
    if erasures and command in erasures.history:
        return []
    return [command]


def covering_decision(position: int, erasures: Iterable[int]) -> int | None:
    """The position of the decision that erased a text recorded at *position*, or None.

    *erasures* are the positions of the decisions on the subject of the text. A decision
    covers every text recorded before it, so the first one after *position* is returned.
    A commitment without a text is *erased* if there is such a decision, else
    *withheld*.
    """
    return min((place for place in erasures if place > position), default=None)


decider: Decider[Erasures, Erased] = Decider(
    "subject", Erased, decide, evolve, moves_figures=False
)
