"""One indicator under several definitions side by side, and options tried out.

Nothing here is recorded: a definition that is only tried out has no version.
"""

from datetime import date
from decimal import Decimal
from typing import Literal

from msgspec import Struct, structs, to_builtins

from iku.domain import figure, indicator
from iku.domain.coordinates import Coordinates
from iku.domain.difference import SubjectCount
from iku.domain.figure import Basis, Counts
from iku.domain.indicator import Options
from iku.domain.period import Period

LISTS = ("resolution_manners", "kinds")


class ComparisonResult(Struct, frozen=True):
    """What comes out under one definition.

    Attributes:
        percentage: Per cent, two decimals; None where there is nothing to count.
        empty: ``no_cases`` where the denominator is nought, else None.
        achievement: Actual of target, in per cent; None where either is missing.
        rating: Of the achievement; None where that is missing.
    """

    numerator: int
    denominator: int
    percentage: Decimal | None
    empty: Literal["no_cases"] | None
    achievement: Decimal | None
    rating: str | None


class ComparisonColumn(ComparisonResult, frozen=True, kw_only=True):
    """An indicator's figure under one definition.

    Attributes:
        definition: Its version; None for options that are only tried out.
        options: The formula as data.
        percentage: Per cent, two decimals; None where there is nothing to count.
        empty: ``no_cases`` where the denominator is nought, else None.
        achievement: Actual of target, in per cent; None where either is missing.
        rating: Of the achievement; None where that is missing.
    """

    definition: int | None
    options: Options


class ComparisonRow(Struct, frozen=True):
    """A subject that does not count alike under all definitions.

    Attributes:
        id: Identifier of the case or organisation.
        number: Its number in the register.
        title: Its title or name.
        columns: How it counts under each, in their order.
    """

    id: str
    number: str
    title: str
    columns: tuple[SubjectCount, ...]


class Comparison(Struct, frozen=True):
    """An indicator on one day under several definitions.

    Attributes:
        known_on: Whose knowledge: that of the end of this day.
        size: Of the log it was counted from.
        target: Of the year, as it stood on `as_of`, in per cent; None where none is.
        columns: One for each definition, in the order in which they were named.
        differing: How many subjects do not count alike under all of them.
        items: Those of this page, by identifier.
        next: Cursor of the page that follows; None at the end.
    """

    indicator: str
    period: Period
    as_of: date
    known_on: date
    size: int
    target: Decimal | None
    columns: tuple[ComparisonColumn, ...]
    differing: int
    items: tuple[ComparisonRow, ...]
    next: str | None


class ComparedPoint(Struct, frozen=True):
    """A day under the definition in force and under the one proposed."""

    as_of: date
    target: Decimal | None
    in_force: ComparisonResult
    proposed: ComparisonResult


class YearEffect(Struct, frozen=True):
    """What a proposed definition would make of one year.

    Attributes:
        definition: Version of the definition in force in that year.
        points: The figure of the year so far at the end of each of its quarters.
        differing: How many subjects do not count alike at the end of the year.
        items: The first of them, each under the one in force, then the one proposed.
        more: Parameters of the comparison that tells the rest of them; None where
            they are all here.
    """

    year: int
    definition: int
    points: tuple[ComparedPoint, ...]
    differing: int
    items: tuple[ComparisonRow, ...]
    more: str | None


class RedefinitionEffect(Struct, frozen=True):
    """What a proposed definition would change in the last two complete years.

    Attributes:
        definition: The number of the version that it would become.
        effective_on: It would count periods that start on this day or later.
        options: Its formula as data.
        size: Of the log it was counted from; nothing was added to it.
        years: The last two complete years, the older first.
    """

    indicator: str
    definition: int
    effective_on: date
    options: Options
    size: int
    years: tuple[YearEffect, ...]


class EvaluatedFigure(ComparisonResult, frozen=True, kw_only=True):
    """What a day comes to, and what it is made with.

    Attributes:
        definition: Version of the definition in force at the start of the year.
        target: Of the year, in per cent; None where none is.
    """

    definition: int
    target: Decimal | None


class RevisedPoint(Struct, frozen=True):
    """The year so far on a day, before and after a revision."""

    as_of: date
    before: EvaluatedFigure
    after: EvaluatedFigure


class RevisionPreview(Struct, frozen=True):
    """What a target, or a correction or annulment, would change.

    Attributes:
        size: Of the log it was counted from; nothing was added to it.
        points: The ends of the quarters of the last two complete years, and today.
    """

    indicator: str
    size: int
    points: tuple[RevisedPoint, ...]


def evaluate(at: Coordinates, counts: Counts, basis: Basis) -> EvaluatedFigure:
    """What *counts* come to, with what they are made with."""
    return EvaluatedFigure(
        *structs.astuple(outcome(at, counts, basis)),
        definition=basis.definition.version,
        target=basis.target,
    )


def changed_options(before: Options, after: Options) -> dict[str, str]:
    """The options of *after* that are not as in *before*, as they are typed."""
    was, now = to_builtins(before), to_builtins(after)
    return {
        name: ",".join(value) if name in LISTS else str(value)
        for name, value in now.items()
        if value != was[name]
    }


def with_options(basis: Basis, options: Options) -> Basis:
    """The same, but counted by *options*."""
    version, defined = basis.definition.version, basis.definition.defined
    changed = structs.replace(defined, options=options)
    definition = indicator.Definition(version, changed)
    return structs.replace(basis, definition=definition)


def outcome(at: Coordinates, counts: Counts, basis: Basis) -> ComparisonResult:
    """What *counts* come to."""
    made = figure.figure(at, counts, basis)
    return ComparisonResult(
        *(getattr(made, name) for name in ComparisonResult.__struct_fields__)
    )


def column(
    at: Coordinates, counts: Counts, basis: Basis, version: int | None
) -> ComparisonColumn:
    """The same, with what it is counted by."""
    return ComparisonColumn(
        *structs.astuple(outcome(at, counts, basis)),
        definition=version,
        options=basis.definition.defined.options,
    )
