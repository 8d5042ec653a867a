"""A series of figures as a table for spreadsheets: a row for each point.

Each row ends with the number of its figure, so that a copied row still identifies it.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import NamedTuple

from iku.domain.figure import Figure
from iku.domain.publication import FrozenValue
from iku.exchange.papers.document import Cell, CellKind, Column
from iku.exchange.table_output import TableShape
from iku.queries.series import Break, Series


class SeriesRow(NamedTuple):
    """A point of a series: as known now, on its own day, and as first published."""

    now: Figure
    then: Figure
    published: FrozenValue | None
    begins: Break | None


def rows(of: Series) -> Iterator[SeriesRow]:
    """The points of a series."""
    breaks = {one.as_of: one for one in of.breaks}
    points = zip(of.figures, of.then, of.published, strict=True)
    for now, then, published in points:
        printed = None if published is None else published.figure
        yield SeriesRow(now, then, printed, breaks.get(now.as_of))


def _counted(suffix: str) -> tuple[Column, ...]:
    return (
        Column(f"pembilang{suffix}", CellKind.COUNT),
        Column(f"penyebut{suffix}", CellKind.COUNT),
        Column(f"realisasi{suffix}", CellKind.PERCENT),
    )


_COLUMNS = (
    Column("per_tanggal", CellKind.DAY, 24),
    *_counted(""),
    Column("target", CellKind.PERCENT),
    Column("capaian", CellKind.PERCENT),
    *_counted("_saat_itu"),
    *_counted("_terbit"),
    Column("putus_seri", width=60),
    Column("nomor_angka", width=70),
)


def shape(indicator: str) -> TableShape:
    """The table of a series; an item is a `SeriesRow`."""
    return TableShape(indicator, _COLUMNS, _cells)


def _cells(of: SeriesRow) -> Sequence[Cell]:
    now, begins = of.now, of.begins
    return (
        now.as_of,
        *_counts(now),
        now.target,
        now.achievement,
        *_counts(of.then),
        *_counts(of.published),
        None if begins is None else f"{begins.before} → {begins.after}: {begins.basis}",
        now.number,
    )


def _counts(
    of: Figure | FrozenValue | None,
) -> tuple[int | None, int | None, Decimal | None]:
    if of is None:
        return None, None, None
    return of.numerator, of.denominator, of.percentage
