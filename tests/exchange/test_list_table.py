"""Lists as tables: headings, labels, and no cell that a spreadsheet executes."""

import csv
import io
from datetime import date
from typing import Any

from iku.exchange import list_table
from iku.exchange.csv_output import Delimiter
from iku.exchange.table_output import FileFormat, TableFormat, table_output
from tests.exchange.workbooks import cells

CASE: dict[str, Any] = {
    **dict.fromkeys(list_table.FIELDS["conflict"]),
    "number": "K1",
    "title": '=HYPERLINK("x")',
    "status": "resolved",
    "verified": True,
    "reported_on": "2021-03-04",
}
ORGANISATION: dict[str, Any] = {
    **dict.fromkeys(list_table.FIELDS["organisation"]),
    "number": "O1",
    "name": "Satu; dua",
    "status": "moved_out",
    "legal_basis": "none",
    "expired": False,
    "registered_on": date(2021, 3, 4),
}


def written(category: str, item: dict[str, Any], form: TableFormat) -> bytes:
    output = table_output(list_table.shape(category), form)
    return output.head() + output.rows([item]) + output.end()


def read(category: str, item: dict[str, Any], delimiter: Delimiter) -> dict[str, str]:
    text = written(category, item, TableFormat(FileFormat.CSV, delimiter)).decode()
    assert text.startswith("\ufeff")
    separator = {"comma": ",", "semicolon": ";"}[delimiter]
    file = io.StringIO(text.removeprefix("\ufeff"), newline="")
    [row] = csv.DictReader(file, delimiter=separator)
    return row


def test_a_row_has_the_words_of_the_journals_and_empty_cells_for_nothing() -> None:
    row = read("organisation", ORGANISATION, Delimiter.SEMICOLON)
    assert list(row)[:4] == ["nomor", "nama", "jenis", "status"]
    assert (row["nama"], row["status"]) == ("Satu; dua", "pindah")
    assert (row["dasar_hukum"], row["kedaluwarsa"]) == ("tidak_ada", "tidak")
    assert (row["berlaku_sampai"], row["digabung_ke"]) == ("", "")
    assert row["terdaftar"] == "2021-03-04"


def test_a_title_that_is_a_formula_stays_a_text() -> None:
    """ASVS 1.2.10."""
    row = read("conflict", CASE, Delimiter.COMMA)
    assert row["judul"] == '\'=HYPERLINK("x")'
    assert (row["status"], row["terverifikasi"]) == ("selesai", "ya")


def test_the_byte_order_mark_is_left_out_on_demand() -> None:
    bare = written("conflict", CASE, TableFormat(FileFormat.CSV, has_mark=False))
    marked = written("conflict", CASE, TableFormat(FileFormat.CSV))
    assert marked == "\ufeff".encode() + bare


def test_a_workbook_has_the_same_cells_with_days_as_days_and_texts_as_texts() -> None:
    for category, item in (("conflict", CASE), ("organisation", ORGANISATION)):
        text = read(category, item, Delimiter.COMMA)
        book = written(category, item, TableFormat(FileFormat.XLSX))
        headings, row = cells(book)
        assert headings == [*text]
        found = dict(zip(headings, row, strict=True))
        day = found.pop("dilaporkan" if category == "conflict" else "terdaftar")
        assert day == date(2021, 3, 4)
        for heading, value in found.items():
            assert value == text[heading].removeprefix("'"), heading
