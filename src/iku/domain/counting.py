"""How a subject counts in a figure: by which rule, and which facts decided.

A kind of subject says it literally in one class of `Rules`: read from top to bottom,
the first rule that applies decides. `replay` counts by it, and an explanation is the
same `Membership` asked for its reasons, so that the two cannot differ. What a reason
cites is looked up only when it is asked for.

`contribution` says the same as ranges of days that can be summed; both always agree.
"""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from datetime import date
from enum import StrEnum
from typing import Any, NamedTuple

from msgspec import Struct

from iku.domain import merger
from iku.domain.decider import subject_number
from iku.domain.fact import Fact, Merger, Rejection, StandingFact
from iku.domain.figure import Counts
from iku.domain.lineage import UndoneFact, corrections, undone
from iku.domain.subject import Subject

DISTRICT = len("35.76.02")  # an area's code begins with that of its district


class Rule(StrEnum):
    """The rule that decides whether a subject is in a numerator or denominator."""

    # In the denominator.
    NEW_IN_PERIOD = "new_in_period"
    OPEN_ON_EVE = "open_on_eve"
    REOPENED_IN_PERIOD = "reopened_in_period"
    REGISTERED = "registered"
    LEFT_IN_PERIOD = "left_in_period"
    # Not in the denominator, and so not in the numerator.
    ANNULLED = "annulled"
    REJECTED = "rejected"
    MERGED = "merged"
    NOT_VERIFIED = "not_verified"
    RETURNED = "returned"
    VERIFICATION_ANNULLED = "verification_annulled"
    NOT_YET = "not_yet"
    OTHER_CATEGORY = "other_category"
    BELOW_LEVEL = "below_level"
    NOT_NEW = "not_new"
    RESOLVED_BEFORE = "resolved_before"
    OTHER_KIND = "other_kind"
    DISSOLVED = "dissolved"
    REVOKED = "revoked"
    MOVED_OUT = "moved_out"
    EXPIRED = "expired"
    GONE_BEFORE = "gone_before"
    # In the numerator.
    RESOLVED = "resolved"
    FIRST_CLOSURE = "first_closure"
    TAKES_PART = "takes_part"
    # In the denominator only.
    STILL_OPEN = "still_open"
    CLOSED_LATER = "closed_later"
    CLOSING_ANNULLED = "closing_annulled"
    REOPENED = "reopened"
    NO_RESOLUTION = "no_resolution"
    SUSPENDED = "suspended"
    TOO_FEW = "too_few"


class Sentence(Struct, frozen=True):
    """What is said to people, in Indonesian and in English."""

    id: str
    en: str


class DecidingFact(Struct, frozen=True):
    """A fact that decided, by its version.

    Attributes:
        corrections: Versions of the corrections it stands by in what decided.
    """

    version: int
    corrections: tuple[int, ...] = ()


class Reason(Struct, frozen=True):
    """A rule, the facts that decided it, and the values it looked at."""

    rule: Rule
    deciding: tuple[DecidingFact, ...]
    quoted: Mapping[str, Any]

    @property
    def versions(self) -> tuple[int, ...]:
        """Versions of all that decided, corrections included, in order."""
        parts = ((one.version, *one.corrections) for one in self.deciding)
        return tuple(sorted({version for part in parts for version in part}))


class RuleResult(NamedTuple):
    """Whether a subject is in the numerator or denominator.

    Attributes:
        reason: Gives the rule that decided it, with its facts.
    """

    holds: bool
    reason: Callable[[], Reason]


class Rules(Struct, frozen=True, dict=True):
    """The rules of one kind of subject, put to one subject, definition and day."""

    @abstractmethod
    def denominator(self) -> RuleResult:
        """Whether it is in the denominator: the rules, in order."""

    @abstractmethod
    def numerator(self) -> RuleResult:
        """Whether it is in the numerator, being in the denominator."""

    @abstractmethod
    def part(self) -> str:
        """Dimension of a case, kind of an organisation."""

    @abstractmethod
    def district(self) -> str:
        """Code of its district; empty where no area is known."""

    def expired(self) -> bool:
        """Whether it, being in the denominator, has an expired certificate."""
        return False

    def membership(self) -> "Membership":
        """How the subject counts."""
        denominator = self.denominator()
        if not denominator.holds:
            return Membership(NOTHING, denominator, denominator, self)
        numerator = self.numerator()
        counts = Counts(int(numerator.holds), 1, int(self.expired()))
        return Membership(counts, denominator, numerator, self)


