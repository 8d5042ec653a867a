"""The annex that lists the cases behind a publication's figures.

The public edition has no texts and no columns by which a case could be recognised. Its
rules name the manner of a resolution, by which a definition counts a closing or not.
The internal edition has the titles, and is never published.
"""

from collections.abc import Sequence

from iku.domain.indicator import ConflictOptions
from iku.domain.question import from_number
from iku.exchange import csv_output
from iku.exchange.papers import agency_cells, frozen_figures
from iku.exchange.papers.document import (
    FORMATS,
    Cell,
    CellKind,
    Column,
    Document,
    Paragraph,
    Row,
    Section,
    Table,
)
from iku.exchange.papers.frozen_figures import DefinedFigure, FrozenPublication
from iku.exchange.papers.sources import PaperRequest, Sources
from iku.exchange.papers.words import reasons, say, word
from iku.labels import DIMENSIONS, MANNERS, PHASES, SOURCES, STATUSES
from iku.messages import message
from iku.queries import case_annex
from iku.queries.case_annex import AnnexedCase

PUBLIC, INTERNAL = "daftar-konflik", "daftar-konflik-internal"
_RULES = (
    Column("Penyebut?", width=19),
    Column("Pembilang?", width=21),
    Column("Aturan", width=90),
)
_PUBLIC_COLUMNS = (
    Column("No", CellKind.COUNT, 12),
    Column("No. perkara", width=26),
    Column("Tgl lapor", CellKind.DAY, 23),
    Column("Tgl selesai", CellKind.DAY, 23),
    Column("Status", width=21),
    *_RULES,
)
_INTERNAL_COLUMNS = (
    Column("No", CellKind.COUNT, 12),
    Column("No. perkara", width=24),
    Column("Tgl lapor", CellKind.DAY, 23),
    Column("Pokok", width=68),
    Column("Tempat", width=25),
    Column("Jenis", width=20),
    Column("Upaya", width=23),
    Column("Tgl selesai", CellKind.DAY, 23),
    Column("Cara", width=23),
    Column("Status", width=19),
    Column("Sumber", width=22),
    Column("Penyebut?", width=20),
    Column("Pembilang?", width=22),
    Column("Aturan", width=54),
)


async def make_public(sources: Sources, request: PaperRequest) -> Document:
    """The public edition (raises as `frozen_figures.read`)."""
    return await _make(sources, request, internal=False)


async def make_internal(sources: Sources, request: PaperRequest) -> Document:
    """The internal edition.

    Raises:
        Forbidden: The viewer may not read the texts of these cases.
    """
    return await _make(sources, request, internal=True)


async def _make(sources: Sources, request: PaperRequest, *, internal: bool) -> Document:
    of = await frozen_figures.read(sources, request.publication)
    agency = await agency_cells.read(sources, request, of.publication.as_of)
    counted = [
        one for one in of.figures if isinstance(one.defined.options, ConflictOptions)
    ]
    questions = [from_number(one.value.number) for one in counted]
    found = await case_annex.cases(sources.view, questions, with_titles=internal)
    areas = sources.profile.area_names
    sections = [
        _section(one, cases, areas if internal else None, place)
        for place, (one, cases) in enumerate(zip(counted, found, strict=True), start=1)
    ]
    edition = "edisi internal" if internal else "edisi publik"
    period = FORMATS.period(of.publication.period)
    return Document(
        name=INTERNAL if internal else PUBLIC,
        title="Lampiran Daftar Konflik",
        subtitle=f"{period}, {edition}",
        letterhead=agency_cells.letterhead(sources.profile, agency),
        coordinates=of.coordinates,
        sections=(*sections, Section(None, (_closing(of, internal=internal),))),
        signatures=agency_cells.signatures(agency, request),
        figures=of.numbers,
        draft=(*of.missing, *agency_cells.missing_signers(agency)),
        landscape=internal,
        internal=internal,
    )


def _section(
    one: DefinedFigure,
    found: Sequence[AnnexedCase],
    areas: dict[str, str] | None,
    place: int,
) -> Section:
    """The cases of a figure; *areas* are the names of areas in the internal edition."""
    internal = areas is not None
    rows = _public_rows(found) if areas is None else _internal_rows(found, areas)
    value = one.value
    counts = FORMATS.fraction(value.numerator, value.denominator)
    told = f"Figur {value.number}: {counts} = {FORMATS.percent(value.percentage)}."
    return Section(
        f"{one.code} {one.defined.wording}",
        (
            Table(
                name=one.code,
                caption=say(
                    message(
                        "Table {place}. Cases assessed for {indicator}",
                        place=place,
                        indicator=one.code,
                    )
                ),
                columns=_INTERNAL_COLUMNS if internal else _PUBLIC_COLUMNS,
                rows=rows,
                footer=(_sum(found, internal=internal),),
            ),
            Paragraph(told),
        ),
    )


def _public_rows(found: Sequence[AnnexedCase]) -> tuple[Row, ...]:
    return tuple(
        Row(
            (
                number,
                one.explained.number,
                one.state.reported_on,
                one.state.resolved_on,
                word(STATUSES, one.state.status),
                *_rules(one),
            )
        )
        for number, one in enumerate(found, start=1)
    )


def _internal_rows(
    found: Sequence[AnnexedCase], areas: dict[str, str]
) -> tuple[Row, ...]:
    return tuple(
        Row(
            (
                number,
                one.explained.number,
                one.state.reported_on,
                one.explained.title,
                areas.get(one.state.area or "", one.state.area),
                word(DIMENSIONS, one.state.dimension),
                ", ".join(str(word(PHASES, phase)) for phase in one.phases) or None,
                one.state.resolved_on,
                word(MANNERS, one.state.manner),
                word(STATUSES, one.state.status),
                word(SOURCES, one.state.source),
                *_rules(one),
            )
        )
        for number, one in enumerate(found, start=1)
    )


def _rules(one: AnnexedCase) -> tuple[Cell, Cell, Cell]:
    """Whether the case is in the denominator and the numerator, and by which rules."""
    explained = one.explained
    return (
        csv_output.yes_or_no(explained.denominator),
        csv_output.yes_or_no(explained.numerator),
        reasons(explained),
    )


def _sum(found: Sequence[AnnexedCase], *, internal: bool) -> Row:
    width = len(_INTERNAL_COLUMNS if internal else _PUBLIC_COLUMNS)
    cells: list[Cell] = [None] * width
    cells[0] = say(message("Number counted"))
    cells[width - 3] = sum(one.explained.denominator for one in found)
    cells[width - 2] = sum(one.explained.numerator for one in found)
    return Row(tuple(cells), span=width - 3)


def _closing(of: FrozenPublication, *, internal: bool) -> Paragraph:
    said = f"Sumber: register iku, publikasi {of.publication.id}."
    if internal:
        more = say(
            message(
                "The internal edition has texts of the cases; it is not for "
                "publication."
            )
        )
    else:
        more = say(
            message(
                "The public edition has no columns for the subject, place, kind, "
                "handling and source of a case. The rule names the manner of a "
                "resolution, because the manner decides whether the closing counts."
            )
        )
    return Paragraph(f"{said} {more}")
