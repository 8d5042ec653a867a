"""A table of a paper as CSV: exact values, one row a line, figures' numbers last."""

from datetime import date
from decimal import Decimal

from iku.exchange import csv_output
from iku.exchange.csv_output import Delimiter
from iku.exchange.papers.document import Amount, Cell, Document, Ratio, Table


def document(of: Document, delimiter: Delimiter = Delimiter.COMMA) -> str:
    """The tables of *of*, with an empty line between two of them."""
    tables = [table(one, delimiter) for one in of.tables]
    return csv_output.MARK + csv_output.lines([[]], delimiter).join(tables)


def table(of: Table, delimiter: Delimiter = Delimiter.COMMA) -> str:
    """The headings, rows and footer of a table, without a byte order mark."""
    headings = [
        f"{one.group}, {one.title}" if one.group else one.title for one in of.columns
    ]
    rows = [[*map(written, row.cells)] for row in (*of.rows, *of.footer)]
    return csv_output.lines([headings, *rows], delimiter)


def written(cell: Cell) -> str:
    """The value of a cell for programs: a point in numbers, ISO 8601 days."""
    match cell:
        case None:
            return ""
        case Ratio(numerator, denominator, percentage):
            shown = "" if percentage is None else f" = {percentage}%"
            return f"{numerator}/{denominator}{shown}"
        case Amount(value):
            return str(value)
        case date():
            return cell.isoformat()
        case str():
            return " ".join(cell.split("\n"))
        case int() | Decimal():
            return str(cell)
