"""Printed tables as exact values: what is read as a number, and what stays text."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from iku.exchange import printed_table, workbook
from iku.exchange.papers.document import Amount, CellKind
from iku.exchange.printed_table import PrintedColumn, PrintedTable, TooManyRows
from iku.language import Language
from tests.exchange.workbooks import cells

FORMULA = "=HYPERLINK(A1)"


def column(
    *texts: str, language: Language = Language.INDONESIAN, **of: bool
) -> tuple[CellKind, list[Any]]:
    """The kind and the cells of a column with these texts."""
    of = of or {"is_number": True}
    printed = PrintedTable("Uji", [PrintedColumn("Nilai", **of)], [[t] for t in texts])
    [table] = printed_table.document("", None, "", [printed], language).tables
    return table.columns[0].kind, [row.cells[0] for row in table.rows]


@pytest.mark.parametrize(
    ("texts", "kind", "values"),
    [
        (["1.234", "-1", "+2", ""], CellKind.COUNT, [1234, -1, 2, None]),
        (["1.234,5", "7"], CellKind.NUMBER, [Decimal("1234.5"), 7]),
        (["77,78%", "–"], CellKind.PERCENT, [Decimal("77.78"), "–"]),
        (["77,78%", "7"], CellKind.PERCENT, [Decimal("77.78"), Amount(Decimal(7))]),
        # Figures among other values have no columns of their own.
        (["7/9", "77,78%"], CellKind.PERCENT, ["7/9", Decimal("77.78")]),
        (["31-12-2021", "140"], CellKind.COUNT, [date(2021, 12, 31), 140]),
        (["1234567890123456"], CellKind.COUNT, ["1234567890123456"]),
        ([FORMULA, "1"], CellKind.COUNT, [FORMULA, 1]),
    ],
)
def test_a_column_of_numbers_has_the_values_that_are_printed(
    texts: Sequence[str], kind: CellKind, values: Sequence[Any]
) -> None:
    assert column(*texts) == (kind, values)


def test_a_figure_takes_a_column_for_each_of_its_values() -> None:
    printed = PrintedTable(
        "",
        [
            PrintedColumn("Terbit", is_number=True),
            PrintedColumn("N/D", is_number=True),
        ],
        [
            ["7/9 = 77,78%", "1.033/1.238"],
            ["0/0 (–)", "·"],
            ["100,00% (1/1)", "+1 / -1"],
            ["–", "< 3"],
        ],
    )
    [table] = printed_table.document(
        "", None, "", [printed], Language.INDONESIAN
    ).tables
    assert [(one.title, one.kind) for one in table.columns] == [
        ("Terbit, Pembilang", CellKind.COUNT),
        ("Terbit, Penyebut", CellKind.COUNT),
        ("Terbit, %", CellKind.PERCENT),
        ("N/D, Pembilang", CellKind.COUNT),
        ("N/D, Penyebut", CellKind.COUNT),
    ]
    assert [row.cells for row in table.rows] == [
        (7, 9, Decimal("77.78"), 1033, 1238),
        (0, 0, "–", "·", None),
        (1, 1, Decimal("100.00"), 1, -1),
        ("–", None, None, "< 3", None),
    ]


def test_numbers_and_days_are_read_in_the_language_of_the_reader() -> None:
    english = Language.ENGLISH
    assert column("1,234.5", language=english)[1] == [Decimal("1234.5")]
    assert column("2021-12-31", language=english)[1] == [date(2021, 12, 31)]
    assert column("31-12-2021", language=english)[1] == ["31-12-2021"]


def test_a_column_of_days_only_has_days_and_their_marks() -> None:
    printed = PrintedTable(
        "", [PrintedColumn("Hari")], [["31-12-2021 *"], ["–"], ["01-01-2021"]]
    )
    [table] = printed_table.document(
        "", None, "", [printed], Language.INDONESIAN
    ).tables
    assert table.columns[0].kind is CellKind.DAY
    assert [row.cells[0] for row in table.rows] == [
        date(2021, 12, 31),
        "–",
        date(2021, 1, 1),
    ]
    assert table.rows[0].marks == {0: "*"}
    assert column("31-12-2021", "K10", is_number=False)[1] == ["31-12-2021", "K10"]
    assert column("99-12-2021", is_number=False)[1] == ["99-12-2021"]


def test_what_people_typed_stays_text() -> None:
    assert column("31-12-2021", "7", is_text=True)[1] == ["31-12-2021", "7"]


def test_the_sheet_has_title_coordinates_values_and_notes() -> None:
    printed = PrintedTable(
        "Uji",
        [PrintedColumn("Nomor"), PrintedColumn("Nilai", is_number=True)],
        [["K10", "7"], [FORMULA, "2"]],
        footer=[["Jumlah", "9"]],
        notes=["Catatan."],
    )
    content = workbook.document(
        printed_table.document(
            "Judul", "Anak judul", "per 31-12-2021", [printed], Language.INDONESIAN
        )
    )
    rows = [row for row in cells(content) if any(row)]
    assert [row[0] for row in rows[:4]] == [
        *("Judul", "Anak judul", "Uji", "per 31-12-2021"),
    ]
    assert rows[4:] == [
        ["Nomor", "Nilai"],
        ["K10", 7.0],
        [FORMULA, 2.0],
        ["Jumlah", 9.0],
        ["1) Catatan.", ""],
    ]


def test_a_table_that_is_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(printed_table, "MOST_ROWS", 2)
    with pytest.raises(TooManyRows, match="more than 2 rows"):
        column("1", "2", "3")
