"""Building all projections anew from the log, beside the live ones.

The fresh tables are filled by the code that fills the live ones, while the office goes
on working. Then appending is held for a moment: what has come in meanwhile is caught
up with, old and new are compared row by row, and the new ones take their place.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import asyncpg

from iku.ledger import log
from iku.ledger.log import Connection
from iku.projections.journal import Entry, Journal, Turns

LOCK = 0x696B75_5265  # one rebuild at a time; any constant of our own
BATCH = 2_000  # events a transaction

# In the order in which readers take them: so they wait for us, and we for them, but
# never both. `balance` is compared without the sums that came out as nought.
TABLES = ("rolled", "knowledge", "balance", "posting", "standing", "definition")

Progress = Callable[[int, int], None]


class Busy(Exception):
    """Another rebuild is under way."""


async def rebuild(owner: Connection, progress: Progress) -> list[str]:
    """Build, compare, switch; a finding for each table that was not as it should be.

    *owner* is a connection with the owner's rights. *progress* is told how many events
    of how many have been read. Whatever was found, the fresh tables are in place after.

    Raises:
        Busy: Another rebuild is under way.
    """
    async with _alone(owner), _beside(owner):
        projector = _Projector(owner, progress)
        while projector.done < (size := (await log.head(owner)).size):
            # What has come in meanwhile is read in rounds that get ever shorter.
            await projector.catch_up(size)
        async with owner.transaction():
            # From here on nobody appends, until the fresh tables are in place.
            size = await owner.fetchval("select size from ledger.head for update")
            await projector.catch_up(size)
            findings = [
                found for table in TABLES async for found in _unlike(owner, table)
            ]
            await _switch(owner)
    return findings


@asynccontextmanager
async def _alone(owner: Connection) -> AsyncIterator[None]:
    if not await owner.fetchval("select pg_try_advisory_lock($1)", LOCK):
        raise Busy("another rebuild is under way")
    try:
        yield
    finally:
        await owner.execute("select pg_advisory_unlock($1)", LOCK)


@asynccontextmanager
async def _beside(owner: Connection) -> AsyncIterator[None]:
    """Empty tables in a schema of their own, to which unqualified names lead."""
    # One that was killed leaves its tables behind; nothing else ever reads them.
    await owner.execute(
        """
        drop schema if exists projection_next cascade;
        create schema projection_next;
        """
    )
    for table in TABLES:
        await owner.execute(
            f"""
            create table projection_next.{table}
                   (like projection.{table} including all)
            """
        )
    await owner.execute(
        """
        alter table projection_next.balance set (fillfactor = 70); -- `like` omits it
        insert into projection_next.rolled (position) values (0);
        """
    )
    await owner.execute("set search_path = projection_next")
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
    """Projects the log, from its beginning, into the tables that names lead to."""

    def __init__(self, owner: Connection, progress: Progress) -> None:
        self.done = 0
        self._owner = owner
        self._progress = progress
        self._journal = Journal()
        self._turns = Turns()

    async def catch_up(self, size: int) -> None:
        """Project what lies between the last event projected and *size*."""
        batch: list[Entry] = []
        async for recorded in log.read_log(self._owner, after=self.done, size=size):
            batch.append(self._turns.entry(recorded))
            if len(batch) == BATCH or recorded.position == size:
                async with self._owner.transaction():
                    await self._journal.write(self._owner, batch, recorded.position)
                self.done = recorded.position
                self._progress(self.done, size)
                batch = []


async def _unlike(owner: Connection, table: str) -> AsyncIterator[str]:
    """What the live table holds that the fresh one does not, and conversely."""
    told = "where (numerator, denominator, expired) <> (0, 0, 0)"
    only = told if table == "balance" else ""
    for here, there, verdict in (
        ("projection", "projection_next", "held, but should not"),
        ("projection_next", "projection", "should hold, but did not"),
    ):
        row: asyncpg.Record | None = await owner.fetchrow(
            f"""
              with surplus as (
                select * from {here}.{table} {only}
                except all
                select * from {there}.{table} {only}
              )
            select count(*) as rows, (select s::text from surplus s limit 1) as example
              from surplus
            """
        )
        if row is not None and row["rows"]:
            example = row["example"]
            yield f"{table} {verdict}: {row['rows']} rows, such as {example}"


async def _switch(owner: Connection) -> None:
    """Put the fresh tables in the place of the live ones."""
    for table in TABLES:
        await owner.execute(
            f"""
            drop table projection.{table};
            alter table projection_next.{table} set schema projection;
            grant select, insert, update, delete on projection.{table} to iku_app;
            grant select on projection.{table} to iku_auditor;
            """
        )
