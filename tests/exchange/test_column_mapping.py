"""An agency's own register: its columns mapped to those of a journal, and kept."""

import csv
import io
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from iku.exchange import column_mapping, kept_mappings
from iku.exchange.column_mapping import ColumnMapping, InvalidMapping
from iku.exchange.journal_import import file_digest, permission_digest
from iku.exchange.journals import JournalRow, read_journals
from iku.exchange.kept_mappings import UnknownMapping
from iku.exchange.spreadsheet import UnreadableSheet
from tests.exchange.test_workbook_sheets import SCOPE
from tests.exchange.workbooks import Formula, workbook

MAPPING = ColumnMapping(
    "konflik",
    columns={
        "nomor": "No. Register",
        "judul": "Uraian Kejadian",
        "dimensi": "Bidang",
        "cara": "Penyelesaian",
        "dilaporkan.tanggal": "Tgl Laporan",
        "diverifikasi.tanggal": "Tgl Laporan",
        "diselesaikan.tanggal": "Tgl Selesai",
        "diselesaikan.keterangan": "Berita Acara",
    },
    constants={"kategori": "ipoleksosbud", "sumber": "polres"},
    words={"cara": {"Damai": "islah"}, "dimensi": {"Sos.": "sosial"}},
)
HEADINGS = [
    *("No. Register", "Tgl  laporan", "URAIAN\nKEJADIAN", "Bidang", "Korban"),
    *("Tgl Selesai", "Penyelesaian", "Berita Acara"),
]
DAY, LATER = date(2021, 3, 4), date(2021, 4, 5)
ROW = [7, DAY, "Sengketa parkir", "Sos.", 2, LATER, "damai", "BA/1"]
OPEN = ["8/2021", "12 Maret 2021", "Tawuran", "politik", 0, None, None, None]
TITLE = [["BUKU REGISTER KONFLIK"], ["Tahun 2021"], []]


def entries(*rows: list[Any], mapping: ColumnMapping = MAPPING) -> list[JournalRow]:
    book = workbook(Buku=[*TITLE, HEADINGS, *rows])
    [journal] = read_journals(io.BytesIO(book), SCOPE.digest, mapping).journals
    return [*journal.entries(SCOPE)]


def refusal(content: bytes, mapping: ColumnMapping = MAPPING) -> str:
    with pytest.raises(UnreadableSheet) as caught:
        read_journals(io.BytesIO(content), SCOPE.digest, mapping)
    return caught.value.faults[0].message


def test_a_row_is_an_event_for_each_day_that_is_filled_in() -> None:
    found = entries(ROW, OPEN)
    assert [one.faults for one in found] == [()] * 5
    told = [(one.subject, type(one.fact).__name__, one.known_on) for one in found]
    assert told == [
        ("7", "Reported", DAY),
        ("7", "Verified", DAY),
        ("7", "Resolved", LATER),
        ("8~2021", "Reported", date(2021, 3, 12)),
        ("8~2021", "Verified", date(2021, 3, 12)),
    ]
    reported, _, resolved, *_ = (one.fact for one in found)
    assert (reported.title, reported.dimension, reported.source) == (  # type: ignore[union-attr]
        *("Sengketa parkir", "sosial", "polres"),
    )
    assert (resolved.manner, resolved.evidence) == ("islah", "BA/1")  # type: ignore[union-attr]


def test_the_rows_are_those_of_a_journal_with_the_same_ids() -> None:
    headings = ["diketahui_pada", "nomor", "peristiwa", "tanggal", "cara", "keterangan"]
    cells = [LATER, "7", "diselesaikan", LATER, "islah", "BA/1"]
    book = io.BytesIO(workbook(A=[headings, cells]))
    [journal] = read_journals(book, SCOPE.digest).journals
    [typed] = journal.entries(SCOPE)
    assert typed.command_id == entries(ROW)[2].command_id


@pytest.mark.parametrize(
    "written",
    [DAY, datetime(2021, 3, 4, 9, 30), "4/3/2021", "04-03-2021", "4 Maret 2021"],  # noqa: DTZ001
)
def test_days_are_read_as_people_write_them(written: Any) -> None:
    row = [*ROW[:1], written, *ROW[2:]]
    assert entries(row)[0].known_on == DAY


def test_a_fault_is_at_the_cell_of_the_own_register_under_its_own_heading() -> None:
    wrong = [9, "kemarin dulu", "Lain", "Sos.", 0, LATER, "rembuk", None]
    faults = [fault for one in entries(ROW, wrong) for fault in one.faults]
    found = [(one.sheet, one.cell, one.column) for one in faults]
    assert ("Buku", "B6", "tgl laporan") in found
    assert ("Buku", "G6", "penyelesaian") in found
    formula = [*ROW[:2], Formula('="a"'), *ROW[3:]]
    [fault] = [fault for one in entries(formula) for fault in one.faults]
    assert (fault.cell, fault.column) == ("C5", "uraian kejadian")


def test_a_row_without_any_day_is_a_fault_and_one_without_mapped_cells_is_none() -> (
    None
):
    aside = [None, None, None, None, 5, None, None, None]
    empty = [10, None, "Tanpa tanggal", None, None, None, None, None]
    found = entries(ROW, aside, empty)
    assert len(found) == 4
    [fault] = found[-1].faults
    assert (fault.row, fault.sheet) == (7, "Buku")
    assert "has no day of any event" in fault.message


