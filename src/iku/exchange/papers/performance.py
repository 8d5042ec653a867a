"""LKjIP, measurement of performance (*pengukuran kinerja*), of a publication."""

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from iku.domain.indicator import CarryOver, ConflictOptions, EmptyRatio, Options
from iku.domain.period import Kind
from iku.domain.question import from_number
from iku.exchange.charts.drawing import standalone
from iku.exchange.charts.line import LinePoint, line
from iku.exchange.papers import agency_cells, earlier_years, exact, frozen_figures
from iku.exchange.papers.document import (
    FORMATS,
    UNDEFINED,
    Block,
    Cell,
    CellKind,
    Chart,
    Column,
    Document,
    Formula,
    Paragraph,
    Ratio,
    Row,
    Section,
    Table,
    day_in_words,
)
from iku.exchange.papers.earlier_years import EarlierYear
from iku.exchange.papers.frozen_figures import DefinedFigure, FrozenPublication
from iku.exchange.papers.notes import Notes
from iku.exchange.papers.sources import PaperRequest, Sources
from iku.exchange.papers.words import say
from iku.messages import message
from iku.queries import figure_detail, publications
from iku.queries.agency_data import AgencyData, OtherIndicator
from iku.queries.figure_detail import SeriesPoint
from iku.queries.publications import PublicationRecord

NAME = "lkjip"
ACHIEVEMENT, RATING, TO_END = 9, 10, 12  # columns of the table
EMPTY = {
    EmptyRatio.UNDEFINED: message("0/0 is undefined and printed “–”"),
    EmptyRatio.FULL: message("0/0 counts as 100%"),
    EmptyRatio.ZERO: message("0/0 counts as 0%"),
}
CARRIED = {
    CarryOver.INCLUDE: message("open cases of earlier periods are counted"),
    CarryOver.EXCLUDE: message("open cases of earlier periods do not count"),
}


class _Rows(NamedTuple):
    """The rows of the table, and the achievements that its mean is computed from.

    Attributes:
        omitted: The indicators without an achievement.
    """

    rows: list[Row]
    achievements: list[Fraction]
    omitted: list[str]


async def make(sources: Sources, request: PaperRequest) -> Document:
    """The paper of the publication in *request* (raises as `frozen_figures.read`)."""
    of = await frozen_figures.read(sources, request.publication)
    records = await publications.all_publications(sources.view.reader)
    agency = await agency_cells.read(sources, request, of.publication.as_of)
    notes = Notes()
    rows = _Rows([], [], [])
    for one in of.figures:
        earlier = await earlier_years.read(
            sources, of, agency, one, (of.year - 2, of.year - 1)
        )
        _add_figure(rows, notes, agency, one, earlier)
    for other in agency.others_of(of.year):
        _add_other(rows, notes, agency, other)
    table = Table(
        name="pengukuran kinerja",
        caption=f"Tabel 1. Pengukuran kinerja {_period(of)}",
        columns=_columns(of.year),
        rows=tuple(rows.rows),
        footer=(_mean_row(rows, notes),),
        notes=notes.texts,
    )
    charts = [await _chart(sources, records, one) for one in of.figures]
    return Document(
        name=NAME,
        title="Pengukuran Kinerja",
        subtitle=f"Laporan Kinerja Instansi Pemerintah (LKjIP) {_period(of)}",
        letterhead=agency_cells.letterhead(sources.profile, agency),
        coordinates=of.coordinates,
        sections=(
            Section(None, (table, _source(of))),
            Section("Perhitungan", tuple(_formulas(of))),
            Section("Perkembangan", tuple(charts)),
        ),
        signatures=agency_cells.signatures(agency, request),
        figures=of.numbers,
        draft=(*of.missing, *agency_cells.missing_signers(agency)),
        landscape=True,
    )


def _period(of: FrozenPublication) -> str:
    day = of.publication.as_of
    if day == of.publication.period.end:
        return FORMATS.period(of.publication.period)
    return f"{FORMATS.period(of.publication.period)} s.d. {day_in_words(day)}"


