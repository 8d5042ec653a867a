"""The indicator (IKU): its versioned definitions, immutable once used, and its targets.

A definition is the formula as data. Each version is an event, so a figure can be
counted under any of them. The version in force at the start of a period counts the
period. Version 1 also counts days and cut-offs before it was recorded.

A wrongly recorded definition is corrected by a new version, or annulled. An annulled
version is not in force at cut-offs that include the annulment, but a question can still
name it, with the same result. Targets are corrected and annulled like the events of any
subject (design, section 5).
"""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal, TypeAlias, Union, assert_never

from msgspec import UNSET, Meta, Struct, ValidationError, convert, structs

from iku.domain import conflict, lineage, organisation
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
    Correction,
    EffectiveFact,
    Fact,
    Line,
    Reason,
    Restated,
    Version,
    annulled_versions,
    effective_facts,
)
from iku.messages import Term, message

PERCENT = r"^(?!0+(\.0+)?$)[0-9]{1,4}(\.[0-9]{1,2})?$(?!\n)"

# Cases of this category (UU 7/2012, art. 5 c-e) are registered but never counted.
IN_NO_INDICATOR = conflict.Category.LAINNYA
PER_CENT = 100
TARGET = message("a target")
DEFINITION = message("a definition")
YEARS_AHEAD = 10  # limit for the day of a decreed definition or target

Percent: TypeAlias = Annotated[
    str,
    Meta(
        pattern=PERCENT,
        description="Per cent above 0, up to two decimals, with a point.",
        examples=["80.00"],
        extra_json_schema={
            "x-expects": "per cent above 0 with at most two decimals, such as 80.00"
        },
    ),
]
Year: TypeAlias = Annotated[int, Meta(ge=1945, le=9999)]


class DateBasis(StrEnum):
    """The day from which a case exists: that of the report, or of the occurrence."""

    REPORTED = "reported"
    OCCURRED = "occurred"


class CarryOver(StrEnum):
    """Whether open cases of earlier periods count."""

    INCLUDE = "include"
    EXCLUDE = "exclude"


class Reopening(StrEnum):
    """Whether a reopened case leaves the numerator."""

    LATEST_STATE = "latest_state"
    FIRST_CLOSURE_COUNTS = "first_closure_counts"


class ExpiredRegistration(StrEnum):
    """Whether an organisation with an expired certificate counts."""

    KEEP = "keep"
    DROP = "drop"


class Population(StrEnum):
    """The organisations that count: those of the day, or of any day of the period."""

    STOCK_AT_DATE = "stock_at_date"
    ANY_TIME_IN_PERIOD = "any_time_in_period"


class EmptyRatio(StrEnum):
    """The percentage of a figure without subjects (0/0)."""

    UNDEFINED = "undefined"
    FULL = "full"
    ZERO = "zero"


Rounding: TypeAlias = Literal["half_up_2"]


class Options:
    """How the subjects of one kind are counted; the base of each kind's options.

    The subclasses are Structs that differ in their tag field, ``counts``. Source of the
    options and their defaults: design, section 6.

    Attributes:
        certified: Whether figures state how many certificates have expired.
        empty: The percentage if there is nothing to count.
    """

    __slots__ = ()
    certified: ClassVar[bool] = False
    empty: EmptyRatio
    rounding: Rounding

    @classmethod
    def from_json(cls, given: Any) -> "Options":
        """The options encoded in *given*, in JSON types.

        Raises:
            ValueError: The options are not those of any kind.
        """
        known: Any = Union[tuple(cls.__subclasses__())]  # noqa: UP007 - of any number
        try:
            found: Options = convert(given, known)
        except ValidationError as error:
            # The decoder adds the path of the value to a ValueError.
            raise ValueError(str(error)) from error
        return found


class ConflictOptions(
    Struct, Options, frozen=True, tag_field="counts", tag="conflicts", cache_hash=True
):
    """How cases are counted (IKU-1 and IKU-3; design, section 6)."""

    category: conflict.Category
    minimum_level: conflict.Level = conflict.Level.PERSETERUAN
    date_basis: DateBasis = DateBasis.REPORTED
    carry_over: CarryOver = CarryOver.INCLUDE
    reopening: Reopening = Reopening.LATEST_STATE
    resolution_manners: tuple[conflict.Manner, ...] = tuple(
        manner for manner in conflict.Manner if manner != conflict.Manner.DILIMPAHKAN
    )
    empty: EmptyRatio = EmptyRatio.UNDEFINED
    rounding: Rounding = "half_up_2"


