"""Differences: for any two figures, the items add up to the difference."""

from collections import Counter
from collections.abc import Iterator
from datetime import date
from random import Random
from typing import Any

import pytest
from msgspec import structs

from iku.domain import conflict, difference
from iku.domain.cause import Cause
from iku.domain.difference import (
    CoordinateStep,
    Difference,
    DifferenceItem,
    DifferenceStep,
    SubjectCount,
)
from iku.domain.fact import Annulled
from iku.domain.indicator import Defined
from iku.domain.page_cursor import PageCursor, resume
from iku.domain.period import Kind
from iku.domain.question import InvalidQuestion, Question, UnknownReference
from iku.queries import figure_difference
from iku.queries.figure_difference import ComparedQuestions
from tests.conftest import Clone
from tests.domain import story
from tests.registers.chronicle import fill
from tests.registers.filled import opened
from tests.registers.memory import Memory, Subject
from tests.registers.world import Chance, World
from tests.samples import examples

DEFINITIONS = {"IKU-1": 2, "IKU-2": 2, "IKU-3": 2}
YEAR_END = date(2021, 12, 31)


async def ask(
    world: World, of: Question, against: Question, limit: int = 200
) -> list[Difference]:
    """All pages of a difference."""
    pages, place = [], None
    while True:
        page = await figure_difference.compute_difference(
            world.view,
            world.app.figures,
            ComparedQuestions(of, against, place, limit),
            world.today,
        )
        pages.append(page)
        assert len(page.items) <= limit
        if page.next is None:
            return pages
        assert len(page.items) == limit
        place = difference.read_cursor(page.next)
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
    """How a subject counts by the independent recount."""
    member = story.membership(state, options, question.start, question.as_of)
    return (member.counts.numerator, member.counts.denominator) if member else (0, 0)


def legs_of(
    page: Difference, of: Question, against: Question
) -> tuple[CoordinateStep, ...]:
    pinned = [
        structs.replace(question, size=figure.size, definition=figure.definition)
        for question, figure in ((against, page.against), (of, page.figure))
    ]
    return difference.coordinate_steps(*pinned)


def heard(subject: Subject, question: Question) -> set[int]:
    """The positions of its events that the question's cut-offs include."""
    return {
        position
        for position, known_on in zip(subject.positions, subject.known, strict=True)
        if question.size is None or position <= question.size
        if question.known_on is None or known_on <= question.known_on
    }


def by_events(
    memory: Memory, leg: CoordinateStep, options: Any, category: str
) -> dict[int, tuple[int, int]]:
    """The effect of each event between two states of knowledge, by its position."""
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
    memory: Memory, leg: CoordinateStep, options: dict[int, Any], category: str
) -> dict[str, tuple[tuple[int, int], tuple[int, int]]]:
    """The counts at both ends of each subject that counts differently at the end."""
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


def change(item: DifferenceItem) -> tuple[int, int]:
    return item.numerator, item.denominator


def counts_at(end: SubjectCount) -> tuple[int, int]:
    return end.numerator, end.denominator


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
    """Compare all properties of a difference with the log in memory."""
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
    assert [stride.step for stride in first.steps] == list(DifferenceStep)
    for stride in first.steps:
        of_step = [item for item in items if item.step is stride.step]
        assert total(of_step) == (stride.numerator, stride.denominator)
    order = [
        (list(DifferenceStep).index(i.step), i.event.position if i.event else 0, i.id)
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
    items: list[DifferenceItem],
    of: Question,
    against: Question,
) -> None:
    facts = memory.facts[f"indicator-{of.indicator}"]
    defined = [known.event for known in facts if isinstance(known.event, Defined)]
    options = {n: event.options for n, event in enumerate(defined, start=1)}
    category = "organisation" if of.indicator == "IKU-2" else "conflict"
    knowledge, *others = legs_of(first, of, against)
    told = {item.event.position: change(item) for item in items if item.event}
    formula = options[knowledge.before.definition or 0]
    assert told == by_events(memory, knowledge, formula, category)
    for leg in others:
        shown = {
            item.id: (counts_at(item.before), counts_at(item.after))
            for item in items
            if item.step is leg.step
        }
        assert shown == by_subjects(memory, leg, options, category)
    for item in items:
        changes = [counts_at(end) for end in (item.before, item.after)]
        assert change(item) == (
            changes[1][0] - changes[0][0],
            changes[1][1] - changes[0][1],
        )


