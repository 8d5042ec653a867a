"""The conflict case, from its first report.

A case is known only by its events. Each event states the day from which it holds (valid
time). The ledger records the day on which the office learned it (knowledge). A case can
therefore be asked for at any valid time and any knowledge cut-off. A verification is
knowledge and has no valid time. Rejection and merging are retroactive: they remove the
case from the beginning (design, sections 5 and 6).
"""

from collections.abc import Iterable
from datetime import date
from enum import StrEnum
from typing import Any, NoReturn, assert_never

from msgspec import UNSET, Struct, structs

from iku.domain import merger, subject_rules
from iku.domain.attachment import Attached
from iku.domain.cached_property import cached_property
from iku.domain.decider import (
    Decider,
    Decision,
    DecisionContext,
    Invalid,
    Refused,
    refuse_unlikely_day,
)
from iku.domain.fact import (
    Absorption,
    Annulled,
    Correction,
    EffectiveFact,
    EventId,
    Fact,
    Line,
    Merger,
    Note,
    Number,
    Person,
    Persons,
    Reason,
    Rejection,
    Restated,
    annulled_versions,
    field_value,
)
from iku.domain.subject import Subject
from iku.messages import message


class Category(StrEnum):
    """The category of a case; `LAINNYA` counts in no IKU (UU 7/2012, art. 5 c-e)."""

    IPOLEKSOSBUD = "ipoleksosbud"
    SARA = "sara"
    LAINNYA = "lainnya"


class Dimension(StrEnum):
    """The subject matter of a case; each belongs to one category (`DIMENSIONS`)."""

    IDEOLOGI = "ideologi"
    POLITIK = "politik"
    EKONOMI = "ekonomi"
    SOSIAL = "sosial"
    BUDAYA = "budaya"
    SUKU = "suku"
    AGAMA = "agama"
    RAS = "ras"
    ANTARGOLONGAN = "antargolongan"
    BATAS_WILAYAH = "batas_wilayah"
    SUMBER_DAYA_ALAM = "sumber_daya_alam"
    DISTRIBUSI_SDA = "distribusi_sda"


DIMENSIONS = {
    Category.IPOLEKSOSBUD: tuple(Dimension)[:5],
    Category.SARA: tuple(Dimension)[5:9],
    Category.LAINNYA: tuple(Dimension)[9:],
}


class Level(StrEnum):
    """The intensity of a conflict, in ascending order (UU 7/2012)."""

    POTENSI = "potensi"
    PERSETERUAN = "perseteruan"
    KEKERASAN = "kekerasan"
    STATUS_KEADAAN_KONFLIK = "status_keadaan_konflik"

    def reaches(self, minimum: "Level") -> bool:
        """Whether this level is *minimum* or higher."""
        return self in _FROM[minimum]


_FROM = {level: tuple(Level)[place:] for place, level in enumerate(Level)}


class Source(StrEnum):
    """The body or group that reported the case."""

    POLRES = "polres"
    KODIM = "kodim"
    KOMINDA = "kominda"
    FKDM = "fkdm"
    FKUB = "fkub"
    FPK = "fpk"
    PKS = "pks"
    BIDANG = "bidang"
    MASYARAKAT = "masyarakat"
    MEDIA = "media"
    LAINNYA = "lainnya"


class Phase(StrEnum):
    """The phase of handling (UU 7/2012): prevention, cessation, recovery."""

    PENCEGAHAN = "pencegahan"
    PENGHENTIAN = "penghentian"
    PEMULIHAN = "pemulihan"


class Manner(StrEnum):
    """The manner in which a case was closed.

    By default `DILIMPAHKAN` (referred) is not a resolution (design, section 6).
    """

    ISLAH = "islah"
    KESEPAKATAN_DAMAI = "kesepakatan_damai"
    MEDIASI = "mediasi"
    PUTUSAN_INKRAH = "putusan_inkrah"
    KEPUTUSAN_ADAT = "keputusan_adat"
    PENEGAKAN_HUKUM = "penegakan_hukum"
    REDA_TERVERIFIKASI = "reda_terverifikasi"
    DILIMPAHKAN = "dilimpahkan"


# Events. The tags and fields are the storage format: add fields, never change them.


class Reported(Fact, frozen=True, tag="reported"):
    """A case was reported on *effective_on*; the conflict began on *occurred_on*.

    Attributes:
        number: Number of the case; recorded only if it differs from the identifier.
    """

    category: Category
    dimension: Dimension
    title: Line
    effective_on: date
    level: Level = Level.PERSETERUAN
    occurred_on: date | None = None
    area: str | None = None
    source: Source | None = None
    reference: Line | None = None
    reason: Reason | None = None
    reporter: Person | None = None
    parties: Persons | None = None
    number: Number | None = None


