"""An indicator: versions of its definition, and its targets."""

from decimal import Decimal
from typing import Any

import pytest
from msgspec import ValidationError, convert, structs

from iku.domain import indicator
from iku.domain.conflict import Category, Level, Manner
from iku.domain.decider import AlreadyRecorded, Invalid
from iku.domain.fact import Annulled
from iku.domain.indicator import (
    CarryOver,
    ConflictOptions,
    Defined,
    Indicator,
    OrganisationOptions,
    Percent,
    Redefinition,
    Revision,
    Targeted,
    decider,
)
from iku.domain.organisation import OrganisationKind
from tests.domain.story import HERE, given, on, recorded, refused, repeats

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
    assert set(OrganisationOptions().kinds) == set(OrganisationKind)


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
    stray = redefinition(kinds=(OrganisationKind.LSM,))
    refusal = refused(decider, known(defined()), stray, "kinds", "resolution_manners")
    assert isinstance(refusal, Invalid)
    assert refusal.path == "kinds"
    organisations = known(defined(options=OrganisationOptions()))
    stray = redefinition(category=Category.SARA)
    refused(decider, organisations, stray, "category", "participation_threshold")
    only = recorded(decider, organisations, redefinition(kinds=(OrganisationKind.LSM,)))
    assert only.definitions[-1].defined.options.kinds == (OrganisationKind.LSM,)
    found = recorded(decider, organisations, redefinition(participation_threshold=2))
    assert found.definitions[-1].defined.options.participation_threshold == 2


def test_the_category_of_an_indicator_never_changes() -> None:
    """Otherwise a case could count in two indicators at once."""
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
    in_force = found.definition_in_force(on("2022-01-01"))
    assert in_force is not None
    assert in_force.version == 2


def test_no_indicator_counts_cases_of_the_category_that_is_in_none() -> None:
    options = structs.replace(OPTIONS, category=indicator.IN_NO_INDICATOR)
    refusal = refused(decider, None, defined(options=options), "lainnya", "category")
    assert isinstance(refusal, Invalid)
    assert refusal.path == "category"


def test_nothing_is_changed_of_an_indicator_that_is_not() -> None:
    refused(decider, None, redefinition(), "definition", "the indicator does not exist")
    refused(decider, None, targeted(), "target", "the indicator does not exist")


@pytest.mark.parametrize("make", [redefinition, targeted])
def test_a_definition_or_target_may_be_decreed_for_a_day_of_the_next_ten_years(
    make: Any,
) -> None:
    changed = {"wording": "Baru"} if make is redefinition else {}
    found = recorded(decider, known(defined()), make("2032-12-31", **changed))
    now = found.definition_in_force(on("2022-06-30"))
    assert now is not None
    assert now.version == 1
    assert found.target(on("2022-06-30")) is None
    refused(decider, known(defined()), make("2033-01-01"), "2033-01-01", "2032-12-31")
    refused(decider, known(defined()), make("1945-08-16"), "1945-08-16", "1945-08-17")


def test_a_day_of_the_last_years_there_are_is_not_beyond_the_calendar() -> None:
    late = structs.replace(HERE, today=on("9995-01-01"))
    recorded(decider, known(defined()), targeted("9999-12-31"), late)


def test_what_a_version_leaves_out_is_as_in_force_on_its_day() -> None:
    """A version decreed for a later day does not affect one that begins earlier."""
    found = recorded(
        decider, known(defined()), redefinition("2025-01-01", wording="Kelak")
    )
    found = recorded(
        decider, found, redefinition("2022-06-01", minimum_level=Level.KEKERASAN)
    )
    assert found.definitions[-1].defined.wording == defined().wording
    found = recorded(
        decider, found, redefinition("2026-01-01", carry_over=CarryOver.EXCLUDE)
    )
    assert found.definitions[-1].defined.wording == "Kelak"


