"""Data of the agency that papers print and the register cannot count.

Each kind of statement is one event type: the letterhead, the signers, the plan
(Renstra) and its targets, actuals of earlier years, the narrative, and indicators that
the agency measures outside the register. A subject holds the statements about one
thing, such as the narrative of an indicator and a quarter; of these the one in force on
a day is printed. A statement replaces the one before it as a whole.

A wrongly recorded statement is corrected by a complete one that names it, or annulled;
both are retroactive (design, section 5). What is stated here is printed in published
papers, so it is not stored as erasable text, except for the reason.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any, ClassVar, TypeAlias, TypeVar, assert_never, get_args

from msgspec import Meta, Struct, structs

from iku.domain import indicator, subject_rules, written_number
from iku.domain.account import CivilServantNumber
from iku.domain.coordinates import CODE
from iku.domain.decider import (
    AlreadyRecorded,
    Decider,
    DecisionContext,
    Invalid,
    Refused,
    refuse_unlikely_day,
)
from iku.domain.fact import (
    Annulled,
    EffectiveFact,
    Fact,
    Line,
    Reason,
    Version,
    annulled_versions,
)
from iku.domain.indicator import PER_CENT, Year
from iku.domain.written_number import MalformedWrittenNumber
from iku.messages import error_message, message

LONGEST_PLAN = 10  # years

IndicatorCode: TypeAlias = Annotated[
    str,
    Meta(
        pattern=CODE,
        description="Code of the indicator, such as IKU-1.",
        examples=["IKU-1"],
        extra_json_schema={"x-expects": "the code of an indicator, such as IKU-1"},
    ),
]
OtherCode: TypeAlias = Annotated[
    str,
    Meta(
        pattern=CODE,
        description="Code of an indicator that the register does not count.",
        examples=["IKU-4"],
        extra_json_schema={"x-expects": "the code of an indicator, such as IKU-4"},
    ),
]
Office: TypeAlias = Annotated[
    str,
    Meta(
        pattern=r"^[a-z]{1,20}(_[a-z]{1,20}){0,3}$(?!\n)",
        description="Office of the signer: kepala_badan, wali_kota, or another one in "
        "lower-case letters and underscores.",
        examples=["kepala_badan"],
        extra_json_schema={
            "x-expects": "an office in lower-case letters and underscores, such as "
            "kepala_badan or wali_kota"
        },
    ),
]
Quarter: TypeAlias = Annotated[
    int, Meta(ge=1, le=4, description="Quarter, from 1 to 4.")
]
_NUMBER = {"x-expects": "a number, such as 141,92 or 141.92"}
WrittenNumber: TypeAlias = Annotated[
    str,
    Meta(
        pattern=r"^-?[0-9][0-9.,]*$(?!\n)",
        max_length=24,
        examples=["141.92"],
        extra_json_schema=_NUMBER,
    ),
]
_BLANKS = r"\x00-\x20\x7f-\xa0"
_CONTROLS = r"\x00-\x08\x0b-\x1f\x7f-\x9f"
Paragraph: TypeAlias = Annotated[
    str,
    Meta(
        pattern=rf"^[^{_CONTROLS}]*[^{_BLANKS}][^{_CONTROLS}]*$",
        min_length=1,
        max_length=2000,
        extra_json_schema={
            "x-expects": "text, not blank, without control characters other than line "
            "feeds and tabs"
        },
    ),
]
LetterheadLines: TypeAlias = Annotated[
    tuple[Line, ...], Meta(min_length=1, max_length=5)
]


class StatementKind(StrEnum):
    """A kind of statement; its event type is the kind with ``_set`` after it."""

    LETTERHEAD = "letterhead"
    SIGNER = "signer"
    PLAN = "plan"
    BASELINE = "baseline"
    END_TARGET = "end_target"
    ACTUAL = "actual"
    QUARTERLY_TARGETS = "quarterly_targets"
    RESPONSIBLE = "responsible"
    NARRATIVE = "narrative"
    OTHER_INDICATOR = "other_indicator"


def subject_of(kind: StatementKind, *key: str | int | None) -> str:
    """Identifier of what a statement of *kind* with this key is about."""
    parts = (kind, *(str(one) for one in key if one is not None))
    return ".".join(parts).replace("_", "-")


# Events. The tags and fields are the storage format: add fields, never change them.


class Statement(Fact, frozen=True, kw_only=True):
    """Base of all statements.

    Attributes:
        effective_on: Effective day; if omitted, the usual day of the kind.
        reason: Reason for the statement; required by a correction and by a target above
            100 per cent.
        corrects: Version of the wrongly recorded statement that this one replaces from
            the beginning; omit it for a change.
    """

    kind: ClassVar[StatementKind]
    key: ClassVar[tuple[str, ...]] = ()  # fields that identify the subject
    numbers: ClassVar[tuple[str, ...]] = ()  # fields that hold a number
    percentages: ClassVar[tuple[str, ...]] = ()  # numbers from 0 to 100 per cent
    targets: ClassVar[tuple[str, ...]] = ()  # per cent above 0
    decreed: ClassVar[bool] = False  # whether it may hold from a future day

    effective_on: date | None = None
    reason: Reason | None = None
    corrects: Version | None = None

    @property
    def subject(self) -> str:
        """Identifier of the subject: ``quarterly-targets.IKU-1.2021``."""
        return subject_of(self.kind, *(getattr(self, name) for name in self.key))


class LetterheadSet(Statement, frozen=True, tag="letterhead_set"):
    """The head of papers, as of the day on which they are signed.

    Attributes:
        lines: A line of the letterhead, from the top.
        place: Place before the date of signing.
        address: Address under the letterhead.
    """

    kind = StatementKind.LETTERHEAD

    lines: LetterheadLines
    place: Line
    address: Line | None = None


class SignerSet(Statement, frozen=True, tag="signer_set"):
    """The holder of an office, who signs papers.

    Attributes:
        office_title: Title of the office as printed, such as Kepala Badan Kesatuan
            Bangsa dan Politik.
        signer_name: Name with titles. It is printed in published papers and cannot be
            erased.
        signer_rank: Rank, such as Pembina Utama Muda. It is printed in published papers
            and cannot be erased.
        signer_nip: NIP, 18 digits. It is printed in published papers and cannot be
            erased.
    """

    kind = StatementKind.SIGNER
    key = ("office",)

    office: Office
    office_title: Line
    signer_name: Line
    signer_rank: Line | None = None
    signer_nip: CivilServantNumber | None = None


class PlanSet(Statement, frozen=True, tag="plan_set"):
    """The five-year plan (Renstra) that papers compare with.

    Attributes:
        document: Title or number of the plan.
        first_year: First year of the plan.
        last_year: Last year of the plan.
    """

    kind = StatementKind.PLAN
    decreed = True

    document: Line
    first_year: Year
    last_year: Year


class BaselineSet(Statement, frozen=True, tag="baseline_set"):
    """The baseline (kondisi awal) of an indicator.

    Attributes:
        year: Year at the end of which it was measured.
        baseline: Baseline in per cent, such as 62,50.
    """

    kind = StatementKind.BASELINE
    key = ("indicator",)
    percentages = ("baseline",)

    indicator: IndicatorCode
    year: Year
    baseline: WrittenNumber


class EndTargetSet(Statement, frozen=True, tag="end_target_set"):
    """The target of an indicator for the last year of the plan (Renstra).

    Attributes:
        end_target: Target in per cent, such as 95,00.
    """

    kind = StatementKind.END_TARGET
    key = ("indicator",)
    targets = ("end_target",)
    decreed = True

    indicator: IndicatorCode
    end_target: WrittenNumber


class ActualSet(Statement, frozen=True, tag="actual_set"):
    """The actual of an indicator in a year before the register.

    Attributes:
        actual: Actual in per cent, as published then, such as 71,43.
    """

    kind = StatementKind.ACTUAL
    key = ("indicator", "year")
    percentages = ("actual",)

    indicator: IndicatorCode
    year: Year
    actual: WrittenNumber


class QuarterlyTargetsSet(Statement, frozen=True, tag="quarterly_targets_set"):
    """The targets of an indicator for the year up to the end of each quarter.

    Attributes:
        first: Target up to 31 March, in per cent.
        second: Target up to 30 June, in per cent.
        third: Target up to 30 September, in per cent.
        fourth: Target up to 31 December, in per cent.
    """

    kind = StatementKind.QUARTERLY_TARGETS
    key = ("indicator", "year")
    targets = ("first", "second", "third", "fourth")
    decreed = True

    indicator: IndicatorCode
    year: Year
    first: WrittenNumber | None = None
    second: WrittenNumber | None = None
    third: WrittenNumber | None = None
    fourth: WrittenNumber | None = None


class ResponsibleSet(Statement, frozen=True, tag="responsible_set"):
    """The unit that is responsible for an indicator, and its programme.

    Attributes:
        responsible_unit: Unit that is responsible (penanggung jawab).
        programme: Programme and activity under which the indicator is budgeted.
        programme_code: Code of the programme.
    """

    kind = StatementKind.RESPONSIBLE
    key = ("indicator",)

    indicator: IndicatorCode
    responsible_unit: Line
    programme: Line | None = None
    programme_code: Line | None = None


class NarrativeSet(Statement, frozen=True, tag="narrative_set"):
    """The narrative of a quarter: for an indicator, or for the whole agency.

    Attributes:
        indicator: Code of the indicator; omit it for the whole agency.
        obstacles: Obstacles (kendala). This text is printed in published papers and
            cannot be erased: name no persons.
        follow_up: Follow-up in the next quarter (tindak lanjut). This text is printed
            in published papers and cannot be erased: name no persons.
        next_plan: Follow-up in the next yearly plan (Renja). This text is printed in
            published papers and cannot be erased: name no persons.
        driving_factors: Driving factors (faktor pendorong). This text is printed in
            published papers and cannot be erased: name no persons.
        hindering_factors: Hindering factors (faktor penghambat). This text is printed
            in published papers and cannot be erased: name no persons.
    """

    kind = StatementKind.NARRATIVE
    key = ("indicator", "year", "quarter")

    year: Year
    quarter: Quarter
    indicator: IndicatorCode | None = None
    obstacles: Paragraph | None = None
    follow_up: Paragraph | None = None
    next_plan: Paragraph | None = None
    driving_factors: Paragraph | None = None
    hindering_factors: Paragraph | None = None


class OtherIndicatorSet(Statement, frozen=True, tag="other_indicator_set"):
    """An indicator of the agency that the register does not count, in a year.

    A later actual of the same year is a further statement, dated by the last day that
    it covers.

    Attributes:
        wording: Wording of the indicator, as in the agency's decree.
        measure: Unit of measurement (satuan), such as % or indeks.
        objective: Strategic objective that the indicator measures.
        target: Target of the year, such as 75,5.
        actual: Actual of the year, such as 141,92.
        achievement: Achievement in per cent, as published; omit it if it is actual
            divided by target.
        baseline: Baseline (kondisi awal).
        end_target: Target of the last year of the plan (Renstra).
        responsible_unit: Unit that is responsible (penanggung jawab).
        data_source: Source of the data.
    """

    kind = StatementKind.OTHER_INDICATOR
    key = ("code", "year")
    numbers = ("target", "actual", "achievement", "baseline", "end_target")

    code: OtherCode
    year: Year
    wording: Line
    measure: Line
    objective: Line | None = None
    target: WrittenNumber | None = None
    actual: WrittenNumber | None = None
    achievement: WrittenNumber | None = None
    baseline: WrittenNumber | None = None
    end_target: WrittenNumber | None = None
    responsible_unit: Line | None = None
    data_source: Line | None = None


AnyStatement = (
    LetterheadSet
    | SignerSet
    | PlanSet
    | BaselineSet
    | EndTargetSet
    | ActualSet
    | QuarterlyTargetsSet
    | ResponsibleSet
    | NarrativeSet
    | OtherIndicatorSet
)
Event = AnyStatement | Annulled
# The event type of each kind of statement.
STATEMENTS: Mapping[StatementKind, type[Statement]] = {
    one.kind: one for one in get_args(AnyStatement)
}


def kind_of(subject: str) -> StatementKind:
    """The kind of the statements about *subject*."""
    return StatementKind(subject.partition(".")[0].replace("-", "_"))


def usual_day(statement: AnyStatement, today: date) -> date:
    """The day from which a statement is valid if it does not state one.

    The first day of the period for plans, targets and narratives; the last day of the
    year for results; else *today*.
    """
    match statement:
        case PlanSet(first_year=year) | QuarterlyTargetsSet(year=year):
            return date(year, 1, 1)
        case BaselineSet(year=year) | ActualSet(year=year):
            return date(year, 12, 31)
        case NarrativeSet(year=year, quarter=quarter):
            return date(year, 3 * quarter - 2, 1)
        case OtherIndicatorSet(year=year):
            return min(today, date(year, 12, 31))
        case LetterheadSet() | SignerSet() | EndTargetSet() | ResponsibleSet():
            return today
    assert_never(statement)


# State.


class PaperData(Struct, frozen=True, dict=True):
    """The statements about one thing; *history* holds their events from version 1."""

    history: tuple[Event, ...]

    @cached_property
    def effective_statements(self) -> tuple[EffectiveFact, ...]:
        """The statements in effect, as last corrected, each with its version."""
        void = annulled_versions(self.history)
        found: dict[int, Any] = {}
        for version, event in enumerate(self.history, start=1):
            if version in void or isinstance(event, Annulled):
                continue
            if event.corrects is None:
                found[version] = event
            elif event.corrects in found:
                found[event.corrects] = event
        return tuple(EffectiveFact(*one) for one in found.items())

    def in_force(self, day: date) -> EffectiveFact | None:
        """The statement in force on *day*; None if there is none.

        Of two statements of one day the one recorded later counts.
        """
        begun = [one for one in self.effective_statements if _begins(one) <= day]
        return max(begun, key=lambda one: (_begins(one), one.version), default=None)

    def correction_of(self, version: int) -> int | None:
        """Version of the correction in effect of the statement at *version*."""
        void = annulled_versions(self.history)
        by = [
            place
            for place, event in enumerate(self.history, start=1)
            if place not in void and getattr(event, "corrects", None) == version
        ]
        return max(by, default=None)


def _begins(one: EffectiveFact) -> date:
    """The first day of a recorded statement."""
    day: date = one.event.effective_on
    return day


def evolve(data: PaperData | None, event: Event) -> PaperData:
    """The statements after *event*."""
    return PaperData((*(data.history if data else ()), event))


# Decisions.


def decide(
    command: Event, data: PaperData | None, context: DecisionContext
) -> list[Event]:
    """The event that *command* adds to *data*.

    Raises:
        AlreadyRecorded: The same statement is in force already.
        Invalid: A field has a value that it cannot have.
        Refused: A rule forbids it; the message quotes both values.
    """
    if isinstance(command, Annulled):
        return _annul(command, data)
    stated = with_plain_numbers(command)
    if stated.effective_on is None:
        day = usual_day(stated, context.today)
        stated = structs.replace(stated, effective_on=day)
    _refuse_other_subject(stated, context)
    _refuse_unlikely_days(stated, context.today)
    _refuse_unknown_indicator(stated, context)
    _refuse_bad_values(stated)
    if stated.corrects is not None:
        _refuse_bad_correction(stated, stated.corrects, data)
    else:
        _refuse_repetition(stated, data)
    return [stated]


def _annul(command: Annulled, data: PaperData | None) -> list[Event]:
    if data is None:
        raise Refused(message("there is no statement to annul"))
    subject_rules.refuse_second_annulment(command, data)
    subject_rules.event_to_revise(command.annuls, data, "annuls")
    return [command]


S = TypeVar("S", bound=Statement)


def with_plain_numbers(statement: S) -> S:
    """*statement* with each number in plain spelling: ``141.92``.

    Raises:
        Invalid: A text does not spell one number.
    """
    plain: dict[str, str] = {}
    for name in _number_fields(statement):
        written = getattr(statement, name)
        try:
            plain[name] = format(written_number.parse(written), "f")
        except MalformedWrittenNumber as error:
            raise Invalid(
                name,
                message("{path} {rule}", path=name, rule=error_message(error)),
            ) from error
    return structs.replace(statement, **plain)


def _number_fields(statement: Statement) -> list[str]:
    """The fields that hold a number and have a value."""
    names = (*statement.numbers, *statement.percentages, *statement.targets)
    return [name for name in names if getattr(statement, name) is not None]


def _refuse_other_subject(stated: Statement, context: DecisionContext) -> None:
    if context.subject != stated.subject:
        raise Invalid(
            "subject",
            message(
                "the subject is {subject}, but the statement is about {own}",
                subject=context.subject,
                own=stated.subject,
            ),
        )


def _refuse_unlikely_days(stated: AnyStatement, today: date) -> None:
    """Refuse a day in the future; a plan or target may be decreed for years ahead.

    Source: design, section 5.
    """
    if stated.decreed:
        indicator.refuse_unlikely_decreed_day(stated.effective_on, today)
    else:
        refuse_unlikely_day("effective_on", stated.effective_on, today)


def _refuse_unknown_indicator(stated: Statement, context: DecisionContext) -> None:
    if context.indicators is None:
        return
    match stated:
        case OtherIndicatorSet(code=code) if code in context.indicators:
            raise Invalid(
                "code",
                message(
                    "code is {indicator}, but the register counts this indicator, so "
                    "its figures cannot be typed in",
                    indicator=code,
                ),
            )
        case _:
            named = getattr(stated, "indicator", None)
    if named is not None and named not in context.indicators:
        raise Invalid(
            "indicator",
            message("indicator is {indicator}, which does not exist", indicator=named),
        )


def _refuse_bad_values(stated: AnyStatement) -> None:
    _refuse_bad_percentages(stated)
    match stated:
        case PlanSet(first_year=first, last_year=last):
            _refuse_bad_plan(first, last)
        case QuarterlyTargetsSet():
            _refuse_empty(stated, stated.targets)
        case NarrativeSet():
            _refuse_empty(stated, NARRATIVE_TEXTS)
        case OtherIndicatorSet():
            _refuse_empty(stated, ("target", "actual", "achievement"))
        case _:
            return


NARRATIVE_TEXTS = (
    *("obstacles", "follow_up", "next_plan", "driving_factors", "hindering_factors"),
)


def _refuse_empty(stated: Statement, names: Sequence[str]) -> None:
    """Refuse a statement of which all of the fields *names* are missing."""
    if all(getattr(stated, name) is None for name in names):
        raise Invalid(
            names[0],
            message("at least one of {fields} must be given", fields=[*names]),
        )


def _refuse_bad_plan(first: int, last: int) -> None:
    if not 0 <= last - first < LONGEST_PLAN:
        raise Invalid(
            "last_year",
            message(
                "last_year is {last}, but must be from first_year, {first}, to "
                "{latest}: a plan covers at most {years} years",
                last=last,
                first=first,
                latest=first + LONGEST_PLAN - 1,
                years=LONGEST_PLAN,
            ),
        )


def _refuse_bad_percentages(stated: Statement) -> None:
    for name, value in _values(stated, (*stated.percentages, *stated.targets)):
        if -int(value.as_tuple().exponent) > _PERCENT_DECIMALS:
            raise Invalid(
                name,
                message(
                    "{field} is {value}, but a percentage has at most {most} decimals",
                    field=name,
                    value=value,
                    most=_PERCENT_DECIMALS,
                ),
            )
    for name, value in _values(stated, stated.percentages):
        if not 0 <= value <= PER_CENT:
            raise Invalid(
                name,
                message(
                    "{field} is {value}, but the percentage of cases or organisations "
                    "must be from 0 to {most}",
                    field=name,
                    value=value,
                    most=PER_CENT,
                ),
            )
    for name, value in _values(stated, stated.targets):
        _refuse_bad_target(stated, name, value)


_PERCENT_DECIMALS = 2


def _refuse_bad_target(stated: Statement, name: str, value: Decimal) -> None:
    if value <= 0:
        raise Invalid(
            name,
            message(
                "{field} is {value}, but a target must be above 0 per cent",
                field=name,
                value=value,
            ),
        )
    if value > PER_CENT and stated.reason is None:
        raise Invalid(
            "reason",
            message(
                "reason is missing: {field} is {value}, and a target above {most} per "
                "cent needs a reason",
                field=name,
                value=value,
                most=PER_CENT,
            ),
        )


def _values(stated: Statement, names: Sequence[str]) -> Iterator[tuple[str, Decimal]]:
    """The fields *names* that have a value, as numbers."""
    for name in names:
        if (text := getattr(stated, name)) is not None:
            yield name, Decimal(text)


def _refuse_bad_correction(
    stated: Statement, version: int, data: PaperData | None
) -> None:
    if stated.reason is None:
        raise Invalid("reason", message("reason is missing; a correction requires it"))
    if data is None:
        raise Invalid(
            "corrects",
            message(
                "corrects is {version}, but no statement about {subject} is recorded",
                version=version,
                subject=stated.subject,
            ),
        )
    wrong = subject_rules.event_to_revise(version, data, "corrects")
    if isinstance(wrong, Annulled):
        raise Invalid(
            "corrects",
            message(
                "corrects is {version}, but that version is an annulment, which "
                "cannot be corrected",
                version=version,
            ),
        )
    if wrong.corrects is not None:
        raise Invalid(
            "corrects",
            message(
                "corrects is {version}, but that version corrects version {first}: "
                "correct version {first} instead",
                version=version,
                first=wrong.corrects,
            ),
        )
    now = dict(data.effective_statements)[version]
    if _content(now) == _content(stated):
        by = data.correction_of(version) or version
        raise AlreadyRecorded(
            by,
            message(
                "the correction of version {version} is already recorded, at version "
                "{place}",
                version=version,
                place=by,
            ),
        )


def _refuse_repetition(stated: Statement, data: PaperData | None) -> None:
    """Refuse a statement that equals the one that begins on the same day."""
    held = data.in_force(stated.effective_on or date.max) if data else None
    if held is not None and _content(held.event) == _content(stated):
        raise subject_rules.already_recorded_error(stated, held.version)


def _content(stated: Any) -> Any:
    """What a statement says, without the reason for it; 80 equals 80.00."""
    numbers = {
        n: Decimal(getattr(stated, n)).normalize() for n in _number_fields(stated)
    }
    plain = structs.replace(stated, reason=None, corrects=None)
    return structs.asdict(plain) | numbers


decider: Decider[PaperData, Any] = Decider(
    "paper_data", Event, decide, evolve, moves_figures=False
)
