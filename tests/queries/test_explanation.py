"""The explanation of a figure always adds up to the figure."""

from datetime import date
from random import Random
from typing import Any

import pytest
from msgspec import structs

from iku.domain import conflict
from iku.domain.counting import Rule
from iku.domain.figure import Counts, Figure
from iku.domain.question import InvalidQuestion, Question, UnknownReference
from iku.postgres import pool as pools
from iku.queries import explanation
from iku.queries.explanation import ExplainedSubject, ExplanationPage, SubjectFilter
from tests.registers.world import Chance, World

DEFINITIONS = {"IKU-1": 2, "IKU-2": 2, "IKU-3": 2}
YEAR_END = date(2021, 12, 31)
ALL = SubjectFilter()


async def pages(
    world: World, question: Question, wanted: SubjectFilter = ALL, limit: int = 100_000
) -> list[ExplanationPage]:
    """All pages of the explanation of a pinned *question*."""
    found, after = [], ""
    while True:
        page = await explanation.page(
            world.view, question, wanted, after=after, limit=limit
        )
        found.append(page)
        if page.next is None:
            return found
        assert page.next > after
        after = page.next


def items_of(found: list[ExplanationPage]) -> list[ExplainedSubject]:
    return [item for page in found for item in page.items]


async def pinned(world: World, question: Question) -> tuple[Figure, Question]:
    figure = await world.figure(question)
    return figure, explanation.pin_coordinates(question, figure)


def check_sum(figure: Figure, found: list[ExplanationPage]) -> None:
    """Assert that the items of all subjects add up to the figure."""
    total = sum((page.counts for page in found), Counts())
    assert (total.numerator, total.denominator) == (
        figure.numerator,
        figure.denominator,
    )
    assert total.expired == (figure.expired or 0)
    items = items_of(found)
    assert len(items) == sum(page.examined for page in found)
    assert sum(item.numerator for item in items) == figure.numerator
    assert sum(item.denominator for item in items) == figure.denominator
    assert [item.id for item in items] == sorted({item.id for item in items})


async def test_the_pages_of_a_long_log_add_up_to_any_figure_of_it(long: World) -> None:
    size, chance = await long.size(), Chance(Random(31))
    rules: set[Rule] = set()
    for _ in range(10):
        question = structs.replace(chance.question(size, DEFINITIONS), breakdown=None)
        figure, asked = await pinned(long, question)
        found = await pages(long, asked)
        check_sum(figure, found)
        for item in items_of(found):
            rules |= {item.why_denominator.rule, item.why_numerator.rule}
    assert len(rules) > 20


async def test_pages_of_any_length_tell_the_same(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    size, chance = await world.size(), Chance(Random(7))
    for limit, examined in ((1, 2_000), (7, 2_000), (200, 5), (3, 3)):
        question = structs.replace(chance.question(size, DEFINITIONS), breakdown=None)
        figure, asked = await pinned(world, question)
        whole = await pages(world, asked)
        with monkeypatch.context() as patched:
            patched.setattr(explanation, "EXAMINED", examined)
            found = await pages(world, asked, limit=limit)
        assert all(len(page.items) <= limit for page in found)
        assert all(page.examined <= examined for page in found)
        assert items_of(found) == items_of(whole)
        check_sum(figure, found)


async def test_what_is_looked_for_is_found_and_no_more(world: World) -> None:
    for code in ("IKU-1", "IKU-2"):
        figure, asked = await pinned(world, Question(code, YEAR_END))
        items = items_of(await pages(world, asked))

        async def looked_for(**fields: Any) -> list[ExplainedSubject]:
            found = await pages(world, asked, SubjectFilter(**fields))  # noqa: B023 - used at once
            total = sum((page.counts for page in found), Counts())
            assert total.denominator == figure.denominator  # noqa: B023 - the same
            return items_of(found)

        counted: dict[Any, list[ExplainedSubject]] = {
            "numerator": [i for i in items if i.numerator],
            "denominator": [i for i in items if i.denominator],
            "open": [i for i in items if i.denominator and not i.numerator],
            "none": [i for i in items if not i.denominator],
        }
        for which, expected in counted.items():
            assert expected
            assert await looked_for(counted=which) == expected
        for rule in Rule:
            expected = [
                i
                for i in items
                if rule in (i.why_denominator.rule, i.why_numerator.rule)
            ]
            assert await looked_for(rule=rule) == expected
        for part in {i.part for i in items}:
            expected = [i for i in items if i.part == part]
            assert await looked_for(part=part) == expected
        for district in {i.district for i in items}:
            expected = [i for i in items if i.district == district]
            assert await looked_for(district=district) == expected
        one = items[len(items) // 2]
        assert items_of(await pages(world, asked, SubjectFilter(subject=one.id))) == [
            one
        ]
        assert items_of(await pages(world, asked, SubjectFilter(subject="X999"))) == []
        other = SubjectFilter(
            subject=one.id, counted="none" if one.denominator else "numerator"
        )
        assert items_of(await pages(world, asked, other)) == []


async def test_what_is_recorded_meanwhile_is_on_no_later_page(world: World) -> None:
    figure, asked = await pinned(world, Question("IKU-1", YEAR_END))
    first = await explanation.page(world.view, asked, ALL, limit=5)
    assert first.next is not None
    late = conflict.Reported(
        category=conflict.Category.IPOLEKSOSBUD,
        dimension=conflict.Dimension.SOSIAL,
        title="Terlambat",
        effective_on=date(2021, 6, 1),
    )
    sure = conflict.Verified(effective_on=date(2021, 6, 1))
    for fact in (late, sure):
        assert (await world.do("conflict", "Z99", fact)).added
    rest = await explanation.page(world.view, asked, ALL, after=first.next)
    check_sum(figure, [first, rest])
    assert "Z99" not in {item.id for item in rest.items}
    assert (await world.figure(Question("IKU-1", YEAR_END))).denominator == (
        figure.denominator + 1
    )


async def test_what_decided_is_named_as_it_was_recorded(world: World) -> None:
    _, asked = await pinned(world, Question("IKU-1", YEAR_END))
    for item in items_of(await pages(world, asked)):
        for why in (item.why_denominator, item.why_numerator):
            assert why.events
            rows = await world.connection.fetch(
                """
                select position, version, type, effective_on, known_on
                  from ledger.event
                 where stream = $1 and position = any($2::bigint[])
                 order by position
                """,
                f"conflict-{item.id}",
                [event.position for event in why.events],
            )
            assert [tuple(row) for row in rows] == [
                structs.astuple(event) for event in why.events
            ]


async def test_an_explanation_reads_no_projection(world: World) -> None:
    _, asked = await pinned(world, Question("IKU-1", YEAR_END))
    before = await pages(world, asked)
    owner = await pools.connect_as_owner(world.app.database.owner_dsn)
    await owner.execute("drop schema projection cascade")
    await owner.close()
    assert await pages(world, asked) == before


async def test_what_does_not_exist_cannot_be_explained(world: World) -> None:
    size = await world.size()
    with pytest.raises(UnknownReference, match="IKU-4"):
        await pages(world, Question("IKU-4", YEAR_END, size=size))
    with pytest.raises(InvalidQuestion, match="definition is 9"):
        await pages(world, Question("IKU-1", YEAR_END, size=size, definition=9))
