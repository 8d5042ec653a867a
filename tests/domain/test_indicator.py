"""An indicator: versions of its definition, and its targets."""

from decimal import Decimal
from typing import Any

import pytest
from msgspec import ValidationError, convert, structs

from iku.domain import indicator
from iku.domain.conflict import Category, Level, Manner
from iku.domain.decider import Invalid
from iku.domain.indicator import (
    CarryOver,
    ConflictOptions,
    Defined,
    Indicator,
    OrganisationOptions,
    Percent,
    Redefinition,
    Targeted,
    decider,
)
from iku.domain.organisation import Kind
from tests.domain.story import HERE, given, on, recorded, refused

OPTIONS = ConflictOptions(Category.IPOLEKSOSBUD)


def defined(day: str = "2021-01-01", **fields: Any) -> Defined:
    stated: dict[str, Any] = {
        "wording": "Persentase konflik yang diselesaikan",
        "formula": "Diselesaikan dibagi yang ada",
        "sources": ("Polres", "FKDM"),
        "owner": "Bidang Kewaspadaan Nasional",
        "objective": "Kondusivitas wilayah",
        "basis": "Keputusan Wali Kota",
        "options": OPTIONS,
        "effective_on": on(day),
    }
    return Defined(**{**stated, **fields})


def redefinition(day: str = "2022-01-01", **fields: Any) -> Redefinition:
    stated: dict[str, Any] = {
        "basis": "Perubahan",
        "reason": "Hasil reviu",
        "effective_on": on(day),
    }
    return Redefinition(**{**stated, **fields})


def targeted(day: str = "2021-01-01", target: str = "75", year: int = 2021) -> Targeted:
    return Targeted(year=year, target=target, effective_on=on(day), basis="PK 2021")


def known(*events: Any) -> Indicator:
    found = given(decider, *events)
    assert isinstance(found, Indicator)
    return found


def test_all_manners_but_handing_on_resolve_a_case_by_default() -> None:
    assert set(OPTIONS.resolution_manners) == set(Manner) - {Manner.DILIMPAHKAN}
    assert OPTIONS.minimum_level is Level.PERSETERUAN
    assert set(OrganisationOptions().kinds) == set(Kind)


# Definitions.


def test_an_indicator_is_defined_once_and_redefined_from_then_on() -> None:
    first = recorded(decider, None, defined())
    assert decider.decide(defined(wording="Lain"), first, HERE) == []
    second = recorded(decider, first, redefinition(carry_over=CarryOver.EXCLUDE))
    assert [d.version for d in second.definitions] == [1, 2]
    assert second.definitions[0].defined == defined()
    after = second.definitions[1].defined
    assert after.options == ConflictOptions(
        Category.IPOLEKSOSBUD, carry_over=CarryOver.EXCLUDE
    )
    assert (after.basis, after.reason) == ("Perubahan", "Hasil reviu")
    assert after.effective_on == on("2022-01-01")
    assert after.wording == defined().wording


def test_a_redefinition_keeps_what_earlier_ones_changed() -> None:
    found = recorded(decider, known(defined()), redefinition(wording="Persentase baru"))
    found = recorded(
        decider, found, redefinition("2022-02-01", minimum_level=Level.KEKERASAN)
    )
    after = found.definitions[-1].defined
    assert after.wording == "Persentase baru"
    assert after.options.minimum_level == "kekerasan"


def test_a_list_of_values_has_one_order_and_no_repetition() -> None:
    told = (Manner.MEDIASI, Manner.ISLAH, Manner.MEDIASI)
    found = recorded(decider, known(defined()), redefinition(resolution_manners=told))
    manners = found.definitions[-1].defined.options.resolution_manners
    assert manners == (Manner.ISLAH, Manner.MEDIASI)


def test_the_sources_of_a_redefinition_keep_their_order() -> None:
    found = recorded(decider, known(defined()), redefinition(sources=("FKUB", "FKDM")))
    assert found.definitions[-1].defined.sources == ("FKUB", "FKDM")


def test_an_option_of_the_other_kind_of_indicator_is_refused() -> None:
    stray = redefinition(kinds=(Kind.LSM,))
    refusal = refused(decider, known(defined()), stray, "kinds", "resolution_manners")
    assert isinstance(refusal, Invalid)
    assert refusal.path == "kinds"
    organisations = known(defined(options=OrganisationOptions()))
    stray = redefinition(category=Category.SARA)
    refused(decider, organisations, stray, "category", "participation_threshold")
    only = recorded(decider, organisations, redefinition(kinds=(Kind.LSM,)))
    assert only.definitions[-1].defined.options.kinds == (Kind.LSM,)
    found = recorded(decider, organisations, redefinition(participation_threshold=2))
    assert found.definitions[-1].defined.options.participation_threshold == 2


def test_the_category_of_an_indicator_never_changes() -> None:
    """Or one case would count in two indicators at once."""
    other = redefinition(category=Category.SARA, carry_over=CarryOver.EXCLUDE)
    refusal = refused(decider, known(defined()), other, "sara", "ipoleksosbud")
    assert isinstance(refusal, Invalid)
    assert refusal.path == "category"
    same = redefinition(category=Category.IPOLEKSOSBUD, carry_over=CarryOver.EXCLUDE)
    found = recorded(decider, known(defined()), same)
    assert found.definitions[-1].defined.options.carry_over is CarryOver.EXCLUDE


def test_a_category_that_was_changed_when_that_was_allowed_still_counts() -> None:
    then = defined("2022-01-01", options=ConflictOptions(Category.SARA))
    found = decider.fold([defined(), then])
    assert found is not None
    assert [d.defined.options for d in found.definitions] == [
        OPTIONS,
        ConflictOptions(Category.SARA),
    ]
    in_force = found.in_force(on("2022-01-01"))
    assert in_force is not None
    assert in_force.version == 2


