"""CSV for spreadsheets: a byte order mark, a choice of delimiters, no formulas.

A file begins with a byte order mark, by which Excel recognises UTF-8, and has no `sep=`
line, which other programs would read as the headings.
"""

import csv
import io
from collections.abc import Iterable
from enum import StrEnum

from iku.domain.hidden_characters import escaped_text

MARK = "\ufeff"  # by which spreadsheets recognise UTF-8
# Prefixes that make a spreadsheet evaluate a text (OWASP, "CSV Injection"; ASVS 5.0,
# 1.2.10), full-width forms of East Asian keyboards among them.
_FORMULA = (*("=", "+", "-", "@", "\t", "\r", "\n", "\0"), *("＝", "＋", "－", "＠"))


class Delimiter(StrEnum):
    """The delimiter between cells.

    A spreadsheet splits columns at the list separator of the system's locale: the
    semicolon if the decimal separator is a comma, as in Indonesian.
    """

    COMMA = "comma"
    SEMICOLON = "semicolon"


_CHARACTERS = {Delimiter.COMMA: ",", Delimiter.SEMICOLON: ";"}


def head(headings: Iterable[str], delimiter: Delimiter = Delimiter.COMMA) -> str:
    """The start of a file: byte order mark and headings."""
    return MARK + lines([headings], delimiter)


def lines(rows: Iterable[Iterable[str]], delimiter: Delimiter = Delimiter.COMMA) -> str:
    """The rows as CSV lines; characters that hide or reorder text are escaped."""
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=_CHARACTERS[delimiter])
    writer.writerows(map(formula_safe, row) for row in rows)
    return escaped_text(file.getvalue())


def formula_safe(cell: str) -> str:
    """*cell* as a text that no spreadsheet evaluates as a formula."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def yes_or_no(value: bool) -> str:  # noqa: FBT001 - the value to print
    """A boolean in Indonesian: ``ya`` or ``tidak``."""
    return "ya" if value else "tidak"