class OrganisationOptions(
    Struct,
    Options,
    frozen=True,
    tag_field="counts",
    tag="organisations",
    cache_hash=True,
):
    """How organisations are counted (IKU-2; design, section 6)."""

    certified: ClassVar[bool] = True

    kinds: tuple[organisation.OrganisationKind, ...] = tuple(
        organisation.OrganisationKind
    )
    expired_registration: ExpiredRegistration = ExpiredRegistration.KEEP
    participation_threshold: int = 1
    population: Population = Population.STOCK_AT_DATE
    empty: EmptyRatio = EmptyRatio.UNDEFINED
    rounding: Rounding = "half_up_2"


# Events. The tags and fields are the storage format: add fields, never change them.


class Defined(Fact, frozen=True, tag="defined"):
    """A definition that counts periods which start on *effective_on* or later.

    Attributes:
        wording: Wording of the indicator, as in the agency's decree.
        formula: The formula in words, as in the decree.
        sources: Sources of the data.
        owner: The division that is responsible for the indicator.
        objective: The strategic objective that the indicator measures.
        basis: The decree on which the definition rests.
        reason: Reason for the change; None for the first version.
        corrects: Version, in the stream, of the wrongly recorded definition that this
            one replaces; None for a change.
    """

    effective_on: date
    wording: Line
    formula: Line
    sources: tuple[Line, ...]
    owner: Line
    objective: Line
    basis: Line
    options: Options
    reason: Reason | None = None
    corrects: Version | None = None


class Targeted(Fact, frozen=True, tag="targeted"):
    """The target of *year*, in per cent, for figures as of *effective_on* or later.

    Attributes:
        basis: The performance agreement on which the target rests.
        reason: Reason for the target; required above 100 per cent.
    """

    year: Year
    target: Percent
    effective_on: date
    basis: Line
    reason: Reason | None = None

    @property
    def value(self) -> Decimal:
        """The target in per cent, two decimals."""
        return Decimal(self.target).quantize(Decimal("0.01"))


class Corrected(Correction, frozen=True, tag="corrected"):
    """The target at version *corrects* was recorded wrongly.

    A definition is never restated: a new version corrects it (`Defined.corrects`).
    """

    year: Restated[Year] = UNSET
    target: Restated[Percent] = UNSET
    basis: Restated[Line] = UNSET


Event = Defined | Targeted | Corrected | Annulled


class Target(Targeted, frozen=True, tag=False):
    """The command that sets a target."""

    def to_event(self) -> Targeted:
        """The event `Targeted` to record."""
        return Targeted(**{n: getattr(self, n) for n in Targeted.__struct_fields__})


class Amendment(Fact, frozen=True, kw_only=True):
    """Changes of options; an option that is left out keeps its value."""

    category: Annotated[
        conflict.Category | None,
        Meta(description="Category of the indicator, which cannot be changed."),
    ] = None
    minimum_level: Annotated[
        conflict.Level | None,
        Meta(description="Lowest level of a case that counts."),
    ] = None
    date_basis: Annotated[
        DateBasis | None,
        Meta(description="Day from which a case exists: report or occurrence."),
    ] = None
    carry_over: Annotated[
        CarryOver | None,
        Meta(description="Whether open cases of earlier periods count."),
    ] = None
    reopening: Annotated[
        Reopening | None,
        Meta(description="Whether a reopened case leaves the numerator."),
    ] = None
    resolution_manners: Annotated[
        Annotated[
            tuple[conflict.Manner, ...],
            Meta(min_length=1, max_length=8),
        ]
        | None,
        Meta(description="Manners of closing that are resolutions."),
    ] = None
    kinds: Annotated[
        Annotated[
            tuple[organisation.OrganisationKind, ...],
            Meta(min_length=1, max_length=3),
        ]
        | None,
        Meta(description="Kinds of organisations that count."),
    ] = None
    expired_registration: Annotated[
        ExpiredRegistration | None,
        Meta(description="Whether an organisation with an expired certificate counts."),
    ] = None
    participation_threshold: Annotated[
        Annotated[int, Meta(ge=1, le=1000)] | None,
        Meta(description="Least number of verified participations that count."),
    ] = None
    population: Annotated[
        Population | None,
        Meta(description="Organisations of the day, or of any day of the period."),
    ] = None
    empty: Annotated[
        EmptyRatio | None,
        Meta(description="Percentage of a figure without subjects (0/0)."),
    ] = None
    rounding: Annotated[
        Rounding | None, Meta(description="Rounding of percentages.")
    ] = None

    def changed_fields(self, of: type[Struct]) -> dict[str, Any]:
        """The fields of the Struct *of* that this amendment changes."""
        given = (n for n in of.__struct_fields__ if n in self.__struct_fields__)
        return {n: v for n in given if (v := getattr(self, n)) is not None}

    def amend(self, options: Options) -> Options:
        """*options* with the fields that this amendment sets.

        Raises:
            Invalid: An option does not belong to this indicator, or the category
                differs from the indicator's.
        """
        said: Any = options  # every subclass is a Struct
        own = said.__struct_fields__
        for name in self.changed_fields(Amendment):
            if name not in own:
                raise Invalid(
                    name,
                    message(
                        "{name} is not an option of this indicator; its options are "
                        "{options}",
                        name=name,
                        options=own,
                    ),
                )
        changes = self.changed_fields(type(said))
        if isinstance(options, ConflictOptions):
            _refuse_other_category(changes.get("category"), options.category)
        amended: Options = structs.replace(said, **_in_declared_order(changes))
        return amended


