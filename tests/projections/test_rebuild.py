"""Rebuild: its findings, its repairs, and its isolation from readers and writers."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import date
from typing import Any

import asyncpg
import pytest
from msgspec import structs

from iku.domain import conflict
from iku.domain.indicator import CarryOver, Redefinition, Revision
from iku.domain.question import Question
from iku.ledger import log
from iku.ledger.integrity_check import check_ledger
from iku.ledger.log import Connection
from iku.postgres import pool as pools
from iku.postgres.pool import Plain
from iku.projections import rebuild as rebuilding
from iku.projections.rebuild import TABLES, RebuildRunning, rebuild
from iku.queries import search
from iku.queries.figures import Figures
from iku.queries.search import Search
from tests.registers.filled import owner_of
from tests.registers.memory import Memory
from tests.registers.world import CODES, World
from tests.samples import examples

YEAR_END = date(2021, 12, 31)
QUESTIONS = [
    Question(code, YEAR_END, known_on=known_on, size=size, breakdown="part")
    for code in CODES
    for known_on in (None, date(2021, 10, 31))
    for size in (None, 400)
]


def silent(_done: int, _size: int) -> None:
    """Ignore the progress."""


@pytest.fixture
async def owner(world: World) -> AsyncIterator[Plain]:
    """A connection in the owner's role."""
    connection = await owner_of(world.app.database)
    yield connection
    connection.terminate()


async def held(owner: Plain) -> dict[str, list[Any]]:
    """The contents of the live tables."""
    return {
        table: await owner.fetch(
            f"select t.*::text from projection.{table} t order by 1"
        )
        for table in TABLES
    }


async def refuse_other_figures(world: World) -> None:
    memory = await Memory.of(world.connection)
    figures = await world.app.figures.answer(world.connection, QUESTIONS, world.today)
    assert figures == [memory.figure(question, world.today) for question in QUESTIONS]


def _reported(title: str = "Perselisihan") -> conflict.Reported:
    return conflict.Reported(
        category=conflict.Category.IPOLEKSOSBUD,
        dimension=conflict.Dimension.SOSIAL,
        title=title,
        effective_on=date(2021, 5, 1),
    )


async def write(world: World, prefix: str, count: int) -> None:
    """Record cases that count, one after the other."""
    async with world.app.pool.acquire() as connection:
        writer = World(world.app, connection)
        for number in range(count):
            case = f"{prefix}{number:04}"
            await writer.do("conflict", case, _reported())
            verified = conflict.Verified(effective_on=date(2021, 5, 2))
            await writer.do("conflict", case, verified)


async def test_rebuilding_changes_nothing_and_finds_nothing(
    world: World, owner: Plain
) -> None:
    before = await held(owner)
    size = await world.size()
    told: list[tuple[int, int]] = []
    assert await rebuild(owner, lambda done, of: told.append((done, of))) == []
    assert await held(owner) == before
    assert told[-1] == (size, size)
    assert await rebuild(owner, silent) == []


async def test_a_day_of_knowledge_begins_with_the_first_event_of_a_request(
    world: World, owner: Plain
) -> None:
    later = date(2021, 2, 1)
    right = Revision(corrects=1, reason="Salah catat", effective_on=later)
    assert (await world.do("indicator", "IKU-1", right)).receipt.count == 2
    assert await rebuild(owner, silent) == []


async def test_a_rebuilt_register_may_still_be_written_and_read(
    world: World, owner: Plain
) -> None:
    await rebuild(owner, silent)
    await write(world, "X", 140)  # more than a batch of the appender
    await refuse_other_figures(world)
    assert await rebuild(owner, silent) == []
    rights = """
        select c.relname, c.relowner::regrole::text as owner,
               coalesce(c.relacl::text, '') as rights
          from pg_class c
         where c.relnamespace = 'projection'::regnamespace and c.relkind in ('r', 'i')
         order by 1
        """
    before = await owner.fetch(rights)
    await rebuild(owner, silent)
    assert await owner.fetch(rights) == before
    beside = "select count(*) from pg_namespace where nspname = 'projection_next'"
    assert await owner.fetchval(beside) == 0


