"""Figures from contributions, compared with a recount of the log; and their cost."""

import asyncio
import itertools
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from msgspec import structs

from iku.domain import conflict
from iku.domain.indicator import Redefinition, Reopening, Targeted
from iku.domain.period import Kind
from iku.domain.question import InvalidQuestion, Question, UnknownReference
from iku.ledger.log import Connection
from iku.postgres import pool as pools
from iku.queries import figure_cache
from iku.queries.figure_cache import CacheValidator
from iku.queries.figures import Figures
from tests.conftest import Clone
from tests.registers.filled import LONG, opened
from tests.registers.memory import Memory
from tests.registers.world import CODES, Chance, World
from tests.samples import ALL

DEFINITIONS = {"IKU-1": 2, "IKU-2": 2, "IKU-3": 2}
YEAR_END = date(2021, 12, 31)
YEAR = Question("IKU-1", YEAR_END)


def sizes(size: int) -> list[int]:
    """The first and last size, and sizes between, each with its neighbours."""
    edges = {size * n // 7 for n in range(8)}
    return sorted({n + d for n in edges for d in (-1, 0, 1) if 0 <= n + d <= size})


def month_edges() -> list[date]:
    firsts = [date(2020 + (n + 10) // 12, (n + 10) % 12 + 1, 1) for n in range(27)]
    return [day for first in firsts for day in (first - timedelta(days=1), first)]


def binding(memory: Memory, question: Question) -> str:
    """Which of a knowledge cut-off and a size is the stricter one."""
    if question.size is None or question.size >= memory.size:
        return "the size does not bind"
    if question.known_on is None or question.known_on >= max(memory.known):
        return "the day does not bind"
    later = any(day > question.known_on for day in memory.known[: question.size])
    if not later:
        return "all within the size was known"
    if all(day > question.known_on for day in memory.known[question.size :]):
        return "all that was known is within the size"
    return "both bind"


def questions(memory: Memory, count: int) -> Iterator[Question]:
    chance = Chance(Random(9))
    edges, days = sizes(memory.size), month_edges()
    for _ in range(count):
        asked = chance.question(memory.size, DEFINITIONS)
        if chance.random.random() < 0.4:
            asked = structs.replace(asked, size=chance.random.choice(edges))
        if chance.random.random() < 0.4:
            asked = structs.replace(asked, known_on=chance.random.choice(days))
        if asked.known_on is not None and chance.random.random() < 0.3:
            # A size near the last position that was known on that day.
            order = sum(day <= asked.known_on for day in memory.known)
            asked = structs.replace(asked, size=order)
        yield asked


async def test_any_figure_of_a_long_log_is_what_counting_it_anew_gives(
    long: World, memory: Memory
) -> None:
    assert memory.size > LONG
    asked = list(questions(memory, 350))
    figures = []
    for start in range(0, len(asked), 50):
        part = asked[start : start + 50]
        answers = await long.app.figures.answer(long.connection, part, long.today)
        figures += answers
    for question, figure in zip(asked, figures, strict=True):
        assert figure == memory.figure(question, long.today), question
    # Every case that the counting distinguishes occurred.
    met = Counter(binding(memory, question) for question in asked)
    assert len(met) == 5
    assert min(met.values()) >= 5
    assert sum(figure.denominator > 0 for figure in figures) > 200
    assert len({(f.indicator, f.definition) for f in figures}) == 6


@pytest.mark.parametrize("breakdown", [None, "part", "district"])
async def test_a_figure_is_the_same_if_counted_together_with_those_of_other_knowledge(
    long: World, memory: Memory, breakdown: Any
) -> None:
    random, late = Random(5), 0
    for code, kind in itertools.product(CODES, (Kind.YEAR, Kind.MONTH)):
        days = random.sample(sorted({*memory.known}), k=8)
        pairs = [(day, known_on) for day in days for known_on in (None, day)]
        asked = [
            Question(code, day, known_on, None, kind, 1, breakdown)
            for day, known_on in random.sample(pairs, k=12)
        ]
        together = await Figures().answer(long.connection, asked, long.today)
        for question, figure in zip(asked, together, strict=True):
            assert figure == await long.figure(question), question
            plain = structs.replace(question, breakdown=None)
            counted = memory.figure(plain, long.today)
            assert structs.replace(figure, parts=None) == counted, question
        denominators = {(figure.as_of, figure.denominator) for figure in together}
        late += len(denominators) - len({figure.as_of for figure in together})
    assert (
        late > 5
    )  # days whose figure is another as known on the day than as known now


async def test_replay_counts_a_long_log_to_the_same_figures(
    long: World, memory: Memory
) -> None:
    for question in questions(memory, 12):
        assert await long.recount(question) == memory.figure(question, long.today)


async def test_a_size_counts_just_so_many_events(long: World, memory: Memory) -> None:
    edges = sizes(memory.size)
    assert {0, 1, memory.size} <= {*edges}
    for code in CODES:
        asked = [Question(code, date(2022, 6, 30), size=size) for size in edges]
        figures = await long.app.figures.answer(long.connection, asked, long.today)
        assert figures == [memory.figure(q, long.today) for q in asked]
        assert figures[0].denominator == 0


async def test_knowledge_at_the_edge_of_a_month_is_told_apart(
    long: World, memory: Memory
) -> None:
    for size in (None, memory.size // 2):
        asked = [
            Question("IKU-1", date(2022, 6, 30), known_on=day, size=size)
            for day in month_edges()
        ]
        figures = await long.app.figures.answer(long.connection, asked, long.today)
        assert figures == [memory.figure(q, long.today) for q in asked]
        assert len({figure.denominator for figure in figures}) > 5


async def test_what_a_receipt_was_given_for_is_counted(world: World) -> None:
    before = await world.figure(YEAR)
    case = "K9001"
    for done, added in (
        (_reported(), (0, 0)),
        (conflict.Verified(effective_on=date(2021, 5, 2)), (0, 1)),
        (_resolved(), (1, 1)),
    ):
        receipt = (await world.do("conflict", case, done)).receipt
        after = await world.figure(YEAR)
        assert after.size == receipt.size
        grown = after.numerator - before.numerator, after.denominator
        assert grown == (added[0], before.denominator + added[1])


async def test_each_receipt_is_counted_when_it_is_given(
    world: World,
) -> None:
    size = await world.size()
    for number in range(20):
        await world.do("conflict", f"K9{number:03}", _reported())
        figure = await world.figure(structs.replace(YEAR, indicator="IKU-1"))
        assert figure.size == size + number + 1
    assert figure == await world.recount(YEAR)


async def test_a_figure_cited_with_its_size_is_unmoved_by_what_comes_later(
    world: World,
) -> None:
    cited = [
        structs.replace(YEAR, indicator=code, size=size, known_on=world.today)
        for code in CODES
        for size in (await world.size(), 400, 256)
    ]
    before = [await world.figure(question) for question in cited]
    for number in range(60):
        await world.do("conflict", f"K9{number:03}", _reported())
        verified = conflict.Verified(effective_on=date(2021, 5, 2))
        await world.do("conflict", f"K9{number:03}", verified)
    redefined = _redefined(reopening=Reopening.FIRST_CLOSURE_COUNTS)
    await world.do("indicator", "IKU-1", redefined)
    await world.do("indicator", "IKU-1", _target("95.00", date(2021, 10, 1)))
    assert [await world.figure(question) for question in cited] == before
    assert (await world.figure(YEAR)).denominator > before[0].denominator


async def test_a_new_definition_counts_the_past(world: World) -> None:
    every_level = Redefinition(
        effective_on=date(2020, 1, 1),
        basis="SK",
        reason="Uji",
        resolution_manners=(conflict.Manner.ISLAH,),
    )
    before = await world.figure(structs.replace(YEAR, definition=1))
    done = await world.do("indicator", "IKU-1", every_level)
    memory = await Memory.of(world.connection)
    asked = [
        structs.replace(question, indicator="IKU-1", definition=3)
        for question in questions(memory, 40)
    ]
    figures = await world.app.figures.answer(world.connection, asked, world.today)
    assert figures == [memory.figure(question, world.today) for question in asked]
    assert (await world.figure(structs.replace(YEAR, definition=3))).denominator > 0
    again = await world.figure(structs.replace(YEAR, definition=1))
    assert structs.replace(before, size=done.receipt.size, number="") == (
        structs.replace(again, number="")
    )


async def test_a_definition_may_be_asked_for_as_soon_as_it_is_recorded(
    world: World,
) -> None:
    await world.figure(YEAR)  # loads all present definitions into the cache
    await world.do("indicator", "IKU-1", _redefined())
    assert (await world.figure(structs.replace(YEAR, definition=3))).definition == 3


async def test_what_another_process_defines_is_noticed(world: World) -> None:
    database = world.app.database
    async with opened(database) as other:
        for _ in range(2):
            await world.figure(YEAR)
            await other.figure(YEAR)
        await world.do("indicator", "IKU-1", _redefined())
        # The other one's journal must count by it, and its figures must cite it.
        await other.do("conflict", "K9001", _reported(conflict.Level.POTENSI))
        verified = conflict.Verified(effective_on=date(2021, 5, 2))
        await other.do("conflict", "K9001", verified)
        figure = await other.figure(structs.replace(YEAR, definition=3))
        assert figure == await world.recount(structs.replace(YEAR, definition=3))
        assert figure == await world.figure(structs.replace(YEAR, definition=3))
        assert figure.definition == 3
        assert (await other.figure(YEAR)).definition == 3
        await other.do("indicator", "IKU-1", _target("42.00", YEAR_END))
        assert (await world.figure(YEAR)).target == Decimal("42.00")


async def test_a_figure_is_never_made_with_a_definition_its_size_has_outgrown(
    world: World,
) -> None:
    """Concurrent questions while the formula changes: each figure fits its size."""
    figures = world.app.figures

    async def ask() -> list[Any]:
        async with world.app.pool.acquire() as connection:
            return [
                (await figures.answer(connection, [YEAR], world.today))[0]
                for _ in range(40)
            ]

    async def define() -> list[Any]:
        for number in range(12):
            target = _target(f"{number + 1}.00", YEAR_END)
            await world.do("indicator", "IKU-1", target)
            await asyncio.sleep(0.002)
        return []

    answers = await asyncio.gather(ask(), ask(), ask(), define())
    memory = await Memory.of(world.connection)
    for figure in (figure for some in answers for figure in some):
        cited = structs.replace(YEAR, size=figure.size)
        assert figure == memory.figure(cited, world.today)


async def test_questions_that_name_nothing_are_told_so(world: World) -> None:
    tomorrow = world.today + timedelta(days=1)
    size = await world.size()
    with pytest.raises(UnknownReference, match="indicator IKU-9 does not exist"):
        await world.figure(Question("IKU-9", YEAR_END))
    for path, question in (
        ("as_of", Question("IKU-1", tomorrow)),
        ("size", structs.replace(YEAR, size=size + 1)),
        ("definition", structs.replace(YEAR, definition=3)),
        ("definition", structs.replace(YEAR, definition=0)),
    ):
        for answer in (world.figure, world.recount):
            with pytest.raises(InvalidQuestion) as refused:
                await answer(question)
            assert refused.value.path == path
    with pytest.raises(UnknownReference):
        await world.recount(Question("IKU-9", YEAR_END))


async def test_a_revised_agreement_sets_the_target_from_its_day_on(
    world: World,
) -> None:
    await world.do("indicator", "IKU-1", _target("92.50", date(2021, 10, 1)))

    async def target(as_of: date, **known: Any) -> Decimal | None:
        return (await world.figure(Question("IKU-1", as_of, **known))).target

    assert await target(date(2021, 1, 3)) is None
    assert await target(date(2021, 1, 4)) == Decimal("80.00")
    assert await target(date(2021, 9, 30)) == Decimal("80.00")
    assert await target(date(2021, 10, 1)) == Decimal("92.50")
    assert await target(date(2022, 1, 1)) is None
    # The revision was recorded today, the first agreement was known on 1 September.
    yesterday = world.today - timedelta(days=1)
    assert await target(YEAR_END, known_on=yesterday) == Decimal("80.00")
    assert await target(YEAR_END, known_on=date(2021, 8, 31)) is None


async def test_the_rating_is_that_of_the_achievement_shown(world: World) -> None:
    await world.do("indicator", "IKU-1", _target("100.00", date(2021, 10, 1)))
    figure = await world.figure(YEAR)
    assert figure.achievement == figure.percentage
    assert figure.rating == "Sangat Rendah"
    assert figure.percentage is not None
    exact = Decimal(figure.numerator * 100) / figure.denominator
    for share, rating in (("91", "Sangat Tinggi"), ("76", "Tinggi"), ("51", "Rendah")):
        # Just below the value at which the achievement reaches the band.
        target = (exact / Decimal(share) * 100).quantize(Decimal("0.01")) - 1
        day = date(2021, 10, 2)
        await world.do("indicator", "IKU-1", _target(str(target), day))
        assert (await world.figure(YEAR)).rating == rating
    assert (await world.figure(Question("IKU-2", YEAR_END))).rating is None


async def test_the_first_definition_serves_earlier_days_and_earlier_knowledge(
    world: World,
) -> None:
    early = await world.figure(Question("IKU-3", date(2020, 12, 31)))
    assert early.definition == 1
    assert early.denominator > 0
    before = date(2020, 12, 30)  # definitions count as known from 1 January 2021 on
    unknown = await world.figure(Question("IKU-3", before, known_on=before))
    assert unknown.definition == 1
    assert unknown == await world.recount(Question("IKU-3", before, known_on=before))
    empty = await world.figure(Question("IKU-3", YEAR_END, size=0))
    assert (empty.definition, empty.denominator, empty.empty) == (1, 0, "no_cases")
    assert empty.percentage is None


async def test_the_version_in_force_at_the_start_of_the_period_counts(
    world: World,
) -> None:
    # IKU-2 has a version 2 from 1 July 2021 on, known on 17 August.
    async def version(as_of: date, period: Kind, known_on: date | None = None) -> int:
        asked = Question("IKU-2", as_of, period=period, known_on=known_on)
        return (await world.figure(asked)).definition

    assert await version(YEAR_END, Kind.YEAR) == 1
    assert await version(YEAR_END, Kind.HALF) == 2
    assert await version(date(2021, 6, 30), Kind.HALF) == 1
    assert await version(date(2021, 7, 1), Kind.MONTH) == 2
    assert await version(YEAR_END, Kind.HALF, date(2021, 8, 16)) == 1
    assert await version(YEAR_END, Kind.HALF, date(2021, 8, 17)) == 2


async def test_parts_add_up_to_the_whole(long: World) -> None:
    for code in CODES:
        asked = [
            Question(code, YEAR_END, breakdown=by) for by in (None, "part", "district")
        ]
        answers = await long.app.figures.answer(long.connection, asked, long.today)
        whole, *parted = answers
        assert whole.parts is None
        for figure in parted:
            assert figure.parts
            assert sum(p.numerator for p in figure.parts) == whole.numerator
            assert sum(p.denominator for p in figure.parts) == whole.denominator


async def test_figures_asked_together_are_of_one_size(world: World) -> None:
    async def write() -> None:
        for number in range(60):
            await world.do("conflict", f"K9{number:03}", _reported())

    writing = asyncio.create_task(write())
    async with world.app.pool.acquire() as connection:
        figures = Figures()
        while not writing.done():
            asked = [Question(code, YEAR_END) for code in CODES]
            answers = await figures.answer(connection, asked, world.today)
            assert len({figure.size for figure in answers}) == 1
    await writing


class Looking:
    """A reader that records its statements."""

    def __init__(self, connection: Connection) -> None:
        self.asked: list[str] = []
        self._connection = connection

    async def fetch(self, query: str, *args: Any) -> Any:
        self.asked.append(query)
        return await self._connection.fetch(query, *args)

    async def fetchrow(self, query: str, *args: Any) -> Any:
        self.asked.append(query)
        return await self._connection.fetchrow(query, *args)

    fetchval = fetch


async def test_a_figure_asked_again_costs_one_look_until_something_is_recorded(
    world: World,
) -> None:
    figures, reader = world.app.figures, Looking(world.connection)
    asked = [YEAR, structs.replace(YEAR, indicator="IKU-2", size=300)]
    first = await figures.answer(reader, asked, world.today)
    reader.asked.clear()
    assert await figures.answer(reader, asked, world.today) == first
    assert len(reader.asked) == 1
    assert "course" not in reader.asked[0]
    async with opened(world.app.database) as other:  # as another process
        await other.do("conflict", "K9001", _reported())
        await other.do("conflict", "K9001", conflict.Verified(effective_on=YEAR_END))
    moved, still = await figures.answer(reader, asked, world.today)
    assert moved.size == first[0].size + 2
    assert moved.denominator == first[0].denominator + 1
    assert moved == await world.recount(YEAR)
    assert structs.replace(still, known_on=first[1].known_on) == first[1]


async def test_a_figure_asked_again_needs_no_look_if_the_request_has_read_the_log(
    world: World,
) -> None:
    figures, reader = world.app.figures, Looking(world.connection)
    before = await _validator(world)
    [first] = await figures.answer(reader, [YEAR], world.today, before)
    reader.asked.clear()
    assert await figures.answer(reader, [YEAR], world.today, before) == [first]
    assert reader.asked == []
    async with opened(world.app.database) as other:  # as another process
        await other.do("conflict", "K9001", _reported())
        await other.do("conflict", "K9001", conflict.Verified(effective_on=YEAR_END))
    after = await _validator(world)
    [moved] = await figures.answer(reader, [YEAR], world.today, after)
    assert moved.denominator == first.denominator + 1
    assert moved == await world.recount(YEAR)


async def _validator(world: World) -> CacheValidator:
    row = await world.connection.fetchrow("select * from projection.cache_validator()")
    assert row is not None
    return figure_cache.cache_validator(row)


async def test_a_figure_of_another_day_or_question_is_not_the_one_kept(
    world: World,
) -> None:
    answers = [
        await world.figure(structs.replace(YEAR, as_of=date(2021, month, 28), **more))
        for month in (3, 12)
        for more in ({}, {"size": 400}, {"known_on": date(2021, 4, 1)})
        for _ in range(2)
    ]
    memory = await Memory.of(world.connection)
    for figure in answers:
        at = {"size": figure.size, "known_on": figure.known_on}
        asked = structs.replace(YEAR, as_of=figure.as_of, **at)
        assert figure == memory.figure(asked, world.today)


async def test_no_more_figures_are_kept_than_memory_may_hold(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("iku.queries.figure_cache.MOST_KEPT", 6)
    figures, reader = world.app.figures, Looking(world.connection)
    for size in range(20, 40):
        asked = [structs.replace(YEAR, size=size), structs.replace(YEAR, size=size + 1)]
        await figures.answer(reader, asked, world.today)
        kept = figures._kept._made
        assert sum(map(len, kept.values())) <= 6


async def _read(connection: Connection) -> Counter[str]:
    """The rows read of each table in this session, and its sequential scans."""
    rows = await connection.fetch(
        """
        select relname, seq_scan, seq_tup_read + coalesce(idx_tup_fetch, 0) as read
          from pg_stat_xact_user_tables
         where schemaname in ('projection', 'ledger')
        """
    )
    read = Counter({row["relname"]: row["read"] for row in rows})
    # These tables have few rows, so any scan is accepted.
    small = {"definition", "head"}
    read["scans"] = sum(row["seq_scan"] for row in rows if row["relname"] not in small)
    return read


async def _cost(world: World, question: Question) -> Counter[str]:
    """The rows that one figure reads."""
    async with world.connection.transaction():
        before = await _read(world.connection)
        world.app.figures.forget()
        await world.figure(question)
        after = await _read(world.connection)
    after.subtract(before)
    return after


async def test_a_figure_reads_by_index_what_counts_and_little_besides(
    clone: Clone, long_register: str, memory: Memory
) -> None:
    database = await clone(long_register)
    async with opened(database) as world:
        owner = await pools.connect_as_owner(database.owner_dsn)
        await owner.execute("analyze")  # autovacuum is off
        held: int = await owner.fetchval("select count(*) from projection.contribution")
        await owner.close()
        if not ALL:  # a short table is read faster as a whole
            await world.connection.execute("set enable_seqscan = off")
        read = counted = 0
        for question in questions(memory, 60):
            if question.known_on is not None and question.size is not None:
                continue  # read by the day they are valid on, see decision 23
            figure = await world.figure(question)
            cost = await _cost(world, question)
            assert cost["scans"] == 0, question
            assert cost["event"] == cost["state"] == 0
            assert cost["contribution"] <= held / 9, question
            read += cost["contribution"]
            counted += figure.denominator + figure.numerator
        assert counted > 0
        # Organisations have two rows, and some rows begin later in the period.
        assert read <= 6 * counted + 60


def _reported(
    level: conflict.Level = conflict.Level.PERSETERUAN,
) -> conflict.Reported:
    return conflict.Reported(
        category=conflict.Category.IPOLEKSOSBUD,
        dimension=conflict.Dimension.SOSIAL,
        title="Perselisihan",
        level=level,
        effective_on=date(2021, 5, 1),
    )


def _resolved() -> conflict.Resolved:
    manner = conflict.Manner.MEDIASI
    return conflict.Resolved(effective_on=date(2021, 6, 1), manner=manner)


def _redefined(reopening: Reopening = Reopening.LATEST_STATE) -> Redefinition:
    return Redefinition(
        effective_on=date(2021, 1, 1),
        basis="SK 2",
        reason="Uji",
        reopening=reopening,
    )


def _target(target: str, effective_on: date) -> Targeted:
    return Targeted(year=2021, target=target, effective_on=effective_on, basis="PK-P")
