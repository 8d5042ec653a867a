"""Counting, rule by rule, and against an independent recount."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import product
from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st
from msgspec import structs

from iku.domain import conflict, organisation, period, subject_kinds
from iku.domain.conflict import Category, Conflict, Dimension, Level, Manner
from iku.domain.counting import Membership
from iku.domain.fact import Annulled
from iku.domain.figure import Counts, per_cent
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
from tests.domain import chance, recount, register, story
from tests.domain.chance import Question
from tests.domain.story import AREA, given, on
from tests.samples import examples

IPOLEKSOSBUD = ConflictOptions(Category.IPOLEKSOSBUD)
SARA = ConflictOptions(Category.SARA)


def counted(subject: Any, options: Any, day: str, kind: str = "year") -> Any:
    """Numerator and denominator that *subject* adds as of *day*."""
    as_of = on(day)
    start = period.containing(as_of, period.Kind(kind)).start
    membership = story.membership(subject, options, start, as_of)
    if membership is None:
        return None
    return membership.counts.numerator, membership.counts.denominator


# The example register.


@pytest.mark.parametrize("line", register.FIGURES, ids=str)
def test_the_example_register_counts_as_its_page_says(line: register.Expected) -> None:
    known = {k.number: s for k, s in REGISTER if k.known_on <= on(line.known_on)}
    options, as_of = register.OPTIONS[line.indicator], on(line.as_of)
    found = [
        story.membership(subject, options, on("2021-01-01"), as_of)
        for subject in known.values()
    ]
    total = added_up(found)
    assert (total.numerator, total.denominator) == (line.numerator, line.denominator)
    if line.percentage:
        percentage = per_cent(total.numerator, total.denominator)
        assert str(percentage) == line.percentage


def added_up(found: Sequence[Membership | None]) -> Counts:
    return sum((m.counts for m in found if m), Counts())


REGISTER = register.recorded()


# The recount.


def as_recounted(found: Membership | None) -> recount.Count | None:
    if found is None:
        return None
    c = found.counts
    return c.numerator, c.denominator, c.expired, found.part, found.district


@settings(max_examples=examples(100, 25), deadline=None)
@for_all(
    chance.case_histories,
    chance.case_options,
    st.lists(chance.questions, min_size=1, max_size=4),
)
def test_a_case_counts_as_the_day_by_day_recount_says(
    history: list[Any], options: ConflictOptions, asked: list[Question]
) -> None:
    case = Conflict(tuple(history))
    for category, (start, as_of) in product(Category, asked):
        of = structs.replace(options, category=category)
        found = story.membership(case, of, start, as_of)
        assert as_recounted(found) == recount.case(history, of, start, as_of)


@settings(max_examples=examples(100, 25), deadline=None)
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
        found = story.membership(organised, options, start, as_of)
        expected = recount.of_organisation(history, options, start, as_of)
        assert as_recounted(found) == expected


@settings(max_examples=examples(60, 15), deadline=None)
@for_all(
    st.lists(chance.case_histories, max_size=4),
    chance.case_options,
    chance.organisation_options,
    st.lists(chance.organisation_histories, max_size=4),
    chance.questions,
)
def test_parts_sum_to_the_whole_and_no_part_has_more_resolved_than_existing(
    cases: list[list[Any]],
    case_options: ConflictOptions,
    organisation_options: OrganisationOptions,
    organisations: list[list[Any]],
    asked: Question,
) -> None:
    subjects = [*(Conflict(tuple(h)) for h in cases)]
    registered = [*(Organisation(tuple(h)) for h in organisations)]
    found = [
        *(story.membership(s, case_options, *asked) for s in subjects),
        *(story.membership(s, organisation_options, *asked) for s in registered),
    ]
    parts: dict[tuple[str, str], Counts] = {}
    for m in found:
        if m:
            key = (m.part, m.district)
            parts[key] = parts.get(key, Counts()) + m.counts
    assert sum(parts.values(), Counts()) == added_up(found)
    for counts in (*parts.values(), added_up(found)):
        assert 0 <= counts.numerator <= counts.denominator
        assert 0 <= counts.expired <= counts.denominator


@settings(max_examples=examples(100, 25), deadline=None)
@for_all(chance.case_histories, chance.case_options, chance.questions)
def test_a_case_counts_in_at_most_one_of_the_two_indicators(
    history: list[Any], options: ConflictOptions, asked: Question
) -> None:
    case = Conflict(tuple(history))
    both = [structs.replace(options, category=category) for category in Category]
    found = [story.membership(case, of, *asked) for of in both]
    assert added_up(found).denominator <= 1


@settings(max_examples=examples(60, 15), deadline=None)
@for_all(
    chance.case_histories,
    chance.organisation_histories,
    chance.case_options,
    chance.organisation_options,
    st.sampled_from(period.Kind),
)
def test_there_is_nothing_before_the_first_day_of_all(
    case: list[Any],
    organised: list[Any],
    case_options: ConflictOptions,
    organisation_options: OrganisationOptions,
    kind: period.Kind,
) -> None:
    facts = [*recount.remaining(case), *recount.remaining(organised)]
    told = [
        day
        for _, event in facts
        for name in ("effective_on", "occurred_on")
        if (day := getattr(event, name, None))
    ]
    eve = min(told, default=chance.DAYS[0]) - timedelta(days=1)
    start = period.containing(eve, kind).start
    of_case = Conflict(tuple(case))
    of_organisation = Organisation(tuple(organised))
    assert story.membership(of_case, case_options, start, eve) is None
    found = story.membership(of_organisation, organisation_options, start, eve)
    assert found is None


# Cases, rule by rule.


def reported(day: str = "2021-03-01", **fields: Any) -> conflict.Reported:
    stated: dict[str, Any] = {
        "category": Category.IPOLEKSOSBUD,
        "dimension": Dimension.SOSIAL,
        "title": "Perselisihan warga",
        "effective_on": on(day),
        "area": AREA,
    }
    return conflict.Reported(**{**stated, **fields})


def case(*events: Any) -> Conflict:
    """A case reported on 2021-03-01 and verified, unless *events* begin otherwise."""
    told = bool(events) and isinstance(events[0], conflict.Reported)
    first = [] if told else [reported(), VERIFIED]
    found = given(conflict.decider, *first, *events)
    assert isinstance(found, Conflict)
    return found


VERIFIED = conflict.Verified(effective_on=on("2021-03-02"))


def resolved(day: str, manner: Manner = Manner.MEDIASI) -> conflict.Resolved:
    return conflict.Resolved(effective_on=on(day), manner=manner)


def reopened(day: str) -> conflict.Reopened:
    return conflict.Reopened(effective_on=on(day))


def test_a_case_counts_from_the_day_of_its_report_once_it_is_verified() -> None:
    assert counted(case(reported()), IPOLEKSOSBUD, "2021-12-31") is None
    assert counted(case(), IPOLEKSOSBUD, "2021-02-28") is None
    # Verified on the 2nd, but counted on the 1st: verification is knowledge.
    assert counted(case(), IPOLEKSOSBUD, "2021-03-01") == (0, 1)


def test_a_case_never_counts_once_rejected_or_merged_or_its_report_annulled() -> None:
    for gone in (
        conflict.Rejected(reason="Bukan konflik"),
        Annulled(annuls=1, reason="Keliru"),
    ):
        assert counted(case(gone), IPOLEKSOSBUD, "2021-12-31") is None
    merged = Conflict((reported(), VERIFIED, conflict.Merged(into="K2", reason="Sama")))
    assert counted(merged, IPOLEKSOSBUD, "2021-12-31") is None


def test_a_resolution_counts_from_its_own_day_on_and_until_the_eve_of_reopening() -> (
    None
):
    found = case(resolved("2021-05-05"), reopened("2021-08-10"))
    days = ["2021-05-04", "2021-05-05", "2021-08-09", "2021-08-10"]
    numerators = [counted(found, IPOLEKSOSBUD, day)[0] for day in days]
    assert numerators == [0, 1, 1, 0]


def test_a_case_open_on_the_eve_of_the_period_counts_in_it() -> None:
    assert counted(case(), IPOLEKSOSBUD, "2022-01-01") == (0, 1)
    closed = case(resolved("2021-12-31"))
    assert counted(closed, IPOLEKSOSBUD, "2022-01-01") is None
    late = case(resolved("2022-01-01"))
    assert counted(late, IPOLEKSOSBUD, "2022-01-01") == (1, 1)


def test_a_case_reopened_in_the_period_counts_in_it() -> None:
    found = case(resolved("2021-12-30"), reopened("2022-02-01"), resolved("2022-02-09"))
    days = ["2022-01-31", "2022-02-01", "2022-02-09"]
    assert [counted(found, IPOLEKSOSBUD, day) for day in days] == [
        None,
        (0, 1),
        (1, 1),
    ]
    assert counted(found, IPOLEKSOSBUD, "2022-03-01", "month") is None


def test_a_case_belongs_to_the_category_it_has_on_the_day() -> None:
    reclassified = conflict.Reclassified(
        effective_on=on("2021-07-01"),
        category=Category.SARA,
        dimension=Dimension.AGAMA,
    )
    found = case(reclassified)
    assert counted(found, IPOLEKSOSBUD, "2021-06-30") == (0, 1)
    assert counted(found, SARA, "2021-06-30") is None
    assert counted(found, IPOLEKSOSBUD, "2021-07-01") is None
    assert counted(found, SARA, "2021-07-01") == (0, 1)


def test_a_case_below_the_minimum_level_does_not_count_until_it_reaches_it() -> None:
    raised = conflict.Reclassified(
        effective_on=on("2021-07-01"), level=Level.PERSETERUAN
    )
    found = case(reported(level=Level.POTENSI), VERIFIED, raised)
    assert counted(found, IPOLEKSOSBUD, "2021-06-30") is None
    assert counted(found, IPOLEKSOSBUD, "2021-07-01") == (0, 1)


def test_handing_a_case_on_is_no_resolution_unless_the_definition_says_so() -> None:
    found = case(resolved("2021-05-05", Manner.DILIMPAHKAN))
    assert counted(found, IPOLEKSOSBUD, "2021-12-31") == (0, 1)
    handed_on = ConflictOptions(
        Category.IPOLEKSOSBUD, resolution_manners=(Manner.DILIMPAHKAN,)
    )
    assert counted(found, handed_on, "2021-12-31") == (1, 1)
    referred = case(conflict.Referred(effective_on=on("2021-05-05")))
    assert counted(referred, IPOLEKSOSBUD, "2021-12-31") == (0, 1)


def test_by_day_of_occurrence_a_case_exists_open_before_it_was_reported() -> None:
    by_occurrence = ConflictOptions(
        Category.IPOLEKSOSBUD, date_basis=DateBasis.OCCURRED
    )
    told = reported(occurred_on=on("2021-01-05"))
    # Resolved on the day of its report, and open on the days before.
    found = case(told, VERIFIED, resolved("2021-03-01"))
    days = ["2021-01-04", "2021-01-05", "2021-02-28", "2021-03-01"]
    assert [counted(found, by_occurrence, day) for day in days] == [
        None,
        (0, 1),
        (0, 1),
        (1, 1),
    ]
    assert counted(found, IPOLEKSOSBUD, "2021-02-28") is None
    unknown = case(reported(), VERIFIED)
    assert counted(unknown, by_occurrence, "2021-02-28") is None
    assert counted(unknown, by_occurrence, "2021-03-01") == (0, 1)


def test_without_carry_over_only_cases_new_in_the_period_count() -> None:
    new_only = ConflictOptions(Category.IPOLEKSOSBUD, carry_over=CarryOver.EXCLUDE)
    assert counted(case(), new_only, "2021-12-31") == (0, 1)
    assert counted(case(), new_only, "2022-01-01") is None
    again = case(resolved("2021-12-30"), reopened("2022-02-01"))
    assert counted(again, new_only, "2022-02-01") is None


def test_the_first_closure_may_count_in_spite_of_reopening() -> None:
    first = ConflictOptions(
        Category.IPOLEKSOSBUD, reopening=Reopening.FIRST_CLOSURE_COUNTS
    )
    found = case(resolved("2021-05-05"), reopened("2021-08-10"))
    days = ["2021-05-04", "2021-05-05", "2021-08-10"]
    assert [counted(found, first, day) for day in days] == [(0, 1), (1, 1), (1, 1)]
    handed_on = case(resolved("2021-05-05", Manner.DILIMPAHKAN))
    assert counted(handed_on, first, "2021-12-31") == (0, 1)


def test_a_case_falls_to_its_dimension_of_the_day_and_its_district() -> None:
    found = story.membership(case(), IPOLEKSOSBUD, on("2021-01-01"), on("2021-12-31"))
    assert as_recounted(found) == (0, 1, 0, "sosial", "35.76.02")
    nowhere = case(reported(area=None), VERIFIED)
    found = story.membership(nowhere, IPOLEKSOSBUD, on("2021-01-01"), on("2021-12-31"))
    assert as_recounted(found) == (0, 1, 0, "sosial", "")


def test_cases_are_not_counted_as_organisations_nor_the_other_way_round() -> None:
    year = on("2021-01-01"), on("2021-12-31")
    with pytest.raises(TypeError, match="OrganisationOptions do not count a Conflict"):
        subject_kinds.membership(case(), OrganisationOptions(), *year)
    with pytest.raises(TypeError, match="ConflictOptions do not count a Organisation"):
        subject_kinds.membership(organised(), IPOLEKSOSBUD, *year)


# Organisations, rule by rule.


def organised(*events: Any, **fields: Any) -> Organisation:
    """An LSM registered on 2021-02-01."""
    stated: dict[str, Any] = {
        "kind": organisation.OrganisationKind.LSM,
        "name": "Perkumpulan",
        "legal_basis": organisation.LegalBasis.SKT,
        "effective_on": on("2021-02-01"),
        "valid_until": on("2029-12-31"),
    }
    registered = organisation.Registered(**{**stated, **fields})
    found = given(organisation.decider, registered, *events)
    assert isinstance(found, Organisation)
    return found


def participated(day: str, *, verified: bool = True) -> organisation.Participated:
    return organisation.Participated(
        participation=f"P-{day}",
        activity=organisation.Activity.MUSRENBANG,
        effective_on=on(day),
        verified=verified,
    )


STOCK = OrganisationOptions()


def test_an_organisation_falls_to_its_kind_and_the_district_of_its_seat() -> None:
    for fields, district in (({"area": AREA}, "35.76.02"), ({}, "")):
        found = story.membership(
            organised(**fields), STOCK, on("2021-01-01"), on("2021-12-31")
        )
        assert as_recounted(found) == (0, 1, 0, "lsm", district)


def test_an_organisation_counts_from_its_registration_until_the_eve_of_its_end() -> (
    None
):
    ends: list[Any] = [
        organisation.Dissolved(effective_on=on("2021-08-01")),
        organisation.Revoked(effective_on=on("2021-08-01")),
        organisation.MovedOut(effective_on=on("2021-08-01")),
    ]
    for end in ends:
        days = ["2021-01-31", "2021-02-01", "2021-07-31", "2021-08-01"]
        assert [counted(organised(end), STOCK, day) for day in days] == [
            None,
            (0, 1),
            (0, 1),
            None,
        ]


def test_an_organisation_rejected_merged_or_of_another_kind_does_not_count() -> None:
    rejected = organised(organisation.Rejected(reason="Salah daftar"))
    assert counted(rejected, STOCK, "2021-12-31") is None
    annulled = organised(Annulled(annuls=1, reason="Keliru"))
    assert counted(annulled, STOCK, "2021-12-31") is None
    parties = OrganisationOptions(kinds=(organisation.OrganisationKind.PARPOL,))
    assert counted(organised(), parties, "2021-12-31") is None


def test_a_participation_counts_from_its_day_to_the_end_of_the_period() -> None:
    found = organised(participated("2021-03-31"))
    days = ["2021-03-30", "2021-03-31", "2021-12-31", "2022-01-01"]
    assert [counted(found, STOCK, day)[0] for day in days] == [0, 1, 1, 0]
    assert counted(found, STOCK, "2021-04-01", "quarter") == (0, 1)


def test_a_participation_counts_only_once_it_is_verified() -> None:
    unsure = participated("2021-03-31", verified=False)
    assert counted(organised(unsure), STOCK, "2021-12-31") == (0, 1)
    sure = organisation.ParticipationVerified(participation="P-2021-03-31")
    assert counted(organised(unsure, sure), STOCK, "2021-12-31") == (1, 1)


def test_as_many_participations_as_the_threshold_are_needed() -> None:
    twice = OrganisationOptions(participation_threshold=2)
    found = organised(participated("2021-03-31"), participated("2021-05-01"))
    assert counted(found, twice, "2021-04-30") == (0, 1)
    assert counted(found, twice, "2021-05-01") == (1, 1)


def test_a_suspended_organisation_exists_but_does_not_take_part() -> None:
    found = organised(
        participated("2021-03-31"),
        organisation.Suspended(effective_on=on("2021-05-01")),
        organisation.Restored(effective_on=on("2021-06-01")),
    )
    days = ["2021-04-30", "2021-05-01", "2021-06-01"]
    assert [counted(found, STOCK, day) for day in days] == [(1, 1), (0, 1), (1, 1)]


def expired(found: Organisation, options: OrganisationOptions, day: str) -> int | None:
    membership = story.membership(found, options, on("2021-01-01"), on(day))
    return membership.counts.expired if membership else None


def test_an_expired_certificate_is_told_apart_or_takes_the_organisation_out() -> None:
    found = organised(valid_until=on("2021-06-30"))
    days = ["2021-06-30", "2021-07-01"]
    assert [expired(found, STOCK, day) for day in days] == [0, 1]
    dropped = OrganisationOptions(expired_registration=ExpiredRegistration.DROP)
    assert [expired(found, dropped, day) for day in days] == [0, None]
    renewed = organised(
        organisation.Renewed(
            effective_on=on("2021-09-01"), valid_until=on("2026-08-31")
        ),
        valid_until=on("2021-06-30"),
    )
    assert expired(renewed, STOCK, "2021-09-01") == 0
    assert expired(renewed, dropped, "2021-08-31") is None
    assert expired(renewed, dropped, "2021-09-01") == 0


def test_of_any_day_of_the_period_those_that_left_in_it_count_too() -> None:
    any_time = OrganisationOptions(population=Population.ANY_TIME_IN_PERIOD)
    left = organised(
        participated("2021-03-31"), organisation.MovedOut(effective_on=on("2021-08-01"))
    )
    assert counted(left, any_time, "2021-12-31") == (1, 1)
    assert counted(left, any_time, "2021-09-30", "quarter") == (0, 1)
    assert counted(left, any_time, "2021-12-31", "quarter") is None
    on_the_edge = organised(organisation.Dissolved(effective_on=on("2021-07-01")))
    assert counted(on_the_edge, any_time, "2021-07-01", "quarter") is None
    assert counted(on_the_edge, any_time, "2021-06-30", "quarter") == (0, 1)


def test_an_organisation_falls_to_its_kind() -> None:
    found = story.membership(organised(), STOCK, on("2021-01-01"), on("2021-12-31"))
    assert as_recounted(found) == (0, 1, 0, "lsm", "")


def test_an_organisation_is_dropped_whose_certificate_ran_out_before() -> None:
    registered = organisation.Registered(
        kind=organisation.OrganisationKind.LSM,
        name="Lembaga",
        legal_basis=organisation.LegalBasis.SKT,
        effective_on=on("2019-03-01"),
        valid_until=on("2020-12-31"),
    )
    suspended = organisation.Suspended(effective_on=on("2021-02-01"))
    found = given(organisation.decider, registered, suspended)
    options = OrganisationOptions(expired_registration=ExpiredRegistration.DROP)
    start, as_of = on("2021-01-01"), on("2021-06-30")
    assert story.membership(found, options, start, as_of) is None
    ever = structs.replace(options, population=Population.ANY_TIME_IN_PERIOD)
    assert story.membership(found, ever, start, as_of) is None
