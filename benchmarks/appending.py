"""Append throughput, compared with other stores and with longer logs.

All writes are durable: PostgreSQL has production settings, UmaDB its defaults. An
event has 256 bytes of JSON; a record of iku also contains its provenance, and every
request carries the append condition of an ordinary fact. The longest log temporarily
needs some six gigabytes of disk.

The long logs are measured first. PostgreSQL fills each new file of its write-ahead log
with zeros while a commit waits, and reuses the files after a checkpoint. The stores are
thus compared on a server that reuses them, as one in operation does.

    python -m benchmarks.appending
"""

import asyncio
import json
import shutil
import sys
import tempfile
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import uvloop

from benchmarks import measuring, stores
from benchmarks.measuring import Row
from benchmarks.registers import FOLDER
from benchmarks.stores import CONNECTIONS, DATA, LENGTH, Rate
from iku.ledger.integrity_check import check_ledger
from iku.postgres import pool as pools
from iku.postgres.database import Database, migrate_database
from iku.postgres.embedded import Lease, lease

TITLE = "Appending: events per second, with version check, command id and leaf hash"
UNIT = "events/s"
# Target ratios by number of concurrent clients.
BARS: dict[str, dict[int, float]] = {
    "UmaDB": {16: 1.0, 64: 1.5, 256: 3.0},
    "eventsourcing": {16: 8.0, 64: 8.0, 256: 8.0},
    "bare insert": {},
    "the disk": {},
}
IN_BATCHES: dict[int, dict[str, dict[int, float]]] = {10: {"UmaDB": {16: 1.0}}}
CLIENTS = (1, 16, 64, 256)
BATCHES = (10, 100)
SIZES = (10_000, 100_000, 1_000_000, 5_000_000)
GROWN = 0.85  # of the rate at the first size


async def compare_single_events(sides: dict[str, Rate]) -> list[Row]:
    """One event per request, by number of concurrent clients; iku is the first side."""
    rows = []
    for clients in CLIENTS:
        what = f"{clients} client{'s'[: clients - 1]}"
        rows += await _compare(what, sides, clients, 1, BARS)
    return rows


async def compare_batches(sides: dict[str, Rate]) -> list[Row]:
    """Many events per request."""
    chosen = {name: sides[name] for name in ("ours", "UmaDB", "eventsourcing")}
    rows = []
    for batch in BATCHES:
        what = f"16 clients, {batch} events a request"
        rows += await _compare(what, chosen, 16, batch, IN_BATCHES.get(batch, {}))
    return rows


async def _compare(
    what: str,
    sides: dict[str, Rate],
    clients: int,
    batch: int,
    bars: dict[str, dict[int, float]],
) -> list[Row]:
    asked = [partial(rate, clients, batch) for rate in sides.values()]
    ours, *others = await measuring.measure_alternately(asked)
    return [
        Row(
            what=what,
            peer=peer,
            bar=bars.get(peer, {}).get(clients),
            unit=UNIT,
            samples=ours,
            peer_samples=theirs,
        )
        for peer, theirs in zip(list(sides)[1:], others, strict=True)
    ]


async def compare_two_processes(dsn: str, one: Rate) -> list[Row]:
    """Two processes that append to one log, compared with one with as many clients."""
    async with _measuring_process(dsn) as first, _measuring_process(dsn) as second:

        async def two() -> float:
            return sum(await asyncio.gather(first(32, 1), second(32, 1)))

        both, alone = await measuring.measure_alternately([two, partial(one, 64, 1)])
    peer = "one process, 64 clients"
    what = "two processes, 32 clients each"
    return [Row(what=what, peer=peer, unit=UNIT, samples=both, peer_samples=alone)]


@asynccontextmanager
async def _measuring_process(dsn: str) -> AsyncIterator[Rate]:
    """The rate of iku's log in another process, which measures on request."""
    command = (sys.executable, "-m", "benchmarks.appending", "--process")
    process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE)
    asked, answers = process.stdin, process.stdout
    assert asked is not None
    assert answers is not None
    asked.write(f"{json.dumps(dsn)}\n".encode())

    async def rate(clients: int, batch: int) -> float:
        asked.write(f"{json.dumps([clients, batch])}\n".encode())
        return float(await answers.readline())

    await rate(1, 1)  # waits until the process is connected
    yield rate
    asked.close()
    await process.wait()


async def serve_measurements() -> None:
    """Serve as that process: measure a rate for each line of standard input."""
    async with stores.ours(json.loads(sys.stdin.readline())) as rate:
        for line in sys.stdin:
            print(await rate(*json.loads(line)), flush=True)


async def rate_by_log_size(server: Lease) -> list[Row]:
    """The rate at each size of the log, compared with the rate at the smallest size."""
    async with AsyncExitStack() as stack:
        rates: list[Rate] = []
        for size in SIZES:
            database = await _database(server, f"grown_{size}")
            await _fill(database, size)
            opened = stores.ours(database.application_dsn)
            rates.append(await stack.enter_async_context(opened))
        asked = [partial(rate, 64, 1) for rate in rates]
        least, *grown = await measuring.measure_alternately(asked)
    return [
        Row(
            what=f"64 clients, {size:,} events in the log",
            peer=f"at {SIZES[0]:,}",
            bar=GROWN,
            unit=UNIT,
            samples=samples,
            peer_samples=least,
        )
        for size, samples in zip(SIZES[1:], grown, strict=True)
    ]


async def _database(server: Lease, name: str) -> Database:
    """A new database on the same server, with the schema of iku."""
    owner = await pools.connect_as_owner(server.owner_dsn)
    await owner.execute(f"create database {name}")
    await owner.close()
    dsns = (server.owner_dsn, server.application_dsn)
    database = Database(*(dsn.replace("@/iku?", f"@/{name}?") for dsn in dsns))
    await migrate_database(database)
    return database


