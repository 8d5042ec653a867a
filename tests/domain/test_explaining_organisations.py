"""Explanations of organisations, rule by rule. Positions are versions + 30."""

from typing import Any

import pytest
from msgspec import structs

from iku.domain import organisation, subject_kinds
from iku.domain.fact import Annulled
from iku.domain.indicator import (
    ExpiredRegistration,
    OrganisationOptions,
    Population,
)
from iku.domain.organisation import LegalBasis, Organisation, OrganisationKind
from iku.domain.reasons import sentence
from tests.domain.story import given, on
from tests.domain.witness import YEAR, told

STOCK = OrganisationOptions()
DROP = OrganisationOptions(expired_registration=ExpiredRegistration.DROP)
ANY_TIME = OrganisationOptions(population=Population.ANY_TIME_IN_PERIOD)
THERE = ("registered", "dihitung: terdaftar 01-02-2021, peristiwa 31")


def organised(*events: Any, **fields: Any) -> Organisation:
    """An LSM registered on 2021-02-01."""
    stated: dict[str, Any] = {
        "kind": OrganisationKind.LSM,
        "name": "Perkumpulan",
        "legal_basis": LegalBasis.SKT,
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


def restated(version: int, **fields: Any) -> organisation.Corrected:
    return organisation.Corrected(corrects=version, reason="Salah catat", **fields)


def test_the_kth_verified_participation_puts_an_organisation_into_the_numerator() -> (
    None
):
    found = organised(
        participated("2021-03-31", verified=False),
        participated("2021-05-01"),
        participated("2021-06-01"),
        organisation.ParticipationVerified(participation="P-2021-03-31"),
    )
    first = "berpartisipasi aktif: partisipasi terverifikasi ke-1 dalam periode"
    assert told(found, STOCK) == [
        THERE,
        ("takes_part", f"{first} pada 31-03-2021, peristiwa 32 dan 35"),
    ]
    twice = structs.replace(STOCK, participation_threshold=2)
    assert (
        "ke-2 dalam periode pada 01-05-2021, peristiwa 33" in told(found, twice)[1][1]
    )
    assert (
        "pada 01-05-2021, peristiwa 33"
        in told(found, STOCK, "2021-06-30", "quarter")[1][1]
    )


def test_too_few_participations_are_told_with_what_is_missing() -> None:
    twice = structs.replace(STOCK, participation_threshold=3)
    found = organised(
        participated("2021-03-31"),
        participated("2021-05-01", verified=False),
        participated("2021-06-01"),
        annulled(4),
        participated("2022-01-01"),
    )
    assert told(found, twice)[1] == (
        "too_few",
        (
            "belum berpartisipasi aktif: 1 dari 3 partisipasi terverifikasi dalam "
            "periode (1 belum diverifikasi, 1 dibatalkan), peristiwa 32, 33 dan 35"
        ),
    )
    doubted = organised(participated("2021-03-31"), restated(2, verified=False))
    assert told(doubted, STOCK)[1][1].endswith("peristiwa 32 (dikoreksi peristiwa 33)")


def test_a_suspended_organisation_does_not_take_part() -> None:
    found = organised(
        participated("2021-03-31"),
        organisation.Suspended(effective_on=on("2021-05-01")),
    )
    assert told(found, STOCK)[1] == (
        "suspended",
        "tidak berpartisipasi aktif: dibekukan sejak 01-05-2021, peristiwa 33",
    )


@pytest.mark.parametrize(
    ("end", "rule", "word"),
    [
        (organisation.Dissolved, "dissolved", "bubar"),
        (organisation.Revoked, "revoked", "dicabut"),
        (organisation.MovedOut, "moved_out", "pindah"),
    ],
)
def test_an_organisation_that_left_counts_if_any_day_of_the_period_does(
    end: Any, rule: str, word: str
) -> None:
    left = organised(end(effective_on=on("2021-08-01")))
    gone = f"{word} 01-08-2021"
    assert told(left, STOCK) == [(rule, f"tidak dihitung: {gone}, peristiwa 32")]
    assert told(left, ANY_TIME)[0] == (
        "left_in_period",
        (
            f"dihitung: masih ada dalam periode, sampai 31-07-2021; {gone}, "
            "peristiwa 31 dan 32"
        ),
    )
    assert told(left, ANY_TIME, "2021-12-31", "quarter") == [
        (
            "gone_before",
            (
                f"tidak dihitung: {gone}, sehingga tidak ada lagi sejak 01-10-2021, "
                "peristiwa 32"
            ),
        )
    ]


def test_an_organisation_that_left_on_its_first_day_never_was_there() -> None:
    left = organised(organisation.Dissolved(effective_on=on("2021-02-01")))
    for options in (STOCK, ANY_TIME):
        assert told(left, options) == [
            ("dissolved", "tidak dihitung: bubar 01-02-2021, peristiwa 32")
        ]


def test_an_expired_certificate_is_told_where_it_decides() -> None:
    longer = organisation.Renewed(
        effective_on=on("2021-06-01"), valid_until=on("2021-08-31")
    )
    found = organised(longer, valid_until=on("2021-06-30"))
    assert told(found, STOCK)[0] == THERE
    until = "SKT berlaku hanya sampai"
    assert told(found, DROP) == [
        ("expired", f"tidak dihitung: {until} 31-08-2021, peristiwa 32")
    ]
    never = organised(restated(1, valid_until=on("2021-07-31")))
    assert told(never, DROP) == [
        (
            "expired",
            (
                f"tidak dihitung: {until} 31-07-2021, "
                "peristiwa 31 (dikoreksi peristiwa 32)"
            ),
        )
    ]
    ever = structs.replace(DROP, population=Population.ANY_TIME_IN_PERIOD)
    assert told(found, ever, "2021-12-31", "quarter")[0][0] == "gone_before"
    left = organised(
        organisation.Dissolved(effective_on=on("2021-09-15")),
        valid_until=on("2021-06-30"),
    )
    assert told(left, DROP)[0][0] == "dissolved"
    assert until in told(left, ever, "2021-09-30", "quarter")[0][1]


def test_an_organisation_of_another_kind_or_of_later_does_not_count() -> None:
    parties = OrganisationOptions(
        kinds=(OrganisationKind.ORMAS, OrganisationKind.PARPOL)
    )
    assert told(
        organised(restated(1, kind=OrganisationKind.LSM), kind=OrganisationKind.ORMAS),
        parties,
    ) == [
        (
            "other_kind",
            (
                "tidak dihitung: jenisnya lsm, bukan ormas/parpol, "
                "peristiwa 31 (dikoreksi peristiwa 32)"
            ),
        )
    ]
    assert told(organised(), STOCK, "2021-01-31") == [
        (
            "not_yet",
            (
                "tidak dihitung: baru terdaftar 01-02-2021, setelah 31-01-2021, "
                "peristiwa 31"
            ),
        )
    ]
    assert told(organised(annulled(1)), STOCK) == [
        ("annulled", "tidak dihitung: pendaftaran 01-02-2021 dibatalkan, peristiwa 32")
    ]


def annulled(version: int) -> Annulled:
    return Annulled(annuls=version, reason="Keliru")


def test_the_same_is_told_in_english() -> None:
    left = organised(organisation.MovedOut(effective_on=on("2021-08-01")))
    found = subject_kinds.membership(left, ANY_TIME, *YEAR)
    assert sentence(found.denominator.reason(), [7, 9]) == (
        "counted: existed in the period, until 2021-07-31; "
        "moved out on 2021-08-01, events 7 and 9"
    )
