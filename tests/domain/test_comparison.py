"""Options tried out: read from text, put on a definition, told apart again."""

from decimal import Decimal
from typing import Any

import pytest
from msgspec import structs

from iku.domain import comparison
from iku.domain.comparison import amendment, texts
from iku.domain.conflict import Level, Manner
from iku.domain.decider import Invalid
from iku.domain.figure import Counts
from iku.domain.indicator import Amendment, OrganisationOptions, Reopening
from iku.domain.organisation import Kind
from tests.domain.test_figure import IPOLEKSOSBUD, coordinates, made_with


@pytest.mark.parametrize(
    ("told", "read"),
    [
        ({}, {}),
        ({"minimum_level": ["potensi"]}, {"minimum_level": Level.POTENSI}),
        ({"participation_threshold": ["02"]}, {"participation_threshold": 2}),
        ({"kinds": ["lsm,ormas"]}, {"kinds": (Kind.LSM, Kind.ORMAS)}),
        ({"kinds": ["lsm", "ormas"]}, {"kinds": (Kind.LSM, Kind.ORMAS)}),
        ({"kinds": []}, {}),
        (
            {"resolution_manners": ["islah,mediasi", "dilimpahkan"]},
            {"resolution_manners": (Manner.ISLAH, Manner.MEDIASI, Manner.DILIMPAHKAN)},
        ),
    ],
)
def test_options_are_read_from_text(
    told: dict[str, list[str]], read: dict[str, Any]
) -> None:
    assert amendment(told) == Amendment(**read)


@pytest.mark.parametrize(
    ("name", "values", "sentence"),
    [
        ("colour", ["red"], "there is no option colour; there are category, "),
        ("counts", ["conflicts"], "there is no option counts"),
        (
            "minimum_level",
            ["tinggi"],
            'minimum_level is "tinggi", but must be one of potensi, perse',
        ),
        ("minimum_level", ["potensi", "kekerasan"], "is given 2 times"),
        (
            "minimum_level",
            ["null"],
            'minimum_level is "null", but must be one of potensi',
        ),
        ("kinds", ["lsm,"], 'kinds is "lsm,", but must be some of ormas, lsm, parpol'),
        ("kinds", ["lsm", "lsm"], "names a value twice: lsm, lsm"),
        ("participation_threshold", ["0"], 'is "0", but must be a whole number from 1'),
        ("participation_threshold", ["1001"], "must be a whole number from 1 to 1000"),
        ("participation_threshold", ["2.0"], 'is "2.0", but must be a whole number'),
        ("participation_threshold", ["٢"], "but must be a whole number from 1"),
        ("participation_threshold", ["9" * 5000], f'is "{"9" * 100}", but must be a'),
        ("rounding", ["half_even_2"], "must be one of half_up_2"),
    ],
)
def test_what_is_no_option_or_no_value_of_it_is_refused_by_name(
    name: str, values: list[str], sentence: str
) -> None:
    with pytest.raises(Invalid) as caught:
        amendment({"carry_over": ["exclude"], name: values})
    assert caught.value.path == name
    assert sentence in str(caught.value)


def test_an_amendment_changes_what_it_gives_and_nothing_else() -> None:
    given = amendment({"reopening": ["first_closure_counts"]})
    after = given.amend(IPOLEKSOSBUD)
    assert after == structs.replace(
        IPOLEKSOSBUD, reopening=Reopening.FIRST_CLOSURE_COUNTS
    )
    with pytest.raises(Invalid, match="reopening is given, but the options"):
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
    after = amendment({name: [text] for name, text in told.items()}).amend(before)
    assert texts(before, after) == told
    assert texts(after, after) == {}


def test_a_column_says_what_comes_out_and_by_what() -> None:
    basis = made_with()
    tried = comparison.tried(basis, amendment({"empty": ["full"]}).amend(IPOLEKSOSBUD))
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
    one = comparison.held(coordinates(), Counts(7, 9), basis)
    assert (one.definition, one.target) == (basis.definition.version, basis.target)
    told = comparison.outcome(coordinates(), Counts(7, 9), basis)
    assert structs.astuple(one)[:6] == structs.astuple(told)
