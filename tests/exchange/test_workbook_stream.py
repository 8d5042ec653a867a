"""A workbook written row by row: types, layout, constant memory, the same bytes."""

import io
import re
import tracemalloc
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from zipfile import ZipFile

from iku.exchange.papers.document import Amount, Cell, CellKind, Column, Ratio
from iku.exchange.workbook_stream import WorkbookStream
from tests.exchange.workbooks import cells

COLUMNS = [
    Column("teks", width=40),
    Column("jumlah", CellKind.COUNT),
    Column("tanggal", CellKind.DAY),
    Column("persen", CellKind.PERCENT),
    Column("angka", CellKind.NUMBER),
]
DAY = date(2021, 12, 31)


def written(rows: Iterable[Sequence[Cell]], *notes: str, figure: str = "") -> bytes:
    stream = WorkbookStream("daftar", COLUMNS, figure or None)
    return stream.head() + stream.rows(rows) + stream.end(notes)


def part(content: bytes, name: str) -> str:
    with ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        return archive.read(name).decode()


def sheet(content: bytes) -> str:
    return part(content, "xl/worksheets/sheet1.xml")


def test_cells_have_the_types_of_their_columns() -> None:
    row = ("a", 1234, DAY, Decimal("77.78"), Decimal("1.50"))
    content = written([row, ("b", None, None, None, "–")])
    assert cells(content)[1] == ["a", 1234, DAY, 0.7778, 1.5]
    assert cells(content)[2] == ["b", "", "", "", "–"]
    styles = part(content, "xl/styles.xml")
    formats = {*re.findall(r'formatCode="([^"]*)"', styles)}
    assert formats == {"@", "#,##0", "#,##0.00", "0.00%", "dd-mm-yyyy"}


def test_values_of_papers_that_are_no_numbers_are_printed() -> None:
    ratio = Ratio(7, 9, Decimal("77.78"))
    found = cells(written([("a", ratio, None, Amount(Decimal(3)), None)]))[1]
    assert found[1] == "7/9\n77,78%"
    assert found[3] == "3"


def test_texts_that_look_like_formulas_or_markup_are_texts() -> None:
    """ASVS 1.2.10: they are typed as texts, and stay texts when they are edited."""
    texts = [
        *("=1+1", "+1", "-1", "@A1", "\t=1", '=cmd|" /C calc"!A0', "<b>&amp;</b>"),
        *("_x0041_", "a\nb", "  spasi  ", "]]>", "'=1"),
    ]
    content = written([(text,) for text in texts])
    assert [row[0] for row in cells(content)[1:]] == texts
    assert "<f>" not in sheet(content)
    assert all("t=" in one for one in re.findall(r'<c r="A\d+"[^>]*>', sheet(content)))


def test_hidden_characters_and_controls_are_escaped() -> None:
    content = written([("a\u202eb",), ("a\x00b",), ("a\x1bb",), ("a\rb",)])
    found = [row[0] for row in cells(content)[1:]]
    assert found[:3] == ["a<U+202E>b", "a<U+0000>b", "a<U+001B>b"]
    assert found[3] in {"a\rb", "a\nb"}


def test_the_same_rows_give_the_same_bytes() -> None:
    rows = [(f"K{n}", n, DAY, Decimal(n), None) for n in range(100)]
    assert written(rows, "per 31-12-2021") == written(rows, "per 31-12-2021")


def test_a_sheet_is_laid_out_for_paper_and_for_filtering() -> None:
    content = written([("a",), ("b",)], "per 31-12-2021")
    assert '<autoFilter ref="A1:E3"/>' in sheet(content)
    assert 'state="frozen"' in sheet(content)
    assert 'paperSize="9" fitToHeight="0" orientation="landscape"' in sheet(content)
    book = part(content, "xl/workbook.xml")
    assert "daftar!$1:$1" in book  # repeated on each page
    assert "daftar!$A$1:$E$3" in book
    assert [row[0] for row in cells(content)] == [
        "teks",
        "a",
        "b",
        "",
        "per 31-12-2021",
    ]


def test_the_number_of_a_figure_is_a_property() -> None:
    content = written([("a",)], "catatan", figure="12.20211231")
    assert "12.20211231" in part(content, "docProps/custom.xml")
    core = part(content, "docProps/core.xml")
    assert "<dc:subject>12.20211231</dc:subject>" in core
    assert "<dc:description>catatan</dc:description>" in core
    assert "2021-01-01T00:00:00Z" in core


def test_an_empty_table_has_its_headings() -> None:
    assert cells(written([])) == [[column.title for column in COLUMNS]]


def test_the_memory_does_not_grow_with_the_rows() -> None:
    def peak(parts: int) -> int:
        stream = WorkbookStream("daftar", COLUMNS)
        stream.head()
        tracemalloc.start()
        for _ in range(parts):
            stream.rows(("x" * 50, 1, DAY, Decimal(1), None) for _ in range(200))
        stream.end()
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(1)
    assert peak(40) < 1.5 * peak(4) + (1 << 20)
