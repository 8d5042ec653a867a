"""A workbook whose tables continue is that of the whole tables, in constant memory."""

import io
import re
import tracemalloc
from collections.abc import Sequence
from zipfile import ZipFile

from iku.exchange import printed_table, workbook
from iku.exchange.continued_table import ContinuedTable
from iku.exchange.document_stream import DocumentStream
from iku.exchange.papers.document import Document
from iku.exchange.printed_table import PrintedColumn, PrintedTable
from iku.language import Language
from tests.exchange.workbooks import cells
from tests.samples import examples

COLUMNS = (
    PrintedColumn("Nomor", is_number=True),
    PrintedColumn("Hari"),
    PrintedColumn("Angka", is_number=True),
    PrintedColumn("Persen", is_number=True),
    PrintedColumn("Judul", is_text=True),
)
FIRST = ["1", "01-02-2021", "7/9", "77,78%", "=1+1"]
ROWS = [
    FIRST,
    ["2", "02-02-2021", "8/9", "88,89%", "2"],
    ["1.003", "–", "–", "–", ""],
    ["4", "03-02-2021", "1/2", "5,50%", "<b>&\x00"],
]
LAST = Language.INDONESIAN


def document(*tables: PrintedTable) -> Document:
    return printed_table.document("Judul", None, "per hari ini", tables, LAST)


def table(rows: Sequence[Sequence[str]], notes: Sequence[str] = ()) -> PrintedTable:
    return PrintedTable("Daftar", COLUMNS, rows, notes=notes)


def streamed(first: int, rows: Sequence[Sequence[str]], *notes: str) -> bytes:
    """The workbook of a complete table and of one that has *first* rows at first."""
    begun = table(rows[:first])
    stream = DocumentStream(document(table(ROWS), begun), {1})
    reader = ContinuedTable(begun, LAST)
    parts = [stream.head(), stream.begin_sheet(0), stream.begin_sheet(1)]
    parts += (
        stream.rows(reader.rows(rows[start : start + 2]))
        for start in range(first, len(rows), 2)
    )
    return b"".join([*parts, stream.end_sheet(1, notes), stream.end()])


def shown(book: bytes, sheet: str) -> list[list[object]]:
    """The rows of a sheet without empty cells at their ends."""
    found = []
    for row in cells(book, sheet):
        while row and row[-1] == "":
            row.pop()
        found.append(row)
    while found and not found[-1]:
        found.pop()
    return found


def part(book: bytes, name: str) -> str:
    with ZipFile(io.BytesIO(book)) as archive:
        return archive.read(name).decode()


def test_a_continued_table_is_written_as_a_whole_one() -> None:
    whole = workbook.document(document(table(ROWS), table(ROWS, ["Catatan"])))
    for first in (1, 2, 4):
        made = streamed(first, ROWS, "Catatan")
        for sheet in ("Daftar", "Daftar 2"):
            assert shown(made, sheet) == shown(whole, sheet), (first, sheet)


def test_the_filter_of_a_continued_table_reaches_its_last_row() -> None:
    whole = workbook.document(document(table(ROWS), table(ROWS)))
    made = streamed(2, ROWS)
    for name, pattern in (
        ("xl/worksheets/sheet2.xml", r'<autoFilter ref="[^"]*"'),
        ("xl/workbook.xml", r"<definedName .*</definedName>"),
    ):
        expected = re.search(pattern, part(whole, name))
        found = re.search(pattern, part(made, name))
        assert expected is not None
        assert found is not None
        assert found[0] == expected[0]
    assert "<dimension" not in part(made, "xl/worksheets/sheet2.xml")


def test_the_same_rows_give_the_same_bytes() -> None:
    assert streamed(2, ROWS) == streamed(2, ROWS)


def test_a_text_is_no_formula_and_a_control_character_no_fault() -> None:
    made = streamed(1, [FIRST, *[["2", "", "1/2", "", "=1+1\x00"]] * 3])
    assert "<f>" not in part(made, "xl/worksheets/sheet2.xml")
    assert "=1+1" in str(shown(made, "Daftar 2")[-1][-1])


def test_a_value_that_does_not_fit_its_column_is_the_printed_text() -> None:
    columns = [PrintedColumn(name, is_number=True) for name in ("A", "B", "C", "D")]
    begun = PrintedTable("x", columns, [["1", "5,00%", "7/9", "1"]])
    reader = ContinuedTable(begun, LAST)
    [row] = reader.rows([["7/9", "3", "12", "5,00%"]])
    numerator = 4
    assert len(row.cells) == numerator + 1
    [other] = reader.rows([["2,5", "–", "1/2 = 50,00%", "x"]])
    texts = [str(cell) for cell in (*row.cells, *other.cells)]
    assert "7/9" in texts
    assert "5,00%" in texts
    assert "12" in texts
    assert "1/2 = 50,00%" in texts
    stream = DocumentStream(document(begun), {0})
    parts = [stream.head(), stream.begin_sheet(0), stream.rows([row, other])]
    book = b"".join([*parts, stream.end_sheet(0), stream.end()])
    first, second = shown(book, "x")[-2:]
    # Three in a column of percentages is three, and not three hundred per cent.
    assert first == ["7/9", 3.0, "12", "", "5,00%"]
    assert second == [2.5, "–", "1/2 = 50,00%", "", "x"]


def peak(rows: int) -> int:
    """The most memory that a workbook with so many rows takes, in bytes."""
    begun = table(ROWS * 25)
    reader = ContinuedTable(begun, LAST)
    tracemalloc.start()
    stream = DocumentStream(document(begun), {0})
    stream.head()
    stream.begin_sheet(0)
    for _ in range(rows // 100):
        stream.rows(reader.rows(ROWS * 25))
    stream.end_sheet(0)
    stream.end()
    found = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return found


def test_the_memory_of_a_workbook_does_not_grow_with_its_rows() -> None:
    peak(100)  # imports, and caches
    # Eight times the rows; other threads of the process allocate memory, too.
    assert peak(examples(8_000, 4_000)) < 2 * peak(examples(1_000, 500))
