"""An explanation as a CSV file for a spreadsheet: a row a case or organisation.

Every row ends with the figure's number, so that a row that is passed on alone still
says which figure it explains. Whatever the delimiter, the file begins with a byte
order mark, by which Excel knows UTF-8, and has no `sep=` line, which every other
program would take for the headings.
"""

import csv
import io
from collections.abc import Iterable
from enum import StrEnum

from iku.domain.figure import Figure
from iku.domain.hidden import marked
from iku.queries.explanation import Item, Why

MARK = "\ufeff"  # by which spreadsheets know UTF-8
HEADINGS = (
    *("nomor", "judul", "bagian", "kecamatan", "penyebut", "pembilang"),
    *("aturan_penyebut", "alasan_penyebut", "peristiwa_penyebut"),
    *("aturan_pembilang", "alasan_pembilang", "peristiwa_pembilang", "nomor_angka"),
)
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


def head(delimiter: Delimiter = Delimiter.COMMA) -> str:
    """The file's beginning: the mark of UTF-8 and the headings."""
    return MARK + _lines([HEADINGS], delimiter)


def rows(
    items: Iterable[Item], figure: Figure, delimiter: Delimiter = Delimiter.COMMA
) -> str:
    """A line for each of *items* of the explanation of *figure*."""
    lines = (
        (
            item.number,
            item.title,
            item.part,
            item.district,
            _yes(item.denominator),
            _yes(item.numerator),
            *_why(item.why_denominator),
            *_why(item.why_numerator),
            figure.number,
        )
        for item in items
    )
    return marked(_lines(lines, delimiter))


def inert(cell: str) -> str:
    """*cell* as a text that no spreadsheet carries out as a formula."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def _yes(value: bool) -> str:  # noqa: FBT001 - a word for it
    return "ya" if value else "tidak"


def _why(why: Why) -> tuple[str, str, str]:
    positions = " ".join(str(event.position) for event in why.events)
    return why.rule, why.id, positions


def _lines(rows: Iterable[Iterable[str]], delimiter: Delimiter) -> str:
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=_CHARACTERS[delimiter])
    writer.writerows(map(inert, row) for row in rows)
    return file.getvalue()
