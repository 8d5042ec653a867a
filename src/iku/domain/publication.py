"""The publication: the printed figures of a period, immutable once published.

A publication is drafted, closed, reviewed and published, in this order. Each step has a
reason and an actor. Closing freezes the figures. A published publication takes no
further step; later knowledge is printed in a new edition, a restatement (*penyajian
kembali*).

All publications of one year are events of one subject, the year. A later event that
would change a frozen figure needs a reason (`closed_periods`).
"""

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from types import MappingProxyType
from typing import Annotated, Any, TypeAlias, assert_never

from msgspec import Meta, Struct, structs

from iku.domain import period, subject_rules
from iku.domain.coordinates import CODE, LETTERS, Coordinates
from iku.domain.decider import (
    Decider,
    DecisionContext,
    Invalid,
    Refused,
    refuse_unlikely_day,
)
from iku.domain.fact import Fact, Line, Reason
from iku.domain.period import MONTHS, Kind, Period
from iku.messages import Term, message

IDENTIFIER = (
    r"^[0-9]{4}(-[SCWB][0-9]{1,2})?(-sd[0-9]{4})?(\.([2-9]|[1-9][0-9]{1,3}))?$(?!\n)"
)

Identifier: TypeAlias = Annotated[
    str,
    Meta(
        pattern=IDENTIFIER,
        extra_json_schema={
            "x-expects": "the identifier of a publication, such as 2021 or 2021-W3.2"
        },
        description="Identifier of a publication: the year; for a part of the year "
        "also S1, C2, W3 or B07; sd0815 if it ends on that day, before its period "
        "does; from the second edition on also .2, .3 and so on.",
        examples=["2021", "2021-W3", "2021-sd0930.2"],
    ),
]
Count: TypeAlias = Annotated[int, Meta(ge=0, le=2**53 - 1)]


class PublicationState(StrEnum):
    """The state of a publication."""

    DRAFT = "draft"
    CLOSED = "closed"
    REVIEWED = "reviewed"
    PUBLISHED = "published"
    WITHDRAWN = "withdrawn"


class FrozenValue(Struct, frozen=True):
    """A figure as it was when its period was closed, with its basis.

    Attributes:
        definition: Version of the indicator's definition.
        scale: Version of the rating scale.
        expired: Organisations in the denominator whose certificate had expired; None
            for indicators that count cases.
        percentage: In per cent, two decimals; None if there was nothing to count.
        target: Target of the year, in per cent; None if none was known.
        achievement: Actual divided by target, in per cent; None if either was missing.
        rating: Rating of the achievement; None if there was no achievement.
        number: Figure number: all coordinates in one line that can be typed in again.
    """

    indicator: str
    definition: int
    scale: int
    numerator: Count
    denominator: Count
    expired: Count | None
    percentage: Decimal | None
    target: Decimal | None
    achievement: Decimal | None
    rating: str | None
    number: str


# Events. The tags and fields are the storage format: add fields, never change them.


class Step(Fact, frozen=True):
    """Base of all publication events: a step of *publication*, its day and reason."""

    publication: Identifier
    effective_on: date
    reason: Reason


class Drafted(Step, frozen=True, tag="drafted"):
    """A publication of the figures as of *as_of* was drafted.

    *restates* is the published edition before it, for edition 2 and later.
    """

    period: Kind
    as_of: date
    edition: Annotated[int, Meta(ge=1, le=9999)]
    restates: Identifier | None = None
    title: Line | None = None


class Confirmed(Step, frozen=True, tag="confirmed"):
    """*by*, the actor, confirms the figure of *indicator* for its division."""

    indicator: str
    by: Line


class Closed(Step, frozen=True, tag="closed"):
    """The figures were frozen, as known on *known_on* in a log of *size* events.

    *by* is the actor, if it is an account.
    """

    known_on: date
    size: Count
    figures: tuple[FrozenValue, ...]
    by: Line | None = None


class Returned(Step, frozen=True, tag="returned"):
    """The publication became a draft again; its frozen figures are discarded."""


class Reviewed(Step, frozen=True, tag="reviewed"):
    """*by*, the actor, has reviewed the figures."""

    by: Line


class Published(Step, frozen=True, tag="published"):
    """*by*, the actor, has released the figures for print."""

    by: Line


