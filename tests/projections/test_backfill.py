"""Backfill of a definition during appends; figures use it only once it is complete."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import nullcontext
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from iku.domain import conflict
from iku.domain.conflict import Category, Dimension, Level
from iku.domain.indicator import Redefinition
from iku.domain.question import Question
from iku.ledger.log import Connection
from iku.postgres.pool import Plain
from iku.projections import backfill, parallel_fold
from iku.projections.rebuild import rebuild
from tests.registers.filled import owner_of
from tests.registers.memory import Memory
from tests.registers.world import World

YEAR_END = date(2021, 12, 31)


def redefined(**options: Any) -> Redefinition:
    return Redefinition(
        effective_on=date(2021, 1, 1), basis="SK", reason="Uji", **options
    )


VIOLENT = redefined(minimum_level=Level.KEKERASAN)
DECLARED = redefined(minimum_level=Level.STATUS_KEADAAN_KONFLIK)


class Gate:
    """A gate that blocks the backfill of a definition until it is opened.

    At the gate, the first rows are committed, and the next ones are written.
    """

    def __init__(self) -> None:
        self._copies = 0
        self.reached = asyncio.Event()
        self._open = asyncio.Event()

    async def copy(self, connection: Connection, found: parallel_fold.CopyRows) -> None:
        await COPY(connection, found)
        self._copies += 1
        if self._copies > 1:
            self.reached.set()
            await self._open.wait()

    async def reach(self, defining: asyncio.Task[int]) -> None:
        """Wait until the backfill has written rows, or has failed."""
        reached = asyncio.create_task(self.reached.wait())
        await asyncio.wait({reached, defining}, return_when=asyncio.FIRST_COMPLETED)
        assert self.reached.is_set()

    def open(self) -> None:
        self._open.set()


COPY = parallel_fold.copy


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    gate = Gate()
    monkeypatch.setattr(parallel_fold, "copy", gate.copy)
    monkeypatch.setattr(parallel_fold, "BATCH", 20)
    monkeypatch.setattr(backfill, "FEW", 0)
    yield gate
    gate.open()


@pytest.fixture
async def owner(world: World) -> AsyncIterator[Plain]:
    connection = await owner_of(world.app.database)
    yield connection
    await connection.close()


async def define(world: World, proposed: Redefinition) -> int:
    """The position of the definition, recorded on a separate connection."""
    async with world.app.pool.acquire() as connection:
        outcome = await World(world.app, connection).do("indicator", "IKU-1", proposed)
    return outcome.receipt.position


async def report(world: World, case: str) -> int:
    """The position of the verification of a new case that counts."""
    reported = conflict.Reported(
        category=Category.IPOLEKSOSBUD,
        dimension=Dimension.SOSIAL,
        title="Sengketa",
        effective_on=date(2021, 5, 1),
    )
    await world.do("conflict", case, reported)
    verified = conflict.Verified(effective_on=date(2021, 5, 2))
    return (await world.do("conflict", case, verified)).receipt.position


async def refuse_other_counts(world: World, definition: int) -> None:
    """Assert that figures by a definition equal those of the log, wherever asked."""
    size, memory = await world.size(), await Memory.of(world.connection)
    for at in (None, 100, size // 2, size - 3, size - 1):
        for known_on in (None, date(2021, 8, 1)):
            for as_of in (date(2021, 6, 30), YEAR_END):
                question = Question(
                    "IKU-1", as_of, definition=definition, known_on=known_on, size=at
                )
                counted = memory.figure(question, world.today)
                assert await world.figure(question) == counted


async def unannounced(connection: Connection) -> int:
    """The number of rows without a recorded definition."""
    count: int = await connection.fetchval(
        """
        select count(*)
          from projection.contribution
         where definition not in (select number from projection.definition)
        """
    )
    return count


async def test_others_append_and_ask_while_a_definition_is_counted(
    world: World, owner: Plain, gate: Gate
) -> None:
    question = Question("IKU-1", YEAR_END)
    defining = asyncio.create_task(define(world, VIOLENT))
    await gate.reach(defining)

    # Each of these completes while the definition waits at the gate.
    before = await world.figure(question)
    position = await report(world, "K7001")
    after = await world.figure(question)
    assert not defining.done()
    assert after.denominator == before.denominator + 1
    assert await unannounced(owner) > 0

    gate.open()
    assert await defining == position + 1
    assert await unannounced(owner) == 0
    await refuse_other_counts(world, definition=3)
    assert await rebuild(owner, lambda *_: None) == []


async def test_a_crash_while_a_definition_is_counted_leaves_nothing_that_counts(
    world: World, owner: Plain, gate: Gate
) -> None:
    question = Question("IKU-1", YEAR_END)
    before = await world.figure(question)
    defining = asyncio.create_task(define(world, VIOLENT))
    await gate.reach(defining)
    size = await world.size()
    defining.cancel()
    with pytest.raises(asyncio.CancelledError):
        await defining

    assert await world.size() == size
    assert await world.figure(question) == before
    gate.open()
    await define(world, DECLARED)
    assert await unannounced(owner) == 0
    await refuse_other_counts(world, definition=3)
    assert await rebuild(owner, lambda *_: None) == []


async def test_a_rebuild_removes_what_a_crash_left(
    world: World, owner: Plain, gate: Gate
) -> None:
    defining = asyncio.create_task(define(world, VIOLENT))
    await gate.reach(defining)
    gate.open()
    await defining
    await owner.execute(
        """
        insert into projection.contribution
        select 99, subject, part, district, valid, since, known_from, known_to,
               position, superseded, numerator, denominator, expired
          from projection.contribution where definition = 1
        """
    )
    assert await unannounced(owner) > 0
    assert await rebuild(owner, lambda *_: None) == []
    assert await unannounced(owner) == 0


async def another_definition(world: World, owner: Plain) -> None:
    """A writer without backfill records another definition."""
    del owner
    commands = replace(world.app.commands, prepare=lambda _: nullcontext())
    app = replace(world.app, commands=commands)
    async with world.app.pool.acquire() as connection:
        await World(app, connection).do("indicator", "IKU-3", VIOLENT)


async def a_rebuild(world: World, owner: Plain) -> None:
    """A rebuild replaces the tables."""
    del world
    assert await rebuild(owner, lambda *_: None) == []


@pytest.mark.parametrize("meanwhile", [another_definition, a_rebuild])
async def test_rows_lost_while_a_definition_is_counted_are_counted_by_the_append(
    world: World,
    owner: Plain,
    gate: Gate,
    meanwhile: Callable[[World, Plain], Coroutine[Any, Any, None]],
) -> None:
    defining = asyncio.create_task(define(world, VIOLENT))
    await gate.reach(defining)
    other = asyncio.create_task(meanwhile(world, owner))
    await asyncio.sleep(0.2)  # it waits for uncommitted rows, or completes first
    gate.open()
    await asyncio.gather(defining, other)
    await refuse_other_counts(world, definition=3)
    assert await unannounced(owner) == 0
    assert await rebuild(owner, lambda *_: None) == []


async def test_definitions_are_counted_one_after_the_other(
    world: World, owner: Plain, gate: Gate
) -> None:
    first = asyncio.create_task(define(world, VIOLENT))
    await gate.reach(first)
    second = asyncio.create_task(define(world, DECLARED))
    await asyncio.sleep(3 * backfill.WAIT_S)
    assert not second.done()
    gate.open()
    await asyncio.gather(first, second)
    for definition in (3, 4):
        await refuse_other_counts(world, definition)
    assert await rebuild(owner, lambda *_: None) == []
