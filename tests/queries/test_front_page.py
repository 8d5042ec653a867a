"""The default day of the front page."""

from datetime import date

import pytest

from iku.queries import front_page
from iku.queries.front_page import FallbackReason, FrontDay, RequestedMoment
from tests.registers.world import World

TODAY = date(2026, 11, 27)


@pytest.mark.parametrize(
    ("moved_on", "targets", "expected"),
    [
        (None, [2021], FrontDay(TODAY)),
        (date(2026, 1, 2), [2021], FrontDay(TODAY)),
        (
            date(2022, 3, 1),
            [2020, 2021],
            FrontDay(date(2021, 12, 31), FallbackReason.TARGETED),
        ),
        (date(2022, 3, 1), [2021, 2026], FrontDay(TODAY)),
        (
            date(2022, 3, 1),
            [2021, 2027],
            FrontDay(date(2021, 12, 31), FallbackReason.TARGETED),
        ),
        (date(2022, 3, 1), [2027], FrontDay(date(2022, 12, 31), FallbackReason.MOVED)),
        (date(2022, 3, 1), [], FrontDay(date(2022, 12, 31), FallbackReason.MOVED)),
    ],
)
def test_the_day_shown_is_that_of_the_last_year_that_means_something(
    moved_on: date | None, targets: list[int], expected: FrontDay
) -> None:
    assert front_page.default_day(TODAY, moved_on, targets) == expected


async def test_the_first_year_has_no_year_before_it(world: World) -> None:
    figures, view = world.app.figures, world.view
    first = await front_page.read_front_page(
        view, figures, RequestedMoment(date(1, 6, 30)), world.today
    )
    assert [one.as_of for one in first.figures] == [date(1, 6, 30)] * 3
    assert first.earlier == {}
    later = await front_page.read_front_page(
        view, figures, RequestedMoment(date(2021, 6, 30)), world.today
    )
    assert {one.as_of for one in later.earlier.values()} == {date(2020, 12, 31)}
