"""Statements about the agency: history, numbers, and what is refused."""

from datetime import date
from typing import Any, get_args

import pytest
from msgspec import ValidationError, json, structs

from iku.domain import paper_data
from iku.domain.fact import Annulled
from iku.domain.paper_data import (
    STATEMENTS,
    ActualSet,
    BaselineSet,
    EndTargetSet,
    LetterheadSet,
    NarrativeSet,
    OtherIndicatorSet,
    PaperData,
    PlanSet,
    QuarterlyTargetsSet,
    ResponsibleSet,
    SignerSet,
    Statement,
    StatementKind,
    decider,
    kind_of,
    usual_day,
)
from tests.domain.story import HERE, on, recorded, refused, repeats

IKU = "IKU-1"
HEAD = SignerSet(
    office="kepala_badan",
    office_title="Kepala Badan Kesatuan Bangsa dan Politik",
    signer_name="Contoh Satu, S.H., M.Si.",
    signer_rank="Pembina Utama Muda",
    signer_nip="198501012010011001",
    effective_on=on("2020-02-01"),
)
NARRATIVE = NarrativeSet(indicator=IKU, year=2021, quarter=3, obstacles="Cuaca")
OTHER = OtherIndicatorSet(
    code="IKU-4", year=2021, wording="Indeks contoh", measure="indeks", actual="141,92"
)
ONE_OF_EACH: tuple[Statement, ...] = (
    LetterheadSet(lines=("PEMERINTAH KOTA MOJOKERTO",), place="Mojokerto"),
    HEAD,
    PlanSet(document="Renstra 2019-2023", first_year=2019, last_year=2023),
    BaselineSet(indicator=IKU, year=2018, baseline="62,5"),
    EndTargetSet(indicator=IKU, end_target="95"),
    ActualSet(indicator=IKU, year=2019, actual="71,43"),
    QuarterlyTargetsSet(indicator=IKU, year=2021, second="40,5"),
    ResponsibleSet(indicator=IKU, responsible_unit="Bidang Kewaspadaan"),
    NARRATIVE,
    OTHER,
)


def about(statement: Statement) -> Any:
    return structs.replace(HERE, subject=statement.subject, indicators=frozenset({IKU}))


def state(*statements: Any) -> PaperData:
    """The state after *statements* and annulments of one subject."""
    context = about(statements[0])
    data: PaperData | None = None
    for one in statements:
        data = recorded(decider, data, one, context)
    assert isinstance(data, PaperData)
    return data


def refuses(statement: Statement, *parts: str, before: Any = None) -> None:
    refused(decider, before, statement, *parts, context=about(statement))


def test_every_kind_of_statement_has_one_event_type_named_after_it() -> None:
    assert STATEMENTS.keys() == set(StatementKind)
    assert {type(one) for one in ONE_OF_EACH} == set(STATEMENTS.values())
    assert {*STATEMENTS.values(), Annulled} == set(get_args(paper_data.Event))
    for kind, event in STATEMENTS.items():
        assert event.__struct_config__.tag == f"{kind}_set"
    assert all(kind_of(one.subject) is one.kind for one in ONE_OF_EACH)


@pytest.mark.parametrize("statement", ONE_OF_EACH, ids=lambda one: one.kind)
def test_a_statement_is_in_force_from_its_day_on(statement: Any) -> None:
    data = state(statement)
    day = statement.effective_on or usual_day(statement, HERE.today)
    held = data.in_force(day)
    assert held is not None
    assert held.version == 1
    assert held.event.effective_on == day
    assert data.in_force(date.fromordinal(day.toordinal() - 1)) is None


def test_a_statement_without_a_day_holds_from_the_usual_day_of_its_kind() -> None:
    days = {one.kind: usual_day(one, HERE.today) for one in ONE_OF_EACH}  # type: ignore[arg-type]
    assert days == {
        "letterhead": HERE.today,
        "signer": HERE.today,
        "plan": on("2019-01-01"),
        "baseline": on("2018-12-31"),
        "end_target": HERE.today,
        "actual": on("2019-12-31"),
        "quarterly_targets": on("2021-01-01"),
        "responsible": HERE.today,
        "narrative": on("2021-07-01"),
        "other_indicator": on("2021-12-31"),
    }
    this_year = structs.replace(OTHER, year=2022)
    assert usual_day(this_year, HERE.today) == HERE.today


def test_a_later_statement_replaces_the_one_before_as_a_whole() -> None:
    successor = structs.replace(
        HEAD, signer_name="Contoh Dua", signer_nip=None, effective_on=on("2021-05-03")
    )
    data = state(HEAD, successor)
    named = [
        data.in_force(day).event.signer_name  # type: ignore[union-attr]
        for day in (on("2021-05-02"), on("2021-05-03"))
    ]
    assert named == [HEAD.signer_name, "Contoh Dua"]
    assert data.in_force(HERE.today).event.signer_nip is None  # type: ignore[union-attr]