class Withdrawn(Step, frozen=True, tag="withdrawn"):
    """The draft was withdrawn; its identifier can be used again."""


Event = Drafted | Confirmed | Closed | Returned | Reviewed | Published | Withdrawn


# Commands. `decide` adds the actor and the day.


class Draft(Fact, frozen=True):
    """The command that drafts a publication.

    Attributes:
        period: Kind of period; the period that contains as_of is counted.
        as_of: As-of day of the published figures; not later than today.
        reason: Reason for the publication.
        restates: Published edition that this one restates.
        title: Title on the printed page.
    """

    period: Kind
    as_of: date
    reason: Reason
    restates: Identifier | None = None
    title: Line | None = None

    @property
    def edition(self) -> int:
        """Number of the new edition: one more than the edition that it restates."""
        return 1 if self.restates is None else edition_number(self.restates) + 1

    @property
    def publication(self) -> str:
        """Identifier of the new publication."""
        return identifier(self.period, self.as_of, self.edition)


class StepType(StrEnum):
    """A step after the draft, by the tag of its event."""

    CONFIRMED = "confirmed"
    CLOSED = "closed"
    RETURNED = "returned"
    REVIEWED = "reviewed"
    PUBLISHED = "published"
    WITHDRAWN = "withdrawn"


class NextStep(Fact, frozen=True):
    """The next step of a publication.

    Attributes:
        type: confirmed confirms the figure of one indicator for its division; closed
            freezes the figures; returned makes a closed or reviewed
            publication a draft again; reviewed confirms the frozen figures; published
            releases them for print; withdrawn discards a draft.
        reason: Reason for the step.
        known_on: Knowledge cut-off of a closing; today if omitted. Only allowed in a
            closing.
        indicator: Indicator whose figure is confirmed. Only allowed in a confirmation,
            which requires it.
    """

    type: StepType
    reason: Reason
    known_on: date | None = None
    indicator: Annotated[str, Meta(pattern=CODE)] | None = None


class Snapshot(Struct, frozen=True):
    """The figures that a closing freezes, with their knowledge cut-off and size."""

    known_on: date
    size: int
    figures: tuple[FrozenValue, ...]


class TakeStep(Struct, frozen=True):
    """The command that takes the next step; a closing carries its snapshot."""

    publication: str
    step: NextStep
    snapshot: Snapshot | None = None


Command = Draft | TakeStep


def without_snapshot(command: Command) -> Command:
    """*command* without its snapshot, so that a retry equals the first attempt."""
    if isinstance(command, TakeStep):
        return structs.replace(command, snapshot=None)
    return command


# State.


class Publication(Struct, frozen=True, dict=True):
    """A publication, folded from its steps.

    Attributes:
        restates: The previous published edition; None for a first edition.
        closing: The closing in force; None while it is a draft.
        confirmed: The actor who confirmed each indicator since the last draft.
        steps: All steps, the draft first.
    """

    id: str
    period: Period
    as_of: date
    edition: int
    restates: str | None
    title: str | None
    state: PublicationState
    closing: Closed | None
    confirmed: Mapping[str, str]
    steps: tuple[Event, ...]

    @property
    def last_step(self) -> Event:
        """The step that led to the present state."""
        return self.steps[-1]

    @property
    def figures(self) -> tuple[FrozenValue, ...]:
        """The frozen figures; empty while it is a draft."""
        return self.closing.figures if self.closing else ()


class PublicationYear(Struct, frozen=True, dict=True):
    """All publications of a year; *history* holds all their steps, in order."""

    history: tuple[Event, ...]

    @cached_property
    def publications(self) -> Mapping[str, Publication]:
        """The publications by identifier, in the order in which they were drafted."""
        found: dict[str, Publication] = {}
        for event in self.history:
            found[event.publication] = _apply(found.get(event.publication), event)
        return MappingProxyType(found)


def evolve(year: PublicationYear | None, event: Event) -> PublicationYear:
    """The publications of the year after *event*."""
    return PublicationYear((*(year.history if year else ()), event))


