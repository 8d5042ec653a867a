"""Lampiran IKU: the indicators as the agency's decree lists them."""

from iku.agency import AgencyProfile
from iku.domain.access import Action
from iku.domain.indicator import applicable_definition
from iku.domain.question import Question
from iku.exchange.papers import agency_cells
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
from iku.exchange.papers.sources import PaperRequest, Sources, moment_of, moment_words
from iku.exchange.papers.words import say
from iku.messages import message
from iku.queries.figure_parameters import Moment

NAME = "lampiran-iku"


async def make(sources: Sources, request: PaperRequest) -> Document:
    """The definitions in force on the requested day."""
    profile = sources.profile
    sources.view.viewer.require(Action.READ_FIGURES)
    at = moment_of(sources, request)
    agency = await agency_cells.read(sources, request, at.as_of)
    rows = await _rows(sources, at)
    table = Table(
        name="IKU",
        caption="Indikator Kinerja Utama",
        columns=(
            Column("No", CellKind.COUNT, 10),
            Column("Sasaran Strategis", width=40, merged=True),
            Column("Indikator Kinerja Utama", width=52),
            Column("Formula Indikator", width=62),
            Column("Sumber Data", width=56),
            Column("Penanggungjawab", width=49),  # as the source document spells it
        ),
        rows=rows,
    )
    ending = say(
        message(
            "This annex lists {number} key performance indicators.",
            number=len(table.rows),
        )
    )
    return Document(
        name=NAME,
        title="Indikator Kinerja Utama (IKU)",
        subtitle=f"{profile.name}\nTahun {at.as_of.year}",
        letterhead=agency_cells.letterhead(profile, agency),
        coordinates=await moment_words(sources, at),
        sections=(Section(None, (_context(profile), table, Paragraph(ending))),),
        signatures=agency_cells.signatures(agency, request),
        draft=agency_cells.missing_signers(agency),
        landscape=True,
    )


async def _rows(sources: Sources, at: Moment) -> tuple[Row, ...]:
    """A row for each indicator that has a definition in force."""
    reader = sources.view.reader
    rows: list[Row] = []
    for code in sorted(await sources.figures.indicators(reader)):
        asked = Question(code, at.as_of, known_on=at.known_on, size=at.size)
        state = await sources.figures.known_indicator(reader, asked)
        if state is None:
            continue
        defined = applicable_definition(state, state, asked.start).defined
        rows.append(
            Row(
                (
                    len(rows) + 1,
                    defined.objective,
                    defined.wording,
                    defined.formula,
                    ", ".join(defined.sources),
                    defined.owner,
                )
            )
        )
    return tuple(rows)


def _context(profile: AgencyProfile) -> Terms:
    """The terms above the table, as in the source document."""
    functions = "\n".join(
        f"{place}. {one}" for place, one in enumerate(profile.functions, start=1)
    )
    return Terms(
        (
            ("Visi RPJMD", profile.vision),
            (f"Misi {profile.mission.number}", profile.mission.text),
            ("Nama SKPD", profile.name),
            ("Tugas Pokok", profile.main_task),
            ("Fungsi", functions),
        )
    )
