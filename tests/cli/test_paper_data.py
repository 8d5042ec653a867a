"""Data of the agency on the command line."""

from typing import Any

import pytest

HEAD = (
    *("paper", "set", "signer", "--office", "kepala_badan"),
    *("--office-title", "Kepala Badan", "--signer-name", "Contoh Satu, S.H."),
    *("--effective-on", "2020-01-02"),
)
OTHER = (
    *("paper", "set", "other-indicator", "--code", "IKU-4", "--year", 2021),
    *("--wording", "Indeks contoh", "--measure", "indeks"),
)
NARRATIVE = (
    *("paper", "set", "narrative", "--indicator", "IKU-1", "--year", 2021),
    *("--quarter", 3, "--obstacles", "Cuaca"),
)

pytestmark = pytest.mark.usefixtures("register", "reading")


@pytest.mark.usefixtures("writing")
def test_a_statement_is_made_corrected_annulled_and_shown_with_its_history(
    iku: Any,
) -> None:
    done = iku(*HEAD)
    assert (done.code, done.err) == (0, "")
    assert "Recorded: paper data signer.kepala-badan, version 1" in done.out
    fixed = iku(
        *(*HEAD, "--signer-nip", "198501012010011001"),
        *("--corrects", 1, "--reason", "NIP belum tercantum"),
    )
    assert "version 2" in fixed.out
    [held] = iku("paper", "data", "--json").json["statements"]
    assert (held["stated"], held["corrected"]) == (1, 2)
    assert held["statement"]["signer_nip"] == "198501012010011001"
    assert held["statement"]["reason"] == "NIP belum tercantum"
    told = iku("paper", "history", "signer.kepala-badan", COLUMNS="300").out
    assert told.count("signer named") == 2
    assert "version: 1" in told
    gone = iku("paper", "annul", "signer.kepala-badan", "--annuls", 1, "--reason", "x")
    assert (gone.code, gone.err) == (0, "")
    [left] = iku("paper", "data", "--json").json["statements"]
    assert (left["version"], left["statement"]) == (3, None)


@pytest.mark.usefixtures("writing")
def test_the_data_are_shown_as_of_a_day_by_kind_and_in_the_readers_spelling(
    iku: Any,
) -> None:
    assert iku(*NARRATIVE).code == 0
    assert iku(*OTHER, "--target", "100", "--actual", "141,92").code == 0
    told = iku("paper", "data", COLUMNS="300").out
    assert "narrative.IKU-1.2021.3" in told
    assert "obstacles: Cuaca" in told
    assert "actual: 141.92" in told
    early = iku("paper", "data", "--as-of", "2021-06-30").out
    assert "Cuaca" not in early
    of_kind = iku("paper", "data", "--kind", "other_indicator", "--json").json
    assert [one["id"] for one in of_kind["statements"]] == [
        "other-indicator.IKU-4.2021"
    ]
    assert of_kind["statements"][0]["statement"]["actual"] == "141.92"


@pytest.mark.usefixtures("indonesian")
@pytest.mark.usefixtures("writing")
def test_numbers_are_shown_with_a_decimal_comma_in_indonesian(iku: Any) -> None:
    assert "Belum ada data instansi" in iku("paper", "data").out
    assert iku(*OTHER, "--actual", "1.234,5").code == 0
    assert "realisasi: 1.234,5" in iku("paper", "data", COLUMNS="300").out


def test_the_help_says_what_cannot_be_erased(iku: Any) -> None:
    for arguments in (("set",), ("set", "signer"), ("set", "narrative")):
        said = " ".join(iku("paper", *arguments, "--help").out.split())
        assert "cannot be erased" in said


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        ((*OTHER, "--actual", "1.234"), 1, "can be read as 1234 or as 1,234"),
        ((*OTHER, "--actual", "abc"), 2, "--actual"),
        (OTHER, 1, "at least one of target, actual, achievement"),
        ((*NARRATIVE[:4], "IKU-9", *NARRATIVE[5:]), 1, "IKU-9, which does not exist"),
        ((*NARRATIVE[:-4], "--quarter", 5, *NARRATIVE[-2:]), 2, "--quarter"),
        ((*HEAD, "--signer-nip", "1985"), 2, "18 digits"),
        (HEAD[:-2][:-2], 2, "--signer-name"),
        ((*HEAD, "--corrects", 1), 1, "reason is missing"),
        (("paper", "history", "signer.wali-kota"), 1, "does not exist"),
        (
            ("paper", "annul", "signer.wali-kota", "--annuls", 1, "--reason", "x"),
            1,
            "signer.wali-kota does not exist",
        ),
    ],
)
def test_bad_data_are_refused_with_a_sentence(
    iku: Any, arguments: tuple[Any, ...], code: int, sentence: str
) -> None:
    said = iku(*arguments)
    assert (said.code, said.out) == (code, "")
    assert sentence in " ".join(said.err.split())
