"""The check of a figure by its number, for everybody who holds a printed report.

Without an account only published numbers are checked: other ones would show how a count
moved from day to day. A recount reads the whole history of the subjects, so results are
cached, and only one recount runs at a time.
"""

import asyncio
import time
from collections import OrderedDict
from datetime import date
from typing import Literal

from msgspec import Struct

from iku.domain import coordinates, small_cells
from iku.domain.access import Action
from iku.domain.coordinates import MalformedNumber
from iku.domain.figure import Figure, Part
from iku.domain.indicator import ConflictOptions, Definition
from iku.domain.publication import FrozenValue, Publication, PublicationState
from iku.domain.question import InvalidQuestion, Question, UnknownReference, from_number
from iku.ledger.appender import Overloaded
from iku.messages import message
from iku.queries import figure_verification, publications
from iku.queries.figure_verification import VerifiedFigure
from iku.queries.figures import Figures
from iku.queries.view import View

KEPT_S = 600.0  # a recount that is older is repeated
MOST_KEPT = 500
MOST_WAITING = 20


class PublicPart(Struct, frozen=True):
    """A part of a figure's denominator; None if the count is too small to be shown."""

    key: str
    denominator: int | None


class CheckedFigure(Struct, frozen=True):
    """A figure as printed, as recounted from the log, and as it is now.

    Attributes:
        verdict: ``same`` if the recount gives the printed values, else ``differs``.
        definition: The definition of the figure.
        printed: The values in the publication; None for a number that was not
            published.
        publication: The first publication that printed the number; None without one.
        later_edition: Identifier of the last published edition, if that is another one.
        recounted: The figure of the number, and its recount from the log.
        now: The figure of the same period and day by present knowledge.
        parts: The denominator by dimension or kind of organisation.
    """

    verdict: Literal["same", "differs"]
    definition: Definition
    printed: FrozenValue | None
    publication: Publication | None
    later_edition: str | None
    recounted: VerifiedFigure
    now: Figure
    parts: tuple[PublicPart, ...]

    @property
    def counts_cases(self) -> bool:
        """Whether the indicator counts cases, and not organisations."""
        return isinstance(self.definition.defined.options, ConflictOptions)


class Recounts:
    """Recounts of figures, cached for a while, one at a time."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[float, VerifiedFigure]] = OrderedDict()
        self._turn = asyncio.Lock()
        self._waiting = 0

    async def of(
        self, view: View, figures: Figures, number: str, today: date
    ) -> VerifiedFigure:
        """The figure with *number* and its recount, which is at most ten minutes old.

        Raises:
            Overloaded: Too many recounts wait already.
            InvalidQuestion: No figure has this number.
            UnknownReference: The indicator does not exist.
        """
        if (found := self._recent(number)) is not None:
            return found
        if self._waiting >= MOST_WAITING:
            raise Overloaded
        self._waiting += 1
        try:
            async with self._turn:
                # Another task may have recounted it while this one waited.
                if (found := self._recent(number)) is not None:
                    return found
                made = await figure_verification.verify(
                    view.reader, figures, number, today
                )
                self._keep(number, made)
                return made
        finally:
            self._waiting -= 1

    def _recent(self, number: str) -> VerifiedFigure | None:
        made_at, found = self._kept.get(number, (0.0, None))
        fresh = found is not None and time.monotonic() - made_at < KEPT_S
        return found if fresh else None

    def _keep(self, number: str, made: VerifiedFigure) -> None:
        self._kept[number] = time.monotonic(), made
        self._kept.move_to_end(number)
        while len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)


def normalised(number: str) -> str:
    """The figure number in the form in which it is printed.

    Raises:
        InvalidQuestion: The text is not a figure number; the message names the error.
    """
    try:
        return coordinates.parse(number).number
    except MalformedNumber as error:
        raise InvalidQuestion("nomor", *error.args) from error


async def check(
    view: View, figures: Figures, recounts: Recounts, number: str, today: date
) -> CheckedFigure:
    """Check the figure with a number: as printed, as recounted, and as it is now.

    Raises:
        InvalidQuestion: *number* is not a figure number, or its coordinates do not
            exist.
        UnknownReference: No publication has the number, and the viewer may check only
            published figures.
    """
    wanted = normalised(number)
    everything = await publications.all_publications(view.reader)
    published = [
        one.publication
        for one in everything
        if one.publication.state is PublicationState.PUBLISHED
    ]
    of, printed = _printed(published, wanted)
    if of is None and not view.viewer.may(Action.READ_FIGURES):
        raise UnknownReference(
            message(
                "figure {number} was not published; without an account only published "
                "figures can be checked",
                number=wanted,
            )
        )
    found = await recounts.of(view, figures, wanted, today)
    asked = from_number(wanted)
    now, parts = await _now_and_parts(view, figures, asked, today)
    definition = figures.definitions(asked.indicator)[found.definition - 1]
    return CheckedFigure(
        verdict=_verdict(found, printed),
        definition=definition,
        printed=printed,
        publication=of,
        later_edition=_later_edition(published, of),
        recounted=found,
        now=now,
        parts=_public_parts(parts),
    )


def _printed(
    published: list[Publication], number: str
) -> tuple[Publication | None, FrozenValue | None]:
    for one in published:
        for value in one.figures:
            if value.number == number:
                return one, value
    return None, None


def _later_edition(published: list[Publication], of: Publication | None) -> str | None:
    if of is None:
        return None
    editions = [
        one
        for one in published
        if (one.period, one.as_of) == (of.period, of.as_of) and one.edition > of.edition
    ]
    return max(editions, key=lambda one: one.edition).id if editions else None


def _verdict(
    found: VerifiedFigure, printed: FrozenValue | None
) -> Literal["same", "differs"]:
    recounted = found.recounted
    if found.verdict == "differs" or printed is None:
        return found.verdict
    same = (
        printed.numerator == recounted.numerator
        and printed.denominator == recounted.denominator
        and printed.percentage == recounted.percentage
        and printed.expired == recounted.expired
    )
    return "same" if same else "differs"


async def _now_and_parts(
    view: View, figures: Figures, asked: Question, today: date
) -> tuple[Figure, tuple[Part, ...]]:
    """The figure by present knowledge, and the parts of the printed one."""
    now = Question(asked.indicator, asked.as_of, period=asked.period)
    broken_down = Question(
        asked.indicator,
        asked.as_of,
        known_on=asked.known_on,
        size=asked.size,
        period=asked.period,
        definition=asked.definition,
        breakdown="part",
    )
    present, whole = await figures.answer(view.reader, [now, broken_down], today)
    return present, whole.parts or ()


def _public_parts(parts: tuple[Part, ...]) -> tuple[PublicPart, ...]:
    shown = small_cells.suppress_small_counts([one.denominator for one in parts])
    return tuple(
        PublicPart(one.key, count) for one, count in zip(parts, shown, strict=True)
    )
