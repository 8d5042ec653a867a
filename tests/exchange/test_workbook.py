"""Papers as workbooks: numbers as numbers, formulas that give what is printed."""

import io
import re
from datetime import date
from decimal import Decimal
from zipfile import ZipFile

import pytest
from python_calamine import load_workbook

from iku.exchange import workbook
from iku.exchange.papers import missing
from iku.exchange.papers.document import (
    Amount,
    CellKind,
    Column,
    Document,
    Formula,
    Ratio,
    Row,
    Section,
    Table,
)
from tests.exchange.workbooks import cells

TABLE = Table(
    name="monev/triwulan",
    caption="Tabel 1",
    columns=(
        Column("No", CellKind.COUNT),
        Column("Uraian"),
        Column("TW I", CellKind.RATIO, group="Realisasi"),
        Column("Capaian", CellKind.PERCENT),
        Column("Tanggal", CellKind.DAY),
    ),
    rows=(
        Row((1, "=1+1", Ratio(7, 9, Decimal("77.78")), Decimal("97.22"), None)),
        Row(
            (2, "Kosong", Ratio(0, 0, Decimal(100)), None, date(2021, 12, 31)),
            marks={1: "1)", 2: "2)"},
        ),
        Row((3, "Lain", Ratio(0, 0, None), Amount(Decimal("3.5")), None)),
    ),
    footer=(
        Row(("Rata-rata", None, None, Decimal("80.00"), None), span=3, marks={3: "1)"}),
    ),
    notes=("Satu.", "Dua."),
)
PAPER = Document(
    name="monev",
    title="Monev",
    subtitle="Tahun 2021",
    letterhead=(),
    coordinates="per 31 Desember 2021",
    sections=(
        Section(None, (TABLE,)),
        Section(
            "Perhitungan",
            (
                Formula("IKU-1 Konflik", "(7 / 9)", Ratio(7, 9, Decimal("77.78"))),
                Formula("IKU-2 Ormas", "tanpa"),
            ),
        ),
    ),
    figures=("IKU-1.1.T", "IKU-2.1.T"),
)
BOOK = workbook.document(PAPER)


def part(content: bytes, name: str) -> str:
    with ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        return archive.read(name).decode()


def test_the_same_document_gives_the_same_bytes() -> None:
    assert workbook.document(PAPER) == BOOK


def test_each_table_is_a_sheet_with_its_paper_and_figures() -> None:
    book = load_workbook(io.BytesIO(BOOK))
    assert book.sheet_names == ["monev triwulan", "perhitungan"]
    rows = cells(BOOK)
    assert [row[0] for row in rows[:6]] == [
        *("Monev", "Tahun 2021", "Tabel 1", "per 31 Desember 2021"),
        *("Figur IKU-1.1.T, IKU-2.1.T", ""),
    ]
    assert "IKU-1.1.T, IKU-2.1.T" in part(BOOK, "docProps/core.xml")
    assert "IKU-1.1.T, IKU-2.1.T" in part(BOOK, "docProps/custom.xml")


def test_cells_are_exact_values_with_their_types() -> None:
    headings, first, second, third, footer, _, note, _ = cells(BOOK)[6:]
    assert headings[2:5] == [
        *("Realisasi, TW I, pembilang", "Realisasi, TW I, penyebut"),
        "Realisasi, TW I, %",
    ]
    assert first[:7] == [1, "=1+1", 7, 9, 0.7778, 0.9722, ""]
    assert second == [2, "Kosong 1)", 0, 0, 1, "", date(2021, 12, 31)]
    assert third[2:6] == [0, 0, "–", 3.5]
    assert footer[0] == "Rata-rata"
    assert footer[5] == 0.8
    assert note[0] == "1) Satu."
    styles = part(BOOK, "xl/styles.xml")
    assert "0.00%&quot; 1)&quot;" in styles  # the mark of a note after a number


def test_a_percentage_is_a_formula_where_that_gives_what_is_printed() -> None:
    sheet = part(BOOK, "xl/worksheets/sheet1.xml")
    formulas = dict(re.findall(r'<c r="(\w+)"[^>]*><f>([^<]*)</f>', sheet))
    assert formulas == {
        "E8": 'IF(D8=0,"–",ROUND(C8/D8,4))',
        "E10": 'IF(D10=0,"–",ROUND(C10/D10,4))',
    }
    # A policy of the definition, not a division, says that 0/0 is 100%.
    assert cells(BOOK)[8][4] == 1


@pytest.mark.parametrize(
    ("numerator", "denominator", "percentage", "expected"),
    [
        (7, 9, "77.78", True),
        (1, 8, "12.50", True),
        (1, 800, "0.13", True),  # half up, as ROUND does
        (7, 9, "77.77", False),
        (0, 0, None, True),
        (0, 0, "100", False),
        (1, 2, None, False),
    ],
)
def test_a_formula_is_written_only_if_its_recalculation_agrees(
    numerator: int, denominator: int, percentage: str | None, expected: bool
) -> None:
    given = None if percentage is None else Decimal(percentage)
    ratio = Ratio(numerator, denominator, given)
    assert workbook.is_recalculated(ratio) is expected


def test_counts_of_calculations_have_names() -> None:
    book = part(BOOK, "xl/workbook.xml")
    names = dict(re.findall(r'<definedName name="(IKU\w+)">([^<]*)<', book))
    assert names == {
        "IKU1_pembilang": "perhitungan!$B$8",
        "IKU1_penyebut": "perhitungan!$C$8",
    }
    assert cells(BOOK, "perhitungan")[7][:4] == ["IKU-1 Konflik", 7, 9, 0.7778]


def test_sheets_are_laid_out_for_paper_and_filtering() -> None:
    sheet = part(BOOK, "xl/worksheets/sheet1.xml")
    assert '<autoFilter ref="A7:G10"/>' in sheet
    assert 'ySplit="7"' in sheet
    assert 'orientation="landscape"' in sheet
    assert "'monev triwulan'!$7:$7" in part(BOOK, "xl/workbook.xml")


def test_tables_of_one_name_get_sheets_of_their_own() -> None:
    long = "x" * 40
    tables = [
        Table(name=name, caption="", columns=(Column("a"),), rows=())
        for name in (long, long, "A", "a")
    ]
    twice = Document(
        name="a",
        title="a",
        subtitle=None,
        letterhead=(),
        coordinates="",
        sections=(Section(None, tuple(tables)),),
        draft=(missing.ISSUE,),
    )
    content = workbook.document(twice)
    found = load_workbook(io.BytesIO(content)).sheet_names
    assert found == ["x" * 31, f"{'x' * 29} 2", "A", "a 2"]
    assert cells(content)[0][0] == "KONSEP: a"
    assert "Nihil" in [row[0] for row in cells(content)]
