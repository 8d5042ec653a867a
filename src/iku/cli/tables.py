"""Tables that fit the terminal without truncation.

A number, a date or an identifier is never broken, at any width. If the columns do not
fit, the table uses the first of these layouts that does:

1. columns of text wrap at words, and headings too;
2. headings are abbreviated if the column has an abbreviation;
3. optional columns are left out, and a note below names them;
4. each record becomes a block, with one line for each column.

The width is that of the terminal, or `COLUMNS` if it is set. Piped output without
`COLUMNS` has no limit, and one line for each record.
"""

import os
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, TextIO

import click
from msgspec import Struct
from rich.cells import cell_len, chop_cells

from iku.cli import standard_streams, workbook_output
from iku.cli.terminal_language import translated
from iku.exchange.printed_table import PrintedColumn
from iku.messages import message

LEAST_WIDTH = 40  # a narrower terminal is treated as having this many columns
USUAL_WIDTH = 80  # of a terminal whose width is unknown
LONGEST_WORD = 64  # the longest identifier; only longer words are broken
MOST_LINES = 4  # preferred maximum for a text of moderate length in its column
WIDE_ENOUGH = 40  # characters; a sufficient width for a text of any length
GAP = "  "
INDENT = "  "
# Controls that change the direction of the text that follows.
_BIDI = {
    *("\u061c", "\u200e", "\u200f"),
    *map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A))),
}


class TableColumn(Struct, frozen=True):
    """A column of a table.

    Attributes:
        short: An abbreviation of the heading, used if the heading does not fit.
        right: Whether it is aligned to the right, as numbers are.
        wraps: Whether its cells may wrap between words.
        optional: Whether it may be left out if not all columns fit.
    """

    heading: str
    short: str | None = None
    right: bool = False
    wraps: bool = False
    optional: bool = False


def unwrapped_column(heading: str, short: str | None = None) -> TableColumn:
    """A column of dates, identifiers or single words, whose cells never wrap."""
    return TableColumn(heading, short)


def number_column(heading: str, short: str | None = None) -> TableColumn:
    """A right-aligned column of numbers, whose cells never wrap."""
    return TableColumn(heading, short, right=True)


def text_column(heading: str, *, optional: bool = False) -> TableColumn:
    """A column of texts, whose cells wrap between words."""
    return TableColumn(heading, wraps=True, optional=optional)


class _Extent(NamedTuple):
    """The width of a column's widest cell, and of its longest word."""

    content: int = 0
    word: int = 0

    def with_cell(self, cell: str) -> "_Extent":
        """The extent of the column once it also contains *cell*."""
        content, word = self
        for line in cell.split("\n"):
            length = cell_len(line)
            content = max(content, length)
            if length > word:
                word = max(word, *map(cell_len, line.split(" ")))
        return _Extent(content, word)


class _Layout(Struct, frozen=True):
    """The layout of a table.

    Attributes:
        shown: Index and width of each visible column; empty for blocks.
        short: Whether headings are abbreviated.
    """

    shown: tuple[tuple[int, int], ...] = ()
    short: bool = False


class Printer:
    """A printer of sentences and tables to a stream, none wider than *width*.

    Attributes:
        width: Width in columns; None for no limit.
        collected: Receives the output in place of the stream, for a workbook.
    """

    def __init__(self, *, stderr: bool = False) -> None:
        self._stderr = stderr
        self.collected = None if stderr else workbook_output.collected()
        self.width = width_of(sys.stderr if stderr else sys.stdout)

    def say(self, sentence: str) -> None:
        """Print a sentence, wrapped at words; a word is never broken."""
        if self.collected is not None:
            self.collected.say(translated(sentence))
            return
        for line in without_control_characters(translated(sentence)).split("\n"):
            self._write(line if self.width is None else _wrap(line, self.width))

    def table(
        self, columns: Sequence[TableColumn], rows: Iterable[Sequence[str]]
    ) -> None:
        """Print a whole table, with a blank line above and below."""
        listing = Listing(columns, self)
        listing.add([*rows])
        listing.close()
        self._write("")

    def pairs(self, lines: Sequence[tuple[str, str]]) -> None:
        """Print names and their values, one name on each line."""
        if self.collected is not None:
            names = text_column(message("Name")), text_column(message("Value"))
            self.table(names, lines)
            return
        self._write(_block(lines, self.width))

    def _write(self, lines: str | Iterable[str]) -> None:
        if self.collected is not None:
            return  # what it prints besides sentences and tables are blank lines
        told = [lines] if isinstance(lines, str) else lines
        if self._stderr:
            standard_streams.say("\n".join(told))
        else:  # the stream itself escapes what it writes
            click.echo("\n".join(told))


