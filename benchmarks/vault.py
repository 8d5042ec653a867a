"""The cost of encrypted texts for an append.

Cases with three texts each are reported by concurrent clients, on a server with
production settings: with the vault, and with a vault that stores nothing.

    python -m benchmarks.vault [COUNT]
"""

import argparse
import asyncio
import itertools
import tempfile
import time
from datetime import date
from pathlib import Path
from unittest.mock import patch

from benchmarks import measuring
from benchmarks.measuring import Row, measure_alternately
from iku.app import App, migrate_and_open
from iku.commands.command import Command
from iku.domain.conflict import Category, Dimension, Reported
from iku.domain.fact import Person
from iku.settings import Settings

AT_ONCE = (1, 64)
REPORT = Reported(
    category=Category.SARA,
    dimension=Dimension.AGAMA,
    title="Keberatan atas jadwal kegiatan",
    reference="LP/12/III/2021",
    reporter=Person("Bu Sari"),
    effective_on=date(2021, 3, 1),
)


async def report(app: App, prefix: str, count: int, at_once: int) -> float:
    """Reports per second."""
    numbers = iter(range(count))

    async def one() -> None:
        async with app.pool.acquire() as connection:
            for number in numbers:
                command = Command("conflict", f"{prefix}-{number}", REPORT, "uji")
                await app.commands.handle(connection, command)

    began = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(at_once)))
    return count / (time.perf_counter() - began)


async def measure(home: Path, count: int) -> list[Row]:
    """The rates with and without stored texts, by number of concurrent clients."""
    settings = Settings(home=home, pool_size=max(AT_ONCE))
    names = itertools.count()
    rows = []
    async with migrate_and_open(settings) as app:
        vault = app.vault
        await report(app, "warm", count, max(AT_ONCE))
        for at_once in AT_ONCE:

            async def kept(at_once: int = at_once) -> float:
                return await report(app, f"kept-{next(names)}", count, at_once)

            async def bare(at_once: int = at_once) -> float:
                with patch.object(vault, "store", _nothing):
                    return await report(app, f"bare-{next(names)}", count, at_once)

            ours, theirs = await measure_alternately((kept, bare))
            rows.append(
                Row(
                    what=f"reports with three texts, {at_once} at once",
                    peer="no text stored",
                    unit="a second",
                    samples=ours,
                    peer_samples=theirs,
                )
            )
    return rows


async def _nothing(*_: object) -> None:
    """Store no text; the replacement of `Vault.store`."""


def main() -> None:
    """Measure in a temporary folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", nargs="?", type=int, default=500)
    count = parser.parse_args().count
    with tempfile.TemporaryDirectory() as home:
        rows = asyncio.run(measure(Path(home), count))
    measuring.report("vault", "Reports with sealed texts", rows)


if __name__ == "__main__":
    main()
