"""`iku explain` and `iku history`: tables, JSON and CSV."""

import csv
import io
from typing import Any

import asyncpg
import pytest

from iku.postgres.database import Database
from tests.cli.conftest import Type

pytestmark = pytest.mark.usefixtures("reading")

YEAR_END = ("--as-of", "2021-12-31")


@pytest.mark.usefixtures("indonesian")
@pytest.mark.usefixtures("register")
def test_each_case_has_its_marks_and_its_sentence(iku: Type) -> None:
    said = iku("explain", "IKU-1", *YEAR_END, "--known-on", "2022-06-30")
    assert said.code == 0
    lines = {line.split(" ")[0]: line for line in said.out.splitlines() if line}
    assert "✓         –          dihitung: dilaporkan 30-08-2021" in lines["K10"]
    assert "penutupan 15-10-2021 dibatalkan" in lines["K10"]
    assert "–         –          tidak dihitung: digabung ke K07" in lines["K06"]
    assert "Tahun 2021, per 31-12-2021, diketahui per 30-06-2022" in said.out
    assert "Ditampilkan 16 dari 16 yang diperiksa." in said.out
    figure = iku("figure", "IKU-1", *YEAR_END, "--known-on", "2022-06-30", "--json")
    assert f"Jumlah: 7 dari 9 (77,78%), nomor {figure.json['number']}" in said.out


@pytest.mark.usefixtures("indonesian")
@pytest.mark.usefixtures("register")
def test_what_is_looked_for_is_shown_and_the_sum_stays(iku: Type) -> None:
    said = iku("explain", "IKU-2", *YEAR_END, "--counted", "open", "--part", "lsm")
    assert "Ditampilkan 3 dari 40 yang diperiksa." in said.out
    assert "Jumlah: 33 dari 38 (86,84%)" in said.out
    one = iku("explain", "IKU-1", *YEAR_END, "--subject", "K06", "--json").json
    assert [item["number"] for item in one["items"]] == ["K06"]
    none = iku("explain", "IKU-1", *YEAR_END, "--district", "99", "--rule", "merged")
    assert "Ditampilkan 0 dari 16" in none.out


@pytest.mark.usefixtures("register")
def test_programs_get_the_same_as_json_and_as_csv(iku: Type) -> None:
    found = iku("explain", "IKU-1", *YEAR_END, "--json").json
    assert list(found) == ["figure", "items", "examined", "next"]
    assert (found["examined"], found["next"]) == (16, None)
    assert sum(item["numerator"] for item in found["items"]) == 7
    assert found["figure"] == iku("figure", "IKU-1", *YEAR_END, "--json").json
    text = iku("explain", "IKU-1", *YEAR_END, "--csv").out
    command = ("explain", "IKU-1", *YEAR_END, "--csv", "--delimiter")
    assert iku(*command, "comma").out == text
    other = iku(*command, "semicolon").out
    assert list(csv.reader(io.StringIO(other), delimiter=";")) == list(
        csv.reader(io.StringIO(text))
    )
    assert other.count(";") > 100
    assert text.startswith("\ufeffnomor,judul,")
    rows = list(csv.reader(io.StringIO(text)))[1:]
    assert [row[0] for row in rows] == [item["number"] for item in found["items"]]


@pytest.mark.parametrize("delimiter", ["comma", "semicolon"])
@pytest.mark.usefixtures("register")
def test_csv_has_the_headings_days_and_numbers_of_programs_in_either_language(
    iku: Type, delimiter: str
) -> None:
    typed = ("explain", "IKU-1", *YEAR_END, "--csv", "--delimiter", delimiter)
    separator = {"comma": ",", "semicolon": ";"}[delimiter]
    indonesian, english = (
        list(
            csv.DictReader(
                io.StringIO(iku(*typed, IKU_LANGUAGE=language).out.lstrip("\ufeff")),
                delimiter=separator,
            )
        )
        for language in ("id", "en")
    )
    assert "alasan_penyebut" in english[0]
    for one, other in zip(indonesian, english, strict=True):
        for name in ("alasan_penyebut", "alasan_pembilang"):
            assert one.pop(name) != other.pop(name)
        assert one == other


