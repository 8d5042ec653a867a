"""The days on which a figure moved."""

from datetime import date, timedelta

from msgspec import structs

from iku.domain.figure import Figure
from iku.domain.period import containing
from iku.domain.question import Question
from iku.queries.moved_days import moved_days
from tests.queries.test_figure_replay import asked, question_of
from tests.registers.world import World

ONE_DAY = timedelta(days=1)


async def counts(world: World, figure: Figure, day: date) -> tuple[int, int]:
    found = await world.figure(structs.replace(question_of(figure), as_of=day))
    return found.numerator, found.denominator


def is_first_of_period(figure: Figure, day: date) -> bool:
    return containing(day, figure.period.kind).start == day


async def test_a_figure_stands_still_up_to_the_next_day_on_which_it_moved(
    long: World,
) -> None:
    checked = 0
    for figure in await asked(long, seed=42, count=20):
        found = await moved_days(long.connection, [figure], long.today)
        for begin, end in (
            (found.earlier, figure.as_of),
            (figure.as_of, found.later),
        ):
            if begin is None or end is None or (end - begin).days > 60:
                continue
            day = begin + ONE_DAY
            while day < end:
                if not is_first_of_period(figure, day):
                    before = await counts(long, figure, day - ONE_DAY)
                    assert await counts(long, figure, day) == before, (figure, day)
                day += ONE_DAY
            moved = end if end == found.later else begin
            if not is_first_of_period(figure, moved):
                before = await counts(long, figure, moved - ONE_DAY)
                assert await counts(long, figure, moved) != before
                checked += 1
    assert checked > 10


async def test_of_several_figures_the_nearest_day_counts(long: World) -> None:
    figures = [
        await long.figure(Question(code, date(2021, 6, 15), definition=1))
        for code in ("IKU-1", "IKU-2", "IKU-3")
    ]
    alone = [await moved_days(long.connection, [one], long.today) for one in figures]
    all_ = await moved_days(long.connection, figures, long.today)
    assert all_.earlier == max(one.earlier for one in alone if one.earlier)
    assert all_.later == min(one.later for one in alone if one.later)
    assert len(set(alone)) > 1


async def test_no_day_is_after_today(long: World) -> None:
    question = question_of((await asked(long, seed=44, count=1))[0])
    last = await long.figure(
        structs.replace(question, as_of=long.today, known_on=None, size=None)
    )
    found = await moved_days(long.connection, [last], long.today)
    assert found.later is None
    assert found.earlier
    early = structs.replace(question, as_of=date(1, 1, 1))
    nothing = await moved_days(
        long.connection, [await long.figure(early)], date(1, 1, 2)
    )
    assert nothing == (None, None)
