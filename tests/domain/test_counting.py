"""What counts, rule by rule; and all of it against a recount of another kind."""

from collections import Counter
from collections.abc import Sequence
from datetime import date
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st

from iku.domain import conflict, counting, organisation, period
from iku.domain.conflict import Category, Conflict, Dimension, Level, Manner
from iku.domain.counting import Membership
from iku.domain.fact import Annulled
from iku.domain.figure import Counts, rounded
from iku.domain.indicator import (
    CarryOver,
    ConflictOptions,
    DateBasis,
    ExpiredRegistration,
    OrganisationOptions,
    Population,
    Reopening,
)
from iku.domain.organisation import Organisation
from tests.domain import chance, recount, register
from tests.domain.chance import Question
from tests.domain.story import AREA, given, on

IPOLEKSOSBUD = ConflictOptions(Category.IPOLEKSOSBUD)
SARA = ConflictOptions(Category.SARA)


def counted(subject: Any, options: Any, day: str, kind: str = "year") -> Any:
    """Numerator and denominator that *subject* adds as of *day*."""
    as_of = on(day)
    start = period.containing(as_of, period.Kind(kind)).start
    membership = counting.membership(subject, options, start, as_of)
    if membership is None:
        return None
    return membership.counts.numerator, membership.counts.denominator


# The example register.


@pytest.mark.parametrize(
    ("indicator", "as_of", "known_on", "numerator", "denominator", "percentage"),
    register.FIGURES,
)
def test_the_example_register_counts_as_its_page_says(
    indicator: str,
    as_of: str,
    known_on: str,
    numerator: int,
    denominator: int,
    percentage: str | None,
) -> None:
    known = {k.number: s for k, s in REGISTER if k.known_on <= on(known_on)}
    total = Counts()
    for subject in known.values():
        options = register.OPTIONS[indicator]
        found = counting.membership(subject, options, on("2021-01-01"), on(as_of))
        total += found.counts if found else Counts()
    assert (total.numerator, total.denominator) == (numerator, denominator)
    if percentage:
        ratio = Fraction(total.numerator, total.denominator)
        assert str(rounded(ratio * 100)) == percentage


REGISTER = register.recorded()


# The recount.


def as_recounted(found: Membership | None) -> recount.Count | None:
    if found is None:
        return None
    c = found.counts
    return c.numerator, c.denominator, c.expired, found.part, found.district


@settings(max_examples=400, deadline=None)
@for_all(
    chance.case_histories, chance.case_options, st.lists(chance.questions, max_size=4)
)
def test_a_case_counts_as_the_day_by_day_recount_says(
    history: list[Any], options: ConflictOptions, asked: list[Question]
) -> None:
    case = Conflict(tuple(history))
    for start, as_of in asked:
        found = counting.membership(case, options, start, as_of)
        assert as_recounted(found) == recount.case(history, options, start, as_of)


@settings(max_examples=200, deadline=None)
@for_all(
    chance.organisation_histories,
    chance.organisation_options,
    st.lists(chance.questions, max_size=3),
)
def test_an_organisation_counts_as_the_day_by_day_recount_says(
    history: list[Any], options: OrganisationOptions, asked: list[Question]
) -> None:
    organised = Organisation(tuple(history))
    for start, as_of in asked:
        found = counting.membership(organised, options, start, as_of)
        expected = recount.of_organisation(history, options, start, as_of)
        assert as_recounted(found) == expected
