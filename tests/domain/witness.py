"""Checks of explanations against the counts and against a day-by-day evaluation."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any, NamedTuple

from iku.domain import conflict, organisation, period, subject_kinds
from iku.domain.counting import Membership, Reason, Rule
from iku.domain.fact import Annulled
from iku.domain.indicator import (
    CarryOver,
    DateBasis,
    ExpiredRegistration,
    Options,
)
from iku.domain.organisation_counting import EXPIRED
from iku.domain.reasons import sentence
from iku.language import Language, translate
from tests.domain import recount
from tests.domain.chance import Question
from tests.domain.story import on

RULES = list(Rule)
EXISTING = RULES[: RULES.index(Rule.ANNULLED)]
MISSING = RULES[len(EXISTING) : RULES.index(Rule.RESOLVED)]
DONE = [Rule.RESOLVED, Rule.FIRST_CLOSURE, Rule.TAKES_PART]
UNDONE = RULES[RULES.index(Rule.STILL_OPEN) :]


YEAR = Question(on("2021-01-01"), on("2021-12-31"))


def agrees(subject: Any, options: Options, question: Question) -> Membership:
    """How *subject* counts, asserted to agree with the rules of its reasons."""
    found = subject_kinds.membership(subject, options, *question)
    denominator, numerator = found.denominator.reason(), found.numerator.reason()
    if not found.counts.denominator:
        assert denominator.rule in MISSING
        assert numerator == denominator
    else:
        assert denominator.rule in EXISTING
        assert numerator.rule in (DONE if found.counts.numerator else UNDONE)
    for reason in (denominator, numerator):
        cites_what_stands(reason, subject.history)
        tells_all_positions(reason, len(subject.history))
    return found


def cites_what_stands(reason: Reason, history: Any) -> None:
    """Assert that the cited facts and corrections are not annulled themselves."""
    assert reason.deciding or reason.rule is Rule.TOO_FEW
    stands = dict(recount.remaining(history))
    for cited in reason.deciding:
        event = history[cited.version - 1]
        if isinstance(event, Annulled):
            assert event.annuls not in stands
            continue
        for version in cited.corrections:
            correction = history[version - 1]
            assert correction.corrects == cited.version
            restated = correction.restated_fields().items()
            fact = stands[cited.version]
            assert any(getattr(fact, name) == value for name, value in restated)


def tells_all_positions(reason: Reason, count: int) -> None:
    told = sentence(reason, range(1001, 1001 + count))
    for version in reason.versions:
        assert f"{1000 + version}" in translate(told, Language.INDONESIAN)
        assert f"{1000 + version}" in told
    assert not {"{", "}", "_"} & {*told, *translate(told, Language.INDONESIAN)}


def told(
    subject: Any, options: Options, day: str = "2021-12-31", kind: str = "year"
) -> list[tuple[str, str]]:
    """The rule and the Indonesian sentence of each distinct reason."""
    start = period.containing(on(day), period.Kind(kind)).start
    found = agrees(subject, options, Question(start, on(day)))
    positions = range(31, 31 + len(subject.history))
    reasons = [found.denominator.reason(), found.numerator.reason()]
    if reasons[0] == reasons[1]:
        reasons.pop()
    return [
        (
            reason.rule.value,
            translate(sentence(reason, positions), Language.INDONESIAN),
        )
        for reason in reasons
    ]


class Seen(NamedTuple):
    """A day-by-day evaluation of a history, with which reasons are compared."""

    facts: list[tuple[int, Any]]
    cited: Any  # the first cited fact after corrections; None if it is annulled
    quoted: Any
    options: Any
    start: date
    as_of: date

    def of(self, *types: type[Any]) -> list[Any]:
        return [event for _, event in self.facts if isinstance(event, types)]

    @property
    def came(self) -> date:
        (report,) = self.of(conflict.Reported)
        day: date = report.effective_on
        if self.options.date_basis is DateBasis.OCCURRED:
            day = report.occurred_on or day
        return day

    def case(self, day: date) -> Any:
        return recount.case_on(self.facts, day)

    def resolved(self, day: date) -> bool:
        then = self.case(day)
        return bool(then) and then.closed_by in self.options.resolution_manners

    @property
    def now(self) -> Any:
        (report,) = self.of(conflict.Reported)
        return self.case(max(self.as_of, report.effective_on))

    @property
    def eve(self) -> date:
        return self.start - timedelta(days=1)

    def there(self, day: date) -> bool:
        then = recount.organisation_on(self.facts, day)
        drop = self.options.expired_registration is ExpiredRegistration.DROP
        return then.exists and not (drop and then.expired)

    def took(self) -> list[date]:
        sure = {e.participation for e in self.of(organisation.ParticipationVerified)}
        return sorted(
            event.effective_on
            for event in self.of(organisation.Participated)
            if event.verified or event.participation in sure
            if self.start <= event.effective_on <= self.as_of
        )

    @property
    def gone_as_told(self) -> bool:
        if self.quoted["gone"] is EXPIRED:
            told, day = self.cited.valid_until, self.quoted["day"] + timedelta(days=1)
            return told == self.quoted["day"] and not self.there(day)
        assert isinstance(
            self.cited,
            organisation.Dissolved | organisation.Revoked | organisation.MovedOut,
        )
        return bool(self.cited.effective_on == self.quoted["day"])


def _is(kind: type[Any]) -> Any:
    return lambda s: isinstance(s.cited, kind)


def _closed(s: Seen) -> bool:
    """Whether the cited closing is in force on the day."""
    told = (s.cited.effective_on, s.cited.manner)
    now = s.case(s.as_of)
    return told == (s.quoted["day"], s.quoted["manner"]) and now.closed_by == told[1]


TRUE: dict[Rule, Callable[[Seen], bool]] = {
    Rule.NEW_IN_PERIOD: lambda s: s.start <= s.came == s.quoted["day"] <= s.as_of,
    Rule.OPEN_ON_EVE: lambda s: (
        s.came < s.start and s.quoted["day"] < s.start and not s.resolved(s.eve)
    ),
    Rule.REOPENED_IN_PERIOD: lambda s: (
        s.resolved(s.eve)
        and isinstance(s.cited, conflict.Reopened)
        and s.start <= s.cited.effective_on == s.quoted["day"] <= s.as_of
    ),
    Rule.REGISTERED: lambda s: (
        s.cited.kind in s.options.kinds
        and s.cited.effective_on == s.quoted["day"]
        and s.there(s.as_of)
    ),
    Rule.LEFT_IN_PERIOD: lambda s: (
        s.there(s.quoted["last"])
        and s.start <= s.quoted["last"] < s.as_of
        and not s.there(s.quoted["last"] + timedelta(days=1))
    ),
    Rule.ANNULLED: lambda s: (
        s.cited is None and not s.of(conflict.Reported, organisation.Registered)
    ),
    Rule.REJECTED: lambda s: isinstance(
        s.cited, conflict.Rejected | organisation.Rejected
    ),
    Rule.MERGED: lambda s: s.cited.into == s.quoted["into"],
    Rule.NOT_VERIFIED: lambda s: not s.of(conflict.Verified),
    Rule.RETURNED: lambda s: (
        not s.of(conflict.Verified)
        and s.of(conflict.Returned)[-1].effective_on == s.quoted["returned"]
    ),
    Rule.VERIFICATION_ANNULLED: lambda s: (
        s.cited is None and not s.of(conflict.Verified)
    ),
    Rule.NOT_YET: lambda s: (
        s.as_of < s.quoted["day"]
        and s.quoted["day"]
        in {s.cited.effective_on, getattr(s.cited, "occurred_on", None)}
    ),
    Rule.OTHER_CATEGORY: lambda s: (
        s.now.category == s.cited.category == s.quoted["category"]
        and s.now.category != s.options.category
    ),
    Rule.BELOW_LEVEL: lambda s: (
        s.now.level == s.cited.level == s.quoted["level"]
        and recount.LEVELS.index(s.now.level)
        < recount.LEVELS.index(s.options.minimum_level)
    ),
    Rule.NOT_NEW: lambda s: (
        s.options.carry_over is CarryOver.EXCLUDE and s.came < s.start
    ),
    Rule.RESOLVED_BEFORE: lambda s: (
        s.resolved(s.eve)
        and s.cited.effective_on == s.quoted["day"] < s.start
        and s.cited.manner == s.case(s.eve).closed_by
        and not any(
            s.start <= e.effective_on <= s.as_of for e in s.of(conflict.Reopened)
        )
    ),
    Rule.OTHER_KIND: lambda s: s.cited.kind not in s.options.kinds,
    Rule.DISSOLVED: lambda s: _is(organisation.Dissolved)(s) and s.gone_as_told,
    Rule.REVOKED: lambda s: _is(organisation.Revoked)(s) and s.gone_as_told,
    Rule.MOVED_OUT: lambda s: _is(organisation.MovedOut)(s) and s.gone_as_told,
    Rule.EXPIRED: lambda s: s.gone_as_told and s.quoted["day"] < s.as_of,
    Rule.GONE_BEFORE: lambda s: s.gone_as_told and s.quoted["day"] <= s.start,
    Rule.RESOLVED: lambda s: _closed(s) and s.resolved(s.as_of),
    Rule.FIRST_CLOSURE: lambda s: (
        s.cited.effective_on
        == s.quoted["day"]
        == min(
            e.effective_on
            for e in s.of(conflict.Resolved)
            if e.manner in s.options.resolution_manners
        )
    ),
    Rule.TAKES_PART: lambda s: (
        s.took()[s.options.participation_threshold - 1]
        == s.cited.effective_on
        == s.quoted["day"]
    ),
    Rule.STILL_OPEN: lambda s: not s.resolved(s.as_of) and s.quoted["day"] == s.came,
    Rule.CLOSED_LATER: lambda s: (
        not s.resolved(s.as_of) and s.cited.effective_on > s.as_of
    ),
    Rule.CLOSING_ANNULLED: lambda s: s.cited is None and not s.resolved(s.as_of),
    Rule.REOPENED: lambda s: (
        isinstance(s.cited, conflict.Reopened)
        and s.cited.effective_on == s.quoted["day"] <= s.as_of
        and s.case(s.as_of).closed_by is None
    ),
    Rule.NO_RESOLUTION: lambda s: _closed(s) and not s.resolved(s.as_of),
    Rule.SUSPENDED: lambda s: (
        isinstance(s.cited, organisation.Suspended)
        and s.cited.effective_on == s.quoted["day"] <= s.as_of
    ),
    Rule.TOO_FEW: lambda s: (
        len(s.took()) == s.quoted["verified"] < s.options.participation_threshold
    ),
}


def is_true(reason: Reason, history: Any, options: Any, question: Question) -> None:
    """Assert that a day-by-day evaluation of the history confirms the reason."""
    facts = list(recount.remaining(history))
    first = reason.deciding[0].version if reason.deciding else 0
    cited = dict(facts).get(first)
    seen = Seen(facts, cited, reason.quoted, options, *question)
    assert TRUE[reason.rule](seen), (reason, history, question)
