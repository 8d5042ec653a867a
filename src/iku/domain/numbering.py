"""Numbers in the register: K2026-00014, O41, K/7/2021.

The *identifier* of a case or organisation names its stream and its URL, and never
changes. Its *number* is the one the office uses on paper, an attribute that can be
corrected. Numbers are compared without case, and no two subjects that are not annulled
have the same number (design, section 5). An automatic number consists of a letter, the
year of the first event's `effective_on`, and a serial number that restarts each year.
"""

import re
import unicodedata
from collections.abc import Container
from typing import Any, NamedTuple

from iku.domain.decider import subject_id, subject_number
from iku.domain.subject import Subject

LONGEST = 64  # maximum length of an identifier, in characters
_AUTOMATIC = re.compile(r"([a-z])([0-9]{4})-([0-9]{5}|[1-9][0-9]{5,11})")


class SubjectNumber(NamedTuple):
    """The present number of a subject.

    *held* is false if the subject is annulled, which frees the number.
    """

    number: str
    held: bool

    def has_number(self, number: str) -> bool:
        """Whether the subject holds *number*, compared without case."""
        return self.held and casefold(number) == casefold(self.number)


class NumberSeries(NamedTuple):
    """The automatic numbers of one kind of subject in one year."""

    category: str
    letter: str
    year: int

    @property
    def prefix(self) -> str:
        """The prefix of all numbers of the series."""
        return f"{self.letter}{self.year:04}-"

    def number(self, serial: int) -> str:
        """The number with the serial number *serial*; the first is 1."""
        return f"{self.prefix}{serial:05}"


class NumberTaken(Exception):
    """The number is in use by the subject *holder*."""

    def __init__(self, category: str, number: str, holder: str) -> None:
        super().__init__(f"number {number} belongs to {category} {holder}")
        self.number = number
        self.holder = holder


class IdentifierTaken(Exception):
    """The identifier of a new subject is in use by *holder*, compared without case.

    Attributes:
        free: The next free identifier for that number; None if it would be too long.
    """

    def __init__(self, number: str, holder: str, free: str | None) -> None:
        super().__init__(f"{number} is the identifier of {holder}")
        self.number = number
        self.holder = holder
        self.free = free


def casefold(number: str) -> str:
    """*number* in the form in which numbers are compared."""
    if number.isascii():
        return number.lower()
    return unicodedata.normalize("NFC", number).casefold()


def current_number(subject: str, state: Any) -> SubjectNumber | None:
    """The number of *subject* in its *state*; None for a kind without numbers."""
    if not isinstance(state, Subject) or not state.history:
        return None
    return state.get_or_compute(
        (SubjectNumber, subject), lambda: _subject_number(subject, state)
    )


def _subject_number(subject: str, state: Subject) -> SubjectNumber:
    number = getattr(state.creation_event, "number", None)
    held = state.effective_creation_event is not None
    return SubjectNumber(number or subject_number(subject), held=held)


def number(subject: str, state: Any) -> str:
    """The number of a subject; without one, the number in its identifier."""
    found = current_number(subject, state)
    return subject_number(subject) if found is None else found.number


def parse_serial(letter: str, number: str) -> tuple[int, int] | None:
    """Year and serial of an automatic number with *letter*; None for other numbers."""
    found = _AUTOMATIC.fullmatch(casefold(number))
    if found is None or found[1] != letter.casefold():
        return None
    return int(found[2]), int(found[3])


def free_identifier(number: str, used: Container[str]) -> str | None:
    """A free identifier for a new subject with *number*: K14, K14.2, K14.3 and so on.

    *used* are the identifiers in use, `casefold`. None if the identifier would be too
    long.
    """
    wanted = named = subject_id(number)
    place = 1
    while casefold(named) in used:
        place += 1
        named = f"{wanted}.{place}"
    return named if len(named) <= LONGEST else None
