import hmac
import io
import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from iku import agency
from iku.domain import conflict, organisation
from iku.domain.conflict import Category, Dimension, Manner, Phase, Source
from iku.domain.indicator import Targeted
from iku.domain.organisation import Activity, LegalBasis, OrganisationKind
from iku.exchange import example
from iku.exchange.journal_layouts import LAYOUTS
from iku.exchange.journals import (
    CorrectionTarget,
    JournalFile,
    JournalRow,
    read_journals,
)
from iku.exchange.row_reader import RowScope
from iku.exchange.spreadsheet import UnreadableSheet

DOCUMENT = Path(__file__).parents[2] / "docs" / "importing.md"
SCOPE = RowScope(
    date(2026, 1, 31),
    agency.load_agency(None).area_codes,
    ("IKU-1", "IKU-2", "IKU-3"),
    lambda content: hmac.digest(b"kunci", content, "sha256"),
)
DAY = date(2022, 3, 1)


def journal_of(content: bytes) -> JournalFile:
    [journal] = read_journals(io.BytesIO(content), SCOPE.digest).journals
    return journal


def entries(content: bytes) -> list[JournalRow]:
    return list(journal_of(content).entries(SCOPE))


def test_each_file_of_the_example_is_told_by_its_headings() -> None:
    for name, content in example.read_journals().items():
        journal = journal_of(content)
        assert f"{journal.name}.csv" == name
        assert not any(entry.faults for entry in journal.entries(SCOPE))


def test_the_example_that_is_shipped_is_the_one_that_was_agreed() -> None:
    assert {n: len(entries(c)) for n, c in example.read_journals().items()} == {
        "target.csv": 4,
        "organisasi.csv": 88,
        "konflik.csv": 49,
    }


@pytest.mark.parametrize(
    ("event", "cells", "fact"),
    [
        (
            "dikembalikan",
            {"keterangan": "n"},
            conflict.Returned(effective_on=DAY, missing="n"),
        ),
        (
            "diverifikasi",
            {"keterangan": "n"},
            conflict.Verified(effective_on=DAY, note="n"),
        ),
        (
            "ditolak",
            {"keterangan": "n"},
            conflict.Rejected(effective_on=DAY, reason="n"),
        ),
        (
            "ditangani",
            {"cara": "pemulihan"},
            conflict.Handled(effective_on=DAY, phase=Phase.PEMULIHAN),
        ),
        ("dilimpahkan", {}, conflict.Referred(effective_on=DAY)),
        (
            "diselesaikan",
            {"cara": "Islah", "keterangan": "n"},
            conflict.Resolved(effective_on=DAY, manner=Manner.ISLAH, evidence="n"),
        ),
        ("dibuka_kembali", {}, conflict.Reopened(effective_on=DAY)),
        (
            "direklasifikasi",
            {"kategori": "SARA", "dimensi": "ras"},
            conflict.Reclassified(
                effective_on=DAY, category=Category.SARA, dimension=Dimension.RAS
            ),
        ),
        (
            "digabung",
            {"ke_nomor": "K/1", "keterangan": "n"},
            conflict.Merged(effective_on=DAY, into="K/1", reason="n"),
        ),
        (
            "dilaporkan",
            {
                "kategori": "ipoleksosbud",
                "dimensi": "sosial",
                "judul": "j",
                "tanggal_kejadian": "2022-02-28",
                "sumber": "fkub",
                "wilayah": "35.76.01",
                "keterangan": "LP/12",
            },
            conflict.Reported(
                effective_on=DAY,
                category=Category.IPOLEKSOSBUD,
                dimension=Dimension.SOSIAL,
                title="j",
                occurred_on=date(2022, 2, 28),
                source=Source.FKUB,
                area="35.76.01",
                reference="LP/12",
            ),
        ),
    ],
)
def test_rows_on_cases_become_the_facts_of_the_api(
    make: Any, event: str, cells: dict[str, str], fact: object
) -> None:
    [entry] = entries(make("konflik", make.row("K1", event, "2022-03-01", **cells)))
    assert entry.faults == ()
    assert entry.fact == fact
    assert (entry.subject, entry.known_on) == ("K1", DAY)


