"""Summary of organisations at some coordinates, with an annex of all of them.

The public edition names them by their number in the register. The internal edition has
their names, and is never published.
"""

from collections.abc import Callable, Sequence
from datetime import date

from iku.domain.access import Action
from iku.domain.figure import Figure
from iku.domain.indicator import OrganisationOptions
from iku.domain.organisation import LegalBasis, OrganisationKind
from iku.domain.question import Question, UnknownReference, from_number
from iku.exchange import csv_output
from iku.exchange.papers import agency_cells
from iku.exchange.papers.document import (
    FORMATS,
    UNDEFINED,
    Cell,
    CellKind,
    Column,
    Document,
    Paragraph,
    Row,
    Section,
    Table,
)
from iku.exchange.papers.exact import share
from iku.exchange.papers.sources import (
    PaperRequest,
    Sources,
    coordinates_in_words,
    moment_of,
)
from iku.exchange.papers.words import say, word
from iku.labels import LEGAL_BASES
from iku.messages import message
from iku.queries import organisation_annex
from iku.queries.organisation_annex import AnnexedOrganisation

PUBLIC, INTERNAL = "rekap-ormas", "rekap-ormas-internal"
KINDS = {
    OrganisationKind.ORMAS: "Ormas",
    OrganisationKind.LSM: "LSM",
    OrganisationKind.PARPOL: "Parpol",
}
GONE = {"dissolved", "revoked", "moved_out"}
_STATUSES = {
    "active": "aktif",
    "suspended": "dibekukan",
    "dissolved": "bubar",
    "revoked": "dicabut",
    "moved_out": "pindah",
}


async def make_public(sources: Sources, request: PaperRequest) -> Document:
    """The public edition.

    Raises:
        UnknownReference: No indicator counts organisations.
    """
    return await _make(sources, request, internal=False)


async def make_internal(sources: Sources, request: PaperRequest) -> Document:
    """The internal edition, with the names (raises as `make_public`).

    Raises:
        Forbidden: The viewer may not read the texts of organisations.
    """
    return await _make(sources, request, internal=True)


async def _make(sources: Sources, request: PaperRequest, *, internal: bool) -> Document:
    figure = await _figure(sources, request)
    question = from_number(figure.number)
    found = await organisation_annex.organisations(
        sources.view, question, with_names=internal
    )
    agency = await agency_cells.read(sources, request, figure.as_of)
    edition = "edisi internal" if internal else "edisi publik"
    districts = {
        area.code: area.name for area in sources.profile.areas if len(area.code) == 8
    }
    return Document(
        name=INTERNAL if internal else PUBLIC,
        title=say(message("Summary of mass organisations, NGOs and political parties")),
        subtitle=f"Tahun {figure.as_of.year}, {edition}",
        letterhead=agency_cells.letterhead(sources.profile, agency),
        coordinates=coordinates_in_words(figure.as_of, figure.known_on, figure.size),
        sections=(
            Section(
                None,
                (
                    _by_kind(found, figure.as_of),
                    _by_district(found, districts),
                    _source(figure),
                ),
            ),
            Section("Lampiran", (_annex(found, internal=internal), _ending(found))),
        ),
        signatures=agency_cells.signatures(agency, request),
        figures=(figure.number,),
        draft=agency_cells.missing_signers(agency),
        landscape=True,
        internal=internal,
    )


async def _figure(sources: Sources, request: PaperRequest) -> Figure:
    """The figure of the indicator that counts organisations, at the coordinates."""
    view, figures = sources.view, sources.figures
    view.viewer.require_somewhere(Action.READ_HISTORY)
    at = moment_of(sources, request)
    for code, one in sorted((await figures.indicators(view.reader)).items()):
        if isinstance(one.definitions[0].defined.options, OrganisationOptions):
            asked = Question(code, at.as_of, known_on=at.known_on, size=at.size)
            (found,) = await figures.answer(view.reader, [asked], sources.today)
            return found
    raise UnknownReference(message("no indicator counts organisations"))


def _source(figure: Figure) -> Paragraph:
    expired = FORMATS.number(figure.expired)
    counts = FORMATS.fraction(figure.numerator, figure.denominator)
    said = say(
        message(
            "Source: register iku, figure {number}: {counts} = {percentage}; the "
            "denominator includes {expired} organisations whose SKT has expired. "
            "“Terdata” are those registered and not dissolved, revoked or moved away; "
            "besides SKT and legal entities they include those with another legal "
            "basis, such as political parties.",
            number=figure.number,
            counts=counts,
            percentage=FORMATS.percent(figure.percentage),
            expired=expired,
        )
    )
    return Paragraph(said)


