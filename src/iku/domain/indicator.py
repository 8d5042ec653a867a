"""An indicator (IKU): its definitions, never changed once used, and its targets.

A definition is the formula as data. Each version is a fact, so that a figure can be
asked under any of them; the version in force at the start of a period is the one
that counts it. Version 1 also serves days and knowledge before it was recorded.
"""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any, Literal, TypeAlias, assert_never

from msgspec import Meta, Struct, structs

from iku.domain import conflict, organisation
from iku.domain.decider import (
    Context,
    Decider,
    Invalid,
    Refused,
    refuse_unlikely_day,
)
from iku.domain.fact import Fact, Line, Reason

PERCENT = r"^(?!0+(\.0+)?$)[0-9]{1,4}(\.[0-9]{1,2})?$(?!\n)"

# Of a conflict: by UU 7/2012, art. 5 c-e; such cases stand in the register only.
IN_NO_INDICATOR = "lainnya"

Percent: TypeAlias = Annotated[
    str,
    Meta(
        pattern=PERCENT,
        description="Per cent above nought, up to two decimals, with a point.",
        examples=["80.00"],
    ),
]
Year: TypeAlias = Annotated[int, Meta(ge=1945, le=9999)]


class DateBasis(StrEnum):
    """Which day makes a case exist: the day it was reported, or that it occurred."""

    REPORTED = "reported"
    OCCURRED = "occurred"


class CarryOver(StrEnum):
    """Whether cases of earlier periods that are still open count."""

    INCLUDE = "include"
    EXCLUDE = "exclude"


class Reopening(StrEnum):
    """Whether a reopened case falls out of the numerator again."""

    LATEST_STATE = "latest_state"
    FIRST_CLOSURE_COUNTS = "first_closure_counts"


class ExpiredRegistration(StrEnum):
    """Whether an organisation whose certificate has expired still counts."""

    KEEP = "keep"
    DROP = "drop"


class Population(StrEnum):
    """Which organisations there are: those of the day, or of any day of the period."""

    STOCK_AT_DATE = "stock_at_date"
    ANY_TIME_IN_PERIOD = "any_time_in_period"


class Empty(StrEnum):
    """What the percentage of nothing out of nothing is."""

    UNDEFINED = "undefined"
    FULL = "full"
    ZERO = "zero"


Rounding: TypeAlias = Literal["half_up_2"]


class ConflictOptions(Struct, frozen=True, tag_field="counts", tag="conflicts"):
    """How cases are counted (design of the indicators IKU-1 and IKU-3)."""

    category: conflict.Category
    minimum_level: conflict.Level = conflict.Level.PERSETERUAN
    date_basis: DateBasis = DateBasis.REPORTED
    carry_over: CarryOver = CarryOver.INCLUDE
    reopening: Reopening = Reopening.LATEST_STATE
    resolution_manners: tuple[conflict.Manner, ...] = tuple(
        manner for manner in conflict.Manner if manner != conflict.Manner.DILIMPAHKAN
    )
    empty: Empty = Empty.UNDEFINED
    rounding: Rounding = "half_up_2"


class OrganisationOptions(Struct, frozen=True, tag_field="counts", tag="organisations"):
    """How organisations are counted (design of the indicator IKU-2)."""

    kinds: tuple[organisation.Kind, ...] = tuple(organisation.Kind)
    expired_registration: ExpiredRegistration = ExpiredRegistration.KEEP
    participation_threshold: int = 1
    population: Population = Population.STOCK_AT_DATE
    empty: Empty = Empty.UNDEFINED
    rounding: Rounding = "half_up_2"


Options: TypeAlias = ConflictOptions | OrganisationOptions


# Facts. The tags and fields below are the storage format: add, never change.


class Defined(Fact, frozen=True, tag="defined"):
    """The indicator is counted so for periods that start on *effective_on* or later.

    Attributes:
        wording: What the indicator is called, as in the agency's decree.
        formula: The formula as in the decree, in words.
        sources: Where its data come from.
        owner: The division that answers for it.
        objective: The strategic objective it serves.
        basis: The decree it rests on.
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


class Targeted(Fact, frozen=True, tag="targeted"):
    """The target of *year* is *target* per cent for figures as of *effective_on* on.

    Attributes:
        basis: The agreement it rests on.
        reason: Why it is so.
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


Event = Defined | Targeted


class Target(Targeted, frozen=True, tag=False):
    """A target as it comes in."""

    def fact(self) -> Targeted:
        """The fact to be recorded."""
        return Targeted(**{n: getattr(self, n) for n in Targeted.__struct_fields__})


class Amendment(Fact, frozen=True, kw_only=True):
    """Options that change; every one left out stays as it was."""

    category: conflict.Category | None = None
    minimum_level: conflict.Level | None = None
    date_basis: DateBasis | None = None
    carry_over: CarryOver | None = None
    reopening: Reopening | None = None
    resolution_manners: (
        Annotated[tuple[conflict.Manner, ...], Meta(min_length=1, max_length=8)] | None
    ) = None
    kinds: (
        Annotated[tuple[organisation.Kind, ...], Meta(min_length=1, max_length=3)]
        | None
    ) = None
    expired_registration: ExpiredRegistration | None = None
    participation_threshold: Annotated[int, Meta(ge=1, le=1000)] | None = None
    population: Population | None = None
    empty: Empty | None = None
    rounding: Rounding | None = None

    def changes(self, of: type[Struct]) -> dict[str, Any]:
        """The fields of *of* that are given here."""
        given = (n for n in of.__struct_fields__ if n in self.__struct_fields__)
        return {n: v for n in given if (v := getattr(self, n)) is not None}

    def amend(self, options: Options) -> Options:
        """*options* with those that are given here.

        Raises:
            Invalid: One of them is no option of this indicator, or would make it count
                cases of another category.
        """
        for name in self.changes(ConflictOptions) | self.changes(OrganisationOptions):
            if name not in options.__struct_fields__:
                has = ", ".join(options.__struct_fields__)
                message = (
                    f"{name} is given, but the options of this indicator are {has}"
                )
                raise Invalid(name, message)
        changes = self.changes(type(options))
        if isinstance(options, ConflictOptions):
            _refuse_other_category(changes.get("category"), options.category)
        return structs.replace(options, **_sorted(changes))


