"""The rules by which organisations count in IKU-2.

`OrganisationRules` defines the figure for one organisation on one day, in the order and
the words of the rules it follows (IKU 2021, row 2; design, section 6). `contributions`
gives the same result as ranges of days.
"""

from bisect import bisect_right
from collections.abc import Iterator
from datetime import date, timedelta
from functools import partial
from typing import NamedTuple, assert_never

from iku.domain import counting, organisation
from iku.domain.attachment import Attached
from iku.domain.cached_property import cached_property
from iku.domain.cause import Cause
from iku.domain.contribution import Contribution
from iku.domain.counting import DecidingFact, Reason, Rule, RuleResult, Rules
from iku.domain.fact import Annulled, EffectiveFact
from iku.domain.figure import Counts
from iku.domain.indicator import ExpiredRegistration, OrganisationOptions, Population
from iku.domain.lineage import annulled_facts
from iku.domain.organisation import (
    Dissolved,
    MovedOut,
    Organisation,
    OrganisationSegment,
    Participated,
    ParticipationVerified,
    Registered,
    Renewed,
    Revoked,
    Status,
    Suspended,
)
from iku.messages import Message, message

ONE_DAY = timedelta(days=1)
REGISTRATION = message("registration")
REGISTERED = message("registered on")
EXPIRED = message("its certificate was valid only until")
DEPARTURES = {
    Dissolved: (Rule.DISSOLVED, message("dissolved on")),
    Revoked: (Rule.REVOKED, message("revoked on")),
    MovedOut: (Rule.MOVED_OUT, message("moved out on")),
}


class End(NamedTuple):
    """The end of an organisation: its rule, its wording, its day and its event."""

    rule: Rule
    reason: Message
    day: date
    by: DecidingFact


