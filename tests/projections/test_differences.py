"""Differences: whatever two figures are compared, the parts add up to all of it."""

from collections import Counter
from collections.abc import Iterator
from datetime import date
from random import Random
from typing import Any

from msgspec import structs

from iku.domain import counting, difference
from iku.domain.deciders import DECIDERS
from iku.domain.difference import Cause, Difference, Item, Leg, Step
from iku.domain.place import read, resume
from iku.domain.question import Question
from iku.projections import differences
from iku.projections.differences import Compared
from tests.projections.memory import Memory, Subject
from tests.projections.world import Chance, World

DEFINITIONS = {"IKU-1": 2, "IKU-2": 2, "IKU-3": 2}
YEAR_END = date(2021, 12, 31)


async def ask(
    world: World, of: Question, against: Question, limit: int = 200
) -> list[Difference]:
    """All pages of a difference."""
    pages, place = [], None
    while True:
        page = await differences.answer(
            world.connection,
            world.house.figures,
            Compared(of, against, place, limit),
            world.today,
        )
        pages.append(page)
        assert len(page.items) <= limit
        if page.next is None:
            return pages
        assert len(page.items) == limit
        place = read(page.next, difference.LETTERS)
        of = resume(of, place, world.today)


def pairs(
    chance: Chance, size: int, definitions: dict[str, int], count: int
) -> Iterator[tuple[Question, Question]]:
    """Two questions about one indicator; half of the pairs differ in one thing only."""
    for _ in range(count):
        of, against = (
            structs.replace(chance.question(size, definitions), breakdown=None)
            for _ in range(2)
        )
        against = structs.replace(against, indicator=of.indicator)
        if against.definition is not None:
            last = definitions[of.indicator]
            against = structs.replace(against, definition=min(against.definition, last))
        if chance.random.random() < 0.5:
            names = ("as_of", "known_on", "size", "definition", "period")
            name = chance.random.choice(names)
            against = structs.replace(of, **{name: getattr(against, name)})
        yield of, against


def counts(state: Any, options: Any, question: Question) -> tuple[int, int]:
    """How a subject counts, by the literal rule."""
    member = state and counting.membership(
        state, options, question.start, question.as_of
    )
    return (member.counts.numerator, member.counts.denominator) if member else (0, 0)


def legs_of(page: Difference, of: Question, against: Question) -> tuple[Leg, ...]:
    pinned = [
        structs.replace(question, size=figure.size, definition=figure.definition)
        for question, figure in ((against, page.against), (of, page.figure))
    ]
    return difference.legs(*pinned)


def heard(subject: Subject, question: Question) -> set[int]:
    """Positions of those of its events that the question hears of."""
    return {
        position
        for position, known_on in zip(subject.positions, subject.known, strict=True)
        if question.size is None or position <= question.size
        if question.known_on is None or known_on <= question.known_on
    }


def by_events(
    memory: Memory, leg: Leg, options: Any, category: str
) -> dict[int, tuple[int, int]]:
    """What each event between two states of knowledge changes, by its position."""
    found = {}
    for subject in memory.subjects[category].values():
        first, last = heard(subject, leg.before), heard(subject, leg.after)
        for index, position in enumerate(subject.positions):
            if position not in first ^ last:
                continue
            earlier = subject.states[index - 1] if index else None
            now = counts(subject.states[index], options, leg.before)
            was = counts(earlier, options, leg.before)
            sign = 1 if position in last else -1
            change = (sign * (now[0] - was[0]), sign * (now[1] - was[1]))
            if change != (0, 0):
                found[position] = change
    return found


def by_subjects(
    memory: Memory, leg: Leg, options: dict[int, Any], category: str
) -> dict[str, tuple[tuple[int, int], tuple[int, int]]]:
    """How each subject that counts otherwise at the end counts at both ends."""
    found = {}
    for name, subject in memory.subjects[category].items():
        state = subject.heard(leg.after.known_on, leg.after.size)
        was, now = (
            counts(state, options[question.definition or 0], question)
            for question in (leg.before, leg.after)
        )
        if was != now:
            found[name] = (was, now)
    return found


