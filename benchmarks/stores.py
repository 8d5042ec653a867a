"""The log of iku and its peers, each measured in events per second.

A store is used by a number of concurrent clients with a number of events per request.
A client waits for the response before its next request; a store responds when the
events are on disk. Streams grow to six events, as subjects do; each append states the
expected version. Streams and commands are named as the program names unnamed ones.
"""

import asyncio
import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from datetime import date
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TypeAlias
from urllib.parse import parse_qs, unquote, urlsplit
from uuid import uuid4

import asyncpg

# At the top level: the import installs a signal handler, which needs the main thread.
import umadb
from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore

from iku.ledger import uuid7
from iku.ledger.appender import Appender
from iku.ledger.log import AppendCondition, AppendRequest, StreamPart
from iku.ledger.record import NewEvent
from iku.postgres import pool as pools
from iku.postgres.pool import Plain

Rate: TypeAlias = Callable[[int, int], Awaitable[float]]  # clients, events per request

MOMENT_S = 0.8  # duration of each measurement
LENGTH = 6  # events per stream
DATA = {"keterangan": "x" * 239}
PAYLOAD = json.dumps(DATA, separators=(",", ":")).encode()
CONNECTIONS = 64  # maximum for a peer that needs one for each client
ZONE = "Asia/Jakarta"
PORT = 50_951  # of UmaDB's server, on loopback

SHARE = 1_000_000  # numbers that a process reserves at a time

assert len(PAYLOAD) == 256


def _streams(first: int) -> Iterator[str]:
    """The names of the cases' streams, in the order of their numbers."""
    # Not a generator, because threads share it.
    return map("conflict-K2026-{:05}".format, itertools.count(first))


class Moment:
    """A period of measurement, and the operations completed in it."""

    def __init__(self, seconds: float = MOMENT_S) -> None:
        self.done = 0
        self._began = time.perf_counter()
        self._until = self._began + seconds

    @property
    def lasts(self) -> bool:
        """Whether the period has not ended yet."""
        return time.perf_counter() < self._until

    def rate(self) -> float:
        """Operations per second, including those that complete after the end."""
        return self.done / (time.perf_counter() - self._began)


@asynccontextmanager
async def ours(dsn: str) -> AsyncIterator[Rate]:
    """The log of iku through its appender: one process, one connection."""

    async def connect() -> Plain:
        return await pools.connect(dsn)

    # From the process id, so that several processes name different streams.
    first = 1 + SHARE * os.getpid()
    streams = _streams(first)
    async with Appender(connect, zone=ZONE) as appender:

        async def rate(clients: int, batch: int) -> float:
            moment = Moment()
            asking = (_ask(appender, moment, batch, streams) for _ in range(clients))
            await asyncio.gather(*asking)
            return moment.rate()

        yield rate


# The append condition of an ordinary fact, beyond its own stream.
RESTS_ON = AppendCondition(("indicator", "publication"), 0)


async def _ask(
    appender: Appender, moment: Moment, batch: int, streams: Iterator[str]
) -> None:
    drafts = (NewEvent("Noted", date(2021, 2, 1), DATA, {}),) * batch
    stream, version = "", LENGTH
    while moment.lasts:
        if version >= LENGTH:
            stream, version = next(streams), 0
        command = uuid7.uuid7()
        body = sha256(command.encode()).digest()
        part = StreamPart(stream, version, drafts)
        asked = AppendRequest((part,), command, body, "u/siti", conditions=(RESTS_ON,))
        version = (await appender.submit(asked)).version
        moment.done += batch


@asynccontextmanager
async def bare(dsn: str) -> AsyncIterator[Rate]:
    """Single-row transactions that insert into a table of a number and a payload."""
    async with asyncpg.create_pool(
        dsn, min_size=CONNECTIONS, max_size=CONNECTIONS
    ) as pool:
        await pool.execute(
            "create table bare (id bigserial primary key, payload bytea not null)"
        )

        async def insert(moment: Moment) -> None:
            async with pool.acquire() as connection:
                while moment.lasts:
                    await connection.execute(
                        "insert into bare (payload) values ($1)", PAYLOAD
                    )
                    moment.done += 1

        async def rate(clients: int, _batch: int) -> float:
            moment = Moment()
            at_once = min(clients, CONNECTIONS)
            await asyncio.gather(*(insert(moment) for _ in range(at_once)))
            return moment.rate()

        yield rate


