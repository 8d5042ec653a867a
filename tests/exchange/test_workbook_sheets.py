"""Workbooks are journals: the same rows as in CSV, and faults at their cells."""

import hmac
import io
from datetime import date, datetime
from typing import Any

import pytest

from iku import agency
from iku.exchange import example, journal_columns
from iku.exchange.entry_template_mark import MARK
from iku.exchange.journals import JournalFile, JournalRow, read_journals
from iku.exchange.row_reader import RowScope
from iku.exchange.spreadsheet import UnreadableSheet
from iku.exchange.workbook_sheets import text
from tests.exchange.workbooks import Formula, table, workbook

SCOPE = RowScope(
    date(2026, 1, 31),
    agency.load_agency(None).area_codes,
    ("IKU-1", "IKU-2", "IKU-3"),
    lambda content: hmac.digest(b"kunci", content, "sha256"),
)
DAY = date(2022, 3, 1)
HEADINGS = journal_columns.headings("konflik")
REPORT: dict[str, Any] = {
    "diketahui_pada": DAY,
    "nomor": "K1",
    "peristiwa": "dilaporkan",
    "tanggal": DAY,
    "kategori": "sara",
    "dimensi": "agama",
    "judul": "Perselisihan",
}
TARGET = ("indikator", "tahun", "target", "berlaku_mulai", "dasar")


def journals(content: bytes) -> list[JournalFile]:
    return read_journals(io.BytesIO(content), SCOPE.digest).journals


def entries(content: bytes) -> list[JournalRow]:
    return [one for journal in journals(content) for one in journal.entries(SCOPE)]


def refused(content: bytes) -> UnreadableSheet:
    with pytest.raises(UnreadableSheet) as caught:
        journals(content)
    return caught.value


def faults(content: bytes) -> list[tuple[str | None, str | None, str]]:
    return [
        (fault.cell or f"row {fault.row}", fault.column, fault.message)
        for entry in entries(content)
        for fault in entry.faults
    ]


def test_a_row_of_a_workbook_has_the_id_of_the_same_row_in_csv() -> None:
    for name, content in example.read_journals().items():
        journal = name.removesuffix(".csv")
        [csv] = read_journals(io.BytesIO(content), SCOPE.digest).journals
        rows = [one.row.cells for one in csv.rows()]
        book = workbook(**{journal: table(journal_columns.headings(journal), *rows)})
        ids = [one.command_id for one in csv.entries(SCOPE)]
        assert [one.command_id for one in entries(book)] == ids
        assert not faults(book)


def test_cells_with_types_are_read_as_the_texts_of_a_csv_file() -> None:
    assert text(DAY) == text(datetime(2022, 3, 1)) == "2022-03-01"  # noqa: DTZ001
    assert text(datetime(2022, 3, 1, 9, 5)) == "2022-03-01 09:05:00"  # noqa: DTZ001
    assert (text(12.0), text(77.5), text(3)) == ("12", "77.5", "3")
    assert (text(True), text(False)) == ("ya", "tidak")
    assert text("  e\u0301  ") == "é"


def test_numbers_days_and_truth_values_are_values_of_their_columns() -> None:
    target = {
        "indikator": "IKU-2",
        "tahun": 2022,
        "target": 77.5,
        "berlaku_mulai": DAY,
        "dasar": "PK",
    }
    [one] = entries(workbook(Lembar1=table(TARGET, target)))
    assert (one.faults, one.fact.target, one.fact.year) == ((), "77.5", 2022)  # type: ignore[union-attr]
    [comma] = entries(workbook(Lembar1=table(TARGET, target | {"target": "77,5"})))
    assert comma.fact.target == "77.5"  # type: ignore[union-attr]
    verified = {
        "diketahui_pada": DAY,
        "nomor": 7,
        "peristiwa": "berpartisipasi",
        "tanggal": DAY,
        "rujukan": "P1",
        "kegiatan": "kemitraan",
        "terverifikasi": True,
    }
    [entry] = entries(workbook(A=table([*verified], verified)))
    assert (entry.faults, entry.subject, entry.fact.verified) == ((), "7", True)  # type: ignore[union-attr]


def test_a_share_formatted_as_per_cent_is_not_taken_for_a_target() -> None:
    row = {"indikator": "IKU-2", "tahun": 2022, "berlaku_mulai": DAY, "dasar": "PK"}
    [(cell, column, said)] = faults(workbook(A=table(TARGET, row | {"target": 0.8})))
    assert (cell, column) == ("C2", "target")
    assert "is a number of at most 1" in said