def _refuse_other_category(
    given: conflict.Category | None, own: conflict.Category
) -> None:
    """Refuse to change the category that an indicator counts.

    The category belongs to the indicator, so that no case counts in both IKU-1 and
    IKU-3 (design, section 6).
    """
    if given not in {None, own}:
        raise Invalid(
            "category",
            message(
                "category is {given}, but this indicator counts cases of category "
                "{own}, and an indicator's category never changes",
                given=given,
                own=own,
            ),
        )


class Redefinition(Amendment, frozen=True, kw_only=True):
    """The changes of a new version of a definition.

    A field that is left out keeps its value of the version in force on *effective_on*.
    """

    effective_on: date
    basis: Line
    reason: Reason
    wording: Line | None = None
    formula: Line | None = None
    sources: tuple[Line, ...] | None = None
    owner: Line | None = None
    objective: Line | None = None


class Revision(Amendment, frozen=True, kw_only=True, tag="corrected"):
    """A correction of the definition or target at version *corrects*.

    A field that is left out keeps its recorded value. A target has the fields *year*,
    *target*, *effective_on* and *basis*; a definition has all fields except *year* and
    *target*.
    """

    corrects: Version
    reason: Reason
    effective_on: date | None = None
    basis: Line | None = None
    wording: Line | None = None
    formula: Line | None = None
    sources: tuple[Line, ...] | None = None
    owner: Line | None = None
    objective: Line | None = None
    year: Year | None = None
    target: Percent | None = None

    @property
    def given_fields(self) -> tuple[str, ...]:
        """Names of the fields that the revision corrects."""
        names = (n for n in self.__struct_fields__ if n not in {"corrects", "reason"})
        return tuple(n for n in names if getattr(self, n) is not None)


Later = Revision | Annulled
Command = Defined | Targeted | Redefinition | Later


# State.


class Definition(Struct, frozen=True):
    """One version of a definition, from 1."""

    version: int
    defined: Defined


