"""Replay: the last line is the figure, and each line was the figure at its position."""

from collections.abc import Sequence
from datetime import date
from itertools import groupby
from random import Random
from typing import Any

import pytest
from msgspec import structs

from iku.domain.figure import Figure
from iku.domain.question import Question
from iku.projections.rebuild import rebuild
from iku.queries import figure_replay
from iku.queries.figure_replay import ReplayLine, ReplayOrder
from tests.queries.test_figures import DEFINITIONS
from tests.registers.filled import owner_of
from tests.registers.memory import Memory
from tests.registers.world import Chance, World

COUNT = 25


async def lines(world: World, figure: Figure, order: ReplayOrder) -> list[ReplayLine]:
    pages = figure_replay.pages(world.view, figure, order)
    return [line async for page in pages for line in page]


def key(order: ReplayOrder, line: ReplayLine) -> Any:
    by_position = (line.position, line.effective_on)
    return by_position if order is ReplayOrder.KNOWN else by_position[::-1]


async def asked(world: World, seed: int, count: int = COUNT) -> Sequence[Figure]:
    """Figures at random coordinates."""
    chance, size = Chance(Random(seed)), await world.size()
    return [
        await world.figure(
            structs.replace(chance.question(size, DEFINITIONS), breakdown=None)
        )
        for _ in range(count)
    ]


@pytest.mark.parametrize("order", ReplayOrder)
async def test_the_last_line_is_the_figure_and_all_lines_stand_in_order(
    long: World, order: ReplayOrder, monkeypatch: Any
) -> None:
    monkeypatch.setattr(figure_replay, "PAGE", 60)
    paged = 0
    for figure in await asked(long, seed=3):
        told = await lines(long, figure, order)
        last = (told[-1].numerator, told[-1].denominator) if told else (0, 0)
        assert last == (figure.numerator, figure.denominator)
        keys = [key(order, line) for line in told]
        assert keys == sorted(keys)
        assert sum(line.moved.denominator for line in told) == figure.denominator
        for line in told:
            assert line.position <= figure.size
            assert line.known_on <= figure.known_on
            assert line.effective_on <= figure.as_of
            assert line.moved != figure_replay.CountsChange(0, 0)
        paged += len(told) > 2 * figure_replay.PAGE
    assert paged >= 3, "chance asked for too few journals of several pages"


async def test_as_known_each_events_last_line_is_the_figure_of_that_size(
    long: World, memory: Memory
) -> None:
    for figure in await asked(long, seed=4, count=6):
        for position, group in groupby(
            await lines(long, figure, ReplayOrder.KNOWN), key=lambda line: line.position
        ):
            *_, last = group
            if position % 7:
                continue  # one in seven, because a recount is slow
            then = memory.figure(question_of(figure, size=position), long.today)
            counts = then.numerator, then.denominator
            assert (last.numerator, last.denominator) == counts


async def test_as_it_happened_each_days_last_line_is_the_figure_as_of_that_day(
    long: World, memory: Memory
) -> None:
    checked = 0
    for figure in await asked(long, seed=5, count=6):
        for day, group in groupby(
            await lines(long, figure, ReplayOrder.HAPPENED),
            key=lambda line: line.effective_on,
        ):
            *_, last = group
            if day < figure.period.start:
                continue
            then = memory.figure(question_of(figure, as_of=day), long.today)
            counts = then.numerator, then.denominator
            assert (last.numerator, last.denominator) == counts
            checked += 1
    assert checked > 50


@pytest.mark.parametrize("order", ReplayOrder)
@pytest.mark.parametrize("size", [1, 2, 3, 7])
async def test_no_page_is_torn_wherever_it_ends(
    long: World, order: ReplayOrder, size: int, monkeypatch: Any
) -> None:
    size_of_log = await long.size() // 2
    question = Question("IKU-1", long.today, definition=1, size=size_of_log)
    figure = await long.figure(structs.replace(question, as_of=date(2021, 9, 30)))
    whole = await lines(long, figure, order)
    assert max(len([*g]) for _, g in groupby(line.position for line in whole)) >= 2
    monkeypatch.setattr(figure_replay, "PAGE", size)
    assert await lines(long, figure, order) == whole
    monkeypatch.setattr(figure_replay, "PAGE", len(whole))
    assert await lines(long, figure, order) == whole