def test_several_sheets_are_one_journal_in_the_order_of_the_workbook() -> None:
    first, second = REPORT, REPORT | {"nomor": "K2"}
    book = workbook(
        Januari=table(HEADINGS, first),
        Catatan=[["Bukan jurnal"], ["apa saja"]],
        Februari=table(HEADINGS, first, second),
    )
    [journal] = journals(book)
    assert journal.sheets == ("Januari", "Februari")
    found = [*journal.entries(SCOPE)]
    assert [(one.place.sheet, one.place.row) for one in found] == [
        *(("Januari", 2), ("Februari", 2), ("Februari", 3))
    ]
    repeated = found[1].first_equal
    assert repeated is not None
    assert repeated.place.words == "row 2 of sheet Januari"


def test_a_sheet_may_lack_columns_that_no_row_needs_but_has_no_others() -> None:
    assert [one.faults for one in entries(workbook(A=table([*REPORT], REPORT)))] == [()]
    needed = [name for name in HEADINGS if name != "tanggal"]
    [fault] = refused(workbook(Konflik=table(needed, REPORT))).faults
    assert (fault.sheet, fault.row, fault.column) == ("Konflik", 1, "tanggal")
    [fault] = refused(workbook(Konflik=table([*HEADINGS, "warna"], REPORT))).faults
    assert fault.message.startswith('unknown heading "warna"')
    [fault] = refused(workbook(Konflik=table([*HEADINGS, "nomor"], REPORT))).faults
    assert (fault.cell, fault.message) == ("N1", "this heading occurs twice")


def test_headings_may_stand_below_empty_rows_and_beside_empty_columns() -> None:
    moved = [[], [], *([None, None, *cells] for cells in table(HEADINGS, REPORT))]
    wrong = table(HEADINGS, REPORT | {"kategori": "cuaca"})
    assert entries(workbook(A=moved))[0].place.row == 4
    shifted = [[], [], *([None, None, *cells] for cells in wrong)]
    assert faults(workbook(A=shifted))[0][:2] == ("G4", "kategori")


def test_hidden_sheets_are_not_read() -> None:
    two = {"A": table(HEADINGS, REPORT), "B": table(HEADINGS, REPORT)}
    assert len(entries(workbook(("B",), **two))) == 1


def test_a_workbook_without_a_journal_is_refused() -> None:
    for book in (workbook(A=[]), workbook(A=[["a", "b"], [1, 2]])):
        [fault] = refused(book).faults
        assert "no visible sheet of the workbook has the headings" in fault.message


def test_a_formula_is_refused_at_its_cell_whatever_its_value() -> None:
    formulas = REPORT | {"judul": Formula('="a"&"b"'), "keterangan": Formula("=1+1")}
    found = faults(workbook(A=table(HEADINGS, formulas)))
    assert [one[:2] for one in found] == [("G2", "judul"), ("M2", "keterangan")]
    assert all("is a formula" in said for _, _, said in found)


def test_a_text_that_looks_like_a_formula_is_a_text() -> None:
    """ASVS 1.2.10: what is imported is what is written, and nothing evaluates it."""
    [entry] = entries(workbook(A=table(HEADINGS, REPORT | {"judul": "=1+1"})))
    assert entry.fact.title == "=1+1"  # type: ignore[union-attr]


def test_a_cell_without_a_heading_is_a_fault_of_its_row() -> None:
    rows = table(HEADINGS, REPORT)
    rows[1].append("catatan pinggir")
    [(row, column, said)] = faults(workbook(A=rows))
    assert (row, column) == ("row 2", None)
    assert said == 'has the value "catatan pinggir" in column N, which has no heading'


def test_a_workbook_from_a_template_of_another_version_is_refused() -> None:
    rows = table(HEADINGS, REPORT)
    [fault] = refused(workbook(Petunjuk=[["iku templat 9"]], Konflik=rows)).faults
    assert '"iku templat 9"' in fault.message
    assert len(entries(workbook(Petunjuk=[[MARK]], Konflik=rows))) == 1
    assert len(entries(workbook(Petunjuk=[["Catatan"]], Konflik=rows))) == 1


def test_each_sheet_that_is_not_read_is_named_with_the_reason() -> None:
    journal = table(HEADINGS, REPORT)
    sheets = {"Baca": journal, "Lain": [["catatan"]], "Simpan": journal, "Kosong": []}
    content = workbook(["Simpan"], **sheets)
    read = read_journals(io.BytesIO(content), SCOPE.digest)
    assert [one.sheets for one in read.journals] == [("Baca",)]
    assert {one.name: str(one.message) for one in read.skipped} == {
        "Lain": "has no heading of a journal in its first row",
        "Simpan": "is hidden",
        "Kosong": "is empty",
    }
    with pytest.raises(UnreadableSheet) as caught:
        read_journals(
            io.BytesIO(workbook(["Simpan"], Lain=[["x"]], Simpan=journal)),
            SCOPE.digest,
        )
    [fault] = caught.value.faults
    assert "sheets that are not read: " in fault.message
    assert '"Simpan" (is hidden)' in fault.message
