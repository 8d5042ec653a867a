"""`iku proposal`: proposals, and the decisions on them."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import click
from msgspec import Struct, structs

from iku.access import invitations, proposal_inbox
from iku.access.invitations import IssuedInvitation
from iku.app import App
from iku.cli import api_key, field_format, tables, terminal
from iku.cli.options import options
from iku.cli.tables import text_column, unwrapped_column
from iku.cli.terminal_language import formats
from iku.cli.workbook_output import workbook_option
from iku.commands import proposals as steps
from iku.commands.command import Command, CommandResult
from iku.domain.access import Credentials
from iku.domain.fact import Reason
from iku.gateway import EntryReceipt, receipt
from iku.messages import Term, message
from iku.postgres.pool import Connection
from iku.queries.proposals import Proposals, ProposalsQuestion, ShownProposal

COLUMNS = (
    *(
        unwrapped_column(message("Proposal")),
        unwrapped_column(message("Status")),
        text_column(message("Subject")),
        text_column(message("Command")),
    ),
    text_column(message("Reason")),
)
CHANGES = (
    unwrapped_column(message("Publication")),
    text_column(message("Figure")),
    unwrapped_column(message("Before")),
    unwrapped_column(message("After")),
)
STEPS = (
    unwrapped_column(message("Step")),
    unwrapped_column(message("Recorded at")),
    text_column(message("Account")),
    text_column(message("Reason")),
)


class RecordedDecision(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The receipt of a decision, and the link of an account that it created.

    Attributes:
        link: The one-time link for the holder of the account, shown once.
    """

    receipt: EntryReceipt
    link: str | None = None
    expires_at: datetime | None = None


@click.group(
    cls=terminal.OrderedGroup, short_help="List proposals, and decide on them."
)
def proposal() -> None:
    """List proposals, and approve, decline or withdraw them.

    A proposal is made by --propose of the command that would record it.
    """


@proposal.command("list")
@options(ProposalsQuestion)
@workbook_option
@terminal.as_json
def list_(question: ProposalsQuestion, *, json: bool) -> None:
    """List the proposals that you may see, the latest first."""

    async def execute() -> Proposals:
        async with terminal.opened_view() as (app, view):
            return await proposal_inbox.listing(
                app.commands, view, app.credentials, question
            )

    found = terminal.run(execute())
    if json:
        terminal.emit(found)
        return
    rows = [
        (
            one.id,
            Term("proposal", one.status),
            f"{one.category}-{one.subject}",
            str(one.command["type"]),
            one.because,
        )
        for one in found.items
    ]
    out = tables.Printer()
    if rows:
        out.table(COLUMNS, rows)
    else:
        out.say(message("There are no proposals."))
    if found.next is not None:
        out.say(message("Further proposals: --before {next}", next=found.next))


@proposal.command()
@click.argument("identifier", metavar="ID")
@workbook_option
@terminal.as_json
def show(identifier: str, *, json: bool) -> None:
    """Show a proposal: its command, the figures that it would change, its steps."""

    async def execute() -> ShownProposal:
        async with terminal.opened_view() as (app, view):
            return await proposal_inbox.show(
                app.commands, view, app.credentials, identifier
            )

    found = terminal.run(execute())
    if json:
        terminal.emit(found)
    else:
        _show(found)


def _show(found: ShownProposal) -> None:
    out = tables.Printer()
    zone = terminal.settings().timezone
    out.pairs(
        [
            (message("Proposal"), found.id),
            (message("Status"), Term("proposal", found.status)),
            (message("Subject"), f"{found.category}-{found.subject}"),
            (message("Proposed by"), found.proposed_by),
            (message("Recorded at"), formats.instant(found.proposed_at, zone)),
            (message("Reason"), found.because),
            *(
                (f"  {name}", _field_text(name, value))
                for name, value in found.command.items()
            ),
        ]
    )
    if found.changes:
        rows = [(c.publication, c.number, c.before, c.after) for c in found.changes]
        out.table(CHANGES, rows)
    if found.steps:
        out.table(
            STEPS,
            [
                (
                    Term("event", one.type),
                    formats.instant(one.recorded_at, zone),
                    one.by or formats.NOTHING,
                    one.reason or formats.NOTHING,
                )
                for one in found.steps
            ],
        )