def _columns(year: int) -> tuple[Column, ...]:
    percent = CellKind.PERCENT
    return (
        Column("No", CellKind.COUNT, 8),
        Column("Sasaran Strategis", width=30, merged=True),
        Column("Indikator Kinerja Utama", width=46),
        Column("Satuan", width=14),
        Column("Kondisi awal", percent, 17),
        Column(f"Realisasi {year - 2}", percent, 20),
        Column(f"Realisasi {year - 1}", percent, 20),
        Column(f"Target {year}", percent, 17),
        Column(f"Realisasi {year}", percent, 18),
        Column("Capaian (%)", percent, 21),
        Column("Predikat", width=20),
        Column("Target akhir Renstra", percent, 18),
        Column(f"Capaian s.d. {year} terhadap akhir Renstra (%)", percent, 22),
    )


def _add_figure(
    rows: _Rows,
    notes: Notes,
    agency: AgencyData,
    one: DefinedFigure,
    earlier: Sequence[EarlierYear],
) -> None:
    value = one.value
    _count_achievement(rows, one.code, one.achievement)
    plan = agency.indicator(one.code)
    end_target = plan.end_target
    marks = {2: notes.mark(*_definition_notes(one))}
    for column, year in enumerate(earlier, start=5):
        if year.note:
            marks[column] = notes.mark(year.note)
    if one.achievement is not None:
        marks[ACHIEVEMENT] = notes.mark(_basis(one))
    cells: tuple[Cell, ...] = (
        len(rows.rows) + 1,
        one.defined.objective,
        f"{one.code} {one.defined.wording}",
        "%",
        plan.baseline.baseline if plan.baseline else None,
        earlier[0].actual,
        earlier[1].actual,
        value.target,
        UNDEFINED if value.percentage is None else value.percentage,
        value.achievement,
        value.rating,
        end_target,
        exact.rounded(exact.achievement(one.actual, end_target)),
    )
    rows.rows.append(Row(cells, marks=marks))


def _count_achievement(rows: _Rows, code: str, achievement: Fraction | None) -> None:
    if achievement is None:
        rows.omitted.append(code)
    else:
        rows.achievements.append(achievement)


def _add_other(
    rows: _Rows, notes: Notes, agency: AgencyData, other: OtherIndicator
) -> None:
    """Add an indicator that the agency measures outside the register."""
    achieved = other.achievement
    _count_achievement(rows, other.code, achieved)
    amount = agency_cells.amount
    cells: tuple[Cell, ...] = (
        len(rows.rows) + 1,
        other.objective,
        f"{other.code} {other.wording}",
        other.measure,
        amount(other, other.baseline),
        *(agency_cells.actual_of(agency, other, other.year - n) for n in (2, 1)),
        amount(other, other.target),
        amount(other, other.actual),
        exact.rounded(achieved),
        None,
        amount(other, other.end_target),
        exact.rounded(other.plan_achievement),
    )
    marks = {2: notes.mark(agency_cells.source_note(other))}
    rows.rows.append(Row(cells, marks=marks))


def _mean_row(rows: _Rows, notes: Notes) -> Row:
    """The mean of the exact achievements, rounded once."""
    said = say(
        message(
            "Mean of {number} unrounded achievements; only the mean is rounded.",
            number=len(rows.achievements),
        )
    )
    if rows.omitted:
        more = say(
            message(
                "Left out, because they have no achievement: {indicators}.",
                indicators=rows.omitted,
            )
        )
        said = f"{said} {more}"
    mean = exact.rounded(exact.mean(rows.achievements))
    cells: list[Cell] = [None] * (TO_END + 1)
    cells[0], cells[ACHIEVEMENT] = "Rata-rata capaian", mean
    return Row(tuple(cells), span=ACHIEVEMENT, marks={0: notes.mark(said)})


def _definition_notes(one: DefinedFigure) -> list[str]:
    """What the definition of a figure says about how it was counted."""
    value, options = one.value, one.defined.options
    said = [f"{one.code}: definisi versi {value.definition}, {_policy(options)}."]
    if value.expired is not None:
        said.append(
            say(
                message(
                    "{indicator}: the denominator includes {expired} organisations "
                    "whose SKT has expired.",
                    indicator=one.code,
                    expired=FORMATS.number(value.expired),
                )
            )
        )
    return said