@pytest.mark.usefixtures("register", "writing")
async def test_a_sum_that_is_not_the_figure_ends_with_1(
    iku: Type, database: Database
) -> None:
    owner = await asyncpg.connect(database.owner_dsn)
    await owner.execute(
        "update projection.contribution set numerator = 0, denominator = 0"
    )
    await owner.close()
    said = iku("explain", "IKU-1", *YEAR_END)
    assert said.code == 1
    assert "the figure is 0 of 0, but the sum over the cases is 7 of 9" in said.err


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("explain",), 2, "Missing argument 'CODE'"),
        (
            ("explain", "IKU-1", "--csv", "--json"),
            2,
            "--csv, --xlsx and --json exclude",
        ),
        (("explain", "IKU-1", "--delimiter", "comma"), 2, "--delimiter needs --csv"),
        (("explain", "IKU-1", "--csv", "--delimiter", ";"), 2, "'comma', 'semicolon'"),
        (("explain", "IKU-1", "--rule", "because"), 2, "--rule must be one of"),
        (("explain", "IKU-1", "--part", "x"), 2, "--part must be one of"),
        (("explain", "IKU-1", "--counted", "all"), 2, "--counted must be one of"),
        (("explain", "IKU-9"), 1, "indicator IKU-9 does not exist"),
        (("explain", "IKU-1", "--size", "99999"), 1, "the log has only 4 events"),
        (("explain", "IKU-1", "--definition", "7"), 1, "the last version is 1"),
        (("explain", "IKU-1", "--as-of", "2999-01-01"), 1, "must not be after today,"),
        (("history",), 2, "Missing argument 'NUMBER'"),
        (
            ("history", "K99"),
            1,
            "no case, organisation or indicator has the number K99",
        ),
        (("history", "a b"), 2, 'is "a b", but must be a number of at most 64'),
        (("history", "\udcff"), 2, "must be a number of at most 64"),
        (("explain", "IKU-1", "--subject", "x" * 65), 2, "must be text of at most 64"),
        (("history", "K99", "--kind", "scale"), 2, "'scale' is not one of"),
    ],
)
def test_what_cannot_be_answered_is_said_in_a_sentence(
    iku: Type, arguments: tuple[str, ...], code: int, sentence: str
) -> None:
    said = iku(*arguments)
    assert (said.code, said.out) == (code, "")
    assert sentence in said.err
    assert said.err.count("\n") == 1


@pytest.mark.usefixtures("indonesian")
@pytest.mark.usefixtures("register")
def test_a_history_tells_what_was_replaced_and_moved(iku: Type) -> None:
    said = iku("history", "K10")
    assert said.code == 0
    for part in (
        *("dilaporkan", "diverifikasi", "diselesaikan", "dibatalkan"),
        *("15-10-2021", "20-01-2022 *", "versi 3, cara: mediasi → –", "sumber: Kodim"),
        "* sebagaimana dinyatakan jurnal yang diimpor",
    ):
        assert part in said.out
    assert "IKU-1 (definisi 1) sejak 30-08-2021: penyebut +1" in _joined(said.out)


def _joined(out: str) -> str:
    """The text of the last column, with its wrapped lines joined."""
    column = next(line for line in out.splitlines() if "Pengaruh" in line).index(
        "Pengaruh"
    )
    return " ".join(line[column:].strip() for line in out.splitlines())


@pytest.mark.usefixtures("register")
def test_a_history_is_that_of_the_api(iku: Type) -> None:
    events = iku("history", "K09", "--json").json
    assert [event["version"] for event in events] == [1, 2, 3, 4]
    assert events[2]["replaced"] == [
        {
            "version": 1,
            "field": "category",
            "before": "ipoleksosbud",
            "after": "sara",
        },
        {"version": 1, "field": "dimension", "before": "ekonomi", "after": "agama"},
    ]
    moved = {(m["indicator"], m["denominator"]) for m in events[2]["movements"]}
    assert moved == {("IKU-1", -1), ("IKU-3", 1)}


@pytest.mark.usefixtures("writing")
def test_a_number_of_both_is_told_apart_by_its_kind(iku: Type, tmp_path: Any) -> None:
    cases, organisations = tmp_path / "k.csv", tmp_path / "o.csv"
    cases.write_text(
        "diketahui_pada,nomor,peristiwa,tanggal,kategori,dimensi,judul,"
        "tanggal_kejadian,sumber,wilayah,ke_nomor,cara,keterangan\n"
        "2021-02-01,B/1,dilaporkan,2021-02-01,sara,agama,Perkara,,,,,,\n"
    )
    organisations.write_text(
        "diketahui_pada,nomor,peristiwa,tanggal,jenis,nama,dasar_hukum,"
        "berlaku_sampai,rujukan,kegiatan,terverifikasi,keterangan\n"
        "2021-02-01,B/1,didaftar,2021-02-01,lsm,Contoh,badan_hukum,,,,,\n"
    )
    assert iku("import", cases, organisations).code == 0
    said = iku("history", "B/1")
    assert said.code == 1
    assert "B/1 matches a case, an organisation; choose one with --kind" in said.err
    assert iku("history", "B~1").err == said.err
    types = [
        iku("history", "B/1", "--kind", kind, "--json").json[0]["type"]
        for kind in ("conflict", "organisation")
    ]
    assert types == ["reported", "registered"]
