"""A program at work, to be killed: ``crashing.py HOME ROUND``.

Several clients enter cases as fast as they can, each command under an id that says
what it is (`command`). Prints a line for each answer: the id and the position. Ends by
itself only where the database goes away.
"""

import asyncio
import os
import sys
from datetime import date
from pathlib import Path
from typing import Any

import asyncpg

from iku.app import App, migrate_and_open
from iku.commands.command import Command, CommandResult
from iku.domain import conflict
from iku.ledger.appender import Unavailable
from iku.settings import Settings

CLIENTS = 8
STEPS = 5  # commands on each case; the last one reports another, without a number
# The driver says it in many ways, one of them a stumble over its own feet.
AWAY = (
    Unavailable,
    OSError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)


def command(command_id: str) -> Command:
    """The command that goes by the id ``round-client-number``."""
    turn, client, number = map(int, command_id.split("-"))
    case, step = divmod(number, STEPS)
    day = date(2021, 1 + client, 1 + case % 28)
    kind = list(conflict.Category)[client % 2]
    steps: list[Any] = [
        conflict.Reported(
            category=kind,
            dimension=conflict.DIMENSIONS[kind][case % 4],
            title=f"Perkara {command_id}",
            effective_on=day,
        ),
        conflict.Verified(effective_on=day),
        conflict.Resolved(effective_on=day, manner=conflict.Manner.ISLAH),
        conflict.Reopened(effective_on=day),
        conflict.Reported(
            category=kind,
            dimension=conflict.DIMENSIONS[kind][case % 4],
            title=f"Perkara {command_id}",
            effective_on=day,
        ),
    ]
    subject = f"R{turn}-{client}-{case}" if step < STEPS - 1 else ""
    return Command("conflict", subject, steps[step], "uji", command_id)


async def carry_out(app: App, command_id: str) -> CommandResult:
    """Hand the command in."""
    async with app.pool.acquire() as connection:
        return await app.commands.handle(connection, command(command_id))


async def client(app: App, turn: int, name: int) -> None:
    """Command after command, each told once it is answered."""
    number = 0
    while True:
        command_id = f"{turn}-{name}-{number}"
        outcome = await carry_out(app, command_id)
        # One write of a short line: the reader never gets half of it.
        os.write(1, f"{command_id} {outcome.receipt.position}\n".encode())
        number += 1


async def main(home: Path, turn: int) -> None:
    """All clients at once, until the first is told that the database is away."""
    async with migrate_and_open(Settings(home=home)) as app:
        os.write(1, b"open\n")
        try:
            await asyncio.gather(*(client(app, turn, n) for n in range(CLIENTS)))
        except (
            *(Unavailable, OSError, asyncpg.PostgresError),
            *(asyncpg.InterfaceError, asyncpg.InternalClientError),
        ):
            os._exit(3)  # as dead as can be: there is nothing to close any more


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
