"""What was erased about a subject: a person, or the narrative of a case.

The decision to erase is itself a fact, for good; what it erases never was in the log.
"""

import re
from collections.abc import Iterable
from datetime import date

from msgspec import Struct

from iku.domain.decider import Decider, DecisionContext, refuse_unlikely_day
from iku.domain.fact import Fact, Line

# A person's, or the name of a stream.
_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,99}")


def is_identifier(subject: str) -> bool:
    """Whether *subject* can be one: nothing else is looked for."""
    return _IDENTIFIER.fullmatch(subject) is not None


# Facts. The tag and fields below are the storage format: add, never change.


class Erased(Fact, frozen=True, tag="erased"):
    """All texts recorded of the subject until now were destroyed.

    Attributes:
        decision: Number of the decision; names nobody.
        legal_basis: What it rests on, such as an article of UU 27/2022.
    """

    decision: Line
    legal_basis: Line
    effective_on: date | None = None


class Erasures(Struct, frozen=True):
    """All decisions on a subject, the first at version 1."""

    history: tuple[Erased, ...]


def evolve(erasures: Erasures | None, event: Erased) -> Erasures:
    """The decisions once *event* is among them."""
    return Erasures((*(erasures.history if erasures else ()), event))


def decide(
    command: Erased, erasures: Erasures | None, context: DecisionContext
) -> list[Erased]:
    """The fact that *command* adds; none where the same decision was carried out.

    Raises:
        Refused: The day is not a likely one.
    """
    refuse_unlikely_day("effective_on", command.effective_on, context.today)
    if erasures and command in erasures.history:
        return []
    return [command]


def covering(position: int, erasures: Iterable[int]) -> int | None:
    """The position of the decision that erased a text recorded at *position*.

    A commitment without its text is *erased* where there is one, and *withheld* where
    there is none (None). *erasures* are the positions of those of the text's subject:
    each covers what was recorded before it, so the first that follows is the one.
    """
    return min((place for place in erasures if place > position), default=None)


decider: Decider[Erasures, Erased] = Decider(
    "subject", Erased, decide, evolve, moves_figures=False
)