class Membership(Struct, frozen=True):
    """How one subject counts in one figure.

    Attributes:
        counts: What it adds to the figure.
        denominator: Whether it is in the denominator, by which rule.
        numerator: The same of the numerator; what is not in the denominator is, for
            that reason, not in the numerator.
    """

    counts: Counts
    denominator: RuleResult
    numerator: RuleResult
    rules: Rules

    @property
    def part(self) -> str:
        """Dimension of a case on the day, kind of an organisation."""
        return self.rules.part()

    @property
    def district(self) -> str:
        """Code of its district; empty where no area is known."""
        return self.rules.district()


NOTHING = Counts()


def district(area: str | None) -> str:
    """Code of the district that the area with this code is, or lies, in."""
    return (area or "")[:DISTRICT]


# The facts that decided: those of a kind, in order of day, as they stand.


def standing(subject: Subject, *types: type[Fact]) -> list[StandingFact]:
    """The facts of these types that are left, in the order recorded."""
    return [fact for fact in subject.facts if isinstance(fact.event, types)]


def between(
    subject: Subject, first: date, last: date, *types: type[Fact]
) -> list[StandingFact]:
    """Those of them that took effect from *first* to *last*, in that order."""
    within = [
        fact
        for fact in standing(subject, *types)
        if first <= fact.event.effective_on <= last
    ]
    # `sorted` is stable: of two on one day the one recorded later comes later.
    return sorted(within, key=lambda fact: fact.event.effective_on)


def cited(subject: Subject, fact: StandingFact, *fields: str) -> DecidingFact:
    """*fact*, with the corrections that its day or one of *fields* stands by."""
    return said_by(subject, fact, "effective_on", *fields)


def said_by(subject: Subject, fact: StandingFact, *fields: str) -> DecidingFact:
    """*fact*, with the corrections that these *fields* stand by."""
    return DecidingFact(
        fact.version, corrections(subject.history, fact.version, *fields)
    )


def together(*deciding: DecidingFact) -> tuple[DecidingFact, ...]:
    """All of them, each fact once with all its corrections."""
    merged: dict[int, set[int]] = {}
    for one in deciding:
        merged.setdefault(one.version, set()).update(one.corrections)
    return tuple(DecidingFact(v, tuple(sorted(by))) for v, by in merged.items())


def by_annulment(rule: Rule, gone: UndoneFact, **quoted: Any) -> Reason:
    """The reason that the fact *gone* was annulled."""
    day = gone.fact.event.effective_on
    return Reason(rule, (DecidingFact(gone.by),), {"day": day, **quoted})


def void(subject: Subject, opening: Sentence) -> Reason:
    """Why *subject*, which is void, does not count at all (`Subject.void`)."""
    if annulled := [*undone(subject.history, subject.OPENING)]:
        return by_annulment(Rule.ANNULLED, annulled[-1], what=opening)
    fact = standing(subject, Rejection, Merger)[0]
    by = (said_by(subject, fact, "into"),)
    if isinstance(fact.event, Merger):
        return Reason(Rule.MERGED, by, {"into": fact.event.into})
    return Reason(Rule.REJECTED, by, {"along": _along(subject)})


def _along(rejected: Subject) -> Sentence:
    """Whom its rejection takes along; empty where nobody is merged into it."""
    numbers = ", ".join(map(subject_number, merger.absorbed(rejected.facts)))
    if not numbers:
        return Sentence("", "")
    return Sentence(
        f", bersama {numbers} yang digabung ke sini",
        f", together with {numbers}, merged into it",
    )
