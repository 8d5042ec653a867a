"""Numbers: attributes that can be corrected, compared without case."""

import pytest
from msgspec import structs

from iku.domain import conflict, indicator, numbering, organisation
from iku.domain.fact import Annulled
from iku.domain.numbering import NumberSeries, SubjectNumber
from tests.domain.story import given, on, recorded, refused

REPORTED = conflict.Reported(
    category=conflict.Category.SARA,
    dimension=conflict.Dimension.SUKU,
    title="Perselisihan",
    effective_on=on("2021-03-01"),
)
REGISTERED = organisation.Registered(
    kind=organisation.OrganisationKind.LSM,
    name="Contoh",
    legal_basis=organisation.LegalBasis.BADAN_HUKUM,
    effective_on=on("2021-03-01"),
)


def renumbered(number: str, corrects: int = 1) -> conflict.Corrected:
    return conflict.Corrected(corrects=corrects, number=number, reason="Salah tulis")


def annulled(version: int) -> Annulled:
    return Annulled(annuls=version, reason="Tidak pernah ada")


def test_a_number_is_that_of_the_identifier_until_it_is_corrected() -> None:
    case = given(conflict.decider, REPORTED)
    assert numbering.current_number("K~1~2021", case) == SubjectNumber(
        "K/1/2021", held=True
    )
    corrected = recorded(conflict.decider, case, renumbered("K/2/2021"))
    assert numbering.current_number("A01", corrected) == SubjectNumber(
        "K/2/2021", held=True
    )
    back = recorded(conflict.decider, corrected, annulled(2))
    assert numbering.current_number("A01", back) == SubjectNumber("A01", held=True)


def test_a_number_is_not_held_while_the_opening_is_annulled() -> None:
    corrected = given(conflict.decider, REPORTED, renumbered("K15"))
    gone = recorded(conflict.decider, corrected, annulled(1))
    assert numbering.current_number("A01", gone) == SubjectNumber("A01", held=False)
    again = recorded(conflict.decider, gone, annulled(3))
    assert numbering.current_number("A01", again) == SubjectNumber("K15", held=True)


def test_a_rejected_case_holds_its_number() -> None:
    rejected = conflict.Rejected(reason="Bukan konflik")
    case = given(conflict.decider, REPORTED, rejected)
    assert numbering.current_number("A01", case) == SubjectNumber("A01", held=True)


def test_an_organisation_has_a_number_and_an_indicator_has_none() -> None:
    corrected = organisation.Corrected(corrects=1, number="O7", reason="Salah tulis")
    registered = given(organisation.decider, REGISTERED, corrected)
    assert numbering.current_number("A01", registered) == SubjectNumber("O7", held=True)
    assert numbering.number("A01", registered) == "O7"
    other = indicator.Indicator(())
    assert numbering.current_number("IKU-1", other) is None
    assert numbering.number("IKU~1", other) == "IKU/1"
    assert numbering.current_number("A01", None) is None


def test_only_an_opening_has_a_number_to_be_corrected() -> None:
    verified = conflict.Verified(effective_on=on("2021-03-02"))
    case = given(conflict.decider, REPORTED, verified)
    refused(
        conflict.decider,
        case,
        renumbered("K15", 2),
        "number is corrected, but version 2, verified, has no field of this name",
    )


def test_restating_the_number_that_it_has_adds_nothing() -> None:
    case = given(conflict.decider, REPORTED)
    refused(conflict.decider, case, renumbered("A01"), "already recorded, at version 1")
    case = recorded(conflict.decider, case, renumbered("a01"))
    assert numbering.current_number("A01", case) == SubjectNumber("a01", held=True)
    recorded(conflict.decider, case, renumbered("A01"))


def test_an_opening_repeated_is_told_whatever_the_number_has_become() -> None:
    case = conflict.evolve(None, structs.replace(REPORTED, number="K14"))
    refused(conflict.decider, case, REPORTED, "already recorded, at version 1")
    other = conflict.evolve(None, conflict.Verified(effective_on=on("2021-03-02")))
    refused(conflict.decider, other, REPORTED, "this number is already used by")


def test_numbers_are_compared_without_case() -> None:
    assert numbering.casefold("Kes/14") == numbering.casefold("kES/14") == "kes/14"
    assert (
        numbering.casefold("KE\u0301/1")
        == numbering.casefold("k\u00e9/1")
        == "k\u00e9/1"
    )
    assert SubjectNumber("K14", held=True).has_number("k14")
    assert not SubjectNumber("K14", held=False).has_number("K14")
    assert not SubjectNumber("K14", held=True).has_number("K15")


@pytest.mark.parametrize(
    ("number", "parts"),
    [
        ("K2021-00014", (2021, 14)),
        ("k2021-00014", (2021, 14)),
        ("K2021-100000", (2021, 100_000)),
        ("K2021-000014", None),
        ("K2021-14", None),
        ("O2021-00014", None),
        ("K2021-00014.2", None),
        ("K2021-" + "9" * 13, None),
    ],
)
def test_an_automatic_number_tells_its_year_and_place(
    number: str, parts: tuple[int, int] | None
) -> None:
    assert numbering.parse_serial("K", number) == parts
    if parts is not None:
        year, place = parts
        assert NumberSeries("conflict", "K", year).number(place) == number.upper()
    assert numbering.parse_serial("X", number) is None


def test_an_identifier_is_the_number_or_the_next_that_nobody_has() -> None:
    assert numbering.free_identifier("K/14", {}) == "K~14"
    assert numbering.free_identifier("K/14", {"k~14"}) == "K~14.2"
    assert numbering.free_identifier("K14", {"k14", "k14.2", "k14.4"}) == "K14.3"
    longest = "K" * 63
    assert numbering.free_identifier(longest, set()) == longest
    assert numbering.free_identifier(longest, {longest.lower()}) is None


def test_a_number_that_is_taken_names_who_has_it() -> None:
    taken = numbering.NumberTaken("conflict", "K15", "K14")
    assert str(taken) == "number K15 belongs to conflict K14"
    assert (taken.number, taken.holder) == ("K15", "K14")


def test_an_identifier_that_is_occupied_names_the_next_one() -> None:
    occupied = numbering.IdentifierTaken("K14", "k14", "K14.2")
    assert str(occupied) == "K14 is the identifier of k14"
    assert (occupied.number, occupied.holder, occupied.free) == ("K14", "k14", "K14.2")