def say(sentence: str) -> None:
    """Print a sentence on standard output."""
    Printer().say(sentence)


class Listing:
    """A table that is printed incrementally, and so can be of any length.

    Columns are as wide as their widest cell so far. The headings are printed again if a
    later record changes which columns fit.
    """

    def __init__(self, columns: Sequence[TableColumn], printer: Printer) -> None:
        self._columns = columns
        self._printer = printer
        self._extents = [_Extent()] * len(columns)
        self._layout: _Layout | None = None
        self._left_out: dict[str, None] = {}
        self._collected = self._begin_collected_table()

    def _begin_collected_table(self) -> list[Sequence[str]] | None:
        if self._printer.collected is None:
            return None
        return self._printer.collected.table(
            [PrintedColumn(translated(one.heading), one.right) for one in self._columns]
        )

    def add(self, rows: Iterable[Sequence[str]]) -> None:
        """Print further rows, with the headings before the first."""
        if self._collected is not None:
            self._collected += ([*map(translated, row)] for row in rows)
            return
        width = self._printer.width
        cells = [[_cell(cell, width) for cell in row] for row in rows]
        for row in cells:
            self._extents = [
                extent.with_cell(cell)
                for extent, cell in zip(self._extents, row, strict=True)
            ]
        layout = _fit(self._columns, self._extents, width)
        self._printer._write([*self._headings(layout), *self._rows(layout, cells)])  # noqa: SLF001 - of this module
        self._layout = layout

    def close(self) -> None:
        """Name the columns that were left out."""
        if self._left_out:
            self._printer.say(
                message(
                    "Columns not shown: {columns} (use --json or a wider terminal).",
                    columns=[*self._left_out],
                )
            )

    def _headings(self, layout: _Layout) -> Iterator[str]:
        """The headings after a blank line, if they differ from those printed last."""
        last = self._layout
        if (
            last is None
            or _visible_columns(last) != _visible_columns(layout)
            or last.short != layout.short
        ):
            yield ""
            if layout.shown:
                yield from self._heading_lines(layout)

    def _heading_lines(self, layout: _Layout) -> Iterator[str]:
        names = [_heading(column, short=layout.short) for column in self._columns]
        for line in _lines(self._columns, layout, names, heading=True):
            yield click.style(line, bold=True)
        total = sum(width for _, width in layout.shown)
        yield "─" * (total + len(GAP) * (len(layout.shown) - 1))
        kept = _visible_columns(layout)
        for index, column in enumerate(self._columns):
            if index not in kept:
                self._left_out[translated(column.heading)] = None

    def _rows(self, layout: _Layout, rows: Sequence[Sequence[str]]) -> Iterator[str]:
        begun = self._layout is not None and not self._layout.shown
        for row in rows:
            if layout.shown:
                yield from _lines(self._columns, layout, row)
                continue
            if begun:
                yield ""
            begun = True
            named = zip(
                (translated(c.heading) for c in self._columns), row, strict=True
            )
            yield from _block([p for p in named if p[1]], self._printer.width)


def width_of(stream: TextIO) -> int | None:
    """The width of *stream* in columns; None for no limit."""
    given = os.environ.get("COLUMNS", "").strip()
    if given.isascii() and given.isdecimal() and int(given[:9]) > 0:
        return max(int(given[:9]), LEAST_WIDTH)
    if not stream.isatty():
        return None
    try:
        columns = os.get_terminal_size(stream.fileno()).columns
    except OSError:
        columns = 0
    return max(columns or USUAL_WIDTH, LEAST_WIDTH)


def without_control_characters(value: str) -> str:
    """*value* with ``�`` in place of control and bidirectional control characters."""
    if value.isprintable():  # bidi controls are not printable
        return value
    tidy = value.replace("\r\n", "\n").replace("\t", " ")
    return "".join("�" if _is_control(character) else character for character in tidy)


def _is_control(character: str) -> bool:
    if character == "\n":
        return False
    return character in _BIDI or unicodedata.category(character) in {"Cc", "Cs"}


def _cell(value: str, width: int | None) -> str:
    shown = without_control_characters(translated(value))
    return shown if width is not None else "; ".join(shown.split("\n"))


def _heading(column: TableColumn, *, short: bool) -> str:
    return translated(column.short if short and column.short else column.heading)


