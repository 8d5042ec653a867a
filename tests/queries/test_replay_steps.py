"""The steps of a replay are the lines of the replay."""

from itertools import groupby
from typing import Any

import pytest

from iku.domain.question import Question
from iku.queries import replay_steps
from iku.queries.figure_replay import ReplayOrder
from tests.queries.test_figure_replay import asked, lines
from tests.registers.world import World
from tests.samples import examples


@pytest.mark.parametrize("chunk", [1, 3, 50])
async def test_the_steps_lead_through_every_movement_in_both_directions(
    long: World, chunk: int, monkeypatch: Any
) -> None:
    monkeypatch.setattr(replay_steps, "CHUNK", chunk)
    walked = 0
    for figure in await asked(long, seed=47, count=12):
        whole = await lines(long, figure, ReplayOrder.KNOWN)
        grouped = [[*g] for _, g in groupby(whole, key=lambda line: line.position)]
        if not 0 < len(grouped) < 80:
            continue
        if (walked := walked + 1) > examples(12, 3):
            break
        step = await replay_steps.step(
            long.view, long.app.figures, figure, 0, long.today
        )
        assert (step.lines, step.earlier) == ((), None)
        before = (0, 0)
        for index, expected in enumerate(grouped):
            assert step.later == expected[0].position
            step = await replay_steps.step(
                long.view, long.app.figures, figure, step.later, long.today
            )
            assert step.lines == expected
            assert (step.numerator, step.denominator) == before
            before = (expected[-1].numerator, expected[-1].denominator)
            earlier = grouped[index - 1][0].position if index else None
            assert step.earlier == earlier
        assert step.later is None
        assert before == (figure.numerator, figure.denominator)
    assert walked >= 3


async def test_a_position_between_two_steps_shows_the_one_before(long: World) -> None:
    figure = await long.figure(Question("IKU-1", long.today, definition=1))
    whole = await lines(long, figure, ReplayOrder.KNOWN)
    last = await replay_steps.step(
        long.view, long.app.figures, figure, 2**53 - 1, long.today
    )
    assert last.position == whole[-1].position
    assert last.later is None
    first = await replay_steps.step(
        long.view, long.app.figures, figure, whole[0].position, long.today
    )
    between = await replay_steps.step(
        long.view, long.app.figures, figure, whole[0].position + 1, long.today
    )
    if whole[1].position > whole[0].position + 1:
        assert between == first


async def test_a_figure_of_nothing_has_no_step(world: World) -> None:
    figure = await world.figure(Question("IKU-1", world.today, size=0))
    found = await replay_steps.step(
        world.view, world.app.figures, figure, 9, world.today
    )
    assert found == (0, 0, 0, (), None, None)
