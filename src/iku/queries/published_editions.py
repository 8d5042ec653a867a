"""A cache of all publications, and the values with which figures were published.

The publications are folded again only after a step of one was recorded, so a page costs
one look-up of the last step.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from iku.domain.figure import Figure
from iku.domain.period import Period
from iku.domain.publication import FrozenValue, Publication, PublicationState
from iku.ledger.log import Reader
from iku.queries import publications
from iku.queries.publications import PublicationRecord


class LastStep(NamedTuple):
    """The last step of any publication, which identifies the state of all of them.

    Attributes:
        recorded_at: Its time; it distinguishes a log that was restored from a backup
            and has grown to the same position again.
    """

    position: int
    recorded_at: datetime


class PublicationCache:
    """All publications, read again after a step of one was recorded."""

    def __init__(self) -> None:
        self._last: LastStep | None = None
        self._records: Sequence[PublicationRecord] = ()

    async def records(self, reader: Reader) -> Sequence[PublicationRecord]:
        """All publications, by year, kind of period, day and edition."""
        row = await reader.fetchrow(
            """
            select position, recorded_at
              from ledger.event
             where split_part(stream, '-', 1) = 'publication'
             order by position desc
             limit 1
            """
        )
        last = None if row is None else LastStep(*row)
        if last != self._last:
            self._records = await publications.all_publications(reader)
            self._last = last
        return self._records


class PrintedFigure(NamedTuple):
    """A figure as the last edition of its day printed it."""

    edition: Publication
    frozen: FrozenValue

    def differs_from(self, figure: Figure) -> bool:
        """Whether *figure* is no longer what was printed."""
        frozen = self.frozen
        names = ("numerator", "denominator", "percentage", "target", "achievement")
        return any(getattr(frozen, name) != getattr(figure, name) for name in names)


def newest_publications(
    records: Sequence[PublicationRecord], most: int
) -> list[Publication]:
    """The latest *most* published publications, the newest first."""
    found = [
        (one.steps[-1].position, one.publication)
        for one in records
        if one.publication.state is PublicationState.PUBLISHED
    ]
    found.sort(key=lambda one: one[0], reverse=True)
    return [of for _, of in found[:most]]


def last_printed_figure(
    records: Sequence[PublicationRecord], figure: Figure
) -> PrintedFigure | None:
    """The printed figure in the last edition of the period and day of *figure*.

    Editions that were published later than the coordinates of *figure* are ignored.
    None if there is no edition.
    """
    last = None
    for one in records:  # editions are in order
        of = one.publication
        step = one.steps[-1]
        if (
            of.state is PublicationState.PUBLISHED
            and (of.period, of.as_of) == (figure.period, figure.as_of)
            and step.position <= figure.size
            and step.known_on <= figure.known_on
        ):
            for frozen in of.figures:
                if frozen.indicator == figure.indicator:
                    last = PrintedFigure(of, frozen)
    return last


def publication_of_period(
    records: Sequence[PublicationRecord], period: Period
) -> Publication | None:
    """The publication of *period* whose last step is the latest; None if there is none.

    Withdrawn publications are ignored.
    """
    found = [
        (one.steps[-1].position, one.publication)
        for one in records
        if one.publication.period == period
        if one.publication.state is not PublicationState.WITHDRAWN
    ]
    return max(found, key=lambda one: one[0])[1] if found else None