def _refuse_other_category(
    given: conflict.Category | None, own: conflict.Category
) -> None:
    """The category is the indicator's, so that no case counts in two of them."""
    if given not in {None, own}:
        raise Invalid(
            "category",
            f"category is {given}, but this indicator counts cases of category {own}, "
            f"and an indicator's category never changes",
        )


class Redefinition(Amendment, frozen=True, kw_only=True):
    """What a new version changes; every field left out stays as it was."""

    effective_on: date
    basis: Line
    reason: Reason
    wording: Line | None = None
    formula: Line | None = None
    sources: tuple[Line, ...] | None = None
    owner: Line | None = None
    objective: Line | None = None


Command = Defined | Targeted | Redefinition


# State.


class Definition(Struct, frozen=True):
    """One version of the formula, from 1."""

    version: int
    defined: Defined


class Indicator(Struct, frozen=True, dict=True):
    """An indicator as its facts tell it."""

    history: tuple[Event, ...]

    @cached_property
    def definitions(self) -> tuple[Definition, ...]:
        """All versions, the first at index 0."""
        defined = [event for event in self.history if isinstance(event, Defined)]
        return tuple(Definition(n, event) for n, event in enumerate(defined, start=1))

    @cached_property
    def targets(self) -> tuple[Targeted, ...]:
        """All targets, in the order in which they were recorded."""
        return tuple(event for event in self.history if isinstance(event, Targeted))

    def in_force(self, day: date) -> Definition | None:
        """The version in force on *day*; None where none was yet."""
        begun = [d for d in self.definitions if d.defined.effective_on <= day]
        key = [(d.defined.effective_on, d.version) for d in begun]
        return begun[key.index(max(key))] if begun else None

    def target(self, as_of: date) -> Decimal | None:
        """The target of that day's year as it stood on *as_of*; None where none was."""
        valid = [
            targeted
            for targeted in self.targets
            if targeted.year == as_of.year and targeted.effective_on <= as_of
        ]
        # `sorted` is stable: of two on one day the one recorded later counts.
        ordered = sorted(valid, key=lambda targeted: targeted.effective_on)
        return ordered[-1].value if ordered else None


def evolve(indicator: Indicator | None, event: Event) -> Indicator:
    """The indicator once *event* is known."""
    return Indicator((*(indicator.history if indicator else ()), event))


def applicable(known: Indicator | None, whole: Indicator, start: date) -> Definition:
    """The version that counts a period from *start* on, by what was *known*.

    The first version of the *whole* history serves where none was in force.
    """
    return (known and known.in_force(start)) or whole.definitions[0]


# Decisions.


def decide(
    command: Command, indicator: Indicator | None, context: Context
) -> list[Event]:
    """The facts that *command* adds to *indicator*; none where they stand already.

    Raises:
        Refused: The rules do not allow it; the sentence says both sides.
    """
    refuse_unlikely_day("effective_on", command.effective_on, context.today)
    match command:
        case Defined():
            return [] if indicator else _define(command)
        case Targeted():
            return _target(command, indicator)
        case Redefinition():
            return _redefine(command, indicator)
    assert_never(command)


def _define(command: Defined) -> list[Event]:
    category = getattr(command.options, "category", None)
    if category == IN_NO_INDICATOR:
        raise Invalid(
            "category",
            f"category is {category}, but cases of that category count in no indicator",
        )
    return [command]


def _target(command: Targeted, indicator: Indicator | None) -> list[Event]:
    if indicator is None:
        raise Refused("a target is given, but there is no such indicator")
    same_day = [
        targeted
        for targeted in indicator.targets
        if (targeted.year, targeted.effective_on)
        == (command.year, command.effective_on)
    ]
    if same_day and same_day[-1] == command:
        return []
    return [command]


def _redefine(command: Redefinition, indicator: Indicator | None) -> list[Event]:
    if indicator is None:
        raise Refused("a definition is given, but there is no such indicator")
    last = indicator.definitions[-1].defined
    after = structs.replace(
        last, **command.changes(Defined), options=command.amend(last.options)
    )
    return [] if after == last else [after]


def _sorted(changes: dict[str, Any]) -> dict[str, Any]:
    """Lists in their enumeration's order, each value once: one formula, one form."""

    def order(values: Sequence[StrEnum]) -> tuple[StrEnum, ...]:
        return tuple(member for member in type(values[0]) if member in values)

    return {k: order(v) if isinstance(v, tuple) else v for k, v in changes.items()}


def _no_peers(_command: Any) -> tuple[str, ...]:
    return ()


decider: Decider[Indicator, Any] = Decider(
    "indicator", Event, decide, evolve, _no_peers, moves_figures=True
)