class Returned(Fact, frozen=True, tag="returned"):
    """The report was returned for completion.

    It stays returned until it is corrected, verified, rejected or merged.

    Attributes:
        missing: Information that the report lacks.
    """

    effective_on: date
    missing: Reason
    reason: Reason | None = None


class Verified(Fact, frozen=True, tag="verified"):
    """The office has verified that the conflict exists."""

    effective_on: date
    note: Note | None = None
    reason: Reason | None = None


class Rejected(Rejection, frozen=True, tag="rejected"):
    """The report was not a conflict; the case never counts."""


class Handled(Fact, frozen=True, tag="handled"):
    """The office took action on the case."""

    RECURS = True

    effective_on: date
    phase: Phase
    note: Note | None = None
    reason: Reason | None = None


class Referred(Fact, frozen=True, tag="referred"):
    """The case was referred to another body; this is not a resolution."""

    RECURS = True

    effective_on: date
    note: Note | None = None
    reason: Reason | None = None


class Resolved(Fact, frozen=True, tag="resolved"):
    """The case was closed on *effective_on*."""

    effective_on: date
    manner: Manner
    evidence: Note | None = None
    reason: Reason | None = None


class Reopened(Fact, frozen=True, tag="reopened"):
    """The conflict broke out again on *effective_on*."""

    effective_on: date
    reason: Reason | None = None


class Reclassified(Fact, frozen=True, tag="reclassified"):
    """The category, dimension or level of the case changed on *effective_on*."""

    effective_on: date
    category: Category | None = None
    dimension: Dimension | None = None
    level: Level | None = None
    reason: Reason | None = None


class Merged(Merger, frozen=True, tag="merged"):
    """The case is a duplicate of case *into*, and only that case counts."""


class Absorbed(Absorption, frozen=True, tag="absorbed"):
    """Another case was merged into this one, which counts for both."""


class Corrected(Correction, frozen=True, tag="corrected"):
    """An event of this case was recorded wrongly (see `Correction`)."""

    occurred_on: Restated[date] = UNSET
    category: Restated[Category] = UNSET
    dimension: Restated[Dimension] = UNSET
    level: Restated[Level] = UNSET
    title: Restated[Line] = UNSET
    area: Restated[str] = UNSET
    source: Restated[Source] = UNSET
    reference: Restated[Line] = UNSET
    reporter: Restated[Person] = UNSET
    parties: Restated[Persons] = UNSET
    phase: Restated[Phase] = UNSET
    manner: Restated[Manner] = UNSET
    evidence: Restated[Note] = UNSET
    note: Restated[Note] = UNSET
    missing: Restated[Reason] = UNSET
    into: Restated[Number] = UNSET
    number: Restated[Number] = UNSET


Event = (
    Reported
    | Returned
    | Verified
    | Rejected
    | Handled
    | Referred
    | Resolved
    | Reopened
    | Reclassified
    | Merged
    | Absorbed
    | Attached
    | Corrected
    | Annulled
)
Later = (
    Returned
    | Verified
    | Rejected
    | Handled
    | Referred
    | Resolved
    | Reopened
    | Reclassified
    | Merged
    | Corrected
    | Annulled
)


class Report(Reported, frozen=True, tag=False):
    """The command that reports a case, by default under the register's next number."""

    def to_event(self) -> Reported:
        """The event `Reported` to record, without the identifier."""
        fields = {n: getattr(self, n) for n in Reported.__struct_fields__}
        return Reported(**{**fields, "number": None})


# State.


class CaseSegment(Struct, frozen=True):
    """The state of a case from *start* up to, but not including, *end*.

    Attributes:
        end: None if the state still holds.
        opened_on: Day of the report, or of the last reopening.
        resolved_on: Day of the closing in force; None while the case is open.
        manner: Manner of that closing.
    """

    start: date
    end: date | None
    category: Category
    dimension: Dimension
    level: Level
    opened_on: date
    resolved_on: date | None = None
    manner: Manner | None = None