def _apply(before: Publication | None, event: Event) -> Publication:
    if isinstance(event, Drafted):
        return _new_draft(before, event)
    if before is None:
        raise AssertionError(f"{event.publication} was never drafted")
    closing, confirmed = before.closing, before.confirmed
    if isinstance(event, Closed):
        closing = event
    elif isinstance(event, Returned):
        closing, confirmed = None, {}
    elif isinstance(event, Confirmed):
        confirmed = {**confirmed, event.indicator: event.by}
    return structs.replace(
        before,
        state=state_after(event),
        closing=closing,
        confirmed=confirmed,
        steps=(*before.steps, event),
    )


def state_after(event: Event) -> PublicationState:
    """The state of a publication after *event*."""
    match event:
        case Drafted() | Confirmed() | Returned():
            return PublicationState.DRAFT
        case Closed():
            return PublicationState.CLOSED
        case Reviewed():
            return PublicationState.REVIEWED
        case Published():
            return PublicationState.PUBLISHED
        case Withdrawn():
            return PublicationState.WITHDRAWN
    assert_never(event)


def _new_draft(before: Publication | None, event: Drafted) -> Publication:
    return Publication(
        id=event.publication,
        period=period.containing(event.as_of, event.period),
        as_of=event.as_of,
        edition=event.edition,
        restates=event.restates,
        title=event.title,
        state=PublicationState.DRAFT,
        closing=None,
        confirmed={},
        steps=(*(before.steps if before else ()), event),
    )


# Identifiers.


def identifier(kind: Kind, as_of: date, number: int) -> str:
    """The identifier of a publication, such as ``2021-W3``.

    A whole year is ``2021``, the second publication of July ``2021-B07.2``, and the
    year up to 30 September ``2021-sd0930`` (s.d. 30 September).
    """
    whole = period.containing(as_of, kind)
    part = (
        f"-{LETTERS[kind]}{_period_number_in_year(whole)}"
        if kind is not Kind.YEAR
        else ""
    )
    until = f"-sd{as_of:%m%d}" if as_of != whole.end else ""
    return f"{as_of.year:04}{part}{until}" + (f".{number}" if number > 1 else "")


def _period_number_in_year(of: Period) -> str:
    """The ordinal of the period among those of its kind in the year."""
    ordinal = (of.start.month - 1) // MONTHS[of.kind] + 1
    return f"{ordinal:02}" if of.kind is Kind.MONTH else str(ordinal)


def edition_number(publication: str) -> int:
    """The edition in an identifier; the first edition has no number."""
    return int(publication.partition(".")[2] or 1)


def stream_year(publication: str) -> str:
    """The year whose stream holds the events of a publication."""
    return publication[:4]


# Decisions.


def decide(
    command: Command, year: PublicationYear | None, context: DecisionContext
) -> list[Event]:
    """The event that *command* adds to the *year*; empty if it is already recorded.

    Raises:
        Refused: A rule forbids the command; the message quotes both values.
    """
    known = year.publications if year else {}
    match command:
        case Draft():
            return _draft(command, known, context)
        case TakeStep():
            return _take_step(command, known, context)
    assert_never(command)


def _draft(
    command: Draft, known: Mapping[str, Publication], context: DecisionContext
) -> list[Event]:
    refuse_unlikely_day("as_of", command.as_of, context.today)
    drafted = Drafted(
        publication=command.publication,
        effective_on=context.today,
        reason=command.reason,
        period=command.period,
        as_of=command.as_of,
        edition=command.edition,
        restates=command.restates,
        title=command.title,
    )
    before = known.get(drafted.publication)
    if before is not None and before.last_step == drafted:
        return []
    _refuse_bad_restatement(command, known)
    if before is not None and before.state is not PublicationState.WITHDRAWN:
        raise Refused(_second_draft_message(before))
    return [drafted]


def _second_draft_message(before: Publication) -> str:
    then: dict[str, Any] = {
        "publication": before.id,
        "state": Term("state", before.state),
        "day": before.last_step.effective_on,
    }
    if before.state is PublicationState.PUBLISHED:
        return message(
            "{publication} was {state} on {day}, so it cannot be drafted again: draft "
            "a new edition with restates {publication}",
            **then,
        )
    return message(
        "{publication} was {state} on {day}, so it cannot be drafted again", **then
    )


