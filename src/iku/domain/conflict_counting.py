"""The rules by which cases count in IKU-1 and IKU-3.

`CaseRules` defines the figure for one case on one day, in the order and the words of
the rules it follows (IKU 2021, rows 1 and 3; design, section 6). `contributions` gives
the same result as ranges of days.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from functools import partial
from typing import Any, NamedTuple, assert_never

from msgspec import structs

from iku.domain import conflict, counting
from iku.domain.attachment import Attached
from iku.domain.cause import Cause
from iku.domain.conflict import (
    CaseSegment,
    Conflict,
    Reclassified,
    Reopened,
    Reported,
    Resolved,
    Verified,
)
from iku.domain.contribution import Contribution
from iku.domain.counting import (
    DecidingFact,
    Reason,
    Rule,
    RuleResult,
    Rules,
)
from iku.domain.fact import Annulled, EffectiveFact
from iku.domain.figure import Counts
from iku.domain.indicator import CarryOver, ConflictOptions, DateBasis, Reopening
from iku.domain.lineage import AnnulledFact, annulled_facts
from iku.messages import Message, message

ONE_DAY = timedelta(days=1)
REPORT = message("report")
REPORTED = message("reported on")
OCCURRED = message("occurred on")


class ExistenceStart(NamedTuple):
    """The start of a case's existence: its wording, its day and its event."""

    reason: Message
    day: date
    by: DecidingFact


