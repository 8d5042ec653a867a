"""The template for entries: what it offers, and what becomes of what is typed."""

import io
import re
from datetime import date
from typing import Any
from zipfile import ZipFile

import pytest
from msgspec import structs
from python_calamine import load_workbook

from iku import agency
from iku.app import App
from iku.exchange import entry_template, journal_columns
from iku.exchange.entry_template_mark import MARK
from iku.exchange.journal_import import Importer
from iku.exchange.journals import read_journals
from iku.ledger import log
from iku.postgres.pool import Plain
from iku.queries import lists
from iku.queries.list_questions import ConflictsQuestion, OrganisationsQuestion
from tests.exchange.test_workbook_sheets import SCOPE
from tests.exchange.workbooks import cells, filled

TEMPLATE = entry_template.write(agency.load_agency(None).areas)
D1, D2, D3 = date(2022, 3, 1), date(2022, 3, 8), date(2022, 4, 2)


def row(number: str, event: str, day: date, **more: Any) -> dict[str, Any]:
    frame = {"diketahui_pada": day, "nomor": number, "peristiwa": event}
    return {**frame, "tanggal": day, **more}


def report(number: str, title: str = "Sengketa lahan", **more: Any) -> dict[str, Any]:
    said = {"kategori": "ipoleksosbud", "dimensi": "sosial", "judul": title}
    return row(number, "dilaporkan", D1, **said | more)


def registration(number: str, **more: Any) -> dict[str, Any]:
    said = {"jenis": "ormas", "nama": f"Ormas {number}", "dasar_hukum": "badan_hukum"}
    return row(number, "didaftar", D1, **said | more)


CASES = [
    report("T1", "=HYPERLINK(1)", sumber="polres", wilayah="35.76.01"),
    row("T1", "diverifikasi", D2),
    report("0012", 'Kutipan "ganda", koma; <b>', tanggal_kejadian=date(2022, 2, 27)),
    row("T1", "diselesaikan", D3, cara="mediasi", keterangan="BA-1"),
]
ORGANISATIONS = [
    registration("Q1", wilayah="35.76.02"),
    registration("Q2", dasar_hukum="skt", berlaku_sampai=date(2027, 1, 31)),
]
PARTICIPATIONS = [
    row("Q1", "berpartisipasi", D2, rujukan="P1", kegiatan="kemitraan"),
    row("Q1", "partisipasi_diverifikasi", D3, rujukan="P1"),
]
FILLED = filled(
    TEMPLATE, Konflik=CASES, Organisasi=ORGANISATIONS, Partisipasi=PARTICIPATIONS
)


def part(name: str) -> str:
    with ZipFile(io.BytesIO(TEMPLATE)) as archive:
        return archive.read(name).decode()


def sheet(name: str) -> str:
    names = load_workbook(io.BytesIO(TEMPLATE)).sheet_names
    return part(f"xl/worksheets/sheet{names.index(name) + 1}.xml")


def validations(name: str) -> dict[str, str]:
    """The validation of each column, by its letters."""
    found = re.findall(
        r"<dataValidation [^>]*(?:/>|[^/]>.*?</dataValidation>)", sheet(name)
    )
    by_column = {}
    for one in found:
        place = re.search(r'sqref="([A-Z]+)2:', one)
        assert place is not None
        by_column[place[1]] = one
    return by_column


def test_the_template_is_the_same_bytes_each_time() -> None:
    assert entry_template.write(agency.load_agency(None).areas) == TEMPLATE


def test_the_template_has_its_sheets_and_its_mark() -> None:
    book = load_workbook(io.BytesIO(TEMPLATE))
    assert book.sheet_names == [
        *("Petunjuk", "Konflik", "Organisasi", "Partisipasi", "Daftar")
    ]
    assert cells(TEMPLATE, "Petunjuk")[0][0] == MARK
    assert MARK in part("docProps/core.xml")
    assert MARK in part("docProps/custom.xml")
    assert 'name="Daftar" sheetId="5" state="hidden"' in part("xl/workbook.xml")


