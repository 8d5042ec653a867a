"""Lists of cases and organisations as tables for spreadsheets."""

from collections.abc import Mapping, Sequence
from datetime import date
from functools import partial
from typing import Any

from iku import labels
from iku.exchange import cells, csv_output
from iku.exchange.papers.document import Cell, CellKind, Column
from iku.exchange.table_output import TableShape
from iku.language import Language, translate

_NUMBER, _WORD, _DAY, _TITLE = 24, 30, 24, 80  # widths in millimetres


def _day(heading: str) -> Column:
    return Column(heading, CellKind.DAY, _DAY)


# The columns of a list by field, for each category of subjects.
FIELDS: dict[str, dict[str, Column]] = {
    "conflict": {
        "number": Column("nomor", width=_NUMBER),
        "title": Column("judul", width=_TITLE),
        "category": Column("kategori", width=_WORD),
        "dimension": Column("dimensi", width=_WORD),
        "level": Column("tingkat", width=_WORD),
        "status": Column("status", width=_WORD),
        "verified": Column("terverifikasi", width=_NUMBER),
        "reported_on": _day("dilaporkan"),
        "occurred_on": _day("tanggal_kejadian"),
        "resolved_on": _day("diselesaikan"),
        "manner": Column("cara", width=_WORD),
        "source": Column("sumber", width=_WORD),
        "area": Column("wilayah", width=_WORD),
        "reference": Column("rujukan", width=_WORD),
        "merged_into": Column("digabung_ke", width=_NUMBER),
        "id": Column("pengenal", width=_NUMBER),
    },
    "organisation": {
        "number": Column("nomor", width=_NUMBER),
        "name": Column("nama", width=_TITLE),
        "kind": Column("jenis", width=_NUMBER),
        "status": Column("status", width=_WORD),
        "legal_basis": Column("dasar_hukum", width=_WORD),
        "registered_on": _day("terdaftar"),
        "valid_until": _day("berlaku_sampai"),
        "expired": Column("kedaluwarsa", width=_NUMBER),
        "area": Column("wilayah", width=_WORD),
        "merged_into": Column("digabung_ke", width=_NUMBER),
        "id": Column("pengenal", width=_NUMBER),
    },
}

_SHEETS = {"conflict": "konflik", "organisation": "organisasi"}


def shape(category: str) -> TableShape:
    """The table of a list; an item is the state of a subject by field."""
    columns = FIELDS[category]
    cells_of = partial(_cells, columns)
    return TableShape(_SHEETS[category], tuple(columns.values()), cells_of)


def _cells(columns: Mapping[str, Column], item: Mapping[str, Any]) -> Sequence[Cell]:
    return [_cell(field, column, item[field]) for field, column in columns.items()]


def _cell(field: str, column: Column, value: Any) -> Cell:
    """A value as in the journals."""
    if value is None or isinstance(value, date):
        return value
    if isinstance(value, bool):
        return csv_output.yes_or_no(value)
    if column.kind is CellKind.DAY:
        return date.fromisoformat(value)
    if field == "status":
        return translate(labels.STATUSES[value], Language.INDONESIAN)
    return cells.WORDS.get(value, str(value))