class CaseRules(Rules, frozen=True, dict=True):
    """The rules of IKU-1 and IKU-3: existing ("yang ada") and resolved cases.

    Sources: IKU 2021, rows 1 and 3, and design, section 6.
    """

    case: Conflict
    options: ConflictOptions
    start: date
    as_of: date

    def in_denominator(self) -> RuleResult:
        """Whether the case is verified, of the category and level, and of the period.

        Source: design, section 6, denominator of IKU-1 and IKU-3.
        """
        return self._exclusion() or self._belongs_to_period()

    def _exclusion(self) -> RuleResult | None:
        """The rule that excludes the case from every period on the day, or None."""
        case, options = self.case, self.options
        if case.exclusion_status:
            return RuleResult(False, partial(counting.exclusion_reason, case, REPORT))
        if not case.verified:
            return RuleResult(False, self._unverified_reason)
        if entered_on(case, options) > self.as_of:
            return RuleResult(False, self._not_yet_existing_reason)
        now = self._current_segment
        if now.category != options.category:
            return RuleResult(False, self._other_category_reason)
        if not now.level.reaches(options.minimum_level):
            return RuleResult(False, self._below_level_reason)
        return None

    def _belongs_to_period(self) -> RuleResult:
        """Whether the case belongs to the period.

        A case belongs to the period if it entered in the period, was open at the end of
        the day before the period, or was reopened in the period; with
        `CarryOver.EXCLUDE` only if it entered in the period (design, section 6).
        """
        case, options = self.case, self.options
        if self.start <= entered_on(case, options):
            return RuleResult(True, self._new_in_period_reason)
        if options.carry_over is CarryOver.EXCLUDE:
            return RuleResult(False, self._not_new_reason)
        if not self._is_resolved_on(self.start - ONE_DAY):
            return RuleResult(True, self._open_at_start_reason)
        if any(self.start <= e.effective_on <= self.as_of for e in case.reopenings):
            return RuleResult(True, self._reopened_in_period_reason)
        return RuleResult(False, self._resolved_before_reason)

    def in_numerator(self) -> RuleResult:
        """Whether the day lies in a resolved interval, [closed, reopened).

        With `Reopening.FIRST_CLOSURE_COUNTS` a first closing on or before the day is
        enough (design, section 6).
        """
        if self.options.reopening is Reopening.FIRST_CLOSURE_COUNTS:
            first = first_closing(self.case, self.options)
            if first is not None and first <= self.as_of:
                return RuleResult(True, self._first_closure_reason)
        elif self._is_resolved_on(self.as_of):
            return RuleResult(True, self._resolved_reason)
        return RuleResult(False, self._pending_reason)

    @property
    def _current_segment(self) -> CaseSegment:
        """The state at the end of the day; before the report, the state as reported."""
        return self.case.state_on(self.as_of) or self.case.timeline[0]

    def part(self) -> str:
        """The dimension on the day; if the report was annulled, the reported one."""
        if self.case.timeline:
            return self._current_segment.dimension
        dimension: str = self.case.creation_event.dimension
        return dimension

    def district(self) -> str:
        """Code of the district of the case; empty if the area is unknown."""
        return district(self.case)

    def _is_resolved_on(self, day: date) -> bool:
        segment = self.case.state_on(day)
        return segment is not None and segment.manner in self.options.resolution_manners

    # Reasons: the events that each rule cites, and the values that it quotes.

    def _unverified_reason(self) -> Reason:
        case = self.case
        annulled, returned = [*annulled_facts(case.history, Verified)], case.open_return
        if annulled and (returned is None or returned.version < annulled[-1].by):
            return counting.annulment_reason(Rule.VERIFICATION_ANNULLED, annulled[-1])
        report = self._report_fact
        quoted = {"day": report.event.effective_on}
        if returned is None:
            return Reason(Rule.NOT_VERIFIED, (DecidingFact(report.version),), quoted)
        by = (counting.cite(case, report), counting.cite(case, returned))
        quoted["returned"] = returned.event.effective_on
        return Reason(Rule.RETURNED, by, quoted)

    def _not_yet_existing_reason(self) -> Reason:
        return self._entry_reason(Rule.NOT_YET, as_of=self.as_of)

    def _other_category_reason(self) -> Reason:
        by = (self._classification_fact("category"),)
        found, wanted = self._current_segment.category, self.options.category
        quoted = {"as_of": self.as_of, "category": found, "wanted": wanted}
        return Reason(Rule.OTHER_CATEGORY, by, quoted)

    def _below_level_reason(self) -> Reason:
        by = (self._classification_fact("level"),)
        found, least = self._current_segment.level, self.options.minimum_level
        quoted = {"as_of": self.as_of, "level": found, "minimum": least}
        return Reason(Rule.BELOW_LEVEL, by, quoted)

    def _new_in_period_reason(self) -> Reason:
        came, day, by = self._existence_start
        cited = counting.distinct_deciding_facts(by, *self._classification_facts)
        return Reason(Rule.NEW_IN_PERIOD, cited, {"came": came, "day": day})

    def _not_new_reason(self) -> Reason:
        return self._entry_reason(Rule.NOT_NEW, start=self.start)

    def _open_at_start_reason(self) -> Reason:
        """The reason of a case that was open at the start of the period."""
        eve = self.start - ONE_DAY
        _, day, by = self._existence_start
        if reopened := counting.facts_between(self.case, date.min, eve, Reopened):
            day = reopened[-1].event.effective_on
            by = counting.cite(self.case, reopened[-1])
        cited = counting.distinct_deciding_facts(by, *self._classification_facts)
        return Reason(Rule.OPEN_ON_EVE, cited, {"day": day, "start": self.start})

    def _reopened_in_period_reason(self) -> Reason:
        first = counting.facts_between(self.case, self.start, self.as_of, Reopened)[0]
        by = counting.cite(self.case, first)
        cited = counting.distinct_deciding_facts(by, *self._classification_facts)
        quoted = {"day": first.event.effective_on}
        return Reason(Rule.REOPENED_IN_PERIOD, cited, quoted)

    def _resolved_before_reason(self) -> Reason:
        closing = self._closing_fact(self.start - ONE_DAY)
        return self._closing_reason(Rule.RESOLVED_BEFORE, closing, start=self.start)

    def _first_closure_reason(self) -> Reason:
        manners = self.options.resolution_manners
        closings = counting.facts_between(self.case, date.min, self.as_of, Resolved)
        first = next(c for c in closings if c.event.manner in manners)
        return self._closing_reason(Rule.FIRST_CLOSURE, first)

    def _resolved_reason(self) -> Reason:
        return self._closing_reason(Rule.RESOLVED, self._closing_fact(self.as_of))

    def _pending_reason(self) -> Reason:
        """The latest event that keeps the case unresolved on the day, or its entry."""
        now = self.case.state_on(self.as_of)
        if now is not None and now.resolved_on is not None:
            return self._closing_reason(
                Rule.NO_RESOLUTION, self._closing_fact(self.as_of)
            )
        if annulled := self._annulled_closings():
            return counting.annulment_reason(Rule.CLOSING_ANNULLED, annulled[-1])
        if reopened := counting.facts_between(
            self.case, date.min, self.as_of, Reopened
        ):
            by = (counting.cite(self.case, reopened[-1]),)
            quoted = {"day": reopened[-1].event.effective_on}
            return Reason(Rule.REOPENED, by, quoted)
        if later := counting.facts_between(self.case, self.as_of, date.max, Resolved):
            return self._closing_reason(Rule.CLOSED_LATER, later[0], as_of=self.as_of)
        return self._entry_reason(Rule.STILL_OPEN)

    def _annulled_closings(self) -> list[AnnulledFact]:
        """The annulled closings by which the case would otherwise be resolved."""
        now = self.case.state_on(self.as_of)
        return [
            gone
            for gone in annulled_facts(self.case.history, Resolved)
            if gone.fact.event.manner in self.options.resolution_manners
            if now and now.opened_on <= gone.fact.event.effective_on <= self.as_of
        ]

    def _entry_reason(self, rule: Rule, **quoted: Any) -> Reason:
        came, day, by = self._existence_start
        return Reason(rule, (by,), {"came": came, "day": day, **quoted})

    @property
    def _report_fact(self) -> EffectiveFact:
        (report,) = self.case.effective_facts(Reported)
        return report

    @property
    def _existence_start(self) -> ExistenceStart:
        case, report = self.case, self._report_fact
        day = report.event.effective_on
        if self.options.date_basis is DateBasis.REPORTED:
            return ExistenceStart(REPORTED, day, counting.cite(case, report))
        occurred = report.event.occurred_on
        if occurred is not None:
            by = counting.cite_fields(case, report, "occurred_on")
            return ExistenceStart(OCCURRED, occurred, by)
        # A correction may have cleared `occurred_on`; it is then the cited event.
        return ExistenceStart(REPORTED, day, counting.cite(case, report, "occurred_on"))

    def _closing_fact(self, day: date) -> EffectiveFact:
        """The closing in force on *day*."""
        return counting.facts_between(self.case, date.min, day, Resolved)[-1]

    def _closing_reason(
        self, rule: Rule, closing: EffectiveFact, **quoted: Any
    ) -> Reason:
        event, by = closing.event, (counting.cite(self.case, closing, "manner"),)
        said = {"day": event.effective_on, "manner": event.manner, **quoted}
        return Reason(rule, by, said)

    @property
    def _classification_facts(self) -> list[DecidingFact]:
        """The events that set category or level; a report only if it was corrected."""
        found = [self._classification_fact(field) for field in ("category", "level")]
        return [one for one in found if one.version > 1 or one.corrections]

    def _classification_fact(self, field: str) -> DecidingFact:
        """The event that sets the category, or the level, of the case on the day."""
        report = self._report_fact
        # Before its report a case has the state that was reported.
        last = max(self.as_of, report.event.effective_on)
        changed = counting.facts_between(self.case, date.min, last, Reclassified)
        for fact in reversed(changed):
            if getattr(fact.event, field) is not None:
                return counting.cite(self.case, fact, field)
        return counting.cite_fields(self.case, report, field)


