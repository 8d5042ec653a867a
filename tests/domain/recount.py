"""An independent implementation of the rules of counting, as an oracle.

It is written from the rules alone and evaluates each day separately: no intervals, and
no state from one day to the next. It shares only the types of facts with the program.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple

from msgspec import UNSET, structs

from iku.domain import conflict, organisation
from iku.domain.fact import Annulled, Correction
from iku.domain.indicator import ConflictOptions, OrganisationOptions

Count = tuple[int, int, int, str, str]  # numerator, denominator, expired, part, area


def remaining(history: Sequence[Any]) -> Iterator[tuple[int, Any]]:
    """The facts that are not annulled, with versions, after all corrections."""
    numbered = list(enumerate(history, start=1))

    def never_was(version: int) -> bool:
        return any(
            isinstance(event, Annulled)
            and event.annuls == version
            and not never_was(number)
            for number, event in numbered
        )

    for version, event in numbered:
        if never_was(version) or isinstance(event, Correction | Annulled):
            continue
        fields = structs.asdict(event)
        for number, correction in numbered:
            if isinstance(correction, Correction) and correction.corrects == version:
                for name, value in structs.asdict(correction).items():
                    stated = name in fields and name != "reason" and value is not UNSET
                    if stated and not never_was(number):
                        fields[name] = value
        yield version, type(event)(**fields)


def until(facts: list[tuple[int, Any]], day: date) -> list[Any]:
    """The dated facts up to and including *day*, by day and then version."""
    dated = [
        (held, version, event)
        for version, event in facts
        if (held := getattr(event, "effective_on", None)) and held <= day
    ]
    return [event for *_, event in sorted(dated, key=lambda one: one[:2])]


def days(first: date, last: date) -> Iterator[date]:
    while first <= last:
        yield first
        first += timedelta(days=1)


class CaseOn(NamedTuple):
    category: str
    dimension: str
    level: conflict.Level
    closed_by: str | None


def case_on(facts: list[tuple[int, Any]], day: date) -> CaseOn | None:
    now: CaseOn | None = None
    for event in until(facts, day):
        match event:
            case conflict.Reported():
                now = CaseOn(event.category, event.dimension, event.level, None)
            case conflict.Resolved() if now:
                now = now._replace(closed_by=event.manner)
            case conflict.Reopened() if now:
                now = now._replace(closed_by=None)
            case conflict.Reclassified() if now:
                now = CaseOn(
                    event.category or now.category,
                    event.dimension or now.dimension,
                    event.level or now.level,
                    now.closed_by,
                )
            case _:
                pass
    return now


def case(
    history: Sequence[Any], options: ConflictOptions, start: date, as_of: date
) -> Count | None:
    facts = list(remaining(history))
    events = [event for _, event in facts]
    report = next((e for e in events if isinstance(e, conflict.Reported)), None)
    taken_away = any(isinstance(e, conflict.Rejected | conflict.Merged) for e in events)
    verified = any(isinstance(e, conflict.Verified) for e in events)
    if report is None or taken_away or not verified:
        return None
    came = report.effective_on
    if options.date_basis == "occurred" and report.occurred_on:
        came = report.occurred_on
    # Before its report, a case has the category and level of the report.
    now = case_on(facts, max(as_of, report.effective_on))
    if came > as_of or now is None or now.category != options.category:
        return None
    if LEVELS.index(now.level) < LEVELS.index(options.minimum_level):
        return None
    resolved = _resolutions(facts, options)
    new = start <= came
    open_on_the_eve = not new and not resolved(start - timedelta(days=1))
    reopened = any(
        isinstance(e, conflict.Reopened) and start <= e.effective_on <= as_of
        for e in events
    )
    carried = options.carry_over == "include" and (open_on_the_eve or reopened)
    if not new and not carried:
        return None
    numerator = resolved(as_of)
    if options.reopening == "first_closure_counts":
        numerator = any(
            isinstance(e, conflict.Resolved)
            and e.effective_on <= as_of
            and e.manner in options.resolution_manners
            for e in events
        )
    return int(numerator), 1, 0, now.dimension, (report.area or "")[:8]


LEVELS = ["potensi", "perseteruan", "kekerasan", "status_keadaan_konflik"]


def _resolutions(
    facts: list[tuple[int, Any]], options: ConflictOptions
) -> Callable[[date], bool]:
    def resolved(day: date) -> bool:
        then = case_on(facts, day)
        return then is not None and then.closed_by in options.resolution_manners

    return resolved


class OrganisationOn(NamedTuple):
    exists: bool
    suspended: bool
    expired: bool


def organisation_on(facts: list[tuple[int, Any]], day: date) -> OrganisationOn:
    exists, suspended, valid_until = False, False, date.max
    for event in until(facts, day):
        match event:
            case organisation.Registered():
                exists, valid_until = True, event.valid_until or date.max
            case organisation.Renewed():
                valid_until = event.valid_until
            case organisation.Suspended():
                suspended = True
            case organisation.Restored():
                suspended = False
            case (
                organisation.Dissolved()
                | organisation.Revoked()
                | organisation.MovedOut()
            ):
                exists = False
            case _:
                pass
    return OrganisationOn(exists, suspended, valid_until < day)


def of_organisation(
    history: Sequence[Any], options: OrganisationOptions, start: date, as_of: date
) -> Count | None:
    facts = list(remaining(history))
    events = [event for _, event in facts]
    if any(isinstance(e, organisation.Rejected | organisation.Merged) for e in events):
        return None
    registrations = [e for e in events if isinstance(e, organisation.Registered)]
    if not registrations or registrations[0].kind not in options.kinds:
        return None
    drop = options.expired_registration == "drop"
    first = as_of if options.population == "stock_at_date" else start
    there: list[tuple[date, OrganisationOn]] = []
    for day in days(first, as_of):
        then = organisation_on(facts, day)
        if then.exists and not (drop and then.expired):
            there.append((day, then))
    if not there:
        return None
    last, then = there[-1]
    sure = {
        e.participation
        for e in events
        if isinstance(e, organisation.ParticipationVerified)
    }
    taken = [
        e
        for e in events
        if isinstance(e, organisation.Participated)
        and (e.verified or e.participation in sure)
        and start <= e.effective_on <= as_of
    ]
    enough = len(taken) >= options.participation_threshold
    numerator = enough and not then.suspended
    expired = last == as_of and then.expired
    first_said = registrations[0]
    district = (first_said.area or "")[:8]
    return int(numerator), 1, int(expired), first_said.kind, district