def test_the_version_in_force_is_the_latest_begun_and_of_one_day_the_later() -> None:
    found = known(defined("2021-01-01"))
    for day, wording in (("2022-01-01", "B"), ("2022-01-01", "C"), ("2021-07-01", "D")):
        found = recorded(decider, found, redefinition(day, wording=wording))
    days = ["2020-12-31", "2021-01-01", "2021-06-30", "2021-07-01", "2022-01-01"]
    versions = [
        d and d.version for day in days for d in [found.definition_in_force(on(day))]
    ]
    assert versions == [None, 1, 1, 4, 3]


def test_the_first_version_serves_earlier_days_and_earlier_knowledge() -> None:
    whole = recorded(decider, known(defined()), redefinition("2022-01-01", wording="B"))
    start = on("2022-01-01")
    assert indicator.applicable_definition(None, whole, start).version == 1
    assert indicator.applicable_definition(known(defined()), whole, start).version == 1
    assert indicator.applicable_definition(whole, whole, start).version == 2
    assert indicator.applicable_definition(whole, whole, on("2020-01-01")).version == 1


def test_an_unchanged_definition_is_recorded_once() -> None:
    found = known(defined())
    same = redefinition(basis=defined().basis)
    repeats(decider, found, same, 1, "definition 1", "2021-01-01")
    found = recorded(decider, found, redefinition(wording="Baru", basis="SK 2"))
    same = redefinition("2022-03-01", wording="Baru", basis="SK 2", reason="Lagi")
    repeats(decider, found, same, 2, "definition 2", "2022-03-01")
    # With another decree as its basis it is a new statement.
    recorded(decider, found, structs.replace(same, basis="SK 3"))
    # The version in force on its day differs.
    recorded(decider, found, redefinition("2021-06-01", wording="Baru"))


# Corrections and annulments of definitions.


def correction(version: int, **fields: Any) -> Revision:
    return Revision(corrects=version, reason="Salah ketik", **fields)


def annulled(version: int) -> Annulled:
    return Annulled(annuls=version, reason="Belum ditetapkan")


def versions(found: Indicator, *days: str) -> list[int | None]:
    in_force = [found.definition_in_force(on(day)) for day in days]
    return [None if one is None else one.version for one in in_force]


def two() -> Indicator:
    """Definitions 1, from 2021, and 2, from 2022."""
    second = redefinition(minimum_level=Level.KEKERASAN)
    found = recorded(decider, known(defined()), second)
    assert isinstance(found, Indicator)
    return found


def test_a_corrected_definition_is_a_new_version_of_the_same_day() -> None:
    found = recorded(decider, two(), correction(2, minimum_level=Level.POTENSI))
    assert len(found.history) == 3
    after = found.definitions[2].defined
    assert (after.corrects, after.reason) == (2, "Salah ketik")
    assert after.options.minimum_level == "potensi"
    assert (after.basis, after.effective_on) == ("Perubahan", on("2022-01-01"))
    assert found.definitions[:2] == two().definitions
    assert versions(found, "2021-12-31", "2022-01-01") == [1, 3]
    again = correction(2, minimum_level=Level.POTENSI)
    repeats(decider, found, again, 3, "definition 3")
    other = correction(2, wording="Lain")
    refused(decider, found, other, "definition 2", "definition 3", "version 3")


def test_a_definition_of_a_wrong_day_is_annulled_and_recorded_again_at_once() -> None:
    moved = correction(2, effective_on=on("2022-04-01"))
    after, gone = decider.decision(moved, two(), HERE).events
    assert isinstance(after, Defined)
    assert (after.corrects, after.effective_on) == (2, on("2022-04-01"))
    assert gone == Annulled(annuls=2, reason="Salah ketik")
    # If only the first of both is known, a definition is in force, too.
    partly = decider.fold([after], two())
    assert partly is not None
    assert versions(partly, "2022-01-01") == [2]
    found = recorded(decider, two(), moved)
    assert versions(found, "2022-01-01", "2022-03-31", "2022-04-01") == [1, 1, 3]
    assert [d.version for d in found.definitions] == [1, 2, 3]
    assert found.definitions[1].defined == two().definitions[1].defined
    repeats(decider, found, moved, 3, "definition 3", "version 3")
    # A version that replaced another of the same day can be moved to another day.
    third = recorded(decider, two(), redefinition(wording="C"))
    assert versions(third, "2022-01-01") == [3]
    third = recorded(decider, third, moved)
    assert versions(third, "2022-01-01", "2022-04-01") == [3, 4]


