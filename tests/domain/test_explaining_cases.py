"""Explanations of cases, rule by rule. Positions are versions + 30."""

from typing import Any

from msgspec import structs

from iku.domain import conflict, subject_kinds
from iku.domain.conflict import Category, Conflict, Dimension, Level, Manner
from iku.domain.fact import Annulled
from iku.domain.indicator import (
    CarryOver,
    ConflictOptions,
    DateBasis,
    Reopening,
)
from iku.domain.reasons import explanation, sentence
from iku.language import Language, translate
from tests.domain.story import AREA, given, on
from tests.domain.witness import YEAR, told

IKU_1 = ConflictOptions(Category.IPOLEKSOSBUD)
VERIFIED = conflict.Verified(effective_on=on("2021-03-02"))


def reported(day: str = "2021-03-01", **fields: Any) -> conflict.Reported:
    stated: dict[str, Any] = {
        "category": Category.IPOLEKSOSBUD,
        "dimension": Dimension.SOSIAL,
        "title": "Perselisihan warga",
        "area": AREA,
    }
    return conflict.Reported(effective_on=on(day), **{**stated, **fields})


def resolved(day: str, manner: Manner = Manner.MEDIASI) -> conflict.Resolved:
    return conflict.Resolved(effective_on=on(day), manner=manner)


def reopened(day: str) -> conflict.Reopened:
    return conflict.Reopened(effective_on=on(day))


def corrected(version: int, **fields: Any) -> conflict.Corrected:
    return conflict.Corrected(corrects=version, reason="Salah catat", **fields)


def annulled(version: int) -> Annulled:
    return Annulled(annuls=version, reason="Keliru")


def case(*events: Any, first: conflict.Reported | None = None) -> Conflict:
    """A case that is reported and verified, and then *events*."""
    first = first or reported()
    sure = conflict.Verified(effective_on=first.effective_on)
    found = given(conflict.decider, first, sure, *events)
    assert isinstance(found, Conflict)
    return found


def test_a_case_whose_day_of_occurrence_was_cleared_cites_that_correction() -> None:
    first = reported(occurred_on=on("2020-12-01"))
    options = structs.replace(IKU_1, date_basis=DateBasis.OCCURRED)
    cleared = case(corrected(1, occurred_on=None), first=first)
    sentence = (
        "dilaporkan 01-03-2021, dalam periode, peristiwa 31 (dikoreksi peristiwa 33)"
    )
    assert told(cleared, options)[0] == ("new_in_period", f"dihitung: {sentence}")


def test_a_returned_report_says_so_until_it_is_completed() -> None:
    given_back = conflict.Returned(effective_on=on("2021-03-05"), missing="Surat")
    found = given(conflict.decider, reported(), given_back)
    sentence = (
        "tidak dihitung: laporan 01-03-2021 dikembalikan 05-03-2021 untuk dilengkapi "
        "dan belum diverifikasi, peristiwa 31 dan 32"
    )
    assert told(found, IKU_1) == [("returned", sentence)]
    done = given(conflict.decider, reported(), given_back, corrected(1, title="Lain"))
    assert told(done, IKU_1)[0][0] == "not_verified"
    counts = given(
        conflict.decider, reported(), given_back, corrected(1, title="Lain"), VERIFIED
    )
    assert told(counts, IKU_1)[0][0] == "new_in_period"


def test_of_a_return_and_an_annulled_verification_the_later_is_told() -> None:
    given_back = conflict.Returned(effective_on=on("2021-03-05"), missing="Surat")
    first = given(conflict.decider, reported(), VERIFIED, annulled(2), given_back)
    assert told(first, IKU_1)[0][0] == "returned"
    last = given(conflict.decider, reported(), given_back, VERIFIED, annulled(3))
    assert told(last, IKU_1)[0][0] == "verification_annulled"


NEW = ("new_in_period", "dihitung: dilaporkan 01-03-2021, dalam periode, peristiwa 31")
EVE = "dihitung: berjalan sejak {} dan belum selesai sebelum {}, peristiwa {}"


def test_a_case_new_in_the_period_is_resolved_or_still_open() -> None:
    closed = case(resolved("2021-05-05"))
    assert told(closed, IKU_1) == [
        NEW,
        ("resolved", "selesai: ditutup 05-05-2021 (mediasi), peristiwa 33"),
    ]
    assert told(closed, IKU_1, "2021-05-04") == [
        NEW,
        (
            "closed_later",
            (
                "masih terbuka per 04-05-2021: baru ditutup 05-05-2021 (mediasi), "
                "peristiwa 33"
            ),
        ),
    ]
    assert told(case(), IKU_1)[1] == (
        "still_open",
        "masih terbuka: dilaporkan 01-03-2021 dan belum ditutup, peristiwa 31",
    )


