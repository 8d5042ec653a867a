"""`iku list` and `iku show`: tables, JSON and CSV."""

import csv
import io
from collections import Counter
from datetime import date

import pytest

from tests.cli.conftest import Type
from tests.exchange.workbooks import cells

pytestmark = pytest.mark.usefixtures("reading")

YEAR_END = ("--as-of", "2021-12-31")


def read(text: str) -> list[dict[str, str]]:
    """The rows of a CSV file, by heading."""
    return [*csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))]


@pytest.mark.usefixtures("indonesian")
def test_a_list_has_a_row_a_case_and_ends_with_how_many_there_are(
    register: Type,
) -> None:
    said = register("list", "conflicts", *YEAR_END, COLUMNS="120")
    assert said.code == 0
    lines = said.out.splitlines()
    assert lines[0] == "Daftar kasus per 31-12-2021"
    rows = {line.split(" ")[0]: line for line in lines if line}
    assert "digabung ke K07" in rows["K06"]
    assert "ditolak" in rows["K08"]
    assert "Kedundung" in rows["K12"]
    assert lines[-1] == "15 kasus: 3 terbuka, 10 selesai, 1 ditolak, 1 digabung."
    assert max(map(len, lines)) <= 120
    known = register("list", "conflicts", *YEAR_END, "--known-on", "2021-12-19")
    assert "diketahui per 19-12-2021" in known.out
    assert "terbuka, belum diverifikasi" in known.out  # K12, verified the day after


@pytest.mark.usefixtures("indonesian")
def test_organisations_show_what_they_exist_by_and_whether_it_expired(
    register: Type,
) -> None:
    asked = ("list", "organisations", *YEAR_END, "--expired", "true", "--sort", "name")
    said = register(*asked, COLUMNS="100")
    rows = [line for line in said.out.splitlines() if line.startswith("O")]
    assert [row.split(" ")[0] for row in rows] == ["O38", "O39", "O27"]
    assert "SKT s.d. 31-05-2021 (kedaluwarsa)" in rows[0]
    assert said.out.splitlines()[-1] == "3 organisasi: 3 aktif."
    parties = register("list", "organisations", *YEAR_END, "--kind", "parpol").out
    assert parties.splitlines()[-1] == "9 organisasi: 9 aktif."


def test_several_values_and_filters_narrow_a_list_and_order_it(register: Type) -> None:
    def numbers(*asked: str) -> list[str]:
        said = register("list", "conflicts", *YEAR_END, *asked, "--json")
        assert said.code == 0, said.err
        return [item["number"] for item in said.json["items"]]

    assert numbers("--status", "open,rejected", "--order", "desc") == [
        *("S03", "K12", "K10", "K08")
    ]
    assert numbers("--dimension", "ekonomi", "--dimension", "suku") == [
        *("K01", "K04", "K12", "S03")
    ]
    assert numbers("--verified", "false") == ["K08"]
    spring = ("--reported-from", "2021-02-09", "--reported-to", "2021-03-15")
    assert numbers(*spring, "--sort", "reported_on") == ["K04", "S01", "K05"]
    assert numbers("--text", "warga", "--sort", "title")[0] == "K09"


def test_programs_get_all_of_a_list_as_json_and_as_csv(register: Type) -> None:
    found = register("list", "conflicts", *YEAR_END, "--json").json
    assert found["next"] is None
    assert found["total"] == len(found["items"]) == 15
    statuses = Counter(item["status"] for item in found["items"])
    assert found["by_status"] == dict(statuses)
    comma = register("list", "conflicts", *YEAR_END, "--csv").out
    assert comma.startswith("\ufeffnomor,judul,kategori,")
    rows = read(comma)
    assert [row["nomor"] for row in rows] == [i["number"] for i in found["items"]]
    assert (rows[0]["status"], rows[0]["dilaporkan"]) == ("selesai", "2020-11-10")
    wide = ("list", "conflicts", *YEAR_END, "--csv", "--delimiter", "semicolon")
    other = csv.reader(io.StringIO(register(*wide).out), delimiter=";")
    assert list(other) == list(csv.reader(io.StringIO(comma)))
    # An organisation without an area, source or end has empty cells, not dashes.
    for language in ("id", "en"):
        assert register(*wide, IKU_LANGUAGE=language).out == register(*wide).out
    text = register("list", "organisations", *YEAR_END, "--csv").out
    first = read(text)[0]
    assert (first["wilayah"], first["kedaluwarsa"]) == ("", "tidak")


@pytest.mark.usefixtures("indonesian")
def test_a_list_of_nothing_says_so_and_is_no_failure(register: Type) -> None:
    said = register("list", "conflicts", "--text", "tidak ada yang begini")
    assert said.code == 0
    assert said.out.splitlines()[-1] == "0 kasus."


