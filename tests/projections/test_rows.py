"""The statements that write the bitemporal tables."""

import asyncio
from collections.abc import AsyncIterator
from datetime import date
from typing import Any

import pytest

from iku.commands.command import Command
from iku.domain import conflict
from iku.postgres.pool import Plain
from iku.projections.rows import LAST
from tests.registers.filled import owner_of
from tests.registers.world import World

DAY = date(2021, 5, 1)
REPORT = conflict.Reported(
    category=conflict.Category.SARA,
    dimension=conflict.Dimension.SUKU,
    title="Perselisihan",
    effective_on=DAY,
)


@pytest.fixture
async def owner(world: World) -> AsyncIterator[Plain]:
    """A connection in the owner's role to the world's database."""
    connection = await owner_of(world.app.database)
    yield connection
    connection.terminate()


async def enter(world: World, proposed: Any, *subjects: str) -> None:
    await asyncio.gather(
        *(
            world.app.commands.handle(
                world.app.pool, Command("conflict", subject, proposed, "uji")
            )
            for subject in subjects
        )
    )


async def probed(owner: Plain) -> int:
    """The number of entries of the indexes of contributions read so far."""
    await asyncio.sleep(1.2)  # idle sessions report their statistics within a second
    found: int = await owner.fetchval(
        """
        select sum(idx_tup_read)
          from pg_stat_user_indexes
         where schemaname = 'projection' and relname = 'contribution'
        """
    )
    return found


async def test_a_superseded_contribution_is_found_by_its_subject_however_many_there_are(
    world: World, owner: Plain
) -> None:
    """Without statistics, the planner takes each condition to be as selective."""
    await owner.execute(
        f"""
        insert into projection.contribution
        select 1 + n % 3, 'L' || n, 'SOSIAL', '', daterange('{DAY}', null), null,
               '{DAY}', 'infinity', n, {LAST}, 0, 1, 0
          from generate_series(1, 3000) n
        """
    )
    subjects = [f"Z{number}" for number in range(10)]
    await enter(world, REPORT, *subjects)
    await enter(world, conflict.Verified(effective_on=DAY), *subjects)
    before = await probed(owner)
    resolved = conflict.Resolved(effective_on=DAY, manner=conflict.Manner.MEDIASI)
    await enter(world, resolved, *subjects)
    ended = """
        select count(distinct subject)
          from projection.contribution
         where superseded < $1 and subject = any($2::text[])
    """
    assert await owner.fetchval(ended, LAST, subjects) == len(subjects)
    assert await probed(owner) - before < 100
