"""A minimal kind of subject: a training course, which is opened and finished.

This module is its whole definition; adding `KIND` to `subject_kinds.KINDS` registers
it. Its indicator is the share of finished courses among the courses of a topic that
existed in the period.
"""

from collections.abc import Iterator
from datetime import date
from enum import StrEnum
from functools import cached_property, partial
from typing import assert_never

from msgspec import Struct

from iku.domain import counting, numbering
from iku.domain.cause import Cause
from iku.domain.contribution import Contribution
from iku.domain.counting import Reason, Rule, RuleResult, Rules
from iku.domain.decider import Decider, DecisionContext, Refused, refuse_unlikely_day
from iku.domain.fact import Annulled, EffectiveFact, Fact, Line, Number
from iku.domain.fact import Reason as Why
from iku.domain.figure import Counts
from iku.domain.indicator import EmptyRatio, Options, Rounding
from iku.domain.subject import Subject
from iku.domain.subject_kinds import SubjectKind
from iku.domain.subject_states import StateColumns, StateInterval, remaining_fields
from iku.domain.subject_states import SubjectState as Shown
from iku.messages import message


class Topic(StrEnum):
    """The topic of a course."""

    MEDIATION = "mediation"
    REPORTING = "reporting"


# Facts.


class Opened(Fact, frozen=True, tag="opened"):
    """The course began."""

    title: Line
    topic: Topic
    effective_on: date
    number: Number | None = None
    reason: Why | None = None


class Finished(Fact, frozen=True, tag="finished"):
    """All lessons were given."""

    effective_on: date
    reason: Why | None = None


Event = Opened | Finished | Annulled


# State.


class Course(Subject, frozen=True, dict=True):
    """The state of a course."""

    CREATION = Opened
    TITLE = "title"
    LETTER = "C"

    @cached_property
    def finished_on(self) -> date | None:
        """The day on which it was finished; None if it is not finished."""
        finished = next(self.events_of(Finished), None)
        return finished.effective_on if finished else None


def evolve(course: Course | None, event: Event) -> Course:
    """The state of the course after *event*."""
    return Course((*(course.history if course else ()), event))


def decide(
    command: Event, course: Course | None, context: DecisionContext
) -> list[Event]:
    """The facts that *command* adds to *course*."""
    match command:
        case Opened():
            refuse_unlikely_day("effective_on", command.effective_on, context.today)
        case Finished():
            opening = course.creation_event if course else None
            if opening is None or command.effective_on < opening.effective_on:
                raise Refused(f"finished on {command.effective_on}, but not opened yet")
        case Annulled():
            pass
        case _:
            assert_never(command)
    return [command]


# Counting.


class CourseOptions(Struct, Options, frozen=True, tag_field="counts", tag="courses"):
    """The options of the indicator: the topic of the counted courses."""

    topic: Topic
    empty: EmptyRatio = EmptyRatio.UNDEFINED
    rounding: Rounding = "half_up_2"


OPENING = message("opening")
OPENED = message("opened on")
FINISHED = "tuntas"


