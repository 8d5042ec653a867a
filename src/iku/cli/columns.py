"""What several definitions come to, as rows and columns."""

from collections.abc import Sequence

from iku.cli import terminal
from iku.cli.terminal import Drawn
from iku.domain.comparison import Outcome, Row
from iku.domain.difference import Counted
from iku.exchange import formats

COUNTS = ("Pembilang", "Penyebut", "Realisasi", "Capaian")


def cells(one: Outcome) -> tuple[str, ...]:
    """What comes out, under `COUNTS` and the rating."""
    return (
        formats.number(one.numerator),
        formats.number(one.denominator),
        formats.percent(one.percentage),
        formats.percent(one.achievement),
        one.rating or formats.NOTHING,
    )


def subjects(names: Sequence[str], rows: Sequence[Row]) -> Drawn:
    """A table of how each subject counts under the definitions of these *names*."""
    shown = [
        (row.number, row.title, *(share(counted) for counted in row.columns))
        for row in rows
    ]
    headings = ("Nomor", "Judul", *names)
    return terminal.table(headings, shown, right=names, wrap=("Judul",))


def share(counted: Counted) -> str:
    """``1/1``; a dash for what does not count."""
    if not counted.denominator:
        return formats.NOTHING
    return f"{counted.numerator}/{counted.denominator}"
