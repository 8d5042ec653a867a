"""How a subject counts in a figure: the deciding rule, and the events that it cites.

Each kind of subject states its rules in one class of `Rules`. They are read from top to
bottom, and the first rule that applies decides. `replay` counts by `Membership`, and an
explanation takes its reasons from the same `Membership`, so the two cannot differ. The
cited events are looked up only when a reason is requested.

`contribution` gives the same results as ranges of days that can be summed. Both must
agree (design, section 6).
"""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from datetime import date
from enum import StrEnum
from typing import Any, NamedTuple

from msgspec import Struct

from iku.domain import merger
from iku.domain.decider import subject_number
from iku.domain.fact import EffectiveFact, Fact, Merger, Rejection
from iku.domain.figure import Counts
from iku.domain.lineage import AnnulledFact, annulled_facts, corrections
from iku.domain.subject import Subject
from iku.messages import Message

DISTRICT = len("35.76.02")  # the code of an area begins with that of its district


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


class DecidingFact(Struct, frozen=True):
    """An event that a rule cites, by version.

    Attributes:
        corrections: Versions of the corrections that set the values which the rule
            used.
    """

    version: int
    corrections: tuple[int, ...] = ()


class Reason(Struct, frozen=True):
    """A rule, the events that it cites, and the values that it compared."""

    rule: Rule
    deciding: tuple[DecidingFact, ...]
    quoted: Mapping[str, Any]

    @property
    def versions(self) -> tuple[int, ...]:
        """Versions of all deciding events and their corrections, in ascending order."""
        parts = ((one.version, *one.corrections) for one in self.deciding)
        return tuple(sorted({version for part in parts for version in part}))


class RuleResult(NamedTuple):
    """Whether a subject is in the numerator or denominator.

    Attributes:
        reason: Returns the deciding rule with the events that it cites.
    """

    holds: bool
    reason: Callable[[], Reason]


class Rules(Struct, frozen=True, dict=True):
    """The rules of one kind of subject, applied to one subject, definition and day."""

    @abstractmethod
    def in_denominator(self) -> RuleResult:
        """Whether the subject is in the denominator, by the first rule that applies."""

    @abstractmethod
    def in_numerator(self) -> RuleResult:
        """Whether a subject of the denominator is in the numerator."""

    @abstractmethod
    def part(self) -> str:
        """The part of a breakdown: a case's dimension, or an organisation's kind."""

    @abstractmethod
    def district(self) -> str:
        """Code of the district; empty if the area is unknown."""

    def expired(self) -> bool:
        """Whether a subject of the denominator has an expired certificate."""
        return False

    def membership(self) -> "Membership":
        """The membership of the subject: how it counts in the figure."""
        denominator = self.in_denominator()
        if not denominator.holds:
            return Membership(NOTHING, denominator, denominator, self)
        numerator = self.in_numerator()
        counts = Counts(int(numerator.holds), 1, int(self.expired()))
        return Membership(counts, denominator, numerator, self)


class Membership(Struct, frozen=True):
    """How one subject counts in one figure.

    Attributes:
        counts: What the subject adds to the figure.
        denominator: Whether the subject is in the denominator, with the deciding rule.
        numerator: Whether the subject is in the numerator, with the deciding rule. For
            a subject that is not in the denominator it is equal to `denominator`.
    """

    counts: Counts
    denominator: RuleResult
    numerator: RuleResult
    rules: Rules

    @property
    def part(self) -> str:
        """The part of a breakdown on the day: a dimension, or a kind."""
        return self.rules.part()

    @property
    def district(self) -> str:
        """Code of the district; empty if the area is unknown."""
        return self.rules.district()


NOTHING = Counts()


def district(area: str | None) -> str:
    """Code of the district that contains, or is, the area with the code *area*."""
    return (area or "")[:DISTRICT]


# The deciding events of a subject, after corrections and annulments.


def facts_between(
    subject: Subject, first: date, last: date, *types: type[Fact]
) -> list[EffectiveFact]:
    """The events in effect with a day from *first* to *last*, ordered by that day."""
    within = [
        fact
        for fact in subject.effective_facts(*types)
        if first <= fact.event.effective_on <= last
    ]
    # `sorted` is stable: events of one day keep the order in which they were recorded.
    return sorted(within, key=lambda fact: fact.event.effective_on)


def cite(subject: Subject, fact: EffectiveFact, *fields: str) -> DecidingFact:
    """*fact* with the corrections that set its `effective_on` or one of *fields*."""
    return cite_fields(subject, fact, "effective_on", *fields)


def cite_fields(subject: Subject, fact: EffectiveFact, *fields: str) -> DecidingFact:
    """*fact* with the corrections that set one of *fields*."""
    return DecidingFact(
        fact.version, corrections(subject.history, fact.version, *fields)
    )


def distinct_deciding_facts(*deciding: DecidingFact) -> tuple[DecidingFact, ...]:
    """The deciding facts without duplicates: each once, with all of its corrections."""
    merged: dict[int, set[int]] = {}
    for one in deciding:
        merged.setdefault(one.version, set()).update(one.corrections)
    return tuple(DecidingFact(v, tuple(sorted(by))) for v, by in merged.items())


def annulment_reason(rule: Rule, gone: AnnulledFact, **quoted: Any) -> Reason:
    """The reason why a subject no longer counts after the annulment in *gone*."""
    day = gone.fact.event.effective_on
    return Reason(rule, (DecidingFact(gone.by),), {"day": day, **quoted})


def exclusion_reason(subject: Subject, opening: Message) -> Reason:
    """The reason why a subject never counts (`Subject.exclusion_status`)."""
    if annulled := [*annulled_facts(subject.history, subject.CREATION)]:
        return annulment_reason(Rule.ANNULLED, annulled[-1], what=opening)
    fact = subject.effective_facts(Rejection, Merger)[0]
    by = (cite_fields(subject, fact, "into"),)
    if isinstance(fact.event, Merger):
        return Reason(Rule.MERGED, by, {"into": fact.event.into})
    merged = [*map(subject_number, merger.absorption_versions(subject.facts))]
    return Reason(Rule.REJECTED, by, {"merged": merged} if merged else {})