def _by_kind(found: Sequence[AnnexedOrganisation], as_of: date) -> Table:
    kinds = [kind for kind in KINDS if any(one.state.kind is kind for one in found)]
    counts = [
        (KINDS[kind], [one for one in found if one.state.kind is kind])
        for kind in kinds
    ]
    return Table(
        name="rekap jenis",
        caption="Tabel 1. Rekapitulasi menurut jenis",
        columns=(
            Column("Jenis", width=34),
            Column("Terdata", CellKind.COUNT, 20),
            Column("SKT berlaku", CellKind.COUNT, 20),
            Column("SKT kedaluwarsa", CellKind.COUNT, 24),
            Column("Badan hukum", CellKind.COUNT, 20),
            Column("Dibekukan", CellKind.COUNT, 22),
            Column("Bubar/dicabut/pindah (tahun ini)", CellKind.COUNT, 32),
            Column("Berpartisipasi", CellKind.COUNT, 25),
            Column("%", CellKind.PERCENT, 20),
        ),
        rows=tuple(Row((label, *_kind_cells(of, as_of))) for label, of in counts),
        footer=(Row(("Jumlah", *_kind_cells(found, as_of))),),
    )


def _kind_cells(of: Sequence[AnnexedOrganisation], as_of: date) -> tuple[Cell, ...]:
    here = [one for one in of if one.state.status not in GONE]

    def count(holds: Callable[[AnnexedOrganisation], bool]) -> int:
        return sum(map(holds, here))

    gone = [
        one for one in of if one.state.status in GONE and one.since.year == as_of.year
    ]
    return (
        len(here),
        count(lambda one: _has_skt(one) and not one.state.expired),
        count(lambda one: _has_skt(one) and one.state.expired),
        count(lambda one: one.state.legal_basis is LegalBasis.BADAN_HUKUM),
        count(lambda one: one.state.status == "suspended"),
        len(gone),
        *_participation(of),
    )


def _has_skt(one: AnnexedOrganisation) -> bool:
    return one.state.legal_basis is LegalBasis.SKT


def _participation(of: Sequence[AnnexedOrganisation]) -> tuple[Cell, Cell]:
    """Those that take part, and their share of those that count."""
    taking = sum(one.explained.numerator for one in of)
    counted = sum(one.explained.denominator for one in of)
    percentage = share(taking, counted)
    return taking, UNDEFINED if percentage is None else percentage


def _by_district(
    found: Sequence[AnnexedOrganisation], districts: dict[str, str]
) -> Table:
    keys = sorted({one.explained.district for one in found})
    rows = [
        (
            districts.get(key, key) or "Tanpa wilayah",
            [one for one in found if one.explained.district == key],
        )
        for key in keys
    ]
    return Table(
        name="rekap kecamatan",
        caption="Tabel 2. Rekapitulasi menurut kecamatan",
        columns=(
            Column("Kecamatan", width=40),
            Column("Terdata", CellKind.COUNT, 22),
            Column("Berpartisipasi", CellKind.COUNT, 26),
            Column("%", CellKind.PERCENT, 22),
        ),
        rows=tuple(Row((label, *_district_cells(of))) for label, of in rows),
        footer=(Row(("Jumlah", *_district_cells(found))),),
    )


def _district_cells(of: Sequence[AnnexedOrganisation]) -> tuple[Cell, ...]:
    here = sum(one.state.status not in GONE for one in of)
    return (here, *_participation(of))


def _ending(found: Sequence[AnnexedOrganisation]) -> Paragraph:
    said = message("Table 3 lists {number} organisations.", number=len(found))
    return Paragraph(say(said))


def _annex(found: Sequence[AnnexedOrganisation], *, internal: bool) -> Table:
    rows = (
        Row(
            (
                place,
                one.explained.number,
                *([one.explained.title] if internal else []),
                KINDS[one.state.kind],
                word(LEGAL_BASES, one.state.legal_basis),
                one.state.valid_until,
                _STATUSES.get(one.state.status, one.state.status),
                csv_output.yes_or_no(one.explained.numerator),
                csv_output.yes_or_no(one.explained.denominator),
                "; ".join(
                    dict.fromkeys(
                        (
                            one.explained.why_denominator.id,
                            one.explained.why_numerator.id,
                        )
                    )
                ),
            )
        )
        for place, one in enumerate(found, start=1)
    )
    return Table(
        name="lampiran organisasi",
        caption=say(message("Table 3. Recorded organisations")),
        columns=(
            Column("No", CellKind.COUNT, 10),
            Column("Nomor", width=24),
            *([Column("Nama", width=56)] if internal else []),
            Column("Jenis", width=18),
            Column("Dasar hukum", width=30),
            Column("Berlaku s.d.", CellKind.DAY, 22),
            Column("Status", width=20),
            Column("Partisipasi", width=22),
            Column("Dihitung?", width=19),
            Column("Aturan", width=70),
        ),
        rows=tuple(rows),
    )
