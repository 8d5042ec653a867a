"""The movements sum to what is counted, always."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st
from msgspec import structs

from iku.domain import conflict, counting, organisation, posting
from iku.domain.conflict import Conflict
from iku.domain.fact import Annulled
from iku.domain.figure import Counts
from iku.domain.indicator import (
    ConflictOptions,
    Options,
    OrganisationOptions,
    Reopening,
)
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


@settings(max_examples=200, deadline=None)
@for_all(
    chance.case_histories,
    chance.case_options,
    st.lists(chance.questions, min_size=1, max_size=4),
)
def test_the_movements_of_a_case_sum_to_how_it_counts_at_every_size(
    history: list[Any], options: ConflictOptions, asked: list[Question]
) -> None:
    for category in conflict.Category:
        of = structs.replace(options, category=category)
        check_sums(history, Conflict, of, asked)


@settings(max_examples=200, deadline=None)
@for_all(
    chance.organisation_histories,
    chance.organisation_options,
    st.lists(chance.questions, min_size=1, max_size=4),
)
def test_the_movements_of_an_organisation_sum_to_how_it_counts_at_every_size(
    history: list[Any], options: OrganisationOptions, asked: list[Question]
) -> None:
    check_sums(history, Organisation, options, asked)


@pytest.mark.parametrize("line", register.FIGURES, ids=str)
def test_the_movements_of_the_example_register_sum_to_its_figures(
    line: register.Expected,
) -> None:
    options = register.OPTIONS[line.indicator]
    movements: list[Posting] = []
    before: dict[str, Any] = {}
    for known, after in register.recorded():
        if known.known_on <= on(line.known_on):
            movements += posting.postings(before.get(known.number), after, options)
            before[known.number] = after
    parts = balance(movements, on("2021-01-01"), on(line.as_of))
    total = sum(parts.values(), Counts())
    assert (total.numerator, total.denominator) == (line.numerator, line.denominator)


def test_a_first_closing_undone_on_its_own_day_is_moved_as_it_counts() -> None:
    undone = conflict.Reopened(effective_on=RESOLVED.effective_on)
    options = ConflictOptions(
        conflict.Category.IPOLEKSOSBUD, reopening=Reopening.FIRST_CLOSURE_COUNTS
    )
    found = case(REPORTED, VERIFIED, RESOLVED, undone)
    start, day = on("2021-01-01"), RESOLVED.effective_on
    for as_of, numerator in ((day - timedelta(days=1), 0), (day, 1)):
        check_sums(found.history, Conflict, options, [Question(start, as_of)])
        moved = balance(posting.postings(None, found, options), start, as_of)
        assert moved == {("sosial", ""): Counts(numerator, 1, 0)}


# Single movements.

IPOLEKSOSBUD = ConflictOptions(conflict.Category.IPOLEKSOSBUD)
REPORTED = conflict.Reported(
    category=conflict.Category.IPOLEKSOSBUD,
    dimension=conflict.Dimension.SOSIAL,
    title="Perselisihan warga",
    effective_on=on("2021-03-01"),
)
VERIFIED = conflict.Verified(effective_on=on("2021-03-02"))
RESOLVED = conflict.Resolved(
    effective_on=on("2021-05-05"), manner=conflict.Manner.MEDIASI
)
OPEN = Account("sosial", "", None)


def case(*events: Any) -> Conflict:
    found = given(conflict.decider, *events)
    assert isinstance(found, Conflict)
    return found


def test_nothing_is_posted_for_a_case_that_does_not_count() -> None:
    assert posting.postings(None, case(REPORTED), IPOLEKSOSBUD) == []
    sara = ConflictOptions(conflict.Category.SARA)
    assert posting.postings(None, case(REPORTED, VERIFIED), sara) == []


def test_a_fact_that_changes_no_count_posts_nothing() -> None:
    before = case(REPORTED, VERIFIED)
    handled = conflict.Handled(
        effective_on=on("2021-04-01"), phase=conflict.Phase.PENGHENTIAN
    )
    after = case(REPORTED, VERIFIED, handled)
    assert posting.postings(before, after, IPOLEKSOSBUD) == []


def test_verification_posts_the_case_on_the_day_of_its_report() -> None:
    found = posting.postings(case(REPORTED), case(REPORTED, VERIFIED), IPOLEKSOSBUD)
    assert found == [Posting(on("2021-03-01"), OPEN, 0, 1, 0)]


def test_a_resolution_moves_the_case_to_the_periods_up_to_its_day() -> None:
    before = case(REPORTED, VERIFIED)
    after = case(REPORTED, VERIFIED, RESOLVED)
    closed = Account("sosial", "", on("2021-05-05"))
    assert posting.postings(before, after, IPOLEKSOSBUD) == [
        Posting(on("2021-05-05"), OPEN, 0, -1, 0),
        Posting(on("2021-05-05"), closed, 1, 1, 0),
    ]


def test_an_annulment_reverses_what_the_annulled_fact_had_moved() -> None:
    told = [REPORTED, VERIFIED, RESOLVED]
    there = posting.postings(case(*told[:2]), case(*told), IPOLEKSOSBUD)
    annulled = case(*told, Annulled(annuls=3, reason="Belum ditandatangani"))
    back = posting.postings(case(*told), annulled, IPOLEKSOSBUD)
    assert {(p.effective_on, p.account): p[2:] for p in back} == {
        (p.effective_on, p.account): (-p.numerator, -p.denominator, -p.expired)
        for p in there
    }


def test_cases_post_nothing_to_what_counts_organisations_nor_the_other_way_round() -> (
    None
):
    assert posting.postings(None, case(REPORTED, VERIFIED), OrganisationOptions()) == []
    registered = organisation.Registered(
        kind=organisation.Kind.LSM,
        name="Perkumpulan",
        legal_basis=organisation.LegalBasis.BADAN_HUKUM,
        effective_on=on("2021-03-01"),
    )
    found = given(organisation.decider, registered)
    assert posting.postings(None, found, IPOLEKSOSBUD) == []
    assert posting.postings(None, found, OrganisationOptions()) == [
        Posting(on("2021-03-01"), Account("lsm", "", None), 0, 1, 0)
    ]


def test_an_organisation_expires_on_the_day_after_its_last() -> None:
    registered = organisation.Registered(
        kind=organisation.Kind.LSM,
        name="Perkumpulan",
        legal_basis=organisation.LegalBasis.SKT,
        effective_on=on("2021-03-01"),
        valid_until=on("2021-06-30"),
    )
    found = given(organisation.decider, registered)
    account = Account("lsm", "", None)
    # The contribution is posted anew on 1 July; but for the expiry it cancels out.
    assert posting.postings(None, found, OrganisationOptions()) == [
        Posting(on("2021-03-01"), account, 0, 1, 0),
        Posting(on("2021-07-01"), account, 0, 0, 1),
    ]