class Conflict(Subject, frozen=True, dict=True):
    """A case, folded from its events."""

    CATEGORY = "conflict"
    CREATION = Reported
    TITLE = "title"
    LETTER = "K"

    @cached_property
    def report(self) -> Reported | None:
        """The report after corrections; None if it was annulled."""
        report: Reported | None = self.effective_creation_event
        return report

    @cached_property
    def verified(self) -> bool:
        """Whether the case is verified, by the events so far."""
        return next(self.events_of(Verified), None) is not None

    @cached_property
    def open_return(self) -> EffectiveFact | None:
        """The return for completion that is still pending, by the events so far.

        None if the report was corrected since then, or if the case is verified or
        excluded.
        """
        returns = self.effective_facts(Returned)
        if not returns or self.verified or self.exclusion_status:
            return None
        reports = {version for version, _ in self.effective_facts(Reported)}
        last, gone = returns[-1], annulled_versions(self.history)
        completed = any(
            isinstance(event, Correction) and event.corrects in reports
            for version, event in enumerate(self.history, start=1)
            if version > last.version and version not in gone
        )
        return None if completed else last

    @cached_property
    def closings(self) -> list[Resolved]:
        """Every closing in effect, oldest first, including those of reopened cases."""
        return self.dated_events(Resolved)

    @cached_property
    def reopenings(self) -> list[Reopened]:
        """Every reopening in effect, oldest first."""
        return self.dated_events(Reopened)

    @cached_property
    def timeline(self) -> tuple[CaseSegment, ...]:
        """The states of the case in order; empty if the report was annulled."""
        return tuple(_timeline(self))

    def state_on(self, day: date) -> CaseSegment | None:
        """The state of the case at the end of *day*; None before the report."""
        begun = [segment for segment in self.timeline if segment.start <= day]
        return begun[-1] if begun else None

    @property
    def comparable_state(self) -> tuple[Any, ...]:
        """The timeline, and the undated facts: verification and pending return."""
        return (*self.timeline, self.open_return is None)

    def refuse_illegal(self) -> None:
        """Refuse events that contradict each other.

        Raises:
            Refused: The case was reported before it occurred, or its timeline is
                illegal.
            Invalid: A dimension does not belong to the category.
        """
        if self.report is None:
            return
        reported, occurred = self.report.effective_on, self.report.occurred_on
        if occurred is not None and occurred > reported:
            raise Refused(
                message(
                    "the case occurred on {occurred}, so it cannot be reported "
                    "earlier, on {reported}",
                    reported=reported,
                    occurred=occurred,
                )
            )
        _refuse_dimension_of_other_category(self.report.category, self.report.dimension)
        _ = self.timeline


def evolve(case: Conflict | None, event: Event) -> Conflict:
    """The case after *event*."""
    return (case or NEVER_REPORTED).with_event(event)


CHANGES = (Returned, Verified, Handled, Referred, Resolved, Reopened, Reclassified)


def _timeline(case: Conflict) -> Iterable[CaseSegment]:
    """The segments in order, none of them empty.

    Raises:
        Refused: The events do not form a legal timeline.
    """
    if case.report is None:
        return
    now = _initial_segment(case.report)
    for event in case.dated_events(*CHANGES):
        after = _next_segment(now, event, case.report)
        # Of two changes on one day, the later one decides the state of that day.
        if now.start < after.start:
            yield structs.replace(now, end=after.start)
        now = after
    yield now


def _initial_segment(reported: Reported) -> CaseSegment:
    return CaseSegment(
        start=reported.effective_on,
        end=None,
        category=reported.category,
        dimension=reported.dimension,
        level=reported.level,
        opened_on=reported.effective_on,
    )


def _next_segment(
    now: CaseSegment,
    event: Returned
    | Verified
    | Handled
    | Referred
    | Resolved
    | Reopened
    | Reclassified,
    reported: Reported,
) -> CaseSegment:
    """The state after *event*; *now* itself if the event does not change it."""
    if event.effective_on < reported.effective_on:
        raise Refused(
            message(
                "the case was reported on {reported}, so it cannot be {event} on {day}",
                event=subject_rules.event_name(event),
                day=event.effective_on,
                reported=reported.effective_on,
            )
        )
    match event:  # the most frequent first: a type that does not match takes longer
        case Resolved():
            return _segment_after_closing(now, event)
        case Reopened():
            return _segment_after_reopening(now, event)
        case Verified() | Handled() | Returned() | Referred():
            return now
        case Reclassified():
            return _segment_after_reclassification(now, event)
    assert_never(event)


def _segment_after_closing(now: CaseSegment, event: Resolved) -> CaseSegment:
    if now.resolved_on is not None:
        raise Refused(
            message(
                "the case was resolved on {resolved}, so it cannot be resolved again "
                "on {day}",
                day=event.effective_on,
                resolved=now.resolved_on,
            )
        )
    day = event.effective_on
    return structs.replace(now, start=day, resolved_on=day, manner=event.manner)


