"""Entering a case over HTTP, complete, beside a GET of one select; and slow readers.

python -m benchmarks.serving
"""

import asyncio
import shutil
from pathlib import Path

from benchmarks.loading import Load, Told, apart
from benchmarks.measuring import Row, in_turns, report
from benchmarks.served import served
from iku.postgres.database import Database, migrate_database
from iku.postgres.embedded import lease

FOLDER = Path("var") / "benchmarks" / "serving"
SECONDS = 2.0
PEER = "GET of one select"
BODY = (
    '{"category":"ipoleksosbud","dimension":"ekonomi","level":"perseteruan",'
    '"title":"Sengketa lapak pedagang pasar nomor {}","effective_on":"2021-02-09",'
    '"area":"35.76.01.1003","source":"polres","reference":"LP/B/{}/2021"}'
)
POST = ("POST /api/v1/conflicts HTTP/1.1",)
GET = ("GET /one HTTP/1.1",)


async def entering(port: int) -> list[Row]:
    """Answers a second and how much the slowest take, of a POST and of the peer."""
    posted: list[Told] = []

    async def post() -> float:
        load = Load(port, POST, BODY, seconds=SECONDS, status=201)
        posted.append(await apart(load))
        return posted[-1].rate

    async def get() -> float:
        return (await apart(Load(port, GET, seconds=SECONDS))).rate

    for warm in (post, get):
        await warm()
    posted.clear()
    ours, peers = await in_turns([post, get])
    return [
        Row(
            what="POST /conflicts, 64 connections",
            peer=PEER,
            bar=0.8,
            unit="a second",
            samples=ours,
            peer_samples=peers,
        ),
        Row(
            what="POST /conflicts, the slowest in a hundred",
            peer="median",
            bar=5,
            better="lower",
            unit="ms",
            samples=[told.p99 for told in posted],
            peer_samples=[told.p50 for told in posted],
        ),
    ]


async def main() -> None:
    """Measure over a fresh register, on durable settings."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    server = lease(FOLDER)
    held = await asyncio.to_thread(server.__enter__)
    try:
        database = Database(held.owner_dsn, held.application_dsn)
        await migrate_database(database)
        async with served(database, IKU_HOME=str(FOLDER)) as port:
            rows = await entering(port)
    finally:
        await asyncio.to_thread(server.__exit__, None, None, None)
    report("serving", "Entering over HTTP, and who reads meanwhile", rows)


if __name__ == "__main__":
    asyncio.run(main())
