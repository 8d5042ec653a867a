"""Time until the first response of `iku serve`, and its memory.

Measured with existing data, compared with PostgreSQL alone on the same folder, and
without a folder, so that the cluster must be created. Then many clients read and write
concurrently, and peak memory is read.

    python -m benchmarks.starting [COUNT]
"""

import argparse
import asyncio
import http.client
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import count as numbers
from pathlib import Path

import msgspec

from benchmarks import measuring, registers
from benchmarks.measuring import Row
from iku.postgres import programs

COUNT = 100_000
PATIENCE_S = 60.0
CLIENTS, ASKED = 32, 1_500  # concurrent clients; requests in total
QUESTIONS = (
    "/indicators/IKU-1/figure?as_of=2021-12-31",
    "/indicators/IKU-1/figure?as_of=2020-12-31&breakdown=dimension",
    "/indicators/IKU-3/figure?as_of=2015-06-30&known_on=2016-01-31",
    "/indicators/IKU-1/series?from=2019-01-01&to=2021-12-31",
    "/conflicts?limit=100",
    "/health/ready",
)
SAID = {
    "category": "sara",
    "dimension": "agama",
    "title": "Perselisihan",
    "effective_on": "2021-03-01",
}


@contextmanager
def serving(home: Path) -> Iterator[tuple[subprocess.Popen[bytes], int, float]]:
    """`iku serve` in *home*: process, port, and seconds until its first response."""
    port = _free_port()
    place = {
        "IKU_HOME": str(home),
        "IKU_PORT": str(port),
        "IKU_KEYS": str(registers.FOLDER / "keys"),
    }
    began = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-m", "iku.cli", "serve"],
        env=os.environ | place,
        stdout=subprocess.DEVNULL,
    ) as server:
        try:
            _wait_until_answered(server, port)
            yield server, port, time.perf_counter() - began
        finally:
            server.send_signal(signal.SIGTERM)


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def _wait_until_answered(server: subprocess.Popen[bytes], port: int) -> None:
    give_up = time.perf_counter() + PATIENCE_S
    while time.perf_counter() < give_up:
        assert server.poll() is None, "it ended by itself"
        try:
            if ask(port, QUESTIONS[0]) == 200:
                return
        except OSError:
            pass
        time.sleep(0.01)
    raise TimeoutError(f"no answer within {PATIENCE_S:.0f} s")


def ask(port: int, path: str, body: bytes | None = None) -> int:
    """The HTTP status of the response."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    try:
        headers = {"Content-Type": "application/json"}
        method = "GET" if body is None else "POST"
        connection.request(method, f"/api/v1{path}", body, headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()


async def start_seconds(home: Path) -> float:
    """Seconds until the program's first response."""

    def start() -> float:
        with serving(home) as (_, _, took):
            return took

    return await asyncio.to_thread(start)


async def postgres_start_seconds(home: Path) -> float:
    """Seconds until PostgreSQL alone, on the same folder, accepts connections."""

    def start() -> float:
        folder = home.absolute() / "postgres"
        data, run = folder / "data", shlex.quote(str(folder / "run"))
        found = programs.find(folder, data)
        options = f"-c listen_addresses= -c unix_socket_directories={run}"
        command = ("-D", str(data), "-l", str(data / "server.log"), "-w")
        began = time.perf_counter()
        assert found.succeeds("pg_ctl", *command, "-o", options, "start")
        took = time.perf_counter() - began
        assert found.succeeds("pg_ctl", *command, "-m", "fast", "stop")
        return took

    return await asyncio.to_thread(start)


async def first_start_seconds() -> float:
    """Seconds until the program's first response, starting without a folder."""
    registers.FOLDER.mkdir(parents=True, exist_ok=True)
    home = Path(tempfile.mkdtemp(dir=registers.FOLDER))
    try:
        return await start_seconds(home)
    finally:
        shutil.rmtree(home)


def loaded_memory(home: Path) -> tuple[float, float]:
    """Peak MiB of the program under load, and MiB of its PostgreSQL afterwards."""
    with serving(home) as (server, port, _):
        order = numbers()

        def one(_number: int) -> int:
            number = next(order)
            if number % 5 == 0:
                return ask(port, "/conflicts", msgspec.json.encode(SAID))
            return ask(port, QUESTIONS[number % len(QUESTIONS)])

        with ThreadPoolExecutor(CLIENTS) as clients:
            statuses = {*clients.map(one, range(ASKED))}
        assert statuses <= {200, 201}, statuses
        pid = (home / "postgres" / "data" / "postmaster.pid").read_text().split()[0]
        return measuring.peak(server.pid), _shared_fairly(int(pid))


def _shared_fairly(pid: int) -> float:
    """MiB of a process and its children; shared memory is counted once (proc Pss)."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    sizes = [
        re.findall(r"^Pss:\s+(\d+) kB", rollup, re.MULTILINE)
        for one in (str(pid), *children)
        if (rollup := Path(f"/proc/{one}/smaps_rollup").read_text())
    ]
    return sum(int(size) for (size,) in sizes) / 1024


async def report(count: int) -> None:
    """Measure on a register of *count* events."""
    home = registers.register_folder(count)
    async with registers.register(count):
        pass
    await start_seconds(home)  # records the seed definitions
    ours, postgres, first = await measuring.measure_alternately(
        [
            partial(start_seconds, home),
            partial(postgres_start_seconds, home),
            first_start_seconds,
        ]
    )
    memory = [
        await asyncio.to_thread(loaded_memory, home) for _ in range(measuring.REPEATS)
    ]
    rows = [
        Row(
            what="start with data present, without PostgreSQL's share",
            bar=1.5,
            better="lower",
            unit="s",
            samples=[a - b for a, b in zip(ours, postgres, strict=True)],
        ),
        Row(
            what="start with data present",
            peer="s, PostgreSQL alone",
            better="lower",
            unit="s",
            samples=ours,
            peer_samples=postgres,
        ),
        Row(
            what="first start, with creation of the cluster",
            bar=8,
            better="lower",
            unit="s",
            samples=first,
        ),
        Row(
            what=f"peak memory of the program, {CLIENTS} clients at once",
            bar=250,
            better="lower",
            unit="MiB",
            samples=[program for program, _ in memory],
        ),
        Row(
            what="memory of its PostgreSQL under the same load",
            better="lower",
            unit="MiB",
            samples=[server for _, server in memory],
        ),
    ]
    measuring.report("starting", f"Starting, {count:,} events", rows)


def main() -> None:
    """Measure on the requested register."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int, nargs="?", default=COUNT)
    asyncio.run(report(parser.parse_args().count))


if __name__ == "__main__":
    main()
