"""The register's numbers: unique at every size of the log, and derived from it."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import date
from random import Random
from typing import Any

import pytest

from iku.commands.authorisation import NOBODY, Authority
from iku.commands.command import Command
from iku.commands.decision import decide, request
from iku.domain import conflict, fact, numbering
from iku.ledger import log
from iku.ledger.appender import AcceptedRequest
from iku.ledger.log import Receipt
from iku.postgres.pool import Plain
from iku.projections import number_index
from iku.projections.number_index import Names
from iku.projections.rebuild import rebuild
from iku.projections.rows import TransitionFold
from tests.registers.filled import owner_of
from tests.registers.world import World
from tests.samples import examples

DAY = date(2021, 5, 1)
NUMBERS = [f"{letter}{n}" for letter in "Kk" for n in (1, 2, 3, 4, 5, "1.2", "2.2")]


def report(title: str = "Perselisihan") -> conflict.Reported:
    return conflict.Reported(
        category=conflict.Category.SARA,
        dimension=conflict.Dimension.SUKU,
        title=title,
        effective_on=DAY,
    )


def renumbered(number: str) -> conflict.Corrected:
    return conflict.Corrected(corrects=1, number=number, reason="Salah tulis")


def annulled(version: int) -> fact.Annulled:
    return fact.Annulled(annuls=version, reason="Salah catat")


@pytest.fixture
async def owner(world: World) -> AsyncIterator[Plain]:
    """A connection in the owner's role to the world's database."""
    connection = await owner_of(world.app.database)
    yield connection
    connection.terminate()


async def names(world: World) -> Names:
    """All rows of the live table."""
    rows = await world.connection.fetch("select * from number")
    return {
        number_index.NumberKey(category, folded, subject): number_index.NumberUse(*use)
        for category, folded, subject, *use in rows
    }


async def rebuilt(world: World) -> list[str]:
    owner = await owner_of(world.app.database)
    try:
        return await rebuild(owner, lambda _done, _of: None)
    finally:
        await owner.close()


async def replayed(world: World) -> tuple[Names, list[str]]:
    """The rows derived from the log, and the numbers that two subjects held at once."""
    turns, derived = TransitionFold(), Names()
    holders: dict[tuple[str, str], str] = {}
    doubled: list[str] = []
    async for recorded in log.read_log(world.connection):
        turn = turns.apply(recorded).transition
        derived |= number_index.changed_rows(turn)
        holders = {k: s for k, s in holders.items() if s != recorded.stream}
        its = numbering.current_number(turn.subject, turn.after)
        if its is None or not its.held:
            continue
        key = recorded.category, its.number.lower()
        if key in holders:
            doubled.append(f"{key} at {recorded.position}")
        holders[key] = recorded.stream
    return derived, doubled


@pytest.mark.parametrize("seed", range(2))
async def test_no_two_subjects_hold_one_number_at_any_size(
    world: World, seed: int
) -> None:
    random = Random(seed)
    subjects: list[str] = []
    done: Counter[str] = Counter()
    for turn in range(250):
        subject = random.choice(subjects or NUMBERS)
        sent: list[tuple[str, Any]] = [
            (random.choice(NUMBERS), report(f"Perkara {turn}")),
            (subject, renumbered(random.choice(NUMBERS))),
            (subject, annulled(random.randint(1, 9))),
        ]
        subject, proposed = random.choice(sent)
        outcome = await world.try_to("conflict", subject, proposed)
        if outcome and outcome.added:
            subjects = sorted({*subjects, outcome.subject})
            done[type(proposed).__name__] += 1
    assert min(done[name] for name in ("Reported", "Corrected", "Annulled")) > 7, done
    derived, doubled = await replayed(world)
    assert doubled == []
    assert await names(world) == derived
    assert await rebuilt(world) == []
    assert await names(world) == derived


async def test_a_subject_is_found_by_every_name_it_ever_went_by(world: World) -> None:
    await world.do("conflict", "K1", report())
    await world.do("conflict", "K1", renumbered("K2"))
    await world.do("conflict", "K1", report("Kedua"))
    await world.do("conflict", "K1.2", renumbered("K3"))
    found = await number_index.find(
        world.connection, "conflict", ["K1", "k2", "K3", "K4"]
    )
    assert found == {
        "k1": [("K1", False), ("K1.2", False)],
        "k2": [("K1", True)],
        "k3": [("K1.2", True)],
    }


async def test_a_log_with_numbers_that_differ_in_case_only_can_be_rebuilt(
    world: World,
) -> None:
    for number in ("K1", "k1"):
        await unadmitted(world, number, report(number))
    assert await rebuilt(world) == []
    found = await number_index.find(world.connection, "conflict", ["K1"])
    assert found == {"k1": [("K1", True), ("k1", True)]}
    # Events that do not concern the number are still recorded.
    level = conflict.Corrected(
        corrects=1, level=conflict.Level.KEKERASAN, reason="Salah"
    )
    for number in ("K1", "k1"):
        assert (await world.do("conflict", number, level)).added
    assert (await world.do("conflict", "k1", renumbered("K2"))).added
    assert await world.try_to("conflict", "k1", renumbered("K1")) is None


async def unadmitted(world: World, subject: str, proposed: Any) -> None:
    """Record it as earlier programs did, which compared numbers with case."""
    command = Command("conflict", subject, proposed, "uji")
    decided = decide(
        command,
        {},
        today=DAY,
        areas=frozenset(),
        closed=None,
        authority=Authority(NOBODY, None, "uji"),
    )
    asked = request(command, decided, b"0" * 32)
    async with world.connection.transaction():
        [verdict] = await log.append(world.connection, [asked], zone="Asia/Jakarta")
        assert isinstance(verdict, Receipt)
        await world.app.append.project(
            world.connection, [AcceptedRequest(asked, verdict)]
        )


async def test_names_are_probed_by_an_index_however_many_there_are(
    world: World, owner: Plain
) -> None:
    """The plan is made while the table is nearly empty, and is cached."""
    await owner.execute("delete from projection.number")
    read_before, waves = 0, examples(31, 16)
    for wave in range(waves):
        if wave == waves - 1:
            read_before = await probed(owner)
        # Equally many with and without a number.
        given = [*(f"L-{wave}-{n}" for n in range(40)), *[""] * 40]
        await asyncio.gather(*(entered(world, number) for number in given))
    assert await owner.fetchval("select count(*) from projection.number") == 80 * waves
    found = await number_index.find(
        world.connection, "conflict", ["L-0-1", "K2021-00007"]
    )
    assert [*found] == ["k2021-00007", "l-0-1"]
    await world.connection.execute("select pg_stat_force_next_flush()")
    assert await probed(owner) - read_before < 500


async def entered(world: World, number: str) -> None:
    command = Command("conflict", number, report(), "uji")
    await world.app.commands.handle(world.app.pool, command)


async def probed(owner: Plain) -> int:
    """The number of rows of the table and entries of its indexes read so far."""
    await asyncio.sleep(1.2)  # idle sessions report their statistics within a second
    found: int = await owner.fetchval(
        """
        select (select sum(idx_tup_read) from pg_stat_user_indexes
                 where schemaname = 'projection' and relname = 'number')
             + (select seq_tup_read from pg_stat_user_tables
                 where schemaname = 'projection' and relname = 'number')
        """
    )
    return found
