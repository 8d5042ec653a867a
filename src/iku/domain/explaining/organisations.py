"""Why an organisation is in a figure's numerator and denominator, or is not."""

from datetime import date, timedelta
from typing import NamedTuple

from msgspec import Struct

from iku.domain import counting
from iku.domain.explaining import facts
from iku.domain.explaining.reasons import Deciding, Reason, Rule, Word
from iku.domain.fact import Standing
from iku.domain.indicator import OrganisationOptions, Population
from iku.domain.lineage import corrections, undone
from iku.domain.organisation import (
    Dissolved,
    MovedOut,
    Organisation,
    Participated,
    ParticipationVerified,
    Registered,
    Renewed,
    Revoked,
    Status,
    Suspended,
)

ONE_DAY = timedelta(days=1)
DEPARTURES = {
    Dissolved: Word.DISSOLVED,
    Revoked: Word.REVOKED,
    MovedOut: Word.MOVED_OUT,
}


class End(NamedTuple):
    """How the organisation came to be gone, on which day, and by which fact."""

    gone: Word
    day: date
    by: Deciding


class Why(Struct, frozen=True):
    """The reasons of one organisation, by what `counting` says of it."""

    organisation: Organisation
    options: OrganisationOptions
    start: date
    as_of: date

    def existing(self) -> Reason:
        """Which way into the denominator it took."""
        last, registration = self._last_day(), self._registration()
        by = (facts.cited(self.organisation, registration, "kind"),)
        if last == self.as_of:
            day = registration.event.effective_on
            return Reason(Rule.REGISTERED, by, {"came": Word.REGISTERED, "day": day})
        end = self._end(last + ONE_DAY)
        quoted = {"gone": end.gone, "day": end.day, "last": last}
        return Reason(Rule.LEFT_IN_PERIOD, facts.together(*by, end.by), quoted)

    def missing(self) -> Reason:
        """The first rule by which it is not in the denominator."""
        return (
            facts.void(self.organisation, Word.REGISTRATION)
            or self._of_another_kind()
            or self._not_yet()
            or self._over()
        )

    def active(self) -> Reason:
        """Which participation puts it into the numerator."""
        number = self.options.participation_threshold
        last = self._qualifying()[number - 1]
        quoted = {"number": number, "day": last.event.effective_on}
        return Reason(Rule.TAKES_PART, tuple(self._participation(last)), quoted)

    def inactive(self) -> Reason:
        """Why it, which is in the denominator, does not take part."""
        last = self._last_day()
        then = self.organisation.on(last)
        if then is not None and then.status is Status.SUSPENDED:
            fact = facts.between(self.organisation, date.min, last, Suspended)[-1]
            by = (facts.cited(self.organisation, fact),)
            return Reason(Rule.SUSPENDED, by, {"day": fact.event.effective_on})
        return self._too_few()

    def _too_few(self) -> Reason:
        took, done = self._taken(), self._qualifying()
        annulled = [
            gone.by
            for gone in undone(self.organisation.history, Participated)
            if self.start <= gone.fact.event.effective_on <= self.as_of
        ]
        quoted = {
            "verified": len(done),
            "needed": self.options.participation_threshold,
            "unverified": len(took) - len(done),
            "annulled": len(annulled),
        }
        by = [by for fact in took for by in self._participation(fact)]
        return Reason(Rule.TOO_FEW, (*by, *map(Deciding, annulled)), quoted)

    def _of_another_kind(self) -> Reason | None:
        registration = self._registration()
        kind, history = registration.event.kind, self.organisation.history
        if kind in self.options.kinds:
            return None
        by = Deciding(
            registration.version, corrections(history, registration.version, "kind")
        )
        quoted = {"kind": kind, "wanted": self.options.kinds}
        return Reason(Rule.OTHER_KIND, (by,), quoted)

    def _not_yet(self) -> Reason | None:
        registration = self._registration()
        day = registration.event.effective_on
        if day <= self.as_of:
            return None
        by = (facts.cited(self.organisation, registration),)
        quoted = {"came": Word.REGISTERED, "day": day, "as_of": self.as_of}
        return Reason(Rule.NOT_YET, by, quoted)

    def _over(self) -> Reason:
        """It is gone: on the day, or before the period began."""
        last = counting.last_day_there(self.organisation, self.options, self.as_of)
        if last is None or self.options.population is Population.STOCK_AT_DATE:
            end = self._end(self.as_of)
            quoted = {"gone": end.gone, "day": end.day}
            return Reason(Rule(end.gone.value), (end.by,), quoted)
        end = self._end(last + ONE_DAY)
        quoted = {"gone": end.gone, "day": end.day, "start": self.start}
        return Reason(Rule.GONE_BEFORE, (end.by,), quoted)

    def _end(self, day: date) -> End:
        """Why it is not there on *day*: it left, or else its certificate ran out."""
        if left := facts.between(self.organisation, date.min, day, *DEPARTURES):
            event, by = left[0].event, facts.cited(self.organisation, left[0])
            return End(DEPARTURES[type(event)], event.effective_on, by)
        renewed = facts.between(self.organisation, date.min, day, Renewed)
        certificate = renewed[-1] if renewed else self._registration()
        history, version = self.organisation.history, certificate.version
        by = Deciding(version, corrections(history, version, "valid_until"))
        return End(Word.EXPIRED, certificate.event.valid_until, by)

    def _last_day(self) -> date:
        """The last day it was there, of one that counts."""
        last = counting.last_day_there(self.organisation, self.options, self.as_of)
        return last or self.as_of

    def _registration(self) -> Standing:
        (registration,) = facts.standing(self.organisation, Registered)
        return registration

    def _taken(self) -> list[Standing]:
        """Its participations of the period so far, verified or not."""
        return facts.between(self.organisation, self.start, self.as_of, Participated)

    def _qualifying(self) -> list[Standing]:
        """Those of them that are verified, oldest first."""
        sure = {p.reference for p in self.organisation.participations if p.verified}
        return [fact for fact in self._taken() if fact.event.participation in sure]

    def _participation(self, took: Standing) -> list[Deciding]:
        """The participation and, where it was not made sure of at once, what did so."""
        by = [facts.cited(self.organisation, took, "verified")]
        if not took.event.verified:
            by += [
                facts.cited(self.organisation, fact)
                for fact in facts.standing(self.organisation, ParticipationVerified)
                if fact.event.participation == took.event.participation
            ]
        return by
