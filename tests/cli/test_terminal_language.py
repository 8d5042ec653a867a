"""The terminal's language: Indonesian, or English if IKU_LANGUAGE selects it."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from iku.cli import terminal
from iku.messages import message
from tests.cli.conftest import Said, Type

pytestmark = pytest.mark.usefixtures("reading")

INDONESIAN: dict[str, str | None] = {"IKU_LANGUAGE": None}
CASE = (
    *("--category", "sara", "--dimension", "agama", "--title", "Pawai"),
    *("--effective-on", "2021-02-09"),
)


def test_the_help_is_indonesian_unless_english_is_asked_for(iku: Type) -> None:
    indonesian = iku("--help", **INDONESIAN)
    english = iku("--help", IKU_LANGUAGE="en")

    assert indonesian.out.startswith("Pemakaian: iku")
    assert "  figure        Tampilkan" in (indonesian.out)
    assert english.out.startswith("Usage: iku")
    assert "  figure        Show" in english.out


def test_options_are_described_in_that_language(iku: Type) -> None:
    said = " ".join(iku("record", "resolved", "--help", **INDONESIAN).out.split())

    assert "--effective-on YYYY-MM-DD Tanggal efektif. [wajib]" in said
    assert "Cara penyelesaian. Salah satu dari islah, kesepakatan_damai," in said


@pytest.mark.usefixtures("writing")
def test_a_rule_refuses_in_that_language(iku: Type) -> None:
    assert iku("report", *CASE, "--number", "K1").code == 0
    again = ("record", "reopened", "K1", "--effective-on", "2021-03-01")

    assert iku(*again, **INDONESIAN).err == (
        "iku: kasus ini masih terbuka sejak 9 Februari 2021, "
        "sehingga tidak dapat dibuka kembali pada 1 Maret 2021\n"
    )
    assert iku(*again, IKU_LANGUAGE="en").err == (
        "iku: the case has been open since 2021-02-09, "
        "so it cannot be reopened on 2021-03-01\n"
    )


def test_what_was_mistyped_is_said_in_that_language(iku: Type) -> None:
    assert iku("frobnicate", **INDONESIAN).err == (
        "iku: Perintah 'frobnicate' tidak ada (lihat \"iku --help\")\n"
    )
    assert iku("figure", "--as-of", "x", **INDONESIAN).err == (
        'iku: --as-of harus berupa tanggal yang ditulis YYYY-MM-DD, bukan "x" '
        '(lihat "iku figure --help")\n'
    )


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (("figure", "--as-of"), "Opsi '--as-of' memerlukan 1 nilai"),
        (("figure", "--as-o", "x"), "Mungkin maksud Anda '--as-of', '--json'?"),
        (("figur",), "Mungkin maksud Anda 'figure', 'guard'?"),
        (("status", "x", "y"), "Argumen berlebih (x y)"),
        (("history", "K9", "--kind", "x"), "'x' bukan salah satu dari 'conflict'"),
    ],
)
def test_hints_and_refusals_of_click_are_in_that_language(
    iku: Type, typed: tuple[str, ...], said: str
) -> None:
    assert said in iku(*typed, **INDONESIAN).err


def test_faults_of_an_import_are_in_that_language(iku: Type, tmp_path: Path) -> None:
    file = tmp_path / "target.csv"
    file.write_text(
        "indikator,tahun,target,berlaku_mulai,dasar\nIKU-1,2021,80%,2021-01-01,PK\n"
    )
    refused = iku("import", file, **INDONESIAN)

    assert refused.code == 1
    assert 'berisi "80%", padahal isinya harus persentase' in " ".join(
        refused.err.split()
    )
    faulty = iku("import", file, "--json", **INDONESIAN)
    [fault] = faulty.json["files"][0]["faults"]
    assert fault["message"].startswith('berisi "80%"')


@pytest.mark.parametrize("language", ["fr", "ID", "indonesia"])
def test_a_language_that_there_is_not_is_refused(iku: Type, language: str) -> None:
    refused = iku("status", IKU_LANGUAGE=language)

    assert refused.code == 1
    assert refused.err == (
        f'iku: IKU_LANGUAGE berisi "{language}", padahal nilainya harus id atau en\n'
    )


YEAR_END = ("--as-of", "2021-12-31", "--known-on", "2022-01-15")


def lines(said: Said) -> list[str]:
    """The printed lines, with each run of blanks replaced by one."""
    assert said.code == 0, said.err
    return [" ".join(line.split()) for line in said.out.splitlines() if line]


def test_figures_are_printed_in_that_language(register: Type) -> None:
    english = lines(register("figure", "IKU-1", *YEAR_END))
    indonesian = lines(register("figure", "IKU-1", *YEAR_END, **INDONESIAN))

    assert english[:2] == [
        "Year 2021, as of 2021-12-31, as known on 2022-01-15, from 146 events",
        "Indicator Numerator Denominator Actual Target Achievement Rating",
    ]
    assert english[3] == "IKU-1 8 9 88.89% 80.00% 111.11% Sangat Tinggi"
    assert indonesian[:2] == [
        "Tahun 2021, per 31-12-2021, diketahui per 15-01-2022, dari 146 peristiwa",
        "Indikator Pembilang Penyebut Realisasi Target Capaian Predikat",
    ]
    assert indonesian[3] == "IKU-1 8 9 88,89% 80,00% 111,11% Sangat Tinggi"


def test_a_case_is_shown_and_explained_in_that_language(register: Type) -> None:
    shown = lines(register("show", "conflict", "K10", *YEAR_END))
    explained = lines(register("explain", "IKU-1", "--subject", "K10", *YEAR_END))
    history = lines(register("history", "K10"))

    assert shown[0] == "Case K10 as of 2021-12-31, as known on 2022-01-15"
    assert "Status resolved 2021-10-15" in shown
    assert shown[-1] == "Version 3; its history: iku history conflict-K10"
    assert "counted: reported on 2021-08-30, in the period" in explained[3]
    assert history[-1] == "* as the imported journal states"


def test_lists_and_their_totals_are_in_that_language(register: Type) -> None:
    listed = lines(register("list", "conflicts", "--as-of", "2021-12-31"))

    assert listed[0] == "List of cases as of 2021-12-31"
    assert listed[-1] == "15 cases: 3 open, 10 resolved, 1 rejected, 1 merged."


@pytest.mark.usefixtures("writing")
def test_a_receipt_is_in_that_language(iku: Type) -> None:
    asked = ("report", *CASE, "--number", "K1")
    [first] = lines(iku(*asked))
    [other] = lines(iku(*asked[:-1], "K2", **INDONESIAN))

    assert first == "Recorded: case K1, version 1, event 5."
    assert other == "Dicatat: kasus K2, versi 1, peristiwa 6."


@pytest.mark.parametrize(
    ("language", "hint", "typed", "confirmed"),
    [
        ("id", "[y/T]", "ya", True),
        ("id", "[y/T]", "t", False),
        ("id", "[y/T]", "", False),
        ("en", "[y/N]", "yes", True),
        ("en", "[y/N]", "maybe\nn", False),
    ],
)
def test_a_question_shows_and_accepts_the_answers_of_that_language(
    monkeypatch: pytest.MonkeyPatch,
    language: str,
    hint: str,
    typed: str,
    *,
    confirmed: bool,
) -> None:
    monkeypatch.setenv("IKU_LANGUAGE", language)
    with CliRunner().isolation(f"{typed}\n") as (out, *_):
        assert terminal.confirm(message("Erase permanently?"), err=False) is confirmed
        assert hint in out.getvalue().decode()
