"""The layout of a document: what `templates/paper.typ` prints, in JSON types.

Every text is data for the template, so none can be interpreted as markup.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal
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
    day_in_words,
    printed,
)

TEMPLATE = "paper.typ"
_NUMBERS = {CellKind.COUNT, CellKind.NUMBER, CellKind.PERCENT, CellKind.RATIO}
_OPEN = "." * 30  # a line to be filled in by hand


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
    return {
        "title": document.title,
        "subtitle": document.subtitle,
        "letterhead": list(document.letterhead),
        "coordinates": document.coordinates,
        "figures": list(document.figures),
        "draft": list(document.draft),
        "internal": document.internal,
        "landscape": document.landscape,
        "paper": "a3" if document.wide else "a4",
        "sections": [
            {"heading": one.heading, "blocks": [*_blocks(one.blocks)]}
            for one in document.sections
        ],
        "signatures": _signatures(document.signatures),
        "reference": to_builtins(reference),
    }


def _blocks(blocks: Sequence[Block]) -> Iterator[dict[str, Any]]:
    """The blocks; adjacent charts are one, so that they stand side by side."""
    for charts, run in groupby(blocks, key=lambda block: isinstance(block, Chart)):
        if charts:
            yield {"type": "charts", "items": [to_builtins(one) for one in run]}
            continue
        for one in run:
            yield _table(one) if isinstance(one, Table) else to_builtins(one)


def _table(table: Table) -> dict[str, Any]:
    return {
        "type": "table",
        "caption": table.caption,
        "widths": [column.width for column in table.columns],
        "head": [*_head(table)],
        "rows": [*_rows(table, table.rows)],
        "footer": [*_rows(table, table.footer)],
        "notes": list(table.notes),
        "empty": table.empty,
    }


def _head(table: Table) -> Iterator[list[dict[str, Any]]]:
    """The rows of headings: groups, titles of grouped columns, numbers of columns."""
    if any(column.group for column in table.columns):
        yield [*_group_headings(table.columns)]
        yield [
            _cell(column.title, "center")
            if column.group
            else _cell("", "center", joined="above")
            for column in table.columns
        ]
    else:
        yield [_cell(column.title, "center") for column in table.columns]
    if table.numbered:
        yield [
            _cell(str(number), "center", columns=columns)
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
            yield _cell(group, "center", columns=len(found))
        else:
            yield from (_cell(one.title, "center", joined="below") for one in found)


def _rows(table: Table, rows: Sequence[Row]) -> Iterator[list[dict[str, Any]]]:
    lengths = [_merged_lengths(rows, n) for n in range(len(table.columns))]
    for place, row in enumerate(rows):
        yield [
            _cell(
                printed(row.cells[n], column.kind),
                _alignment(column, row.cells[n], covered=n == 0 and row.span > 1),
                columns=row.span if n == 0 else 1,
                rows=lengths[n][place] if column.merged else 1,
                mark=row.marks.get(n, ""),
            )
            for n, column in enumerate(table.columns)
            if not 0 < n < row.span
            if not column.merged or lengths[n][place]
        ]


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
    if isinstance(cell, int | Decimal):
        return "right"
    if column.kind is CellKind.DAY:
        return "center"
    return "right" if column.kind in _NUMBERS else "left"


def _cell(text: str, align: str, **given: int | str) -> dict[str, Any]:
    """A cell; *joined* names the side on which it has no border.

    A heading over two rows is two cells without a border between them: a cell that
    spans rows confuses programs that read tables aloud.
    """
    usual = {"columns": 1, "rows": 1, "mark": "", "joined": ""}
    return {"text": text, "align": align, **usual, **given}


def _signatures(of: Signatures | None) -> dict[str, Any] | None:
    if of is None:
        return None
    day = _OPEN if of.signed_on is None else day_in_words(of.signed_on)
    return {
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
