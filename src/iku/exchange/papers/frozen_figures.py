"""The frozen figures of a publication, with all that papers print beside them."""

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from iku.domain.access import Action
from iku.domain.indicator import Defined
from iku.domain.publication import (
    Closed,
    FrozenValue,
    Publication,
    PublicationState,
    Published,
    Reviewed,
)
from iku.domain.question import UnknownReference
from iku.exchange.papers import exact, missing
from iku.exchange.papers.missing import Missing
from iku.exchange.papers.sources import Sources, coordinates_in_words
from iku.exchange.papers.words import say
from iku.messages import Term, message
from iku.queries import publications

_STEPS = {
    PublicationState.CLOSED: (missing.REVIEW,),
    PublicationState.REVIEWED: (missing.RELEASE,),
}


class DefinedFigure(NamedTuple):
    """A frozen figure and the version of the definition that it was counted by."""

    value: FrozenValue
    defined: Defined

    @property
    def code(self) -> str:
        """Code of the indicator."""
        return self.value.indicator

    @property
    def actual(self) -> Fraction | None:
        """The figure in per cent, exactly; None if it is undefined."""
        return exact.actual(self.value)

    @property
    def achievement(self) -> Fraction | None:
        """The achievement in per cent, exactly; None if there is none."""
        return exact.achievement(self.actual, self.value.target)


class FrozenPublication(NamedTuple):
    """A publication whose figures are frozen."""

    publication: Publication
    closing: Closed
    figures: Sequence[DefinedFigure]

    @property
    def year(self) -> int:
        """The year of its as-of day."""
        return self.publication.as_of.year

    @property
    def coordinates(self) -> str:
        """The coordinates of its figures, in words."""
        closing = self.closing
        day = self.publication.as_of
        return coordinates_in_words(day, closing.known_on, closing.size)

    @property
    def numbers(self) -> tuple[str, ...]:
        """The numbers of its figures."""
        return tuple(one.value.number for one in self.figures)

    @property
    def missing(self) -> tuple[Missing, ...]:
        """What is missing before its papers are issued."""
        return missing_steps(self.publication.state)


def missing_steps(state: PublicationState) -> tuple[Missing, ...]:
    """What a publication in this state lacks before its papers are issued."""
    return _STEPS.get(state, ())


async def read(sources: Sources, identifier: str | None) -> FrozenPublication:
    """The publication *identifier* with its frozen figures.

    Raises:
        UnknownReference: The publication does not exist, or its figures are not frozen.
        Unauthenticated: The viewer may not read figures.
    """
    view, figures = sources.view, sources.figures
    view.viewer.require(Action.READ_FIGURES)
    found = await publications.find(view.reader, identifier or "")
    of = found.publication
    if of.closing is None:
        raise UnknownReference(
            message(
                "publication {publication} is {state}, so its figures are not frozen "
                "yet",
                publication=of.id,
                state=Term("state", of.state),
            )
        )
    known = await figures.indicators(view.reader)
    frozen = tuple(
        DefinedFigure(one, known[one.indicator].definitions[one.definition - 1].defined)
        for one in of.closing.figures
    )
    return FrozenPublication(of, of.closing, frozen)


def separation_of_duties(of: Publication) -> str:
    """Whether closing, review and release were done by different accounts."""
    actors = [
        step.by
        for step in of.steps
        if isinstance(step, Closed | Reviewed | Published)
        if step is of.closing or not isinstance(step, Closed)
    ][-3:]
    if None in actors or len(actors) < 3:
        return say(
            message(
                "Closing, review and release are not complete, or were recorded "
                "without accounts."
            )
        )
    if len({*actors}) < len(actors):
        return say(
            message("Closing, review and release were not recorded by three accounts.")
        )
    return say(
        message(
            "Closing, review and release were recorded by three different accounts."
        )
    )
