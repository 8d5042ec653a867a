"""Balances of a journal far longer than tests record, held against plain sums of it."""

from collections.abc import Sequence
from datetime import date, timedelta
from random import Random
from typing import Any

import pytest

from iku.domain import period
from iku.domain.period import Kind
from iku.ledger.log import Connection
from iku.postgres.pool import Plain

FIRST, DAYS = date(2019, 11, 1), 900
LENGTH = 2 * 65_536 + 3 * 4_096 + 2 * 256 + 77  # of the log; few of its events count
SIZES = sorted(
    {
        n * block + d
        for block in (256, 4_096, 65_536)
        for n in (0, 1, LENGTH // block)
        for d in (-1, 0, 1, 100)
        if 0 <= n * block + d <= LENGTH
    }
)


@pytest.fixture(scope="module")
def random() -> Random:
    return Random(65_536)


@pytest.fixture
async def journal(owner: Plain, random: Random) -> Plain:
    """A journal of chance movements, rolled up in uneven steps as the log grew."""
    await owner.execute("set search_path = projection, ledger")
    await owner.execute("insert into definition values ('IKU-1', 1, 1, '{}')")
    positions = sorted(random.sample(range(1, LENGTH + 1), 6_000))
    rows = [_row(random, position) for position in positions]
    await owner.copy_records_to_table("posting", records=rows, schema_name="projection")
    await owner.execute(
        """
        insert into knowledge
        select known_on, min(position), max(position) from posting group by 1
        """
    )
    size = 0
    while size < LENGTH:
        size = min(LENGTH, size + random.randint(1, 30_000))
        await owner.execute("select projection.roll_up($1)", size)
    return owner


def _row(random: Random, position: int) -> tuple[Any, ...]:
    """Mostly known in the order of positions; some was learnt late, some foreseen."""
    known_on = FIRST + timedelta(days=position * DAYS // LENGTH)
    effective_on = known_on - timedelta(days=random.choice((0, 0, 1, 9, 40, 300, -20)))
    since = effective_on - timedelta(days=random.choice((0, 0, 10, 100)))
    if random.random() < 0.01:
        known_on -= timedelta(days=random.choice((1, 90)))  # an older register
    numerator, denominator = random.choice(((1, 1), (0, 1), (-1, -1), (1, 0), (-1, 0)))
    return (
        *(position, "IKU-1", 1, effective_on, random.choice((None, since)), known_on),
        *(random.choice(("ekonomi", "sosial")), random.choice(("", "35.76.01")), "K1"),
        *(numerator, denominator, random.choice((0, 1))),
    )


async def _summed(
    connection: Connection, by: str, days: Sequence[date], kind: Kind, **known: Any
) -> list[dict[str, tuple[int, ...]]]:
    """The counts at each of *days*, from balances."""
    rows = await connection.fetch(
        "select * from projection.course('IKU-1', 1, $1, $2, $3, $4, $5, $6)",
        *(by, [period.containing(day, kind).start for day in days], days),
        *(known.get("known_on"), known.get("size"), known.get("then", False)),
    )
    reached: dict[str, tuple[int, ...]] = {}
    found = []
    for point in range(1, len(days) + 1):
        for _, part, *moved in (row for row in rows if row["point"] == point):
            before = reached.get(part, (0, 0, 0))
            reached[part] = tuple(map(sum, zip(before, moved, strict=True)))
        found.append({part: at for part, at in reached.items() if any(at)})
    return found


async def _plainly(
    connection: Connection, by: str, day: date, kind: Kind, **known: Any
) -> dict[str, tuple[int, ...]]:
    """The same at one day, movement by movement."""
    rows = await connection.fetch(
        """
        select case $1 when 'part' then part when 'district' then district else '' end,
               sum(numerator), sum(denominator), sum(expired)
          from posting
         where effective_on <= $2
           and (since is null or since >= $3)
           and known_on <= coalesce($4::date, 'infinity')
           and position <= coalesce($5::bigint, 9223372036854775807)
         group by 1
        """,
        *(by, day, period.containing(day, kind).start),
        *(day if known.get("then") else known.get("known_on"), known.get("size")),
    )
    found = {part: tuple(map(int, sums)) for part, *sums in rows}
    return {part: sums for part, sums in found.items() if any(sums)}


async def test_any_course_of_days_is_the_plain_sum_of_the_journal(
    journal: Plain, random: Random
) -> None:
    for _ in range(60):
        by, kind = random.choice(("", "part", "district")), random.choice(list(Kind))
        days = sorted(_day(random) for _ in range(random.choice((1, 1, 2, 12))))
        bound: dict[str, Any] = random.choice(
            (
                {},
                {"known_on": _day(random)},
                {"size": random.choice((random.randint(0, LENGTH), *SIZES))},
                {"size": random.randint(0, LENGTH), "known_on": _day(random)},
            )
        )
        found = await _summed(journal, by, days, kind, **bound)
        plainly = [await _plainly(journal, by, day, kind, **bound) for day in days]
        assert found == plainly, (by, days, kind, bound)
        assert any(plainly) or bound or days[-1] < FIRST


async def test_each_day_by_its_own_knowledge_is_the_plain_sum_of_the_journal(
    journal: Plain, random: Random
) -> None:
    for kind in Kind:
        days = sorted(_day(random) for _ in range(20))
        found = await _summed(journal, "", days, kind, then=True)
        plainly = [await _plainly(journal, "", day, kind, then=True) for day in days]
        assert found == plainly
        assert found != await _summed(journal, "", days, kind)


async def test_a_size_at_the_edge_of_any_block_sums_up_just_so_many(
    journal: Plain,
) -> None:
    day = FIRST + timedelta(days=DAYS)
    assert {65_535, 65_536, 65_537, 2 * 65_536} <= {*SIZES}
    for size in SIZES:
        for asked in (day, day.replace(day=17)):
            found = await _summed(journal, "part", [asked], Kind.YEAR, size=size)
            plainly = await _plainly(journal, "part", asked, Kind.YEAR, size=size)
            assert found == [plainly], size


async def test_balances_summed_up_at_one_go_are_those_that_grew_with_the_log(
    journal: Plain,
) -> None:
    await journal.execute(
        """
        insert into definition values ('IKU-0', 2, 1, '{}');
        insert into posting
        select (jsonb_populate_record(p, '{"indicator": "IKU-0", "definition": 2}')).*
          from posting p
         where p.position % 3 = 0;
        select projection.roll('IKU-0', 2, 0, position) from rolled;
        """
    )
    told = """
        select *
          from balance
         where (numerator, denominator, expired) <> (0, 0, 0)
         order by indicator, definition, by, axis, unit, since, bucket, effective, part
        """
    grown, mark = (
        await journal.fetch(told),
        await journal.fetchval("select position from rolled"),
    )
    assert len(grown) > 20_000
    assert {row["axis"] for row in grown} == set(range(7))
    await journal.execute("truncate balance; update rolled set position = 0")
    await journal.execute("select projection.roll_anew($1)", LENGTH >> 8 << 8)
    assert await journal.fetch(told) == grown
    assert await journal.fetchval("select position from rolled") == mark


def _day(random: Random) -> date:
    """Any day; often the first or the last of a month, or of a year."""
    day = FIRST + timedelta(days=random.randint(-40, DAYS + 40))
    if random.random() < 0.5:
        day = period.containing(day, random.choice((Kind.MONTH, Kind.YEAR))).end
    return day + timedelta(days=random.choice((0, 0, 1)))
