"""Berita acara tutup buku: the minutes of the closing of a publication's figures.

They name people, so they are made on demand and never issued.
"""

from iku.exchange.papers import agency_cells, frozen_figures, spelled
from iku.exchange.papers.agency_cells import HEAD
from iku.exchange.papers.document import (
    CellKind,
    Column,
    Document,
    Paragraph,
    Row,
    Section,
    Signature,
    Signatures,
    Table,
    Terms,
    day_in_words,
)
from iku.exchange.papers.frozen_figures import FrozenPublication
from iku.exchange.papers.sources import PaperRequest, Sources
from iku.ledger import checkpoint_store
from iku.ledger.checkpoint_store import SignedCheckpoint
from iku.queries.agency_data import AgencyData

NAME = "berita-acara-tutup-buku"


async def make(sources: Sources, request: PaperRequest) -> Document:
    """The minutes of the publication in *request* (raises as `frozen_figures.read`)."""
    of = await frozen_figures.read(sources, request.publication)
    agency = await agency_cells.read(sources, request, of.publication.as_of)
    reader = sources.view.reader
    reason = await sources.view.reveal(of.closing.reason)
    signed = await checkpoint_store.covering_checkpoint(reader, of.closing.size)
    return Document(
        name=NAME,
        title="Berita Acara Tutup Buku",
        subtitle=f"Publikasi {of.publication.id}",
        letterhead=agency_cells.letterhead(sources.profile, agency),
        coordinates=of.coordinates,
        sections=(
            Section(None, (Paragraph(_opening(of, reason)), _present())),
            Section("Figur yang ditutup", (_figures(of),)),
            Section("Keadaan log", (_log(of, signed),)),
        ),
        signatures=_signatures(agency, request),
        figures=of.numbers,
        draft=of.missing,
        internal=True,
    )


def _opening(of: FrozenPublication, reason: str) -> str:
    closed_on = of.closing.effective_on
    as_of = day_in_words(of.publication.as_of)
    return (
        f"Pada hari ini, {spelled.day(closed_on)}, telah dilakukan penutupan buku "
        f"register untuk angka indikator kinerja utama per {as_of}, menurut yang "
        f"diketahui sampai dengan {day_in_words(of.closing.known_on)}, dengan alasan: "
        f"{reason.rstrip('.')}. Yang hadir:"
    )


def _present() -> Terms:
    return Terms(tuple((f"{place}.", None) for place in range(1, 4)))


def _figures(of: FrozenPublication) -> Table:
    return Table(
        name="figur",
        caption="Tabel 1. Figur yang dibekukan",
        columns=(
            Column("No", CellKind.COUNT, 9),
            Column("Indikator", width=44),
            Column("Pembilang", CellKind.COUNT, 19),
            Column("Penyebut", CellKind.COUNT, 19),
            Column("Realisasi", CellKind.PERCENT, 20),
            Column("Nomor figur", width=70),
        ),
        rows=tuple(
            Row(
                (
                    place,
                    f"{one.code} {one.defined.wording}",
                    one.value.numerator,
                    one.value.denominator,
                    "–" if one.value.percentage is None else one.value.percentage,
                    one.value.number,
                )
            )
            for place, one in enumerate(of.figures, start=1)
        ),
    )


def _log(of: FrozenPublication, signed: SignedCheckpoint | None) -> Terms:
    """The size of the log at the closing, and the first checkpoint that covers it."""
    size = ("Ukuran log saat ditutup", f"{of.closing.size} catatan")
    if signed is None:
        return Terms((size, ("Checkpoint yang mencakup", None), ("Akar pohon", None)))
    origin = signed.checkpoint.origin
    return Terms(
        (
            size,
            ("Checkpoint yang mencakup", f"{origin}, ukuran {signed.size}"),
            ("Akar pohon", signed.root.hex()),
        )
    )


def _ending() -> str:
    return (
        "Sejak penutupan ini angka tersebut tidak berubah. Perubahan yang diketahui "
        "kemudian dicatat sebagai perubahan setelah terbit, dan hanya disajikan "
        "kembali dalam edisi baru. Demikian berita acara ini dibuat untuk dipergunakan "
        "sebagaimana mestinya."
    )


def _signatures(agency: AgencyData, request: PaperRequest) -> Signatures:
    """Who closed, who reviewed, and the head of the agency."""
    of_head = agency_cells.signatures(agency, request, HEAD)
    roles = (Signature("Yang menutup buku"), Signature("Yang mereviu"))
    blocks = (*roles, *of_head.blocks)
    return Signatures(of_head.place, of_head.signed_on, blocks, _ending())