def test_no_indicator_counts_cases_of_the_category_that_is_in_none() -> None:
    options = structs.replace(OPTIONS, category=indicator.IN_NO_INDICATOR)
    refusal = refused(decider, None, defined(options=options), "lainnya", "category")
    assert isinstance(refusal, Invalid)
    assert refusal.path == "category"


def test_nothing_is_changed_of_an_indicator_that_is_not() -> None:
    refused(decider, None, redefinition(), "definition", "no such indicator")
    refused(decider, None, targeted(), "target", "no such indicator")


def test_a_definition_or_target_is_not_made_for_a_day_to_come() -> None:
    for coming in (redefinition("2022-07-01"), targeted("2022-07-01")):
        refused(decider, known(defined()), coming, "2022-07-01", "2022-06-30")


def test_the_version_in_force_is_the_latest_begun_and_of_one_day_the_later() -> None:
    found = known(defined("2021-01-01"))
    for day, wording in (("2022-01-01", "B"), ("2022-01-01", "C"), ("2021-07-01", "D")):
        found = recorded(decider, found, redefinition(day, wording=wording))
    days = ["2020-12-31", "2021-01-01", "2021-06-30", "2021-07-01", "2022-01-01"]
    versions = [d and d.version for day in days for d in [found.in_force(on(day))]]
    assert versions == [None, 1, 1, 4, 3]


def test_the_first_version_serves_earlier_days_and_earlier_knowledge() -> None:
    whole = recorded(decider, known(defined()), redefinition("2022-01-01", wording="B"))
    start = on("2022-01-01")
    assert indicator.applicable(None, whole, start).version == 1
    assert indicator.applicable(known(defined()), whole, start).version == 1
    assert indicator.applicable(whole, whole, start).version == 2
    assert indicator.applicable(whole, whole, on("2020-01-01")).version == 1


# Targets.


def test_a_target_as_it_comes_in_is_the_fact() -> None:
    fields = {
        "year": 2021,
        "target": "75",
        "effective_on": "2021-01-01",
        "basis": "PK 2021",
    }
    assert convert(fields, indicator.Target).fact() == targeted()


def test_a_target_holds_from_its_day_until_it_is_revised_and_for_its_year() -> None:
    found: Any = known(defined())
    for target in (
        targeted("2021-01-01", "75"),
        targeted("2021-09-01", "80"),
        targeted("2022-01-01", "85.5", 2022),
    ):
        found = recorded(decider, found, target)
    days = ["2021-01-01", "2021-08-31", "2021-09-01", "2021-12-31", "2022-01-01"]
    told = [str(found.target(on(day))) for day in days]
    assert told == ["75.00", "75.00", "80.00", "80.00", "85.50"]
    assert found.target(on("2020-12-31")) is None
    assert known(defined(), targeted("2021-02-01")).target(on("2021-01-31")) is None


def test_of_two_targets_of_one_day_the_later_counts_and_may_be_taken_back() -> None:
    found: Any = known(defined(), targeted("2021-09-01", "80"))
    found = recorded(decider, found, targeted("2021-01-01", "70"))
    assert found.target(on("2021-12-31")) == 80
    found = recorded(decider, found, targeted("2021-09-01", "85"))
    assert found.target(on("2021-12-31")) == 85
    found = recorded(decider, found, targeted("2021-09-01", "80"))
    assert found.target(on("2021-12-31")) == 80
    # The same per cent on the same day for another year is another target.
    recorded(decider, found, targeted("2021-09-01", "80", 2022))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(("80", "80.00"), ("80.5", "80.50"), ("0.01", "0.01"), ("9999.99", "9999.99")),
        *(("0", None), ("0.00", None), ("80,5", None), ("80.123", None), ("-1", None)),
        *(("10000", None), ("80\n", None), ("", None), (".5", None), ("1e2", None)),
    ],
)
def test_a_target_is_a_positive_per_cent_with_two_decimals_at_most(
    text: str, value: str | None
) -> None:
    if value is None:
        with pytest.raises(ValidationError):
            convert(text, Percent)
    else:
        assert targeted(target=convert(text, Percent)).value == Decimal(value)
        assert str(targeted(target=text).value) == value


@pytest.mark.parametrize(
    ("field", "right", "wrong"),
    [
        ("participation_threshold", [1, 1000], [0, 1001]),
        ("resolution_manners", [["islah"], list(Manner)], [[], ["islah"] * 9]),
        ("kinds", [["lsm"], list(Kind)], [[], ["lsm"] * 4, ["partai"]]),
        ("rounding", ["half_up_2"], ["half_even_2"]),
        ("threshold", [], [1]),
    ],
)
def test_an_option_has_its_bounds(
    field: str, right: list[Any], wrong: list[Any]
) -> None:
    fields = {"effective_on": "2022-01-01", "basis": "PK", "reason": "Reviu"}
    for value in right:
        assert convert({**fields, field: value}, Redefinition)
    for value in wrong:
        with pytest.raises(ValidationError):
            convert({**fields, field: value}, Redefinition)


@pytest.mark.parametrize(("year", "fits"), [(1944, False), (1945, True), (9999, True)])
def test_a_target_is_of_a_year_of_the_republic(year: int, *, fits: bool) -> None:
    fields = {"target": "75", "effective_on": "2021-01-01", "basis": "PK"}
    if fits:
        assert convert({**fields, "year": year}, indicator.Target).year == year
    else:
        with pytest.raises(ValidationError):
            convert({**fields, "year": year}, indicator.Target)


def test_an_indicator_names_no_others() -> None:
    assert decider.peers(targeted()) == ()
