"""What counts, literally: one case or organisation, one definition, one day.

This is the definition of every figure, written to be read beside the rules it
follows. `replay` uses it on the whole log; `contribution` says the same as ranges of
days that can be summed, and must always agree with it.
"""

from datetime import date, timedelta

from msgspec import Struct

from iku.domain import conflict
from iku.domain.conflict import Conflict
from iku.domain.figure import Counts
from iku.domain.indicator import (
    CarryOver,
    ConflictOptions,
    DateBasis,
    ExpiredRegistration,
    Options,
    OrganisationOptions,
    Population,
    Reopening,
)
from iku.domain.organisation import Organisation, Segment, Status

DISTRICT = len("35.76.02")  # an area's code begins with that of its district


class Membership(Struct, frozen=True):
    """How one subject counts.

    Attributes:
        part: Its dimension, or the organisation's kind.
        district: Code of its district; empty where no area is known.
    """

    counts: Counts
    part: str
    district: str


def membership(
    subject: Conflict | Organisation, options: Options, start: date, as_of: date
) -> Membership | None:
    """How *subject* counts as of *as_of* in the period from *start*; None: not."""
    if isinstance(subject, Conflict) and isinstance(options, ConflictOptions):
        return _case(subject, options, start, as_of)
    if isinstance(subject, Organisation) and isinstance(options, OrganisationOptions):
        return _organisation(subject, options, start, as_of)
    return None


def _case(
    case: Conflict, options: ConflictOptions, start: date, as_of: date
) -> Membership | None:
    """IKU-1 and IKU-3: "yang ada" is a stock, "yang diselesaikan" a state of it."""
    entered = entered_on(case, options)
    if entered is None or entered > as_of:
        return None
    now = on(case, as_of)
    if now.category != options.category:
        return None
    if not now.level.reaches(options.minimum_level):
        return None
    if not _exists(case, options, start, as_of):
        return None
    resolved = is_resolved(case, options, as_of)
    if options.reopening is Reopening.FIRST_CLOSURE_COUNTS:
        first = first_closing(case, options)
        resolved = first is not None and first <= as_of
    counts = Counts(numerator=int(resolved), denominator=1)
    return Membership(counts, now.dimension, district(case))


def entered_on(case: Conflict, options: ConflictOptions) -> date | None:
    """The day from which the case exists; None where it does not count at all."""
    if case.void or not case.verified or case.reported is None:
        return None
    if options.date_basis is DateBasis.OCCURRED:
        return case.reported.occurred_on or case.reported.effective_on
    return case.reported.effective_on


def on(case: Conflict, day: date) -> conflict.Segment:
    """What the case was at the end of *day*; before its report, what it began as."""
    return case.on(day) or case.timeline[0]


def first_closing(case: Conflict, options: ConflictOptions) -> date | None:
    """The day of the first closing that is a resolution."""
    manners = options.resolution_manners
    days = [c.effective_on for c in case.closings if c.manner in manners]
    return days[0] if days else None


def district(subject: Conflict | Organisation) -> str:
    """Code of the district it lies, or has its seat, in; empty where none is known."""
    opening = subject.reported if isinstance(subject, Conflict) else subject.registered
    area = opening.area if opening else None
    return (area or "")[:DISTRICT]


def _exists(case: Conflict, options: ConflictOptions, start: date, as_of: date) -> bool:
    """Entered in the period; or open on its eve; or reopened in it."""
    entered = entered_on(case, options)
    if entered is None or start <= entered <= as_of:
        return entered is not None
    if options.carry_over is CarryOver.EXCLUDE:
        return False
    # What was entered before *start* has an eve to look at.
    if not is_resolved(case, options, start - timedelta(days=1)):
        return True
    return any(start <= event.effective_on <= as_of for event in case.reopenings)


def is_resolved(case: Conflict, options: ConflictOptions, day: date) -> bool:
    """Whether *day* lies in a resolved interval, [closed, reopened)."""
    segment = case.on(day)
    return segment is not None and segment.manner in options.resolution_manners


def _organisation(
    organisation: Organisation, options: OrganisationOptions, start: date, as_of: date
) -> Membership | None:
    """IKU-2: of the organisations that there are, those that take part."""
    registered = organisation.registered
    if organisation.void or registered is None or registered.kind not in options.kinds:
        return None
    last = last_day_there(organisation, options, as_of)
    if last is None:
        return None
    earliest = start if options.population is Population.ANY_TIME_IN_PERIOD else as_of
    if last < earliest:
        return None
    then = organisation.on(last)
    active = then is not None and then.status is Status.ACTIVE
    taken_part = sum(
        participation.verified and start <= participation.on <= as_of
        for participation in organisation.participations
    )
    counts = Counts(
        numerator=int(active and taken_part >= options.participation_threshold),
        denominator=1,
        expired=int(last == as_of and then is not None and expired(then, as_of)),
    )
    return Membership(counts, registered.kind, district(organisation))


def last_day_there(
    organisation: Organisation, options: OrganisationOptions, as_of: date
) -> date | None:
    """The last day up to *as_of* on which it was one of those there are."""
    days = []
    for segment in organisation.timeline:
        if segment.start > as_of or not segment.status.exists:
            continue
        last = as_of
        if segment.end is not None:
            last = min(last, segment.end - timedelta(days=1))
        if options.expired_registration is ExpiredRegistration.DROP:
            last = min(last, segment.valid_until or last)
        if last >= segment.start:
            days.append(last)
    return max(days, default=None)


def expired(segment: Segment, day: date) -> bool:
    """Whether the certificate in force was out of date on *day*."""
    return segment.valid_until is not None and segment.valid_until < day