def _segment_after_reopening(now: CaseSegment, event: Reopened) -> CaseSegment:
    if now.resolved_on is None:
        raise Refused(
            message(
                "the case has been open since {opened}, so it cannot be reopened on "
                "{day}",
                day=event.effective_on,
                opened=now.opened_on,
            )
        )
    day = event.effective_on
    return structs.replace(now, start=day, opened_on=day, resolved_on=None, manner=None)


def _segment_after_reclassification(
    now: CaseSegment, event: Reclassified
) -> CaseSegment:
    after = structs.replace(
        now,
        category=event.category or now.category,
        dimension=event.dimension or now.dimension,
        level=event.level or now.level,
    )
    _refuse_dimension_of_other_category(after.category, after.dimension)
    return now if after == now else structs.replace(after, start=event.effective_on)


def _refuse_dimension_of_other_category(
    category: Category, dimension: Dimension
) -> None:
    if dimension not in DIMENSIONS[category]:
        raise Invalid(
            "dimension",
            message(
                "dimension is {dimension}, but for category {category} it must be one "
                "of {dimensions}",
                dimension=dimension,
                category=category,
                dimensions=DIMENSIONS[category],
            ),
        )


# Decisions.


def decide(
    command: Event, case: Conflict | None, context: DecisionContext
) -> list[Event] | Decision[Event]:
    """The events that *command* adds to *case*.

    Raises:
        AlreadyRecorded: The case already has the same event.
        Refused: A rule forbids the command; the message quotes both values.
    """
    if case is None and not isinstance(command, Reported):
        raise Refused(
            message(
                "the case was never reported, so it cannot be recorded as {event}",
                event=subject_rules.event_name(command),
            )
        )
    if case is not None and isinstance(command, Reported):
        _refuse_repetition(command, case)
    for field in ("effective_on", "occurred_on"):
        refuse_unlikely_day(field, field_value(command, field), context.today)
    before, after = case or NEVER_REPORTED, evolve(case, command)
    subject_rules.refuse_violations(command, before, after, context)
    after.refuse_illegal()
    _refuse_second_verification(before, after)
    if isinstance(command, Returned):
        _refuse_late_return(command, before)
    if isinstance(command, Reclassified):
        _refuse_ineffective_reclassification(command, before, after)
    return merger.decision(command, before, context, _takeover_events)


def _takeover_events(
    _survivor: Conflict, _merged: Conflict, origin: EventId
) -> list[Event]:
    return [Absorbed(origin=origin)]


def _refuse_late_return(command: Returned, before: Conflict) -> None:
    for verified in before.events_of(Verified):
        raise Refused(
            message(
                "the case was verified on {verified}, so it cannot be returned on "
                "{day}",
                verified=verified.effective_on,
                day=command.effective_on,
            )
        )


def _refuse_second_verification(before: Conflict, after: Conflict) -> None:
    sure = [event.effective_on for event in after.events_of(Verified)]
    # Old records may hold two verifications. A new rule never judges the past
    # (design, section 5).
    if len(sure) > 1 and len(sure) > len([*before.events_of(Verified)]):
        raise Refused(
            message(
                "the case was verified on {verified}, so it cannot be verified again "
                "on {day}",
                day=sure[-1],
                verified=sure[0],
            )
        )


def _refuse_ineffective_reclassification(
    command: Reclassified, before: Conflict, after: Conflict
) -> None:
    day = command.effective_on
    was, is_now = _classification(before, day), _classification(after, day)
    if was == is_now:
        raise Refused(
            message(
                "on {day} the case is already {classification}, so reclassifying it "
                "changes nothing",
                day=day,
                classification=is_now,
            )
        )


def _classification(case: Conflict, day: date) -> tuple[StrEnum, ...]:
    """The category, dimension and level at the end of *day*."""
    now = case.state_on(day)
    return (now.category, now.dimension, now.level) if now else ()


def _refuse_repetition(command: Reported, case: Conflict) -> NoReturn:
    first = case.history[0]
    if subject_rules.is_equal_except_number(command, first) and case.report is not None:
        raise subject_rules.already_recorded_error(command, 1)
    raise Refused(
        message(
            "this number is already used by the case reported on {first}, so no case "
            "can be reported under it on {day}",
            day=command.effective_on,
            first=getattr(first, "effective_on", None),
        )
    )


NEVER_REPORTED = Conflict(())

decider: Decider[Conflict, Event] = Decider(
    Conflict.CATEGORY,
    Event,
    decide,
    evolve,
    merger.premises,
    whole=Conflict,
    moves_figures=True,
)