class Indicator(Struct, frozen=True, dict=True):
    """An indicator, folded from its events; *history* holds them from version 1."""

    history: tuple[Event, ...]

    @cached_property
    def definitions(self) -> tuple[Definition, ...]:
        """All versions, including annulled ones, the first at index 0."""
        defined = [event for event in self.history if isinstance(event, Defined)]
        return tuple(Definition(n, event) for n, event in enumerate(defined, start=1))

    @cached_property
    def definition_event_versions(self) -> tuple[int, ...]:
        """For each of the `definitions`, the version of its event in the stream."""
        numbered = enumerate(self.history, start=1)
        return tuple(place for place, e in numbered if isinstance(e, Defined))

    @cached_property
    def annulled_event_versions(self) -> frozenset[int]:
        """Versions, in the stream, of the annulled events."""
        return annulled_versions(self.history)

    @cached_property
    def effective_definitions(self) -> tuple[Definition, ...]:
        """The definitions that are not annulled."""
        placed = zip(self.definition_event_versions, self.definitions, strict=True)
        return tuple(
            one for place, one in placed if place not in self.annulled_event_versions
        )

    @cached_property
    def effective_targets(self) -> tuple[EffectiveFact, ...]:
        """The targets in effect, as last corrected, each with its version."""
        left = effective_facts(self.history)
        return tuple(one for one in left if isinstance(one.event, Targeted))

    @property
    def targets(self) -> tuple[Targeted, ...]:
        """The targets in effect, in the order in which they were recorded."""
        return tuple(one.event for one in self.effective_targets)

    def definition_in_force(self, day: date) -> Definition | None:
        """The version in force on *day*; None if there is none yet."""
        begun = [d for d in self.effective_definitions if d.defined.effective_on <= day]
        return max(begun, key=_sort_key) if begun else None

    @property
    def earliest_definition(self) -> Definition:
        """The version that applies to days before any version was in force.

        This is version 1 or, if that is annulled, the first version in force that is
        not annulled.
        """
        first = self.definitions[0]
        if first in self.effective_definitions or not self.effective_definitions:
            return first
        begins = min(d.defined.effective_on for d in self.effective_definitions)
        return self.definition_in_force(begins) or first

    def target(self, as_of: date) -> Decimal | None:
        """The target in force on *as_of* for the year of that day, or None.

        Targets are dated: a revised agreement applies from its day (design, section 6).
        """
        valid = [
            targeted
            for targeted in self.targets
            if targeted.year == as_of.year and targeted.effective_on <= as_of
        ]
        # `sorted` is stable: of two targets of one day the one recorded later counts.
        ordered = sorted(valid, key=lambda targeted: targeted.effective_on)
        return ordered[-1].value if ordered else None


def _sort_key(definition: Definition) -> tuple[date, int]:
    """The key that orders definitions by day, and those of one day by version."""
    return definition.defined.effective_on, definition.version


def evolve(indicator: Indicator | None, event: Event) -> Indicator:
    """The indicator after *event*."""
    return Indicator((*(indicator.history if indicator else ()), event))


def applicable_definition(
    known: Indicator | None, whole: Indicator, start: date
) -> Definition:
    """The version that counts a period beginning on *start*, at a knowledge cut-off.

    *known* is the indicator at the cut-off. If it is None, the first version of the
    *whole* history applies.
    """
    if known is None:
        return whole.definitions[0]
    return known.definition_in_force(start) or known.earliest_definition


# Decisions.


def decide(
    command: Command, indicator: Indicator | None, context: DecisionContext
) -> list[Event]:
    """The events that *command* adds to *indicator*.

    Raises:
        AlreadyRecorded: The indicator already has the same event.
        Refused: A rule forbids the command; the message quotes both values.
    """
    if not isinstance(command, Annulled):
        refuse_unlikely_decreed_day(command.effective_on, context.today)
    match command:
        case Defined():
            return [] if indicator else _define(command)
        case Targeted():
            return _set_target(command, _require_indicator(indicator, TARGET))
        case Redefinition():
            return _redefine(command, _require_indicator(indicator, DEFINITION))
        case Revision():
            indicator = _require_indicator(indicator, message("a correction"))
            return _require_definition_in_force(
                _revise(command, indicator), indicator, context
            )
        case Annulled():
            indicator = _require_indicator(indicator, message("an annulment"))
            return _require_definition_in_force(
                _annul(command, indicator), indicator, context
            )
    assert_never(command)


def refuse_unlikely_decreed_day(day: date | None, today: date) -> None:
    """Refuse a day more than `YEARS_AHEAD` years ahead, or before the republic.

    A definition or target may be decreed for a future day (design, section 5). The
    plans that set targets cover five years (RPJMD, Renstra). Twice that leaves room for
    the next plan, and still refuses a mistyped year.

    Raises:
        Refused: The message quotes the day and the limit.
    """
    last = date(min(today.year + YEARS_AHEAD, date.max.year), 12, 31)
    if day is not None and day > last:
        raise Refused(
            message(
                "effective_on is {day}, but the effective day of a definition or "
                "target must not be more than {years} years ahead, after {last}",
                day=day,
                years=YEARS_AHEAD,
                last=last,
            )
        )
    refuse_unlikely_day("effective_on", day, last)


def _require_indicator(indicator: Indicator | None, given: str) -> Indicator:
    if indicator is None:
        raise Refused(
            message(
                "the indicator does not exist, so {what} cannot be recorded", what=given
            )
        )
    return indicator


