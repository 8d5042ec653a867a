"""Suppression of small counts in tables for the public.

A count of one or two cases of a sensitive kind can identify people. Such cells are not
shown. The total of the table is shown, so a single suppressed cell could be computed
from the others; the smallest of these is then suppressed, too (complementary
suppression, Hundepool et al., Statistical Disclosure Control, 2012, section 4.2).
"""

from collections.abc import Sequence

LEAST = 3  # a smaller count is not shown


def suppress_small_counts(counts: Sequence[int]) -> tuple[int | None, ...]:
    """The counts of a table whose total is shown; None for each suppressed count.

    No suppressed count can be computed from the shown ones and the total, unless all
    suppressed ones are zero.
    """
    hidden = {index for index, count in enumerate(counts) if count < LEAST}
    if len(hidden) == 1 and len(counts) > 1:
        others = (index for index in range(len(counts)) if index not in hidden)
        hidden.add(min(others, key=counts.__getitem__))
    return tuple(None if n in hidden else one for n, one in enumerate(counts))
