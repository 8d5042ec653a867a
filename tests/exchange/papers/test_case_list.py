"""The annex that lists the cases behind a publication's figures."""

import asyncio
from datetime import date

import pytest

from iku.domain.question import Question
from iku.queries import case_annex
from tests.exchange.papers.conftest import YEAR_END, Make
from tests.registers.world import World


def question(indicator: str, size: int = 147) -> Question:
    return Question(indicator, YEAR_END, date(2022, 1, 15), size)


@pytest.mark.usefixtures("published")
async def test_the_events_of_cases_are_read_once_for_all_indicators(
    world: World, make: Make
) -> None:
    run = list[str]()
    with world.connection.query_logger(lambda record: run.append(record.query)):
        document = await make("daftar-konflik", publication="2021")
    await asyncio.sleep(0)  # the last statement is logged by a callback
    assert len([*document.tables]) == 2
    assert sum("stream < $3 || '.'" in query for query in run) == 1


async def test_cases_of_several_indicators_are_those_of_each_alone(
    world: World,
) -> None:
    asked = [question(one) for one in ("IKU-1", "IKU-3")]
    together = await case_annex.cases(world.view, asked, with_titles=True)
    alone = [
        *await case_annex.cases(world.view, asked[:1], with_titles=True),
        *await case_annex.cases(world.view, asked[1:], with_titles=True),
    ]
    assert together == alone
    assert all(together)
    assert await case_annex.cases(world.view, [], with_titles=True) == []


async def test_questions_with_two_cut_offs_are_refused(world: World) -> None:
    asked = [question("IKU-1"), question("IKU-3", 146)]
    with pytest.raises(ValueError, match="cut-offs"):
        await case_annex.cases(world.view, asked, with_titles=False)
