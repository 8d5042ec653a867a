"""The way to a figure: every movement of its counts, with where they stood after it.

The journal of postings, read in the order in which things became known or in that in
which they happened. It is read by pages, each a query of its own that starts after the
last movement of the page before, so that a journal of any length takes no memory, no
transaction and no connection while it is looked at.
"""

from collections.abc import AsyncIterator
from datetime import date, datetime
from enum import StrEnum
from typing import Any

import asyncpg
from msgspec import Struct

from iku.domain.figure import Figure
from iku.ledger.log import Reader
from iku.projections import numbers

PAGE = 500  # movements


class Order(StrEnum):
    """By position in the log, or by the day on which a movement takes effect."""

    KNOWN = "known"
    HAPPENED = "happened"


class Subject(Struct, frozen=True):
    """The case or organisation that moved a count.

    Attributes:
        category: conflict or organisation.
    """

    category: str
    id: str
    number: str


class Moved(Struct, frozen=True):
    """What a movement adds to the counts, or takes from them."""

    numerator: int
    denominator: int


class Line(Struct, frozen=True):
    """One movement of a count, under the event that made it.

    Attributes:
        position: Of the event in the log.
        version: Of the event in the history of its subject.
        type: What the event says.
        effective_on: The day the count moves on. A correction moves it back on the day
            it had moved on wrongly.
        known_on: The day the office knew.
        part: The dimension of a case, the kind of an organisation.
        district: Its code; empty where none is known.
        numerator: After the movement; on the last line, the figure's.
        denominator: After the movement; on the last line, the figure's.
    """

    position: int
    version: int
    type: str
    subject: Subject
    effective_on: date
    known_on: date
    recorded_at: datetime
    part: str
    district: str
    moved: Moved
    numerator: int
    denominator: int


async def pages(
    reader: Reader, figure: Figure, order: Order
) -> AsyncIterator[list[Line]]:
    """The movements that lead to *figure*, the first first; no page is empty.

    They are those the figure counted, whatever has been recorded since. What one event
    moves on one day, of one part and district, is one movement; an event of several,
    such as a correction, is done only after the last of them. What moves neither count,
    such as a certificate that expires, is left out.
    """
    after, numerator, denominator = _START, 0, 0
    while rows := await _page(reader, figure, order, after):
        called = await numbers.shown(
            reader,
            rows[0]["stream"].partition("-")[0],  # those of a figure are of one kind
            {row["subject"] for row in rows},
            size=figure.size,
            known_on=figure.known_on,
        )
        lines = []
        for row in rows:
            numerator += row["numerator"]
            denominator += row["denominator"]
            lines.append(_line(row, called[row["subject"]], numerator, denominator))
        yield lines
        if len(rows) < PAGE:
            return
        after = tuple(rows[-1])[:4]


# Keys before those of any movement: position, effective_on, part, district.
_START: tuple[Any, ...] = (0, date.min, "", "")


async def _page(
    reader: Reader, figure: Figure, order: Order, after: tuple[Any, ...]
) -> list[asyncpg.Record]:
    return await reader.fetch(
        """
        select j.position, j.effective_on, j.part, j.district, j.known_on, j.subject,
               j.numerator, j.denominator, j.stream, j.version, j.type, j.recorded_at
          from rolled -- locked before the snapshot is taken: see rebuild
         cross join projection.journey(
                 $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) j
        """,
        order.value,
        figure.indicator,
        figure.definition,
        figure.period.start,
        figure.as_of,
        figure.known_on,
        figure.size,
        *after,
        PAGE,
    )


def _line(row: asyncpg.Record, number: str, numerator: int, denominator: int) -> Line:
    return Line(
        position=row["position"],
        version=row["version"],
        type=row["type"],
        subject=Subject(row["stream"].partition("-")[0], row["subject"], number),
        effective_on=row["effective_on"],
        known_on=row["known_on"],
        recorded_at=row["recorded_at"],
        part=row["part"],
        district=row["district"],
        moved=Moved(row["numerator"], row["denominator"]),
        numerator=numerator,
        denominator=denominator,
    )
