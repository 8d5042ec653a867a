"""The shaded table, in the office and in public."""

from hypothesis import given
from hypothesis import strategies as st

from iku.domain.small_cells import LEAST
from iku.exchange.charts.shaded_table import (
    SHADES,
    Cell,
    ShadedTable,
    shaded_table,
)

COUNTS = {
    ("Kranggan", "agama"): (2, 2),
    ("Kranggan", "suku"): (4, 7),
    ("Magersari", "agama"): (3, 5),
}
tables = st.dictionaries(
    st.tuples(st.sampled_from("abc"), st.sampled_from("xyz")),
    st.integers(0, 20).flatmap(lambda d: st.tuples(st.integers(0, d), st.just(d))),
)


def hidden(table: ShadedTable) -> list[Cell]:
    return [one for line in table.cells for one in line if one.denominator is None]


def test_the_office_sees_every_count_and_the_sums() -> None:
    table = shaded_table(COUNTS)
    assert table.rows == ["Kranggan", "Magersari"]
    assert table.columns == ["agama", "suku"]
    assert table.cells[0][0] == Cell(2, 2, 2)
    assert table.cells[0][1] == Cell(4, 7, SHADES)
    assert table.cells[1][1] == Cell(0, 0, 0)
    assert table.row_sums == [Cell(6, 9, 0), Cell(3, 5, 0)]
    assert table.column_sums == [Cell(5, 7, 0), Cell(4, 7, 0)]


def test_the_public_sees_no_count_below_three_and_none_that_reveals_it() -> None:
    table = shaded_table(COUNTS, public=True)
    assert (table.row_sums, table.column_sums) == (None, None)
    small, other = hidden(table)
    assert small.small
    assert not other.small
    assert table.cells[0][1].denominator == 7


def test_several_small_counts_hide_each_other() -> None:
    counts = COUNTS | {("Prajuritkulon", "suku"): (1, 1)}
    assert all(one.small for one in hidden(shaded_table(counts, public=True)))


@given(tables)
def test_a_public_table_never_shows_a_small_count(
    counts: dict[tuple[str, str], tuple[int, int]],
) -> None:
    table = shaded_table(counts, public=True)
    for line in table.cells:
        for one in line:
            assert one.numerator is None
            assert not one.denominator or one.denominator >= LEAST
    filled = [denominator for _, denominator in counts.values() if denominator]
    small = sum(denominator < LEAST for denominator in filled)
    if small and len(filled) > 1:
        assert len(hidden(table)) >= 2


@given(tables)
def test_a_darker_cell_counts_at_least_as_much(
    counts: dict[tuple[str, str], tuple[int, int]],
) -> None:
    table = shaded_table(counts)
    cells = [one for line in table.cells for one in line]
    ordered = sorted((one.denominator or 0, one.shade) for one in cells)
    assert [shade for _, shade in ordered] == sorted(shade for _, shade in ordered)
    assert all(bool(one.denominator) == bool(one.shade) for one in cells)
