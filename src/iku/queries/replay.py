"""A figure counted again from the log alone.

What an auditor runs, and what every faster path is tested against. It reads no
projection: with `domain` and `ledger`, this file is all that has to be read to trust
a figure.
"""

from collections.abc import AsyncIterator
from datetime import date
from typing import Any

from msgspec import structs

from iku.domain import fact, figure, indicator, kinds, scale
from iku.domain.decider import Decider
from iku.domain.figure import Counts, Figure
from iku.domain.question import (
    SCALE,
    Known,
    Question,
    Unknown,
    basis,
    coordinates,
    refuse_future,
)
from iku.ledger import log
from iku.ledger.log import Reader


async def recount(connection: Reader, question: Question, today: date) -> Figure:
    """The figure that *question* asks for, from the first event on.

    Raises:
        Unknown: There is no such indicator.
        Unanswerable: A day, size or version asked for does not exist (yet).
    """
    refuse_future(question.as_of, today)
    head = await log.head(connection)
    if question.size is None:
        # The log may grow meanwhile.
        question = structs.replace(question, size=head.size)
    by = await made_with(connection, question)
    known = max(today, head.known_on or today)
    at = coordinates(question, by.definition.version, head.size, known)
    options = by.definition.defined.options
    start, by_district = question.start, question.breakdown == "district"
    parts: dict[str, Counts] = {}
    async for subject in subjects(connection, options, question, at.size):
        member = kinds.membership(subject, options, start, question.as_of)
        if member.counts.denominator:
            key = member.district if by_district else member.part
            parts[key] = parts.get(key, Counts()) + member.counts
    total = sum(parts.values(), Counts())
    return figure.figure(at, total, by, parts if question.breakdown else None)


async def made_with(connection: Reader, question: Question) -> figure.Basis:
    """The formula, target and scale that the figure asked for is made with.

    Raises:
        Unknown: There is no such indicator.
        Unanswerable: There is no definition of the version asked for.
    """
    of_indicator = await facts(connection, indicator.decider, question.indicator)
    if not of_indicator:
        raise Unknown(f"there is no indicator {question.indicator}")
    of_scale = await facts(connection, scale.decider, SCALE)
    return basis(of_indicator, of_scale, question)


async def facts(
    connection: Reader, decider: Decider[Any, Any], subject: str
) -> list[Known]:
    """All facts of an indicator, or of the scale, in the order recorded."""
    stream = decider.stream(subject)
    return [
        Known(one.position, one.known_on, fact.of(one, decider.event_type))
        for one in await log.read_stream(connection, stream)
    ]


async def subjects(
    connection: Reader, options: indicator.Options, question: Question, size: int
) -> AsyncIterator[Any]:
    """Every case or organisation, as far as the question hears of it.

    One after the other, so that a log of any length takes no more memory.
    """
    decider = kinds.counted_by(options).decider
    async for recorded in log.read_subjects(
        connection, decider.category, size=size, known_on=question.known_on
    ):
        yield decider.fold(fact.of(one, decider.event_type) for one in recorded)