def test_an_annulled_definition_is_in_force_for_nobody_who_knows() -> None:
    before = two()
    found = recorded(decider, before, annulled(2))
    assert versions(found, "2021-01-01", "2022-01-01") == [1, 1]
    assert found.definitions == before.definitions
    assert found.effective_definitions == before.definitions[:1]
    start = on("2022-01-01")
    assert indicator.applicable_definition(before, found, start).version == 2
    assert indicator.applicable_definition(found, found, start).version == 1
    repeats(decider, found, annulled(2), 3, "version 2", "version 3")
    refused(decider, found, correction(2, wording="X"), "2", "was annulled")
    # The next version is based on the one in force, and has the next number.
    third = recorded(decider, found, redefinition(wording="Baru"))
    assert third.definitions[-1].version == 3
    assert third.definitions[-1].defined.options == OPTIONS


def test_an_annulment_of_a_definition_may_be_annulled() -> None:
    found = recorded(decider, recorded(decider, two(), annulled(2)), annulled(3))
    assert versions(found, "2022-01-01") == [2]
    repeats(decider, found, annulled(3), 4, "version 3", "version 4")


def test_the_last_definition_in_force_is_not_annulled() -> None:
    refused(decider, known(defined()), annulled(1), "definition 1", "2022-06-30")
    found = recorded(decider, two(), annulled(1))
    refused(decider, found, annulled(2), "definition 2", "2022-06-30")
    coming = recorded(
        decider, known(defined()), redefinition("2023-01-01", wording="Kelak")
    )
    refused(decider, coming, annulled(1), "definition 1", "2022-06-30")
    away = correction(1, effective_on=on("2022-07-01"))
    refused(decider, known(defined()), away, "definition 1", "2022-06-30")


def test_what_is_not_in_force_yet_may_be_annulled() -> None:
    found = known(defined("2022-07-01"))
    assert versions(recorded(decider, found, annulled(1)), "2022-07-01") == [None]


def test_of_an_annulled_first_version_the_next_that_stands_serves_earlier_days() -> (
    None
):
    found = recorded(decider, two(), annulled(1))
    early = on("2020-01-01")
    assert indicator.applicable_definition(found, found, early).version == 2
    assert indicator.applicable_definition(two(), found, early).version == 1
    assert indicator.applicable_definition(None, found, early).version == 1
    coming = redefinition("2023-01-01", wording="Kelak")
    sooner = redefinition("2021-06-01", wording="Dini")
    found = recorded(decider, recorded(decider, two(), coming), sooner)
    found = recorded(decider, found, annulled(1))
    assert indicator.applicable_definition(found, found, early).version == 4
    none = decider.fold([annulled(1)], known(defined()))
    assert none is not None
    assert indicator.applicable_definition(none, none, early).version == 1


