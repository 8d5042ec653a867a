"""Closed periods: a fact that would change a frozen figure needs a reason."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st
from msgspec import structs

from iku.domain import closed_periods, conflict, indicator, organisation
from iku.domain.attachment import Attached
from iku.domain.closed_periods import (
    ClosedPeriods,
    ContributionChange,
    ReasonRequired,
    TargetChange,
    frozen_figure_changes,
    refuse_change_without_reason,
)
from iku.domain.conflict import Category, Conflict, Handled, Phase
from iku.domain.coordinates import Coordinates
from iku.domain.figure import Counts
from iku.domain.indicator import (
    CarryOver,
    ConflictOptions,
    ExpiredRegistration,
    Options,
    OrganisationOptions,
    Population,
)
from iku.domain.organisation import LegalBasis, Organisation, OrganisationKind
from iku.domain.period import Kind as PeriodKind
from iku.domain.period import containing
from iku.domain.publication import (
    Closed,
    Drafted,
    Event,
    FrozenValue,
    PublicationYear,
    Published,
    Returned,
    Reviewed,
    Withdrawn,
    identifier,
)
from tests.domain import chance, story
from tests.domain.story import on
from tests.domain.test_conflict import (
    SARA,
    annulled,
    corrected,
    reclassified,
    reopened,
    reported,
    resolved,
    verified,
)
from tests.domain.test_indicator import defined, targeted
from tests.domain.test_organisation import (
    confirmed,
    dissolved,
    participated,
    registered,
    renewed,
)
from tests.samples import examples

IKU_1 = ConflictOptions(Category.IPOLEKSOSBUD)
IKU_2 = OrganisationOptions()
CLOSED_ON = "2022-01-10"


def frozen(code: str, as_of: str, kind: PeriodKind, version: int = 1) -> FrozenValue:
    day = on(as_of)
    at = Coordinates(code, version, containing(day, kind), day, on(CLOSED_ON), 99)
    return FrozenValue(
        indicator=code,
        definition=version,
        scale=1,
        numerator=3,
        denominator=5,
        expired=2,
        percentage=Decimal("60.00"),
        target=None,
        achievement=None,
        rating=None,
        number=at.number,
    )


def published(
    as_of: str = "2021-12-31",
    kind: PeriodKind = PeriodKind.YEAR,
    *,
    edition: int = 1,
    closed_on: str = CLOSED_ON,
    codes: Sequence[str] = ("IKU-1", "IKU-2"),
    version: int = 1,
) -> list[Event]:
    """The steps that lead to a publication."""
    name = identifier(kind, on(as_of), edition)
    step: Any = {"publication": name, "effective_on": on(closed_on), "reason": "x"}
    restates = identifier(kind, on(as_of), edition - 1) if edition > 1 else None
    figures = tuple(frozen(code, as_of, kind, version) for code in codes)
    return [
        Drafted(
            **step, period=kind, as_of=on(as_of), edition=edition, restates=restates
        ),
        Closed(**step, known_on=on(closed_on), size=99, figures=figures),
        Reviewed(**step, by="ani"),
        Published(**step, by="budi"),
    ]


def closed(*steps: Event, **options: Options | tuple[Options, ...]) -> ClosedPeriods:
    """The closed figures after *steps*; *options* of each version of the indicators."""
    every: dict[str, Any] = {"IKU_1": IKU_1, "IKU_2": IKU_2, **options}
    years: dict[str, tuple[Event, ...]] = {}
    for step in steps:
        years[step.publication[:4]] = (*years.get(step.publication[:4], ()), step)
    return ClosedPeriods(
        {name: PublicationYear(history) for name, history in years.items()},
        {
            code.replace("_", "-"): indicator.Indicator(
                tuple(defined("2019-01-01", options=version) for version in versions)
            )
            for code, found in every.items()
            for versions in [found if isinstance(found, tuple) else (found,)]
        },
    )


YEAR = closed(*published())


def refusal(periods: ClosedPeriods, before: Any, command: Any) -> str | None:
    """The refusal of *command* without a reason; None if it needs none."""
    organised = isinstance(before, Organisation) or (
        type(command).__module__ == organisation.__name__
    )
    of = organisation if organised else conflict
    if not of.decider.premises_of(command, "A01", before).closures:
        return None
    try:
        refuse_change_without_reason(
            periods, "A01", before, of.decider.evolve(before, command)
        )
    except ReasonRequired as error:
        explained = structs.replace(command, reason="Laporan baru diterima")
        assert not of.decider.premises_of(explained, "A01", before).closures
        return str(error)
    return None


def case(*events: Any) -> Conflict:
    return Conflict(events)


def organised(*events: Any) -> Organisation:
    return Organisation(events)


def said(was: str, becomes: str, code: str = "IKU-1") -> str:
    return (
        f"reason is missing: {code} of publication 2021 (2021-01-01 to 2021-12-31, "
        f"closed on 2022-01-10) would change from {was} to {becomes}"
    )


# Facts whose effective day lies outside the closed period.


def test_a_registration_from_before_a_closed_period_needs_a_reason() -> None:
    early = registered("2019-05-01", valid_until=on("2030-01-01"))
    assert refusal(YEAR, None, early) == said("3/5", "3/6", "IKU-2")


def test_a_case_carried_over_into_a_closed_period_needs_a_reason() -> None:
    early = case(reported("2020-05-01"))
    assert refusal(YEAR, early, verified("2020-05-02")) == said("3/5", "3/6")
    # Closed before the period, it is not carried over.
    settled = case(reported("2020-05-01"), resolved("2020-12-31"))
    assert refusal(YEAR, settled, verified("2020-05-02")) is None
    # Reopened in it, it is; also on the day after which it was counted.
    settled = case(*settled.history, verified("2020-05-02"))
    assert refusal(YEAR, settled, reopened("2021-12-31")) == said("3/5", "3/6")
    assert refusal(YEAR, settled, reopened("2022-01-01")) is None


def test_a_verification_dated_after_a_closed_period_needs_a_reason() -> None:
    late = case(reported("2021-05-01"), resolved("2021-06-01"))
    assert refusal(YEAR, late, verified("2022-06-01")) == said("3/5", "4/6")


def test_a_participation_verified_late_needs_a_reason() -> None:
    there = organised(
        registered("2021-02-01", valid_until=on("2030-01-01")),
        participated("2021-03-01", verified=False),
    )
    assert refusal(YEAR, there, confirmed()) == said("3/5", "4/5", "IKU-2")
    dated = structs.replace(confirmed(), effective_on=on("2022-06-01"))
    assert refusal(YEAR, there, dated) == said("3/5", "4/5", "IKU-2")


def test_a_closing_of_a_case_within_a_closed_period_needs_a_reason() -> None:
    known = case(reported("2021-05-01"), verified("2021-05-02"))
    assert refusal(YEAR, known, resolved("2021-12-31")) == said("3/5", "4/5")
    assert refusal(YEAR, known, resolved("2022-01-01")) is None


def test_what_takes_a_subject_out_of_a_closed_figure_needs_a_reason() -> None:
    there = organised(registered("2019-05-01", valid_until=on("2030-01-01")))
    assert refusal(YEAR, there, dissolved("2021-12-31")) == said("3/5", "3/4", "IKU-2")
    assert refusal(YEAR, there, dissolved("2022-01-01")) is None
    known = case(reported("2021-05-01"), verified("2021-05-02"))
    moved = reclassified("2021-07-01", **SARA)
    assert refusal(YEAR, known, moved) == said("3/5", "3/4")


def test_a_renewal_that_changes_only_how_many_have_expired_needs_a_reason() -> None:
    there = organised(registered("2019-05-01", valid_until=on("2021-06-30")))
    told = refusal(YEAR, there, renewed("2021-07-01", "2022-01-01"))
    assert told == (
        "reason is missing: the number of expired registrations in IKU-2 of "
        "publication 2021 (2021-01-01 to 2021-12-31, closed on 2022-01-10) would "
        "change from 2 to 1"
    )


# Facts that change no frozen figure.


@pytest.mark.parametrize(
    ("before", "command"),
    [
        (None, reported("2021-05-01")),  # not verified yet
        (None, reported("2021-05-01", level=conflict.Level.POTENSI)),
        (None, registered("2022-01-01", valid_until=on("2030-01-01"))),
        (
            case(reported("2021-05-01"), verified("2021-05-02")),
            Handled(effective_on=on("2021-05-03"), phase=Phase.PENCEGAHAN),
        ),
        (
            case(reported("2021-05-01"), verified("2021-05-02")),
            reclassified("2021-05-03", dimension=conflict.Dimension.POLITIK),
        ),
        (case(reported("2021-05-01", **SARA)), verified("2021-05-02")),
        (
            case(reported("2021-05-01"), verified("2021-05-02")),
            Attached(
                file_name="ba.pdf",
                media_type="application/pdf",
                length=1,
                sha256="0" * 64,
            ),
        ),
        (
            organised(
                registered("2021-02-01", valid_until=on("2030-01-01")),
                participated("2021-03-01"),
            ),
            participated("2021-04-01", reference="P2"),
        ),
        (
            organised(registered("2021-02-01", valid_until=on("2030-01-01"))),
            Attached(
                file_name="skt.pdf",
                media_type="application/pdf",
                length=1,
                sha256="0" * 64,
            ),
        ),
        (
            organised(registered("2019-05-01", valid_until=on("2030-01-01"))),
            participated("2020-12-31"),
        ),
        (
            organised(registered("2021-02-01", valid_until=on("2030-01-01"))),
            participated("2021-04-01", verified=False),
        ),
    ],
)
def test_a_fact_of_a_closed_period_that_changes_nothing_needs_no_reason(
    before: Any, command: Any
) -> None:
    assert refusal(YEAR, before, command) is None


def test_no_reason_is_needed_where_nothing_is_closed() -> None:
    for periods in (ClosedPeriods(), closed(), closed(*published()[:1])):
        assert refusal(
            periods, case(reported("2021-05-01")), verified("2021-05-02")
        ) is (None)


def test_corrections_and_annulments_have_a_reason_of_their_own() -> None:
    known = case(reported("2021-05-01"), verified("2022-06-01"))
    for command in (annulled(1), corrected(1, effective_on=on("2022-05-01"))):
        assert refusal(YEAR, known, command) is None
        after = conflict.evolve(known, command)
        [change] = frozen_figure_changes(YEAR, "A01", known, after)
        assert isinstance(change, ContributionChange)
        assert (change.before, change.after) == (Counts(0, 1), Counts())


# Which publications.


def test_every_edition_is_frozen_and_the_one_closed_first_is_named() -> None:
    first, second = published(), published(edition=2, closed_on="2022-05-01")
    known = case(reported("2021-05-01"))
    after = conflict.evolve(known, verified("2021-05-02"))
    editions = closed(*first, *second[:2])
    found = [*frozen_figure_changes(editions, "A01", known, after)]
    assert [c.figure.publication.id for c in found] == ["2021", "2021.2"]
    assert refusal(editions, known, verified("2021-05-02")) == said("3/5", "3/6")
    # A later edition that is no longer closed does not affect the printed one.
    drafted = closed(*first, *second[:1])
    assert [
        c.figure.publication.id
        for c in frozen_figure_changes(drafted, "A01", known, after)
    ] == ["2021"]


def test_each_edition_is_counted_under_the_definition_that_it_was_frozen_with() -> None:
    strict = structs.replace(IKU_1, minimum_level=conflict.Level.KEKERASAN)
    second = published(edition=2, closed_on="2022-05-01", version=2)
    editions = closed(
        *published(), *second, IKU_1=(strict, IKU_1), IKU_2=(IKU_2, IKU_2)
    )
    told = refusal(editions, case(reported("2021-05-01")), verified("2021-05-02"))
    assert told is not None
    assert "IKU-1 of publication 2021.2 (2021-01-01 to 2021-12-31, " in told
    assert "closed on 2022-05-01) would change from 3/5 to 3/6" in told


def test_a_quarter_within_a_year_is_changed_only_by_what_counts_in_it() -> None:
    quarter = published("2021-03-31", PeriodKind.QUARTER, closed_on="2021-04-10")
    both = closed(*quarter, *published())

    def touched(periods: ClosedPeriods, *events: Any) -> list[str]:
        before, after = case(*events[:-1]), case(*events)
        return [
            c.figure.publication.id
            for c in frozen_figure_changes(periods, "A01", before, after)
        ]

    assert touched(both, reported("2021-02-01"), verified("2021-02-01")) == [
        "2021-W1",
        "2021",
    ]
    assert touched(both, reported("2021-04-01"), verified("2021-04-01")) == ["2021"]
    known = (reported("2021-02-01"), verified("2021-02-01"))
    assert touched(both, *known, resolved("2021-04-01")) == ["2021"]
    only = closed(*quarter)
    assert refusal(only, case(*known), resolved("2021-04-01")) is None
    assert refusal(only, case(*known), resolved("2021-03-31")) == (
        "reason is missing: IKU-1 of publication 2021-W1 (2021-01-01 to 2021-03-31, "
        "closed on 2021-04-10) would change from 3/5 to 4/5"
    )


def test_a_publication_closes_its_period_until_its_day_and_no_further() -> None:
    until = closed(*published("2021-05-15", PeriodKind.QUARTER))
    known = case(reported("2021-04-01"), verified("2021-04-02"))
    told = refusal(until, known, resolved("2021-05-15"))
    assert told is not None
    assert "2021-W2-sd0515 (2021-04-01 to 2021-05-15, " in told
    assert refusal(until, known, resolved("2021-05-16")) is None


def test_a_publication_that_was_returned_closes_nothing() -> None:
    steps = published()[:3]
    step: Any = {
        "publication": "2021",
        "effective_on": on("2022-02-01"),
        "reason": "Ada yang tertinggal",
    }
    known, command = case(reported("2021-05-01")), verified("2021-05-02")
    assert refusal(closed(*steps[:2]), known, command) is not None
    assert refusal(closed(*steps), known, command) is not None
    assert refusal(closed(*steps, Returned(**step)), known, command) is None
    gone = closed(*steps, Returned(**step), Withdrawn(**step))
    assert refusal(gone, known, command) is None
    again = closed(*steps, Returned(**step), published(closed_on="2022-03-01")[1])
    assert "closed on 2022-03-01" in (refusal(again, known, command) or "")


# Under which definition.

OLD = case(reported("2020-05-01"))
HIGH = (reported("2021-05-01", level=conflict.Level.POTENSI), verified("2021-05-02"))
EXPIRED = organised(registered("2019-05-01", valid_until=on("2021-06-30")))


@pytest.mark.parametrize(
    ("options", "before", "command", "change"),
    [
        ({"carry_over": CarryOver.EXCLUDE}, OLD, verified("2020-05-02"), None),
        (
            {"minimum_level": conflict.Level.POTENSI},
            case(*HIGH[:1]),
            HIGH[1],
            ("3/5", "3/6"),
        ),
        ({}, case(*HIGH[:1]), HIGH[1], None),
        ({"category": Category.SARA}, OLD, verified("2020-05-02"), None),
        (
            {"resolution_manners": (conflict.Manner.ISLAH,)},
            case(reported("2021-05-01"), verified("2021-05-02")),
            resolved("2021-06-01"),
            None,
        ),
        (
            {"date_basis": indicator.DateBasis.OCCURRED},
            case(reported("2022-01-05", occurred_on=on("2021-12-30"))),
            verified("2022-01-05"),
            ("3/5", "3/6"),
        ),
        (
            {"reopening": indicator.Reopening.FIRST_CLOSURE_COUNTS},
            case(
                reported("2021-05-01"), verified("2021-05-02"), resolved("2021-06-01")
            ),
            reopened("2021-07-01"),
            None,
        ),
        (
            {},
            case(
                reported("2021-05-01"), verified("2021-05-02"), resolved("2021-06-01")
            ),
            reopened("2021-07-01"),
            ("3/5", "2/5"),
        ),
    ],
)
def test_a_case_needs_a_reason_by_the_options_that_its_figure_is_counted_by(
    options: Any, before: Any, command: Any, change: tuple[str, str] | None
) -> None:
    periods = closed(*published(), IKU_1=structs.replace(IKU_1, **options))
    told = None if change is None else said(*change)
    assert refusal(periods, before, command) == told


@pytest.mark.parametrize(
    ("options", "before", "command", "change"),
    [
        ({"kinds": (OrganisationKind.ORMAS,)}, None, registered("2019-05-01"), None),
        (
            {"participation_threshold": 2},
            organised(registered(valid_until=on("2030-01-01"))),
            participated("2021-03-01"),
            None,
        ),
        (
            {"expired_registration": ExpiredRegistration.DROP},
            EXPIRED,
            renewed("2021-07-01", "2022-01-01"),
            ("3/5", "3/6"),
        ),
        (
            {"population": Population.ANY_TIME_IN_PERIOD},
            organised(registered("2019-05-01", valid_until=on("2030-01-01"))),
            dissolved("2021-06-01"),
            None,
        ),
    ],
)
def test_an_organisation_needs_a_reason_by_the_options_of_its_figure(
    options: Any, before: Any, command: Any, change: tuple[str, str] | None
) -> None:
    periods = closed(*published(), IKU_2=structs.replace(IKU_2, **options))
    told = None if change is None else said(*change, "IKU-2")
    assert refusal(periods, before, command) == told


def test_an_organisation_by_law_counts_in_every_period_since() -> None:
    steps = [
        step
        for year in range(2019, 2022)
        for step in published(f"{year}-12-31", closed_on=f"{year + 1}-01-10")
    ]
    early = registered(
        "2020-05-01", legal_basis=LegalBasis.BADAN_HUKUM, valid_until=None
    )
    after = organisation.evolve(None, early)
    found = [*frozen_figure_changes(closed(*steps), "A01", None, after)]
    assert [c.figure.publication.id for c in found] == ["2020", "2021"]
    assert {c.figure.frozen.indicator for c in found} == {"IKU-2"}


# Targets.


def aimed(*events: Any) -> indicator.Indicator:
    return indicator.Indicator((defined("2019-01-01"), *events))


def test_a_target_learnt_late_needs_a_reason() -> None:
    before = aimed()
    for first, becomes in ((aimed(), "none"), (aimed(targeted(target="75")), "75.00")):
        late = targeted("2021-06-01", target="80")
        after = indicator.evolve(first, late)
        with pytest.raises(ReasonRequired) as caught:
            refuse_change_without_reason(YEAR, "IKU-1", first, after)
        assert str(caught.value) == (
            "reason is missing: the target of IKU-1 of publication 2021 (2021-01-01 to "
            f"2021-12-31, closed on 2022-01-10) would change from {becomes} to 80.00"
        )
        assert isinstance(caught.value.change, TargetChange)
        assert caught.value.path == "reason"
    # A new indicator had no target either.
    [change] = frozen_figure_changes(YEAR, "IKU-1", None, aimed(targeted()))
    assert isinstance(change, TargetChange)
    assert (change.before, change.after) == (None, Decimal("75.00"))
    assert before.targets == ()


@pytest.mark.parametrize(
    "late",
    [
        targeted("2022-01-01", year=2022),
        targeted("2021-06-01", year=2022),
        targeted("2021-12-31", target="75.00"),  # the same as before
        targeted("2022-01-01"),  # after the last day that was counted
    ],
)
def test_a_target_that_changes_no_closed_figure_needs_no_reason(late: Any) -> None:
    before = aimed(targeted())
    after = indicator.evolve(before, late)
    refuse_change_without_reason(YEAR, "IKU-1", before, after)


def test_a_target_is_that_of_its_own_indicator() -> None:
    after = aimed(targeted())
    assert [*frozen_figure_changes(YEAR, "IKU-3", aimed(), after)] == []
    [change] = frozen_figure_changes(YEAR, "IKU-2", aimed(), after)
    assert change.figure.frozen.indicator == "IKU-2"


def test_a_new_definition_changes_no_figure_that_is_frozen() -> None:
    redefined = defined("2020-01-01", options=structs.replace(IKU_1, category="sara"))
    assert [*frozen_figure_changes(YEAR, "IKU-1", aimed(), aimed(redefined))] == []


# Words.


def test_the_figure_is_said_as_it_is_counted_now() -> None:
    known = case(reported("2021-05-01"), resolved("2021-06-01"))
    [change] = frozen_figure_changes(
        YEAR, "A01", known, conflict.evolve(known, verified("2021-06-02"))
    )
    error = ReasonRequired(change, Counts(7, 9))
    assert str(error) == said("7/9", "8/10")
    asked = closed_periods.question_of_change(change)
    assert (asked.indicator, asked.as_of) == ("IKU-1", on("2021-12-31"))
    assert (asked.period, asked.definition) == (PeriodKind.YEAR, 1)


# All rules, with random histories, against a recount.

ALL_PERIODS = [
    step
    for as_of, kind in (
        ("2020-12-31", PeriodKind.YEAR),
        ("2021-03-31", PeriodKind.QUARTER),
        ("2021-06-30", PeriodKind.QUARTER),
        ("2021-06-30", PeriodKind.HALF),
        ("2021-08-31", PeriodKind.QUADRIMESTER),
        ("2021-08-31", PeriodKind.MONTH),
        ("2021-12-31", PeriodKind.YEAR),
    )
    for step in published(as_of, kind)
]


def check_changes(
    history: Sequence[Any], of: Any, options: Options, other: Options
) -> Iterator[int]:
    """After each fact, the reported changes equal the differences of a recount."""
    periods = closed(*ALL_PERIODS, IKU_1=options, IKU_2=other)
    before: Any = None
    for size in range(1, len(history) + 1):
        after = of(tuple(history[:size]))
        expected = [
            (figure, was, becomes)
            for figure in periods.figures
            for was, becomes in [
                [
                    found.counts if found else Counts()
                    for subject in (before, after)
                    for found in [
                        story.membership(
                            subject,
                            figure.options,
                            figure.publication.period.start,
                            figure.publication.as_of,
                        )
                    ]
                ]
            ]
            if was != becomes
        ]
        found = [*frozen_figure_changes(periods, "A01", before, after)]
        assert all(isinstance(change, ContributionChange) for change in found)
        assert [(c.figure, c.before, c.after) for c in found] == expected
        yield len(found)
        before = after


@settings(max_examples=examples(100, 25), deadline=None)
@for_all(chance.case_histories, chance.case_options, chance.case_options)
def test_a_case_changes_just_the_figures_that_count_it_otherwise(
    history: list[Any], options: ConflictOptions, other: ConflictOptions
) -> None:
    assert len([*check_changes(history, Conflict, options, other)]) == len(history)


@settings(max_examples=examples(100, 25), deadline=None)
@for_all(chance.organisation_histories, chance.organisation_options, st.just(IKU_1))
def test_an_organisation_changes_just_the_figures_that_count_it_otherwise(
    history: list[Any], options: OrganisationOptions, other: ConflictOptions
) -> None:
    assert len([*check_changes(history, Organisation, options, other)]) == len(history)
