"""Operations that read the whole log: recount, check, rebuild.

Each is compared with only reading and decoding the records, on the same events and in
the same turn. Each runs in a separate process, so that its peak memory is its own; a
smaller register shows whether memory grows with the log.

    python -m benchmarks.streaming [COUNT]
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import date
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple, TypeAlias

from benchmarks import measuring, registers
from benchmarks.measuring import Row
from iku.domain.question import Question
from iku.exchange import bundle
from iku.ledger import checkpoint_signing, log, record
from iku.ledger.integrity_check import check_ledger
from iku.ledger.log import Connection
from iku.ledger.policy import Policy
from iku.ledger.signer_folder import SignerFolder
from iku.postgres import pool as pools
from iku.postgres.database import Database
from iku.projections.rebuild import rebuild
from iku.queries.recount import recount

COUNT, SMALL = 50_000, 10_000
AS_OF = date(2021, 12, 31)
ORIGIN = "iku.test/log"
DECODED = "reading and decoding them"
HASHED = "sha256 of their bytes"

Work: TypeAlias = Callable[[Connection], Awaitable[None]]


class Ran(NamedTuple):
    """The result of one operation, run in a separate process."""

    rate: float  # records per second
    peak: float  # MiB


async def decoded(connection: Connection) -> None:
    """All records, read in order and decoded."""
    async for recorded in log.read_log(connection):
        record.decode(recorded.record)


async def decoded_of(category: str, connection: Connection) -> None:
    """The records of one category, read stream by stream and decoded."""
    async for recorded in log.read_subjects(connection, category):
        for one in recorded:
            record.decode(one.record)


async def recounted(indicator: str, connection: Connection) -> None:
    """A figure recounted from the log alone."""
    figure = await recount(connection, Question(indicator, AS_OF), AS_OF)
    assert figure.denominator > 0


async def checked(connection: Connection) -> None:
    """A check of the ledger against all its rules."""
    assert await check_ledger(connection) == []


async def rebuilt(connection: Connection) -> None:
    """A rebuild of all projections: fill, compare, switch."""
    assert await rebuild(connection, lambda _done, _size: None) == []


async def exported(connection: Connection) -> None:
    """An export of the log as a bundle."""
    with tempfile.TemporaryDirectory() as folder:
        place, policy = Path(folder) / "bundle", Policy(quorum="none")
        await bundle.export(connection, policy, place, lambda *_: None)


# The operations, each with the prefix of the streams that it reads.
WORKS: dict[str, tuple[Work, str]] = {
    "decoded": (decoded, ""),
    "decoded cases": (partial(decoded_of, "conflict"), "conflict-"),
    "decoded organisations": (partial(decoded_of, "organisation"), "organisation-"),
    "recounted cases": (partial(recounted, "IKU-1"), "conflict-"),
    "recounted organisations": (partial(recounted, "IKU-2"), "organisation-"),
    "checked": (checked, ""),
    "rebuilt": (rebuilt, ""),
    "exported": (exported, ""),
}


async def work(name: str, dsn: str) -> dict[str, float]:
    """Run one operation: records, seconds and peak memory in MiB."""
    connection = await pools.connect_as_owner(dsn)
    await log.head(connection)
    do, prefix = WORKS[name]
    began = time.perf_counter()
    await do(connection)
    took = time.perf_counter() - began
    peak = measuring.peak()
    records = await connection.fetchval(
        "select count(*) from ledger.event where starts_with(stream, $1)", prefix
    )
    await connection.close()
    return {"records": records, "took": took, "peak": peak}


async def run_in_process(database: Database, name: str) -> Ran:
    """Run one operation in a separate process."""
    words = ("--work", name)
    told = await measuring.run_in_process(
        "benchmarks.streaming", *words, stdin=database.owner_dsn.encode()
    )
    return Ran(told["records"] / told["took"], told["peak"])


async def hashed(database: Database) -> Ran:
    """SHA-256 of each record in memory: the minimum work of a check."""
    connection = await pools.connect_as_owner(database.owner_dsn)
    records = [one.record async for one in log.read_log(connection)]
    await connection.close()
    began = time.perf_counter()
    for one in records:
        sha256(one).digest()
    return Ran(len(records) / (time.perf_counter() - began), 0)


@asynccontextmanager
async def signed(count: int) -> AsyncIterator[Database]:
    """A register of *count* events with durable settings and a signed log."""
    async with registers.register(count, settings={}) as database:
        assert database.signer_dsn is not None
        signer = await pools.connect_as_signer(database.signer_dsn)
        signs = SignerFolder(registers.register_folder(count) / "signer")
        if not signs.folder.exists():
            signs.make_key(ORIGIN)
        await checkpoint_signing.sign(signer, signs, ORIGIN)
        await signer.close()
        yield database


# The operation, its peer, and the target; the target of a rebuild is in `before`.
COMPARED: tuple[tuple[str, str, str, float | None], ...] = (
    ("rebuild of all projections", "rebuilt", "decoded", None),
    ("replay of IKU-1", "recounted cases", "decoded cases", 0.5),
    ("replay of IKU-2", "recounted organisations", "decoded organisations", 0.5),
    ("verify of the whole log", "checked", "decoded", 0.5),
)
CONSTANT = ("rebuilt", "recounted cases", "recounted organisations", "exported")


async def report(count: int) -> None:
    """Measure on a register of *count* events, and memory also on a smaller one."""
    small: dict[str, Ran] = {}
    async with signed(SMALL) as database:
        for name in CONSTANT:
            small[name] = await run_in_process(database, name)
    async with signed(count) as database:
        sides = [partial(run_in_process, database, name) for name in WORKS]
        ran = dict(
            zip(
                [*WORKS, "hashed"],
                await _measure_alternately([*sides, partial(hashed, database)]),
                strict=True,
            )
        )
    measuring.report("streaming", f"The whole log, {count:,} events", _rows(ran, small))


async def _measure_alternately(
    sides: list[Callable[[], Awaitable[Ran]]],
) -> list[list[Ran]]:
    """As `measuring.measure_alternately`, for operations with a rate and a peak."""
    ran: list[list[Ran]] = [[] for _ in sides]

    async def one(index: int) -> float:
        ran[index].append(await sides[index]())
        return ran[index][-1].rate

    await measuring.measure_alternately(
        [partial(one, index) for index in range(len(sides))]
    )
    return ran


def _rows(ran: dict[str, list[Ran]], small: dict[str, Ran]) -> list[Row]:
    rates = [
        Row(
            what=what,
            peer=DECODED,
            bar=bar,
            unit="events/s",
            samples=[one.rate for one in ran[ours]],
            peer_samples=[one.rate for one in ran[peer]],
        )
        for what, ours, peer, bar in COMPARED
    ]
    against_hash = Row(
        what="verify of the whole log",
        peer=HASHED,
        unit="events/s",
        samples=[one.rate for one in ran["checked"]],
        peer_samples=[one.rate for one in ran["hashed"]],
    )
    memory = [
        Row(
            what=f"peak memory: {name}",
            peer=f"at {SMALL:,} events",
            bar=1.25,
            better="lower",
            unit="MiB",
            samples=[one.peak for one in ran[name]],
            peer_samples=[small[name].peak for _ in ran[name]],
        )
        for name in CONSTANT
    ]
    return [*rates, against_hash, *memory]


def main() -> None:
    """Measure on the requested register."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int, nargs="?", default=COUNT)
    parser.add_argument("--work", choices=WORKS, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.work:
        print(json.dumps(asyncio.run(work(asked.work, sys.stdin.read()))))
        return
    asyncio.run(report(asked.count))


if __name__ == "__main__":
    main()
