"""A process that appends for some seconds: ``writer.py DSN SECONDS NAME``.

One request in three has a stale expected version. The process prints the ids of the
commands for which it received a receipt, one on each line.
"""

import asyncio
import random
import sys
import time
from datetime import date

from iku.ledger.appender import Appender
from iku.ledger.log import AppendRequest, StreamPart, VersionConflict
from iku.ledger.record import NewEvent
from iku.postgres import pool as pools

STREAMS = 50
SUBMITTERS = 12


async def write(appender: Appender, until: float, name: str) -> list[str]:
    """Append to streams to which other processes append, too."""
    chance = random.Random(name)
    versions = dict.fromkeys((f"case-{n}" for n in range(STREAMS)), 0)
    accepted = []
    number = 0
    while time.monotonic() < until:
        number += 1
        stream = chance.choice([*versions])
        stale = chance.random() < 1 / 3
        expected = versions[stream] + (chance.choice([-1, 3]) if stale else 0)
        draft = NewEvent("Noted", date(2021, 2, 1), {"n": number}, {})
        drafts = (draft,) * chance.choice([1, 1, 2])
        request = AppendRequest(
            parts=(StreamPart(stream, expected, drafts),),
            command_id=f"{name}-{number}",
            body=b"x",
            actor=name,
        )
        try:
            receipt = await appender.submit(request)
        except VersionConflict as conflict:
            versions[stream] = conflict.actual
        else:
            versions[stream] = receipt.version
            accepted.append(request.command_id)
    return accepted


async def main(dsn: str, seconds: float, name: str) -> None:
    """Run the writers, and then print the accepted command ids."""
    until = time.monotonic() + seconds
    async with Appender(lambda: pools.connect(dsn), zone="Asia/Jakarta") as appender:
        accepted = await asyncio.gather(
            *(write(appender, until, f"{name}.{n}") for n in range(SUBMITTERS))
        )
    sys.stdout.write("\n".join(command for some in accepted for command in some))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], float(sys.argv[2]), sys.argv[3]))
