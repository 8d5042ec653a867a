"""Further rows of a printed table, read into the columns of its first rows."""

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal

from iku.exchange.papers.document import Amount, Cell, CellKind, Row
from iku.exchange.printed_table import (
    Notation,
    PrintedTable,
    ReadColumn,
    marked_row,
    read_columns,
)
from iku.language import Language


class ContinuedTable:
    """A table of which more rows are read, as its first rows were.

    The columns are those that the first rows demand. A value that does not fit in them,
    such as a figure in a column of counts, is the printed text.
    """

    def __init__(self, of: PrintedTable, language: Language) -> None:
        self._columns = of.columns
        self._read = Notation(language)
        self._kinds = [
            [one.kind for one in self._parts(index, of.rows)]
            for index in range(len(of.columns))
        ]

    def rows(self, rows: Sequence[Sequence[str]]) -> list[Row]:
        """The cells of further rows."""
        cells: list[Sequence[Cell | tuple[date, str]]] = []
        for index, kinds in enumerate(self._kinds):
            parts = [*self._parts(index, rows)]
            fitting = [*map(_fitted, parts, kinds)] if len(parts) == len(kinds) else []
            if fitting and None not in fitting:
                cells += filter(None, fitting)
            else:
                cells.append([row[index].strip() or None for row in rows])
                cells += [[None] * len(rows)] * (len(kinds) - 1)
        return [marked_row(one) for one in zip(*cells, strict=True)]

    def _parts(self, index: int, rows: Sequence[Sequence[str]]) -> Iterator[ReadColumn]:
        texts = [row[index].strip() for row in rows]
        return read_columns(self._columns[index], texts, self._read)


def _fitted(
    part: ReadColumn, kind: CellKind
) -> Sequence[Cell | tuple[date, str]] | None:
    """The cells for a column of another kind; None if it cannot have them.

    A number is written as one of its own kind, not as one of the column's.
    """
    numbers = {CellKind.COUNT, CellKind.NUMBER, CellKind.PERCENT}
    if part.kind is kind or not {part.kind, kind} <= numbers:
        return part.cells
    if part.kind is CellKind.PERCENT:
        return None
    return [
        Amount(Decimal(one)) if isinstance(one, int | Decimal) else one
        for one in part.cells
    ]
