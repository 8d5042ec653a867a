"""`iku erase`: erase the texts of a subject by a recorded decision."""

import sys
from datetime import datetime

import click
from msgspec import Struct, structs

from iku import labels
from iku.cli import api_key, proposing, tables, terminal
from iku.cli.errors import CommandFailed
from iku.cli.tables import Printer, number_column, text_column, unwrapped_column
from iku.cli.terminal_language import formats, translated
from iku.commands import text_erasure
from iku.commands.command import Command, CommandResult
from iku.domain.access import Credentials
from iku.domain.decider import subject_id
from iku.domain.erasure import Erased
from iku.domain.fact import Line
from iku.messages import message
from iku.queries import erasures
from iku.queries.erasures import ErasurePreview

COLUMNS = (
    unwrapped_column(message("History")),
    text_column(message("Content")),
    number_column(message("Count")),
)
LINE = terminal.LineType("text", Line, 500)


class ErasureResult(Struct, frozen=True):
    """The outcome of an erasure, as JSON output.

    Attributes:
        texts: Number of erased texts and files together.
        files: Number of erased files.
    """

    subject: str
    texts: int
    files: int
    decision: str
    legal_basis: str
    position: int
    recorded_at: datetime


@click.command(short_help="Erase all texts of a person or of a case.")
@click.argument("subject")
@click.option("--decision", type=LINE, required=True, help="Number of the decision.")
@click.option(
    "--legal-basis", type=LINE, required=True, help="Legal basis of the decision."
)
@click.option("--effective-on", type=terminal.DayType(), help="Day of the decision.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation; for scripts.")
@proposing.option
@terminal.actor
@terminal.as_json
def erase(
    subject: str,
    actor: str,
    *,
    yes: bool,
    because: str | None,
    json: bool,
    **decided: object,
) -> None:
    """Erase all texts of SUBJECT, and their keys, permanently.

    SUBJECT is the identifier of a person, as a history shows it, or of a whole case or
    organisation, such as conflict-K14. Decision and legal basis are stored in clear
    text. The command first shows how many texts and files it will destroy, and asks for
    confirmation.
    """
    erased = Erased(**decided)  # type: ignore[arg-type] # click has read them
    command = Command("subject", subject_id(subject), erased, actor)
    if because is not None:
        _propose(command, because, json=json)
        return
    if not yes and not sys.stdin.isatty():
        raise click.UsageError(
            message(
                "an erasure is permanent, and there is no terminal to ask for "
                "confirmation: add --yes"
            )
        )
    done = terminal.run(_erase(command, erased, yes=yes, json=json))
    if json:
        terminal.emit(done)
    else:
        _report(done)


async def _erase(
    command: Command, decided: Erased, *, yes: bool, json: bool
) -> ErasureResult:
    """Show what will be destroyed, ask, and destroy it."""
    async with (
        terminal.opened_app(terminal.settings()) as app,
        app.pool.acquire() as connection,
    ):
        view = terminal.view(app, connection)
        doomed = await erasures.preview(view, command.subject)
        if not json or not yes:
            _show(Printer(stderr=json), command.subject, doomed)
        if not yes and not terminal.confirm(message("Erase permanently?"), err=True):
            raise CommandFailed(message("nothing was erased"))

        async def carry_out(credentials: Credentials | None) -> CommandResult:
            by = structs.replace(command, credentials=credentials)
            return await text_erasure.erase(app.commands, connection, by)

        outcome = await api_key.with_step_up(app, carry_out)
    if not outcome.added:
        raise CommandFailed(
            message(
                "decision {decision} was already carried out for {subject}",
                decision=decided.decision,
                subject=command.subject,
            )
        )
    return ErasureResult(
        subject=command.subject,
        texts=doomed.texts + doomed.files,
        files=doomed.files,
        decision=decided.decision,
        legal_basis=decided.legal_basis,
        position=outcome.receipt.position,
        recorded_at=outcome.receipt.recorded_at,
    )


def _report(done: ErasureResult) -> None:
    """Print what was erased, and where the decision is recorded."""
    tables.say(
        message(
            "{subject}: {counted} erased by {decision} ({legal_basis}); recorded "
            "at position {position}.",
            subject=done.subject,
            counted=_counts_text(done.texts - done.files, done.files),
            decision=done.decision,
            legal_basis=done.legal_basis,
            position=formats.number(done.position),
        )
    )


def _propose(command: Command, because: str, *, json: bool) -> None:
    async def execute() -> CommandResult:
        async with terminal.opened_app(terminal.settings()) as app:
            return await proposing.propose(app, command, because)

    proposing.report(terminal.run(execute()), json=json)


def _counts_text(texts: int, files: int) -> str:
    return message(
        "{texts} texts and {files} files",
        texts=formats.number(texts),
        files=formats.number(files),
    )


def _show(out: Printer, subject: str, doomed: ErasurePreview) -> None:
    """Print the inventory of what will be destroyed, and what will remain."""
    out.say(
        message(
            "To be erased for {subject}: {counted}.",
            subject=subject,
            counted=_counts_text(doomed.texts, doomed.files),
        )
    )
    rows = [
        (
            one.stream,
            translated(labels.FIELDS[one.field]),
            formats.number(one.count),
        )
        for one in doomed.held
    ]
    if rows:
        out.table(COLUMNS, rows)
    if doomed.others:
        out.say(
            message(
                "Not erased, because they need erasures of their own: {others}",
                others=[*doomed.others],
            )
        )
