"""The year up to the end of each quarter, as papers print it.

A quarter's value is that of the year up to its last day, never of the quarter alone,
which would drop what was closed before it.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from fractions import Fraction
from typing import NamedTuple

from msgspec import structs

from iku.domain.figure import ComputedFigure
from iku.domain.period import Kind
from iku.domain.question import Question
from iku.domain.scale import Scaled
from iku.exchange.formats import ROMAN
from iku.exchange.papers import exact
from iku.exchange.papers.document import FORMATS, Ratio, day_in_words
from iku.exchange.papers.frozen_figures import DefinedFigure, FrozenPublication
from iku.exchange.papers.sources import Sources
from iku.exchange.papers.words import say
from iku.messages import message
from iku.queries import publications, published_editions

QUARTER_ENDS = ((3, 31), (6, 30), (9, 30), (12, 31))


class YearByQuarter(NamedTuple):
    """An indicator in the quarters of a year up to a publication's day.

    Attributes:
        figures: Of each quarter that has begun, up to its last day or the day of the
            publication.
        notes: What differs from values that were published for these days.
    """

    figures: Sequence[ComputedFigure]
    notes: Sequence[str]

    @property
    def quarter(self) -> int:
        """The last quarter, from 1 to 4."""
        return len(self.figures)

    @property
    def last(self) -> ComputedFigure:
        """The figure of the last quarter."""
        return self.figures[-1]

    @property
    def actual(self) -> Fraction | None:
        """The last actual in per cent, exactly; None if it is undefined."""
        return exact.actual(self.last.figure)

    @property
    def scale(self) -> Scaled:
        """The rating scale in force."""
        return self.last.made_with.scale

    def ratio(self, quarter: int) -> Ratio | None:
        """The figure up to the end of a quarter, from 1; None if it has not begun."""
        if quarter > self.quarter:
            return None
        of = self.figures[quarter - 1].figure
        return Ratio(of.numerator, of.denominator, of.percentage)


async def read(sources: Sources, of: FrozenPublication) -> Mapping[str, YearByQuarter]:
    """The year by quarter of each indicator, with the knowledge of the publication."""
    days = days_of(of.publication.as_of)
    questions = [
        structs.replace(_question(of, one), as_of=day)
        for one in of.figures
        for day in days
    ]
    reader = sources.view.reader
    computed = await sources.figures.compute(reader, questions, sources.today)
    records = await publications.all_publications(reader)
    found: dict[str, YearByQuarter] = {}
    for place, one in enumerate(of.figures):
        figures = computed[place * len(days) : (place + 1) * len(days)]
        notes = [
            note
            for made in figures[:-1]
            if (note := _difference(records, made)) is not None
        ]
        found[one.code] = YearByQuarter(figures, notes)
    return found


def days_of(as_of: date) -> list[date]:
    """The ends of the quarters of the year up to *as_of*, which is the last one."""
    ends = [date(as_of.year, month, day) for month, day in QUARTER_ENDS]
    return [*(end for end in ends if end < as_of), as_of]


def _question(of: FrozenPublication, one: DefinedFigure) -> Question:
    return Question(
        one.code,
        of.publication.as_of,
        known_on=of.closing.known_on,
        size=of.closing.size,
        period=Kind.YEAR,
        definition=one.value.definition,
    )


def _difference(
    records: Sequence[publications.PublicationRecord], made: ComputedFigure
) -> str | None:
    """How the value that was published for the day of a figure differs from it."""
    figure = made.figure
    edition = published_editions.last_printed_figure(records, figure)
    if edition is None or not edition.differs_from(figure):
        return None
    frozen = edition.frozen
    counts = FORMATS.fraction(frozen.numerator, frozen.denominator)
    return say(
        message(
            "{indicator} as of {day}: published as {counts} = {percentage} "
            "(publication {publication}), changed by what became known since.",
            indicator=figure.indicator,
            day=day_in_words(figure.as_of),
            counts=counts,
            percentage=FORMATS.percent(frozen.percentage),
            publication=edition.edition.id,
        )
    )


def quarter_of(day: date) -> int:
    """The quarter of a day, from 1 to 4."""
    return (day.month + 2) // 3


def label(quarter: int) -> str:
    """The quarter, from 1 to 4: ``TW III``."""
    return f"TW {ROMAN[quarter - 1]}"