@pytest.mark.parametrize(
    ("event", "cells", "fact"),
    [
        (
            "didaftar",
            {
                "jenis": "lsm",
                "nama": "n",
                "dasar_hukum": "skt",
                "berlaku_sampai": "2027-01-01",
            },
            organisation.Registered(
                effective_on=DAY,
                kind=OrganisationKind.LSM,
                name="n",
                legal_basis=LegalBasis.SKT,
                valid_until=date(2027, 1, 1),
            ),
        ),
        (
            "didaftar",
            {
                "jenis": "lsm",
                "nama": "n",
                "dasar_hukum": "badan_hukum",
                "wilayah": "35.76.01",
            },
            organisation.Registered(
                effective_on=DAY,
                kind=OrganisationKind.LSM,
                name="n",
                legal_basis=LegalBasis.BADAN_HUKUM,
                area="35.76.01",
            ),
        ),
        (
            "didaftar",
            {"jenis": "ormas", "nama": "n", "dasar_hukum": "tidak_ada"},
            organisation.Registered(
                effective_on=DAY,
                kind=OrganisationKind.ORMAS,
                name="n",
                legal_basis=LegalBasis.NONE,
            ),
        ),
        (
            "diperpanjang",
            {"dasar_hukum": "skt", "berlaku_sampai": "2027-01-01"},
            organisation.Renewed(effective_on=DAY, valid_until=date(2027, 1, 1)),
        ),
        (
            "dibekukan",
            {"keterangan": "n"},
            organisation.Suspended(effective_on=DAY, reason="n"),
        ),
        ("dipulihkan", {}, organisation.Restored(effective_on=DAY)),
        ("bubar", {}, organisation.Dissolved(effective_on=DAY)),
        ("dicabut", {}, organisation.Revoked(effective_on=DAY)),
        ("pindah", {}, organisation.MovedOut(effective_on=DAY)),
        (
            "digabung",
            {"rujukan": "O2", "keterangan": "n"},
            organisation.Merged(effective_on=DAY, into="O2", reason="n"),
        ),
        (
            "ditolak",
            {"keterangan": "n"},
            organisation.Rejected(effective_on=DAY, reason="n"),
        ),
        (
            "berpartisipasi",
            {"rujukan": "P1", "kegiatan": "kemitraan", "terverifikasi": "ya"},
            organisation.Participated(
                effective_on=DAY,
                participation="P1",
                activity=Activity.KEMITRAAN,
                verified=True,
            ),
        ),
        (
            "berpartisipasi",
            {"rujukan": "P1", "kegiatan": "kemitraan"},
            organisation.Participated(
                effective_on=DAY, participation="P1", activity=Activity.KEMITRAAN
            ),
        ),
        (
            "partisipasi_diverifikasi",
            {"rujukan": "P1", "terverifikasi": "ya"},
            organisation.ParticipationVerified(effective_on=DAY, participation="P1"),
        ),
    ],
)
def test_rows_on_organisations_become_the_facts_of_the_api(
    make: Any, event: str, cells: dict[str, str], fact: object
) -> None:
    [entry] = entries(make("organisasi", make.row("O1", event, "2022-03-01", **cells)))
    assert entry.faults == ()
    assert entry.fact == fact


@pytest.mark.parametrize(
    ("written", "stored"), [("80", "80"), ("77,5", "77.5"), ("77.50", "77.50")]
)
def test_a_target_is_known_from_its_own_day_and_may_have_a_decimal_comma(
    written: str, stored: str
) -> None:
    headings = "indikator;tahun;target;berlaku_mulai;dasar"
    content = f"{headings}\niku-2;2022;{written};2022-03-01;PK"
    [entry] = entries(content.encode())
    assert entry.fact == Targeted(
        year=2022, target=stored, effective_on=DAY, basis="PK"
    )
    assert (entry.subject, entry.known_on) == ("IKU-2", DAY)


def test_a_target_for_a_day_to_come_is_known_today() -> None:
    content = (
        b"indikator,tahun,target,berlaku_mulai,dasar\nIKU-2,2029,90,2029-01-01,PK\n"
    )
    [entry] = entries(content)
    assert entry.faults == ()
    day = date(2029, 1, 1)
    assert entry.fact == Targeted(year=2029, target="90", effective_on=day, basis="PK")
    assert entry.known_on == SCOPE.today < day


def test_a_row_has_the_same_id_however_its_file_is_written(make: Any) -> None:
    rows = [make.report("K1"), make.row("K1", "diverifikasi")]
    plain = entries(make("konflik", *rows))
    other = entries(b"\xef\xbb\xbf" + make("konflik", *rows, delimiter=";", end="\r\n"))
    assert [e.command_id for e in plain] == [e.command_id for e in other]