def test_a_workbook_has_the_rows_of_the_csv(register: Type) -> None:
    for asked in (
        ("list", "conflicts", *YEAR_END),
        ("list", "organisations", *YEAR_END),
        ("show", "conflict", "K07", *YEAR_END),
        ("explain", "IKU-1", *YEAR_END),
    ):
        text = register(*asked, "--csv", "--no-bom")
        book = register(*asked, "--xlsx")
        assert (text.code, book.code) == (0, 0)
        rows = [*csv.reader(io.StringIO(text.out))]
        found = cells(book.out.encode(errors="surrogateescape"))
        assert [[*map(written, row)] for row in found] == rows


def written(cell: object) -> str:
    return cell.isoformat() if isinstance(cell, date) else str(cell)


def test_a_series_is_a_table_with_the_numbers_of_its_figures(register: Type) -> None:
    span = ("series", "IKU-1", "--from", "2021-10-01", "--to", "2021-12-31")
    points = register(*span, "--json").json["figures"]
    rows = read(register(*span, "--csv").out)
    assert [row["nomor_angka"] for row in rows] == [one["number"] for one in points]
    assert rows[-1]["realisasi"] == str(points[-1]["percentage"])
    book = register(*span, "--xlsx").out.encode(errors="surrogateescape")
    headings, *found = cells(book)
    last = dict(zip(headings, found[-1], strict=True))
    assert last["per_tanggal"] == date(2021, 12, 31)
    counts = points[-1]["numerator"], points[-1]["denominator"]
    assert (last["pembilang"], last["penyebut"]) == counts
    assert last["realisasi"] == round(float(points[-1]["percentage"]) / 100, 6)
    assert last["pembilang_terbit"] == ""


@pytest.mark.parametrize(
    ("asked", "code", "why"),
    [
        (("--status", "hilang"), 2, "--status must be one of open, returned"),
        (("--sort", "name"), 2, "--sort must be one of id, number, reported_on"),
        (("--verified", "ya"), 2, "--verified must be true or false"),
        (("--reported-from", "kemarin"), 2, "must be a date in the form YYYY-MM-DD"),
        (("--csv", "--json"), 2, "--csv, --xlsx and --json exclude each other"),
        (("--csv", "--xlsx"), 2, "--csv, --xlsx and --json exclude each other"),
        (("--no-bom",), 2, "--no-bom needs --csv"),
        (("--delimiter", "comma"), 2, "--delimiter needs --csv"),
        (
            ("--category", "sara", "--dimension", "ekonomi"),
            1,
            (
                "dimension is ekonomi, but for category sara it must be one of suku, "
                "agama, ras"
            ),
        ),
        (
            ("--reported-from", "2021-02-01", "--reported-to", "2021-01-01"),
            1,
            "2021-01-01, but must not be before reported_from, 2021-02-01",
        ),
        (
            ("--as-of", "2999-01-01"),
            1,
            "as_of is 2999-01-01, but must not be after today,",
        ),
    ],
)
def test_what_cannot_be_listed_is_refused_with_a_sentence(
    iku: Type, asked: tuple[str, ...], code: int, why: str
) -> None:
    said = iku("list", "conflicts", *asked)
    assert (said.code, said.out) == (code, "")
    assert why in said.err


@pytest.mark.usefixtures("indonesian")
def test_one_case_is_shown_as_it_was_and_by_any_of_its_names(register: Type) -> None:
    then = register("show", "conflict", "k10", *YEAR_END, "--known-on", "2022-01-15")
    assert then.code == 0
    lines = [" ".join(line.split()) for line in then.out.splitlines()]
    assert lines[0] == "Kasus K10 per 31-12-2021, diketahui per 15-01-2022"
    assert "Status selesai 15-10-2021" in lines
    assert "Wilayah Balongsari (35.76.02.1008)" in lines
    assert "Terverifikasi ya" in lines
    assert lines[-1] == "Versi 3; riwayatnya: iku history conflict-K10"
    now = register("show", "conflict", "K10", *YEAR_END)
    assert "terbuka" in now.out
    assert "Diselesaikan" not in now.out


@pytest.mark.usefixtures("indonesian")
def test_one_organisation_is_shown_and_programs_get_it_whole(register: Type) -> None:
    said = register("show", "organisation", "O28", *YEAR_END)
    lines = [" ".join(line.split()) for line in said.out.splitlines()]
    assert "Berlaku sampai 14-09-2026" in lines
    assert "Kedaluwarsa tidak" in lines
    found = register("show", "organisation", "O28", *YEAR_END, "--json").json
    assert (found["id"], found["valid_until"]) == ("O28", "2026-09-14")
    assert found["version"] > 1
    text = register("show", "organisation", "O28", *YEAR_END, "--csv").out
    [row] = read(text)
    assert (row["nomor"], row["berlaku_sampai"]) == ("O28", "2026-09-14")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("show", "conflict", "O28"), "case O28 does not exist"),
        (("show", "organisation", "O99"), "organisation O99 does not exist"),
        (
            ("show", "conflict", "K10", "--as-of", "2021-08-01"),
            "case K10 did not exist yet on 2021-08-01",
        ),
    ],
)
def test_what_there_is_not_is_not_shown(
    register: Type, words: tuple[str, ...], why: str
) -> None:
    said = register(*words)
    assert (said.code, said.out) == (1, "")
    assert why in said.err
