"""`iku continue-log`: continue the log after a restore that lost signed events."""

from typing import IO

import click

from iku import app as wiring
from iku.cli import tables, terminal
from iku.cli.terminal_language import formats
from iku.commands.log_continuation import Approval
from iku.domain.fact import Line, Reason
from iku.messages import message


@click.command("continue-log", short_help="Go on after a restore that lost events.")
@click.option(
    "--checkpoint",
    "file",
    type=click.File("rb"),
    required=True,
    help="The last checkpoint of the log that anybody outside still holds.",
)
@click.option(
    "--approver",
    type=terminal.LineType("office", Line, 500),
    required=True,
    help="The office that decided to go on without what is lost.",
)
@click.option(
    "--reason",
    type=terminal.LineType("text", Reason, 2_000),
    required=True,
    help="Why it was lost.",
)
@terminal.actor
@terminal.as_json
def continue_log(
    file: IO[bytes], approver: str, reason: str, actor: str, *, json: bool
) -> None:
    """Begin a new log with the events of the backup, and record which ones are lost.

    Run it first after such a restore, while no other process writes to the log. It is
    refused where no signed event is lost. docs/operating.md describes the procedure.
    """
    chosen = terminal.settings()
    approval = Approval(approver, reason)
    with terminal.redact_address_errors():
        done = terminal.run(wiring.continue_log(chosen, file.read(), approval, actor))
    if json:
        terminal.emit(done)
        return
    tables.say(
        message(
            "Log {origin} ends: events {first} to {last} are lost.",
            origin=done.origin,
            first=formats.number(done.kept + 1),
            last=formats.number(done.lost_to),
        )
    )
    tables.say(
        message(
            "Next log: set IKU_ORIGIN={origin} before you serve it.",
            origin=done.successor,
        )
    )