DOCTORED = {
    "a contribution too many": (
        "contribution",
        "insert into projection.contribution table projection.contribution limit 1",
    ),
    "a contribution gone": (
        "contribution",
        """
        delete from projection.contribution
         where position = (select max(position) from projection.contribution)
        """,
    ),
    "a contribution changed": (
        "contribution",
        """
        update projection.contribution set denominator = 2
         where position = (select min(position) from projection.contribution)
        """,
    ),
    "a contribution in force again": (
        "contribution",
        """
        update projection.contribution
           set superseded = 9223372036854775807, known_to = 'infinity'
         where superseded = (select min(superseded) from projection.contribution)
        """,
    ),
    "a contribution of other days": (
        "contribution",
        """
        update projection.contribution
           set valid = daterange(lower(valid) - 1, upper(valid))
         where position = (select max(position) from projection.contribution)
        """,
    ),
    "a state changed": (
        "state",
        "update projection.state set status = 'resolved' where status = 'open'",
    ),
    "a state gone": (
        "state",
        "delete from projection.state where subject = 'K0000'",
    ),
    "a definition changed": (
        "definition",
        """
        update projection.definition
           set options = replace(options, 'perseteruan', 'kekerasan')
         where indicator = 'IKU-3'
        """,
    ),
    "a definition gone": (
        "definition",
        "delete from projection.definition where indicator = 'IKU-2'",
    ),
}


@pytest.mark.parametrize("doctored", DOCTORED)
async def test_what_was_tampered_with_is_found_named_and_mended(
    world: World, owner: Plain, doctored: str
) -> None:
    table, statement = DOCTORED[doctored]
    before = await held(owner)
    assert not (await owner.execute(statement)).endswith(" 0")
    findings = await rebuild(owner, silent)
    assert findings
    assert all(re.match(rf"table {table}\b", finding) for finding in findings)
    assert await held(owner) == before
    await refuse_other_figures(world)
    assert await rebuild(owner, silent) == []


async def test_a_finding_shows_a_row_of_what_is_wrong(
    world: World, owner: Plain
) -> None:
    await owner.execute(
        """
        delete from projection.contribution c
         where ctid = (select max(ctid) from projection.contribution)
        """
    )
    [finding] = await rebuild(owner, silent)
    assert finding.startswith("table contribution lacked 1 row that the log yields: ")
    assert re.search(r": \(\d,[KO]\d{4},", finding)


async def test_a_subject_that_counts_twice_at_one_point_of_both_times_is_found(
    world: World, owner: Plain
) -> None:
    await owner.execute("set search_path = projection, public")
    assert await rebuilding._double_counting_findings(owner) == []
    subject = await owner.fetchval(
        """
        insert into contribution
        select * from contribution
         where denominator > 0 and definition = 1 limit 1
        returning subject
        """
    )
    [finding] = await rebuilding._double_counting_findings(owner)
    assert finding == (
        f"table contribution: two overlapping rows count {subject} in IKU-1, "
        "definition version 1"
    )


async def test_what_is_entered_during_a_rebuild_is_neither_lost_nor_counted_twice(
    world: World, owner: Plain
) -> None:
    size, count = await world.size(), examples(150, 60)
    writing = asyncio.create_task(write(world, "X", count))
    while (await world.size()) < size + 10:  # noqa: ASYNC110 - no event tells
        await asyncio.sleep(0.001)
    rebuilds = 0
    while not writing.done():
        assert await rebuild(owner, silent) == []
        rebuilds += 1
    await writing
    assert rebuilds > 0
    assert await world.size() == size + 2 * count
    assert await check_ledger(world.connection) == []
    await refuse_other_figures(world)
    assert await rebuild(owner, silent) == []


async def test_a_new_definition_during_a_rebuild_is_counted_once(
    world: World, owner: Plain
) -> None:
    code, redefinition = "IKU-1", _redefined()

    async def define() -> None:
        async with world.app.pool.acquire() as connection:
            writer = World(world.app, connection)
            await writer.do("indicator", code, redefinition)
            await write(world, "X", 20)

    defining: list[asyncio.Task[None]] = []

    def halfway(done: int, _size: int) -> None:
        if not defining:
            assert done > 0
            defining.append(asyncio.create_task(define()))

    assert await rebuild(owner, halfway) == []
    await asyncio.gather(*defining)
    question = Question("IKU-1", YEAR_END, definition=3)
    assert await world.figure(question) == await world.recount(question)
    assert await rebuild(owner, silent) == []


def _redefined() -> Any:
    return Redefinition(
        effective_on=date(2021, 1, 1),
        basis="SK",
        reason="Uji",
        carry_over=CarryOver.INCLUDE,
    )


async def test_of_two_rebuilds_at_once_the_second_is_told_that_it_is_busy(
    world: World, owner: Plain
) -> None:
    other = await owner_of(world.app.database)
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def catch_up(projector: Any, size: int) -> None:
        begun.set()
        await go_on.wait()
        await original(projector, size)

    original = rebuilding._Projector.catch_up
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rebuilding._Projector, "catch_up", catch_up)
        first = asyncio.create_task(rebuild(owner, silent))
        await begun.wait()
        with pytest.raises(RebuildRunning, match="another rebuild is in progress"):
            await rebuild(other, silent)
        go_on.set()
        assert await first == []
    assert await rebuild(other, silent) == []
    await other.close()


