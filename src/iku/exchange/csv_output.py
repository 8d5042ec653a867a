"""CSV for spreadsheets: a byte order mark, a choice of delimiters, no formulas.

Whatever the delimiter, a file begins with a byte order mark, by which Excel knows
UTF-8, and has no `sep=` line, which every other program would take for the headings.
"""

import csv
import io
from collections.abc import Iterable
from enum import StrEnum

from iku.domain.hidden_characters import marked

MARK = "\ufeff"  # by which spreadsheets know UTF-8
# What makes a spreadsheet take a text for a formula (OWASP, "CSV Injection").
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class Delimiter(StrEnum):
    """What stands between two cells.

    A spreadsheet opens a file in columns where it is the list separator of the
    system's locale: the semicolon where the decimal separator is a comma, as in
    Indonesian.
    """

    COMMA = "comma"
    SEMICOLON = "semicolon"


_CHARACTERS = {Delimiter.COMMA: ",", Delimiter.SEMICOLON: ";"}


def head(headings: Iterable[str], delimiter: Delimiter = Delimiter.COMMA) -> str:
    """A file's beginning: the mark of UTF-8 and the headings."""
    return MARK + lines([headings], delimiter)


def lines(rows: Iterable[Iterable[str]], delimiter: Delimiter = Delimiter.COMMA) -> str:
    """A line for each row; characters that hide or reorder text are shown."""
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=_CHARACTERS[delimiter])
    writer.writerows(map(inert, row) for row in rows)
    return marked(file.getvalue())


def inert(cell: str) -> str:
    """*cell* as a text that no spreadsheet carries out as a formula."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def yes(value: bool) -> str:  # noqa: FBT001 - a word for it
    """``ya`` or ``tidak``."""
    return "ya" if value else "tidak"
