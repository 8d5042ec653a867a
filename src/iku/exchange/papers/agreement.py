"""Perjanjian Kinerja: the annex with the targets of a year, and its revision."""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import NamedTuple

from iku.domain.access import Action
from iku.domain.fact import EffectiveFact
from iku.domain.indicator import Defined, Indicator, applicable_definition
from iku.domain.question import Question
from iku.exchange.papers import agency_cells
from iku.exchange.papers.agency_cells import HEAD, MAYOR
from iku.exchange.papers.document import (
    Cell,
    CellKind,
    Column,
    Document,
    Paragraph,
    Row,
    Section,
    Table,
)
from iku.exchange.papers.sources import PaperRequest, Sources, moment_of, moment_words
from iku.exchange.papers.words import say
from iku.messages import message
from iku.queries.agency_data import AgencyData
from iku.queries.figure_parameters import Moment

NAME, REVISION = "perjanjian-kinerja", "perjanjian-kinerja-perubahan"


class _Promise(NamedTuple):
    """An indicator and the targets of the year, oldest first, in force by the day."""

    code: str
    defined: Defined
    targets: Sequence[EffectiveFact]


async def make(sources: Sources, request: PaperRequest) -> Document:
    """The first targets of the year of the requested day."""
    at = moment_of(sources, request)
    agency = await agency_cells.read(sources, request, at.as_of)
    rows: list[tuple[Cell, ...]] = []
    for one in await _promises(sources, at):
        first = one.targets[0].event if one.targets else None
        rows.append(
            (
                one.defined.objective,
                f"{one.code} {one.defined.wording}",
                first and first.value,
            )
        )
    for other in agency.others_of(at.as_of.year):
        target = agency_cells.amount(other, other.target)
        rows.append((other.objective, f"{other.code} {other.wording}", target))
    columns = (
        Column("No", CellKind.COUNT, 10),
        Column("Sasaran Strategis", width=48, merged=True),
        Column("Indikator Kinerja", width=78),
        Column("Target", CellKind.PERCENT, 28),
    )
    title = "Perjanjian Kinerja"
    table = _table(columns, rows, f"Lampiran {title} Tahun {at.as_of.year}")
    return await _document(sources, request, agency, NAME, title, table)


async def make_revision(sources: Sources, request: PaperRequest) -> Document:
    """The targets of the year that changed up to the requested day."""
    at = moment_of(sources, request)
    agency = await agency_cells.read(sources, request, at.as_of)
    rows = [*_revised(await _promises(sources, at))]
    columns = (
        Column("No", CellKind.COUNT, 10),
        Column("Sasaran Strategis", width=40, merged=True),
        Column("Indikator Kinerja", width=58),
        Column("Target semula", CellKind.PERCENT, 24),
        Column("Target menjadi", CellKind.PERCENT, 24),
        Column("Berlaku sejak", CellKind.DAY, 24),
        Column("Dasar", width=42),
    )
    title = "Perjanjian Kinerja Perubahan"
    table = _table(columns, rows, f"Lampiran {title} Tahun {at.as_of.year}")
    return await _document(sources, request, agency, REVISION, title, table)


async def _promises(sources: Sources, at: Moment) -> list[_Promise]:
    view = sources.view
    view.viewer.require(Action.READ_FIGURES)
    found = []
    for code in sorted(await sources.figures.indicators(view.reader)):
        asked = Question(code, at.as_of, known_on=at.known_on, size=at.size)
        state = await sources.figures.known_indicator(view.reader, asked)
        if state is not None:
            defined = applicable_definition(state, state, asked.start).defined
            found.append(_Promise(code, defined, _targets(state, at.as_of)))
    return found


def _targets(state: Indicator, as_of: date) -> list[EffectiveFact]:
    """The targets of the year that are in force by *as_of*, oldest first."""
    of_year = [
        one
        for one in state.effective_targets
        if one.event.year == as_of.year and one.event.effective_on <= as_of
    ]
    return sorted(of_year, key=lambda one: (one.event.effective_on, one.version))


def _revised(promises: Sequence[_Promise]) -> Iterator[tuple[Cell, ...]]:
    for one in promises:
        if len(one.targets) < 2 or _unchanged(one):
            continue
        first, last = one.targets[0].event, one.targets[-1].event
        yield (
            one.defined.objective,
            f"{one.code} {one.defined.wording}",
            first.value,
            last.value,
            last.effective_on,
            last.basis,
        )


def _unchanged(one: _Promise) -> bool:
    first, last = one.targets[0].event, one.targets[-1].event
    return bool(first.value == last.value)


def _table(
    columns: tuple[Column, ...], rows: Sequence[tuple[Cell, ...]], caption: str
) -> Table:
    return Table(
        name="perjanjian kinerja",
        caption=caption,
        columns=columns,
        rows=tuple(Row((place, *cells)) for place, cells in enumerate(rows, start=1)),
    )


async def _document(  # noqa: PLR0917 - what the two papers differ in
    sources: Sources,
    request: PaperRequest,
    agency: AgencyData,
    name: str,
    title: str,
    table: Table,
) -> Document:
    at = moment_of(sources, request)
    said = say(
        message(
            "Targets are recorded in the register iku; those that are not set yet are "
            "left open."
        )
    )
    return Document(
        name=name,
        title=title,
        subtitle=f"{sources.profile.name}\nTahun {at.as_of.year}",
        letterhead=agency_cells.letterhead(sources.profile, agency),
        coordinates=await moment_words(sources, at),
        sections=(Section(None, (table, Paragraph(said))),),
        signatures=agency_cells.signatures(agency, request, MAYOR, HEAD),
        draft=agency_cells.missing_signers(agency, MAYOR, HEAD),
    )
