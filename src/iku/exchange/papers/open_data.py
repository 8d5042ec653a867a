"""Open data: one row for each figure of a publication, with its number and edition."""

from iku.exchange.papers import agency_cells, frozen_figures
from iku.exchange.papers.document import (
    FORMATS,
    UNDEFINED,
    CellKind,
    Column,
    Document,
    Row,
    Section,
    Table,
)
from iku.exchange.papers.frozen_figures import DefinedFigure, FrozenPublication
from iku.exchange.papers.sources import PaperRequest, Sources
from iku.exchange.papers.words import say
from iku.messages import message

NAME = "data-terbuka"
_COLUMNS = (
    Column("Publikasi", width=24),
    Column("Edisi", CellKind.COUNT, 13),
    Column("Indikator", width=20),
    Column("Nama indikator", width=58),
    Column("Versi definisi", CellKind.COUNT, 17),
    Column("Periode", width=26),
    Column("Per tanggal", CellKind.DAY, 22),
    Column("Diketahui per", CellKind.DAY, 23),
    Column("Ukuran log", CellKind.COUNT, 18),
    Column("Pembilang", CellKind.COUNT, 20),
    Column("Penyebut", CellKind.COUNT, 19),
    Column("Persentase", CellKind.PERCENT, 22),
    Column("Target", CellKind.PERCENT, 19),
    Column("Capaian", CellKind.PERCENT, 20),
    Column("Predikat", width=24),
    Column("Nomor figur", width=62),
)


async def make(sources: Sources, request: PaperRequest) -> Document:
    """The figures of the publication (raises as `frozen_figures.read`)."""
    of = await frozen_figures.read(sources, request.publication)
    agency = await agency_cells.read(sources, request, of.publication.as_of)
    table = Table(
        name="data terbuka",
        caption=say(message("Table 1. Published figures")),
        columns=_COLUMNS,
        rows=tuple(_row(of, one) for one in of.figures),
    )
    return Document(
        name=NAME,
        title="Data Terbuka Indikator Kinerja Utama",
        subtitle=f"Publikasi {of.publication.id}, edisi {of.publication.edition}",
        letterhead=agency_cells.letterhead(sources.profile, agency),
        coordinates=of.coordinates,
        sections=(Section(None, (table,)),),
        figures=of.numbers,
        draft=of.missing,
        landscape=True,
        wide=True,
    )


def _row(of: FrozenPublication, one: DefinedFigure) -> Row:
    publication, value = of.publication, one.value
    return Row(
        (
            publication.id,
            publication.edition,
            one.code,
            one.defined.wording,
            value.definition,
            FORMATS.period(publication.period),
            publication.as_of,
            of.closing.known_on,
            of.closing.size,
            value.numerator,
            value.denominator,
            UNDEFINED if value.percentage is None else value.percentage,
            value.target,
            value.achievement,
            value.rating,
            value.number,
        )
    )