class CourseRules(Rules, frozen=True, dict=True):
    """The courses that existed in the period, and the finished ones among them."""

    course: Course
    options: CourseOptions
    start: date
    as_of: date

    def in_denominator(self) -> RuleResult:
        """Of the topic, opened by the day, and not finished before the period."""
        if self.course.exclusion_status:
            return RuleResult(
                False, partial(counting.exclusion_reason, self.course, OPENING)
            )
        opened = self.course.creation_event
        if opened.topic != self.options.topic:
            return RuleResult(False, self._other_topic)
        if opened.effective_on > self.as_of:
            return RuleResult(False, partial(self._by_opening, Rule.NOT_YET))
        if self.start <= opened.effective_on:
            return RuleResult(True, partial(self._by_opening, Rule.NEW_IN_PERIOD))
        if (self.course.finished_on or self.as_of) < self.start:
            return RuleResult(False, partial(self._by_end, Rule.RESOLVED_BEFORE))
        return RuleResult(True, partial(self._by_opening, Rule.OPEN_ON_EVE))

    def in_numerator(self) -> RuleResult:
        """Finished by the day."""
        finished = self.course.finished_on
        if finished is not None and finished <= self.as_of:
            return RuleResult(True, partial(self._by_end, Rule.RESOLVED))
        return RuleResult(False, partial(self._by_opening, Rule.STILL_OPEN))

    def part(self) -> str:
        """Its topic."""
        return str(self.course.creation_event.topic)

    def district(self) -> str:
        """None, because courses have no district."""
        return ""

    def _other_topic(self) -> Reason:
        topic, wanted = self.course.creation_event.topic, self.options.topic
        return self._reason(Rule.OTHER_KIND, Opened, kind=topic, wanted=wanted)

    def _by_opening(self, rule: Rule) -> Reason:
        day = self.course.creation_event.effective_on
        days = {"day": day, "start": self.start, "as_of": self.as_of}
        return self._reason(rule, Opened, came=OPENED, **days)

    def _by_end(self, rule: Rule) -> Reason:
        days = {"day": self.course.finished_on, "start": self.start}
        return self._reason(rule, Finished, manner=FINISHED, **days)

    def _reason(self, rule: Rule, of: type[Fact], **quoted: object) -> Reason:
        fact: EffectiveFact = self.course.effective_facts(of)[0]
        return Reason(rule, (counting.cite(self.course, fact),), quoted)


def contributions(course: Course, options: CourseOptions) -> Iterator[Contribution]:
    """The contributions of the course: while it is open, and in its last period."""
    opened, finished = course.creation_event, course.finished_on
    if course.exclusion_status or opened.topic != options.topic:
        return
    part = str(opened.topic)
    if finished is None or opened.effective_on < finished:
        start = opened.effective_on
        yield Contribution(start, finished, part, "", None, Counts(0, 1))
    if finished is not None:
        yield Contribution(finished, None, part, "", finished, Counts(1, 1))


def cause(event: Event) -> Cause:
    """The cause of a figure's change through *event*."""
    match event:
        case Annulled():
            return Cause.ANNULMENT
        case Opened() | Finished():
            return Cause.LATE_DATA
    assert_never(event)


# The state on a day.


class CourseStanding(Shown, frozen=True):
    """The state of a course on a day."""

    id: str
    number: str
    status: str
    kind: str
    opened_on: date
    wording: dict[str, int]

    @property
    def columns(self) -> StateColumns:
        """The stored form of the state."""
        return StateColumns(
            entered_on=self.opened_on,
            level=0,
            verified=False,
            expired=False,
            number=self.number,
            status=self.status,
            kind=self.kind,
            dimension="",
            area="",
            source="",
            shown=remaining_fields(self),
        )


def spans(subject: str, course: Course) -> Iterator[StateInterval]:
    """The spans of a course's states, oldest first."""
    opened, finished = course.creation_event, course.finished_on

    def standing(status: str) -> CourseStanding:
        return CourseStanding(
            id=subject,
            number=numbering.number(subject, course),
            status=course.exclusion_status or status,
            kind=opened.topic,
            opened_on=opened.effective_on,
            wording=course.text_versions("title"),
        )

    if finished is None or opened.effective_on < finished:
        yield StateInterval(opened.effective_on, finished, standing("open"))
    if finished is not None:
        yield StateInterval(finished, None, standing("finished"))


decider: Decider[Course, Event] = Decider(
    "course", Event, decide, evolve, moves_figures=True
)

KIND = SubjectKind(
    called="a course",
    decider=decider,
    state=Course,
    options=CourseOptions,
    rules=CourseRules,
    contributions=contributions,
    cause=cause,
    state_intervals=spans,
    standing=CourseStanding,
    texts=("title",),
    listed=("title",),
)
