"""A paper as data: text, tables of exact values, charts and signature blocks.

The PDF, the XLSX and the CSV of a paper are printed from the same `Document`. Cells
hold exact values; `printed` gives their Indonesian notation.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import TypeAlias, assert_never

from msgspec import Struct

from iku import language
from iku.exchange.formats import NOTHING, Formats
from iku.exchange.papers.missing import Missing
from iku.language import Language

FORMATS = Formats(lambda: Language.INDONESIAN)
UNDEFINED = NOTHING  # printed for a value that has been counted and is undefined
MM_PER_CHARACTER = 1.9  # approximate width of a digit
NO_MARKS: Mapping[int, str] = MappingProxyType({})


class Ratio(Struct, frozen=True):
    """A figure in one cell: counts and, below them, the percentage.

    Attributes:
        percentage: In per cent, two decimals; None if it is undefined.
    """

    numerator: int
    denominator: int
    percentage: Decimal | None


class Amount(Struct, frozen=True):
    """A number in a column of percentages that has another unit."""

    value: Decimal


# None is an open cell: the register has no value, and nobody gave one.
Cell: TypeAlias = str | int | Decimal | date | Ratio | Amount | None


class CellKind(StrEnum):
    """The type of a column's values; a text may stand in any column."""

    TEXT = "text"
    COUNT = "count"
    NUMBER = "number"
    PERCENT = "percent"
    DAY = "day"
    RATIO = "ratio"


class Column(Struct, frozen=True):
    """A column of a table.

    Attributes:
        width: In millimetres, before the table is scaled to the width of the page.
        group: Heading above adjacent columns that have the same group.
        merged: Whether equal cells below each other are printed as one.
    """

    title: str
    kind: CellKind = CellKind.TEXT
    width: float = 20
    group: str | None = None
    merged: bool = False


class Row(Struct, frozen=True):
    """A row of a table.

    Attributes:
        cells: One for each column.
        span: Number of columns over which the first cell is printed; the cells that it
            covers are None.
        marks: Marks of notes, such as ``1)``, by the index of their cell.
    """

    cells: tuple[Cell, ...]
    span: int = 1
    marks: Mapping[int, str] = NO_MARKS


class Table(Struct, frozen=True, kw_only=True, tag="table"):
    """A table.

    Attributes:
        name: Name of its sheet in a workbook.
        footer: Rows below the others, such as means.
        notes: Notes below the table, numbered from 1.
        numbered: Whether the columns are numbered below their headings.
        empty: Printed instead of the rows if there are none.
    """

    name: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    footer: tuple[Row, ...] = ()
    notes: tuple[str, ...] = ()
    numbered: bool = False
    empty: str = "Nihil"

    def __post_init__(self) -> None:
        width = len(self.columns)
        if any(len(row.cells) != width for row in (*self.rows, *self.footer)):
            raise ValueError(f"{self.name}: a row has not {width} cells")


class Paragraph(Struct, frozen=True, tag="paragraph"):
    """A paragraph of text."""

    text: str


class Formula(Struct, frozen=True, tag="formula"):
    """A calculation on a line of its own, and the value that it belongs to.

    Attributes:
        ratio: The counts and the result, if it is of a figure.
    """

    label: str
    text: str
    ratio: Ratio | None = None


class Terms(Struct, frozen=True, tag="terms"):
    """Names with their values, one below the other; None is an open value."""

    rows: tuple[tuple[str, str | None], ...]


class Chart(Struct, frozen=True, tag="chart"):
    """A chart: a standalone SVG, its caption, and its content in words."""

    svg: str
    caption: str
    alt: str


Block: TypeAlias = Table | Paragraph | Formula | Terms | Chart


class Section(Struct, frozen=True):
    """Blocks below a heading; None if the section has no heading."""

    heading: str | None
    blocks: tuple[Block, ...]


class SignatureBlock(Struct, frozen=True):
    """A signature block; what nobody gave is None and stays open.

    Attributes:
        office: Office or capacity of the signer, above the signature.
        nip: Number of the civil servant.
        ranked: Whether the block has lines for rank and NIP.
    """

    office: str
    name: str | None = None
    rank: str | None = None
    nip: str | None = None
    ranked: bool = True


class Signatures(Struct, frozen=True):
    """The signature blocks of a paper, side by side, with place and day.

    Attributes:
        ending: The last sentence, which stays with them on one page; None for none.
    """

    place: str | None
    signed_on: date | None
    blocks: tuple[SignatureBlock, ...]
    ending: str | None = None


class Document(Struct, frozen=True, kw_only=True):
    """A paper.

    Attributes:
        name: Name of the paper in `registry.PAPERS`.
        letterhead: Lines of the letterhead; the last ones, after the names of the city
            and the agency, are the address.
        coordinates: As-of day, knowledge cut-off and size of the log, in words.
        figures: Numbers of the figures that the paper prints.
        draft: What is missing before the paper can be issued; a paper with such reasons
            is printed as a draft (*konsep*).
        internal: Whether it contains texts, and so is never published.
        landscape: Whether the page is wider than high.
        wide: Whether it is printed on A3, for forms with many columns; else on A4.
    """

    name: str
    title: str
    subtitle: str | None
    letterhead: tuple[str, ...]
    coordinates: str
    sections: tuple[Section, ...]
    signatures: Signatures | None = None
    figures: tuple[str, ...] = ()
    draft: tuple[Missing, ...] = ()
    landscape: bool = False
    wide: bool = False
    internal: bool = False

    @property
    def tables(self) -> Iterator[Table]:
        """All tables of the paper, in order."""
        for section in self.sections:
            yield from (one for one in section.blocks if isinstance(one, Table))


def printed(cell: Cell, kind: CellKind = CellKind.TEXT) -> str:
    """The Indonesian notation of *cell* in a column of *kind*; empty for None."""
    match cell:
        case None:
            text = ""
        case str():
            text = cell
        case Ratio(numerator, denominator, percentage):
            counts = FORMATS.fraction(numerator, denominator)
            text = f"{counts}\n{FORMATS.percent(percentage)}"
        case Amount(value):
            text = number(value)
        case int() | Decimal():
            percent = kind is CellKind.PERCENT
            text = FORMATS.percent(_two_places(cell)) if percent else number(cell)
        case date():
            text = FORMATS.day(cell)
        case _:
            assert_never(cell)
    return text


def number(value: Decimal | int) -> str:
    """A number: ``1.234,5``."""
    return FORMATS.number(value)


def _two_places(value: Decimal | int) -> Decimal:
    """*value* with at least two decimals, as percentages are printed."""
    exact = Decimal(value)
    digits = exact.as_tuple().exponent
    short = isinstance(digits, int) and digits > -2
    return exact.quantize(Decimal("0.01")) if short else exact


def day_in_words(day: date) -> str:
    """A day: ``31 Desember 2021``."""
    return language.day(day, Language.INDONESIAN)
