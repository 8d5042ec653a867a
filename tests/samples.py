"""How much the slow tests try: all of it, or a sample that is quick to run.

``make test`` is for the work on the program and tries a sample; ``SAMPLES=all``, which
``.ci/run`` sets, tries all. Every rule is tested either way, by the same tests: what
differs is the number of random examples, of screen widths and of ways to use a page.
The sample is the same in each run.
"""

import os
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")
ALL = os.environ.get("SAMPLES") == "all"


def examples(every: int, few: int) -> int:
    """The number of random examples: *every* one, or a *few*."""
    return every if ALL else few


def sample(cases: Sequence[T], step: int, first: int = 0) -> Sequence[T]:
    """All cases, or each *step*-th one from number *first*."""
    return cases if ALL else cases[first::step]
