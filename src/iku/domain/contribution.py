"""Contributions: what a subject adds to a figure, as ranges of valid time.

The way a subject counts changes only on certain days. Between two of them the subject
has one *contribution*. A figure is the sum of the contributions valid on its day.

Most contributions count in every period. Some count only in periods that begin on or
before a separate day, `since`: a resolved case belongs to the period in which it
was closed, and a participation of an organisation to the period in which it took place.
For cases, therefore:

    denominator = open + closed in the period,   numerator = closed in the period

One table of contributions serves years, halves, quadrimesters, quarters and months
(design, section 8).

Each kind of subject computes its own contributions (`subject_kinds`). `counting` states
the same rules for one subject on one day, and both must agree (design, section 6).
"""

from collections.abc import Iterable
from datetime import date

from msgspec import Struct, structs

from iku.domain.figure import Counts


class Contribution(Struct, frozen=True):
    """What a subject adds to a figure from *start* up to, but not including, *end*.

    Attributes:
        end: None if the contribution is still valid.
        part: Dimension of a case, or kind of an organisation.
        district: Code of the district; empty if it is unknown.
        since: The contribution counts only in periods that begin on or before this day;
            None if it counts in all periods.
    """

    start: date
    end: date | None
    part: str
    district: str
    since: date | None
    counts: Counts


def merge_adjacent(found: Iterable[Contribution]) -> tuple[Contribution, ...]:
    """Merge equal contributions of adjacent days; *found* is ordered by first day.

    Adjacent contributions are equal if they differ only in their days. An organisation
    that takes part adds the same to the denominator before and after. If its two
    contributions were not merged, each participation would end a row and begin two.
    """
    found = tuple(found)
    if len(found) < 2:
        return found
    merged: list[Contribution] = []
    last: dict[tuple[str, str, date | None, Counts], int] = {}
    for one in found:
        alike = one.part, one.district, one.since, one.counts
        place = last.get(alike)
        if place is not None and merged[place].end == one.start:
            merged[place] = structs.replace(merged[place], end=one.end)
        else:
            last[alike] = len(merged)
            merged.append(one)
    return tuple(merged)
