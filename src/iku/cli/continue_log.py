"""`iku continue-log`: continue the log after a restore that lost signed events."""

from typing import IO

import click

from iku import app as wiring
from iku.cli import tables, terminal
from iku.cli.terminal_language import formats
from iku.commands.log_continuation import Approval
from iku.domain.fact import Line, Reason
from iku.messages import message


@click.command(
    "continue-log", short_help="Continue the log after a restore that lost events."
)
@click.option(
    "--checkpoint",
    "file",
    type=click.File("rb"),
    required=True,
    help="Last signed checkpoint of the log that a witness or auditor outside the "
    "office holds.",
)
@click.option(
    "--approver",
    type=terminal.LineType("office", Line, 500),
    required=True,
    help="Office that decided to continue the log without the lost events.",
)
@click.option(
    "--reason",
    type=terminal.LineType("text", Reason, 2_000),
    required=True,
    help="Reason why the events were lost.",
)
@terminal.actor
@terminal.as_json
def continue_log(
    file: IO[bytes], approver: str, reason: str, actor: str, *, json: bool
) -> None:
    """Begin a new log with the events of the backup, and record which events are lost.

    After a restore that lost signed events, run this command before any other, while no
    other process writes to the log. It is refused if no signed event is lost.
    docs/operating.md describes the procedure.
    """
    chosen = terminal.settings()
    approval = Approval(approver, reason)
    with terminal.hide_addresses_in_errors():
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
            "Next log: set IKU_ORIGIN={origin} before you run `iku serve`.",
            origin=done.successor,
        )
    )
