"""`iku import`: import journals of older registers, each file atomically."""

from collections.abc import Mapping
from contextlib import ExitStack
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import click
from msgspec import Struct

from iku.app import App
from iku.cli import tables, terminal
from iku.cli.errors import CommandFailed
from iku.cli.tables import exact, number, text
from iku.exchange import formats
from iku.exchange.import_plan import RowNote, SkippedRow
from iku.exchange.journal_import import Importer, ImportReport
from iku.exchange.spreadsheet import FileFault
from iku.messages import plural

FAULTS = (number("Baris"), exact("Kolom"), text("Masalah"))
SKIPPED = (number("Baris"), text("Dilewati karena"))
REMARKS = (number("Baris"), text("Catatan"))


class ImportedFile(Struct, frozen=True):
    """The outcome of one file, as JSON output.

    Attributes:
        repeated: Number of rows that were imported before.
        standing: Number of rows that the register contained already.
        identical: Number of rows that repeat an earlier row of the file.
        skipped: The first of the standing and identical rows, each with its reason.
        remarks: The first notes on side effects of rows.
        faulted: Number of faults.
        faults: The first faults.
    """

    file: str
    dry_run: bool
    journal: str | None
    rows: int
    added: int
    repeated: int
    standing: int
    identical: int
    skipped: tuple[SkippedRow, ...]
    remarks: tuple[RowNote, ...]
    size: int
    faulted: int
    faults: tuple[FileFault, ...]


class ImportedFiles(Struct, frozen=True):
    """The outcomes of all files, in order."""

    files: tuple[ImportedFile, ...]


@click.command("import", short_help="Import journals (CSV files) of older registers.")
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.option("--dry-run", is_flag=True, help="Do all but record.")
@terminal.actor
@terminal.as_json
def import_(files: tuple[str, ...], *, dry_run: bool, actor: str, json: bool) -> None:
    """Import journals: CSV files with the headings that docs/importing.md lists.

    Each file is recorded atomically: if any row has a fault, nothing of the file is
    recorded. Rows that were imported before are skipped, so a file can be imported
    again after rows were added to it.
    """

    async def work() -> list[ImportedFile]:
        async with terminal.opened_app(terminal.settings()) as app:
            return await import_files(app, opened, actor, dry_run=dry_run, quiet=json)

    with ExitStack() as stack:
        opened = {
            name: _readable_again(stack.enter_context(Path(name).open("rb")))
            for name in files
        }
        done = terminal.run(work())
    if json:
        terminal.emit(ImportedFiles(tuple(done)))
    faulty = [file.file for file in done if file.faults]
    if faulty:
        raise CommandFailed(
            plural(
                "{files} is at fault; nothing of it was recorded",
                "{files} are at fault; nothing of it was recorded",
                count=len(faulty),
                files=faulty,
            )
        )


def _readable_again(file: BinaryIO) -> BinaryIO:
    """*file* if it is seekable; otherwise, as for a pipe, its contents in memory."""
    return file if file.seekable() else BytesIO(file.read())


async def import_files(
    app: App,
    contents: Mapping[str, bytes | BinaryIO],
    actor: str,
    *,
    dry_run: bool = False,
    quiet: bool = False,
) -> list[ImportedFile]:
    """Import the files in order; print the outcome of each unless *quiet*."""
    done = []
    async with app.pool.acquire() as connection:
        importer = Importer(connection, app.commands, actor, dry_run)
        for name, content in contents.items():
            with terminal.progress(name) as tell:
                report = await importer.run(content, tell)
            done.append(_file(name, report, dry_run=dry_run))
            if not quiet:
                _report(done[-1])
    return done


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
    )


def _report(file: ImportedFile) -> None:
    if file.faults:
        _show_faults(file)
        return
    tables.say(f"{file.file}: {_outcome(file)}")
    if file.skipped:
        _show_skipped(file)
    if file.remarks:
        rows = [(formats.number(one.row), one.message) for one in file.remarks]
        tables.Printer().table(REMARKS, rows)


def _outcome(file: ImportedFile) -> str:
    """A sentence on the recorded rows."""
    if not file.rows:
        return (
            f"jurnal {file.journal} ini kosong: tidak ada baris di bawah judul kolom; "
            "tidak ada yang dicatat."
        )
    rows = f"{formats.number(file.rows)} baris jurnal {file.journal}"
    if not file.added:
        return f"{rows}, tidak ada yang baru: semuanya sudah ada."
    verb = "akan dicatat" if file.dry_run else "dicatat"
    said = [f"{formats.number(file.added)} {verb}"]
    if file.repeated:
        said.append(f"{formats.number(file.repeated)} sudah diimpor")
    if file.standing:
        said.append(f"{formats.number(file.standing)} sudah ada di register")
    if file.identical:
        said.append(f"{formats.number(file.identical)} baris berulang dilewati")
    size = formats.number(file.size)
    return f"{rows}, {', '.join(said)}; log kini berisi {size} peristiwa."


def _show_faults(file: ImportedFile) -> None:
    out = tables.Printer(stderr=True)
    rows = [
        (formats.number(fault.row), fault.column or "", fault.message)
        for fault in file.faults
    ]
    out.say(file.file)
    out.table(FAULTS, rows)
    if file.faulted > len(file.faults):
        told, count = map(formats.number, (len(file.faults), file.faulted))
        out.say(f"{told} masalah pertama dari {count}.")


def _show_skipped(file: ImportedFile) -> None:
    out = tables.Printer()
    rows = [(formats.number(one.row), one.message) for one in file.skipped]
    out.table(SKIPPED, rows)
    if (count := file.standing + file.identical) > len(rows):
        told, all_ = map(formats.number, (len(rows), count))
        out.say(f"{told} baris pertama dari {all_} yang dilewati.")
