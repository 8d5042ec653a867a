"""Rebuild of all projections from the log, in new tables next to the live ones.

The new tables are filled by the code that fills the live ones, while appends continue.
Then appends are blocked for a moment: the events since are projected, the tables are
compared row by row, and the new ones replace the live ones.
"""

import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import asyncpg

from iku.domain import indicator
from iku.domain.decider_registry import DECIDERS
from iku.ledger import log
from iku.ledger.log import Connection
from iku.ledger.record import Recorded
from iku.messages import message, plural
from iku.projections import parallel_fold, rows, writer
from iku.projections.rows import CountedDefinition, TransitionFold

LOCK = 0x696B75_5265  # advisory lock of a rebuild; an arbitrary constant
BATCH = 2_000  # events in a transaction

# In the order in which readers lock them, which excludes a deadlock.
TABLES = ("backfill", "definition", "contribution", "state", "number")
COMPARED = TABLES[1:]  # a backfill in progress is not rebuilt: it starts again

BULKY = ("contribution", "state")  # filled before their indexes are created

Progress = Callable[[int, int], None]


class RebuildRunning(Exception):
    """Another rebuild is in progress."""


async def rebuild(owner: Connection, progress: Progress) -> list[str]:
    """Build new tables, compare and switch; return a finding for each wrong live table.

    *owner* is a connection with the owner's privileges. *progress* is called with the
    number of events read and the number of events in the log. The new tables replace
    the live ones whether or not there are findings.

    Raises:
        RebuildRunning: Another rebuild is in progress.
    """
    async with _rebuild_lock(owner), _shadow_tables(owner):
        projector = _Projector(owner, progress)
        while projector.done < (size := (await log.head(owner)).size):
            # The events appended since are read in rounds that become shorter.
            await projector.catch_up(size)
        async with owner.transaction():
            # From here on appends are blocked, until the new tables are in place.
            size = await owner.fetchval("select size from ledger.head for update")
            await projector.catch_up(size)
            findings = [
                found
                for table in COMPARED
                async for found in _row_differences(owner, table)
            ]
            findings += await _double_counting_findings(owner)
            await _switch(owner)
    return findings


@asynccontextmanager
async def _rebuild_lock(owner: Connection) -> AsyncIterator[None]:
    if not await owner.fetchval("select pg_try_advisory_lock($1)", LOCK):
        raise RebuildRunning(message("another rebuild is in progress"))
    try:
        yield
    finally:
        await owner.execute("select pg_advisory_unlock($1)", LOCK)


@asynccontextmanager
async def _shadow_tables(owner: Connection) -> AsyncIterator[None]:
    """Empty tables in a separate schema, which is first in the search path."""
    # A killed rebuild leaves its schema behind, which nothing else reads.
    await owner.execute(
        """
        drop schema if exists projection_next cascade;
        create schema projection_next;
        """
    )
    for table in TABLES:
        later = "excluding indexes" if table in BULKY else ""
        await owner.execute(
            f"""
            create table projection_next.{table}
                   (like projection.{table} including all {later})
            """
        )
    await owner.execute("set search_path = projection_next, public")
    try:
        yield
    finally:
        await owner.execute(
            """
            reset search_path;
            drop schema if exists projection_next cascade;
            """
        )


class _Projector:
    """Projects the log, from its beginning, into the tables of the search path."""

    def __init__(self, owner: Connection, progress: Progress) -> None:
        self.done = 0
        self._owner = owner
        self._progress = progress
        self._definitions: Sequence[CountedDefinition] = ()

    async def catch_up(self, size: int) -> None:
        """Project the events after the last one projected, up to *size*."""
        if self.done == 0:
            await _fill_tables(self._owner, size, self._progress)
            self.done = size
            return
        batch: list[Recorded] = []
        async for recorded in log.read_log(self._owner, after=self.done, size=size):
            batch.append(recorded)
            if len(batch) == BATCH or recorded.position == size:
                await self._project(batch)
                self.done = recorded.position
                self._progress(self.done, size)
                batch = []

    async def _project(self, batch: Sequence[Recorded]) -> None:
        entries = await rows.projected_events(self._owner, batch, self.done)
        async with self._owner.transaction():
            size = entries[-1].position
            self._definitions = await writer.write(
                self._owner, entries, size, self._definitions
            )


async def _fill_tables(owner: Connection, size: int, progress: Progress) -> None:
    """Fill empty tables from a log of this *size*, then create their indexes."""
    definitions = await _insert_definitions(owner, size)
    done = 0
    async for found in parallel_fold.fold_in_parallel(
        _histories(owner, size), definitions, size
    ):
        await parallel_fold.copy(owner, found)
        done += found.events
        progress(done, size)
    for table in BULKY:
        for statement in await _indexes(owner, table):
            await owner.execute(statement)
    progress(size, size)


async def _histories(owner: Connection, size: int) -> AsyncIterator[list[Recorded]]:
    """The history of each subject, one after the other, so that memory is bounded."""
    for category in DECIDERS:
        async for history in log.read_subjects(owner, category, size=size):
            yield history


