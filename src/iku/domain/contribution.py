"""What a subject adds to a figure, as rectangles of valid time.

What a subject counts as changes only on certain days; between them it makes one
*contribution*. A figure is the sum of the contributions that are valid on its day.

Most contributions count whatever the period. Some count only in periods that begin on
or before a day of their own, *since*: a resolved case belongs to the period in which it
was closed, an organisation's participation to the one in which it took place. So

    denominator = open + closed in the period,   numerator = closed in the period

and one table of contributions serves years, halves, quadrimesters, quarters and months.

`counting` says the same literally, for one subject on one day; the two must always
agree (design, section 8).
"""

from bisect import bisect_right
from collections.abc import Iterator
from datetime import date, timedelta
from typing import NamedTuple

from msgspec import Struct, structs

from iku.domain import conflict, counting
from iku.domain.conflict import Conflict
from iku.domain.figure import Counts
from iku.domain.indicator import (
    CarryOver,
    ConflictOptions,
    ExpiredRegistration,
    Options,
    OrganisationOptions,
    Population,
    Reopening,
)
from iku.domain.organisation import Organisation, Segment, Status

ONE_DAY = timedelta(days=1)


class Contribution(Struct, frozen=True):
    """What a subject adds to a figure from *start* until the eve of *end*.

    Attributes:
        end: None: until now.
        part: Dimension of a case, kind of an organisation.
        district: Code of the district; empty where none is known.
        since: Counts only in periods that begin on or before this day; None: in all.
    """

    start: date
    end: date | None
    part: str
    district: str
    since: date | None
    counts: Counts


def contributions(
    subject: Conflict | Organisation | None, options: Options
) -> tuple[Contribution, ...]:
    """What *subject* counts as, from day to day; no two are alike."""
    if isinstance(subject, Conflict) and isinstance(options, ConflictOptions):
        return subject.once(options, lambda: tuple(_of_case(subject, options)))
    if isinstance(subject, Organisation) and isinstance(options, OrganisationOptions):
        return subject.once(options, lambda: tuple(_of_organisation(subject, options)))
    return ()


def _of_case(case: Conflict, options: ConflictOptions) -> Iterator[Contribution]:
    entered = counting.entered_on(case, options)
    if entered is None:
        return
    first = counting.first_closing(case, options)
    lasting = options.reopening is Reopening.FIRST_CLOSURE_COUNTS
    for segment in _from_entry(case, entered):
        if segment.category != options.category:
            continue
        if not segment.level.reaches(options.minimum_level):
            continue
        resolved = segment.manner in options.resolution_manners
        once = lasting and first is not None and first <= segment.start
        since = segment.resolved_on if resolved else None
        if options.carry_over is CarryOver.EXCLUDE:
            since = entered
        yield Contribution(
            start=segment.start,
            end=segment.end,
            part=segment.dimension,
            district=counting.district(case),
            since=since,
            counts=Counts(numerator=int(resolved or once), denominator=1),
        )


def _from_entry(case: Conflict, entered: date) -> Iterator[conflict.Segment]:
    """Its timeline; by day of occurrence it is there, and open, before its report."""
    first = case.timeline[0]
    if entered < first.start:
        yield structs.replace(
            first, start=entered, end=first.start, resolved_on=None, manner=None
        )
    yield from case.timeline


class _Piece(NamedTuple):
    """Days, *end* excluded, on which nothing about an organisation changes."""

    start: date
    end: date | None
    segment: Segment


def _of_organisation(
    organisation: Organisation, options: OrganisationOptions
) -> Iterator[Contribution]:
    registered = organisation.registered
    if organisation.void or registered is None or registered.kind not in options.kinds:
        return
    taken = [p.on for p in organisation.participations if p.verified]
    district = counting.district(organisation)
    last: _Piece | None = None  # the latest piece in which it was there
    for piece in _pieces(organisation, taken):
        there = _there(piece, options)
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
            registered.kind,
            district,
            counted_until,
            Counts(0, 1, int(there and counting.expired(piece.segment, piece.start))),
        )
        if kth is not None and last.segment.status is Status.ACTIVE:
            yield Contribution(
                piece.start,
                piece.end,
                registered.kind,
                district,
                min(kth, counted_until or kth),
                Counts(1, 0, 0),
            )


def _there(piece: _Piece, options: OrganisationOptions) -> bool:
    if not piece.segment.status.exists:
        return False
    if options.expired_registration is ExpiredRegistration.KEEP:
        return True
    return not counting.expired(piece.segment, piece.start)


def _pieces(organisation: Organisation, taken: list[date]) -> Iterator[_Piece]:
    """Its timeline, cut where a certificate runs out and at each participation."""
    for segment in organisation.timeline:
        cuts = set(taken)
        if segment.valid_until is not None:
            cuts.add(segment.valid_until + ONE_DAY)
        inside = (
            day
            for day in cuts
            if segment.start < day and (segment.end is None or day < segment.end)
        )
        days = [segment.start, *sorted(inside)]
        for start, end in zip(days, [*days[1:], segment.end], strict=True):
            yield _Piece(start, end, segment)
