"""What the commands share: opening the application, options, progress, JSON."""

import asyncio
import getpass
import os
import sys
import unicodedata
from collections.abc import (
    AsyncIterator,
    Callable,
    Coroutine,
    Iterator,
)
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import date
from typing import Any, TypeAlias, TypeVar

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from iku.app import App, migrate_and_open
from iku.commands.command import ReadOnlyReplica
from iku.domain import hidden_characters
from iku.domain.decider import subject_id, subject_number
from iku.domain.fact import Line
from iku.exchange import cells
from iku.postgres.database import migrate_database, open_database
from iku.postgres.migrations import MigrationError, pending
from iku.postgres.pool import (
    Plain,
    connect_as_owner,
    connect_as_signer,
    only_reads,
)
from iku.queries.view import View
from iku.settings import Settings, SettingsError

# Where no event trigger guards the ledger's schema, and what to do about it.
UNGUARDED = "hanya superuser dapat memasangnya: iku guard | psql --dbname=ALAMAT"
# Where keys of texts are lost, and what that means.
LOST = "HILANG: {}; teks yang disegel dengannya terkunci, angka tetap benar"

T = TypeVar("T")
Tell: TypeAlias = Callable[[int, int], None]


class OrderedGroup(click.Group):
    """Lists its commands in the order in which they were added."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's
        """Names of all commands."""
        return list(self.commands)


class DayType(click.ParamType[date]):
    """A day, written YYYY-MM-DD."""

    name = "yyyy-mm-dd"  # as the help shows it, in capitals

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> date:
        """*value* as a day, or a usage error."""
        try:
            return cells.day(str(value))
        except cells.InvalidCell as error:
            self.fail(str(error), param, ctx)


class SubjectNumberType(click.ParamType[str]):
    """A number in the register, or the identifier of what has it."""

    name = "number"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        """The identifier of what has that number, or a usage error."""
        try:
            return subject_id(cells.number(subject_number(str(value))))
        except cells.InvalidCell as error:
            self.fail(str(error), param, ctx)


class LineType(click.ParamType[str]):
    """One line of text that is fit to stand in the record."""

    def __init__(self, name: str, kind: Any, most: int) -> None:
        self.name = name  # as the help shows it, in capitals
        self._kind = kind
        self._most = most

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        """*value* as it is recorded, or a usage error."""
        try:
            composed = unicodedata.normalize("NFC", str(value).strip())
            composed.encode()
            return str(msgspec.convert(composed, self._kind))
        except (msgspec.ValidationError, UnicodeEncodeError):
            self.fail(
                f"must be one line of 1 to {self._most} characters, not blank, without "
                "control characters",
                param,
                ctx,
            )


def user() -> str:
    """The system's name of whoever types; ``lokal`` where it has none."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "lokal"


actor = click.option(
    "--actor",
    type=LineType("name", Line, 500),
    default=user,
    help="Who records [default: you].",
)
subjects = click.option(
    "--subject",
    "subjects",
    multiple=True,
    help="Texts of this person, case or organisation only; repeatable.",
)
as_json = click.option("--json", "json", is_flag=True, help="For programs.")


def settings() -> Settings:
    """What the environment asks for."""
    return Settings.from_environment(os.environ)


def run(work: Coroutine[Any, Any, T]) -> T:
    """What *work* comes to."""
    return asyncio.run(work)


@asynccontextmanager
async def opened_app(chosen: Settings) -> AsyncIterator[App]:
    """The application, migrated."""
    async with AsyncExitStack() as stack:
        with plain_address():
            opened = await stack.enter_async_context(migrate_and_open(chosen))
        yield opened


@asynccontextmanager
async def opened_view() -> AsyncIterator[tuple[App, View]]:
    """The application, and what the user of the terminal can read of it."""
    async with (
        opened_app(settings()) as opened,
        opened.pool.acquire() as connection,
    ):
        yield opened, opened.view(connection)


@asynccontextmanager
async def owner(chosen: Settings) -> AsyncIterator[Plain]:
    """A connection with the owner's rights, to the database as it is."""
    async with open_database(chosen) as database:
        with plain_address():
            connection = await connect_as_owner(database.owner_dsn)
        try:
            yield connection
        finally:
            await connection.close()


@asynccontextmanager
async def signer(chosen: Settings) -> AsyncIterator[Plain]:
    """A connection with the signer's rights, to a database that is up to date.

    Raises:
        ReadOnlyReplica: It is a replica, which may lag behind what was signed already.
        SettingsError: It is not said how the signer logs in.
        MigrationError: The schema is not up to date, and the signer may not change it.
    """
    async with open_database(chosen) as database:
        if database.signer_dsn is None:
            raise SettingsError(
                "IKU_DATABASE_URL is set, but IKU_SIGNER_URL is not; "
                "the signer has a login of its own"
            )
        with plain_address():
            if chosen.database_url is None:
                await migrate_database(database)
            connection = await connect_as_signer(database.signer_dsn)
        try:
            await _refuse_pending(connection)
            if await only_reads(connection):
                raise ReadOnlyReplica
            yield connection
        finally:
            await connection.close()


async def _refuse_pending(connection: Plain) -> None:
    if missing := await pending(connection):
        raise MigrationError(f"run `iku migrate` first: {', '.join(map(str, missing))}")


@contextmanager
def plain_address() -> Iterator[None]:
    """Say what is wrong with an address without showing it."""
    try:
        yield
    except ValueError:
        # Not quoted, nor chained: it may hold a password.
        raise SettingsError(
            "IKU_DATABASE_URL or IKU_OWNER_URL is no address that can be understood; "
            "write postgresql://user:password@host:5432/database"
        ) from None


@contextmanager
def progress(doing: str) -> Iterator[Tell]:
    """A bar on the error stream while *doing* something long; none when piped."""
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=not sys.stderr.isatty(),
    )
    with bar:
        task = bar.add_task(doing, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def emit(value: Any) -> None:
    """*value* as JSON, on one line."""
    click.echo(hidden_characters.escaped(msgspec.json.encode(value)))
