"""`iku import`: import journals of older registers, each file atomically."""

import shlex
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import click
from msgspec import Struct

from iku.app import App
from iku.cli import (
    import_outcome,
    proposing,
    tables,
    terminal,
    workbook_output,
)
from iku.cli.errors import CommandFailed
from iku.cli.import_outcome import ImportedFile
from iku.cli.workbook_output import workbook_option
from iku.commands.command import Command
from iku.domain import import_permission
from iku.domain.access import Forbidden
from iku.domain.import_permission import FileAllowed
from iku.exchange import kept_mappings
from iku.exchange.column_mapping import ColumnMapping
from iku.exchange.journal_import import Importer, ImportReport, permission_digest
from iku.exchange.spreadsheet import (
    MOST,
    MOST_IN_WORKBOOK,
)
from iku.messages import error_message, message, plural


class ImportedFiles(Struct, frozen=True):
    """The outcomes of all files, in order."""

    files: tuple[ImportedFile, ...]


class ProposedImport(Struct, frozen=True):
    """The proposal to allow the import of a file.

    Attributes:
        sha256: SHA-256 of the file, for which alone the permission holds.
    """

    file: str
    sha256: str
    proposal: str


class ProposedImports(Struct, frozen=True):
    """The proposals of all files, in order, as JSON output."""

    files: tuple[ProposedImport, ...]


@click.command("import", short_help="Import journals (CSV or XLSX files).")
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.option(
    "--dry-run", is_flag=True, help="Validate the files without recording anything."
)
@click.option(
    "--mapping",
    "mapping_name",
    metavar="NAME",
    help="The files are workbooks or CSV files of the agency's own register, with the "
    "columns of this mapping (iku mapping).",
)
@proposing.option
@terminal.actor
@workbook_option
@terminal.as_json
def import_(
    files: tuple[str, ...],
    *,
    dry_run: bool,
    mapping_name: str | None,
    because: str | None,
    actor: str,
    json: bool,
) -> None:
    """Import journals: files with the headings that docs/importing.md lists.

    A file is CSV, or a workbook (XLSX) with journals in its sheets, such as the
    template that iku template writes. Each file is recorded atomically: if any row has
    a fault, nothing of the file is recorded. Rows that were imported before are
    skipped, so a file can be imported again after rows were added to it. If the
    register has accounts, a file that states earlier days of knowledge, or that
    contains verifications, needs an approval: propose it with --propose REASON. With
    --xlsx, the outcome is written as a workbook, also if there are faults.
    """
    if dry_run and because is not None:
        raise click.UsageError(
            message("--propose checks the files as --dry-run does: give one of them")
        )
    mapping = None
    if mapping_name is not None:
        mapping = kept_mappings.find(terminal.settings().home, mapping_name)
    with ExitStack() as stack:
        opened = {
            name: _seekable(stack.enter_context(Path(name).open("rb")))
            for name in files
        }
        if because is None:
            _import(opened, actor, mapping, dry_run=dry_run, json=json)
        else:
            _propose(opened, actor, mapping, because, json=json)


def _import(
    opened: Mapping[str, BinaryIO],
    actor: str,
    mapping: ColumnMapping | None,
    *,
    dry_run: bool,
    json: bool,
) -> None:
    async def execute() -> list[ImportedFile]:
        async with terminal.opened_app(terminal.settings()) as app:
            return await import_files(
                app, opened, actor, dry_run=dry_run, mapping=mapping, quiet=json
            )

    done = terminal.run(execute())
    if json:
        terminal.emit(ImportedFiles(tuple(done)))
    _refuse_faulty(done)


def _refuse_faulty(done: Iterable[ImportedFile]) -> None:
    faulty = [file.file for file in done if file.faults]
    if faulty:
        raise CommandFailed(
            plural(
                "{files} has faults; nothing of it was recorded",
                "{files} have faults; nothing of them was recorded",
                count=len(faulty),
                files=faulty,
            )
        )


