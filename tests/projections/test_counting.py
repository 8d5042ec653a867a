"""The index reads of `projection.counting`, in logs of different lengths."""

import json
from collections.abc import AsyncIterator
from datetime import date

import pytest

from iku.postgres.pool import Plain

DEFINITION = 9
END = date(2021, 12, 31)
CASES = 180  # a year
FOREVER = 2**63 - 1
WAYS = {
    "as of a day": (False, False),
    "as known on a day": (True, False),
    "of the first events": (False, True),
    "as known on a day, of the first events": (True, True),
}


async def record(owner: Plain, years: int) -> None:
    """Write the rows of cases, year by year, in the order of reports and closings.

    Positions are days. Most cases are closed within a year, a tenth of them years
    later. They alternate between three definitions.
    """
    for year in range(END.year + 1 - years, END.year + 1):
        await owner.execute(
            f"""
            insert into projection.contribution
            select {DEFINITION} - n % 3, 'K{year}-' || n, 'SOSIAL', '',
                   daterange(day, null), null, day, 'infinity',
                   day - date '1900-01-01', {FOREVER}, 0, 1, 0
              from generate_series(1, {CASES}) n,
                   lateral (select date '{year}-01-01' + n as day) d;

              with closed as (
                update projection.contribution c
                   set known_to = d.day, superseded = d.day - date '1900-01-01'
                  from projection.contribution o,
                       lateral (
                         select o.known_from + 1 + (o.position * 7919 % 400)::integer
                                + case o.position % 10 when 0 then 1500 else 0 end
                                as day
                       ) d
                 where o.ctid = c.ctid
                   and c.superseded = {FOREVER}
                   and upper(c.valid) is null
                   and d.day <= '{year}-12-31'
                returning c.*
              )
            insert into projection.contribution
            select definition, subject, part, district, daterange(known_from, known_to),
                   null, known_to, 'infinity', superseded, {FOREVER}, 0, 1, 0
              from closed;
            """
        )
    await owner.execute("vacuum analyze projection.contribution")


@pytest.fixture
async def owner_of_indexes(owner: Plain) -> AsyncIterator[Plain]:
    """A connection that prefers index scans, as the planner does for a large table."""
    await owner.execute("set enable_seqscan = off")
    yield owner
    await owner.execute("reset enable_seqscan")


async def counted(owner: Plain, known: bool, prefix: bool) -> tuple[int, int]:
    """The number of rows that count on a day, and of index pages read for them."""
    day = date(END.year, 6, 15)
    known_on = f"daterange('{END.year}-07-01', '{END.year}-07-01', '[]')"
    size = f"date '{END.year}-06-20' - date '1900-01-01'"
    plan = await owner.fetchval(
        f"""
        explain (analyze, buffers, format json)
        select count(*)
          from projection.counting(
                 {DEFINITION}::smallint, '{END.year}-01-01',
                 daterange('{day}', '{day}', '[]'),
                 {known_on if known else "null"}, {size if prefix else "null"}) c
        """
    )
    (told,) = json.loads(plan)
    (under,) = told["Plan"]["Plans"]
    (index,) = under["Plans"]
    pages = index["Shared Hit Blocks"] + index["Shared Read Blocks"]
    return int(under["Actual Rows"]), pages


async def test_a_figure_reads_no_more_of_the_indexes_of_a_log_ten_times_as_long(
    owner_of_indexes: Plain,
) -> None:
    owner = owner_of_indexes
    await record(owner, years=8)
    short = {what: await counted(owner, *ways) for what, ways in WAYS.items()}
    await owner.execute("truncate projection.contribution")
    await record(owner, years=80)
    long = {what: await counted(owner, *ways) for what, ways in WAYS.items()}
    for what, (rows, pages) in long.items():
        assert rows == short[what][0] > 20, what
        assert pages <= 1.25 * short[what][1], what
