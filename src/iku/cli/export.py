"""`iku export`: write a bundle of the log or its texts, for an auditor."""

from pathlib import Path

import click

from iku.cli import tables, terminal, verify
from iku.cli.errors import CommandFailed
from iku.cli.signer import ALONE
from iku.cli.terminal_language import formats, translated
from iku.domain.coordinates import LARGEST
from iku.exchange import bundle as bundles
from iku.exchange import text_export
from iku.exchange.bundle import Bundle
from iku.exchange.text_export import TextExportResult
from iku.ledger.checkpoint_store import Assurance
from iku.messages import message
from iku.queries.text_check import TextScope, check_texts, size_to_check


@click.group(short_help="Export the log or texts to files, for an auditor.")
def export() -> None:
    """Write the log or its texts to files, for an auditor."""


@export.command(short_help="Export the log, for an auditor.")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@terminal.as_json
def bundle(folder: Path, *, json: bool) -> None:
    """Write the log up to its last checkpoint into FOLDER, for offline verification.

    `iku-verify bundle FOLDER --policy POLICY` verifies it. Obtain the policy through
    another channel than the bundle.
    """
    chosen = terminal.settings()

    async def execute() -> tuple[Bundle, Assurance]:
        async with terminal.opened_app(chosen) as app, app.pool.acquire() as connection:
            with terminal.progress(message("events")) as tell:
                written = await bundles.export(connection, app.witnesses, folder, tell)
            return written, await app.assurance(connection)

    written, found = terminal.run(execute())
    if json:
        terminal.emit(written)
    else:
        _show(written, found)


def _show(written: Bundle, found: Assurance) -> None:
    tables.say(
        message(
            "{events} events and {checkpoints} checkpoints written to {folder} "
            "({files} files).",
            events=formats.number(written.size),
            checkpoints=formats.number(written.checkpoints),
            folder=written.folder,
            files=formats.number(written.files),
        )
    )
    verified = message(
        "Verify: iku-verify bundle {folder} --policy POLICY", folder=written.folder
    )
    click.echo(translated(verified))
    if not found.witnesses:
        tables.say(ALONE)


@export.command(short_help="Export decrypted texts, for an authorised auditor.")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@terminal.subjects
@click.option(
    "--size",
    type=click.IntRange(1, LARGEST),
    help="Export only texts of this many events from the start of the log [default: "
    "as many as were signed].",
)
@terminal.as_json
def texts(
    file: Path, *, subjects: tuple[str, ...], size: int | None, json: bool
) -> None:
    """Decrypt the texts and write them into FILE, each with its salt.

    Each text is first verified against the commitment in its record. A text that fails
    is named and left out, and the exit code is 1. `iku-verify bundle FOLDER --texts
    FILE` verifies the file.
    """

    async def execute() -> TextExportResult:
        async with (
            terminal.opened_app(terminal.settings()) as app,
            app.pool.acquire() as connection,
        ):
            view = terminal.view(app, connection)
            up_to = await size_to_check(view, size)
            scope = TextScope(up_to, frozenset(subjects))
            with terminal.progress(message("events")) as tell:
                found = check_texts(view, scope, tell)
                tally = await text_export.export(found, file, verify.print_finding)
            return TextExportResult(str(file), up_to, tally)

    written = terminal.run(execute())
    if json:
        terminal.emit(written)
    else:
        _report_text_export(written)
    if written.texts.unavailable:
        raise CommandFailed(
            message(
                "texts that do not match their records, listed above: {count}; these "
                "were not written to {file}, the other texts were",
                count=written.texts.unavailable,
                file=file,
            )
        )


def _report_text_export(written: TextExportResult) -> None:
    tables.say(
        message("Texts: {counts}.", counts=verify.counts_in_words(written.texts))
    )
    tables.say(
        message(
            "The decrypted texts of the first {size} events were written to {file}.",
            file=written.file,
            size=formats.number(written.size),
        )
    )
    click.echo(
        translated(
            message(
                "Verify: iku-verify bundle FOLDER --policy POLICY --texts {file}",
                file=written.file,
            )
        )
    )
