"""`iku access`: the two-person rule, and which accounts decrypted which texts."""

import click
from msgspec import structs

from iku.access import text_access_log
from iku.access.text_access_log import TextAccesses, TextAccessesQuestion
from iku.cli import api_key, proposing, tables, terminal
from iku.cli.options import options
from iku.cli.tables import number_column, text_column, unwrapped_column
from iku.cli.terminal_language import formats
from iku.cli.workbook_output import workbook_option
from iku.commands.command import CommandResult
from iku.domain.access import Credentials, Unauthenticated
from iku.domain.access_policy import SUBJECT, TwoPersonRule, TwoPersonRuleChanged
from iku.domain.fact import Reason
from iku.gateway import CommandGateway, receipt
from iku.messages import message

COLUMNS = (
    *(
        unwrapped_column(message("Decrypted at")),
        unwrapped_column(message("Account")),
        text_column(message("Stream")),
    ),
    number_column(message("Version")),
)


@click.group(
    cls=terminal.OrderedGroup,
    short_help="Set the two-person rule; list who decrypted which texts.",
)
def access() -> None:
    """Set the two-person rule of publications; list who decrypted which texts."""


@access.command("two-persons")
@click.argument("value", type=click.Choice([one.value for one in TwoPersonRule]))
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
    """Set whether review and publication must be done by different persons.

    With `required`, one person cannot take both steps. With `recorded`, the register
    only records who took each step. If the register has accounts, an administrator
    proposes the rule, and the head of the agency approves it.
    """

    async def execute() -> CommandResult:
        async with terminal.opened_app(terminal.settings()) as app:
            gateway = CommandGateway(app, actor, None, credentials=app.credentials)
            proposed = TwoPersonRuleChanged(
                effective_on=app.commands.today(),
                value=TwoPersonRule(value),
                reason=reason,
            )
            if because is not None:
                command = gateway.command("access", SUBJECT, proposed)
                return await proposing.propose(app, command, because)

            async def record(credentials: Credentials | None) -> CommandResult:
                by = structs.replace(gateway, credentials=credentials)
                return await by.handle("access", SUBJECT, proposed)

            return await api_key.with_step_up(app, record)

    done = terminal.run(execute())
    if because is not None:
        proposing.report(done, json=json)
    elif json:
        terminal.emit(receipt(done))
    else:
        position = formats.number(done.receipt.position)
        tables.say(message("Recorded as event {position}.", position=position))


@access.command()
@options(TextAccessesQuestion)
@workbook_option
@terminal.as_json
def openings(question: TextAccessesQuestion, *, json: bool) -> None:
    """List which account decrypted the texts of which events, the latest first.

    IKU_API_KEY must be the API key of an auditor. An account that decrypts the texts of
    an event is listed once for each hour; entries are kept for five years.
    """

    async def execute() -> TextAccesses:
        async with terminal.opened_view() as (_, view):
            if view.viewer.masked:  # there are accounts, and no key
                raise Unauthenticated
            return await text_access_log.page(view, question)

    found = terminal.run(execute())
    if json:
        terminal.emit(found)
        return
    zone, out = terminal.settings().timezone, tables.Printer()
    rows = [
        (
            formats.instant(one.opened_at, zone),
            one.account,
            one.stream,
            formats.number(one.version),
        )
        for one in found.items
    ]
    if rows:
        out.table(COLUMNS, rows)
    else:
        out.say(message("No account decrypted texts that match these options."))
    if found.next is not None:
        out.say(message("Further entries: --before {next}", next=found.next))