def _refuse_bad_restatement(command: Draft, known: Mapping[str, Publication]) -> None:
    restates = command.restates
    if restates is None:
        return
    same = identifier(command.period, command.as_of, edition_number(restates))
    if restates != same:
        raise Invalid(
            "restates",
            message(
                "restates is {restates}, but the publication of this period and day "
                "is {same}",
                restates=restates,
                same=same,
            ),
        )
    before = known.get(restates)
    if before is None:
        raise Invalid(
            "restates",
            message(
                "restates is {restates}, but publication {restates} does not exist",
                restates=restates,
            ),
        )
    if before.state is not PublicationState.PUBLISHED:
        raise Refused(
            message(
                "restates is {restates}, but {restates} is {state}, and only a "
                "published publication can be restated",
                restates=restates,
                state=Term("state", before.state),
            )
        )


def _take_step(
    command: TakeStep, known: Mapping[str, Publication], context: DecisionContext
) -> list[Event]:
    now = known.get(command.publication)
    if now is None:
        raise Refused(
            message(
                "publication {publication} does not exist",
                publication=command.publication,
            )
        )
    event = _step_event(command, context)
    if now.last_step == event:
        return []
    wanted = FOLLOWS[command.step.type]
    if now.state not in wanted:
        raise Refused(
            message(
                "{publication} has been {state} since {day}, so it cannot be {event}: "
                "it must be {wanted} first",
                publication=now.id,
                event=subject_rules.event_name(event),
                wanted=_states_in_words(wanted),
                state=Term("state", now.state),
                day=now.last_step.effective_on,
            )
        )
    match event:
        case Closed():
            _refuse_bad_closing(event, now, context)
            if context.accounts:
                _refuse_unconfirmed(event, now)
        case Reviewed() | Published():
            _refuse_same_person(event, now, context)
        case _:
            pass
    return [event]


def _states_in_words(wanted: tuple[PublicationState, ...]) -> str:
    """One or two states: ``closed or reviewed``."""
    one, *others = [Term("state", state) for state in wanted]
    if not others:
        return one
    return message("{choice} or {other_choice}", choice=one, other_choice=others[0])


# The states in which each step is allowed.
FOLLOWS: Mapping[StepType, tuple[PublicationState, ...]] = {
    StepType.CONFIRMED: (PublicationState.DRAFT,),
    StepType.CLOSED: (PublicationState.DRAFT,),
    StepType.RETURNED: (PublicationState.CLOSED, PublicationState.REVIEWED),
    StepType.REVIEWED: (PublicationState.CLOSED,),
    StepType.PUBLISHED: (PublicationState.REVIEWED,),
    StepType.WITHDRAWN: (PublicationState.DRAFT,),
}


def _step_event(command: TakeStep, context: DecisionContext) -> Event:
    """The event of the step, dated today, with the actor of the context."""
    asked = command.step
    if asked.known_on is not None and asked.type is not StepType.CLOSED:
        raise Invalid(
            "known_on",
            message(
                "known_on is only allowed in a closing, but the step is {step}",
                step=asked.type,
            ),
        )
    if asked.indicator is not None and asked.type is not StepType.CONFIRMED:
        raise Invalid(
            "indicator",
            message(
                "indicator is only allowed in a confirmation, but the step is {step}",
                step=asked.type,
            ),
        )
    step: dict[str, Any] = {
        "publication": command.publication,
        "effective_on": context.today,
        "reason": asked.reason,
    }
    match asked.type:
        case StepType.CONFIRMED:
            return Confirmed(
                **step, indicator=_confirmed_indicator(asked), by=context.actor
            )
        case StepType.CLOSED:
            by = context.actor if context.accounts else None
            return _closing_event(command.snapshot, step, by)
        case StepType.RETURNED:
            return Returned(**step)
        case StepType.REVIEWED:
            return Reviewed(**step, by=context.actor)
        case StepType.PUBLISHED:
            return Published(**step, by=context.actor)
        case StepType.WITHDRAWN:
            return Withdrawn(**step)
    assert_never(asked.type)


def _confirmed_indicator(asked: NextStep) -> str:
    """The indicator of a confirmation."""
    if asked.indicator is None:
        raise Invalid(
            "indicator", message("indicator is missing; a confirmation requires it")
        )
    return asked.indicator


