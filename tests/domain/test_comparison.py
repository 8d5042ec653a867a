"""Trial options: parsed from text, applied to a definition, and compared."""

from decimal import Decimal

import pytest
from msgspec import structs

from iku import parsing
from iku.domain import comparison
from iku.domain.comparison import changed_options
from iku.domain.decider import Invalid
from iku.domain.figure import Counts
from iku.domain.indicator import Amendment, EmptyRatio, OrganisationOptions, Reopening
from tests.domain.test_figure import IPOLEKSOSBUD, coordinates, made_with


def test_an_amendment_changes_what_it_gives_and_nothing_else() -> None:
    given = Amendment(reopening=Reopening.FIRST_CLOSURE_COUNTS)
    after = given.amend(IPOLEKSOSBUD)
    assert after == structs.replace(
        IPOLEKSOSBUD, reopening=Reopening.FIRST_CLOSURE_COUNTS
    )
    with pytest.raises(Invalid, match="reopening is not an option"):
        given.amend(OrganisationOptions())


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"participation_threshold": "2"},
        {"kinds": "ormas,parpol", "population": "any_time_in_period"},
    ],
)
def test_the_options_that_differ_are_told_as_they_are_read(
    told: dict[str, str],
) -> None:
    before = OrganisationOptions()
    after = parsing.parse_texts(Amendment, told.items()).amend(before)
    assert changed_options(before, after) == told
    assert changed_options(after, after) == {}


def test_a_column_says_what_comes_out_and_by_what() -> None:
    basis = made_with()
    tried = comparison.with_options(
        basis, Amendment(empty=EmptyRatio.FULL).amend(IPOLEKSOSBUD)
    )
    assert tried.definition.version == basis.definition.version
    assert tried.target == basis.target
    shown = comparison.column(coordinates(), Counts(), tried, None)
    assert shown.definition is None
    assert shown.options == structs.replace(IPOLEKSOSBUD, empty="full")
    assert (shown.percentage, shown.achievement) == (Decimal(100), Decimal(125))
    assert (shown.empty, shown.rating) == ("no_cases", "Sangat Tinggi")
    plain = comparison.column(coordinates(), Counts(7, 9), basis, 1)
    assert (plain.numerator, plain.denominator, plain.definition) == (7, 9, 1)
    assert str(plain.achievement) == "97.22"


def test_what_a_day_is_held_against_stands_with_what_comes_out() -> None:
    basis = made_with()
    one = comparison.evaluate(coordinates(), Counts(7, 9), basis)
    assert (one.definition, one.target) == (basis.definition.version, basis.target)
    told = comparison.comparison_result(coordinates(), Counts(7, 9), basis)
    assert structs.astuple(one)[:6] == structs.astuple(told)
