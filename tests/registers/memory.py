"""The log in memory, folded once, as a fast oracle of figures.

It returns the figures of `recount.recount`, from `subject_kinds.membership` alone, but
thousands of times faster: within a stream, neither position nor `known_on` decreases,
so a knowledge cut-off includes a prefix of a subject's events.
"""

from bisect import bisect_right
from collections import defaultdict
from datetime import date
from typing import Any

from iku import text_reading
from iku.domain import fact, figure, subject_kinds
from iku.domain.decider_registry import DECIDERS
from iku.domain.figure import Counts, Figure
from iku.domain.question import SCALE, KnownFact, Question, basis, complete_coordinates
from iku.domain.withheld_text import NONE
from iku.ledger import log
from iku.ledger.log import Connection
from iku.vault.store import Vault


class Subject:
    """All states of one subject, each with its position and the day it became known."""

    def __init__(self) -> None:
        self.positions: list[int] = []
        self.known: list[date] = []
        self.states: list[Any] = []

    def heard(self, known_on: date | None, size: int | None) -> Any:
        """The state at that knowledge cut-off and log size; None before its start."""
        told = len(self.states)
        if known_on is not None:
            told = min(told, bisect_right(self.known, known_on))
        if size is not None:
            told = min(told, bisect_right(self.positions, size))
        return self.states[told - 1] if told else None


class Memory:
    """Every event of a log, by stream."""

    def __init__(self) -> None:
        self.size = 0
        self.known: list[date] = []  # by position
        self.subjects: dict[str, dict[str, Subject]] = defaultdict(dict)
        self.facts: dict[str, list[KnownFact]] = defaultdict(list)

    @classmethod
    async def of(cls, connection: Connection, vault: Vault | None = None) -> "Memory":
        """All events of the log; with a *vault*, also their texts."""
        memory = cls()
        recorded = [one async for one in log.read_log(connection)]
        opened = await text_reading.read(connection, vault, recorded) if vault else {}
        for one in recorded:
            decider = DECIDERS[one.category]
            plain = opened.get((one.stream, one.version), NONE).plain
            event = fact.decode_recorded(one, decider.event_type, plain)
            subjects = memory.subjects[one.category]
            subject = subjects.setdefault(one.subject, Subject())
            before = subject.states[-1] if subject.states else None
            subject.positions.append(one.position)
            subject.known.append(one.known_on)
            subject.states.append(decider.evolve(before, event))
            if one.category in {"indicator", "scale"}:
                known = KnownFact(one.position, one.known_on, event)
                memory.facts[one.stream].append(known)
            memory.known.append(one.known_on)
            memory.size = one.position
        return memory

    def figure(self, question: Question, today: date) -> Figure:
        """The figure of *question*."""
        facts = self.facts[f"indicator-{question.indicator}"]
        made_with = basis(facts, self.facts[f"scale-{SCALE}"], question)
        options = made_with.definition.defined.options
        parts: dict[str, Counts] = {}
        category = subject_kinds.kind_counted_by(options).decider.category
        for subject in self.subjects[category].values():
            state = subject.heard(question.known_on, question.size)
            if state is None:
                continue
            member = subject_kinds.membership(
                state, options, question.start, question.as_of
            )
            if member.counts.denominator:
                by_district = question.breakdown == "district"
                key = member.district if by_district else member.part
                parts[key] = parts.get(key, Counts()) + member.counts
        at = complete_coordinates(
            question, made_with.definition.version, self.size, today
        )
        total = sum(parts.values(), Counts())
        shown = parts if question.breakdown else None
        return figure.figure(at, total, made_with, shown)
