"""Series of figures by step, with breaks where they cannot be compared.

Each point is given as known now and as known on its own day; the difference is late
knowledge. The series breaks where another version of the definition begins.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from itertools import pairwise
from typing import Annotated

from msgspec import Meta, Struct, field, structs

from iku.domain import indicator, period
from iku.domain.figure import Figure
from iku.domain.period import Kind
from iku.domain.question import InvalidQuestion, Question, refuse_future
from iku.ledger.log import Reader
from iku.messages import message
from iku.queries import publications
from iku.queries.figure_parameters import Code, Definition, KnownOn, PeriodKind, Size
from iku.queries.figures import Figures
from iku.queries.publications import FirstPublished

MOST_POINTS = 1_200  # a hundred years by month


class SeriesRange(Struct, frozen=True):
    """The range of days of a series; None as *last* means until today."""

    first: date
    last: date | None = None
    step: Kind = Kind.MONTH


class SeriesQuestion(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The requested series."""

    code: Code
    first: Annotated[
        date,
        Meta(
            description="The first point is the end of the interval that "
            "contains this day."
        ),
    ] = field(name="from")
    last: Annotated[
        date | None,
        Meta(description="Day of the last point; today if omitted."),
    ] = field(name="to", default=None)
    step: Annotated[Kind, Meta(description="Interval between two points.")] = Kind.MONTH
    known_on: KnownOn = None
    size: Size = None
    period: PeriodKind = Kind.YEAR
    definition: Definition = None

    @property
    def range_of_days(self) -> SeriesRange:
        """The first and last day of the series, and its step."""
        return SeriesRange(self.first, self.last, self.step)

    def question_for(self, today: date) -> Question:
        """The question that the points share, as of *today*.

        Each point has it with its own day in the place of *today*.

        Raises:
            InvalidQuestion: The knowledge cut-off is after *today*.
        """
        refuse_future(None, today, self.known_on)
        return Question(
            self.code,
            today,
            known_on=self.known_on,
            size=self.size,
            period=self.period,
            definition=self.definition,
        )


class Break(Struct, frozen=True):
    """A point from which another version of the definition counts.

    Attributes:
        as_of: The first point counted by the other version.
        before: Version of the previous point.
        after: Version from this point on.
        basis: Legal basis of the new version.
    """

    as_of: date
    before: int = field(name="from")
    after: int = field(name="to")
    basis: str


class Series(Struct, frozen=True):
    """Figures of one indicator at each step's end, all from one snapshot of the log.

    Attributes:
        figures: The figures as known now, or by the requested knowledge cut-off.
        then: The figures at these points, each as known on its own day.
        published: The figures at these points as first published; null if unpublished.
        breaks: Where another version of the definition begins.
    """

    figures: tuple[Figure, ...]
    then: tuple[Figure, ...]
    published: tuple[FirstPublished | None, ...]
    breaks: tuple[Break, ...]


async def series(
    reader: Reader, figures: Figures, asked: Question, span: SeriesRange, today: date
) -> Series:
    """The figures of question *asked* at each point of *span*, in one statement.

    The question's own day is ignored.

    Raises:
        UnknownReference: The indicator does not exist.
        InvalidQuestion: A requested day, size or version does not exist.
    """
    days = step_days(span.first, span.last or today, span.step, today)
    now = [structs.replace(asked, as_of=day) for day in days]
    answers = await figures.answer(reader, [*now, *map(_as_known_then, now)], today)
    found, then = answers[: len(days)], answers[len(days) :]
    return Series(
        tuple(found),
        tuple(then),
        tuple(await first_publications(reader, found)),
        tuple(series_breaks(found, figures.definitions(asked.indicator))),
    )


def _as_known_then(question: Question) -> Question:
    """The question as known on its own day, limited to the requested knowledge."""
    known = min(question.as_of, question.known_on or question.as_of)
    return structs.replace(question, known_on=known)


async def first_publications(
    reader: Reader, figures: Sequence[Figure]
) -> list[FirstPublished | None]:
    """For each of *figures*, the first publication of its period and day.

    None if there is none in a log of its size.
    """
    kind, code = figures[0].period.kind, figures[0].indicator
    return known_at(figures, await publications.first_published(reader, code, kind))


def known_at(
    figures: Sequence[Figure], firsts: Mapping[date, FirstPublished]
) -> list[FirstPublished | None]:
    """For each of *figures*, the entry of *firsts* of its day that its log contains."""
    found = [firsts.get(figure.as_of) for figure in figures]
    size = figures[0].size
    return [one if one and one.position <= size else None for one in found]


def series_breaks(
    figures: Sequence[Figure], definitions: Sequence[indicator.Definition]
) -> Iterator[Break]:
    """The points, in the order of *figures*, at which another version begins."""
    for before, after in pairwise(figures):
        if before.definition != after.definition:
            defined = definitions[after.definition - 1].defined
            yield Break(after.as_of, before.definition, after.definition, defined.basis)


def step_days(first: date, last: date, step: Kind, today: date) -> list[date]:
    """The last day of each step from *first* on, and *last*.

    Raises:
        InvalidQuestion: The days are in the wrong order, too many, or in the future.
    """
    if last > today:
        raise InvalidQuestion(
            "to",
            message(
                "{field} is {day}, but must not be after today, {today}",
                day=last,
                today=today,
                field="to",
            ),
        )
    if first > last:
        raise InvalidQuestion(
            "from",
            message(
                "{end} is {last}, but must not be before {begin}, {first}",
                first=first,
                last=last,
                end="to",
                begin="from",
            ),
        )
    days: list[date] = []
    day = first
    while day <= last:
        days.append(min(period.containing(day, step).end, last))
        if len(days) > MOST_POINTS:
            raise InvalidQuestion(
                "step",
                message("the series has more than {most} points", most=MOST_POINTS),
            )
        day = days[-1] + timedelta(days=1)
    return days
