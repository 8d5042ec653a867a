"""What it costs an append that texts are kept sealed beside the log.

Cases of three texts each are reported by so many at once, into a server with the
settings of production: with the vault, and with one that keeps nothing.

    python -m benchmarks.vault [COUNT]
"""

import argparse
import asyncio
import tempfile
import time
from datetime import date
from pathlib import Path
from unittest.mock import patch

from iku.domain.conflict import Category, Dimension, Reported
from iku.domain.fact import Person
from iku.handling import Command
from iku.settings import Settings
from iku.wiring import House, open_house

AT_ONCE = (1, 64)
REPORT = Reported(
    category=Category.SARA,
    dimension=Dimension.AGAMA,
    title="Keberatan atas jadwal kegiatan",
    reference="LP/12/III/2021",
    reporter=Person("Bu Sari"),
    effective_on=date(2021, 3, 1),
)


async def report(house: House, prefix: str, count: int, at_once: int) -> float:
    """Reports a second."""
    numbers = iter(range(count))

    async def one() -> None:
        async with house.pool.acquire() as connection:
            for number in numbers:
                command = Command("conflict", f"{prefix}-{number}", REPORT, "uji")
                await house.office.handle(connection, command)

    began = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(at_once)))
    return count / (time.perf_counter() - began)


async def measure(home: Path, count: int) -> None:
    """Print what each way of appending does."""
    settings = Settings(home=home, pool_size=max(AT_ONCE))
    async with open_house(settings) as house:
        vault = house.vault
        await report(house, "warm", count // 4, max(AT_ONCE))
        for at_once in AT_ONCE:
            kept = await report(house, f"kept-{at_once}", count, at_once)
            with patch.object(vault, "keep", _nothing):
                bare = await report(house, f"bare-{at_once}", count, at_once)
            print(
                f"{at_once:>3} at once: {kept:,.0f} a second with texts kept, "
                f"{bare:,.0f} without: {bare / kept:.2f} times"
            )


async def _nothing(*_: object) -> None:
    """Keep nothing."""


def main() -> None:
    """Measure in a folder that is removed afterwards."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", nargs="?", type=int, default=2_000)
    with tempfile.TemporaryDirectory() as home:
        asyncio.run(measure(Path(home), parser.parse_args().count))


if __name__ == "__main__":
    main()
