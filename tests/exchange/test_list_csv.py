"""Lists as CSV files: headings, labels, and no cell that a spreadsheet executes."""

import csv
import io
from typing import Any

from iku.exchange import list_csv
from iku.exchange.csv_output import Delimiter

CASE: dict[str, Any] = {
    **dict.fromkeys(list_csv.FIELDS["conflict"]),
    "number": "K1",
    "title": '=HYPERLINK("x")',
    "status": "resolved",
    "verified": True,
}
ORGANISATION: dict[str, Any] = {
    **dict.fromkeys(list_csv.FIELDS["organisation"]),
    "number": "O1",
    "name": "Satu; dua",
    "status": "moved_out",
    "legal_basis": "none",
    "expired": False,
}


def read(category: str, item: dict[str, Any], delimiter: Delimiter) -> dict[str, str]:
    text = list_csv.head(category, delimiter)
    text += list_csv.csv_lines(category, [item], delimiter)
    assert text.startswith("\ufeff")
    separator = {"comma": ",", "semicolon": ";"}[delimiter]
    file = io.StringIO(text.removeprefix("\ufeff"))
    [row] = csv.DictReader(file, delimiter=separator)
    return row


def test_a_row_has_the_words_of_the_journals_and_empty_cells_for_nothing() -> None:
    row = read("organisation", ORGANISATION, Delimiter.SEMICOLON)
    assert list(row)[:4] == ["nomor", "nama", "jenis", "status"]
    assert (row["nama"], row["status"]) == ("Satu; dua", "pindah")
    assert (row["dasar_hukum"], row["kedaluwarsa"]) == ("tidak_ada", "tidak")
    assert (row["berlaku_sampai"], row["digabung_ke"]) == ("", "")


def test_a_title_that_is_a_formula_stays_a_text() -> None:
    """ASVS 1.2.10."""
    row = read("conflict", CASE, Delimiter.COMMA)
    assert row["judul"] == '\'=HYPERLINK("x")'
    assert (row["status"], row["terverifikasi"]) == ("selesai", "ya")
