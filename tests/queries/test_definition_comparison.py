"""Comparison of definitions: columns equal figures, rows are the differences."""

from collections.abc import AsyncIterator
from datetime import date
from decimal import Decimal
from random import Random
from typing import Any
from urllib.parse import parse_qsl

import pytest
from msgspec import structs

from iku import parsing
from iku.domain import comparison, conflict, fact, page_cursor
from iku.domain.comparison import Comparison, RedefinitionEffect
from iku.domain.decider import Invalid
from iku.domain.indicator import (
    Amendment,
    CarryOver,
    Defined,
    Indicator,
    Redefinition,
    decider,
)
from iku.domain.question import InvalidQuestion, Question, UnknownReference
from iku.ledger import log
from iku.postgres import pool as pools
from iku.postgres.embedded import Lease
from iku.postgres.pool import Plain
from iku.queries import definition_comparison
from iku.queries.comparison_questions import LETTER, ComparisonRequest
from tests.conftest import Clone, within
from tests.domain import story
from tests.registers.chronicle import fill
from tests.registers.filled import opened
from tests.registers.memory import Memory
from tests.registers.world import Chance, World

YEAR_END = date(2021, 12, 31)
TODAY = date(2023, 2, 1)  # so that the last two complete years are 2021 and 2022


@pytest.fixture(scope="module")
async def filled(server: Lease, administrator: Plain, template: str) -> str:
    """The name of a database that each test copies."""
    name = "register_of_comparison"
    await administrator.execute(f"create database {name} template {template}")
    async with opened(within(server, name)) as world:
        await fill(world, seed=12, count=500)
    return name


@pytest.fixture
async def world(clone: Clone, filled: str) -> AsyncIterator[World]:
    async with opened(await clone(filled)) as world:
        yield world


async def compare(world: World, tried: ComparisonRequest) -> list[Comparison]:
    """All pages of a comparison."""
    pages = []
    while True:
        page = await definition_comparison.compare(world.view, tried, world.today)
        pages.append(page)
        after = page_cursor.parse(page.next, LETTER)
        if after is None:
            return pages
        assert len(page.items) == tried.limit
        question = page_cursor.resume(tried.question, after, world.today)
        tried = structs.replace(tried, question=question, after=after)


def counted(
    memory: Memory, question: Question, columns: list[Any]
) -> dict[str, list[tuple[int, int]]]:
    """How each subject counts under the options of each column."""
    category = "organisation" if question.indicator == "IKU-2" else "conflict"
    found = {}
    for name, subject in memory.subjects[category].items():
        state = subject.heard(question.known_on, question.size)
        found[name] = [(0, 0)] * len(columns)
        for index, options in enumerate(columns):
            member = story.membership(state, options, question.start, question.as_of)
            if member:
                counts = member.counts
                found[name][index] = (counts.numerator, counts.denominator)
    return found


async def test_every_column_is_a_figure_and_the_rows_make_the_difference(
    world: World,
) -> None:
    memory = await Memory.of(world.connection)
    chance = Chance(Random(6))
    differing = 0
    for _ in range(12):
        asked = structs.replace(
            chance.question(memory.size, {"IKU-1": 2, "IKU-2": 2, "IKU-3": 2}),
            breakdown=None,
            definition=None,
        )
        versions = chance.random.choice([[1, 2], [2, 1], [2]])
        given = _amendment(chance, asked.indicator)
        pages = await compare(world, ComparisonRequest(asked, versions, given, limit=5))
        first = pages[0]
        assert len({(p.columns, p.differing, p.size) for p in pages}) == 1
        assert [one.definition for one in first.columns] == [*versions, None]
        for version, column in zip(versions, first.columns, strict=False):
            figure = await world.figure(structs.replace(asked, definition=version))
            for name in comparison.ComparisonResult.__struct_fields__:
                assert getattr(column, name) == getattr(figure, name)
            assert (first.target, first.size) == (figure.target, figure.size)
            assert (first.period, first.known_on) == (figure.period, figure.known_on)
        assert first.columns[-1].options == given.amend(first.columns[-2].options)
        table = counted(memory, asked, [one.options for one in first.columns])
        rows = {
            row.id: [structs.astuple(one) for one in row.columns]
            for page in pages
            for row in page.items
        }
        assert rows == {n: row for n, row in table.items() if len({*row}) > 1}
        assert list(rows) == sorted(rows)
        assert first.differing == len(rows)
        for index, column in enumerate(first.columns):
            assert column.numerator == sum(row[index][0] for row in table.values())
            assert column.denominator == sum(row[index][1] for row in table.values())
        differing += len(rows)
    assert differing > 30


