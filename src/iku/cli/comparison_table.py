"""Results under several definitions, as rows and columns."""

from collections.abc import Sequence

from iku.cli import figure_table
from iku.cli.tables import Printer, exact, number, text
from iku.cli.terminal_language import formats
from iku.domain.comparison import ComparisonResult, ComparisonRow
from iku.domain.difference import SubjectCount
from iku.messages import message

COUNTS = (
    *figure_table.COUNTS,
    number(message("Actual")),
    number(message("Achievement")),
)


def cells(one: ComparisonResult) -> tuple[str, ...]:
    """A `ComparisonResult` as table cells: the columns `COUNTS` and the rating."""
    return (
        formats.number(one.numerator),
        formats.number(one.denominator),
        formats.percent(one.percentage),
        formats.percent(one.achievement),
        one.rating or formats.NOTHING,
    )


def show_subjects(
    out: Printer, names: Sequence[str], rows: Sequence[ComparisonRow]
) -> None:
    """Print how each subject counts under the definitions named *names*."""
    shown = [
        (row.number, row.title, *(fraction(counted) for counted in row.columns))
        for row in rows
    ]
    out.table(
        (exact(message("Number")), text(message("Title")), *map(number, names)), shown
    )


def fraction(counted: SubjectCount) -> str:
    """``1/1``; a dash for a subject that does not count."""
    if not counted.denominator:
        return formats.NOTHING
    return formats.fraction(counted.numerator, counted.denominator)
