"""Monev triwulan: targets and actuals by quarter, up to the day of a publication."""

from decimal import Decimal
from fractions import Fraction

from iku.exchange.papers import agency_cells, exact, frozen_figures, quarters
from iku.exchange.papers.document import (
    Cell,
    CellKind,
    Column,
    Document,
    Paragraph,
    Row,
    Section,
    Table,
    day_in_words,
)
from iku.exchange.papers.frozen_figures import DefinedFigure
from iku.exchange.papers.notes import Notes
from iku.exchange.papers.quarters import YearByQuarter
from iku.exchange.papers.sources import PaperRequest, Sources
from iku.exchange.papers.words import say
from iku.messages import message
from iku.queries.agency_data import AgencyData, IndicatorPlan, OtherIndicator

NAME = "monev-triwulan"
QUARTERS = (1, 2, 3, 4)
ACHIEVEMENT = 11  # column of the table
CUMULATIVE = message(
    "The actual of each quarter is counted from 1 January to the last day of the "
    "quarter, not for that quarter alone."
)


async def make(sources: Sources, request: PaperRequest) -> Document:
    """The paper of the publication in *request* (raises as `frozen_figures.read`)."""
    of = await frozen_figures.read(sources, request.publication)
    agency = await agency_cells.read(sources, request, of.publication.as_of)
    by_quarter = await quarters.read(sources, of)
    notes, rows = Notes(), list[Row]()
    for place, one in enumerate(of.figures, start=1):
        rows.append(_row(place, one, by_quarter[one.code], agency, notes))
    quarter = (of.publication.as_of.month + 2) // 3
    rows += [
        _other_row(place, other, quarter, notes)
        for place, other in enumerate(agency.others_of(of.year), start=len(rows) + 1)
    ]
    table = Table(
        name="monev triwulan",
        caption=f"Tabel 1. Capaian kinerja s.d. {day_in_words(of.publication.as_of)}",
        columns=_columns(),
        rows=tuple(rows),
        notes=notes.texts,
    )
    source = f"Sumber: register iku, publikasi {of.publication.id}. {say(CUMULATIVE)}"
    return Document(
        name=NAME,
        title=say(message("Monitoring and evaluation of performance")),
        subtitle=f"Triwulan {quarters.label(quarter)[3:]} Tahun {of.year}",
        letterhead=agency_cells.letterhead(sources.profile, agency),
        coordinates=of.coordinates,
        sections=(Section(None, (table, Paragraph(source))),),
        signatures=agency_cells.signatures(agency, request),
        figures=of.numbers,
        draft=(*of.missing, *agency_cells.missing_signers(agency)),
        landscape=True,
    )


def _columns() -> tuple[Column, ...]:
    return (
        Column("No", CellKind.COUNT, 8),
        Column("Indikator Kinerja Utama", width=40),
        Column("Satuan", width=14),
        *(
            Column(quarters.label(one), CellKind.PERCENT, 17, "Target s.d.")
            for one in QUARTERS
        ),
        *(
            Column(quarters.label(one), CellKind.RATIO, 17, "Realisasi s.d.")
            for one in QUARTERS
        ),
        Column("Capaian (%)", CellKind.PERCENT, 23),
        Column("Predikat", width=18),
        Column("Kendala", width=34),
        Column("Tindak lanjut", width=34),
        Column("Penanggung jawab", width=32),
    )


def _row(
    place: int,
    one: DefinedFigure,
    year: YearByQuarter,
    agency: AgencyData,
    notes: Notes,
) -> Row:
    plan, as_of = agency.indicator(one.code), year.last.figure.as_of
    achieved, basis = _achievement(one, year, plan)
    shown = exact.rounded(achieved)
    told = plan.narrative(as_of.year, year.quarter)
    cells: tuple[Cell, ...] = (
        place,
        f"{one.code} {one.defined.wording}",
        "%",
        *(_target(plan, as_of.year, quarter) for quarter in QUARTERS),
        *(year.ratio(quarter) for quarter in QUARTERS),
        shown,
        None if shown is None else year.scale.rating(shown),
        told.obstacles if told else None,
        told.follow_up if told else None,
        plan.responsible_unit or one.defined.owner,
    )
    marks = {1: notes.mark(*year.notes)} if year.notes else {}
    if basis:
        marks[ACHIEVEMENT] = notes.mark(basis)
    return Row(cells, marks=marks)


def _achievement(
    one: DefinedFigure, year: YearByQuarter, plan: IndicatorPlan
) -> tuple[Fraction | None, str | None]:
    """The achievement against the target of the last quarter, and a note on it.

    Without one it is that against the target of the year, and the note says so.
    """
    figure = year.last.figure
    target = _target(plan, figure.as_of.year, year.quarter)
    if target is not None:
        return exact.achievement(year.actual, target), None
    achieved = exact.achievement(year.actual, figure.target)
    if achieved is None:
        return None, None
    said = say(
        message(
            "{indicator}: the target of {quarter} is not filled in; the achievement "
            "is against the target of the year.",
            indicator=one.code,
            quarter=quarters.label(year.quarter),
        )
    )
    return achieved, said


def _target(plan: IndicatorPlan, year: int, quarter: int) -> Decimal | None:
    """The target up to the end of the quarter; None if nobody set one."""
    targets = plan.quarterly_targets.get(year)
    return None if targets is None else targets.of_quarter(quarter)


def _other_row(place: int, other: OtherIndicator, quarter: int, notes: Notes) -> Row:
    """An indicator outside the register, of which only the last actual is known."""
    actuals: list[Cell] = [None] * len(QUARTERS)
    actuals[quarter - 1] = agency_cells.amount(other, other.actual)
    said = say(
        message(
            "{indicator} is not counted by the register; its numbers are data of the "
            "agency.",
            indicator=other.code,
        )
    )
    cells: tuple[Cell, ...] = (
        place,
        f"{other.code} {other.wording}",
        other.measure,
        *[None] * len(QUARTERS),
        *actuals,
        exact.rounded(other.achievement),
        None,
        None,
        None,
        other.responsible_unit,
    )
    return Row(cells, marks={1: notes.mark(said)})