def test_a_file_that_is_changed_while_it_is_read_is_refused(make: Any) -> None:
    rows = [make.report(f"K{n}") for n in range(3)]
    for changed in (rows[:2], [*rows, rows[0]], [*rows[:2], make.report("K9")]):
        file = io.BytesIO(make("konflik", *rows))
        [journal] = read_journals(file, SCOPE.digest).journals
        file.seek(0)
        file.truncate()
        file.write(make("konflik", *changed))
        with pytest.raises(UnreadableSheet, match="modified during the import"):
            list(journal.rows())


def test_a_file_with_an_empty_optional_column_has_the_ids_of_one_without(
    make: Any,
) -> None:
    rows = [make.registration("O1"), make.row("O1", "bubar")]
    plain = entries(make("organisasi", *rows))
    wider = entries(make("organisasi", *[row | {"wilayah": ""} for row in rows]))
    assert [e.command_id for e in plain] == [e.command_id for e in wider]
    placed = entries(make("organisasi", rows[0] | {"wilayah": "35.76.01"}))
    assert placed[0].command_id != plain[0].command_id


def test_an_area_stands_only_in_rows_that_say_where_an_organisation_is(
    make: Any,
) -> None:
    moved = make.row("O1", "pendaftaran_dikoreksi", keterangan="n", wilayah="-")
    wrong = make.row("O1", "bubar", wilayah="35.76.01")
    nowhere = make.registration("O2", wilayah="35.76.09")
    cleared, *faulty = entries(make("organisasi", moved, wrong, nowhere))
    assert isinstance(cleared.fact, CorrectionTarget)
    assert cleared.fact.given == {"area": None, "reason": "n"}
    messages = [(f.column, f.message) for e in faulty for f in e.faults]
    assert [column for column, _ in messages] == ["wilayah", "wilayah"]
    assert 'is "35.76.01", but must be empty in this row' in messages[0][1]
    assert "must be one of 35.76, 35.76.01, " in messages[1][1]


def test_rows_that_say_the_same_are_told_apart_by_how_often_it_was_said(
    make: Any,
) -> None:
    first = entries(make("konflik", *[make.report("K1")] * 2))
    assert len({entry.command_id for entry in first}) == 2
    later = entries(make("konflik", make.report("K0"), *[make.report("K1")] * 2))
    assert [e.command_id for e in later[1:]] == [e.command_id for e in first]


@pytest.mark.parametrize(
    ("cells", "column", "message"),
    [
        ({"nomor": ""}, "nomor", "is empty, but a value is required"),
        ({"nomor": "K 1"}, "nomor", '"K 1", but must be a number of at most 64'),
        ({"diketahui_pada": ""}, "diketahui_pada", "is empty"),
        (
            {"diketahui_pada": "2026-02-01"},
            "diketahui_pada",
            "must not be after today, 2026-01-31",
        ),
        ({"tanggal": ""}, "tanggal", "is empty"),
        ({"tanggal": "1/3/2022"}, "tanggal", "must be a day in the form YYYY-MM-DD"),
        ({"tanggal": "2022-02-30"}, "tanggal", "must be a day in the form YYYY-MM-DD"),
        ({"tanggal": "20220301"}, "tanggal", "must be a day in the form YYYY-MM-DD"),
        (
            {"tanggal": "2022-03-02"},
            "tanggal",
            "is 2022-03-02, but must not be after diketahui_pada, 2022-03-01",
        ),
        ({"tanggal": "1945-08-16"}, "tanggal", "must not be before 1945-08-17"),
        (
            {"tanggal_kejadian": "2022-03-02"},
            "tanggal_kejadian",
            "must not be after diketahui_pada, 2022-03-01",
        ),
        ({"peristiwa": ""}, "peristiwa", "is empty"),
        ({"peristiwa": "selesai"}, "peristiwa", "must be one of dilaporkan, "),
        (
            {"kategori": "x"},
            "kategori",
            'is "x", but must be one of ipoleksosbud, sara',
        ),
        ({"dimensi": ""}, "dimensi", "is empty"),
        ({"judul": "x\ty"}, "judul", "must be one line of at most 500 characters"),
        ({"judul": "x" * 501}, "judul", "must be one line of at most 500 characters"),
        ({"sumber": "koran"}, "sumber", "must be one of polres, kodim"),
        ({"wilayah": "35.76.01.1"}, "wilayah", "must be one of 35.76, 35.76.01, "),
        ({"cara": "mediasi"}, "cara", 'is "mediasi", but must be empty in this row'),
    ],
)
def test_a_wrong_cell_is_named_with_what_was_expected(
    make: Any, cells: dict[str, str], column: str, message: str
) -> None:
    [entry] = entries(make("konflik", {**make.report("K1"), **cells}))
    assert [(f.row, f.column) for f in entry.faults] == [(2, column)]
    assert message in entry.faults[0].message
    assert entry.fact is None


