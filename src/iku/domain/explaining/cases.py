"""Why a case is in a figure's numerator and denominator, or is not."""

from datetime import date, timedelta
from typing import Any, NamedTuple

from msgspec import Struct

from iku.domain import counting
from iku.domain.conflict import (
    Conflict,
    Reclassified,
    Reopened,
    Reported,
    Resolved,
    Verified,
)
from iku.domain.explaining import facts
from iku.domain.explaining.reasons import Deciding, Reason, Rule, Word
from iku.domain.fact import Standing
from iku.domain.indicator import CarryOver, ConflictOptions, DateBasis, Reopening
from iku.domain.lineage import Undone, corrections, undone

ONE_DAY = timedelta(days=1)


class Entry(NamedTuple):
    """How the case came to exist, on which day, and by which fact."""

    came: Word
    day: date
    by: Deciding


class Why(Struct, frozen=True):
    """The reasons of one case, to be asked for by what `counting` says of it."""

    case: Conflict
    options: ConflictOptions
    start: date
    as_of: date

    def existing(self) -> Reason:
        """Which way into the denominator the case took."""
        kind = self._classified()
        entered, eve = self._entry(), self.start - ONE_DAY
        if entered.day >= self.start:
            quoted = {"came": entered.came, "day": entered.day}
            by = facts.together(entered.by, *kind)
            return Reason(Rule.NEW_IN_PERIOD, by, quoted)
        if not counting.is_resolved(self.case, self.options, eve):
            day, opening = self._opening(eve)
            quoted = {"day": day, "start": self.start}
            by = facts.together(opening, *kind)
            return Reason(Rule.OPEN_ON_EVE, by, quoted)
        reopened = facts.between(self.case, self.start, self.as_of, Reopened)[0]
        by = facts.together(facts.cited(self.case, reopened), *kind)
        quoted = {"day": reopened.event.effective_on}
        return Reason(Rule.REOPENED_IN_PERIOD, by, quoted)

    def missing(self) -> Reason:
        """The first rule by which the case is not in the denominator."""
        case = self.case
        return (
            facts.void(case, Word.REPORT)
            or (None if case.verified else _unverified(case))
            or self._not_yet()
            or self._of_another_kind()
            or self._over()
        )

    def resolved(self) -> Reason:
        """Which closing puts the case into the numerator."""
        if self.options.reopening is Reopening.FIRST_CLOSURE_COUNTS:
            manners = self.options.resolution_manners
            closings = facts.between(self.case, date.min, self.as_of, Resolved)
            first = next(c for c in closings if c.event.manner in manners)
            return self._closed(Rule.FIRST_CLOSURE, first)
        return self._closed(Rule.RESOLVED, self._closing(self.as_of))

    def pending(self) -> Reason:
        """Why the case, which is in the denominator, is not resolved."""
        now = self.case.on(self.as_of)
        if now is not None and now.resolved_on is not None:
            return self._closed(Rule.NO_RESOLUTION, self._closing(self.as_of))
        if annulled := self._annulled_closings():
            return facts.by_annulment(Rule.CLOSING_ANNULLED, annulled[-1])
        if reopened := facts.between(self.case, date.min, self.as_of, Reopened):
            quoted = {"day": reopened[-1].event.effective_on}
            by = (facts.cited(self.case, reopened[-1]),)
            return Reason(Rule.REOPENED, by, quoted)
        if later := facts.between(self.case, self.as_of, date.max, Resolved):
            return self._closed(Rule.CLOSED_LATER, later[0], as_of=self.as_of)
        entered = self._entry()
        quoted = {"came": entered.came, "day": entered.day}
        return Reason(Rule.STILL_OPEN, (entered.by,), quoted)

    def _not_yet(self) -> Reason | None:
        entered = self._entry()
        if entered.day <= self.as_of:
            return None
        quoted = {"came": entered.came, "day": entered.day, "as_of": self.as_of}
        return Reason(Rule.NOT_YET, (entered.by,), quoted)

    def _of_another_kind(self) -> Reason | None:
        now = counting.on(self.case, self.as_of)
        quoted: dict[str, Any] = {"as_of": self.as_of}
        if now.category != self.options.category:
            quoted |= {"category": now.category, "wanted": self.options.category}
            by = (self._classifying("category"),)
            return Reason(Rule.OTHER_CATEGORY, by, quoted)
        if not now.level.reaches(self.options.minimum_level):
            quoted |= {"level": now.level, "minimum": self.options.minimum_level}
            by = (self._classifying("level"),)
            return Reason(Rule.BELOW_LEVEL, by, quoted)
        return None

    def _over(self) -> Reason:
        """It belongs to earlier periods only."""
        if self.options.carry_over is CarryOver.EXCLUDE:
            came, day, by = self._entry()
            quoted = {"came": came, "day": day, "start": self.start}
            return Reason(Rule.NOT_NEW, (by,), quoted)
        closing = self._closing(self.start - ONE_DAY)
        return self._closed(Rule.RESOLVED_BEFORE, closing, start=self.start)

    def _entry(self) -> Entry:
        (report,) = facts.standing(self.case, Reported)
        occurred = report.event.occurred_on
        if self.options.date_basis is DateBasis.OCCURRED:
            by = corrections(self.case.history, report.version, "occurred_on")
            if occurred is not None:
                return Entry(Word.OCCURRED, occurred, Deciding(report.version, by))
            # A correction may have cleared the day on which it occurred.
            by_report = facts.cited(self.case, report, "occurred_on")
        else:
            by_report = facts.cited(self.case, report)
        return Entry(Word.REPORTED, report.event.effective_on, by_report)

    def _opening(self, day: date) -> tuple[date, Deciding]:
        """Since when, by *day*, it has been pending."""
        reopened = facts.between(self.case, date.min, day, Reopened)
        if not reopened:
            return self._entry()[1:]
        fact = reopened[-1]
        return fact.event.effective_on, facts.cited(self.case, fact)

    def _closing(self, day: date) -> Standing:
        """The closing that is in force on *day*."""
        return facts.between(self.case, date.min, day, Resolved)[-1]

    def _closed(self, rule: Rule, closing: Standing, **quoted: Any) -> Reason:
        event = closing.event
        said = {"day": event.effective_on, "manner": event.manner, **quoted}
        return Reason(rule, (facts.cited(self.case, closing, "manner"),), said)

    def _annulled_closings(self) -> list[Undone]:
        """The closings by which it would be resolved, had they not been annulled."""
        now = self.case.on(self.as_of)
        return [
            gone
            for gone in undone(self.case.history, Resolved)
            if gone.fact.event.manner in self.options.resolution_manners
            if now and now.opened_on <= gone.fact.event.effective_on <= self.as_of
        ]

    def _classified(self) -> list[Deciding]:
        """What made it of this category and level, where its report alone did not."""
        found = [self._classifying(field) for field in ("category", "level")]
        return [one for one in found if one.version > 1 or one.corrections]

    def _classifying(self, field: str) -> Deciding:
        """The fact by which the case is of its category, or level, on the day."""
        (report,) = facts.standing(self.case, Reported)
        # Before its report it is what it began as.
        last = max(self.as_of, report.event.effective_on)
        for fact in reversed(facts.between(self.case, date.min, last, Reclassified)):
            if getattr(fact.event, field) is not None:
                return facts.cited(self.case, fact, field)
        by = corrections(self.case.history, report.version, field)
        return Deciding(report.version, by)


def _unverified(case: Conflict) -> Reason:
    annulled, returned = [*undone(case.history, Verified)], case.returned
    if annulled and (returned is None or returned.version < annulled[-1].by):
        return facts.by_annulment(Rule.VERIFICATION_ANNULLED, annulled[-1])
    (report,) = facts.standing(case, Reported)
    if returned is not None:
        by = (facts.cited(case, report), facts.cited(case, returned))
        days = report.event.effective_on, returned.event.effective_on
        return Reason(
            Rule.RETURNED, by, dict(zip(("day", "returned"), days, strict=True))
        )
    quoted = {"day": report.event.effective_on}
    return Reason(Rule.NOT_VERIFIED, (Deciding(report.version),), quoted)
