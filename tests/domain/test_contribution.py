"""Contributions always sum to the counts."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st
from msgspec import structs

from iku.domain import conflict, organisation
from iku.domain.conflict import Conflict
from iku.domain.contribution import Contribution, merge_adjacent
from iku.domain.fact import Annulled
from iku.domain.figure import Counts
from iku.domain.indicator import (
    ConflictOptions,
    Options,
    OrganisationOptions,
    Reopening,
)
from iku.domain.organisation import Organisation
from iku.domain.subject_kinds import contributions
from tests.domain import chance, register, story
from tests.domain.chance import Question
from tests.domain.story import given, on
from tests.samples import examples


def counts_in(one: Contribution, start: date, as_of: date) -> bool:
    """Whether it counts as of *as_of* in a period that begins on *start*."""
    if not one.start <= as_of or (one.end is not None and one.end <= as_of):
        return False
    return one.since is None or start <= one.since


def total(
    found: Sequence[Contribution], start: date, as_of: date
) -> dict[tuple[str, str], Counts]:
    """The nonzero sums by part and district of the contributions at that time."""
    sums: dict[tuple[str, str], Counts] = {}
    for one in found:
        if counts_in(one, start, as_of):
            key = (one.part, one.district)
            sums[key] = sums.get(key, Counts()) + one.counts
    return {key: counts for key, counts in sums.items() if counts != Counts()}


def check_sums(
    history: Sequence[Any],
    of: type[Conflict] | type[Organisation],
    options: Options,
    asked: Sequence[Question],
) -> None:
    """The contributions sum to the membership after each fact of *history*."""
    for size in range(1, len(history) + 1):
        state = of(tuple(history[:size]))
        contributed = contributions(state, options)
        assert len(set(contributed)) == len(contributed)
        for start, as_of in asked:
            found = story.membership(state, options, start, as_of)
            expected = {(found.part, found.district): found.counts} if found else {}
            assert total(contributed, start, as_of) == expected, (size, start, as_of)


@settings(max_examples=examples(60, 15), deadline=None)
@for_all(
    chance.case_histories,
    chance.case_options,
    st.lists(chance.questions, min_size=1, max_size=4),
)
def test_the_contributions_of_a_case_sum_to_how_it_counts_at_every_size(
    history: list[Any], options: ConflictOptions, asked: list[Question]
) -> None:
    for category in conflict.Category:
        of = structs.replace(options, category=category)
        check_sums(history, Conflict, of, asked)


@settings(max_examples=examples(60, 15), deadline=None)
@for_all(
    chance.organisation_histories,
    chance.organisation_options,
    st.lists(chance.questions, min_size=1, max_size=4),
)
def test_the_contributions_of_an_organisation_sum_to_how_it_counts_at_every_size(
    history: list[Any], options: OrganisationOptions, asked: list[Question]
) -> None:
    check_sums(history, Organisation, options, asked)


@pytest.mark.parametrize("line", register.FIGURES, ids=str)
def test_the_contributions_of_the_example_register_sum_to_its_figures(
    line: register.Expected,
) -> None:
    known = {
        one.number: state
        for one, state in register.recorded()
        if one.known_on <= on(line.known_on)
    }
    found = [
        one
        for state in known.values()
        for one in contributions(state, register.OPTIONS[line.indicator])
    ]
    counted = sum(total(found, on("2021-01-01"), on(line.as_of)).values(), Counts())
    assert (counted.numerator, counted.denominator) == (
        line.numerator,
        line.denominator,
    )


def test_a_first_closing_undone_on_its_own_day_contributes_as_it_counts() -> None:
    undone = conflict.Reopened(effective_on=RESOLVED.effective_on)
    options = ConflictOptions(
        conflict.Category.IPOLEKSOSBUD, reopening=Reopening.FIRST_CLOSURE_COUNTS
    )
    found = case(REPORTED, VERIFIED, RESOLVED, undone)
    start, day = on("2021-01-01"), RESOLVED.effective_on
    for as_of, numerator in ((day - timedelta(days=1), 0), (day, 1)):
        check_sums(found.history, Conflict, options, [Question(start, as_of)])
        counted = total(contributions(found, options), start, as_of)
        assert counted == {("sosial", ""): Counts(numerator, 1, 0)}


# Single contributions.

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


def case(*events: Any) -> Conflict:
    found = given(conflict.decider, *events)
    assert isinstance(found, Conflict)
    return found


def test_a_case_that_is_not_verified_or_of_another_category_contributes_nothing() -> (
    None
):
    assert contributions(case(REPORTED), IPOLEKSOSBUD) == ()
    sara = ConflictOptions(conflict.Category.SARA)
    assert contributions(case(REPORTED, VERIFIED), sara) == ()


def test_a_fact_that_changes_no_count_changes_no_contribution() -> None:
    handled = conflict.Handled(
        effective_on=on("2021-04-01"), phase=conflict.Phase.PENGHENTIAN
    )
    before = contributions(case(REPORTED, VERIFIED), IPOLEKSOSBUD)
    assert contributions(case(REPORTED, VERIFIED, handled), IPOLEKSOSBUD) == before


def test_a_verified_case_counts_from_the_day_of_its_report() -> None:
    assert contributions(case(REPORTED, VERIFIED), IPOLEKSOSBUD) == (
        Contribution(on("2021-03-01"), None, "sosial", "", None, Counts(0, 1)),
    )


def test_a_resolved_case_counts_in_periods_that_begin_by_its_closing() -> None:
    closed = on("2021-05-05")
    assert contributions(case(REPORTED, VERIFIED, RESOLVED), IPOLEKSOSBUD) == (
        Contribution(on("2021-03-01"), closed, "sosial", "", None, Counts(0, 1)),
        Contribution(closed, None, "sosial", "", closed, Counts(1, 1)),
    )


def test_an_annulled_fact_leaves_the_contributions_as_they_were() -> None:
    annulled = Annulled(annuls=3, reason="Belum ditandatangani")
    after = case(REPORTED, VERIFIED, RESOLVED, annulled)
    before = contributions(case(REPORTED, VERIFIED), IPOLEKSOSBUD)
    assert contributions(after, IPOLEKSOSBUD) == before


def test_a_case_adds_nothing_to_a_count_of_organisations_nor_the_reverse() -> None:
    assert contributions(case(REPORTED, VERIFIED), OrganisationOptions()) == ()
    registered = organisation.Registered(
        kind=organisation.OrganisationKind.LSM,
        name="Perkumpulan",
        legal_basis=organisation.LegalBasis.BADAN_HUKUM,
        effective_on=on("2021-03-01"),
    )
    found = given(organisation.decider, registered)
    assert contributions(found, IPOLEKSOSBUD) == ()
    assert contributions(found, OrganisationOptions()) == (
        Contribution(on("2021-03-01"), None, "lsm", "", None, Counts(0, 1)),
    )


def test_an_organisation_is_expired_from_the_day_after_its_certificate() -> None:
    registered = organisation.Registered(
        kind=organisation.OrganisationKind.LSM,
        name="Perkumpulan",
        legal_basis=organisation.LegalBasis.SKT,
        effective_on=on("2021-03-01"),
        valid_until=on("2021-06-30"),
    )
    found = given(organisation.decider, registered)
    first, expired = on("2021-03-01"), on("2021-07-01")
    assert contributions(found, OrganisationOptions()) == (
        Contribution(first, expired, "lsm", "", None, Counts(0, 1)),
        Contribution(expired, None, "lsm", "", None, Counts(0, 1, 1)),
    )


LSM = organisation.Registered(
    kind=organisation.OrganisationKind.LSM,
    name="Perkumpulan",
    legal_basis=organisation.LegalBasis.BADAN_HUKUM,
    effective_on=on("2021-03-01"),
)


def took_part(reference: str, day: str) -> organisation.Participated:
    return organisation.Participated(
        participation=reference,
        activity=organisation.Activity.BAKTI_SOSIAL,
        effective_on=on(day),
        verified=True,
    )


def test_a_participation_leaves_the_contribution_to_the_denominator_as_it_was() -> None:
    found = given(
        organisation.decider,
        LSM,
        took_part("P1", "2021-04-01"),
        took_part("P2", "2021-06-01"),
    )
    first, second = on("2021-04-01"), on("2021-06-01")
    assert contributions(found, OrganisationOptions()) == (
        Contribution(on("2021-03-01"), None, "lsm", "", None, Counts(0, 1)),
        Contribution(first, second, "lsm", "", first, Counts(1, 0)),
        Contribution(second, None, "lsm", "", second, Counts(1, 0)),
    )


def test_a_day_without_contribution_keeps_equal_contributions_apart() -> None:
    days = [on(f"2021-03-0{day}") for day in range(1, 7)]
    first, second, third = (
        Contribution(begin, end, "lsm", "", None, Counts(0, 1))
        for begin, end in (days[:2], days[2:4], days[3:5])
    )
    joined = structs.replace(second, end=third.end)
    assert merge_adjacent([first, second, third]) == (first, joined)


@pytest.mark.parametrize(
    "change",
    [
        {"part": "ormas"},
        {"district": "35.76.01"},
        {"since": on("2021-03-02")},
        {"counts": Counts(0, 1, 1)},
    ],
)
def test_contributions_that_differ_in_more_than_days_are_not_merged(
    change: dict[str, Any],
) -> None:
    first = Contribution(
        on("2021-03-01"), on("2021-03-02"), "lsm", "", None, Counts(0, 1)
    )
    second = structs.replace(first, start=first.end, end=None, **change)
    assert merge_adjacent([first, second]) == (first, second)
