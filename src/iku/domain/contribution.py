"""What a subject adds to a figure, as rectangles of valid time.

What a subject counts as changes only on certain days; between them it makes one
*contribution*. A figure is the sum of the contributions that are valid on its day.

Most contributions count whatever the period. Some count only in periods that begin on
or before a day of their own, *since*: a resolved case belongs to the period in which it
was closed, an organisation's participation to the one in which it took place. So

    denominator = open + closed in the period,   numerator = closed in the period

and one table of contributions serves years, halves, quadrimesters, quarters and months.

Each kind of subject gives its own (`kinds`). `counting` says the same literally, for
one subject on one day; the two must always agree (design, section 8).
"""

from datetime import date

from msgspec import Struct

from iku.domain.figure import Counts


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
