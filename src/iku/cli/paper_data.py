"""`iku paper set`, `annul`, `data` and `history`: the data of the agency for papers.

The options are the fields of the Structs that the API decodes from request bodies, and
the commands go through the same gateway.
"""

from collections.abc import Iterator, Sequence
from typing import Any
from zoneinfo import ZoneInfo

import click
from msgspec import structs

from iku import labels, parsing
from iku.cli import field_format, proposing, tables, terminal
from iku.cli import history as histories
from iku.cli.options import options
from iku.cli.record import ChangeOptions, SubmissionOptions, report_entry
from iku.cli.tables import number_column, text_column, unwrapped_column
from iku.cli.terminal_language import formats, translated
from iku.cli.workbook_output import workbook_option
from iku.commands.command import CommandResult
from iku.domain import paper_data
from iku.domain.fact import Annulled
from iku.domain.paper_data import STATEMENTS, Statement
from iku.gateway import CommandGateway
from iku.messages import message
from iku.queries import paper_statements, subjects
from iku.queries.event_history import EventView
from iku.queries.paper_statements import (
    ShownStatement,
    Statements,
    StatementsQuestion,
)

CATEGORY = paper_data.decider.category
ALL = 2**31  # events of a history, more than there can be
COLUMNS = (
    *(
        unwrapped_column(message("Identifier")),
        number_column(message("Version")),
        unwrapped_column(message("Effective on")),
        unwrapped_column(message("Known on")),
    ),
    text_column(message("Content")),
)
# Fields that say which statement an event is, and not what it states.
ABOUT = frozenset({"effective_on", "reason", "corrects"})


@click.group("set", cls=terminal.OrderedGroup, short_help="Enter or correct a datum.")
def set_() -> None:
    """Enter a datum of the agency; it replaces the whole previous statement.

    With --corrects, the statement of that version is replaced from the beginning. The
    versions are those of `iku paper history`. A number is written with a decimal comma
    or point, such as 141,92 or 141.92.

    Names, ranks and NIPs of signers and the narrative are printed in published papers
    and cannot be erased.
    """


def _set_command(kind: type[Statement]) -> click.Command:
    """The command that states a datum of one kind."""
    said, _ = parsing.split_docstring(kind.__doc__ or "")

    @click.command(kind.kind.replace("_", "-"), help=said)
    @options(kind, "stated")
    @options(SubmissionOptions, "submission")
    @proposing.option
    @terminal.actor
    @terminal.as_json
    def command(
        stated: Statement,
        submission: SubmissionOptions,
        *,
        because: str | None,
        actor: str,
        json: bool,
    ) -> None:
        _record(stated.subject, stated, submission, because, actor, json=json)

    return command


for _kind in STATEMENTS.values():
    set_.add_command(_set_command(_kind))


@click.command(short_help="Annul a statement.")
@click.argument("identifier", metavar="ID")
@options(Annulled, "annulled")
@options(ChangeOptions, "submission")
@proposing.option
@terminal.actor
@terminal.as_json
def annul(
    identifier: str,
    annulled: Annulled,
    submission: ChangeOptions,
    *,
    because: str | None,
    actor: str,
    json: bool,
) -> None:
    """Annul the statement, correction or annulment of a version about ID.

    ID and versions are those of `iku paper data` and `iku paper history`.
    """
    _record(identifier, annulled, submission, because, actor, json=json)


def _record(
    identifier: str,
    proposed: Any,
    submission: SubmissionOptions,
    because: str | None,
    actor: str,
    *,
    json: bool,
) -> None:
    async def execute() -> CommandResult:
        async with terminal.opened_app(terminal.settings()) as app:
            gateway = CommandGateway(
                app,
                actor,
                submission.idempotency_key,
                getattr(submission, "expected_version", None),
                credentials=app.credentials,
            )
            if because is None:
                return await gateway.handle(CATEGORY, identifier, proposed)
            asked = gateway.command(CATEGORY, identifier, proposed)
            return await proposing.propose(app, asked, because)

    done = terminal.run(execute())
    if because is None:
        report_entry(CATEGORY, done, json=json)
    else:
        proposing.report(done, json=json)


@click.command()
@options(StatementsQuestion)
@workbook_option
@terminal.as_json
def data(question: StatementsQuestion, *, json: bool) -> None:
    """Show the data of the agency at the given coordinates."""

    async def execute() -> Statements:
        async with terminal.opened_view() as (app, view):
            at = question.moment(app.commands.today())
            return await paper_statements.listing(view, at, question.kind)

    found = terminal.run(execute())
    if json:
        terminal.emit(found)
        return
    out = tables.Printer()
    if found.statements:
        out.table(COLUMNS, [_cells(one) for one in found.statements])
    else:
        out.say(message("No data of the agency have been entered yet."))


def _cells(one: ShownStatement) -> tuple[str, ...]:
    stated = one.statement
    return (
        one.id,
        formats.NOTHING if one.stated is None else formats.number(one.stated),
        formats.day(None if stated is None else stated.effective_on),
        formats.day(one.known_on),
        "\n".join(_content(stated)) if stated else formats.NOTHING,
    )


def _content(stated: Statement) -> Iterator[str]:
    """The fields of a statement that have a value, one a line."""
    for name, value in structs.asdict(stated).items():
        if value is None or name in {*ABOUT, *stated.key}:
            continue
        label = translated(labels.FIELDS[name])
        yield f"{label}: {field_format.value(name, value)}"


@click.command()
@click.argument("identifier", metavar="ID")
@workbook_option
@terminal.as_json
def history(identifier: str, *, json: bool) -> None:
    """Show all statements, corrections and annulments about ID."""

    async def execute() -> tuple[Sequence[EventView], ZoneInfo]:
        async with terminal.opened_view() as (app, view):
            found = await subjects.history(view, CATEGORY, identifier, None, ALL)
            return found.items, app.settings.timezone

    events, zone = terminal.run(execute())
    if json:
        terminal.emit(events)
    else:
        histories.show_events(events, zone)


COMMANDS = (set_, annul, data, history)