def _define(command: Defined) -> list[Event]:
    category = getattr(command.options, "category", None)
    if category == IN_NO_INDICATOR:
        raise Invalid(
            "category",
            message(
                "category is {category}, but no indicator counts cases of this "
                "category",
                category=category,
            ),
        )
    return [command]


def _set_target(command: Targeted, indicator: Indicator) -> list[Event]:
    day = (command.year, command.effective_on)
    same = [
        s
        for s in indicator.effective_targets
        if (s.event.year, s.event.effective_on) == day
    ]
    if same and same[-1].event.value == command.value:
        _refuse_same_target(command, same[-1])
    if command.value > PER_CENT and command.reason is None:
        raise Invalid(
            "reason",
            message(
                "reason is missing: the target of {year} is {target} per cent, and a "
                "target above {most} per cent needs a reason",
                year=command.year,
                target=command.value,
                most=PER_CENT,
            ),
        )
    return [command]


def _refuse_same_target(command: Targeted, held: EffectiveFact) -> None:
    if held.event.basis == command.basis:
        raise AlreadyRecorded(
            held.version,
            message(
                "the target of {year}, {target} per cent from {day} on, is already "
                "recorded, at version {version}",
                version=held.version,
                year=command.year,
                target=command.value,
                day=command.effective_on,
            ),
        )
    raise Refused(
        message(
            "the target of {year} is {target} per cent from {day} on, on the basis "
            "of {basis}, but version {version} sets it on the basis of {held}: "
            "correct that version",
            basis=command.basis,
            version=held.version,
            held=held.event.basis,
            year=command.year,
            target=command.value,
            day=command.effective_on,
        )
    )


def _redefine(command: Redefinition, indicator: Indicator) -> list[Event]:
    before = applicable_definition(indicator, indicator, command.effective_on).defined
    after = structs.replace(
        before,
        **command.changed_fields(Defined),
        options=command.amend(before.options),
        corrects=None,
    )
    _refuse_same_definition(after, indicator)
    return [after]


def _refuse_same_definition(after: Defined, indicator: Indicator) -> None:
    """Refuse a version that differs from the one in force only in its day or reason."""
    held = indicator.definition_in_force(after.effective_on)
    if held is not None and _definition_content(held.defined) == _definition_content(
        after
    ):
        place = indicator.definition_event_versions[held.version - 1]
        raise AlreadyRecorded(
            place,
            message(
                "the definition from {day} on equals definition {version}, in force "
                "since {since} (recorded at version {place}), so recording it changes "
                "nothing",
                day=after.effective_on,
                version=held.version,
                since=held.defined.effective_on,
                place=place,
            ),
        )


def _definition_content(defined: Defined) -> Defined:
    """The content of a definition, without its day and the reason for it."""
    return structs.replace(defined, effective_on=date.min, reason=None, corrects=None)


def _revise(command: Revision, indicator: Indicator) -> list[Event]:
    wrong = _event_at(command.corrects, indicator, "corrects")
    match wrong:
        case Targeted():
            return _correct_target(command, indicator)
        case Defined():
            return _correct_definition(command, wrong, indicator)
        case Corrected() | Annulled():
            raise Invalid(
                "corrects",
                message(
                    "version {version} is recorded as {event}, so it cannot be "
                    "corrected: correct the event to which version {version} refers",
                    version=command.corrects,
                    event=Term("event", str(wrong.__struct_config__.tag)),
                ),
            )
    assert_never(wrong)


def _event_at(version: int, indicator: Indicator, path: str) -> Event:
    """The event at *version* of the stream of the indicator.

    Raises:
        AlreadyRecorded: A new version has replaced it already.
        Invalid: The version does not exist, or its event was annulled.
    """
    if version > (last := len(indicator.history)):
        raise Invalid(
            path,
            message(
                "{path} is {version}, but the last version is {last}",
                path=path,
                version=version,
                last=last,
            ),
        )
    if version not in indicator.annulled_event_versions:
        return indicator.history[version - 1]
    for place, one in zip(
        indicator.definition_event_versions, indicator.definitions, strict=True
    ):
        if one in indicator.effective_definitions and one.defined.corrects == version:
            raise AlreadyRecorded(
                place,
                message(
                    "{path} is {version}, but version {version} was replaced: "
                    "definition {definition} is now recorded as version {place}",
                    path=path,
                    version=version,
                    definition=one.version,
                    place=place,
                ),
            )
    raise Invalid(
        path,
        message(
            "{path} is {version}, but that version was annulled",
            path=path,
            version=version,
        ),
    )


