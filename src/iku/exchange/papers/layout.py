"""The layout of a document: what `templates/paper.typ` prints, in JSON types.

Every text is data for the template, so none can be interpreted as markup.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from functools import cache
from itertools import groupby
from typing import Any

from msgspec import Struct, to_builtins

from iku.exchange.papers.document import (
    Block,
    Cell,
    CellKind,
    Chart,
    Column,
    Document,
    Row,
    Signatures,
    Table,
    Terms,
    day_in_words,
    printed,
)
from iku.exchange.papers.words import say

TEMPLATE = "paper.typ"
_NUMBERS = {CellKind.COUNT, CellKind.NUMBER, CellKind.PERCENT, CellKind.RATIO}
_OPEN = "." * 30  # a line to be filled in by hand
_ROOM = {"a3": 392, "a4 landscape": 269, "a4": 168}  # of the text, in millimetres
_NAMES = 60  # room of the names before their values, in millimetres
_INSET = 2.2  # of a cell, left and right, in millimetres
_LETTER = 0.21  # width of a wide letter of one point, in millimetres
_DAY = 2.25  # width of a day in digits, of one point, in millimetres
_PARTS = re.compile(r"(?<=[./_-])")
ZERO_WIDTH = "\u200b"


class Reference(Struct, frozen=True):
    """What a printed paper refers to.

    Attributes:
        url: The public address of the paper's figures.
        qr: QR code of that address, as SVG.
        attachments: Name and description of each attached file.
    """

    url: str
    qr: str
    attachments: tuple[tuple[str, str], ...] = ()


def layout(document: Document, reference: Reference | None = None) -> dict[str, Any]:
    """The *document* and its *reference* as data of the template."""
    paper = "a3" if document.wide else "a4"
    room = _ROOM["a4 landscape" if document.landscape and paper == "a4" else paper]
    return {
        "title": document.title,
        "subtitle": document.subtitle,
        "letterhead": list(document.letterhead),
        "coordinates": document.coordinates,
        "figures": list(document.figures),
        "draft": [say(one.what) for one in document.draft],
        "internal": document.internal,
        "landscape": document.landscape,
        "paper": paper,
        "sections": [
            {"heading": one.heading, "blocks": [*_blocks(one.blocks, room)]}
            for one in document.sections
        ],
        "signatures": _signatures(document.signatures),
        "reference": to_builtins(reference),
    }


def _blocks(blocks: Sequence[Block], room: float) -> Iterator[dict[str, Any]]:
    """The blocks; adjacent charts are one, so that they stand side by side."""
    for charts, run in groupby(blocks, key=lambda block: isinstance(block, Chart)):
        if charts:
            yield {"type": "charts", "items": [to_builtins(one) for one in run]}
            continue
        for one in run:
            yield _table(one, room) if isinstance(one, Table) else _texts(one, room)


def _texts(block: Block, room: float) -> dict[str, Any]:
    """A block of text, whose long words may break."""
    if isinstance(block, Terms):
        scale = _Scale(10, [room - _NAMES])
        rows = [(name, value and scale.broken(value)) for name, value in block.rows]
        return {"type": "terms", "rows": rows}
    made: dict[str, Any] = to_builtins(block)
    return made | {"text": _Scale(10, [room]).broken(made["text"])}


class _Scale(Struct, frozen=True):
    """How large a table is printed.

    Attributes:
        size: Size of its type, in points.
        widths: Of the columns, in millimetres.
    """

    size: float
    widths: list[float]

    def broken(self, text: str, column: int = 0, span: int = 1) -> str:
        """*text*, with break opportunities in words that are wider than their cell."""
        room = sum(self.widths[column : column + span]) - _INSET
        most = max(int(room / (self.size * _LETTER)), 1)
        if len(text) <= most:
            return text
        longer = _words_longer_than(most)
        return longer.sub(lambda word: _with_break_points(word[0], most), text)


def _scale(table: Table, room: float) -> _Scale:
    """The scale by which the columns of *table* fill *room* millimetres.

    A column of days is wide enough for a day on one line.
    """
    total = sum(column.width for column in table.columns)
    size = 8.5 if total <= room else 7.5 if total <= 1.25 * room else 6.8
    least = size * _DAY + _INSET
    days = {
        place: max(column.width * room / total, least)
        for place, column in enumerate(table.columns)
        if column.kind is CellKind.DAY
    }
    others = sum(c.width for n, c in enumerate(table.columns) if n not in days)
    left = room - sum(days.values())
    return _Scale(
        size,
        [
            days[n] if n in days else column.width * left / others
            for n, column in enumerate(table.columns)
        ],
    )


@cache
def _words_longer_than(length: int) -> re.Pattern[str]:
    return re.compile(rf"\S{{{length + 1},}}")


def _with_break_points(word: str, most: int) -> str:
    """*word* with zero-width spaces, between which are at most *most* characters.

    They follow punctuation, or every character if that is not enough.
    """
    parts = [part for part in _PARTS.split(word) if part]
    if max(map(len, parts)) > most:
        parts = [*word]
    return ZERO_WIDTH.join(parts)


def _table(table: Table, room: float) -> dict[str, Any]:
    scale = _scale(table, room)
    return {
        "type": "table",
        "caption": table.caption,
        "size": scale.size,
        "widths": scale.widths,
        "aligns": [_usual(column) for column in table.columns],
        "head": [*_head(table)],
        "rows": [*_rows(table, table.rows, scale)],
        "footer": [*_rows(table, table.footer, scale)],
        "notes": list(table.notes),
        "empty": table.empty,
    }


def _head(table: Table) -> Iterator[list[dict[str, Any]]]:
    """The rows of headings: groups, titles of grouped columns, numbers of columns."""
    if any(column.group for column in table.columns):
        yield [*_group_headings(table.columns)]
        yield [
            _heading(column.title) if column.group else _heading("", joined="above")
            for column in table.columns
        ]
    else:
        yield [_heading(column.title) for column in table.columns]
    if table.numbered:
        yield [
            _heading(str(number), columns=columns)
            for number, columns in enumerate(_numbered(table.columns), start=1)
        ]


def _numbered(columns: Sequence[Column]) -> Iterator[int]:
    """The columns that each number covers: those of a group have one number."""
    for group, members in groupby(columns, key=lambda column: column.group):
        length = len([*members])
        yield from [1] * length if group is None else [length]


def _group_headings(columns: Sequence[Column]) -> Iterator[dict[str, Any]]:
    for group, members in groupby(columns, key=lambda column: column.group):
        found = [*members]
        if group is not None:
            yield _heading(group, columns=len(found))
        else:
            yield from (_heading(one.title, joined="below") for one in found)


def _rows(
    table: Table, rows: Sequence[Row], scale: _Scale
) -> Iterator[list[str | dict[str, Any]]]:
    lengths = {
        n: _merged_lengths(rows, n)
        for n, column in enumerate(table.columns)
        if column.merged
    }
    for place, row in enumerate(rows):
        yield [
            _body_cell(row, n, column, scale, lengths[n][place] if column.merged else 1)
            for n, column in enumerate(table.columns)
            if not 0 < n < row.span
            if not column.merged or lengths[n][place]
        ]


def _body_cell(
    row: Row, place: int, column: Column, scale: _Scale, length: int
) -> str | dict[str, Any]:
    """A cell over *length* rows; its text alone if it looks as its column does."""
    value, span = row.cells[place], row.span if place == 0 else 1
    text = printed(value, column.kind)
    if column.kind is not CellKind.DAY or not isinstance(value, date):
        text = scale.broken(text, place, span)
    align, usual = _alignment(column, value, covered=span > 1), _usual(column)
    given: dict[str, Any] = {} if align == usual else {"align": align}
    if place in row.marks:
        given["mark"] = row.marks[place]
    if span > 1:
        given["columns"] = span
    if length > 1:
        given["rows"] = length
    is_plain = not given and "\n" not in text and ZERO_WIDTH not in text
    return text if is_plain else {"text": text, **given}


def _merged_lengths(rows: Sequence[Row], column: int) -> list[int]:
    """For each row, how many rows its cell covers; 0 if one above covers it."""
    lengths: list[int] = []
    for _, run in groupby(rows, key=lambda row: row.cells[column]):
        length = len([*run])
        lengths += [length, *[0] * (length - 1)]
    return lengths


def _alignment(column: Column, cell: Cell, *, covered: bool) -> str:
    if covered:
        return "left"
    return "right" if isinstance(cell, int | Decimal) else _usual(column)


def _usual(column: Column) -> str:
    """The alignment of the cells of *column*, except where a cell has another."""
    if column.kind is CellKind.DAY:
        return "center"
    return "right" if column.kind in _NUMBERS else "left"


def _heading(text: str, **given: int | str) -> dict[str, Any]:
    """The cell of a heading; *joined* names the side on which it has no border.

    A heading over two rows is two cells without a border between them: a cell that
    spans rows confuses programs that read tables aloud.
    """
    return {"text": text, "align": "center", **given}


def _signatures(of: Signatures | None) -> dict[str, Any] | None:
    if of is None:
        return None
    day = _OPEN if of.signed_on is None else day_in_words(of.signed_on)
    return {
        "ending": of.ending,
        "place": f"{of.place or _OPEN}, {day}",
        "blocks": [
            {
                "office": one.office,
                "name": one.name or _OPEN,
                "open": one.name is None,
                "rank": (one.rank or _OPEN) if one.ranked else None,
                "nip": f"NIP {one.nip or _OPEN}" if one.ranked else None,
            }
            for one in of.blocks
        ],
    }
