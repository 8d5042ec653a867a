"""`iku publication`: published figures, and the changes since."""

from typing import Any

import click
from msgspec import structs

from iku.app import App
from iku.cli import api_key, terminal
from iku.cli import publication_table as shown
from iku.cli.errors import CommandFailed
from iku.cli.options import options
from iku.cli.workbook_output import workbook_option
from iku.commands.command import Command, CommandResult
from iku.domain import publication as printing
from iku.domain.access import Credentials
from iku.domain.period import Kind
from iku.domain.publication import Draft, NextStep, StepType, TakeStep
from iku.messages import message
from iku.queries import publications
from iku.queries.publication_changes import PublicationChanges, read_page
from iku.queries.publications import (
    ChangesQuestion,
    Publications,
    PublicationsQuestion,
    ShownPublication,
)


@click.group(
    cls=terminal.OrderedGroup, short_help="Publish figures, and list the changes since."
)
def publication() -> None:
    """Draft, close, review and publish figures, and list the changes since.

    Closing freezes the figures. The actor who publishes must differ from the actor who
    reviewed.
    """


@publication.command()
@options(Draft, "drafted", period=Kind.YEAR.value)
@terminal.actor
@terminal.as_json
def draft(drafted: Draft, *, actor: str, json: bool) -> None:
    """Draft a publication of the figures as of a day."""

    async def execute() -> ShownPublication:
        async with terminal.opened_app(terminal.settings()) as app:
            return await _submit(app, drafted.publication, drafted, actor)

    _report(terminal.run(execute()), json=json)


def _step_command(name: str, to: StepType, **given: Any) -> click.Command:
    """The command that moves a publication *to* a state."""

    @click.command(name, help=HELP[to])
    @click.argument("identifier", metavar="ID")
    @options(NextStep, "step", given={"type": to.value, **given})
    @terminal.actor
    @terminal.as_json
    def take(identifier: str, step: NextStep, *, actor: str, json: bool) -> None:
        _record_step(identifier, step, actor, json=json)

    return take


HELP = {
    StepType.CONFIRMED: "Confirm the figure of an indicator for its division.",
    StepType.CLOSED: "Freeze the figures of a draft.",
    StepType.RETURNED: "Return a closed or reviewed publication to draft.",
    StepType.REVIEWED: "Record that the frozen figures were reviewed.",
    StepType.PUBLISHED: "Publish figures that another person has reviewed.",
    StepType.WITHDRAWN: "Withdraw a draft.",
}
publication.add_command(_step_command("confirm", StepType.CONFIRMED, known_on=None))
publication.add_command(_step_command("close", StepType.CLOSED, indicator=None))
for _name, _to in (
    ("return", StepType.RETURNED),
    ("review", StepType.REVIEWED),
    ("publish", StepType.PUBLISHED),
    ("withdraw", StepType.WITHDRAWN),
):
    publication.add_command(_step_command(_name, _to, known_on=None, indicator=None))


@publication.command("list")
@options(PublicationsQuestion)
@workbook_option
@terminal.as_json
def list_(question: PublicationsQuestion, *, json: bool) -> None:
    """List publications."""

    async def execute() -> Publications:
        async with terminal.opened_view() as (_, view):
            return await publications.listing(view, question.year, question.state)

    found = terminal.run(execute())
    if json:
        terminal.emit(found)
    else:
        shown.show_list(found)


@publication.command()
@click.argument("identifier", metavar="ID")
@workbook_option
@terminal.as_json
def show(identifier: str, *, json: bool) -> None:
    """Show a publication: its figures, steps and editions."""

    async def execute() -> ShownPublication:
        async with terminal.opened_app(terminal.settings()) as app:
            return await _show(app, identifier)

    _report(terminal.run(execute()), json=json)


@publication.command()
@options(ChangesQuestion, arguments={"publication_id": "ID"}, limit="200")
@workbook_option
@terminal.as_json
def changes(question: ChangesQuestion, *, json: bool) -> None:
    """Show the changes since a publication was closed."""
    chosen = terminal.settings()

    async def execute() -> PublicationChanges:
        page = read_page(question.cursor, question.limit)
        async with terminal.opened_view() as (app, view):
            today, of = app.commands.today(), question.publication_id
            return await publications.changes(view, app.figures, of, page, today)

    found = terminal.run(execute())
    if json:
        terminal.emit(found)
    else:
        shown.show_changes(found, chosen.timezone)


def _record_step(identifier: str, step: NextStep, actor: str, *, json: bool) -> None:
    """Take the step, and print the publication."""

    async def execute() -> ShownPublication:
        async with terminal.opened_app(terminal.settings()) as app:
            async with app.pool.acquire() as connection:
                frozen = await publications.snapshot(
                    connection, app.figures, identifier, step, app.commands.today()
                )
            taken = TakeStep(identifier, step, frozen)
            return await _submit(app, identifier, taken, actor)

    _report(terminal.run(execute()), json=json)


async def _submit(
    app: App, identifier: str, proposed: Any, actor: str
) -> ShownPublication:
    category = printing.decider.category
    command = Command(category, printing.stream_year(identifier), proposed, actor)

    async def submit(credentials: Credentials | None) -> CommandResult:
        authenticated = structs.replace(command, credentials=credentials)
        async with app.pool.acquire() as connection:
            return await app.commands.handle(connection, authenticated)

    outcome = await api_key.with_step_up(app, submit)
    if not outcome.added:
        raise CommandFailed(
            message(
                "publication {publication}: this step is already recorded; nothing "
                "was recorded",
                publication=identifier,
            )
        )
    return await _show(app, identifier)


async def _show(app: App, identifier: str) -> ShownPublication:
    async with app.pool.acquire() as connection:
        vouched = await app.assurance(connection)
        view = terminal.view(app, connection)
        return await publications.read_publication(
            view, app.figures, identifier, app.commands.today(), vouched
        )


def _report(found: ShownPublication, *, json: bool) -> None:
    if json:
        terminal.emit(found)
    else:
        shown.show(found)
