"""Formulir E.81 (Permendagri 86/2017): evaluation of the yearly plan (Renja).

The form prints column 12 as the sum of columns 8 to 11, and column 14 as the sum of 6
and 12. That is wrong for percentages that are counted from 1 January on: here column 12
is the last filled quarter, and column 14 is column 12. Only the columns K are of the
register; the columns Rp are left to the finance section.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from iku.exchange.papers import (
    agency_cells,
    earlier_years,
    exact,
    frozen_figures,
    quarters,
)
from iku.exchange.papers.document import (
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
from iku.exchange.papers.earlier_years import EarlierYear
from iku.exchange.papers.frozen_figures import DefinedFigure, FrozenPublication
from iku.exchange.papers.notes import Notes
from iku.exchange.papers.quarters import YearByQuarter
from iku.exchange.papers.sources import PaperRequest, Sources
from iku.exchange.papers.words import say
from iku.messages import message
from iku.queries.agency_data import AgencyData, Narrative, OtherIndicator

NAME = "e81"
QUARTERS = (1, 2, 3, 4)
BEFORE = 4  # columns before those with K and Rp
PAIRS = 11  # columns 5 to 15
WIDTH = BEFORE + 2 * PAIRS + 2
TRAP = message(
    "Actuals are counted from 1 January to the end of the quarter. Column 12 "
    "therefore is the last filled quarter, not 8+9+10+11, and column 14 equals column "
    "12, not 6+12: cumulative percentages are not added up."
)
MONEY = message("The columns Rp are filled in by the finance section.")


def _k(column: int) -> int:
    """The index of the cell K of a column of the form, from 5 to 15."""
    return BEFORE + 2 * (column - BEFORE - 1)


class _Measured(NamedTuple):
    """An indicator with its quarters and the actual of the year before."""

    place: int
    frozen: DefinedFigure
    year: YearByQuarter
    before: EarlierYear


class _Line(NamedTuple):
    """A row of the form, and the exact achievements that the footer needs."""

    row: Row
    achievement: Fraction | None
    to_end: Fraction | None


async def make(sources: Sources, request: PaperRequest) -> Document:
    """The paper of the publication in *request* (raises as `frozen_figures.read`)."""
    of = await frozen_figures.read(sources, request.publication)
    agency = await agency_cells.read(sources, request, of.publication.as_of)
    by_quarter = await quarters.read(sources, of)
    notes, lines = Notes(), list[_Line]()
    trap = notes.mark(say(TRAP))
    for place, one in enumerate(of.figures, start=1):
        year = by_quarter[one.code]
        (before,) = await earlier_years.read(sources, of, agency, one, [of.year - 1])
        measured = _Measured(place, one, year, before)
        lines.append(_line(measured, agency, notes))
    lines += await _other_lines(sources, request, of, notes, len(lines))
    last = next(iter(by_quarter.values()), None)
    table = Table(
        name="formulir E.81",
        caption="Tabel 1. Formulir E.81, evaluasi terhadap hasil Renja",
        columns=_columns(of.year, trap),
        rows=tuple(one.row for one in lines),
        footer=_footer(of, agency, lines, last, notes),
        notes=notes.texts,
        numbered=True,
    )
    return Document(
        name=NAME,
        title="Evaluasi terhadap Hasil Renja Perangkat Daerah",
        subtitle=f"Formulir E.81, {sources.profile.name}\nTahun {of.year}",
        letterhead=agency_cells.letterhead(sources.profile, agency),
        coordinates=of.coordinates,
        sections=(Section(None, (table, Paragraph(_source(of)))),),
        signatures=agency_cells.signatures(agency, request),
        figures=of.numbers,
        draft=(*of.missing, *agency_cells.missing_signers(agency)),
        landscape=True,
        wide=True,
    )


def _source(of: FrozenPublication) -> str:
    return f"Sumber kolom K: register iku, publikasi {of.publication.id}. {say(MONEY)}"


def _columns(year: int, trap: str) -> tuple[Column, ...]:
    groups = (
        say(message("Renstra target in the last year of the period")),
        f"Realisasi capaian Renstra s.d. Renja tahun lalu ({year - 1}, n−2)",
        f"Target Renja tahun berjalan ({year}, n−1)",
        *(f"Realisasi {quarters.label(one)}" for one in QUARTERS),
        say(message("Actual of the evaluated Renja {mark}", mark=trap)),
        "Tingkat capaian Renja (%) (12/7)",
        f"Realisasi Renstra s.d. tahun {year} {trap}",
        "Tingkat capaian Renstra s.d. tahun ini (%) (14/5)",
    )
    pairs = [
        Column(unit, kind, width, group)
        for group in groups
        for unit, kind, width in (
            ("K", CellKind.PERCENT, 17),
            ("Rp", CellKind.NUMBER, 9),
        )
    ]
    return (
        Column("No", CellKind.COUNT, 8),
        Column("Kode / Sasaran", width=28, merged=True),
        Column("Urusan / Program / Kegiatan", width=30),
        Column("Indikator Kinerja", width=40),
        *pairs,
        Column("Unit penanggung jawab", width=30),
        Column("Keterangan", width=26),
    )


def _line(measured: _Measured, agency: AgencyData, notes: Notes) -> _Line:
    place, one, year, before = measured
    plan, figure = agency.indicator(one.code), year.last.figure
    achieved = exact.achievement(year.actual, figure.target)
    to_end = exact.achievement(year.actual, plan.end_target)
    cells: list[Cell] = [None] * WIDTH
    programme = (plan.programme_code, plan.programme)
    cells[0] = place
    cells[1] = one.defined.objective
    cells[2] = "\n".join(said for said in programme if said) or None
    cells[3] = f"{one.code} {one.defined.wording}"
    cells[_k(5)], cells[_k(6)] = plan.end_target, before.actual
    cells[_k(7)] = figure.target
    for quarter, made in enumerate(year.figures, start=1):
        cells[_k(7 + quarter)] = _shown(made.figure.percentage)
    cells[_k(12)] = cells[_k(14)] = _shown(figure.percentage)
    cells[_k(13)], cells[_k(15)] = exact.rounded(achieved), exact.rounded(to_end)
    cells[-2] = plan.responsible_unit or one.defined.owner
    cells[-1] = f"{figure.numerator}/{figure.denominator}"
    marks = {3: notes.mark(*year.notes)} if year.notes else {}
    if before.note:
        marks[_k(6)] = notes.mark(before.note)
    return _Line(Row(tuple(cells), marks=marks), achieved, to_end)


async def _other_lines(
    sources: Sources,
    request: PaperRequest,
    of: FrozenPublication,
    notes: Notes,
    before: int,
) -> list[_Line]:
    """The indicators that the register does not count, numbered after *before*."""
    known = [
        await agency_cells.read(sources, request, day)
        for day in quarters.days_of(of.publication.as_of)
    ]
    return [
        _other_line(before + place, other, known, notes)
        for place, other in enumerate(known[-1].others_of(of.year), start=1)
    ]


def _other_line(
    place: int, other: OtherIndicator, known: Sequence[AgencyData], notes: Notes
) -> _Line:
    """The row of an indicator; *known* is what was stated by the end of each quarter.

    A quarter in which no actual was stated is open.
    """
    agency, amount = known[-1], agency_cells.amount
    cells: list[Cell] = [None] * WIDTH
    cells[0], cells[1] = place, other.objective
    cells[3] = f"{other.code} {other.wording}"
    cells[_k(5)], cells[_k(7)] = (
        amount(other, value) for value in (other.end_target, other.target)
    )
    cells[_k(6)] = agency_cells.actual_of(agency, other, other.year - 1)
    for quarter, data in enumerate(known, start=1):
        stated = data.other(other.code, other.year)
        if stated is not None and _is_of(stated, quarter):
            cells[_k(7 + quarter)] = amount(stated, stated.actual)
    cells[_k(12)] = cells[_k(14)] = amount(other, other.actual)
    achieved, to_end = other.achievement, other.plan_achievement
    cells[_k(13)], cells[_k(15)] = exact.rounded(achieved), exact.rounded(to_end)
    cells[-2] = other.responsible_unit
    cells[-1] = None if agency_cells.is_percentage(other) else other.measure
    marks = {3: notes.mark(agency_cells.source_note(other))}
    return _Line(Row(tuple(cells), marks=marks), achieved, to_end)


def _is_of(stated: OtherIndicator, quarter: int) -> bool:
    """Whether the stated actual covers the year up to this quarter."""
    day = stated.effective_on
    return (
        day is not None
        and day.year == stated.year
        and quarters.quarter_of(day) == quarter
    )


def _shown(percentage: Decimal | None) -> Cell:
    return UNDEFINED if percentage is None else percentage


def _footer(
    of: FrozenPublication,
    agency: AgencyData,
    lines: Sequence[_Line],
    last: YearByQuarter | None,
    notes: Notes,
) -> tuple[Row, ...]:
    means = [
        exact.rounded(exact.mean([value for value in column if value is not None]))
        for column in (
            [one.achievement for one in lines],
            [one.to_end for one in lines],
        )
    ]
    said = say(message("Mean of the available exact achievements, rounded once."))
    rating = [
        None if mean is None or last is None else last.scale.rating(mean)
        for mean in means
    ]
    return (
        _footer_row("Rata-rata capaian kinerja (%)", means, notes.mark(said)),
        _footer_row("Predikat kinerja", rating),
        *_narrative_rows(of, agency, quarters.quarter_of(of.publication.as_of)),
    )


def _footer_row(label: str, values: Sequence[Cell], mark: str = "") -> Row:
    cells: list[Cell] = [None] * WIDTH
    cells[0] = label
    cells[_k(13)], cells[_k(15)] = values
    return Row(tuple(cells), span=_k(13), marks={0: mark} if mark else {})


_NARRATIVE: tuple[tuple[str, Callable[[Narrative], str | None]], ...] = (
    (
        message("Factors that furthered the performance"),
        lambda told: told.driving_factors,
    ),
    (
        message("Factors that hindered the performance"),
        lambda told: told.hindering_factors,
    ),
    (
        message("Follow-up needed in the next quarter"),
        lambda told: told.follow_up,
    ),
    (
        message("Follow-up needed in the next Renja"),
        lambda told: told.next_plan,
    ),
)


def _narrative_rows(
    of: FrozenPublication, agency: AgencyData, quarter: int
) -> tuple[Row, ...]:
    """The narrative of the agency and of each indicator, a row for each question."""
    told = [("", agency.narrative(of.year, quarter))]
    told += [
        (f"{one.code}: ", agency.indicator(one.code).narrative(of.year, quarter))
        for one in of.figures
    ]
    rows = []
    for label, part in _NARRATIVE:
        texts = [
            f"{code}{text}"
            for code, one in told
            if one is not None and (text := part(one))
        ]
        rest: list[Cell] = [None] * (WIDTH - 1)
        rows.append(Row((": ".join([say(label), "\n".join(texts)]), *rest), span=WIDTH))
    return tuple(rows)
