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
    SignatureBlock,
    Signatures,
    Table,
    Terms,
    day_in_words,
)
from iku.exchange.papers.frozen_figures import FrozenPublication
from iku.exchange.papers.sources import PaperRequest, Sources
from iku.exchange.papers.words import say
from iku.ledger import checkpoint_store
from iku.ledger.checkpoint_store import SignedCheckpoint
from iku.messages import message
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
            Section(None, (Paragraph(_opening(of, reason)), _present(request))),
            Section(say(message("Closed figures")), (_figures(of),)),
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
    return say(
        message(
            "Today, {day}, the register was closed for the figures of the key "
            "performance indicators as of {as_of}, as known up to {known_on}, for "
            "this reason: {reason}. Present:",
            day=spelled.day(closed_on),
            as_of=as_of,
            known_on=day_in_words(of.closing.known_on),
            reason=reason.rstrip("."),
        )
    )


def _present(request: PaperRequest) -> Terms:
    """Those who are present; without any, three open lines."""
    names = request.participants.present or (None,) * 3
    return Terms(tuple((f"{place}.", name) for place, name in enumerate(names, 1)))


def _figures(of: FrozenPublication) -> Table:
    return Table(
        name="figur",
        caption=say(message("Table 1. Frozen figures")),
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
    covering = say(message("Covering checkpoint"))
    if signed is None:
        return Terms((size, (covering, None), ("Akar pohon", None)))
    origin = signed.checkpoint.origin
    return Terms(
        (
            size,
            (covering, f"{origin}, ukuran {signed.size}"),
            ("Akar pohon", signed.root.hex()),
        )
    )


def _ending() -> str:
    return say(
        message(
            "From this closing on these figures do not change. What becomes known "
            "later is recorded as a change after publication, and restated only in a "
            "new edition. These minutes are drawn up to be used as is proper."
        )
    )


def _signatures(agency: AgencyData, request: PaperRequest) -> Signatures:
    """Who closed, who reviewed, and the head of the agency."""
    of_head = agency_cells.signatures(agency, request, HEAD)
    roles = (SignatureBlock("Yang menutup buku"), SignatureBlock("Yang menelaah"))
    blocks = (*roles, *of_head.blocks)
    place = request.participants.place or of_head.place
    return Signatures(place, of_head.signed_on, blocks, _ending())
