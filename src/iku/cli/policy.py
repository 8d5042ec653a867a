"""`iku access`: the policy of access."""

from dataclasses import replace

import click

from iku.cli import api_key, proposing, tables, terminal
from iku.cli.terminal_language import formats
from iku.commands.command import CommandResult
from iku.domain.access import Credentials
from iku.domain.access_policy import SUBJECT, TwoPersons, TwoPersonsSet
from iku.domain.fact import Reason
from iku.gateway import CommandGateway, receipt
from iku.messages import message


@click.group(cls=terminal.OrderedGroup, short_help="Set the policy of access.")
def access() -> None:
    """Set whether two steps of one matter must be taken by two persons."""


@access.command("two-persons")
@click.argument("value", type=click.Choice([one.value for one in TwoPersons]))
@click.option(
    "--reason",
    type=terminal.LineType("text", Reason, 2000),
    required=True,
    help="Reason, stored with the event.",
)
@proposing.option
@terminal.actor
@terminal.as_json
def two_persons(
    value: str, *, reason: str, because: str | None, actor: str, json: bool
) -> None:
    """Require two persons for two steps (required), or only record who took them.

    With accounts an administrator proposes it, and the head of the agency approves it.
    """

    async def execute() -> CommandResult:
        async with terminal.opened_app(terminal.settings()) as app:
            gateway = CommandGateway(app, actor, None, credentials=app.credentials)
            proposed = TwoPersonsSet(
                effective_on=app.commands.today(),
                value=TwoPersons(value),
                reason=reason,
            )
            if because is not None:
                command = gateway.command("access", SUBJECT, proposed)
                return await proposing.propose(app, command, because)

            async def record(credentials: Credentials | None) -> CommandResult:
                by = replace(gateway, credentials=credentials)
                return await by.handle("access", SUBJECT, proposed)

            return await api_key.stepping_up(app, record)

    done = terminal.run(execute())
    if because is not None:
        proposing.report(done, json=json)
    elif json:
        terminal.emit(receipt(done))
    else:
        position = formats.number(done.receipt.position)
        tables.say(message("Recorded as event {position}.", position=position))