def _policy(options: Options) -> str:
    empty = say(EMPTY[options.empty])
    if isinstance(options, ConflictOptions):
        return f"{say(CARRIED[options.carry_over])}, {empty}"
    return empty


def _basis(one: DefinedFigure) -> str:
    value = one.value
    if not value.denominator:
        return say(
            message(
                "{indicator}: achievement of the actual of 0/0 by the policy of the "
                "definition, divided by the target {target}.",
                indicator=one.code,
                target=FORMATS.percent(value.target),
            )
        )
    counts = FORMATS.fraction(value.numerator, value.denominator)
    return say(
        message(
            "{indicator}: achievement of the exact fraction {counts} divided by the "
            "target {target}, rounded once.",
            indicator=one.code,
            counts=counts,
            target=FORMATS.percent(value.target),
        )
    )


def _source(of: FrozenPublication) -> Paragraph:
    edition = of.publication
    said = f"Sumber: register iku, publikasi {edition.id}, edisi {edition.edition}"
    if edition.restates:
        said += f" (menyajikan kembali {edition.restates})"
    told = [f"{said}; figur {', '.join(of.numbers)}."]
    if edition.period.kind is not Kind.YEAR:
        alone = message(
            "The figures are those of {period} alone, not of the year up to its end.",
            period=FORMATS.period(edition.period),
        )
        told.append(say(alone))
    told.append(frozen_figures.separation_of_duties(edition))
    return Paragraph(" ".join(told))


def _formulas(of: FrozenPublication) -> list[Block]:
    """The calculation of each figure: ``(7 / 9) × 100% = 77,78%``."""
    return [
        Formula(
            f"{one.code} {one.defined.wording}",
            calculation(one),
            Ratio(one.value.numerator, one.value.denominator, one.value.percentage),
        )
        for one in of.figures
    ]


def calculation(one: DefinedFigure) -> str:
    """The calculation of a figure on a line."""
    value = one.value
    shown = say(message("undefined"))
    if value.percentage is not None:
        shown = FORMATS.percent(value.percentage)
    numerator, denominator = map(FORMATS.number, (value.numerator, value.denominator))
    if not value.denominator:
        return f"{numerator} / {denominator} = {shown} (kebijakan definisi)"
    return f"({numerator} / {denominator}) × 100% = {shown}"


async def _chart(
    sources: Sources, records: Sequence[PublicationRecord], one: DefinedFigure
) -> Chart:
    """The figure over the quarters of two years, as known at its coordinates."""
    points = await figure_detail.series_points(
        sources.view.reader,
        sources.figures,
        records,
        from_number(one.value.number),
        sources.today,
    )
    last = points[-1].figure
    caption = f"{one.code} s.d. {day_in_words(last.as_of)}"
    first = points[0].figure
    said = say(
        message(
            "{caption}: from {first} as of {first_day} to {last} as of {last_day}.",
            caption=caption,
            first=FORMATS.percent(first.percentage),
            first_day=day_in_words(first.as_of),
            last=FORMATS.percent(last.percentage),
            last_day=day_in_words(last.as_of),
        )
    )
    drawn = line(f"chart-{one.code}", caption, said, [_point(at) for at in points])
    return Chart(_printed(drawn), caption, said)


def _printed(drawn: str) -> str:
    """The chart for a paper: its text is stroked, for want of a regular weight."""
    bold = "<style>text{stroke:#16202b;stroke-width:.4}"
    return standalone(drawn).replace("<style>", bold, 1)


def _point(at: SeriesPoint) -> LinePoint:
    figure = at.figure
    return LinePoint(
        label=FORMATS.day(figure.as_of),
        counts=FORMATS.fraction(figure.numerator, figure.denominator),
        now=figure.percentage,
        published=at.first.figure.percentage if at.first else None,
        target=figure.target,
        broken=at.broken is not None,
    )