def test_of_two_statements_of_one_day_the_one_recorded_later_counts() -> None:
    rewritten = structs.replace(NARRATIVE, obstacles="Cuaca dan jarak")
    data = state(NARRATIVE, rewritten, NARRATIVE)
    held = data.in_force(HERE.today)
    assert held is not None
    assert (held.version, held.event.obstacles) == (3, "Cuaca")


def test_a_statement_recorded_late_for_an_earlier_day_replaces_no_later_one() -> None:
    earlier = structs.replace(HEAD, signer_name="Dulu", effective_on=on("2018-01-01"))
    data = state(HEAD, earlier)
    assert data.in_force(HERE.today).event == HEAD  # type: ignore[union-attr]
    assert data.in_force(on("2019-01-01")).event == earlier  # type: ignore[union-attr]


def test_a_correction_replaces_the_wrong_statement_from_the_beginning() -> None:
    right = structs.replace(
        HEAD, signer_nip=None, effective_on=on("2020-03-01"), reason="Salah", corrects=1
    )
    data = state(HEAD, right)
    assert data.in_force(on("2020-02-01")) is None
    held = data.in_force(on("2020-03-01"))
    assert held is not None
    assert (held.version, held.event) == (1, right)
    assert data.correction_of(1) == 2
    restored = decider.evolve(data, Annulled(annuls=2, reason="Ternyata benar"))
    assert restored.in_force(on("2020-02-01")).event == HEAD  # type: ignore[union-attr]
    assert restored.correction_of(1) is None


def test_of_several_corrections_the_last_counts() -> None:
    first = structs.replace(HEAD, signer_name="A", reason="x", corrects=1)
    second = structs.replace(HEAD, signer_name="B", reason="y", corrects=1)
    data = state(HEAD, first, second)
    assert data.in_force(HERE.today).event.signer_name == "B"  # type: ignore[union-attr]
    repeats(decider, data, second, 3, "already recorded", context=about(HEAD))


def test_an_annulled_statement_is_not_in_force_nor_is_its_correction() -> None:
    right = structs.replace(HEAD, signer_name="A", reason="x", corrects=1)
    data = state(HEAD, right, Annulled(annuls=1, reason="Orang lain"))
    assert data.in_force(HERE.today) is None
    again = Annulled(annuls=1, reason="Orang lain")
    repeats(decider, data, again, 3, "version 1", context=about(HEAD))


def test_the_same_statement_is_not_recorded_twice_however_its_numbers_are_spelled() -> (
    None
):
    data = state(OTHER)
    for spelled in ("141.92", "141,920"):
        again = structs.replace(OTHER, actual=spelled, reason="sekali lagi")
        repeats(decider, data, again, 1, "already recorded", context=about(OTHER))


def test_numbers_are_recorded_with_a_point() -> None:
    (event,) = decider.decision(OTHER, None, about(OTHER)).events
    assert event.actual == "141.92"
    assert structs.replace(OTHER, actual="141.92").actual == event.actual


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        ({"actual": "1.234"}, ("actual", "1234", "1,234")),
        ({"target": "12,3,4"}, ("target", "is not a number")),
        ({"actual": None}, ("at least one of target, actual, achievement",)),
        ({"code": IKU}, ("code is IKU-1", "the register counts")),
        ({"effective_on": on("2022-07-01")}, ("2022-07-01", "2022-06-30")),
        ({"effective_on": on("1945-08-16")}, ("1945-08-16", "1945-08-17")),
        ({"corrects": 1}, ("reason is missing",)),
        ({"corrects": 1, "reason": "x"}, ("no statement about other-indicator",)),
    ],
)
def test_an_indicator_outside_the_register_is_refused_with_a_reason(
    change: dict[str, Any], parts: tuple[str, ...]
) -> None:
    refuses(structs.replace(OTHER, **change), *parts)