@pytest.mark.parametrize(
    ("name", "row", "column", "message"),
    [
        ("konflik", ("K1", "ditolak", {}), "keterangan", "is empty"),
        (
            "konflik",
            ("K1", "diselesaikan", {"cara": "damai"}),
            "cara",
            "one of islah, ",
        ),
        (
            "konflik",
            ("K1", "ditangani", {"cara": "mediasi"}),
            "cara",
            "one of pencegahan",
        ),
        ("konflik", ("K1", "digabung", {"keterangan": "n"}), "ke_nomor", "is empty"),
        (
            "konflik",
            ("K1", "direklasifikasi", {}),
            "kategori",
            "kategori or dimensi is required",
        ),
        (
            "konflik",
            ("K1", "klasifikasi_dikoreksi", {"keterangan": "n"}),
            "kategori",
            "kategori or dimensi is required",
        ),
        ("konflik", ("K1", "penutupan_dibatalkan", {}), "keterangan", "is empty"),
        ("organisasi", ("O1", "diperpanjang", {}), "berlaku_sampai", "is empty"),
        (
            "organisasi",
            (
                "O1",
                "diperpanjang",
                {"berlaku_sampai": "2027-01-01", "dasar_hukum": "parpol"},
            ),
            "dasar_hukum",
            "must be empty or skt in this row",
        ),
        (
            "organisasi",
            ("O1", "berpartisipasi", {"rujukan": "P", "kegiatan": "x"}),
            "kegiatan",
            "one of musrenbang, ",
        ),
        (
            "organisasi",
            (
                "O1",
                "berpartisipasi",
                {"rujukan": "P", "kegiatan": "lainnya", "terverifikasi": "?"},
            ),
            "terverifikasi",
            "one of ya, tidak",
        ),
        (
            "organisasi",
            ("O1", "bubar", {"nama": "n"}),
            "nama",
            "must be empty in this row",
        ),
    ],
)
def test_a_cell_that_a_row_needs_or_has_no_use_for_is_named(
    make: Any, name: str, row: Any, column: str, message: str
) -> None:
    number, event, cells = row
    [entry] = entries(make(name, make.row(number, event, **cells)))
    assert [f.column for f in entry.faults] == [column]
    assert message in entry.faults[0].message


@pytest.mark.parametrize(
    ("row", "column", "message"),
    [
        ("IKU-9,2021,80,2021-01-01,PK", "indikator", "one of IKU-1, IKU-2, IKU-3"),
        ("IKU-1,21,80,2021-01-01,PK", "tahun", "a year from 1945 on"),
        ("IKU-1,2021,0,2021-01-01,PK", "target", "per cent above 0"),
        ("IKU-1,2021,80%,2021-01-01,PK", "target", 'is "80%", but must be per cent'),
        ('IKU-1,2021,"77,123",2021-01-01,PK', "target", "at most two decimals"),
        ("IKU-1,2021,80,2021-01-01,", "dasar", "is empty"),
    ],
)
def test_a_wrong_target_is_named_with_what_was_expected(
    row: str, column: str, message: str
) -> None:
    content = f"indikator,tahun,target,berlaku_mulai,dasar\n{row}\n"
    [entry] = entries(content.encode())
    assert [f.column for f in entry.faults] == [column]
    assert message in entry.faults[0].message


def test_all_that_is_wrong_with_a_row_is_said_at_once(make: Any) -> None:
    row = make.report("K1", "kemarin", kategori="x", sumber="y", cara="z")
    [entry] = entries(make("konflik", row))
    assert [f.column for f in entry.faults] == [
        "diketahui_pada",
        "tanggal",
        "kategori",
        "sumber",
        "cara",
    ]


def test_corrections_and_annulments_look_for_the_fact_they_are_about(make: Any) -> None:
    row = make.row("K1", "penutupan_dibatalkan", keterangan="n")
    [entry] = entries(make("konflik", row))
    assert isinstance(entry.fact, CorrectionTarget)
    assert entry.fact.identifying_fields == {"effective_on": DAY}


def test_every_heading_and_every_kind_of_row_stands_in_the_document() -> None:
    written = set(re.findall(r"`([a-z_]+)`", DOCUMENT.read_text(encoding="utf-8")))
    for layout in LAYOUTS.values():
        assert {*layout.headings, *layout.optional} <= written
        assert {*layout.statements} - {""} <= written
