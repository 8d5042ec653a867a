"""A figure: rounding, targets and ratings."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st
from msgspec import structs

from iku.domain import figure, indicator, period, scale
from iku.domain.conflict import Category
from iku.domain.coordinates import Coordinates
from iku.domain.figure import Basis, Counts, Figure, Part
from iku.domain.indicator import (
    ConflictOptions,
    EmptyRatio,
    Options,
    OrganisationOptions,
)
from iku.domain.period import Kind
from tests.domain.story import on
from tests.domain.test_indicator import defined, targeted
from tests.domain.test_scale import scaled

IPOLEKSOSBUD = ConflictOptions(Category.IPOLEKSOSBUD)


def coordinates(as_of: str = "2021-12-31", kind: Kind = Kind.YEAR) -> Coordinates:
    return Coordinates(
        indicator="IKU-1",
        definition=1,
        period=period.containing(on(as_of), kind),
        as_of=on(as_of),
        known_on=on("2022-06-30"),
        size=49,
    )


def made_with(options: Options = IPOLEKSOSBUD, target: str | None = "80") -> Basis:
    return Basis(
        definition=indicator.Definition(1, defined(options=options)),
        target=None if target is None else Decimal(target),
        scale=scaled(),
    )


def figured(
    counts: Counts,
    basis: Basis | None = None,
    parts: dict[str, Counts] | None = None,
) -> Figure:
    return figure.figure(coordinates(), counts, basis or made_with(), parts)


# Percentages.


@pytest.mark.parametrize(
    ("numerator", "denominator", "percentage"),
    [
        *((7, 9, "77.78"), (5, 7, "71.43"), (0, 3, "0.00"), (3, 3, "100.00")),
        *((1, 3, "33.33"), (2, 3, "66.67"), (1, 800, "0.13"), (1, 20000, "0.01")),
        (1, 20001, "0.00"),
    ],
)
def test_a_percentage_has_two_decimals_a_half_rounded_up(
    numerator: int, denominator: int, percentage: str
) -> None:
    assert str(figured(Counts(numerator, denominator)).percentage) == percentage


@for_all(st.integers(0, 10**9), st.integers(1, 10**9))
def test_rounding_is_off_by_half_a_hundredth_at_most(n: int, d: int) -> None:
    value = Fraction(100 * n, d)
    found = figure.per_cent(n, d)
    error = Fraction(found) - value
    assert Fraction(-1, 200) < error <= Fraction(1, 200)
    assert found == Decimal(str(found)).quantize(Decimal("0.01"))


# Achievement and rating.


def test_an_achievement_comes_from_the_exact_fraction() -> None:
    found = figured(Counts(7, 9))
    assert str(found.achievement) == "97.22"  # and not 97.23, from 77.78
    assert found.rating == "Sangat Tinggi"
    assert found.target == 80


def test_an_achievement_may_pass_a_hundred() -> None:
    found = figured(Counts(33, 38), made_with(OrganisationOptions()))
    assert str(found.achievement) == "108.55"


def test_a_rating_goes_by_the_achievement_as_displayed() -> None:
    # 90.995 of 100 is displayed as 91.00.
    assert figured(Counts(18199, 20000), made_with(target="100")).rating == (
        "Sangat Tinggi"
    )
    assert figured(Counts(18198, 20000), made_with(target="100")).rating == "Tinggi"


def test_without_a_target_there_is_no_achievement_and_no_rating() -> None:
    found = figured(Counts(7, 9), made_with(target=None))
    assert (found.target, found.achievement, found.rating) == (None, None, None)
    assert str(found.percentage) == "77.78"


@pytest.mark.parametrize(
    ("empty", "percentage", "achievement"),
    [
        (EmptyRatio.UNDEFINED, None, None),
        (EmptyRatio.FULL, Decimal("100.00"), Decimal("125.00")),
        (EmptyRatio.ZERO, Decimal("0.00"), Decimal("0.00")),
    ],
)
def test_nothing_out_of_nothing_is_what_the_definition_says(
    empty: EmptyRatio, percentage: Decimal | None, achievement: Decimal | None
) -> None:
    options = structs.replace(IPOLEKSOSBUD, empty=empty)
    found = figured(Counts(), made_with(options))
    assert (found.percentage, found.achievement) == (percentage, achievement)
    assert found.empty == "no_cases"
    assert (found.rating is None) == (achievement is None)
    assert figured(Counts(0, 1), made_with(options)).empty is None


def test_expired_certificates_are_told_of_organisations_only() -> None:
    assert figured(Counts(7, 9, 3)).expired is None
    assert figured(Counts(7, 9, 3), made_with(OrganisationOptions())).expired == 3


def test_a_figure_carries_its_coordinates() -> None:
    found = figured(Counts(7, 9))
    for name in Coordinates.__struct_fields__:
        assert getattr(found, name) == getattr(coordinates(), name)
    assert found.number == coordinates().number
    assert (found.numerator, found.denominator) == (7, 9)


# Parts.


def test_parts_are_told_in_order_and_none_that_is_empty() -> None:
    parts = {"sosial": Counts(1, 3), "ekonomi": Counts(1, 1), "budaya": Counts()}
    assert figured(Counts(2, 4), parts=parts).parts == (
        Part("ekonomi", 1, 1, Decimal("100.00")),
        Part("sosial", 1, 3, Decimal("33.33")),
    )
    assert figured(Counts(2, 4)).parts is None
    assert figured(Counts(), parts={}).parts == ()


def test_counts_are_added_each_to_its_own() -> None:
    assert Counts(1, 2, 3) + Counts(10, 20, 30) == Counts(11, 22, 33)


# The basis of a figure.


def test_a_figure_is_made_with_what_was_known_and_in_force() -> None:
    first, second = defined("2021-01-01"), defined("2021-04-01", wording="Baru")
    whole = indicator.Indicator((first, second, targeted("2021-01-01", "75")))
    scales = scale.Scale((scaled(), scaled("2021-06-01", scaled().bands[:1])))
    everything = whole, scales

    def made(day: str, kind: Kind, version: int | None = None) -> Basis:
        return figure.basis(everything, everything, on(day), kind, version)

    assert made("2021-06-30", Kind.YEAR).definition.version == 1
    assert made("2021-06-30", Kind.QUARTER).definition.version == 2
    assert made("2021-06-30", Kind.YEAR, 2).definition.version == 2
    assert made("2021-06-30", Kind.QUARTER, 1).definition.version == 1
    assert made("2021-06-30", Kind.YEAR).target == 75
    assert made("2022-06-30", Kind.YEAR).target is None
    assert made("2021-05-31", Kind.YEAR).scale == scales.history[0]
    assert made("2021-06-01", Kind.YEAR).scale == scales.history[1]
    for version in (0, 3):
        with pytest.raises(LookupError, match=f"is {version}, but the last .* is 2"):
            made("2021-06-30", Kind.YEAR, version)


def test_a_figure_asked_with_no_knowledge_is_made_with_the_first_versions() -> None:
    whole = indicator.Indicator((defined(), targeted())), scale.Scale((scaled(),))
    found = figure.basis((None, None), whole, on("2021-06-30"), Kind.YEAR, None)
    assert (found.definition.version, found.target, found.scale) == (1, None, scaled())
