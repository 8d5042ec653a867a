"""Reasons agree with the counts, and are true."""

from itertools import product
from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st
from msgspec import structs

from iku.domain.conflict import Category, Conflict
from iku.domain.figure import Counts
from iku.domain.indicator import (
    ConflictOptions,
    OrganisationOptions,
)
from iku.domain.organisation import Organisation
from iku.domain.reasons import SENTENCES
from tests.domain import chance, register
from tests.domain.chance import Question
from tests.domain.story import on
from tests.domain.witness import RULES, agrees, is_true
from tests.samples import examples


def test_every_rule_has_its_sentence() -> None:
    assert list(SENTENCES) == RULES


@settings(max_examples=examples(75, 18), deadline=None)
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
        is_true(found.denominator.reason(), history, of, question)
        is_true(found.numerator.reason(), history, of, question)


@settings(max_examples=examples(75, 18), deadline=None)
@for_all(
    chance.organisation_histories,
    chance.organisation_options,
    st.lists(chance.questions, min_size=1, max_size=4),
)
def test_the_explanation_of_an_organisation_is_how_it_counts(
    history: list[Any], options: OrganisationOptions, asked: list[Question]
) -> None:
    for question in asked:
        found = agrees(Organisation(tuple(history)), options, question)
        is_true(found.denominator.reason(), history, options, question)
        is_true(found.numerator.reason(), history, options, question)


@pytest.mark.parametrize("line", register.FIGURES, ids=str)
def test_the_explanations_of_the_example_register_add_up_to_its_figures(
    line: register.Expected,
) -> None:
    known = {k.number: s for k, s in REGISTER if k.known_on <= on(line.known_on)}
    kind = Organisation if line.indicator == "IKU-2" else Conflict
    question = Question(on("2021-01-01"), on(line.as_of))
    found = [
        agrees(subject, register.OPTIONS[line.indicator], question).counts
        for subject in known.values()
        if isinstance(subject, kind)
    ]
    total = sum(found, Counts())
    assert (total.numerator, total.denominator) == (line.numerator, line.denominator)


REGISTER = register.recorded()
