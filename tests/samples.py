"""How much the slow tests try: all of it, or a sample that is quick to run.

``make test`` is for the work on the program and tries a sample; ``SAMPLES=all``, which
``.ci/run`` sets, tries all. Every rule is tested either way, by the same tests: what
differs is the number of random examples, of screen widths and of ways to use a page.
The sample is the same in each run.
"""

import os
from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")
U = TypeVar("U")
ALL = os.environ.get("SAMPLES") == "all"


def examples(every: int, few: int) -> int:
    """The number of random examples: *every* one, or a *few*."""
    return every if ALL else few


def sample(cases: Sequence[T], step: int, first: int = 0) -> Sequence[T]:
    """All cases, or each *step*-th one from number *first*."""
    return cases if ALL else cases[first::step]


def pairs(rows: Sequence[T], columns: Sequence[U], step: int) -> Iterator[tuple[T, U]]:
    """All pairs, or each *step*-th one of each row.

    Of rows that follow each other, different ones: each row and, if there are at least
    *step* rows, each column occurs.
    """
    for first, row in enumerate(rows):
        for column in sample(columns, step, first % step):
            yield row, column
