"""The same counting as dated movements, so that a figure is a sum (double entry).

What a subject counts as changes only on certain days; between them it makes one
*contribution*. Each contribution is posted twice: added on the day it begins, taken
away on the day it ends. When something new is known of a subject, the contributions
it made before are reversed and the right ones posted, all under that event.

Most contributions hold whatever the period. Some count only in periods that begin on
or before a day of their own, *since*: a resolved case belongs to the period in which
it was closed, an organisation's participation to that in which it took part. So

    denominator = still open + closed in the period,   numerator = closed in the period

and one journal serves years, halves, quadrimesters, quarters and months alike.
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


class Account(NamedTuple):
    """What a movement is posted to.

    Attributes:
        part: Dimension of a case, kind of an organisation.
        district: Code of the district; empty where none is known.
        since: Counts only in periods that begin on or before this day; None: in all.
    """

    part: str
    district: str
    since: date | None


class Contribution(Struct, frozen=True):
    """What a subject adds to a figure from *start* until the eve of *end*."""

    start: date
    end: date | None
    account: Account
    counts: Counts


class Posting(NamedTuple):
    """A movement on the day *effective_on*: signed counts."""

    effective_on: date
    account: Account
    numerator: int
    denominator: int
    expired: int


def postings(
    before: Conflict | Organisation | None,
    after: Conflict | Organisation | None,
    options: Options,
) -> list[Posting]:
    """The movements that lead from what *before* contributed to what *after* does."""
    gone, come = contributions(before, options), contributions(after, options)
    if gone == come:
        return []
    sums: dict[tuple[date, Account], list[int]] = {}
    for sign, moving, staying in ((-1, gone, come), (1, come, gone)):
        for contribution in moving:
            # What was contributed before and still is would cancel out.
            if contribution not in staying:
                _add(sums, sign, contribution)
    return [
        Posting(day, account, *counts)
        for (day, account), counts in sums.items()
        if any(counts)
    ]


def _add(
    sums: dict[tuple[date, Account], list[int]], sign: int, of: Contribution
) -> None:
    for day, way in ((of.start, sign), (of.end, -sign)):
        if day is not None:
            counts = sums.setdefault((day, of.account), [0, 0, 0])
            counts[0] += way * of.counts.numerator
            counts[1] += way * of.counts.denominator
            counts[2] += way * of.counts.expired


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
            account=Account(segment.dimension, counting.district(case), since),
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
            Account(registered.kind, "", counted_until),
            Counts(0, 1, int(there and counting.expired(piece.segment, piece.start))),
        )
        if kth is not None and last.segment.status is Status.ACTIVE:
            yield Contribution(
                piece.start,
                piece.end,
                Account(registered.kind, "", min(kth, counted_until or kth)),
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