@pytest.mark.parametrize(
    ("statement", "parts"),
    [
        (ActualSet(indicator="IKU-9", year=2019, actual="1"), ("IKU-9", "not exist")),
        (ActualSet(indicator=IKU, year=2019, actual="100,01"), ("100.01", "0 to 100")),
        (ActualSet(indicator=IKU, year=2019, actual="-1"), ("actual is -1",)),
        (ActualSet(indicator=IKU, year=2019, actual="71,428"), ("most 2 decimals",)),
        (ActualSet(indicator=IKU, year=2022, actual="1"), ("2022-12-31", "2022-06-30")),
        (BaselineSet(indicator=IKU, year=2018, baseline="101"), ("101", "0 to 100")),
        (EndTargetSet(indicator=IKU, end_target="0"), ("above 0 per cent",)),
        (EndTargetSet(indicator=IKU, end_target="120"), ("reason is missing", "120")),
        (
            EndTargetSet(indicator=IKU, end_target="9", effective_on=on("2033-01-01")),
            ("2033-01-01", "2032-12-31"),
        ),
        (QuarterlyTargetsSet(indicator=IKU, year=2021), ("at least one of first",)),
        (NarrativeSet(year=2021, quarter=2), ("at least one of obstacles",)),
        (NarrativeSet(year=2022, quarter=3, obstacles="x"), ("2022-07-01",)),
        (PlanSet(document="x", first_year=2023, last_year=2019), ("2019", "2023")),
        (PlanSet(document="x", first_year=2019, last_year=2029), ("2029", "2028")),
    ],
)
def test_a_statement_with_an_impossible_value_is_refused(
    statement: Statement, parts: tuple[str, ...]
) -> None:
    refuses(statement, *parts)


def test_a_plan_and_a_target_may_be_decreed_for_years_ahead() -> None:
    ahead = QuarterlyTargetsSet(indicator=IKU, year=2023, fourth="85")
    assert state(ahead).in_force(on("2023-01-01")) is not None
    above = EndTargetSet(indicator=IKU, end_target="120", reason="Keputusan wali kota")
    assert state(above).in_force(HERE.today) is not None


def test_a_decision_without_the_indicators_does_not_judge_their_codes() -> None:
    context = structs.replace(about(OTHER), indicators=None)
    assert decider.decision(OTHER, None, context).events


def test_a_statement_is_recorded_under_the_subject_that_it_is_about() -> None:
    context = structs.replace(about(NARRATIVE), subject="narrative.IKU-1.2021.2")
    refused(decider, None, NARRATIVE, "2021.2", "2021.3", context=context)
    whole = structs.replace(NARRATIVE, indicator=None)
    assert whole.subject == "narrative.2021.3"
    assert HEAD.subject == "signer.kepala-badan"


@pytest.mark.parametrize(
    ("corrects", "parts"),
    [
        (9, ("corrects is 9", "last version is 5")),
        (2, ("corrects is 2", "corrects version 1")),
        (3, ("corrects is 3", "was annulled")),
        (4, ("corrects is 4", "is an annulment")),
    ],
)
def test_only_a_statement_that_stands_is_corrected(
    corrects: int, parts: tuple[str, ...]
) -> None:
    later = structs.replace(HEAD, effective_on=on("2021-01-01"))
    data = state(
        HEAD,
        structs.replace(HEAD, signer_name="A", reason="x", corrects=1),
        later,
        Annulled(annuls=3, reason="x"),
        structs.replace(HEAD, signer_name="C", effective_on=on("2022-01-01")),
    )
    wrong = structs.replace(HEAD, signer_name="B", reason="y", corrects=corrects)
    refuses(wrong, *parts, before=data)


def test_a_correction_that_changes_nothing_is_a_repetition() -> None:
    same = structs.replace(HEAD, reason="x", corrects=1)
    repeats(decider, state(HEAD), same, 1, "already recorded", context=about(HEAD))


def test_nothing_is_annulled_where_nothing_is_stated() -> None:
    wrong = Annulled(annuls=1, reason="x")
    refused(decider, None, wrong, "no statement to annul")
    refused(decider, state(HEAD), Annulled(annuls=2, reason="x"), "annuls is 2", "is 1")


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        (SignerSet, {"office": "Kepala Badan"}),
        (SignerSet, {"signer_nip": "1985"}),
        (SignerSet, {"signer_name": " "}),
        (NarrativeSet, {"quarter": 5}),
        (NarrativeSet, {"obstacles": " \n "}),
        (NarrativeSet, {"obstacles": "a\x00b"}),
        (NarrativeSet, {"obstacles": "x" * 2001}),
        (NarrativeSet, {"unknown": 1}),
        (LetterheadSet, {"lines": []}),
        (LetterheadSet, {"lines": ["x"] * 6}),
        (OtherIndicatorSet, {"actual": "abc"}),
        (OtherIndicatorSet, {"actual": 141.92}),
        (OtherIndicatorSet, {"year": 21}),
    ],
)
def test_a_value_of_the_wrong_form_is_refused(
    kind: type[Statement], change: dict[str, Any]
) -> None:
    legal = next(one for one in ONE_OF_EACH if isinstance(one, kind))
    body = json.decode(json.encode(legal)) | change
    with pytest.raises(ValidationError):
        json.decode(json.encode(body), type=kind)


def test_a_narrative_may_have_several_lines() -> None:
    lines = "Cuaca\n\tJarak\n"
    assert state(structs.replace(NARRATIVE, obstacles=lines)).in_force(HERE.today)