def _amendment(chance: Chance, code: str) -> Amendment:
    while True:
        drawn, redefinition = chance.redefinition()
        if drawn == code:
            names = Amendment.__struct_fields__
            return Amendment(**{name: getattr(redefinition, name) for name in names})


async def test_without_a_definition_the_one_in_force_is_compared(
    world: World,
) -> None:
    for code, as_of, version in (
        ("IKU-3", YEAR_END, 1),
        ("IKU-3", date(2022, 6, 30), 2),
    ):
        asked = Question(code, as_of)
        (alone,) = await compare(world, ComparisonRequest(asked))
        assert [one.definition for one in alone.columns] == [version]
        assert (alone.differing, alone.items) == (0, ())
        options = Amendment(empty="full")  # type: ignore[arg-type] # as text has it
        (page,) = await compare(world, ComparisonRequest(asked, (), options))
        assert [one.definition for one in page.columns] == [version, None]


async def test_a_comparison_reads_no_projection(world: World) -> None:
    tried = ComparisonRequest(Question("IKU-1", YEAR_END), [1, 2])
    pages = await compare(world, tried)
    owner = await pools.connect_as_owner(world.app.database.owner_dsn)
    await owner.execute("drop schema projection cascade")
    again = await definition_comparison.compare(
        world.app.view(owner), tried, world.today
    )
    await owner.close()
    assert again == pages[0]


async def test_what_cannot_be_compared_is_refused(world: World) -> None:
    asked = Question("IKU-1", YEAR_END)
    for path, tried in (
        ("definition", ComparisonRequest(asked, [1, 3])),
        ("size", ComparisonRequest(structs.replace(asked, size=99_999))),
        ("as_of", ComparisonRequest(structs.replace(asked, as_of=date(9000, 1, 1)))),
    ):
        with pytest.raises(InvalidQuestion) as refused:
            await compare(world, tried)
        assert refused.value.path == path
    with pytest.raises(UnknownReference, match="IKU-4"):
        await compare(world, ComparisonRequest(Question("IKU-4", YEAR_END)))
    with pytest.raises(Invalid, match="participation_threshold is not an option"):
        await compare(
            world, ComparisonRequest(asked, (), Amendment(participation_threshold=2))
        )


# The effect of a new definition.


async def proposed(world: World, code: str, **options: Any) -> Defined:
    stream = await log.read_stream(world.connection, decider.stream(code))
    state = decider.fold(_facts(stream))
    assert isinstance(state, Indicator)
    given = Redefinition(
        effective_on=date(2023, 1, 1), basis="SK", reason="Uji", **options
    )
    last = state.definitions[-1].defined
    return structs.replace(last, options=given.amend(last.options))


def _facts(stream: Any) -> Any:
    return [fact.decode_recorded(one, decider.event_type) for one in stream]


