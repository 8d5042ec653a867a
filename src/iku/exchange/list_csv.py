"""Lists of cases and organisations as CSV."""

from collections.abc import Iterable, Mapping
from typing import Any

from iku import labels
from iku.exchange import cells, csv_output
from iku.exchange.csv_output import Delimiter
from iku.language import Language, translate

# The headings of a list's columns by field, for each category of subjects.
FIELDS: dict[str, dict[str, str]] = {
    "conflict": {
        "number": "nomor",
        "title": "judul",
        "category": "kategori",
        "dimension": "dimensi",
        "level": "tingkat",
        "status": "status",
        "verified": "terverifikasi",
        "reported_on": "dilaporkan",
        "occurred_on": "tanggal_kejadian",
        "resolved_on": "diselesaikan",
        "manner": "cara",
        "source": "sumber",
        "area": "wilayah",
        "reference": "rujukan",
        "merged_into": "digabung_ke",
        "id": "pengenal",
    },
    "organisation": {
        "number": "nomor",
        "name": "nama",
        "kind": "jenis",
        "status": "status",
        "legal_basis": "dasar_hukum",
        "registered_on": "terdaftar",
        "valid_until": "berlaku_sampai",
        "expired": "kedaluwarsa",
        "area": "wilayah",
        "merged_into": "digabung_ke",
        "id": "pengenal",
    },
}


def head(category: str, delimiter: Delimiter = Delimiter.COMMA) -> str:
    """The start of the file: byte order mark and headings."""
    return csv_output.head(FIELDS[category].values(), delimiter)


def csv_lines(
    category: str,
    items: Iterable[Mapping[str, Any]],
    delimiter: Delimiter = Delimiter.COMMA,
) -> str:
    """CSV, a line for each of *items*; values and days as in the journals."""
    fields = FIELDS[category]
    return csv_output.lines(
        ([_cell(field, item[field]) for field in fields] for item in items), delimiter
    )


def _cell(field: str, value: Any) -> str:
    match field, value:
        case _, None:
            return ""
        case _, bool():
            return csv_output.yes_or_no(value)
        case "status", _:
            return translate(labels.STATUSES[value], Language.INDONESIAN)
        case "legal_basis", _:
            return cells.WORDS.get(value, str(value))
        case _:
            return str(value)
