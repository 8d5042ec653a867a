"""What can be read of a fact's texts, and why the rest cannot.

A text is *erased* where a decision covers it; whoever looks is told which. A commitment
without its text and without a decision has been *withheld*: somebody owes an answer.
"""

from datetime import date
from enum import StrEnum
from typing import NamedTuple

from msgspec import Struct


class WithheldReason(StrEnum):
    """Why a text is not shown."""

    ERASED = "erased"
    LOCKED = "locked"
    DAMAGED = "damaged"
    MISSING = "missing"

    @property
    def word(self) -> str:
        """What people read in the text's place."""
        return _WORDS[self]


_WORDS = {
    WithheldReason.ERASED: "dihapus",
    WithheldReason.LOCKED: "terkunci",
    WithheldReason.DAMAGED: "rusak",
    WithheldReason.MISSING: "hilang",
}


class ErasureDecision(Struct, frozen=True):
    """The decision by which a text was erased.

    Attributes:
        decision: Its number.
        legal_basis: What it rests on.
        on: Its day; where it has none, the day it was recorded.
    """

    decision: str
    legal_basis: str
    on: date


class Withheld(Struct, frozen=True):
    """Why a text is not shown.

    Attributes:
        why: erased by a decision; locked, its key is not here; damaged, it is not what
            the record commits to; missing, it is gone without a decision.
        erased: The decision; null where there is none.
    """

    why: WithheldReason
    erased: ErasureDecision | None = None

    @property
    def words(self) -> str:
        """What people read in the text's place: ``dihapus (B/12/2022)``."""
        by = f" ({self.erased.decision})" if self.erased else ""
        return f"{self.why.word}{by}"


class Texts(NamedTuple):
    """The texts of an event, by name: those that can be read, and the others."""

    plain: dict[str, str]
    withheld: dict[str, Withheld]

    @property
    def all(self) -> dict[str, str]:
        """Every text by name, or what people read in its place."""
        return self.plain | {n: why.words for n, why in self.withheld.items()}


NONE = Texts({}, {})
