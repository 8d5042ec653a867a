"""A CSV file as it comes from a spreadsheet, read into rows.

UTF-8 with or without a byte order mark, commas or semicolons, any line ends, quoted
cells of several lines; blank lines, and lines of empty cells, say nothing. Which of
several layouts a file has is told by its headings, which may stand in any order.
"""

import csv
import io
import unicodedata
from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

LONGEST_QUOTE = 40  # characters of a wrong cell that are shown


class Fault(Struct, frozen=True):
    """What is wrong with a file, and where.

    Attributes:
        row: Number of the line in the file, from 1, on which the row begins.
        column: Its heading; None where the whole row, or the file, is at fault.
    """

    row: int
    column: str | None
    message: str


class Faulty(Exception):
    """The file cannot be read as rows at all; *faults* say why."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__("; ".join(fault.message for fault in faults))
        self.faults = faults


class Row(Struct, frozen=True):
    """One row: cells by heading, blanks around them and empty ones left out.

    Attributes:
        fault: Why its cells cannot be told apart; what it holds is then a guess.
    """

    line: int
    cells: dict[str, str]
    fault: Fault | None = None


class Sheet(Struct, frozen=True):
    """A file's rows, and the name of the layout that its headings tell."""

    layout: str
    rows: list[Row]


def read(content: bytes, layouts: Mapping[str, Sequence[str]]) -> Sheet:
    """The rows of a file whose headings are those of one of *layouts*.

    Raises:
        Faulty: It is no such file.
    """
    lines = _lines(_text(content))
    try:
        first, cells = next(lines)
    except StopIteration:
        raise Faulty(Fault(1, None, "the file is empty")) from None
    headings = [_tidy(cell).lower() for cell in cells]
    layout = _layout(first, headings, layouts)
    return Sheet(layout, [_row(line, headings, cells) for line, cells in lines])


def shown(cell: str) -> str:
    """*cell* in quotes, cut where it is long."""
    cut = cell if len(cell) <= LONGEST_QUOTE else f"{cell[: LONGEST_QUOTE - 1]}…"
    return f'"{cut}"'


def _text(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        message = (
            f"byte {error.start + 1} of the file is not UTF-8: "
            'save it as "CSV UTF-8" and import that'
        )
        raise Faulty(Fault(line, None, message)) from None


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    """Each line that says something, as cells, with the number it begins on."""
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True
    )
    begins = 1
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise Faulty(Fault(begins, None, f"this is no CSV: {error}")) from None
        if any(map(str.strip, cells)):
            yield begins, cells
        begins = reader.line_num + 1


def _delimiter(text: str) -> str:
    headings = text.lstrip(" \t\r\n,;").partition("\n")[0]
    return ";" if headings.count(";") > headings.count(",") else ","


def _tidy(cell: str) -> str:
    return unicodedata.normalize("NFC", cell.strip())


def _row(line: int, headings: Sequence[str], cells: Sequence[str]) -> Row:
    given = {
        h: text for h, c in zip(headings, cells, strict=False) if (text := _tidy(c))
    }
    if len(cells) == len(headings):
        return Row(line, given)
    message = f"has {len(cells)} columns, but there are {len(headings)} headings"
    return Row(line, given, Fault(line, None, message))


def _layout(
    line: int, headings: Sequence[str], layouts: Mapping[str, Sequence[str]]
) -> str:
    """Name of the layout that these are the headings of."""
    common = {name: len({*headings} & {*of}) for name, of in layouts.items()}
    likely = max(layouts, key=lambda name: common[name])
    if not common[likely]:
        forms = "; ".join(",".join(of) for of in layouts.values())
        message = f"the headings are those of no journal; they must be one of: {forms}"
        raise Faulty(Fault(line, None, message))
    faults = [*_heading_faults(line, headings, likely, layouts[likely])]
    if faults:
        raise Faulty(*faults)
    return likely


def _heading_faults(
    line: int, headings: Sequence[str], name: str, of: Sequence[str]
) -> Iterator[Fault]:
    for index, heading in enumerate(headings):
        if heading not in of:
            known = f"those of the journal {name} are {', '.join(of)}"
            yield Fault(line, None, f"unknown heading {shown(heading)}: {known}")
        elif heading in headings[:index]:
            yield Fault(line, heading, "this heading stands twice")
    for heading in of:
        if heading not in headings:
            yield Fault(line, heading, f"this heading of the journal {name} is missing")
