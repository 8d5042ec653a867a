"""The option --propose: a command is proposed instead of recorded."""

import click
from msgspec import structs

from iku.app import App
from iku.cli import tables, terminal
from iku.commands import proposals
from iku.commands.command import Command, CommandResult
from iku.domain.fact import Reason
from iku.gateway import receipt
from iku.messages import message

# The events of cases and organisations that can be proposed.
PROPOSABLE = ("corrected", "annulled", "rejected", "merged", "reclassified")

option = click.option(
    "--propose",
    "because",
    type=terminal.LineType("reason", Reason, 2000),
    help="Propose it for approval by another person, for this reason, instead of "
    "recording it.",
)


async def propose(app: App, command: Command, because: str) -> CommandResult:
    """Propose *command* as the account of the terminal's user."""
    by = structs.replace(command, credentials=app.credentials)
    async with app.pool.acquire() as connection:
        return await proposals.propose(app.commands, connection, by, because)


def report(done: CommandResult, *, json: bool) -> None:
    """Print the receipt of a proposal."""
    if json:
        terminal.emit(receipt(done))
        return
    tables.say(
        message(
            "Proposed: {proposal}. Another person must approve it.",
            proposal=done.subject,
        )
    )