def _closing_event(
    snapshot: Snapshot | None, step: dict[str, Any], by: str | None
) -> Closed:
    if snapshot is None:
        raise AssertionError("a closing brings the figures that it freezes")
    return Closed(**step, **structs.asdict(snapshot), by=by)


def _refuse_bad_closing(
    event: Closed, draft: Publication, context: DecisionContext
) -> None:
    refuse_bad_cutoff(event.known_on, draft, context.today)
    codes = [frozen.indicator for frozen in event.figures]
    if not codes or len(set(codes)) < len(codes):
        raise Refused(
            message(
                "{publication} must freeze each indicator exactly once, but the "
                "command freezes: {indicators}",
                publication=draft.id,
                indicators=codes or message("none"),
            )
        )
    for frozen in event.figures:
        number = Coordinates(
            indicator=frozen.indicator,
            definition=frozen.definition,
            period=draft.period,
            as_of=draft.as_of,
            known_on=event.known_on,
            size=event.size,
        ).number
        if frozen.number != number:
            raise Refused(
                message(
                    "{publication} must freeze figure {number}, but the command "
                    "freezes figure {given}",
                    publication=draft.id,
                    number=number,
                    given=frozen.number,
                )
            )


def refuse_bad_cutoff(known_on: date, draft: Publication, today: date) -> None:
    """Refuse a knowledge cut-off before the as-of day of the figures, or after today.

    Raises:
        Invalid: *known_on* is before the first or after the second.
    """
    if not draft.as_of <= known_on <= today:
        raise Invalid(
            "known_on",
            message(
                "known_on is {known_on}, but must be from the as-of day of the "
                "figures, {as_of}, to today, {today}",
                known_on=known_on,
                as_of=draft.as_of,
                today=today,
            ),
        )


def _refuse_unconfirmed(event: Closed, draft: Publication) -> None:
    missing = unconfirmed_indicators(event, draft)
    if missing:
        raise Refused(
            message(
                "{publication} cannot be closed yet: the heads of their divisions have "
                "not confirmed {indicators}",
                publication=draft.id,
                indicators=missing,
            )
        )


def unconfirmed_indicators(event: Closed, draft: Publication) -> list[str]:
    """The indicators that *event* freezes without a confirmation."""
    return [
        frozen.indicator
        for frozen in event.figures
        if frozen.indicator not in draft.confirmed
    ]


def _refuse_same_person(
    event: Reviewed | Published, now: Publication, context: DecisionContext
) -> None:
    """Refuse a review or publishing by the person of an earlier step."""
    if not context.two_persons:
        return
    before = step_of_same_person(event, now, context.person_of)
    if before is not None:
        raise Refused(
            message(
                "{publication} was {before} by {first}, so it cannot be {event} by "
                "{actor}: they must be different persons",
                publication=now.id,
                before=subject_rules.event_name(before),
                event=subject_rules.event_name(event),
                actor=event.by,
                first=before.by,
            )
        )


def step_of_same_person(
    event: Reviewed | Published, now: Publication, person_of: Callable[[str], str]
) -> Closed | Reviewed | None:
    """The earlier closing or review by the person of *event*; None if there is none.

    Without accounts, actors are compared by name, and only the reviewer with the
    publisher. The actor `lokal` stands for no single person.
    """
    actor = person_of(event.by)
    for before in [] if actor == NOBODY else _steps_since_draft(now):
        if (
            isinstance(before, Closed | Reviewed)
            and before.by is not None
            and _is_same_name(person_of(before.by), actor)
        ):
            return before
    return None


def _steps_since_draft(now: Publication) -> list[Event]:
    """The steps after the last draft or return, latest first."""
    begins = max(
        place
        for place, step in enumerate(now.steps)
        if isinstance(step, Returned | Drafted)
    )
    return [*now.steps[begins + 1 :]][::-1]


NOBODY = "lokal"  # the actor of a command that names none


def _is_same_name(one: str, other: str) -> bool:
    return one.strip().casefold() == other.strip().casefold()


decider: Decider[PublicationYear, Any] = Decider(
    "publication",
    Event,
    decide,
    evolve,
    asked=without_snapshot,
    moves_figures=False,
)
