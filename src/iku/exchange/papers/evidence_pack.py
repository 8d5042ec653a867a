"""Berkas bukti LKE: a ZIP with what the evaluation of performance asks an agency for.

It has the definitions, the procedure of collection, the figures, the cases that count
without their texts, the changes since, and the proofs. Equal registers give equal
bytes: entries have no time of their own.
"""

import io
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime, time
from hashlib import sha256

from iku.domain.indicator import ConflictOptions
from iku.exchange.papers import (
    agency_cells,
    case_list,
    changes,
    frozen_figures,
    layout,
    metadata,
    open_data,
    performance,
    table_csv,
)
from iku.exchange.papers.document import (
    CellKind,
    Column,
    Document,
    Paragraph,
    Row,
    Section,
    Table,
    Terms,
)
from iku.exchange.papers.frozen_figures import DefinedFigure, FrozenPublication
from iku.exchange.papers.sources import PaperRequest, Sources
from iku.exchange.papers.typesetting import TEMPLATES, typeset
from iku.exchange.papers.words import say
from iku.messages import message
from iku.queries import publication_proofs
from iku.queries.figure_parameters import Moment

NAME = "berkas-bukti-lke"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time of an entry
_CONTENTS = {
    "definisi.csv": message("operational definition of each indicator"),
    "definisi.pdf": message("operational definition of each indicator, as a document"),
    "prosedur-pengumpulan.pdf": message("procedure by which the data are collected"),
    "pengukuran-kinerja.csv": message("targets, actuals and achievements"),
    "figur.csv": message("the published figures with their numbers"),
    "daftar-konflik.csv": message("the cases that the figures count, without texts"),
    "perubahan.csv": message("what changed after the publication"),
}
_PROOF = message("record of a step of the publication, or its proof in the log")


async def pack(sources: Sources, request: PaperRequest) -> bytes:
    """The ZIP of the publication in *request* (raises as `frozen_figures.read`)."""
    of = await frozen_figures.read(sources, request.publication)
    files = await _files(sources, request, of)
    index = await _index(sources, request, of, files)
    files = {
        "daftar-isi.csv": table_csv.document(index).encode(),
        "daftar-isi.pdf": await _pdf(index, of),
        **files,
    }
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(files.items()):
            entry = zipfile.ZipInfo(f"{NAME}-{of.publication.id}/{name}", _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content)
    return file.getvalue()


async def _files(
    sources: Sources, request: PaperRequest, of: FrozenPublication
) -> dict[str, bytes]:
    closing = of.closing
    at = Moment(of.publication.as_of, closing.known_on, closing.size)
    definitions = await metadata.make(sources, request._replace(moment=at))
    tables = {
        "definisi.csv": definitions,
        "pengukuran-kinerja.csv": await performance.make(sources, request),
        "figur.csv": await open_data.make(sources, request),
        "daftar-konflik.csv": await case_list.make_public(sources, request),
        "perubahan.csv": await changes.make_public(sources, request),
    }
    files = {name: table_csv.document(one).encode() for name, one in tables.items()}
    files["definisi.pdf"] = await _pdf(definitions, of)
    procedure = await _procedure(sources, request, of)
    files["prosedur-pengumpulan.pdf"] = await _pdf(procedure, of)
    for one in await publication_proofs.proofs(sources.view, of.publication.id):
        files[f"bukti/{one.position}.json"] = one.record
        files[f"bukti/{one.position}.tlog-proof"] = one.proof.encode()
    return files


async def _pdf(of: Document, publication: FrozenPublication) -> bytes:
    """The document as PDF, dated by the closing."""
    closed_on = datetime.combine(publication.closing.effective_on, time(), UTC)
    return await typeset(TEMPLATES / layout.TEMPLATE, layout.layout(of), (), closed_on)


async def _index(
    sources: Sources,
    request: PaperRequest,
    of: FrozenPublication,
    files: Mapping[str, bytes],
) -> Document:
    """The list of the files, with their hashes."""
    table = Table(
        name="daftar isi",
        caption="Tabel 1. Daftar isi berkas bukti",
        columns=(
            Column("No", CellKind.COUNT, 9),
            Column("Berkas", width=38),
            Column("Isi", width=47),
            Column("SHA-256", width=74),
        ),
        rows=tuple(
            Row(
                (
                    place,
                    name,
                    say(_CONTENTS.get(name, _PROOF)),
                    sha256(content).hexdigest(),
                )
            )
            for place, (name, content) in enumerate(sorted(files.items()), start=1)
        ),
    )
    proven = any(name.startswith("bukti/") for name in files)
    said = message(
        "Each file of the folder bukti is verified with iku-verify and the key of the "
        "log."
    )
    if not proven:
        said = message("No checkpoint covers the publication yet, so it has no proofs.")
    sections = (Section(None, (table, Paragraph(say(said)))),)
    return await _document(sources, request, of, "Berkas Bukti LKE", sections)


async def _procedure(
    sources: Sources, request: PaperRequest, of: FrozenPublication
) -> Document:
    """How the data are collected: by the definitions, and by the rules of the register.

    Source of the rules: design, sections 5 and 6.
    """
    steps = (
        message(
            "Each report, registration, participation and decision is recorded as an "
            "event with the day from which it holds and the day on which the office "
            "knew it."
        ),
        message(
            "A case counts only once it has been verified; a participation counts "
            "only once it has been verified."
        ),
        message(
            "Nothing is overwritten: a correction, an annulment or a merger is a "
            "further event with its reason."
        ),
        message(
            "The figures are counted from the events. Closing, review and release "
            "freeze them, and what becomes known later is listed as a change."
        ),
    )
    numbered = [f"{place}. {say(one)}" for place, one in enumerate(steps, start=1)]
    sections = (
        Section(None, (Paragraph("\n".join(numbered)),)),
        *(_collection(one) for one in of.figures),
    )
    return await _document(sources, request, of, "Prosedur Pengumpulan Data", sections)


def _collection(one: DefinedFigure) -> Section:
    """The sources and the owner of an indicator."""
    defined = one.defined
    of_cases = isinstance(defined.options, ConflictOptions)
    terms = (
        ("Yang dihitung", "perkara" if of_cases else "organisasi"),
        ("Formula", defined.formula),
        ("Sumber data", ", ".join(defined.sources)),
        ("Penanggung jawab", defined.owner),
        ("Dasar", defined.basis),
    )
    return Section(f"{one.code} {defined.wording}", (Terms(terms),))


async def _document(
    sources: Sources,
    request: PaperRequest,
    of: FrozenPublication,
    title: str,
    sections: tuple[Section, ...],
) -> Document:
    agency = await agency_cells.read(sources, request, of.publication.as_of)
    return Document(
        name=NAME,
        title=title,
        subtitle=f"Publikasi {of.publication.id}",
        letterhead=agency_cells.letterhead(sources.profile, agency),
        coordinates=of.coordinates,
        sections=sections,
        figures=of.numbers,
        draft=of.missing,
    )