def test_a_correction_names_a_fact_and_its_own_fields() -> None:
    found = recorded(decider, two(), targeted())
    found = recorded(decider, found, annulled(2))
    for version, both in ((9, ("9", "last version is 4")), (4, ("4", "annulled"))):
        refused(decider, found, correction(version, wording="X"), *both)
    refused(decider, found, annulled(9), "annuls is 9", "last version is 4")
    refused(
        decider, found, correction(1), "version 1", "must change at least one field"
    )
    refused(
        decider, found, correction(3), "version 3", "must change at least one field"
    )
    foreign = refused(decider, found, correction(1, year=2022), "year", "definition")
    assert isinstance(foreign, Invalid)
    assert foreign.path == "year"
    refused(decider, found, correction(3, wording="X"), "wording", "target")
    refused(decider, found, correction(1, kinds=(OrganisationKind.LSM,)), "kinds")
    refused(decider, found, correction(1, category=Category.SARA), "sara")
    refused(decider, found, correction(1, effective_on=on("2033-01-01")), "2032-12-31")
    for command in (correction(1, wording="X"), annulled(1)):
        refused(decider, None, command, "the indicator does not exist")


# Targets.


def test_a_target_as_it_comes_in_is_the_fact() -> None:
    fields = {
        "year": 2021,
        "target": "75",
        "effective_on": "2021-01-01",
        "basis": "PK 2021",
    }
    assert convert(fields, indicator.Target).to_event() == targeted()


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
        ("kinds", [["lsm"], list(OrganisationKind)], [[], ["lsm"] * 4, ["partai"]]),
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


def test_the_same_target_is_recorded_once_however_it_is_written() -> None:
    found = known(defined(), targeted(target="80"))
    repeats(decider, found, targeted(target="80.00"), 2, "80.00", "version 2")
    again = structs.replace(targeted(target="80"), reason="Sekali lagi")
    repeats(decider, found, again, 2, "80.00", "version 2")
    other = structs.replace(targeted(target="80"), basis="PK lain")
    refusal = refused(decider, found, other, "PK lain", "PK 2021", "version 2")
    assert not isinstance(refusal, AlreadyRecorded)


def test_a_target_above_a_hundred_per_cent_says_why() -> None:
    found = known(defined())
    recorded(decider, found, targeted(target="100"))
    high = targeted(target="100.01")
    refusal = refused(decider, found, high, "100.01", "reason")
    assert isinstance(refusal, Invalid)
    assert refusal.path == "reason"
    why = structs.replace(high, reason="Termasuk sisa tahun lalu")
    assert recorded(decider, found, why).target(on("2021-06-30")) == Decimal("100.01")


def test_a_target_is_corrected_from_the_beginning() -> None:
    found = known(defined(), targeted(target="57"), targeted("2021-09-01", "80"))
    found = recorded(decider, found, correction(2, target="75"))
    assert found.target(on("2021-01-01")) == 75
    moved = correction(3, effective_on=on("2021-10-01"), basis="PK Perubahan")
    found = recorded(decider, found, moved)
    assert [found.target(on(day)) for day in ("2021-09-01", "2021-10-01")] == [75, 80]
    assert found.targets[1].basis == "PK Perubahan"
    found = recorded(decider, found, correction(3, year=2022, target="120"))
    assert found.target(on("2021-12-31")) == 75
    assert found.target(on("2022-01-01")) == 120
    repeats(decider, found, correction(2, target="75.00"), 4, "version 2", "version 4")
    repeats(decider, found, correction(2, year=2021), 2, "version 2")
    refused(decider, found, correction(4, target="70"), "version 4", "corrected")
    # Before the correction is known, it is as recorded.
    assert recorded(decider, found, annulled(4)).target(on("2021-01-01")) == 57


def test_an_annulled_target_never_was() -> None:
    found = known(defined(), targeted(target="75"), targeted("2021-09-01", "80"))
    found = recorded(decider, found, annulled(3))
    assert found.target(on("2021-12-31")) == 75
    again = recorded(decider, found, targeted("2021-09-01", "80"))
    assert again.target(on("2021-12-31")) == 80
    assert [one.version for one in again.effective_targets] == [2, 5]
    refused(decider, found, correction(3, target="81"), "version was annulled")


def test_an_indicator_names_no_others() -> None:
    assert decider.premises_of(targeted(), "", None).related_subjects == ()