def test_the_headings_are_those_of_the_journals() -> None:
    assert tuple(cells(TEMPLATE, "Konflik")[0]) == journal_columns.headings("konflik")
    both = {*cells(TEMPLATE, "Organisasi")[0], *cells(TEMPLATE, "Partisipasi")[0]}
    assert both == {*journal_columns.headings("organisasi")}
    words = cells(TEMPLATE, "Daftar")
    events = {one.event for one in journal_columns.row_kinds("organisasi")}
    typed = {row[column] for row in words[1:] for column in (1, 2)} - {""}
    assert typed == events


def test_cells_offer_the_words_of_their_columns() -> None:
    rules = validations("Konflik")
    assert "<formula1>peristiwa_konflik</formula1>" in rules["C"]
    assert "<formula1>kategori</formula1>" in rules["E"]
    assert "<formula1>INDIRECT($E2)</formula1>" in rules["F"]
    assert "<formula1>INDIRECT($C2)</formula1>" in rules["L"]
    assert "<formula1>TODAY()</formula1>" not in rules["D"]
    assert "<formula2>TODAY()</formula2>" in rules["D"]
    assert 'type="date"' in rules["A"]
    once = 'COUNTIFS($B$2:$B$2001,$B2,$C$2:$C$2001,"dilaporkan")=1'
    assert once in rules["B"].replace("&quot;", '"')
    named = part("xl/workbook.xml")
    assert '<definedName name="sara">Daftar!$L$2:$L$5</definedName>' in named
    pair = "COUNTIFS($B$2:$B$2001,$B2,$E$2:$E$2001,$E2,"
    assert pair in validations("Partisipasi")["E"]
    ahead = validations("Organisasi")["H"]
    assert 'operator="greaterThanOrEqual"' in ahead
    assert "TODAY" not in ahead


def test_sheets_are_protected_but_their_cells_are_not() -> None:
    for name in ("Konflik", "Organisasi", "Partisipasi"):
        assert "<sheetProtection sheet=" in sheet(name)
        assert 'state="frozen"' in sheet(name)
        assert 'orientation="landscape"' in sheet(name)
    assert '<protection locked="0"/>' in part("xl/styles.xml")


def test_a_filled_template_has_the_rows_that_were_typed() -> None:
    cases, organisations = read_journals(io.BytesIO(FILLED), SCOPE.digest).journals
    assert (cases.sheets, cases.size) == (("Konflik",), 4)
    assert (organisations.sheets, organisations.size) == (
        *(("Organisasi", "Partisipasi"), 4),
    )
    for journal in (cases, organisations):
        assert [one.faults for one in journal.entries(SCOPE)] == [()] * 4


async def test_what_is_typed_is_imported_and_listed_as_it_was_typed(
    bring: Any, app: App, connection: Plain
) -> None:
    report = await bring(FILLED)
    assert report.faults == ()
    assert (report.journal, report.rows, report.added) == ("konflik, organisasi", 8, 8)
    view = app.view(connection, app.usual)
    today = app.commands.today()
    found = {
        item["number"]: item
        for question in (ConflictsQuestion(), OrganisationsQuestion())
        for item in (await lists.listing(view, question, today)).items
    }
    first, second = found["T1"], found["0012"]
    assert (first["title"], first["area"]) == ("=HYPERLINK(1)", "35.76.01")
    assert (first["status"], first["manner"], first["resolved_on"]) == (
        *("resolved", "mediasi", D3.isoformat()),
    )
    assert (second["title"], second["occurred_on"]) == (
        *('Kutipan "ganda", koma; <b>', "2022-02-27"),
    )
    assert found["Q2"]["valid_until"] == "2027-01-31"
    again = await bring(FILLED)
    assert (again.added, again.repeated) == (0, 8)


