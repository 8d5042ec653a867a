"""The option `--xlsx`: the tables of a command as a workbook.

While a workbook is written, `tables.Printer` adds sentences and tables to a
`CollectedOutput` instead of printing them. So each command that prints a table can
write a workbook, which has what it prints.
"""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from functools import wraps
from typing import Any

import click
from click.core import ParameterSource

from iku.cli.errors import CommandFailed
from iku.cli.terminal_language import language, translated
from iku.exchange import printed_table
from iku.exchange.papers.document import Document
from iku.exchange.printed_table import PrintedColumn, PrintedTable, TooManyRows
from iku.messages import error_message, message
from iku.settings import Settings

SEPARATOR = " · "  # between sentences on one line
XLSX = click.option(
    "--xlsx", is_flag=True, help="Write a workbook (XLSX) to standard output."
)
_COLLECTED: ContextVar["CollectedOutput | None"] = ContextVar("output", default=None)


def workbook_option(command: Callable[..., None]) -> Callable[..., None]:
    """Give *command*, which prints tables and has `--json`, the option `--xlsx`.

    The tables of a command that fails, such as those of the faults, are written, too.
    """

    @wraps(command)
    def written(*, xlsx: bool, **given: Any) -> None:
        if not xlsx:
            command(**given)
            return
        if given["json"]:
            raise click.UsageError(message("--xlsx and --json exclude each other"))
        refuse_terminal()
        with _collecting() as output:
            try:
                command(**given)
            except CommandFailed:
                if output.has_tables:
                    click.echo(_workbook(output), nl=False)
                raise
        click.echo(_workbook(output), nl=False)

    return XLSX(written)


def _workbook(of: "CollectedOutput") -> bytes:
    # Not imported by commands that print their tables, because it takes long.
    from iku.exchange import workbook  # noqa: PLC0415

    try:
        return workbook.document(of.document(_typed_command(), _today()))
    except TooManyRows as error:
        raise CommandFailed(error_message(error)) from error


def refuse_terminal() -> None:
    """Refuse to write a workbook to a terminal."""
    if sys.stdout.isatty():
        raise click.UsageError(
            message("--xlsx writes a workbook: redirect it to a file, > FILE.xlsx")
        )


def collected() -> "CollectedOutput | None":
    """What collects the output; None if it is printed."""
    return _COLLECTED.get()


@contextmanager
def _collecting() -> Iterator["CollectedOutput"]:
    output = CollectedOutput()
    token = _COLLECTED.set(output)
    try:
        yield output
    finally:
        _COLLECTED.reset(token)


class CollectedOutput:
    """The sentences and tables of a command, in order."""

    def __init__(self) -> None:
        self._said: list[str] = []  # sentences since the last table
        self._tables: list[PrintedTable] = []

    @property
    def has_tables(self) -> bool:
        """Whether a table was added."""
        return bool(self._tables)

    def say(self, sentence: str) -> None:
        """Add a sentence."""
        self._said += filter(None, (line.strip() for line in sentence.split("\n")))

    def table(self, columns: Sequence[PrintedColumn]) -> list[Sequence[str]]:
        """Add a table, whose rows are added to the result."""
        rows: list[Sequence[str]] = []
        self._tables.append(PrintedTable(self._caption(), columns, rows))
        return rows

    def document(self, command: str, today: str) -> Document:
        """The output as a document, which names the command and the day.

        The sentences before a table are its caption, those after the last one its
        notes. Without a table, the sentences are the rows of one.
        """
        *before, last = self._tables or [self._sentences()]
        last = last._replace(notes=self._said if self._tables else ())
        return printed_table.document(command, None, today, [*before, last], language())

    def _caption(self) -> str:
        said, self._said = self._said, []
        return SEPARATOR.join(said)

    def _sentences(self) -> PrintedTable:
        heading = PrintedColumn(translated(message("Result")), is_text=True)
        return PrintedTable("", [heading], [[one] for one in self._said])


def _today() -> str:
    settings = Settings.from_environment(os.environ)
    today = datetime.now(settings.timezone).date()
    return translated(message("written on {day:digits}", day=today))


def _typed_command() -> str:
    """The command with the arguments and options that were typed."""
    context = click.get_current_context()
    words = [context.command_path]
    for one in context.command.params:
        name = one.name or ""
        source = context.get_parameter_source(name)
        if source is ParameterSource.COMMANDLINE and name != "xlsx":
            words += _typed_words(one, context.params[name])
    return " ".join(words)


def _typed_words(parameter: click.Parameter, value: Any) -> Iterator[str]:
    for one in value if isinstance(value, tuple) else (value,):
        if isinstance(parameter, click.Option):
            yield parameter.opts[0]
        if not isinstance(one, bool):
            yield str(one)