class OrganisationRules(Rules, frozen=True, dict=True):
    """The rules of IKU-2: existing organisations, and those that participate.

    Sources: IKU 2021, row 2, and design, section 6.
    """

    organisation: Organisation
    options: OrganisationOptions
    start: date
    as_of: date

    def in_denominator(self) -> RuleResult:
        """Whether the organisation is of a counted kind and exists as the options say.

        Source: design, section 6, denominator of IKU-2.
        """
        return self._exclusion() or self._exists_in_period()

    def _exclusion(self) -> RuleResult | None:
        """The rule that excludes the organisation from every period, or None."""
        subject, options = self.organisation, self.options
        if subject.exclusion_status:
            return RuleResult(
                False, partial(counting.exclusion_reason, subject, REGISTRATION)
            )
        registered: Registered = subject.registration or subject.creation_event
        if registered.kind not in options.kinds:
            return RuleResult(False, self._other_kind_reason)
        if registered.effective_on > self.as_of:
            return RuleResult(False, self._not_yet_registered_reason)
        return None

    def _exists_in_period(self) -> RuleResult:
        """Whether the organisation exists on the day or, by option, in the period.

        Source: design, section 6, options `population` and `expired_registration`.
        """
        last, options = self._last_day, self.options
        if last is not None and last == self.as_of:
            return RuleResult(True, self._registered_reason)
        if last is None or options.population is Population.STOCK_AT_DATE:
            return RuleResult(False, self._ended_reason)
        if last < self.start:
            return RuleResult(False, partial(self._ended_before_period_reason, last))
        return RuleResult(True, partial(self._ended_in_period_reason, last))

    def in_numerator(self) -> RuleResult:
        """Whether the organisation is active and has enough verified participations.

        Source: design, section 6, numerator of IKU-2 and `participation_threshold`.
        """
        if self._last_state.status is Status.SUSPENDED:
            return RuleResult(False, self._suspended_reason)
        if self._participation_count >= self.options.participation_threshold:
            return RuleResult(True, self._takes_part_reason)
        return RuleResult(False, self._below_threshold_reason)

    def expired(self) -> bool:
        """Whether the organisation exists on the day with an expired certificate."""
        return self._last_day == self.as_of and has_expired_certificate(
            self._last_state, self.as_of
        )

    def part(self) -> str:
        """The kind of the organisation."""
        kind: str = self.organisation.creation_event.kind
        return kind

    def district(self) -> str:
        """Code of the district of its seat; empty if the area is unknown."""
        registered = self.organisation.registration
        return counting.district(registered.area if registered else None)

    @cached_property
    def _last_day(self) -> date | None:
        """The last day up to `as_of` on which the organisation exists, or None."""
        days = []
        for segment in self.organisation.timeline:
            if segment.start > self.as_of or not segment.status.exists:
                continue
            last = self.as_of
            if segment.end is not None:
                last = min(last, segment.end - ONE_DAY)
            if self.options.expired_registration is ExpiredRegistration.DROP:
                last = min(last, segment.valid_until or last)
            if last >= segment.start:
                days.append(last)
        return max(days, default=None)

    @property
    def _last_state(self) -> OrganisationSegment:
        """The state of the organisation on its last day; it is in the denominator."""
        last = self._last_day or self.as_of
        return self.organisation.state_on(last) or self.organisation.timeline[0]

    @property
    def _participation_count(self) -> int:
        """The number of verified participations in the period."""
        return sum(
            participation.verified and self.start <= participation.on <= self.as_of
            for participation in self.organisation.participations
        )

    # Reasons: the events that each rule cites, and the values that it quotes.

    def _other_kind_reason(self) -> Reason:
        kind, wanted = self._registration_fact.event.kind, self.options.kinds
        by = counting.cite_fields(self.organisation, self._registration_fact, "kind")
        return Reason(Rule.OTHER_KIND, (by,), {"kind": kind, "wanted": wanted})

    def _not_yet_registered_reason(self) -> Reason:
        by = counting.cite(self.organisation, self._registration_fact)
        day = self._registration_fact.event.effective_on
        quoted = {"came": REGISTERED, "day": day, "as_of": self.as_of}
        return Reason(Rule.NOT_YET, (by,), quoted)

    def _registered_reason(self) -> Reason:
        by = counting.cite(self.organisation, self._registration_fact, "kind")
        day = self._registration_fact.event.effective_on
        return Reason(Rule.REGISTERED, (by,), {"came": REGISTERED, "day": day})

    def _ended_reason(self) -> Reason:
        end = self._end_by(self.as_of)
        return Reason(end.rule, (end.by,), {"gone": end.reason, "day": end.day})

    def _ended_before_period_reason(self, last: date) -> Reason:
        end = self._end_by(last + ONE_DAY)
        quoted = {"gone": end.reason, "day": end.day, "start": self.start}
        return Reason(Rule.GONE_BEFORE, (end.by,), quoted)

    def _ended_in_period_reason(self, last: date) -> Reason:
        end = self._end_by(last + ONE_DAY)
        by = counting.cite(self.organisation, self._registration_fact, "kind")
        quoted = {"gone": end.reason, "day": end.day, "last": last}
        return Reason(
            Rule.LEFT_IN_PERIOD, counting.distinct_deciding_facts(by, end.by), quoted
        )

    def _suspended_reason(self) -> Reason:
        last = self._last_day or self.as_of
        fact = counting.facts_between(self.organisation, date.min, last, Suspended)[-1]
        by = (counting.cite(self.organisation, fact),)
        return Reason(Rule.SUSPENDED, by, {"day": fact.event.effective_on})

    def _takes_part_reason(self) -> Reason:
        number = self.options.participation_threshold
        last = self._qualifying_facts[number - 1]
        quoted = {"number": number, "day": last.event.effective_on}
        return Reason(Rule.TAKES_PART, tuple(self._cited_participation(last)), quoted)

    def _below_threshold_reason(self) -> Reason:
        took, done = self._participation_facts, self._qualifying_facts
        annulled = [
            reason.by
            for reason in annulled_facts(self.organisation.history, Participated)
            if self.start <= reason.fact.event.effective_on <= self.as_of
        ]
        quoted = {
            "verified": len(done),
            "needed": self.options.participation_threshold,
            "unverified": len(took) - len(done),
            "annulled": len(annulled),
        }
        by = [by for fact in took for by in self._cited_participation(fact)]
        return Reason(Rule.TOO_FEW, (*by, *map(DecidingFact, annulled)), quoted)

    def _end_by(self, day: date) -> End:
        """The end of the organisation before *day*: a departure, or else the expiry."""
        subject = self.organisation
        if left := counting.facts_between(subject, date.min, day, *DEPARTURES):
            rule, reason = DEPARTURES[type(left[0].event)]
            by = counting.cite(subject, left[0])
            return End(rule, reason, left[0].event.effective_on, by)
        renewed = counting.facts_between(subject, date.min, day, Renewed)
        certificate = renewed[-1] if renewed else self._registration_fact
        by = counting.cite_fields(subject, certificate, "valid_until")
        return End(Rule.EXPIRED, EXPIRED, certificate.event.valid_until, by)

    @property
    def _registration_fact(self) -> EffectiveFact:
        (registration,) = self.organisation.effective_facts(Registered)
        return registration

    @property
    def _participation_facts(self) -> list[EffectiveFact]:
        """The participations of the period up to `as_of`, verified or not."""
        return counting.facts_between(
            self.organisation, self.start, self.as_of, Participated
        )

    @property
    def _qualifying_facts(self) -> list[EffectiveFact]:
        """The verified participations of the period up to `as_of`, oldest first."""
        sure = {p.reference for p in self.organisation.participations if p.verified}
        return [
            fact
            for fact in self._participation_facts
            if fact.event.participation in sure
        ]

    def _cited_participation(self, took: EffectiveFact) -> list[DecidingFact]:
        """The participation and, if a later event verified it, that event."""
        by = [counting.cite(self.organisation, took, "verified")]
        if not took.event.verified:
            by += [
                counting.cite(self.organisation, fact)
                for fact in self.organisation.effective_facts(ParticipationVerified)
                if fact.event.participation == took.event.participation
            ]
        return by