def _propose(
    opened: Mapping[str, BinaryIO],
    actor: str,
    mapping: ColumnMapping | None,
    because: str,
    *,
    json: bool,
) -> None:
    """Propose the import of the files, if none of them has faults."""

    async def execute() -> list[ProposedImport]:
        # The import closes the files.
        digests = {
            name: permission_digest(content, mapping)
            for name, content in opened.items()
        }
        async with terminal.opened_app(terminal.settings()) as app:
            checked = await import_files(
                app,
                opened,
                actor,
                dry_run=True,
                approved=True,
                mapping=mapping,
                quiet=json,
            )
            _refuse_faulty(checked)
            return [
                await _propose_file(app, name, digest, actor, because)
                for name, digest in digests.items()
            ]

    done = terminal.run(execute())
    if json:
        terminal.emit(ProposedImports(tuple(done)))
        return
    for one in done:
        tables.say(
            message(
                "Proposed: {proposal}. Another person must approve the import of "
                "{file}, SHA-256 {sha256}.",
                proposal=one.proposal,
                file=one.file,
                sha256=one.sha256,
            )
        )


async def _propose_file(
    app: App, name: str, digest: str, actor: str, because: str
) -> ProposedImport:
    allowed = FileAllowed(effective_on=app.commands.today())
    command = Command(import_permission.decider.category, digest, allowed, actor)
    done = await proposing.propose(app, command, because)
    return ProposedImport(name, digest, done.subject)


def _seekable(file: BinaryIO) -> BinaryIO:
    """*file* if it is seekable; otherwise, as for a pipe, its contents in memory."""
    return file if file.seekable() else BytesIO(file.read())


async def import_files(
    app: App,
    contents: Mapping[str, bytes | BinaryIO],
    actor: str,
    *,
    dry_run: bool = False,
    approved: bool = False,
    mapping: ColumnMapping | None = None,
    quiet: bool = False,
) -> list[ImportedFile]:
    """Import the files in order; print the outcome of each unless *quiet*.

    With *approved*, a dry run takes the import of each file for approved. With a
    *mapping*, the files are workbooks with its columns.

    Raises:
        CommandFailed: The import of a file must be approved first.
    """
    done = []
    in_workbook = workbook_output.collected() is not None
    async with app.pool.acquire() as connection:
        importer = Importer(
            connection,
            app.commands,
            actor,
            dry_run,
            app.credentials,
            approved,
            mapping=mapping,
            most=MOST_IN_WORKBOOK if in_workbook else MOST,
        )
        for name, content in contents.items():
            digest = permission_digest(content, mapping)
            try:
                with terminal.progress(name) as tell:
                    report = await importer.run(content, tell)
            except Forbidden as error:
                if not error.proposable:
                    raise
                raise _unapproved(error, name, digest) from error
            done.append(_file(name, report, dry_run=dry_run))
            if not quiet:
                import_outcome.show(done[-1])
    return done


def _unapproved(error: Forbidden, name: str, digest: str) -> CommandFailed:
    """The refusal of a file whose import nobody approved, and how to propose it."""
    return CommandFailed(
        message(
            "{file} (SHA-256 {sha256}): {error}; to propose the import, run "
            "iku import {word} --propose REASON",
            file=name,
            error=error_message(error),
            word=shlex.quote(name),
            sha256=digest,
        )
    )


def _file(name: str, report: ImportReport, *, dry_run: bool) -> ImportedFile:
    return ImportedFile(
        file=name,
        dry_run=dry_run,
        journal=report.journal,
        rows=report.rows,
        added=report.added,
        repeated=report.repeated,
        standing=report.standing,
        identical=report.identical,
        skipped=report.skipped,
        remarks=report.remarks,
        size=report.size,
        faulted=report.faulted,
        faults=report.faults,
        sheets=report.sheets,
        skipped_sheets=report.skipped_sheets,
    )