def test_a_target_may_have_a_comma_and_a_sign_of_per_cent() -> None:
    mapping = ColumnMapping(
        "target",
        columns={
            "indikator": "Kode",
            "tahun": "Tahun",
            "target": "Target",
            "berlaku_mulai": "Sejak",
        },
        constants={"dasar": "PK 2022"},
    )
    rows: list[list[Any]] = [
        ["Kode", "Tahun", "Target", "Sejak"],
        ["IKU-2", 2022, "77,5 %", DAY],
    ]
    book = io.BytesIO(workbook(A=rows))
    [journal] = read_journals(book, SCOPE.digest, mapping).journals
    [one] = journal.entries(SCOPE)
    assert one.faults == ()
    assert (one.fact.target, one.fact.basis) == ("77.5", "PK 2022")  # type: ignore[union-attr]


def test_a_register_without_the_headings_is_refused() -> None:
    book = workbook(Buku=[HEADINGS[:-1], ROW[:-1]])
    assert "no visible sheet has all headings of the mapping" in refusal(book)
    assert '"Buku" (lacks headings of the mapping' in refusal(book)
    assert "rows: Berita Acara)" in refusal(book)
    twice = workbook(Buku=[[*HEADINGS, "bidang"], ROW])
    assert "the heading bidang occurs twice" in refusal(twice)
    assert "sheet" not in (said := refusal(b"Bidang,b\n1,2\n"))
    assert "the file lacks headings of the mapping in its first 30 rows" in said
    assert "Bidang" not in said
    assert "Berita Acara" in said


def csv_of(*rows: list[Any], delimiter: str = ";") -> bytes:
    """The own register as a spreadsheet saves it, with days as people write them."""

    def text(cell: Any) -> str:
        return f"{cell:%d/%m/%Y}" if isinstance(cell, date) else str(cell or "")

    file = io.StringIO()
    writer = csv.writer(file, delimiter=delimiter)
    writer.writerow(["BUKU REGISTER, TAHUN 2021", *[""] * (len(HEADINGS) - 1)])
    writer.writerows([text(cell) for cell in row] for row in (HEADINGS, *rows))
    return file.getvalue().encode("utf-8-sig")


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_csv_file_of_the_register_is_the_same_rows_as_the_workbook(
    delimiter: str,
) -> None:
    content = csv_of(ROW, OPEN, delimiter=delimiter)
    [journal] = read_journals(io.BytesIO(content), SCOPE.digest, MAPPING).journals
    found = [*journal.entries(SCOPE)]
    assert [one.faults for one in found] == [()] * 5
    ids = [one.command_id for one in entries(ROW, OPEN)]
    assert [one.command_id for one in found] == ids
    assert journal.sheets == ()


def test_a_fault_of_a_csv_file_is_at_its_row_under_its_own_heading() -> None:
    wrong = [9, "kemarin dulu", "Lain", "Sos.", 0, LATER, "rembuk", None]
    shifted = [*ROW, "sisa"]
    content = csv_of(ROW, wrong, shifted)
    [journal] = read_journals(io.BytesIO(content), SCOPE.digest, MAPPING).journals
    faults = [fault for one in journal.entries(SCOPE) for fault in one.faults]
    found = [(one.row, one.column, one.sheet, one.cell) for one in faults]
    # The heading of the title has a line break, so the rows begin on line 4.
    assert (5, "tgl laporan", None, None) in found
    assert (5, "penyelesaian", None, None) in found
    assert (6, None, None, None) in found
    assert "has 9 cells, but the file has 8 headings" in faults[-1].message


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (b'"dimensi"', "no column"),
        (b'"nomor"', "needs the column nomor"),
        (b'"dilaporkan.tanggal"', "no column"),
        (b'"journal"', "not valid"),
    ],
)
def test_a_mapping_that_does_not_fit_the_journal_is_refused(
    change: bytes, said: str
) -> None:
    replaced = {b'"nomor"': b'"ke_nomor"'}.get(change, b'"cuaca.tanggal"')
    content = column_mapping.encode(MAPPING).replace(change, replaced)
    with pytest.raises(InvalidMapping, match=said):
        column_mapping.decode(content)
    with pytest.raises(InvalidMapping, match="not valid"):
        column_mapping.decode(b"{")


def test_a_mapping_is_kept_by_name(tmp_path: Path) -> None:
    assert kept_mappings.names(tmp_path) == []
    kept_mappings.keep(tmp_path, "buku-konflik", MAPPING)
    assert kept_mappings.names(tmp_path) == ["buku-konflik"]
    assert kept_mappings.find(tmp_path, "buku-konflik") == MAPPING
    for name in ("", "../x", "Buku", "a" * 41, "a/b", "-a"):
        with pytest.raises(InvalidMapping):
            kept_mappings.keep(tmp_path, name, MAPPING)
        with pytest.raises(UnknownMapping, match="buku-konflik"):
            kept_mappings.find(tmp_path, name)


def test_a_permission_names_the_mapping_together_with_the_file() -> None:
    content = workbook(Buku=[HEADINGS, ROW])
    other = ColumnMapping("konflik", MAPPING.columns, {"kategori": "sara"})
    digests = {
        file_digest(content),
        permission_digest(content, MAPPING),
        permission_digest(content, other),
    }
    assert len(digests) == 3
    assert permission_digest(content) == file_digest(content)
