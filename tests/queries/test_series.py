"""Series: the points as known now and on their own days, and their breaks."""

from datetime import date, timedelta
from typing import Any

import pytest
from msgspec import structs

from iku.domain.period import Kind
from iku.domain.question import InvalidQuestion, Question, UnknownReference
from iku.queries.series import Break, Series, SeriesRange, series, step_days
from tests.registers.world import World

TODAY = date(2022, 7, 1)
YEARS = SeriesRange(date(2021, 1, 1), date(2022, 6, 30), Kind.QUARTER)


async def ask(
    world: World, code: str, span: SeriesRange = YEARS, **more: Any
) -> Series:
    question = Question(code, world.today, **more)
    app = world.app
    return await series(world.connection, app.figures, question, span, world.today)


@pytest.mark.parametrize("code", ["IKU-1", "IKU-2", "IKU-3"])
async def test_each_point_is_the_figure_asked_alone_now_and_on_its_own_day(
    world: World, code: str
) -> None:
    told = await ask(world, code, period=Kind.HALF)
    days = step_days(YEARS.first, date(2022, 6, 30), Kind.QUARTER, TODAY)
    assert [figure.as_of for figure in told.figures] == days
    for day, now, then in zip(days, told.figures, told.then, strict=True):
        asked = Question(code, day, period=Kind.HALF)
        assert now == await world.figure(asked)
        assert then == await world.figure(structs.replace(asked, known_on=day))
    assert any(
        now.denominator != then.denominator
        for now, then in zip(told.figures, told.then, strict=True)
    )


async def test_then_hears_no_more_than_was_asked_for(world: World) -> None:
    known = date(2021, 8, 1)
    told = await ask(world, "IKU-1", known_on=known, size=600)
    assert {figure.size for figure in (*told.figures, *told.then)} == {600}
    assert [figure.known_on for figure in told.then] == [
        min(figure.as_of, known) for figure in told.figures
    ]


async def test_a_series_breaks_where_another_definition_begins_to_count(
    world: World,
) -> None:
    # IKU-2 has a version 2 from 1 July 2021 on.
    halves = await ask(world, "IKU-2", period=Kind.QUARTER)
    assert halves.breaks == (Break(date(2021, 9, 30), 1, 2, "SK"),)
    within = SeriesRange(date(2021, 1, 1), date(2021, 6, 30))
    assert (await ask(world, "IKU-2", within)).breaks == ()
    assert (await ask(world, "IKU-2", period=Kind.QUARTER, definition=2)).breaks == ()


async def test_a_series_costs_as_many_statements_however_long_it_is(
    world: World,
) -> None:
    class Counting:
        statements = 0

        async def fetch(self, query: str, *args: Any) -> Any:
            self.statements += 1
            return await world.connection.fetch(query, *args)

        fetchrow = fetchval = fetch

    await ask(world, "IKU-2")
    reader = Counting()
    question = Question("IKU-2", world.today, period=Kind.MONTH)
    span = SeriesRange(date(2012, 1, 1), date(2021, 12, 31))
    told = await series(reader, world.app.figures, question, span, world.today)
    assert len(told.figures) == 120
    assert reader.statements == 2  # one counts, one finds no publication


@pytest.mark.parametrize(
    ("span", "path"),
    [
        (SeriesRange(date(2021, 1, 1), date(1, 1, 1)), "from"),
        (SeriesRange(date(2021, 1, 2), date(2021, 1, 1)), "from"),
        (SeriesRange(date(2021, 1, 2), date.max), "to"),
        (SeriesRange(date(1900, 1, 1)), "step"),
    ],
)
async def test_a_span_that_has_no_points_is_refused_by_name(
    world: World, span: SeriesRange, path: str
) -> None:
    with pytest.raises(InvalidQuestion) as refused:
        await ask(world, "IKU-1", span)
    assert refused.value.path == path


async def test_a_series_of_nothing_is_refused(world: World) -> None:
    with pytest.raises(UnknownReference, match="IKU-9"):
        await ask(world, "IKU-9")
    with pytest.raises(InvalidQuestion, match="last version is 2"):
        await ask(world, "IKU-1", definition=3)


def test_points_are_the_ends_of_steps_and_the_last_day() -> None:
    first, last = date(2021, 2, 14), date(2021, 12, 25)
    days = step_days(first, last, Kind.QUADRIMESTER, TODAY)
    assert days == [date(2021, 4, 30), date(2021, 8, 31), last]
    assert step_days(last, last, Kind.MONTH, TODAY) == [last]
    assert len(step_days(date(1922, 8, 1), TODAY, Kind.MONTH, TODAY)) == 1200
    with pytest.raises(InvalidQuestion, match="more than 1200 points"):
        step_days(date(1922, 7, 31), TODAY, Kind.MONTH, TODAY)
    with pytest.raises(InvalidQuestion, match="must not be after today,"):
        step_days(first, TODAY + timedelta(days=1), Kind.MONTH, TODAY)