def test_a_closing_that_was_corrected_names_its_correction() -> None:
    late = case(resolved("2021-05-05"), corrected(3, effective_on=on("2022-02-01")))
    assert told(late, IKU_1)[1] == (
        "closed_later",
        (
            "masih terbuka per 31-12-2021: baru ditutup 01-02-2022 (mediasi), "
            "peristiwa 33 (dikoreksi peristiwa 34)"
        ),
    )
    handed_on = case(resolved("2021-05-05"), corrected(3, manner=Manner.DILIMPAHKAN))
    assert told(handed_on, IKU_1)[1] == (
        "no_resolution",
        (
            "belum selesai: ditutup 05-05-2021 (dilimpahkan), yang bukan penyelesaian, "
            "peristiwa 33 (dikoreksi peristiwa 34)"
        ),
    )


def test_an_annulled_closing_is_named_with_its_day_and_the_annulment() -> None:
    undone = case(resolved("2021-10-15"), annulled(3))
    assert told(undone, IKU_1)[1] == (
        "closing_annulled",
        "masih terbuka: penutupan 15-10-2021 dibatalkan, peristiwa 34",
    )
    moved = case(
        resolved("2021-10-15"), corrected(3, effective_on=on("2021-11-01")), annulled(3)
    )
    assert "penutupan 01-11-2021 dibatalkan, peristiwa 35" in told(moved, IKU_1)[1][1]
    # It cites no later or other closing, and none that would not count.
    assert told(undone, IKU_1, "2021-10-14")[1][0] == "still_open"
    again = case(resolved("2021-10-15"), annulled(3), resolved("2021-11-01"))
    assert told(again, IKU_1)[1][0] == "resolved"
    handed_on = case(resolved("2021-10-15", Manner.DILIMPAHKAN), annulled(3))
    assert told(handed_on, IKU_1)[1][0] == "still_open"


def test_an_annulment_that_was_annulled_decides_nothing() -> None:
    back = case(resolved("2021-10-15"), annulled(3), annulled(4))
    assert told(back, IKU_1)[1][0] == "resolved"
    gone = case(resolved("2021-10-15"), annulled(3), annulled(4), annulled(3))
    assert told(gone, IKU_1)[1] == (
        "closing_annulled",
        "masih terbuka: penutupan 15-10-2021 dibatalkan, peristiwa 36",
    )


def test_a_reopened_case_is_open_since_then_unless_the_first_closure_counts() -> None:
    again = case(resolved("2021-05-05"), reopened("2021-08-10"))
    assert told(again, IKU_1)[1] == (
        "reopened",
        "masih terbuka: dibuka kembali 10-08-2021, peristiwa 34",
    )
    once = structs.replace(IKU_1, reopening=Reopening.FIRST_CLOSURE_COUNTS)
    assert told(again, once)[1] == (
        "first_closure",
        "selesai: penutupan pertama 05-05-2021 (mediasi) tetap dihitung, peristiwa 33",
    )


def test_a_case_of_before_is_carried_over_reopened_or_over() -> None:
    old = reported("2020-11-10")
    pending = case(first=old)
    assert told(pending, IKU_1)[0] == (
        "open_on_eve",
        EVE.format("10-11-2020", "01-01-2021", 31),
    )
    again = case(resolved("2020-12-01"), reopened("2020-12-20"), first=old)
    assert told(again, IKU_1)[0] == (
        "open_on_eve",
        EVE.format("20-12-2020", "01-01-2021", 34),
    )
    over = case(resolved("2020-12-01"), first=old)
    assert told(over, IKU_1) == [
        (
            "resolved_before",
            (
                "tidak dihitung: selesai 01-12-2020 (mediasi), sebelum 01-01-2021, "
                "dan tidak dibuka kembali sejak itu, peristiwa 33"
            ),
        )
    ]
    back = case(resolved("2020-12-01"), reopened("2021-02-03"), first=old)
    assert told(back, IKU_1)[0] == (
        "reopened_in_period",
        "dihitung: dibuka kembali 03-02-2021, dalam periode, peristiwa 34",
    )
    new_only = structs.replace(IKU_1, carry_over=CarryOver.EXCLUDE)
    assert told(back, new_only) == [
        (
            "not_new",
            "tidak dihitung: dilaporkan 10-11-2020, sebelum 01-01-2021, peristiwa 31",
        )
    ]


def test_a_case_that_was_taken_away_names_by_what() -> None:
    rejected = case(conflict.Rejected(reason="Kabar bohong"))
    assert told(rejected, IKU_1) == [
        ("rejected", "tidak dihitung: ditolak, peristiwa 33")
    ]
    assert told(case(annulled(1)), IKU_1) == [
        ("annulled", "tidak dihitung: laporan 01-03-2021 dibatalkan, peristiwa 33")
    ]
    merged = Conflict(
        (
            reported(),
            VERIFIED,
            conflict.Merged(into="K06", reason="Sama"),
            corrected(3, into="K07"),
        )
    )
    assert told(merged, IKU_1) == [
        (
            "merged",
            "tidak dihitung: digabung ke K07, peristiwa 33 (dikoreksi peristiwa 34)",
        )
    ]