@contextmanager
def eventsourcing(dsn: str) -> Iterator[Rate]:
    """The recorder of `eventsourcing` with its defaults, which lock the table."""
    parts = urlsplit(dsn)
    options = {key: value for key, [value] in parse_qs(parts.query).items()}
    with PostgresDatastore(
        dbname=parts.path[1:],
        host=options["host"],
        port=options["port"],
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        pool_size=CONNECTIONS,
    ) as datastore:
        recorder = PostgresApplicationRecorder(datastore)
        recorder.create_table()

        def record(moment: Moment, batch: int) -> int:
            done, stream, version = 0, uuid4(), 0
            while moment.lasts:
                if version >= LENGTH:
                    stream, version = uuid4(), 0
                recorder.insert_events(
                    [
                        StoredEvent(stream, version + number, "Noted", PAYLOAD)
                        for number in range(1, batch + 1)
                    ]
                )
                version += batch
                done += batch
            return done

        yield _in_threads(record, CONNECTIONS)


@contextmanager
def uma(folder: Path) -> Iterator[Rate]:
    """UmaDB's server in a separate process, its client in threads of this process."""
    address = f"127.0.0.1:{PORT}"
    program = Path(sys.executable).parent / "umadb"
    command = [str(program), "--listen", address, "--db-path", str(folder)]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, stdout=quiet, stderr=quiet) as server:
        try:
            _await_server(f"http://{address}")
            yield _in_threads(partial(_umadb, _streams(1)), None)
        finally:
            server.terminate()


def _await_server(url: str) -> None:
    until = time.monotonic() + 10
    while True:
        try:
            umadb.Client(url).head()
        except Exception:  # its type is unspecified while the server does not listen
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
        else:
            return


def _umadb(streams: Iterator[str], moment: Moment, batch: int) -> int:
    client = umadb.Client(f"http://127.0.0.1:{PORT}")
    done, stream, length, after = 0, next(streams), 0, None
    while moment.lasts:
        if length >= LENGTH:
            stream, length, after = next(streams), 0, None
        events = [
            umadb.Event("Noted", PAYLOAD, [stream], uuid4()) for _ in range(batch)
        ]
        nobody_else = umadb.Query([umadb.QueryItem(tags=[stream])])
        after = client.append(events, umadb.AppendCondition(nobody_else, after))
        length += batch
        done += batch
    return done


def _in_threads(ask: Callable[[Moment, int], int], most: int | None) -> Rate:
    def asked(clients: int, batch: int) -> float:
        at_once = clients if most is None else min(clients, most)
        with ThreadPoolExecutor(at_once) as threads:
            moment = Moment()
            asking = [threads.submit(ask, moment, batch) for _ in range(at_once)]
            moment.done = sum(one.result() for one in asking)
            return moment.rate()

    async def rate(clients: int, batch: int) -> float:
        return await asyncio.to_thread(asked, clients, batch)

    return rate


@contextmanager
def disk(folder: Path) -> Iterator[Rate]:
    """The upper limit of a store whose clients wait for one flush per request.

    A page of a write-ahead log is written and flushed repeatedly; each flush completes
    the requests of all clients.
    """
    page, pages = bytes(8192), 1024
    file = os.open(folder / "flushed", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        os.write(file, page * pages)
        os.fsync(file)

        def asked(clients: int, batch: int) -> float:
            moment, number = Moment(), 0
            while moment.lasts:
                os.pwrite(file, page, number % pages * len(page))
                os.fdatasync(file)
                number += 1
            moment.done = number * clients * batch
            return moment.rate()

        async def rate(clients: int, batch: int) -> float:
            return await asyncio.to_thread(asked, clients, batch)

        yield rate
    finally:
        os.close(file)
