"""Comparisons of an indicator under several definitions, and trials of options.

Nothing is recorded here. A trial definition has no version.
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
    """The result under one definition.

    Attributes:
        percentage: In per cent, two decimals; None if there is nothing to count.
        empty: ``no_cases`` if the denominator is zero, else None.
        achievement: Actual divided by target, in per cent; None if either is missing.
        rating: Rating of the achievement; None if there is no achievement.
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
        definition: Version of the definition; None for a trial definition.
        options: The formula as data.
        percentage: In per cent, two decimals; None if there is nothing to count.
        empty: ``no_cases`` if the denominator is zero, else None.
        achievement: Actual divided by target, in per cent; None if either is missing.
        rating: Rating of the achievement; None if there is no achievement.
    """

    definition: int | None
    options: Options


class ComparisonRow(Struct, frozen=True):
    """A subject that counts differently under at least two of the definitions.

    Attributes:
        id: Identifier of the case or organisation.
        number: Number of the subject in the register.
        title: Title of the case, or name of the organisation.
        columns: How the subject counts, one entry for each column and in that order.
    """

    id: str
    number: str
    title: str
    columns: tuple[SubjectCount, ...]


class Comparison(Struct, frozen=True):
    """An indicator on one day under several definitions.

    Attributes:
        known_on: Knowledge cut-off: only facts known by the end of this day are
            counted.
        size: Size of the log that was counted.
        target: Target of the year in force on `as_of`, in per cent; None if there is
            none.
        columns: One for each definition, in the order in which they were given.
        differing: Number of subjects that count differently under at least two of them.
        items: The differing subjects on this page, by identifier.
        next: Cursor of the next page; None on the last page.
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
    """The figures of one day under the definition in force and the proposed one."""

    as_of: date
    target: Decimal | None
    in_force: ComparisonResult
    proposed: ComparisonResult


class YearEffect(Struct, frozen=True):
    """The effect of a proposed definition on one year.

    Attributes:
        definition: Version of the definition in force in that year.
        points: The year-to-date figure at the end of each quarter.
        differing: Number of subjects that count differently at the end of the year.
        items: The first of these subjects, each with the definition in force first and
            the proposed one second.
        more: Query parameters of the comparison that lists the remaining subjects; None
            if all of them are in `items`.
    """

    year: int
    definition: int
    points: tuple[ComparedPoint, ...]
    differing: int
    items: tuple[ComparisonRow, ...]
    more: str | None


class RedefinitionEffect(Struct, frozen=True):
    """The effect of a proposed definition on the last two complete years.

    Attributes:
        definition: Version that the proposed definition would get.
        effective_on: The definition would count periods that start on this day or
            later.
        options: The formula as data.
        size: Size of the log that was counted. The preview appends nothing.
        years: The last two complete years, the older first.
    """

    indicator: str
    definition: int
    effective_on: date
    options: Options
    size: int
    years: tuple[YearEffect, ...]


class EvaluatedFigure(ComparisonResult, frozen=True, kw_only=True):
    """A figure with the definition and the target it is evaluated against.

    Attributes:
        definition: Version of the definition in force at the start of the year.
        target: Target of the year, in per cent; None if there is none.
    """

    definition: int
    target: Decimal | None


class RevisedPoint(Struct, frozen=True):
    """The year-to-date figure on one day, before and after a revision."""

    as_of: date
    before: EvaluatedFigure
    after: EvaluatedFigure


class RevisionPreview(Struct, frozen=True):
    """The effect of a new target, a correction or an annulment.

    Attributes:
        size: Size of the log that was counted. The preview appends nothing.
        points: The ends of the quarters of the last two complete years, and today.
    """

    indicator: str
    size: int
    points: tuple[RevisedPoint, ...]


def evaluate(at: Coordinates, counts: Counts, basis: Basis) -> EvaluatedFigure:
    """The figure of *counts*, with its definition and the target it is compared to."""
    return EvaluatedFigure(
        *structs.astuple(comparison_result(at, counts, basis)),
        definition=basis.definition.version,
        target=basis.target,
    )


def changed_options(before: Options, after: Options) -> dict[str, str]:
    """The options of *after* that differ from *before*, as text parameters."""
    was, now = to_builtins(before), to_builtins(after)
    return {
        name: ",".join(value) if name in LISTS else str(value)
        for name, value in now.items()
        if value != was[name]
    }


def with_options(basis: Basis, options: Options) -> Basis:
    """*basis* with its options replaced by *options*."""
    version, defined = basis.definition.version, basis.definition.defined
    changed = structs.replace(defined, options=options)
    definition = indicator.Definition(version, changed)
    return structs.replace(basis, definition=definition)


def comparison_result(
    at: Coordinates, counts: Counts, basis: Basis
) -> ComparisonResult:
    """The comparison result of *counts* at the coordinates *at*."""
    made = figure.figure(at, counts, basis)
    return ComparisonResult(
        *(getattr(made, name) for name in ComparisonResult.__struct_fields__)
    )


def column(
    at: Coordinates, counts: Counts, basis: Basis, version: int | None
) -> ComparisonColumn:
    """The comparison column of *counts* under the definition *version*."""
    return ComparisonColumn(
        *structs.astuple(comparison_result(at, counts, basis)),
        definition=version,
        options=basis.definition.defined.options,
    )