def entered_on(case: Conflict, options: ConflictOptions) -> date:
    """The day from which the case exists, by `date_basis` (design, section 6).

    *case* has a report that is not annulled.
    """
    report: Reported = case.report or case.creation_event
    day = report.effective_on
    if options.date_basis is DateBasis.OCCURRED:
        day = report.occurred_on or day
    return day


def first_closing(case: Conflict, options: ConflictOptions) -> date | None:
    """The day of the first closing that is a resolution; None if there is none.

    `resolution_manners` lists the manners that are resolutions (design, section 6).
    """
    manners = options.resolution_manners
    days = [c.effective_on for c in case.closings if c.manner in manners]
    return days[0] if days else None


def district(case: Conflict) -> str:
    """Code of the district of the case; empty if the area is unknown."""
    return counting.district(case.report.area if case.report else None)


# The same rules as ranges of days.


def contributions(case: Conflict, options: ConflictOptions) -> Iterator[Contribution]:
    """The contributions of the case, in order of valid time (design, section 8)."""
    if case.exclusion_status or not case.verified:
        return
    entered, first = entered_on(case, options), None
    if options.reopening is Reopening.FIRST_CLOSURE_COUNTS:
        first = first_closing(case, options)
    for segment in _timeline_from_entry(case, entered):
        if segment.category != options.category:
            continue
        if not segment.level.reaches(options.minimum_level):
            continue
        resolved = segment.manner in options.resolution_manners
        once = first is not None and first <= segment.start
        since = segment.resolved_on if resolved else None
        if options.carry_over is CarryOver.EXCLUDE:
            since = entered
        yield Contribution(
            start=segment.start,
            end=segment.end,
            part=segment.dimension,
            district=district(case),
            since=since,
            counts=Counts(numerator=int(resolved or once), denominator=1),
        )


def _timeline_from_entry(case: Conflict, entered: date) -> Iterator[CaseSegment]:
    """The timeline, extended back to *entered*.

    With `DateBasis.OCCURRED` a case exists, and is open, before its report.
    """
    first = case.timeline[0]
    if entered < first.start:
        yield structs.replace(
            first, start=entered, end=first.start, resolved_on=None, manner=None
        )
    yield from case.timeline


def cause(event: conflict.Event) -> Cause:
    """The cause of a change in a figure when *event* becomes known."""
    match event:
        case Annulled():
            return Cause.ANNULMENT
        case conflict.Corrected():
            return Cause.CORRECTION
        case conflict.Rejected():
            return Cause.REJECTION
        case conflict.Merged() | conflict.Absorbed():
            return Cause.MERGER
        case Verified():
            return Cause.VERIFICATION
        case (
            Reported()
            | conflict.Returned()
            | conflict.Handled()
            | conflict.Referred()
            | Resolved()
            | Reopened()
            | Reclassified()
            | Attached()
        ):
            return Cause.LATE_DATA
    assert_never(event)
