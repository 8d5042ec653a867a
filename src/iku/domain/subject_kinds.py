"""The registry of the kinds of subjects that are counted.

An indicator counts subjects of one kind, by options of that kind. The code that reads
or writes figures asks this registry how a subject is decided, counted and shown, and
does not name any kind. A new kind is one new file and one entry of `KINDS` (design,
section 4).
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
    subject_states,
)
from iku.domain.cause import Cause
from iku.domain.contribution import Contribution, merge_adjacent
from iku.domain.counting import Membership, Rules
from iku.domain.decider import Decider
from iku.domain.fact import Fact
from iku.domain.indicator import ConflictOptions, Options, OrganisationOptions
from iku.domain.subject import Subject
from iku.domain.subject_states import StateInterval, SubjectState
from iku.messages import message


@dataclass(frozen=True, slots=True)
class SubjectKind:
    """A kind of counted subject, with everything that other modules need.

    Attributes:
        called: The noun for a subject of this kind, as a message.
        decider: The decider of its category.
        state: Type of the state.
        options: Type of the options by which a definition counts it.
        rules: The rules of counting for one subject, built from its state, the options,
            the first day of the period, and the day.
        contributions: The rules of counting as ranges of days, without duplicates;
            adjacent equal ranges may be separate.
        cause: The cause of a change in a figure when an event of the kind becomes
            known.
        state_intervals: The states of a subject, by its identifier, oldest first.
        standing: Type of the state on a day.
        texts: Texts of the creation event that are shown, the title first.
        listed: The texts of `texts` that a list shows.
    """

    called: str
    decider: Decider[Any, Any]
    state: type[Subject]
    options: type[Any]
    rules: Callable[[Any, Any, date, date], Rules]
    contributions: Callable[[Any, Any], Iterable[Contribution]]
    cause: Callable[[Any], Cause]
    state_intervals: Callable[[str, Any], Iterable[StateInterval]]
    standing: type[SubjectState]
    texts: tuple[str, ...]
    listed: tuple[str, ...]

    @property
    def category(self) -> str:
        """Prefix of the names of its streams."""
        return self.decider.category

    @property
    def letter(self) -> str:
        """First letter of its automatic numbers."""
        return self.state.LETTER


KINDS: list[SubjectKind] = [
    SubjectKind(
        called=message("a case"),
        decider=conflict.decider,
        state=conflict.Conflict,
        options=ConflictOptions,
        rules=conflict_counting.CaseRules,
        contributions=conflict_counting.contributions,
        cause=conflict_counting.cause,
        state_intervals=subject_states.case_states,
        standing=subject_states.ConflictState,
        texts=subject_states.CASE_TEXTS,
        listed=("title", "reference"),
    ),
    SubjectKind(
        called=message("an organisation"),
        decider=organisation.decider,
        state=organisation.Organisation,
        options=OrganisationOptions,
        rules=organisation_counting.OrganisationRules,
        contributions=organisation_counting.contributions,
        cause=organisation_counting.cause,
        state_intervals=subject_states.organisation_states,
        standing=subject_states.OrganisationState,
        texts=("name",),
        listed=("name",),
    ),
]


def kind_of(category: str) -> SubjectKind | None:
    """The kind of subject of *category*; None if its subjects are not counted."""
    for kind in KINDS:
        if kind.decider.category == category:
            return kind
    return None


def counted_kind(category: str) -> SubjectKind:
    """The kind of subject of *category*, whose subjects are counted.

    Raises:
        LookupError: The subjects of that category are not counted.
    """
    kind = kind_of(category)
    if kind is None:
        raise LookupError(f"{category} is no kind of subject that counts")
    return kind


def categories() -> tuple[str, ...]:
    """The categories of all kinds."""
    return tuple(kind.category for kind in KINDS)


def creation_event_types() -> tuple[type[Fact], ...]:
    """The types of the first events of all kinds."""
    return tuple(kind.state.CREATION for kind in KINDS)


def kind_counted_by(options: Options) -> SubjectKind:
    """The kind that these options count.

    Raises:
        LookupError: No kind has these options.
    """
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
    kind = kind_counted_by(options)
    if not isinstance(subject, kind.state):
        counted, given = type(options).__name__, type(subject).__name__
        raise TypeError(f"{counted} do not count a {given}")
    return kind.rules(subject, options, start, as_of).membership()


def contributions(subject: Any, options: Options) -> tuple[Contribution, ...]:
    """The contributions of *subject*, in order; empty if it is of another kind."""
    kind = kind_counted_by(options)
    if not isinstance(subject, kind.state):
        return ()
    return subject.get_or_compute(
        options, lambda: merge_adjacent(kind.contributions(subject, options))
    )


def state_intervals(
    category: str, subject: str, state: Any
) -> tuple[StateInterval, ...]:
    """The states of *subject*, oldest first; empty if its kind is not counted."""
    kind = kind_of(category)
    if kind is None or state is None:
        return ()
    # A new subject's identifier is known only once it is appended.
    found: tuple[StateInterval, ...] = state.get_or_compute(
        (subject_states.SPANS, subject),
        lambda: tuple(kind.state_intervals(subject, state)),
    )
    return found


def state_on(category: str, subject: str, state: Any, day: date) -> SubjectState | None:
    """The state of *subject* at the end of *day*; None before its first state."""
    begun = [
        s for s in state_intervals(category, subject, state) if s.valid_from <= day
    ]
    return begun[-1].state_of_subject if begun else None
