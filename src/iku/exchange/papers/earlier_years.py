"""The actuals of years before a publication, and where each comes from."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from iku.domain.figure import Figure
from iku.domain.period import Kind
from iku.domain.question import Question
from iku.exchange.papers.document import FORMATS
from iku.exchange.papers.frozen_figures import DefinedFigure, FrozenPublication
from iku.exchange.papers.sources import Sources
from iku.exchange.papers.words import say
from iku.messages import message
from iku.queries import publications, published_editions
from iku.queries.agency_data import AgencyData
from iku.queries.published_editions import PrintedFigure


class EarlierYear(NamedTuple):
    """The actual of an indicator in an earlier year.

    Attributes:
        actual: In per cent; None if it is unknown.
        note: Where it comes from; None if it is unknown.
    """

    actual: Decimal | None
    note: str | None


async def read(
    sources: Sources,
    of: FrozenPublication,
    agency: AgencyData,
    one: DefinedFigure,
    years: Sequence[int],
) -> list[EarlierYear]:
    """The actuals of *years*, with the knowledge that the publication froze.

    Each is as published, else as the agency gave it, else as counted from the register.
    """
    questions = [
        Question(
            one.code,
            date(year, 12, 31),
            known_on=of.closing.known_on,
            size=of.closing.size,
            period=Kind.YEAR,
        )
        for year in years
    ]
    reader = sources.view.reader
    counted = await sources.figures.answer(reader, questions, sources.today)
    records = await publications.all_publications(reader)
    return [
        _earlier_year(
            figure, one, published_editions.last_printed_figure(records, figure), agency
        )
        for figure in counted
    ]


def _earlier_year(
    figure: Figure,
    one: DefinedFigure,
    edition: PrintedFigure | None,
    agency: AgencyData,
) -> EarlierYear:
    """The actual of a year.

    A count from the register is printed only if its numerator is not zero: without any
    resolution or participation the year may lie before the register, so it stays open.
    """
    year = figure.as_of.year
    if edition is not None:
        return _published_year(edition, one)
    if (given := agency.indicator(one.code).actuals.get(year)) is not None:
        return EarlierYear(given, f"Realisasi {one.code} tahun {year}: data instansi.")
    if not figure.numerator:
        return EarlierYear(None, None)
    return EarlierYear(figure.percentage, _counted_note(figure))


def _published_year(edition: PrintedFigure, one: DefinedFigure) -> EarlierYear:
    frozen, of = edition.frozen, edition.edition
    said = say(
        message(
            "Actual of {year} of {indicator}: as published, publication {publication}.",
            year=f"{of.as_of.year}",
            indicator=one.code,
            publication=of.id,
        )
    )
    if frozen.definition != one.value.definition:
        more = say(
            message(
                "It was counted by version {then} of the definition, so it cannot be "
                "compared with version {now}.",
                then=frozen.definition,
                now=one.value.definition,
            )
        )
        said = f"{said} {more}"
    return EarlierYear(frozen.percentage, said)


def _counted_note(figure: Figure) -> str:
    counts = FORMATS.fraction(figure.numerator, figure.denominator)
    return say(
        message(
            "Actual of {year} of {indicator}: counted from the register ({counts}), "
            "not published, figure {number}.",
            year=f"{figure.as_of.year}",
            indicator=figure.indicator,
            counts=counts,
            number=figure.number,
        )
    )
