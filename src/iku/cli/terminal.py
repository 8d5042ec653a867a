"""Shared parts of the commands: the open application, options, progress and JSON."""

import asyncio
import os
import sys
import unicodedata
from collections.abc import (
    AsyncIterator,
    Callable,
    Coroutine,
    Iterator,
    Sequence,
)
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import date
from typing import Any, TypeAlias, TypeVar
from urllib.parse import urlsplit

import click
import msgspec
from msgspec import structs
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from iku import messages
from iku.app import App, migrate_and_open
from iku.cli import api_key
from iku.cli.terminal_language import language, translated
from iku.commands.command import ReadOnlyReplica
from iku.domain import hidden_characters
from iku.domain.decider import subject_id, subject_number
from iku.domain.fact import Line
from iku.exchange import cells
from iku.messages import Message, message
from iku.postgres.database import migrate_database, open_database
from iku.postgres.migrations import MigrationError, pending_migrations
from iku.postgres.pool import (
    Connection,
    Plain,
    connect_as_owner,
    connect_as_signer,
    is_read_only,
)
from iku.queries.view import LOCAL, View
from iku.settings import Settings, SettingsError

# The remedy if no event trigger guards the ledger's schema.
UNGUARDED = message("only a superuser can install it: iku guard | psql --dbname=URI")

# The variables with connection URIs.
ADDRESSES = ("IKU_DATABASE_URL", "IKU_OWNER_URL", "IKU_SIGNER_URL", "IKU_SUPERUSER_URL")
T = TypeVar("T")
Tell: TypeAlias = Callable[[int, int], None]


def lost_keys_message(keys: Sequence[str]) -> Message:
    """The lost *keys* of texts, and the consequence."""
    return message(
        "LOST: {keys}; texts encrypted with these keys cannot be decrypted; figures "
        "are not affected",
        keys=[*keys],
    )


class OrderedGroup(click.Group):
    """A group that lists its commands in the order in which they were added."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's
        """The names of all commands."""
        return list(self.commands)


class DayType(click.ParamType[date]):
    """A day, written YYYY-MM-DD."""

    name = "yyyy-mm-dd"  # as the help shows it, in capitals

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> date:
        """*value* as a day, or a usage error."""
        try:
            return cells.parse_day(str(value))
        except cells.InvalidCell as error:
            self.fail(translated(messages.error_message(error)), param, ctx)


class SubjectNumberType(click.ParamType[str]):
    """The number or identifier of a subject."""

    name = "number"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        """The identifier given by *value*, or a usage error."""
        try:
            return subject_id(cells.parse_number(subject_number(str(value))))
        except cells.InvalidCell as error:
            self.fail(translated(messages.error_message(error)), param, ctx)


class LineType(click.ParamType[str]):
    """One line of text, as records may contain it."""

    def __init__(self, name: str, kind: Any, most: int) -> None:
        self.name = name  # as the help shows it, in capitals
        self._kind = kind
        self._most = most

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        """*value* stripped and normalised to NFC, or a usage error."""
        try:
            composed = unicodedata.normalize("NFC", str(value).strip())
            composed.encode()
            return str(msgspec.convert(composed, self._kind))
        except (msgspec.ValidationError, UnicodeEncodeError):
            expected = message(
                "must be one line of 1 to {most} characters, not blank, without "
                "control characters",
                most=self._most,
            )
            self.fail(translated(expected), param, ctx)


actor = click.option(
    "--actor",
    type=LineType("name", Line, 500),
    default=LOCAL.name,
    help="Actor recorded with the event, while the register has no accounts [default: "
    "lokal].",
)
subjects = click.option(
    "--subject",
    "subjects",
    multiple=True,
    help="Texts of this person, case or organisation only; repeatable.",
)
as_json = click.option("--json", "json", is_flag=True, help="Print JSON, for programs.")


def settings() -> Settings:
    """The settings from the environment variables."""
    return Settings.from_environment(os.environ)


def run(main: Coroutine[Any, Any, T]) -> T:
    """The result of *main*, run in an event loop."""
    return asyncio.run(main)


@asynccontextmanager
async def opened_app(chosen: Settings) -> AsyncIterator[App]:
    """The application over a migrated database, with the account that acts."""
    async with AsyncExitStack() as stack:
        with hide_addresses_in_errors():
            opened = await stack.enter_async_context(migrate_and_open(chosen))
        yield await api_key.with_api_key(opened, chosen.api_key)


def view(opened: App, reader: Connection) -> View:
    """The view of the user of the terminal, in the terminal's language."""
    return opened.view(reader, structs.replace(opened.usual, language=language()))