def has_expired_certificate(segment: OrganisationSegment, day: date) -> bool:
    """Whether the certificate in force had expired on *day*."""
    return segment.valid_until is not None and segment.valid_until < day


# The same rules as ranges of days.


class _Span(NamedTuple):
    """A range of days, *end* excluded, on which the state does not change."""

    start: date
    end: date | None
    segment: OrganisationSegment


def contributions(
    subject: Organisation, options: OrganisationOptions
) -> Iterator[Contribution]:
    """The contributions of the organisation, in order (design, section 8)."""
    opening = subject.registration
    if subject.exclusion_status or opening is None or opening.kind not in options.kinds:
        return
    district = counting.district(opening.area)
    taken = [p.on for p in subject.participations if p.verified]
    last: _Span | None = None  # the latest piece in which it existed
    for piece in _spans(subject, taken):
        there = _exists(piece, options)
        if there:
            last = piece
        elif last is None or options.population is Population.STOCK_AT_DATE:
            continue
        counted_until = None if there or last.end is None else last.end - ONE_DAY
        done = bisect_right(taken, piece.start)
        enough = done >= options.participation_threshold
        kth = taken[done - options.participation_threshold] if enough else None
        yield Contribution(
            piece.start,
            piece.end,
            opening.kind,
            district,
            counted_until,
            Counts(
                0, 1, int(there and has_expired_certificate(piece.segment, piece.start))
            ),
        )
        if kth is not None and last.segment.status is Status.ACTIVE:
            yield Contribution(
                piece.start,
                piece.end,
                opening.kind,
                district,
                min(kth, counted_until or kth),
                Counts(1, 0, 0),
            )


def _exists(piece: _Span, options: OrganisationOptions) -> bool:
    if not piece.segment.status.exists:
        return False
    if options.expired_registration is ExpiredRegistration.KEEP:
        return True
    return not has_expired_certificate(piece.segment, piece.start)


def _spans(subject: Organisation, taken: list[date]) -> Iterator[_Span]:
    """The timeline, split at the expiry of a certificate and at each participation."""
    for segment in subject.timeline:
        start, end, until = segment.start, segment.end, segment.valid_until
        cuts = taken if until is None else [*taken, until + ONE_DAY]
        inside = {day for day in cuts if start < day and (end is None or day < end)}
        days = [start, *sorted(inside)]
        for first, last in zip(days, [*days[1:], end], strict=True):
            yield _Span(first, last, segment)


def cause(event: organisation.Event) -> Cause:
    """The cause of a change in a figure when *event* becomes known."""
    match event:
        case Annulled():
            return Cause.ANNULMENT
        case organisation.Corrected():
            return Cause.CORRECTION
        case organisation.Rejected():
            return Cause.REJECTION
        case (
            organisation.Merged()
            | organisation.Absorbed()
            | organisation.ParticipationCarried()
        ):
            return Cause.MERGER
        case ParticipationVerified():
            return Cause.VERIFICATION
        case (
            Registered()
            | Renewed()
            | Suspended()
            | organisation.Restored()
            | Dissolved()
            | Revoked()
            | MovedOut()
            | Participated()
            | Attached()
        ):
            return Cause.LATE_DATA
    assert_never(event)
