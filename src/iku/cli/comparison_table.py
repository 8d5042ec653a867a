"""Results under several definitions, as rows and columns."""

from collections.abc import Sequence

from iku.cli import figure_table
from iku.cli.tables import Printer, number_column, text_column, unwrapped_column
from iku.cli.terminal_language import formats
from iku.domain.comparison import ComparisonResult, ComparisonRow
from iku.domain.difference import SubjectCount
from iku.messages import message

COUNTS = (
    *figure_table.COUNTS,
    number_column(message("Actual")),
    number_column(message("Achievement")),
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
    """Print the counts of each subject under each of the definitions *names*."""
    shown = [
        (row.number, row.title, *(counts_cell(counted) for counted in row.columns))
        for row in rows
    ]
    out.table(
        (
            unwrapped_column(message("Number")),
            text_column(message("Title")),
            *map(number_column, names),
        ),
        shown,
    )


def counts_cell(counted: SubjectCount) -> str:
    """The counts of a subject, such as ``1/1``; a dash if it does not count."""
    if not counted.denominator:
        return formats.NOTHING
    return formats.fraction(counted.numerator, counted.denominator)