@asynccontextmanager
async def opened_view() -> AsyncIterator[tuple[App, View]]:
    """The application, and a view on it for the user of the terminal."""
    async with (
        opened_app(settings()) as opened,
        opened.pool.acquire() as connection,
    ):
        yield opened, view(opened, connection)


@asynccontextmanager
async def owner_connection(chosen: Settings) -> AsyncIterator[Plain]:
    """A connection in the owner's role, without migrating the database."""
    async with open_database(chosen) as database:
        with hide_addresses_in_errors():
            connection = await connect_as_owner(database.owner_dsn)
        try:
            yield connection
        finally:
            await connection.close()


@asynccontextmanager
async def signer_connection(chosen: Settings) -> AsyncIterator[Plain]:
    """A connection in the signer's role, to a database that is fully migrated.

    Raises:
        ReadOnlyReplica: The database is a replica, which can lag behind the last
            checkpoint.
        SettingsError: The signer's login is not configured.
        MigrationError: Migrations are pending, which the signer cannot apply.
    """
    async with open_database(chosen) as database:
        if database.signer_dsn is None:
            raise SettingsError(
                message(
                    "IKU_DATABASE_URL is set, but IKU_SIGNER_URL is not: the signer "
                    "requires its own login"
                )
            )
        with hide_addresses_in_errors():
            if chosen.database_url is None:
                await migrate_database(database)
            connection = await connect_as_signer(database.signer_dsn)
        try:
            await _refuse_pending(connection)
            if await is_read_only(connection):
                raise ReadOnlyReplica
            yield connection
        finally:
            await connection.close()


async def _refuse_pending(connection: Plain) -> None:
    if missing := await pending_migrations(connection):
        raise MigrationError(
            message("run `iku migrate` first: {missing}", missing=[*map(str, missing)])
        )


@contextmanager
def hide_addresses_in_errors() -> Iterator[None]:
    """Replace the error of a malformed address by one that does not quote it."""
    try:
        yield
    except ValueError:
        # Not quoted, nor chained: it may hold a password.
        raise SettingsError(
            message(
                "{names}: not a valid connection URI; the form is "
                "postgresql://user:password@host:5432/database",
                names=_malformed_addresses(),
            )
        ) from None


def _malformed_addresses() -> list[str]:
    """The variables whose address is malformed; all that are set if none is."""
    given = [name for name in ADDRESSES if os.environ.get(name)]
    return [name for name in given if not _is_well_formed(os.environ[name])] or given


def _is_well_formed(address: str) -> bool:
    try:
        port = urlsplit(address).port
    except ValueError:
        return False
    return port is None or port > 0


@contextmanager
def progress(doing: str) -> Iterator[Tell]:
    """Show a progress bar labelled *doing* on standard error, if that is a terminal."""
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=not sys.stderr.isatty(),
    )
    with bar:
        task = bar.add_task(translated(doing), total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def confirm(question: str, *, err: bool) -> bool:
    """Whether the user confirms *question*; both languages' answers are accepted.

    `click.confirm` accepts and shows English answers only.
    """
    answers = translated(message("[y/N]"))
    asked = f"{translated(question)} {answers}"
    confirmed: bool = click.prompt(
        asked, "no", show_default=False, value_proc=_parse_answer, err=err
    )
    return confirmed


def _parse_answer(typed: str) -> bool:
    answer = typed.strip().lower()
    if answer not in YES | NO:
        raise click.UsageError(translated(message("answer y (yes) or n (no)")))
    return answer in YES


YES = frozenset({"y", "yes", "ya"})
NO = frozenset({"", "n", "no", "t", "tidak"})


def emit(value: Any) -> None:
    """Print *value* as JSON, on one line."""
    click.echo(
        hidden_characters.escaped_json(msgspec.json.encode(value, enc_hook=translated))
    )