async def _fill(database: Database, size: int) -> None:
    """Write the rows of *size* appends in a few statements.

    Streams are numbered, and command ids begin with the time, as in the program.
    """
    owner = await pools.connect_as_owner(database.owner_dsn)
    async with owner.transaction():
        await owner.execute(
            """
            insert into ledger.event (
                   position, stream, version, type, effective_on, known_on, declared,
                   recorded_at, record, leaf)
            select position, stream, version, 'Noted', '2021-02-01', '2021-02-01',
                   false, '2021-02-01 03:04:05Z', record,
                   sha256('\\x00'::bytea || record)
              from (
                     select n as position, stream, version,
                            convert_to(format(
                              '{"actor":"u/siti","command":"%s","data":%s,'
                              '"declared":false,"effective_on":"2021-02-01",'
                              '"known_on":"2021-02-01",'
                              '"recorded_at":"2021-02-01T03:04:05.000000Z",'
                              '"schema":2,"stream":"%s","text":{},"type":"Noted",'
                              '"version":%s}',
                              overlay(md5('command ' || n)
                                placing lpad(to_hex(1612148645000 + n), 12, '0') || '7'
                                from 1)::uuid, $2::text, stream, version),
                              'UTF8') as record
                       from generate_series(1, $1::bigint) as n
                      cross join lateral (
                              select 'conflict-K2021-' || lpad(number,
                                       greatest(5, length(number)), '0'),
                                     ((n - 1) % $3 + 1)::int
                                from (select ((n - 1) / $3 + 1)::text) as c (number)
                              ) as s (stream, version)
                     offset 0
                   ) e
            """,
            size,
            json.dumps(DATA, separators=(",", ":")),
            LENGTH,
        )
        await owner.execute(
            """
            insert into ledger.command
                   (command_id, body, stream, version, position, count, size)
            select command, sha256(convert_to(command, 'UTF8')), stream, version,
                   position, 1, position
              from (
                     select *,
                            convert_from(record, 'UTF8')::jsonb ->> 'command' as command
                       from ledger.event
                     offset 0
                   ) e
            """
        )
        await owner.execute(
            """
            insert into ledger.stream (stream, version, known_on)
            select stream, max(version), max(known_on) from ledger.event group by stream
            """
        )
        await owner.execute(
            """
            update ledger.head
               set (size, recorded_at, known_on) =
                   (select max(position), max(recorded_at), max(known_on)
                      from ledger.event)
            """
        )
    await owner.execute("vacuum analyze")
    if size == SIZES[0]:  # the other logs differ only in their size
        assert await check_ledger(owner) == []
    await owner.close()


async def measure(folder: Path) -> None:
    """Run all measurements on a server in *folder*."""
    # The peers need more connections; all other settings are those of production.
    with lease(folder, {"max_connections": "200"}) as server:
        grown = await rate_by_log_size(server)
        await _checkpoint(server)
        log = await _database(server, "ours")
        for peer in ("bare", "eventsourcing"):
            await _empty(server, peer)
        async with AsyncExitStack() as stack:
            sides = {
                "ours": await stack.enter_async_context(
                    stores.ours(log.application_dsn)
                ),
                "UmaDB": stack.enter_context(stores.uma(_folder(folder / "umadb"))),
                "eventsourcing": stack.enter_context(
                    stores.eventsourcing(_within(server, "eventsourcing"))
                ),
                "bare insert": await stack.enter_async_context(
                    stores.bare(_within(server, "bare"))
                ),
                "the disk": stack.enter_context(stores.disk(folder)),
            }
            for rate in sides.values():
                await rate(1, 1)  # warms up plans and connections
            rows = await compare_single_events(sides)
            rows += await compare_batches(sides)
            rows += await compare_two_processes(log.application_dsn, sides["ours"])
        await _hold(log)
    _report(rows + grown)


def _report(rows: Sequence[Row]) -> None:
    measuring.report("appending", TITLE, rows)
    print(
        f"A bare insert and eventsourcing have at most {CONNECTIONS} connections. The"
        " disk is so many clients by the time of one flush: the most that is possible"
        " if each waits for one flush a request."
    )


async def _hold(database: Database) -> None:
    """Assert that the positions of the log have no gaps and reach its size."""
    connection = await pools.connect(database.application_dsn)
    await connection.execute("set statement_timeout = 0")
    size = await connection.fetchval("select size from ledger.head")
    found = await connection.fetchrow(
        "select count(*), max(position), min(position) from ledger.event"
    )
    assert found is not None
    assert tuple(found) == (size, size, 1)
    await connection.close()


async def _checkpoint(server: Lease) -> None:
    """Write all changed pages, so that no checkpoint is in progress afterwards."""
    owner = await pools.connect_as_owner(server.owner_dsn)
    await owner.execute("checkpoint")
    await owner.close()


async def _empty(server: Lease, name: str) -> None:
    owner = await pools.connect_as_owner(server.owner_dsn)
    await owner.execute(f"create database {name}")
    await owner.close()


def _within(server: Lease, name: str) -> str:
    return server.owner_dsn.replace("@/iku?", f"@/{name}?")


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


def main() -> None:
    """Measure in a temporary folder on disk, not in a memory file system."""
    if sys.argv[1:] == ["--process"]:
        uvloop.run(serve_measurements())
        return
    FOLDER.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=FOLDER))
    try:
        folder.chmod(0o755)  # as root, the server runs as another user
        uvloop.run(measure(folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