async def _insert_definitions(owner: Connection, size: int) -> list[CountedDefinition]:
    """All definitions in the first *size* events, inserted into the new table."""
    entries = []
    async for recorded in log.read_subjects(
        owner, indicator.decider.category, size=size
    ):
        turns = TransitionFold()
        entries += [turns.apply(one) for one in recorded]
    counted: list[CountedDefinition] = []
    for entry in sorted(entries, key=lambda entry: entry.position):
        counted += rows.number_definitions(entry, len(counted) + 1)
    for definition in counted:
        await rows.insert_definition(owner, definition)
    return counted


async def _indexes(owner: Connection, table: str) -> list[str]:
    """Statements that create the live table's indexes on the new table."""
    rows = await owner.fetch(
        """
        select case when k.oid is not null
                    then format('alter table projection_next.%I add constraint %I %s',
                                c.relname, k.conname, pg_get_constraintdef(k.oid))
                    else replace(pg_get_indexdef(i.indexrelid),
                                 format(' ON projection.%I ', c.relname),
                                 format(' ON projection_next.%I ', c.relname))
               end as statement
          from pg_index i
          join pg_class c on c.oid = i.indrelid
          left join pg_constraint k on k.conindid = i.indexrelid
         where c.oid = $1::regclass
         order by i.indexrelid
        """,
        f"projection.{table}",
    )
    return [row["statement"] for row in rows]


async def _row_differences(owner: Connection, table: str) -> AsyncIterator[str]:
    """Findings on rows that only the live table or only the new one contains."""
    if await _tables_equal(owner, table):
        return
    for here, there, finding in (
        ("projection", "projection_next", _surplus_finding),
        ("projection_next", "projection", _missing_finding),
    ):
        row: asyncpg.Record | None = await owner.fetchrow(
            f"""
              with surplus as (
                select * from {_visible_rows(here, table)} h
                except all
                select * from {_visible_rows(there, table)} t
              )
            select count(*) as rows, (select s::text from surplus s limit 1) as example
              from surplus
            """
        )
        if row is not None and row["rows"]:
            yield finding(table, row["rows"], row["example"])


def _surplus_finding(table: str, count: int, example: str) -> str:
    return plural(
        "table {table} contained {count} row that the log does not yield: {example}",
        "table {table} contained {count} rows that the log does not yield, such as "
        "{example}",
        count=count,
        table=table,
        example=example,
    )


def _missing_finding(table: str, count: int, example: str) -> str:
    return plural(
        "table {table} lacked {count} row that the log yields: {example}",
        "table {table} lacked {count} rows that the log yields, such as {example}",
        count=count,
        table=table,
        example=example,
    )


async def _double_counting_findings(owner: Connection) -> list[str]:
    """Findings on subjects with two rows that overlap in valid time and knowledge.

    An exclusion constraint would need another GiST index, as large as the table.
    """
    rows = await owner.fetch(
        """
        select distinct d.indicator, d.version, one.subject
          from contribution one
          join contribution other
            on other.definition = one.definition
           and other.subject = one.subject
           and other.ctid > one.ctid
           and other.valid && one.valid
           and int8range(other.position, other.superseded)
               && int8range(one.position, one.superseded)
           and (other.denominator > 0 and one.denominator > 0
                or other.numerator > 0 and one.numerator > 0)
          join definition d
            on d.number = one.definition
         order by d.indicator, d.version, one.subject
         limit 20
        """
    )
    return [
        message(
            "table contribution: two overlapping rows count {subject} in "
            "{indicator}, definition version {version}",
            **row,
        )
        for row in rows
    ]


def _visible_rows(schema: str, table: str) -> str:
    """The visible rows of a table: without those of a backfill."""
    if table != "contribution":
        return f"{schema}.{table}"
    return (
        f"(select * from {schema}.contribution where definition in"
        " (select number from projection_next.definition))"
    )


async def _tables_equal(owner: Connection, table: str) -> bool:
    """Whether both tables hold the same rows, by the sums of the rows' hashes.

    The seed is random, or an attacker could alter a table without changing the sum.
    Sorting both tables to compare them row by row takes a hundred times as long.
    """
    seed = secrets.randbits(63)
    ours, new_hash = [
        await owner.fetchrow(
            f"""
            select count(*), sum(hash_record_extended(t, $1))
              from {_visible_rows(schema, table)} t
            """,
            seed,
        )
        for schema in ("projection", "projection_next")
    ]
    return bool(ours == new_hash)


async def _switch(owner: Connection) -> None:
    """Replace the live tables by the new ones.

    One statement for all tables where SQL permits it: the guard of the schema examines
    the ledger after each, and appends are blocked meanwhile.
    """
    live = ", ".join(f"projection.{table}" for table in TABLES)
    await owner.execute(f"drop table {live}")
    for table in TABLES:
        await owner.execute(
            f"alter table projection_next.{table} set schema projection"
        )
    await owner.execute(
        f"""
        grant select, insert, update, delete on {live} to iku_app;
        grant select on {live} to iku_auditor;
        """
    )