Moment = Callable[[Plain], Awaitable[None]]


@pytest.mark.parametrize("moment", ["while filling", "while switching"])
async def test_a_killed_rebuild_leaves_all_as_it_was_and_the_next_one_works(
    world: World, owner: Plain, moment: str
) -> None:
    before = await held(owner)
    name = "catch_up" if moment == "while filling" else "_switch"
    place: Any = rebuilding._Projector if moment == "while filling" else rebuilding
    original = getattr(place, name)

    async def killed(*args: Any) -> None:
        await original(*args)
        other = await owner_of(world.app.database)
        pid = owner.get_server_pid()
        assert await other.fetchval("select pg_terminate_backend($1, 5000)", pid)
        await other.close()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(place, name, killed)
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
            await rebuild(owner, silent)
    another = await owner_of(world.app.database)
    assert await held(another) == before
    await write(world, "X", 3)
    await refuse_other_figures(world)
    assert await rebuild(another, silent) == []
    await another.close()


async def test_who_reads_while_the_tables_are_switched_gets_right_figures(
    world: World, owner: Plain
) -> None:
    """Appends continue, so that figures from half-filled tables would be detected."""
    question = Question("IKU-1", YEAR_END)
    stop = asyncio.Event()
    told: list[Any] = []

    async def read() -> None:
        figures = Figures()
        async with world.app.pool.acquire() as connection:
            while not stop.is_set():
                told.extend(await figures.answer(connection, [question], world.today))

    async def browse() -> None:
        asked = Search(category="conflict", as_of=YEAR_END, limit=5)
        async with world.app.pool.acquire() as connection:
            while not stop.is_set():
                view = world.app.view(connection)
                assert len((await search.page(view, asked)).items) == 5

    async def rebuild_often() -> None:
        for number in range(examples(6, 3)):
            writing = asyncio.create_task(write(world, f"X{number}", 15))
            assert await rebuild(owner, silent) == []
            await writing
        stop.set()

    await asyncio.gather(read(), read(), read(), browse(), rebuild_often())
    memory = await Memory.of(world.connection)
    assert len({figure.size for figure in told}) > 20
    for size, counts in {
        figure.size: (figure.numerator, figure.denominator) for figure in told
    }.items():
        cited = Question("IKU-1", YEAR_END, size=size)
        recounted = memory.figure(cited, world.today)
        assert (recounted.numerator, recounted.denominator) == counts
    assert len({(f.size, f.denominator) for f in told}) == len({f.size for f in told})


async def test_a_figure_asked_for_just_before_the_switch_is_told_from_full_tables(
    world: World, owner: Plain, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reader waits for the switch; its figure must not be older than its size."""
    question = Question("IKU-1", YEAR_END)
    expected = await world.figure(question)
    head, original = log.head, rebuilding._switch
    reading: list[asyncio.Task[Any]] = []

    async def earlier(connection: Connection) -> log.Head:
        # So that many events remain for the transaction that switches the tables.
        found = await head(connection)
        return structs.replace(found, size=found.size - 500)

    async def ask() -> Any:
        async with world.app.pool.acquire() as other:
            return await world.app.figures.answer(other, [question], world.today)

    async def switch(connection: Plain) -> None:
        await connection.execute("lock table projection.definition")
        reading.append(asyncio.create_task(ask()))
        await _until_somebody_waits(connection)
        await original(connection)

    monkeypatch.setattr(rebuilding, "_switch", switch)
    monkeypatch.setattr(log, "head", earlier)
    assert await rebuild(owner, silent) == []
    assert await reading[0] == [expected]


async def _until_somebody_waits(connection: Plain) -> None:
    async with asyncio.timeout(10):
        while not await connection.fetchval(  # noqa: ASYNC110 - no event tells
            """
            select count(*)
              from pg_locks
             where not granted
               and database = (select oid from pg_database
                                where datname = current_database())
            """
        ):
            await asyncio.sleep(0.01)


async def test_the_application_may_not_rebuild(world: World) -> None:
    dsn = world.app.database.application_dsn
    for connect in (pools.connect, pools.connect_as_owner):
        connection = await connect(dsn)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await rebuild(connection, silent)
        await connection.close()
    await refuse_other_figures(world)


async def test_a_figure_kept_from_before_is_not_told_once_the_tables_are_mended(
    world: World, owner: Plain
) -> None:
    await owner.execute(
        """
        update projection.contribution set denominator = denominator + 7
        """
    )
    asked = Question("IKU-1", YEAR_END)
    wrong = [await world.figure(asked) for _ in range(2)]
    assert await rebuild(owner, silent) != []
    right = await world.figure(asked)
    assert right == await world.recount(asked)
    assert right not in wrong
