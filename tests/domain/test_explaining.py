"""Why a subject counts or does not; and that the reasons agree with the counting."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import product
from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st
from msgspec import structs

from iku.domain import conflict, counting, explaining, organisation
from iku.domain.conflict import Category, Conflict, Dimension, Level, Manner
from iku.domain.explaining import Explanation
from iku.domain.explaining.reasons import SENTENCES, WORDS, Reason, Rule, Word
from iku.domain.fact import Annulled, Merger, Rejection
from iku.domain.figure import Counts
from iku.domain.indicator import (
    CarryOver,
    ConflictOptions,
    DateBasis,
    ExpiredRegistration,
    Options,
    OrganisationOptions,
    Population,
    Reopening,
)
from iku.domain.organisation import Organisation
from tests.domain import chance, recount, register
from tests.domain.chance import Question
from tests.domain.story import AREA, given, on

RULES = list(Rule)
EXISTING = RULES[: RULES.index(Rule.ANNULLED)]
MISSING = RULES[len(EXISTING) : RULES.index(Rule.RESOLVED)]
DONE = [Rule.RESOLVED, Rule.FIRST_CLOSURE, Rule.TAKES_PART]
UNDONE = RULES[RULES.index(Rule.STILL_OPEN) :]


# The law.


def agrees(subject: Any, options: Options, question: Question) -> Explanation:
    """The explanation, whose counts are those of `counting` and fit its rules."""
    found = explaining.explain(subject, options, *question)
    member = counting.membership(subject, options, *question)
    assert found.counts == (member.counts if member else Counts())
    if member is None:
        assert found.denominator.rule in MISSING
        assert found.numerator == found.denominator
    else:
        assert (found.part, found.district) == (member.part, member.district)
        assert found.denominator.rule in EXISTING
        assert found.numerator.rule in (DONE if member.counts.numerator else UNDONE)
    positions = range(11, 11 + len(subject.history))
    for reason in (found.denominator, found.numerator):
        told = reason.told(positions)
        cited = reason.versions
        assert list(cited) == sorted({*cited})
        assert all(str(10 + version) in told.id for version in cited)
        assert all(str(10 + version) in told.en for version in cited)
        assert cited or reason.rule is Rule.TOO_FEW
        assert not {"{", "}"} & {*told.id, *told.en}
    return found


met: set[Rule] = set()


@settings(max_examples=300, deadline=None)
@for_all(
    chance.case_histories,
    chance.case_options,
    st.lists(chance.questions, min_size=1, max_size=4),
)
def test_the_explanation_of_a_case_is_how_it_counts(
    history: list[Any], options: ConflictOptions, asked: list[Question]
) -> None:
    case = Conflict(tuple(history))
    for category, question in product(Category, asked):
        of = structs.replace(options, category=category)
        found = agrees(case, of, question)
        met.update({found.denominator.rule, found.numerator.rule})


@settings(max_examples=200, deadline=None)
@for_all(
    chance.organisation_histories,
    chance.organisation_options,
    st.lists(chance.questions, min_size=1, max_size=4),
)
def test_the_explanation_of_an_organisation_is_how_it_counts(
    history: list[Any], options: OrganisationOptions, asked: list[Question]
) -> None:
    organised = Organisation(tuple(history))
    for question in asked:
        found = agrees(organised, options, question)
        met.update({found.denominator.rule, found.numerator.rule})