async def test_a_preview_has_the_figures_of_two_years_by_quarter(
    world: World,
) -> None:
    new = await proposed(world, "IKU-3", carry_over=CarryOver.EXCLUDE)
    before = await log.head(world.connection)
    effect = await definition_comparison.preview_definition(
        world.view, "IKU-3", new, TODAY
    )
    assert await log.head(world.connection) == before
    assert (effect.indicator, effect.definition, effect.size) == (
        "IKU-3",
        3,
        before.size,
    )
    assert effect.options == new.options
    assert [(y.year, y.definition) for y in effect.years] == [(2021, 1), (2022, 2)]
    days = [str(point.as_of) for year in effect.years for point in year.points]
    assert days[2:6] == ["2021-09-30", "2021-12-31", "2022-03-31", "2022-06-30"]
    assert len(days) == 8
    for year in effect.years:
        for point in year.points:
            figure = await world.figure(Question("IKU-3", point.as_of))
            assert figure.definition == year.definition
            for name in comparison.ComparisonResult.__struct_fields__:
                assert getattr(point.in_force, name) == getattr(figure, name)
            assert point.target == figure.target
    # Once recorded, the definition has the previewed effect.
    await _record(world, "IKU-3", carry_over=CarryOver.EXCLUDE)
    await _agrees(world, effect)


async def _record(world: World, code: str, **options: Any) -> None:
    said = Redefinition(
        effective_on=date(2023, 1, 1), basis="SK", reason="Uji", **options
    )
    assert (await world.do("indicator", code, said)).added


async def _agrees(world: World, effect: RedefinitionEffect) -> None:
    moved = 0
    for year in effect.years:
        for point in year.points:
            asked = Question(
                effect.indicator, point.as_of, definition=effect.definition
            )
            figure = await world.figure(asked)
            counts = (point.proposed.numerator, point.proposed.denominator)
            assert counts == (figure.numerator, figure.denominator)
            moved += point.proposed != point.in_force
    assert moved > 3


async def test_a_preview_tells_the_first_subjects_and_where_the_others_are(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(definition_comparison, "FIRST_ROWS", 2)
    given: dict[str, Any] = {
        "resolution_manners": (conflict.Manner.ISLAH, conflict.Manner.MEDIASI),
        "minimum_level": conflict.Level.KEKERASAN,
        "carry_over": CarryOver.INCLUDE,
    }
    new = await proposed(world, "IKU-1", **given)
    effect = await definition_comparison.preview_definition(
        world.view, "IKU-1", new, TODAY
    )
    for year in effect.years:
        assert year.more is not None
        told = dict(parse_qsl(year.more))
        after = page_cursor.parse(told.pop("cursor"), LETTER)
        day, size = told.pop("as_of"), int(told.pop("size"))
        asked = Question("IKU-1", date.fromisoformat(day), size=size)
        version = int(told.pop("definition"))
        read = parsing.parse_texts(Amendment, told.items())
        rest = await compare(
            world, ComparisonRequest(asked, [version], read, after=after, limit=200)
        )
        assert rest[0].columns[-1].options == new.options
        assert rest[0].differing == year.differing
        rows = [*year.items, *(row for page in rest for row in page.items)]
        whole = await compare(
            world, ComparisonRequest(asked, [version], read, limit=200)
        )
        assert rows == [row for page in whole for row in page.items]
        end = year.points[-1]
        change = sum(
            row.columns[1].numerator - row.columns[0].numerator for row in rows
        )
        assert change == end.proposed.numerator - end.in_force.numerator
        assert len(year.items) == 2 < year.differing


async def test_a_preview_of_what_changes_no_count_has_no_rows(world: World) -> None:
    new = await proposed(world, "IKU-2", empty="zero")
    effect = await definition_comparison.preview_definition(
        world.view, "IKU-2", new, date(1990, 5, 1)
    )
    for year in effect.years:
        assert (year.differing, year.items, year.more) == (0, (), None)
        for point in year.points:
            assert point.in_force.percentage is None
            assert point.proposed.percentage == Decimal(0)
    with pytest.raises(UnknownReference, match="IKU-4"):
        await definition_comparison.preview_definition(world.view, "IKU-4", new, TODAY)