def _refuse_inapplicable_fields(
    command: Revision, kind: str, own: Sequence[str]
) -> None:
    if not command.given_fields:
        raise Invalid(
            "corrects",
            message(
                "the correction of version {version} must change at least one field, "
                "but changes none",
                version=command.corrects,
            ),
        )
    for name in command.given_fields:
        if name not in own:
            raise Invalid(
                name,
                message(
                    "{name} is not a field of version {version}, {kind}",
                    name=name,
                    version=command.corrects,
                    kind=kind,
                ),
            )


def _correct_target(command: Revision, indicator: Indicator) -> list[Event]:
    own = ("year", "target", "effective_on", "basis")
    _refuse_inapplicable_fields(command, TARGET, own)
    given = {name: getattr(command, name) for name in command.given_fields}
    corrected = Corrected(corrects=command.corrects, reason=command.reason, **given)
    if _targets_by_value(evolve(indicator, corrected)) == _targets_by_value(indicator):
        version = command.corrects
        by = lineage.corrections(indicator.history, version, *command.given_fields)
        place = max(by, default=version)
        raise AlreadyRecorded(
            place,
            message(
                "the correction of version {version} is already recorded, at version "
                "{place}",
                version=version,
                place=place,
            ),
        )
    return [corrected]


def _targets_by_value(indicator: Indicator) -> list[tuple[Any, ...]]:
    """The targets in effect, by value: 80 equals 80.00."""
    return [(t.year, t.value, t.effective_on, t.basis) for t in indicator.targets]


def _correct_definition(
    command: Revision, wrong: Defined, indicator: Indicator
) -> list[Event]:
    own = (*Amendment.__struct_fields__, *Defined.__struct_fields__)
    _refuse_inapplicable_fields(command, DEFINITION, own)
    after = structs.replace(
        wrong,
        **command.changed_fields(Defined),
        options=command.amend(wrong.options),
    )
    if after.effective_on == wrong.effective_on:
        _refuse_same_definition(after, indicator)
        _refuse_replaced(command.corrects, wrong, indicator)
        return [after]
    # In this order, so that a version is in force at every size of the log.
    return [after, Annulled(annuls=command.corrects, reason=command.reason)]


def _refuse_replaced(place: int, wrong: Defined, indicator: Indicator) -> None:
    """Refuse to correct a definition that a later version of the same day replaced."""
    number = indicator.definition_event_versions.index(place) + 1
    held = indicator.definition_in_force(wrong.effective_on)
    if held is not None and held.version != number:
        raise Refused(
            message(
                "definition {definition} was replaced by definition {held} from {day} "
                "on, so it cannot be corrected: correct definition {held}, recorded as "
                "version {place}, instead",
                definition=number,
                day=wrong.effective_on,
                held=held.version,
                place=indicator.definition_event_versions[held.version - 1],
            )
        )


def _annul(command: Annulled, indicator: Indicator) -> list[Event]:
    version = command.annuls
    if version in indicator.annulled_event_versions:
        by = lineage.annulment(indicator.history, version)
        raise AlreadyRecorded(
            by,
            message(
                "the annulment of version {version} is already recorded, at version "
                "{place}",
                version=version,
                place=by,
            ),
        )
    _event_at(version, indicator, "annuls")
    return [command]


def _require_definition_in_force(
    events: list[Event], indicator: Indicator, context: DecisionContext
) -> list[Event]:
    """*events*, if a definition is still in force today after them.

    Raises:
        Refused: No definition would be in force.
    """
    before = indicator.definition_in_force(context.today)
    after = decider.fold(events, indicator)
    if before and not (after and after.definition_in_force(context.today)):
        raise Refused(
            message(
                "definition {definition} must stay in force on {today}, because no "
                "other definition is in force on that day: record another definition "
                "first",
                definition=before.version,
                today=context.today,
            )
        )
    return events


def _in_declared_order(changes: dict[str, Any]) -> dict[str, Any]:
    """*changes* with each list in the order of its enumeration, without duplicates."""

    def order(values: Sequence[StrEnum]) -> tuple[StrEnum, ...]:
        return tuple(member for member in type(values[0]) if member in values)

    return {k: order(v) if isinstance(v, tuple) else v for k, v in changes.items()}


decider: Decider[Indicator, Any] = Decider(
    "indicator", Event, decide, evolve, moves_figures=True
)