def test_a_number_is_never_taken_for_a_word() -> None:
    into = conflict.Merged(into="reported", reason="Sama")
    merged = Conflict((reported(), into))
    assert (
        told(merged, IKU_1)[0][1]
        == "tidak dihitung: digabung ke reported, peristiwa 32"
    )


def test_a_case_that_is_not_verified_any_more_names_the_annulment() -> None:
    unsure = given(conflict.decider, reported())
    assert told(unsure, IKU_1) == [
        (
            "not_verified",
            "tidak dihitung: laporan 01-03-2021 belum diverifikasi, peristiwa 31",
        )
    ]
    assert told(case(annulled(2)), IKU_1) == [
        (
            "verification_annulled",
            "tidak dihitung: verifikasi 01-03-2021 dibatalkan, peristiwa 33",
        )
    ]


def test_a_case_comes_on_the_day_that_the_definition_goes_by() -> None:
    found = case(
        first=reported(occurred_on=on("2021-02-20")),
    )
    occurred = structs.replace(IKU_1, date_basis=DateBasis.OCCURRED)
    assert told(found, IKU_1, "2021-02-28") == [
        (
            "not_yet",
            (
                "tidak dihitung: baru dilaporkan 01-03-2021, setelah 28-02-2021, "
                "peristiwa 31"
            ),
        )
    ]
    assert told(found, occurred, "2021-02-28") == [
        (
            "new_in_period",
            "dihitung: terjadi 20-02-2021, dalam periode, peristiwa 31",
        ),
        (
            "still_open",
            "masih terbuka: terjadi 20-02-2021 dan belum ditutup, peristiwa 31",
        ),
    ]
    moved = case(corrected(1, occurred_on=on("2021-02-25")), first=found.history[0])
    assert told(moved, occurred, "2021-02-24") == [
        (
            "not_yet",
            (
                "tidak dihitung: baru terjadi 25-02-2021, setelah 24-02-2021, "
                "peristiwa 31 (dikoreksi peristiwa 33)"
            ),
        )
    ]


def test_another_category_names_the_fact_it_is_of_and_its_correction() -> None:
    sara: dict[str, Any] = {"category": Category.SARA, "dimension": Dimension.AGAMA}
    iku_3 = structs.replace(IKU_1, category=Category.SARA)
    wrong = case(corrected(1, **sara))
    assert told(wrong, IKU_1) == [
        (
            "other_category",
            (
                "tidak dihitung: kategori per 31-12-2021 ialah sara, "
                "bukan ipoleksosbud, peristiwa 31 (dikoreksi peristiwa 33)"
            ),
        )
    ]
    assert told(wrong, iku_3)[0][1].endswith("peristiwa 31 (dikoreksi peristiwa 33)")
    turned = case(conflict.Reclassified(effective_on=on("2021-07-01"), **sara))
    assert told(turned, IKU_1)[0][1].endswith("bukan ipoleksosbud, peristiwa 33")
    assert told(turned, iku_3, "2021-06-30")[0][1].endswith("bukan sara, peristiwa 31")
    # The report makes it new, the reclassification makes it this indicator's.
    assert told(turned, iku_3)[0][1].endswith("dalam periode, peristiwa 31 dan 33")


def test_too_low_a_level_names_the_fact_it_is_of() -> None:
    high = structs.replace(IKU_1, minimum_level=Level.STATUS_KEADAAN_KONFLIK)
    raised = conflict.Reclassified(effective_on=on("2021-07-01"), level=Level.KEKERASAN)
    assert told(case(raised), high) == [
        (
            "below_level",
            (
                "tidak dihitung: tingkat per 31-12-2021 ialah kekerasan, di bawah "
                "status keadaan konflik, peristiwa 33"
            ),
        )
    ]
    # Only the dimension is reclassified: the level is still that of the report.
    other = conflict.Reclassified(
        effective_on=on("2021-07-01"), dimension=Dimension.BUDAYA
    )
    assert told(case(other), high)[0][1].endswith("peristiwa 31")


def test_the_same_is_told_in_english() -> None:
    found = subject_kinds.membership(
        case(corrected(1, effective_on=on("2021-02-27"))), IKU_1, *YEAR
    )
    assert sentence(found.denominator.reason(), [7, 8, 12]) == (
        "counted: reported on 2021-02-27, in the period, "
        "event 7 (corrected by event 12)"
    )


def test_all_of_an_explanation_is_told_in_one_sentence() -> None:
    counted = subject_kinds.membership(case(resolved("2021-05-01")), IKU_1, *YEAR)
    indonesian = translate(explanation(counted, [31, 32, 33]), Language.INDONESIAN)
    assert indonesian == (
        "dihitung: dilaporkan 01-03-2021, dalam periode, peristiwa 31; "
        "selesai: ditutup 01-05-2021 (mediasi), peristiwa 33"
    )
    missing = subject_kinds.membership(case(annulled(1)), IKU_1, *YEAR)
    assert (missing.part, missing.district) == ("sosial", "")
    alone = sentence(missing.denominator.reason(), [31, 32, 33])
    assert explanation(missing, [31, 32, 33]) == alone
