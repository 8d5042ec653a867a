"""Recount of a figure from the log alone.

This is the auditor's tool and the test oracle of every faster path. It reads no
projection: a figure can be verified by reading `domain`, `ledger` and this module.
"""

import asyncio
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any, NamedTuple

from msgspec import structs

from iku.domain import fact, figure, indicator, scale, subject_kinds
from iku.domain.decider import Decider
from iku.domain.figure import Counts, Figure
from iku.domain.question import (
    SCALE,
    KnownFact,
    Question,
    UnknownReference,
    basis,
    complete_coordinates,
    refuse_future,
)
from iku.ledger import log
from iku.ledger.log import Reader
from iku.ledger.record import StreamEvent
from iku.messages import message


async def recount(connection: Reader, question: Question, today: date) -> Figure:
    """The figure of *question*, counted from the first event.

    Raises:
        UnknownReference: The indicator does not exist.
        InvalidQuestion: A requested day, size or version does not exist.
    """
    refuse_future(question.as_of, today)
    head = await log.head(connection)
    if question.size is None:
        # The log may grow in the meantime.
        question = structs.replace(question, size=head.size)
    by = await figure_basis(connection, question)
    known = max(today, head.known_on or today)
    at = complete_coordinates(question, by.definition.version, head.size, known)
    options = by.definition.defined.options
    start, by_district = question.start, question.breakdown == "district"
    parts: dict[str, Counts] = {}

    def count(_name: str, subject: Any) -> None:
        member = subject_kinds.membership(subject, options, start, question.as_of)
        if member.counts.denominator:
            key = member.district if by_district else member.part
            parts[key] = parts.get(key, Counts()) + member.counts

    await visit_subjects(connection, options, question, count)
    total = sum(parts.values(), Counts())
    return figure.figure(at, total, by, parts if question.breakdown else None)


class DefinitionFacts(NamedTuple):
    """All facts of an indicator and of the scale, in the order of recording."""

    indicator: list[KnownFact]
    scale: list[KnownFact]

    def basis(self, question: Question) -> figure.Basis:
        """Definition, target and scale of the figure (raises as `question.basis`)."""
        return basis(self.indicator, self.scale, question)


async def figure_basis(connection: Reader, question: Question) -> figure.Basis:
    """The definition, target and scale of the requested figure.

    Raises:
        UnknownReference: The indicator does not exist.
        InvalidQuestion: The requested version of the definition does not exist.
    """
    return (await definition_facts(connection, question.indicator)).basis(question)


async def definition_facts(connection: Reader, code: str) -> DefinitionFacts:
    """The facts by which an indicator is counted.

    Raises:
        UnknownReference: The indicator does not exist.
    """
    streams: dict[str, Decider[Any, Any]] = {
        indicator.decider.stream(code): indicator.decider,
        scale.decider.stream(SCALE): scale.decider,
    }
    read = await log.read_streams(connection, list(streams))
    of_indicator, of_scale = (
        [
            KnownFact(
                one.position,
                one.known_on,
                fact.decode_recorded(one, streams[stream].event_type),
            )
            for one in recorded
        ]
        for stream, recorded in read.items()
    )
    if not of_indicator:
        raise UnknownReference(
            message("indicator {indicator} does not exist", indicator=code)
        )
    return DefinitionFacts(of_indicator, of_scale)


async def visit_subjects(
    connection: Reader,
    options: indicator.Options,
    question: Question,
    show: Callable[[str, Any], None],
) -> None:
    """Call *show* with the name and the state of each subject, in the order of names.

    The states are those known at the coordinates. A thread folds subjects while the
    next ones are read, so the event loop is not blocked and memory is bounded.
    """
    decider = subject_kinds.kind_counted_by(options).decider

    def fold(batch: Iterable[list[StreamEvent]]) -> None:
        for recorded in batch:
            facts = [fact.decode_recorded(one, decider.event_type) for one in recorded]
            show(recorded[0].subject, decider.fold(facts))

    loop = asyncio.get_running_loop()
    streams = log.read_histories(
        connection, decider.category, size=question.size, known_on=question.known_on
    )
    folding: asyncio.Future[None] | None = None
    async for batch in log.batch_streams(streams, log.PAGE):
        if folding is not None:
            await folding
        folding = loop.run_in_executor(_THREADS, fold, batch)
    if folding is not None:
        await folding


AT_ONCE = 2  # concurrent recounts with a thread; further ones wait
_THREADS = ThreadPoolExecutor(AT_ONCE, "recount")
