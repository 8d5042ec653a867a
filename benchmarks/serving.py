"""POST of a case over HTTP, compared with a CRUD handler; and slow readers.

python -m benchmarks.serving
"""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from benchmarks.loading import Load, LoadResult, run_in_process
from benchmarks.measuring import Row, measure_alternately, report
from benchmarks.served import prepare, served
from iku.postgres.database import Database, migrate_database
from iku.postgres.embedded import lease

FOLDER = Path("var") / "benchmarks" / "serving"
SECONDS = 4.0
PEER = "plain CRUD handler"
BARS = {64: 1.5, 16: 1.0}  # by number of concurrent clients
BODY = (
    '{"category":"ipoleksosbud","dimension":"ekonomi","level":"perseteruan",'
    '"title":"Sengketa lapak pedagang pasar nomor {}","effective_on":"2021-02-09",'
    '"area":"35.76.01.1003","source":"polres","reference":"LP/B/{}/2021"}'
)
POST = ("POST /api/v1/conflicts HTTP/1.1",)
CRUD = ("POST /crud HTTP/1.1",)


async def entering(port: int) -> list[Row]:
    """Responses per second and the highest latencies of iku's POST and of the peer."""
    rows: list[Row] = []
    for connections, bar in BARS.items():
        ours = _Posting(port, POST, connections)
        peer = _Posting(port, CRUD, connections)
        for warm in (ours, peer):
            await warm.rate()
        ours.told.clear()
        samples, peers = await measure_alternately([ours.rate, peer.rate])
        what = f"POST /conflicts, {connections} connections"
        rows += [
            Row(
                what=what,
                peer=PEER,
                bar=bar,
                unit="a second",
                samples=samples,
                peer_samples=peers,
            ),
            Row(
                what=f"{what}, 99th percentile",
                peer="median",
                bar=5,
                better="lower",
                unit="ms",
                samples=[told.p99 for told in ours.told],
                peer_samples=[told.p50 for told in ours.told],
            ),
        ]
    return rows


class _Posting:
    """A load of distinct bodies for one route."""

    def __init__(self, port: int, heads: tuple[str, ...], connections: int) -> None:
        self.told: list[LoadResult] = []
        self._port = port
        self._heads = heads
        self._connections = connections

    async def rate(self) -> float:
        """Responses per second."""
        load = Load(
            self._port,
            self._heads,
            BODY,
            connections=self._connections,
            seconds=SECONDS,
            status=201,
        )
        self.told.append(await run_in_process(load))
        return self.told[-1].rate


async def rate_with_slow_reader(port: int) -> list[Row]:
    """Responses per second of a POST, with and without a slow reader of the log."""
    first = 10**7  # numbers that no other load uses

    async def post() -> float:
        nonlocal first
        first += 10**6
        load = Load(port, POST, BODY, seconds=SECONDS, status=201, first=first)
        return (await run_in_process(load)).rate

    async def read_beside() -> float:
        async with _reading(port):
            return await post()

    await post()
    ours, peers = await measure_alternately([read_beside, post])
    return [
        Row(
            what="POST /conflicts, with slow readers of a replay",
            peer="without",
            bar=0.9,
            unit="a second",
            samples=ours,
            peer_samples=peers,
        )
    ]


@asynccontextmanager
async def _reading(port: int) -> AsyncIterator[None]:
    """A client that reads the whole log as NDJSON at one megabyte per second."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 16)
    writer.write(
        b"GET /api/v1/log/events HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        b"Accept: application/x-ndjson\r\n\r\n"
    )
    task = asyncio.create_task(_slowly(reader))
    try:
        yield
        assert not task.done(), "the log was too short to be read all the while"
    finally:
        task.cancel()
        writer.close()


async def _slowly(reader: asyncio.StreamReader) -> None:
    while await reader.read(1 << 16):  # noqa: ASYNC110 - it limits the rate
        await asyncio.sleep(1 / 16)


async def main() -> None:
    """Measure over a new register, with durable settings."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    server = lease(FOLDER)
    held = await asyncio.to_thread(server.__enter__)
    try:
        database = Database(held.owner_dsn, held.application_dsn)
        await migrate_database(database)
        await prepare(database)
        async with served(database, IKU_HOME=str(FOLDER)) as port:
            rows = await entering(port)
            # The log is now long enough to keep a slow reader busy for a whole turn.
            rows += await rate_with_slow_reader(port)
    finally:
        await asyncio.to_thread(server.__exit__, None, None, None)
    report("serving", "Entering over HTTP, with concurrent readers", rows)


if __name__ == "__main__":
    asyncio.run(main())
