"""The movements sum to what is counted, always."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st

from iku.domain import conflict, counting, organisation, posting
from iku.domain.conflict import Conflict
from iku.domain.figure import Counts
from iku.domain.indicator import ConflictOptions, Options, OrganisationOptions
from iku.domain.organisation import Organisation
from iku.domain.posting import Account, Posting
from tests.domain import chance, register
from tests.domain.chance import Question
from tests.domain.story import given, on


def balance(
    movements: Sequence[Posting], start: date, as_of: date
) -> dict[tuple[str, str], Counts]:
    """The sums by part and district, without those that are nought."""
    sums: dict[tuple[str, str], Counts] = {}
    for moved in movements:
        since = moved.account.since
        if moved.effective_on <= as_of and (since is None or since >= start):
            key = (moved.account.part, moved.account.district)
            movement = Counts(moved.numerator, moved.denominator, moved.expired)
            sums[key] = sums.get(key, Counts()) + movement
    return {key: counts for key, counts in sums.items() if counts != Counts()}


def check_sums(
    history: Sequence[Any],
    of: type[Conflict] | type[Organisation],
    options: Options,
    asked: Sequence[Question],
) -> None:
    """The postings sum to the membership after each fact of *history*."""
    movements: list[Posting] = []
    before: Any = None
    for size in range(1, len(history) + 1):
        after = of(tuple(history[:size]))
        movements += posting.postings(before, after, options)
        before = after
        for start, as_of in asked:
            found = counting.membership(after, options, start, as_of)
            expected = {(found.part, found.district): found.counts} if found else {}
            assert balance(movements, start, as_of) == expected, (size, start, as_of)


@settings(max_examples=300, deadline=None)
@for_all(
    chance.case_histories,
    chance.case_options,
    st.lists(chance.questions, min_size=1, max_size=4),
)
def test_the_movements_of_a_case_sum_to_how_it_counts_at_every_size(
    history: list[Any], options: ConflictOptions, asked: list[Question]
) -> None:
    check_sums(history, Conflict, options, asked)


@settings(max_examples=300, deadline=None)
@for_all(
    chance.organisation_histories,
    chance.organisation_options,
    st.lists(chance.questions, min_size=1, max_size=4),
)
def test_the_movements_of_an_organisation_sum_to_how_it_counts_at_every_size(
    history: list[Any], options: OrganisationOptions, asked: list[Question]
) -> None:
    check_sums(history, Organisation, options, asked)