async def test_the_parts_of_any_difference_add_up_to_it(
    long: World, memory: Memory
) -> None:
    chance = Chance(Random(40))
    causes: Counter[str] = Counter()
    for of, against in pairs(chance, memory.size, DEFINITIONS, examples(30, 15)):
        pages = await ask(long, of, against)
        causes += check(memory, long, pages, of, against)
    # Every cause occurred, except a target, which moves no count.
    assert set(causes) == set(Cause) - {Cause.TARGET}


async def test_small_pages_hold_what_a_large_one_holds(
    long: World, memory: Memory
) -> None:
    of = Question("IKU-2", date(2022, 3, 31), definition=2)
    against = Question("IKU-2", date(2021, 6, 30), known_on=date(2021, 7, 15))
    whole = [item for page in await ask(long, of, against) for item in page.items]
    assert {item.step for item in whole} == set(DifferenceStep) - {
        DifferenceStep.TARGET
    }
    pages = await ask(long, of, against, limit=7)
    assert [item for page in pages for item in page.items] == whole
    check(memory, long, pages, of, against)


async def test_without_the_reasons_of_the_other_figure_all_else_is_the_same(
    long: World, memory: Memory
) -> None:
    chance, compared = Chance(Random(31)), 0
    for of, against in pairs(chance, memory.size, DEFINITIONS, count=10):
        asked = ComparedQuestions(of, against)
        whole, short = [
            await figure_difference.compute_difference(
                long.view, long.app.figures, one, long.today
            )
            for one in (asked, structs.replace(asked, explains_both=False))
        ]
        assert short == structs.replace(
            whole,
            items=tuple(
                structs.replace(one, before=structs.replace(one.before, why=None))
                for one in whole.items
            ),
        )
        compared += sum(one.before.why is not None for one in whole.items)
    assert compared > 10


@pytest.mark.parametrize("seed", [3, 5, 8])
async def test_the_parts_add_up_in_other_registers(
    clone: Clone, template: str, seed: int
) -> None:
    async with opened(await clone(template)) as world:
        await fill(world, seed=seed, count=examples(420, 200))
        memory = await Memory.of(world.connection)
        chance = Chance(Random(seed))
        for of, against in pairs(chance, memory.size, DEFINITIONS, examples(25, 10)):
            pages = await ask(world, of, against, limit=chance.random.choice([3, 200]))
            check(memory, world, pages, of, against)


async def test_the_ends_and_the_steps_are_what_the_log_alone_gives(
    long: World, memory: Memory
) -> None:
    for of, against in pairs(Chance(Random(4)), memory.size, DEFINITIONS, 2):
        (first, *_) = await ask(long, of, against)
        assert first.figure == await long.recount(of)
        assert first.against == await long.recount(against)
        for leg, stride in zip(legs_of(first, of, against), first.steps, strict=False):
            there = await long.recount(leg.after)
            counted = (there.numerator, there.denominator, there.percentage)
            after = stride.after
            assert (after.numerator, after.denominator, after.percentage) == counted


async def test_a_figure_does_not_differ_from_itself(long: World) -> None:
    of = Question("IKU-1", YEAR_END)
    (page,) = await ask(long, of, of)
    assert (page.numerator, page.denominator, page.items) == (0, 0, ())
    assert {(s.numerator, s.denominator) for s in page.steps} == {(0, 0)}
    assert page.figure == page.against
    # The same days in a shorter period that begins on the same day.
    february = structs.replace(of, as_of=date(2021, 1, 20))
    (page,) = await ask(long, february, structs.replace(february, period=Kind.MONTH))
    assert (page.numerator, page.denominator, page.items) == (0, 0, ())


async def test_less_knowledge_is_told_with_the_signs_turned(
    long: World, memory: Memory
) -> None:
    now = Question("IKU-1", YEAR_END, definition=1)
    then = structs.replace(now, known_on=date(2021, 10, 1))
    forth = [i for page in await ask(long, now, then) for i in page.items]
    back = [i for page in await ask(long, then, now) for i in page.items]
    assert len(forth) > 20
    assert [
        structs.replace(
            item,
            numerator=-item.numerator,
            denominator=-item.denominator,
            before=item.after,
            after=item.before,
        )
        for item in back
    ] == forth


