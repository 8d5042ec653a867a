"""Numbers of the register are drawn together, and none is lost on the way."""

import asyncio
from typing import Any

import pytest

from iku.ledger import log
from iku.ledger.log import Condition
from iku.numbering import Draw, Numbers
from iku.postgres.pool import Plain, Pool
from tests.ledger.conftest import Ask

CASE = Draw("conflict", 2026)


class Counting:
    """A reader that knows how often it was asked, and may be held or broken."""

    def __init__(self, connection: Plain) -> None:
        self.queries = 0
        self.broken: Exception | None = None
        self.held = asyncio.Event()
        self.held.set()
        self._connection = connection

    async def fetch(self, query: str, *args: Any) -> Any:
        self.queries += 1
        await self.held.wait()
        if self.broken:
            raise self.broken
        return await self._connection.fetch(query, *args)

    fetchrow = fetchval = fetch


@pytest.fixture
def reader(connection: Plain) -> Counting:
    return Counting(connection)


async def test_who_draws_at_the_same_moment_shares_a_query(reader: Counting) -> None:
    numbers = Numbers()
    draws = [numbers.next(reader, CASE) for _ in range(40)]
    draws.append(numbers.next(reader, Draw("organisation", 2026)))
    *cases, organisation = await asyncio.gather(*draws)
    assert cases == [f"K2026-{n:05}" for n in range(1, 41)]
    assert organisation == "O2026-00001"
    assert reader.queries == 1


async def test_who_comes_while_others_draw_is_next(reader: Counting) -> None:
    numbers = Numbers()
    reader.held.clear()
    first = asyncio.create_task(numbers.next(reader, CASE))
    await asyncio.sleep(0.01)
    later = [asyncio.create_task(numbers.next(reader, CASE)) for _ in range(5)]
    await asyncio.sleep(0.01)
    reader.held.set()
    assert await first == "K2026-00001"
    assert await asyncio.gather(*later) == [f"K2026-{n:05}" for n in range(2, 7)]
    assert reader.queries == 2
    assert await numbers.next(reader, CASE) == "K2026-00007"


async def test_no_number_is_used_up_where_a_condition_is_broken(
    reader: Counting, connection: Plain
) -> None:
    numbers, ask = Numbers(), Ask()
    streams = ("indicator-X", "publication-2026", "conflict-K1")
    await log.append(connection, [ask(stream) for stream in streams], zone="UTC")
    broken = Draw("conflict", 2026, Condition(("indicator", "publication"), 1))
    holds = Draw("conflict", 2026, Condition(("indicator", "publication"), 2))
    draws = [numbers.next(reader, draw) for draw in (broken, holds, broken, CASE)]
    drawn = await asyncio.gather(*draws)
    assert drawn == [None, "K2026-00001", None, "K2026-00002"]


async def test_who_leaves_keeps_nobody_from_a_number_and_uses_up_none(
    reader: Counting,
) -> None:
    numbers = Numbers()
    first, *others = [asyncio.create_task(numbers.next(reader, CASE)) for _ in range(4)]
    await asyncio.sleep(0)
    first.cancel()
    assert await asyncio.gather(*others) == [f"K2026-{n:05}" for n in range(1, 4)]


async def test_everyone_is_told_of_a_query_that_fails_and_may_draw_again(
    reader: Counting,
) -> None:
    numbers = Numbers()
    reader.broken = ConnectionError("away")
    draws = [numbers.next(reader, CASE) for _ in range(3)]
    told = await asyncio.gather(*draws, return_exceptions=True)
    assert [type(one) for one in told] == [ConnectionError] * 3
    reader.broken = None
    assert await numbers.next(reader, CASE) == "K2026-00001"


async def test_two_processes_never_draw_the_same(pool: Pool) -> None:
    desks = [Numbers(), Numbers()]
    draws = [desks[n % 2].next(pool, CASE) for n in range(60)]
    assert len({*await asyncio.gather(*draws)}) == 60