def _visible_columns(layout: _Layout) -> tuple[int, ...]:
    return tuple(index for index, _ in layout.shown)


def _fit(
    columns: Sequence[TableColumn], extents: Sequence[_Extent], width: int | None
) -> _Layout:
    """The first layout that fits, in the order of the module's docstring."""
    everything = range(len(columns))
    optional = [index for index in everything if columns[index].optional]
    for without in range(len(optional) + 1):
        left_out = optional[len(optional) - without :]
        kept = [index for index in everything if index not in left_out]
        for short in (False, True):
            ranges = [
                _width_range(columns[index], extents[index], short=short)
                for index in kept
            ]
            if (widths := _widths(ranges, width)) is not None:
                return _Layout(tuple(zip(kept, widths, strict=True)), short)
    return _Layout()


def _width_range(
    column: TableColumn, extent: _Extent, *, short: bool
) -> tuple[int, int]:
    """The minimum width of a column, and its preferred width."""
    heading = _Extent().with_cell(_heading(column, short=short))
    most = max(extent.content, heading.content)
    if not column.wraps:
        return max(extent.content, heading.word), most
    few_lines = min(-(-extent.content // MOST_LINES), WIDE_ENOUGH)
    least = max(min(extent.word, LONGEST_WORD), few_lines, heading.word)
    return least, most


def _widths(ranges: Sequence[tuple[int, int]], width: int | None) -> list[int] | None:
    """Column widths within *width*, or None if the columns do not fit.

    The remaining width goes to the narrowest columns first.
    """
    if width is None:
        return [most for _, most in ranges]
    widths = [least for least, _ in ranges]
    room = width - sum(widths) - len(GAP) * (len(ranges) - 1)
    if room < 0:
        return None
    growing = [index for index, (least, most) in enumerate(ranges) if least < most]
    while room and growing:
        narrowest = min(growing, key=widths.__getitem__)
        widths[narrowest] += 1
        room -= 1
        if widths[narrowest] == ranges[narrowest][1]:
            growing.remove(narrowest)
    return widths


def _lines(
    columns: Sequence[TableColumn],
    layout: _Layout,
    row: Sequence[str],
    *,
    heading: bool = False,
) -> Iterator[str]:
    """The printed lines of a row."""
    cells = [
        _wrap(row[index], width, LONGEST_WORD)
        if heading or columns[index].wraps
        else row[index].split("\n")
        for index, width in layout.shown
    ]
    for number_ in range(max(map(len, cells))):
        yield GAP.join(
            _align(
                lines[number_] if number_ < len(lines) else "",
                width,
                right=columns[index].right,
            )
            for lines, (index, width) in zip(cells, layout.shown, strict=True)
        ).rstrip()


def _align(line: str, width: int, *, right: bool) -> str:
    blanks = " " * (width - cell_len(line))
    return blanks + line if right else line + blanks


def _block(pairs: Sequence[tuple[str, str]], width: int | None) -> Iterator[str]:
    """A line for each name and value; a value that does not fit is below its name."""
    named = [
        (translated(name), without_control_characters(translated(value)))
        for name, value in pairs
    ]
    label = max((cell_len(name) for name, _ in named), default=0)
    for name, shown in named:
        begin = name + " " * (label - cell_len(name)) + GAP
        if width is None:
            yield f"{begin}{shown}".rstrip()
            continue
        longest = _Extent().with_cell(shown).word
        below = width - len(INDENT)
        if (room := width - label - len(GAP)) < longest <= below:
            yield name
            yield from (INDENT + line for line in _wrap(shown, below))
        else:
            first, *rest = _wrap(shown, room, LONGEST_WORD)
            yield f"{begin}{first}".rstrip()
            yield from (" " * (label + len(GAP)) + line for line in rest)


def _wrap(value: str, width: int, longest: int | None = None) -> list[str]:
    """*value* in lines of at most *width*, broken between words.

    A wider word is broken if it is longer than *longest*; otherwise it is on a line of
    its own.
    """
    lines = []
    for given in value.split("\n"):
        line = ""
        for word in given.split(" "):
            longer = f"{line} {word}" if line else word
            if cell_len(longer) <= width:
                line = longer
                continue
            if line:
                lines.append(line)
            *full, line = _split_word(word, width, longest)
            lines += full
        lines.append(line)
    return lines


def _split_word(word: str, width: int, longest: int | None) -> list[str]:
    length = cell_len(word)
    if length <= width or longest is None or length <= longest:
        return [word]
    return chop_cells(word, width)