async def test_a_line_names_its_event_as_the_log_has_it(
    long: World,
) -> None:
    [figure] = await asked(long, seed=7, count=1)
    for line in (await lines(long, figure, ReplayOrder.KNOWN))[::23]:
        row = await long.connection.fetchrow(
            "select * from ledger.event where position = $1", line.position
        )
        assert row is not None
        assert row["stream"] == f"{line.subject.category}-{line.subject.id}"
        assert line.subject.number == line.subject.id.replace("~", "/")
        assert (row["version"], row["type"]) == (line.version, line.type)
        assert (row["known_on"], row["recorded_at"]) == (
            line.known_on,
            line.recorded_at,
        )


@pytest.mark.parametrize("order", ReplayOrder)
async def test_a_figure_of_nothing_has_no_line(
    world: World, order: ReplayOrder
) -> None:
    figure = await world.figure(Question("IKU-1", world.today, size=0))
    assert await lines(world, figure, order) == []


@pytest.mark.parametrize("order", ReplayOrder)
async def test_what_is_recorded_on_the_way_does_not_appear(
    world: World, order: ReplayOrder, monkeypatch: Any
) -> None:
    monkeypatch.setattr(figure_replay, "PAGE", 40)
    figure = await world.figure(Question("IKU-2", world.today, definition=1))
    before = await lines(world, figure, order)
    told = []
    chance = Chance(Random(8))
    async for page in figure_replay.pages(world.view, figure, order):
        told += page
        for _ in range(5):
            await world.try_to("organisation", *chance.organisation())
    assert told == before
    assert await world.size() > figure.size


async def test_rebuilding_changes_no_line(world: World) -> None:
    figure = await world.figure(Question("IKU-1", date(2021, 12, 31)))
    before = [await lines(world, figure, order) for order in ReplayOrder]
    owner = await owner_of(world.app.database)
    assert await rebuild(owner, lambda _done, _size: None) == []
    await owner.close()
    assert [await lines(world, figure, order) for order in ReplayOrder] == before
    assert all(before)


@pytest.mark.parametrize("order", ReplayOrder)
async def test_a_page_reads_a_few_rows_by_index_wherever_it_begins(
    long: World, order: ReplayOrder, monkeypatch: Any
) -> None:
    monkeypatch.setattr(figure_replay, "PAGE", 25)
    figure = await long.figure(Question("IKU-2", date(2021, 12, 31), definition=1))
    pages = [page async for page in figure_replay.pages(long.view, figure, order)]
    assert len(pages) > 8

    async def read() -> tuple[int, int]:
        row = await long.connection.fetchrow(
            """
            select sum(seq_scan) as scans,
                   sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) as read
              from pg_stat_xact_user_tables
             where relname in ('contribution', 'event')
            """
        )
        assert row is not None
        return row["scans"], row["read"]

    known = order is ReplayOrder.KNOWN
    end: Any = figure_replay.last_position if known else figure_replay._last_day
    last = pages[-2][-1]
    after = last.position if known else last.effective_on
    costs = []
    async with long.connection.transaction():
        for begin in (figure_replay._FIRST[order], after):
            before = await read()
            upto = await end(long.connection, figure, begin)
            await figure_replay.movements(long.connection, figure, order, begin, upto)
            scans, rows = await read()
            assert scans == before[0]
            costs.append(rows - before[1])
    # Twice the rows that begin or end, those found by either, and their events.
    assert max(costs) <= 20 * figure_replay.PAGE


def question_of(figure: Figure, **more: Any) -> Question:
    return structs.replace(
        Question(
            figure.indicator,
            figure.as_of,
            known_on=figure.known_on,
            size=figure.size,
            period=figure.period.kind,
            definition=figure.definition,
        ),
        **more,
    )
