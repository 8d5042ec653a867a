"""Publications as they stand, folded anew from their few streams whenever asked for.

There is a stream a year, so nothing is kept beside the log. The figures that a closing
freezes are counted here, from one snapshot.
"""

from collections.abc import Sequence
from datetime import date

from msgspec import Struct

from iku.domain import fact, publication
from iku.domain.figure import Made
from iku.domain.period import Kind
from iku.domain.publication import (
    Asked,
    Closing,
    Frost,
    Frozen,
    Publication,
    State,
    Taken,
    Year,
)
from iku.domain.question import Question, Unknown
from iku.domain.scale import Scale
from iku.ledger import log
from iku.ledger.log import Connection
from iku.ledger.record import Recorded
from iku.projections.figures import Figures


class Printed(Struct, frozen=True):
    """A publication, and the records that tell of it.

    Attributes:
        steps: The record of each of its steps, in order.
        editions: All of the same period and day, itself included, the first first.
        version: Of the stream that all publications of its year share.
    """

    publication: Publication
    steps: tuple[Recorded, ...]
    editions: tuple[Publication, ...]
    version: int


class First(Struct, frozen=True):
    """What was first published as the figure of a day."""

    publication: str
    published_on: date
    figure: Frozen


async def printed(connection: Connection) -> list[Printed]:
    """All publications, by year, kind of period, day and edition."""
    streams = await connection.fetch(
        """
        select stream
          from ledger.stream
         where stream like 'publication-%'
         order by stream
        """
    )
    found = await log.read_streams(connection, [row["stream"] for row in streams])
    return [one for recorded in found.values() for one in _of_year(recorded)]


async def find(connection: Connection, identifier: str) -> Printed:
    """The publication of that identifier.

    Raises:
        Unknown: There is none.
    """
    subject = publication.subject(identifier)
    stream = publication.decider.stream(subject)
    of_year = _of_year(await log.read_stream(connection, stream))
    for one in of_year:
        if one.publication.id == identifier:
            return one
    raise Unknown(f"there is no publication {identifier}")


def _of_year(recorded: Sequence[Recorded]) -> list[Printed]:
    decider = publication.decider
    facts = [fact.of(one, decider.event_type) for one in recorded]
    year: Year | None = decider.fold(facts)
    told = sorted(year.publications.values(), key=_order) if year else []
    return [
        Printed(
            one,
            tuple(
                step
                for step, event in zip(recorded, facts, strict=True)
                if event.publication == one.id
            ),
            tuple(other for other in told if _period(other) == _period(one)),
            len(recorded),
        )
        for one in told
    ]


def _period(of: Publication) -> tuple[Kind, date]:
    return of.period.kind, of.as_of


def _order(of: Publication) -> tuple[int, date, int]:
    return list(Kind).index(of.period.kind), of.as_of, of.edition


async def taken(
    connection: Connection,
    figures: Figures,
    identifier: str,
    asked: Asked,
    today: date,
) -> Taken:
    """The step that is *asked* for; where it is a closing, with the figures it freezes.

    Raises:
        Unknown: There is no such publication.
        Invalid: The day of knowledge does not lie between the day printed and today.
    """
    of = (await find(connection, identifier)).publication
    if not isinstance(asked, Closing):
        return Taken(identifier, asked)
    if asked.known_on is not None:
        publication.refuse_unknown_yet(asked.known_on, of, today)
    return Taken(
        identifier, asked, await _freeze(connection, figures, of, asked.known_on, today)
    )


async def _freeze(
    connection: Connection,
    figures: Figures,
    of: Publication,
    known_on: date | None,
    today: date,
) -> Frost:
    codes = sorted(await figures.indicators(connection))
    made = await figures.make(
        connection,
        [
            Question(code, of.as_of, known_on=known_on, period=of.period.kind)
            for code in codes
        ],
        today,
    )
    rated_by = await figures.scale(connection)
    first = made[0].figure
    return Frost(
        first.known_on, first.size, tuple(_frozen(one, rated_by) for one in made)
    )


def _frozen(made: Made, rated_by: Scale | None) -> Frozen:
    shown = made.figure
    scales = rated_by.history if rated_by else ()
    return Frozen(
        indicator=shown.indicator,
        definition=shown.definition,
        scale=scales.index(made.made_with.scale) + 1,
        numerator=shown.numerator,
        denominator=shown.denominator,
        expired=shown.expired,
        percentage=shown.percentage,
        target=shown.target,
        achievement=shown.achievement,
        rating=shown.rating,
        number=shown.number,
    )


async def first_published(
    connection: Connection, code: str, kind: Kind
) -> dict[date, First]:
    """The figures of that indicator as they were first published, by their day."""
    found: dict[date, First] = {}
    for one in await printed(connection):
        of = one.publication
        # Editions come in order, and none is drafted before the last was published.
        if of.period.kind is not kind or of.state is not State.PUBLISHED:
            continue
        for frozen in of.figures:
            if frozen.indicator == code and of.as_of not in found:
                found[of.as_of] = First(of.id, of.last.effective_on, frozen)
    return found