def _field_text(name: str, value: Any) -> str:
    """A field of the command, as the terminal shows it."""
    if isinstance(value, Struct):
        return str(getattr(value, "name", value))
    if isinstance(value, str | int) or value is None:
        return formats.NOTHING if value is None else str(value)
    return field_format.value(name, value)


@proposal.command()
@click.argument("identifier", metavar="ID")
@terminal.actor
@terminal.as_json
def approve(identifier: str, *, actor: str, json: bool) -> None:
    """Approve a proposal, which records its command.

    A person cannot approve what the same person proposed. If several divisions are
    concerned, the head of each approves.
    """

    async def step(
        app: App, connection: Connection, by: Command
    ) -> tuple[CommandResult, IssuedInvitation | None]:
        return await proposal_inbox.approve(app.commands, connection, identifier, by)

    _decide(step, actor, json=json)


@proposal.command()
@click.argument("identifier", metavar="ID")
@click.option(
    "--reason",
    type=terminal.LineType("text", Reason, 2000),
    required=True,
    help="Reason for declining it.",
)
@terminal.actor
@terminal.as_json
def decline(identifier: str, *, reason: str, actor: str, json: bool) -> None:
    """Decline a proposal."""

    async def step(
        app: App, connection: Connection, by: Command
    ) -> tuple[CommandResult, IssuedInvitation | None]:
        done = await steps.decline(app.commands, connection, identifier, by, reason)
        return done, None

    _decide(step, actor, json=json)


@proposal.command()
@click.argument("identifier", metavar="ID")
@terminal.actor
@terminal.as_json
def withdraw(identifier: str, *, actor: str, json: bool) -> None:
    """Withdraw a proposal of your own."""

    async def step(
        app: App, connection: Connection, by: Command
    ) -> tuple[CommandResult, IssuedInvitation | None]:
        return await steps.withdraw(app.commands, connection, identifier, by), None

    _decide(step, actor, json=json)


def _decide(
    step: Callable[
        [App, Connection, Command],
        Awaitable[tuple[CommandResult, IssuedInvitation | None]],
    ],
    actor: str,
    *,
    json: bool,
) -> None:
    """Take the step, and print its receipt, with the link of a new account."""
    by = Command("proposal", "", None, actor)

    async def execute() -> RecordedDecision:
        async with terminal.opened_app(terminal.settings()) as app:

            async def take(
                credentials: Credentials | None,
            ) -> tuple[CommandResult, IssuedInvitation | None]:
                async with app.pool.acquire() as connection:
                    of = structs.replace(by, credentials=credentials)
                    return await step(app, connection, of)

            done, issued = await api_key.with_step_up(app, take)
            if issued is None:
                return RecordedDecision(receipt=receipt(done))
            link = f"{app.settings.address}{invitations.path(issued.token)}"
            return RecordedDecision(
                receipt=receipt(done), link=link, expires_at=issued.expires_at
            )

    found = terminal.run(execute())
    if json:
        terminal.emit(found)
        return
    tables.say(
        message(
            "Recorded: {subject}, event {position}.",
            subject=found.receipt.id,
            position=formats.number(found.receipt.position),
        )
    )
    if found.link is not None and found.expires_at is not None:
        show_link(found.link, found.expires_at)


def show_link(link: str, expires_at: datetime) -> None:
    """Print the one-time link of an account."""
    until = formats.instant(expires_at, terminal.settings().timezone)
    tables.say(
        message(
            "One-time link for the holder, valid until {until}: {link}",
            until=until,
            link=link,
        )
    )