async def test_a_fault_on_one_sheet_records_nothing_of_any(
    bring: Any, connection: Plain
) -> None:
    wrong = [registration("Q1"), row("Q9", "dibekukan", D2)]
    before = (await log.head(connection)).size
    for cases, organisations in ((CASES, wrong), ([*CASES, CASES[0]], wrong)):
        book = filled(TEMPLATE, Konflik=cases, Organisasi=organisations)
        for dry_run in (True, False):
            report = await bring(book, dry_run=dry_run)
            assert report.added == 0
            [fault] = report.faults
            assert (fault.sheet, fault.row) == ("Organisasi", 3)
    assert (await log.head(connection)).size == before


FAULTS: list[tuple[str, str, dict[str, Any]]] = [
    ("Konflik", "A", report("K1", diketahui_pada=None)),
    ("Konflik", "A", report("K2", diketahui_pada=date(2999, 1, 1))),
    ("Konflik", "B", report("K 3")),
    ("Konflik", "B", report("x" * 65)),
    ("Konflik", "C", row("K5", "dilapor", D1)),
    ("Konflik", "C", row("K6", "", D1)),
    ("Konflik", "D", report("K7", tanggal=None)),
    ("Konflik", "D", report("K8", tanggal="1/3/2022")),
    ("Konflik", "D", report("K9", tanggal=D2)),
    ("Konflik", "D", report("K10", tanggal=date(1945, 8, 16))),
    ("Konflik", "E", report("K11", kategori="cuaca")),
    ("Konflik", "F", report("K12", dimensi="suku")),
    ("Konflik", "F", report("K13", dimensi=None)),
    ("Konflik", "G", report("K14", title="")),
    ("Konflik", "G", report("K15", title="dua\nbaris")),
    ("Konflik", "H", report("K16", tanggal_kejadian=D2)),
    ("Konflik", "I", report("K17", sumber="tetangga")),
    ("Konflik", "J", report("K18", wilayah="35.76.09")),
    ("Konflik", "K", report("K19", ke_nomor="K1")),
    ("Konflik", "L", report("K20", cara="mediasi")),
    ("Konflik", "B", row("K21", "diverifikasi", D1)),
    ("Konflik", "M", report("K22", keterangan="x" * 501)),
    ("Organisasi", "E", registration("O1", jenis="klub")),
    ("Organisasi", "F", registration("O2", nama=None)),
    ("Organisasi", "G", registration("O3", dasar_hukum="lisan")),
    ("Organisasi", "H", registration("O4", dasar_hukum="skt")),
    ("Organisasi", "K", registration("O5", wilayah="Magersari")),
    ("Organisasi", "I", registration("O6", rujukan="P1")),
    ("Partisipasi", "F", row("O7", "berpartisipasi", D2, rujukan="P1", kegiatan="x")),
    (
        *("Partisipasi", "G"),
        row(
            *("O8", "berpartisipasi", D2),
            rujukan="P1",
            kegiatan="kemitraan",
            terverifikasi="mungkin",
        ),
    ),
]


async def test_each_of_thirty_planted_faults_is_reported_at_its_cell(
    importer: Importer,
) -> None:
    planted: dict[str, list[dict[str, Any]]] = {}
    expected = []
    for name, letters, wrong in FAULTS:
        rows = planted.setdefault(name, [])
        rows.append({key: value for key, value in wrong.items() if value != ""})
        expected.append((name, f"{letters}{len(rows) + 1}"))
    assert len(expected) == 30
    report = await importer.run(filled(TEMPLATE, **planted))
    assert [(one.sheet, one.cell) for one in report.faults] == expected
    assert report.faulted == 30
    for fault in report.faults:
        assert fault.column is not None
        assert report.journal_of(fault) in {"konflik", "organisasi"}
        assert structs.asdict(fault)["message"]


@pytest.mark.parametrize("name", ["Konflik", "Organisasi", "Partisipasi"])
def test_every_column_shows_what_belongs_into_it(name: str) -> None:
    rules = validations(name)
    assert len(rules) == len(cells(TEMPLATE, name)[0])
    assert all("promptTitle=" in one and "prompt=" in one for one in rules.values())
