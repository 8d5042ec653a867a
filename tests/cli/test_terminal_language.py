"""The terminal's language: Indonesian, or English if IKU_LANGUAGE selects it."""

from pathlib import Path

import pytest

from tests.cli.conftest import Type

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

    assert "--effective-on YYYY-MM-DD Tanggal mulai berlaku. [wajib]" in said
    assert "Cara penyelesaian. Salah satu dari islah, kesepakatan_damai," in said


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
