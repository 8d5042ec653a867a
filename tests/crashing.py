"""A process under load for crash tests: ``python -m tests.crashing HOME ROUND``.

Several clients record cases at full speed. Each command id determines its command
(`command`). The process prints a line for each receipt, with command id and position,
and exits only if the database becomes unavailable.
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
STEPS = 5  # commands per case; the last one reports another case without a number
# Errors of an unavailable database; InternalClientError is a failure of the driver.
AWAY = (
    Unavailable,
    OSError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)


def command(command_id: str) -> Command:
    """The command with the id ``round-client-number``."""
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
    """Handle the command with that id."""
    async with app.pool.acquire() as connection:
        return await app.commands.handle(connection, command(command_id))


async def client(app: App, turn: int, name: int) -> None:
    """Run commands one after the other, and print each receipt."""
    number = 0
    while True:
        command_id = f"{turn}-{name}-{number}"
        outcome = await carry_out(app, command_id)
        # A single short write, so that the reader never receives a partial line.
        os.write(1, f"{command_id} {outcome.receipt.position}\n".encode())
        number += 1


async def main(home: Path, turn: int) -> None:
    """Run all clients concurrently until the database becomes unavailable."""
    async with migrate_and_open(Settings(home=home)) as app:
        os.write(1, b"open\n")
        try:
            await asyncio.gather(*(client(app, turn, n) for n in range(CLIENTS)))
        except (
            *(Unavailable, OSError, asyncpg.PostgresError),
            *(asyncpg.InterfaceError, asyncpg.InternalClientError),
        ):
            os._exit(3)  # without cleanup, because the server is gone


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
