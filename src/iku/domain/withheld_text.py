"""The readable texts of an event, and the reasons why the others are withheld.

A text is *erased* if a decision covers it, and the reader sees which decision. A
commitment without a text and without a decision is *missing*, a finding that the
operator must explain.
"""

from datetime import date
from enum import StrEnum
from typing import NamedTuple

from msgspec import Struct

from iku.messages import Term, message


class WithheldReason(StrEnum):
    """The reason why a text is withheld."""

    ERASED = "erased"
    LOCKED = "locked"
    DAMAGED = "damaged"
    MISSING = "missing"
    FORBIDDEN = "forbidden"


class ErasureDecision(Struct, frozen=True):
    """The decision by which a text was erased.

    Attributes:
        decision: Number of the decision.
        legal_basis: Legal basis of the decision.
        on: Day of the decision; if it has none, the day of its record.
    """

    decision: str
    legal_basis: str
    on: date


class Withheld(Struct, frozen=True):
    """The reason why a text is not shown.

    Attributes:
        why: erased by a decision; locked, because its key is not available; damaged,
            because it does not match the commitment; missing, because it is gone
            without a decision; forbidden, because the reader has no right to it.
        erased: The decision; null if there is none.
    """

    why: WithheldReason
    erased: ErasureDecision | None = None

    @property
    def replacement_message(self) -> str:
        """The message that replaces the text in output: ``erased (B/12/2022)``."""
        reason = Term("withheld", self.why)
        if self.erased is None:
            return reason
        return message(
            "{withheld_reason} ({erasure_decision})",
            withheld_reason=reason,
            erasure_decision=self.erased.decision,
        )


class Texts(NamedTuple):
    """The texts of an event by name, the readable ones and the withheld ones."""

    plain: dict[str, str]
    withheld: dict[str, Withheld]

    @property
    def display_texts(self) -> dict[str, str]:
        """Each text by name, or the words that replace it, not yet translated."""
        return self.plain | {
            n: why.replacement_message for n, why in self.withheld.items()
        }


NONE = Texts({}, {})