async def test_what_moved_and_moved_back_is_shown_twice(world: World) -> None:
    size = await world.size()
    case, day = "K9001", date(2021, 5, 1)
    report = conflict.Reported(
        category=conflict.Category.IPOLEKSOSBUD,
        dimension=conflict.Dimension.SOSIAL,
        title="Perselisihan",
        effective_on=day,
    )
    for said in (
        report,
        conflict.Verified(effective_on=day),
        conflict.Resolved(effective_on=day, manner=conflict.Manner.MEDIASI),
        Annulled(annuls=3, reason="Belum ditandatangani"),
    ):
        await world.do("conflict", case, said)
    of = Question("IKU-1", YEAR_END, definition=1)
    (page,) = await ask(world, of, structs.replace(of, size=size))
    told = [(i.cause, i.event and i.event.type, *change(i)) for i in page.items]
    assert told == [
        (Cause.VERIFICATION, "verified", 0, 1),
        (Cause.LATE_DATA, "resolved", 1, 0),
        (Cause.ANNULMENT, "annulled", -1, 0),
    ]
    last = page.items[-1]
    assert last.after.why is not None
    assert f"penutupan 01-05-2021 dibatalkan, peristiwa {size + 4}" in last.after.why.id
    assert page.items[0].before.why is not None
    assert page.items[0].before.why.en.startswith("not counted: the report of ")
    assert (last.id, last.number) == (case, case)
    assert last.event is not None
    assert (last.event.version, last.event.position) == (4, size + 4)
    assert (last.event.actor, last.event.effective_on) == ("uji", None)


async def test_pages_are_parts_of_one_answer_whatever_is_recorded_meanwhile(
    world: World,
) -> None:
    of = Question("IKU-1", YEAR_END)
    against = structs.replace(of, known_on=date(2021, 6, 30))

    async def page(after: PageCursor | None) -> Difference:
        asked = resume(of, after, world.today)
        beside = structs.replace(asked, known_on=against.known_on)
        compared = ComparedQuestions(asked, beside, after, 5)
        return await figure_difference.compute_difference(
            world.view, world.app.figures, compared, world.today
        )

    first = await page(None)
    before = await page(difference.read_cursor(first.next))
    for number in range(4):
        report = Chance(Random(number)).reported()
        await world.do("conflict", f"K90{number:02}", report)
        verified = conflict.Verified(effective_on=report.effective_on)
        await world.do("conflict", f"K90{number:02}", verified)
    assert await page(difference.read_cursor(first.next)) == before
    assert before.figure == first.figure


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"size": 99_999}, "size"),
        ({"definition": 9}, "definition"),
        ({"as_of": date(9000, 1, 1)}, "as_of"),
    ],
)
async def test_whichever_figure_cannot_be_answered_is_named(
    long: World, fields: dict[str, Any], path: str
) -> None:
    good = Question("IKU-1", YEAR_END)
    bad = structs.replace(good, **fields)
    for pair, name in (((good, bad), f"against_{path}"), ((bad, good), path)):
        with pytest.raises(InvalidQuestion, match=f"{path} is ") as caught:
            await ask(long, *pair)
        assert caught.value.path == name
    unknown = Question("IKU-4", YEAR_END)
    with pytest.raises(UnknownReference, match="IKU-4"):
        await ask(long, unknown, unknown)


async def test_both_ways_that_sizes_and_days_bind_were_compared(memory: Memory) -> None:
    mixed = 0
    for of, against in pairs(Chance(Random(40)), memory.size, DEFINITIONS, 60):
        ends = [
            {
                position
                for position, known_on in enumerate(memory.known, start=1)
                if question.size is None or position <= question.size
                if question.known_on is None or known_on <= question.known_on
            }
            for question in (of, against)
        ]
        mixed += bool(ends[0] - ends[1] and ends[1] - ends[0])
    # Neither knowledge includes the other.
    assert mixed >= 3