def change(item: Item) -> tuple[int, int]:
    return item.numerator, item.denominator


def total(parts: Any) -> tuple[int, int]:
    found = list(parts)
    return sum(p.numerator for p in found), sum(p.denominator for p in found)


def check(
    memory: Memory,
    world: World,
    pages: list[Difference],
    of: Question,
    against: Question,
) -> Counter[str]:
    """Everything that is claimed of a difference, against the log in memory."""
    first = pages[0]
    assert first.figure == memory.figure(of, world.today)
    assert first.against == memory.figure(against, world.today)
    assert all(
        structs.replace(p, items=(), next=None)
        == structs.replace(first, items=(), next=None)
        for p in pages
    )
    items = [item for page in pages for item in page.items]
    whole = (
        first.figure.numerator - first.against.numerator,
        first.figure.denominator - first.against.denominator,
    )
    assert (first.numerator, first.denominator) == whole
    assert total(items) == total(first.steps) == whole
    assert [stride.step for stride in first.steps] == list(Step)
    for stride in first.steps:
        of_step = [item for item in items if item.step is stride.step]
        assert total(of_step) == (stride.numerator, stride.denominator)
    order = [
        (list(Step).index(i.step), i.event.position if i.event else 0, i.id)
        for i in items
    ]
    assert order == sorted(set(order))
    _check_ends(memory, world, first, of, against)
    _check_items(memory, first, items, of, against)
    return Counter(item.cause for item in items)


def _check_ends(
    memory: Memory, world: World, first: Difference, of: Question, against: Question
) -> None:
    legs = legs_of(first, of, against)
    for leg, stride in zip(legs, first.steps, strict=False):
        there = memory.figure(leg.after, world.today)
        for name in ("definition", "period", "as_of", "known_on", "size"):
            assert getattr(stride.after, name) == getattr(there, name)
        for name in ("numerator", "denominator", "percentage"):
            assert getattr(stride.after, name) == getattr(there, name)
        assert stride.after.target == first.against.target
    last = first.steps[-1].after
    for name in last.__struct_fields__:
        assert getattr(last, name) == getattr(first.figure, name)


def _check_items(
    memory: Memory,
    first: Difference,
    items: list[Item],
    of: Question,
    against: Question,
) -> None:
    facts = memory.facts[f"indicator-{of.indicator}"]
    defined = DECIDERS["indicator"].fold(known.event for known in facts)
    options = {d.version: d.defined.options for d in defined.definitions}
    category = "organisation" if of.indicator == "IKU-2" else "conflict"
    knowledge, *others = legs_of(first, of, against)
    told = {item.event.position: change(item) for item in items if item.event}
    formula = options[knowledge.before.definition or 0]
    assert told == by_events(memory, knowledge, formula, category)
    for leg in others:
        shown = {
            item.id: (structs.astuple(item.before), structs.astuple(item.after))
            for item in items
            if item.step is leg.step
        }
        assert shown == by_subjects(memory, leg, options, category)
    for item in items:
        ends = (item.before, item.after)
        changes = [structs.astuple(end) for end in ends]
        assert change(item) == (
            changes[1][0] - changes[0][0],
            changes[1][1] - changes[0][1],
        )


async def test_the_parts_of_any_difference_add_up_to_it(
    long: World, memory: Memory
) -> None:
    chance = Chance(Random(31))
    causes: Counter[str] = Counter()
    for of, against in pairs(chance, memory.size, DEFINITIONS, 60):
        pages = await ask(long, of, against)
        causes += check(memory, long, pages, of, against)
    # Chance left no cause out; a target moves no count.
    assert set(causes) == set(Cause) - {Cause.TARGET}
