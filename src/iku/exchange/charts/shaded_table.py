"""A table of counts by two properties, shaded by amount.

A public table has no small counts (`domain.small_cells`), and no sums of rows and
columns, from which they could be computed.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from iku.domain import small_cells

SHADES = 4


class Cell(NamedTuple):
    """A cell of the table.

    Attributes:
        numerator: None if it is hidden.
        denominator: None if it is hidden.
        shade: From 0, for nothing, to `SHADES`.
        small: Whether the cell is hidden because its own count is small.
    """

    numerator: int | None
    denominator: int | None
    shade: int
    small: bool = False


class ShadedTable(NamedTuple):
    """The cells by row and column, and the sums; None in a public table."""

    rows: Sequence[str]
    columns: Sequence[str]
    cells: Sequence[Sequence[Cell]]
    row_sums: Sequence[Cell] | None
    column_sums: Sequence[Cell] | None


Counts = Mapping[tuple[str, str], tuple[int, int]]


def shaded_table(counts: Counts, *, public: bool = False) -> ShadedTable:
    """The table of numerators and denominators by row and column, in their order."""
    rows = sorted({row for row, _ in counts})
    columns = sorted({column for _, column in counts})
    most = max((denominator for _, denominator in counts.values()), default=0)
    hidden = _hidden_cells(counts) if public else frozenset()
    cells = [
        [
            _cell(
                counts.get((row, column), (0, 0)), most, hidden=(row, column) in hidden
            )
            for column in columns
        ]
        for row in rows
    ]
    if public:
        shown = [[one._replace(numerator=None) for one in line] for line in cells]
        return ShadedTable(rows, columns, shown, None, None)
    by_row = [_sum_cell(counts, 0, row) for row in rows]
    by_column = [_sum_cell(counts, 1, column) for column in columns]
    return ShadedTable(rows, columns, cells, by_row, by_column)


def _cell(of: tuple[int, int], most: int, *, hidden: bool) -> Cell:
    numerator, denominator = of
    if hidden:
        return Cell(None, None, 1, small=denominator < small_cells.LEAST)
    # Rounded up, so that only an empty cell has no shade.
    shade = -(-denominator * SHADES // most) if most else 0
    return Cell(numerator, denominator, shade)


def _hidden_cells(counts: Counts) -> frozenset[tuple[str, str]]:
    """The cells that are hidden from the public: small counts, but not zero."""
    filled = [key for key, (_, denominator) in counts.items() if denominator]
    shown = small_cells.suppress_small_counts([counts[key][1] for key in filled])
    return frozenset(
        key for key, count in zip(filled, shown, strict=True) if count is None
    )


def _sum_cell(counts: Counts, side: int, value: str) -> Cell:
    of = [both for key, both in counts.items() if key[side] == value]
    return Cell(sum(n for n, _ in of), sum(d for _, d in of), 0)
