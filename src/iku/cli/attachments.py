"""`iku attachments`: the quarantine of files that no event refers to."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TypeAlias
from uuid import UUID
from zoneinfo import ZoneInfo

import click
from msgspec import Struct

from iku.app import App
from iku.cli import tables, terminal
from iku.cli.errors import CommandFailed
from iku.cli.tables import number_column, text_column, unwrapped_column
from iku.cli.terminal_language import formats
from iku.cli.workbook_output import workbook_option
from iku.messages import message
from iku.postgres.pool import Connection
from iku.vault import quarantine
from iku.vault.files import QuarantineSummary
from iku.vault.quarantine import QuarantinedFile

NAMES = click.argument("names", metavar="[NAME]...", type=click.UUID, nargs=-1)
COLUMNS = (
    unwrapped_column(message("Name")),
    number_column(message("Bytes")),
    unwrapped_column(message("Stored")),
    text_column(message("Referred to")),
)
ERASED: str = message("erased by a decision")
UNKNOWN = message("no")

Opened: TypeAlias = tuple[App, Connection]


class QuarantineList(Struct, frozen=True):
    """The files in quarantine, as JSON output."""

    folder: str
    files: list[QuarantinedFile]


@click.group(
    cls=terminal.OrderedGroup,
    short_help="List, restore and remove attached files in quarantine.",
)
def attachments() -> None:
    """List, restore and remove attached files that no event in the database refers to.

    The server moves such files to quarantine when it starts: a database restored from
    an older dump lacks the events that attached the later files. Only `remove` deletes
    a file.
    """


@asynccontextmanager
async def _opened_app(*, writes: bool = True) -> AsyncIterator[Opened]:
    async with (
        terminal.opened_app(terminal.settings()) as app,
        app.pool.acquire() as connection,
    ):
        if writes:
            app.commands.refuse_replica()
        yield app, connection


@attachments.command("list")
@workbook_option
@terminal.as_json
def list_(*, json: bool) -> None:
    """List the files in quarantine, and which of them an event now refers to."""

    async def execute() -> None:
        async with _opened_app(writes=False) as (app, connection):
            vault, zone = app.vault, app.settings.timezone
            table = tables.Listing(COLUMNS, tables.Printer())
            listed: list[QuarantinedFile] = []
            async for page in quarantine.list_files(vault, connection):
                if json:
                    listed += page
                else:
                    table.add([_row(one, zone) for one in page])
            if json:
                terminal.emit(QuarantineList(str(vault.files.quarantine), listed))
            else:
                held = summary(vault.files.summary(), zone)
                tables.say(message("Quarantine: {contents}", contents=held))

    terminal.run(execute())


@attachments.command()
@NAMES
@terminal.as_json
def restore(names: tuple[UUID, ...], *, json: bool) -> None:
    """Restore the files NAME or, without NAME, all files that an event now refers to.

    If no event refers to a restored file, the server moves it back to quarantine when
    it starts next.
    """

    async def execute() -> int:
        async with _opened_app() as (app, connection):
            restored = 0
            if names:
                found = await _find(app, connection, names)
                for one in found:
                    if one.erased:
                        raise CommandFailed(
                            message(
                                "{name} was erased by a decision, so it cannot be "
                                "restored; nothing was restored",
                                name=one.name,
                            )
                        )
                return await quarantine.restore(app.vault, found)
            async for page in quarantine.list_files(app.vault, connection):
                known = [one for one in page if one.known]
                restored += await quarantine.restore(app.vault, known)
            return restored

    restored = terminal.run(execute())
    if json:
        terminal.emit({"restored": restored})
    else:
        count = formats.number(restored)
        tables.say(message("Files restored from quarantine: {count}.", count=count))


@attachments.command()
@NAMES
@click.option("--yes", is_flag=True, help="Do not ask for confirmation; for scripts.")
@terminal.as_json
def remove(names: tuple[UUID, ...], *, yes: bool, json: bool) -> None:
    """Delete files in quarantine permanently: NAME or, without NAME, all of them.

    A file that an event refers to is never deleted.
    """

    async def execute() -> int:
        async with _opened_app() as (app, connection):
            if names:
                found = await _find(app, connection, names)
                for one in found:
                    if one.known:
                        raise CommandFailed(
                            message(
                                "{name} was attached by {stream}, version {version}, "
                                "so it cannot be removed; nothing was removed",
                                name=one.name,
                                stream=one.stream,
                                version=one.version,
                            )
                        )
            else:
                pages = quarantine.list_files(app.vault, connection)
                found = [one async for page in pages for one in page if not one.known]
            if not yes and found:
                _confirm_deletion(found)
            return await quarantine.remove(app.vault, found)

    removed = terminal.run(execute())
    if json:
        terminal.emit({"removed": removed})
    else:
        count = formats.number(removed)
        tables.say(message("Files in quarantine deleted: {count}.", count=count))


def summary(aside: QuarantineSummary, zone: ZoneInfo) -> str:
    """A short description of the contents of the quarantine."""
    if aside.oldest is None:
        return message("empty")
    oldest = formats.day(aside.oldest.astimezone(zone).date())
    return message(
        "files: {files}; bytes: {bytes}; oldest file: {day} (`iku attachments list` "
        "shows them)",
        files=formats.number(aside.files),
        bytes=formats.number(aside.bytes),
        day=oldest,
    )


async def _find(
    app: App, connection: Connection, names: Sequence[UUID]
) -> list[QuarantinedFile]:
    """The files *names* in quarantine.

    Raises:
        CommandFailed: A named file is not in quarantine.
    """
    found = await quarantine.find(app.vault, connection, names)
    there = {one.name for one in found}
    for name in names:
        if name not in there:
            raise CommandFailed(
                message(
                    "file {name} does not exist in {folder}",
                    name=name,
                    folder=app.vault.files.quarantine,
                )
            )
    return found


def _confirm_deletion(found: Sequence[QuarantinedFile]) -> None:
    """Ask for confirmation; abort without it."""
    size = formats.number(sum(one.bytes for one in found))
    question = message(
        "Files to be deleted permanently: {count} ({size} bytes). Continue?",
        count=formats.number(len(found)),
        size=size,
    )
    if not terminal.confirm(question, err=True):
        raise click.Abort


def _row(one: QuarantinedFile, zone: ZoneInfo) -> tuple[str, str, str, str]:
    if one.erased:
        known = ERASED
    else:
        known = f"{one.stream}/{one.version}" if one.known else UNKNOWN
    written = formats.day(one.written.astimezone(zone).date())
    return str(one.name), formats.number(one.bytes), written, known
