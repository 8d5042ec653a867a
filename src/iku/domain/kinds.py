"""The kinds of subjects that count, each registered once.

An indicator counts subjects of one kind, by options of that kind's own. What reads or
writes figures asks here how a subject of it is decided and counted, and names no kind.
A new one is a file that says all this of it, and an entry of `KINDS`.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from iku.domain import (
    conflict,
    conflict_counting,
    organisation,
    organisation_counting,
)
from iku.domain.contribution import Contribution
from iku.domain.counting import Membership, Rules
from iku.domain.decider import Decider
from iku.domain.indicator import ConflictOptions, Options, OrganisationOptions
from iku.domain.subject import Subject


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of subject that counts, and all that others need to know of it.

    Attributes:
        decider: What may happen to it; names its category.
        state: What its facts are folded into.
        options: How it is counted, as a definition says it.
        rules: How one counts, literally: made of its state, options, the first day of
            the period, and the day.
        contributions: The same as ranges of days, no two alike.
    """

    decider: Decider[Any, Any]
    state: type[Subject]
    options: type[Any]
    rules: Callable[[Any, Any, date, date], Rules]
    contributions: Callable[[Any, Any], Iterable[Contribution]]


KINDS: list[Kind] = [
    Kind(
        decider=conflict.decider,
        state=conflict.Conflict,
        options=ConflictOptions,
        rules=conflict_counting.CaseRules,
        contributions=conflict_counting.contributions,
    ),
    Kind(
        decider=organisation.decider,
        state=organisation.Organisation,
        options=OrganisationOptions,
        rules=organisation_counting.OrganisationRules,
        contributions=organisation_counting.contributions,
    ),
]


def counted_by(options: Options) -> Kind:
    """The kind that these options count."""
    for kind in KINDS:
        if type(options) is kind.options:
            return kind
    raise LookupError(f"{type(options).__name__} are registered for no kind")


def membership(
    subject: Subject, options: Options, start: date, as_of: date
) -> Membership:
    """How *subject* counts as of *as_of* in the period from *start*.

    Raises:
        TypeError: *options* count subjects of another kind.
    """
    kind = counted_by(options)
    if not isinstance(subject, kind.state):
        counted, given = type(options).__name__, type(subject).__name__
        raise TypeError(f"{counted} do not count a {given}")
    return kind.rules(subject, options, start, as_of).membership()


def contributions(subject: Any, options: Options) -> tuple[Contribution, ...]:
    """What *subject* counts as, from day to day; nothing if it is of another kind."""
    kind = counted_by(options)
    if not isinstance(subject, kind.state):
        return ()
    return subject.once(options, lambda: tuple(kind.contributions(subject, options)))
