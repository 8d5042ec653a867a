"""The output formats of a command: tables, JSON, CSV or XLSX."""

from collections.abc import AsyncIterator, Callable, Iterable
from functools import wraps
from typing import Any

import click
from msgspec import Struct

from iku.cli import terminal
from iku.cli.workbook_output import XLSX, refuse_terminal
from iku.exchange.csv_output import Delimiter
from iku.exchange.table_output import FileFormat, TableFormat, TableOutput
from iku.messages import message


class OutputFormat(Struct, frozen=True):
    """The requested output format; tables if it is neither JSON nor a file.

    Attributes:
        file: The format of a file for spreadsheets; None if none is requested.
    """

    json: bool
    file: TableFormat | None


def output_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give *command* the options of the format, passed as its parameter *form*."""

    @wraps(command)
    def gathered(
        *,
        csv: bool,
        xlsx: bool,
        delimiter: str | None,
        bom: bool,
        json: bool,
        **given: Any,
    ) -> None:
        if csv + xlsx + json > 1:
            raise click.UsageError(
                message("--csv, --xlsx and --json exclude each other")
            )
        if delimiter and not csv:
            raise click.UsageError(message("--delimiter needs --csv"))
        if not bom and not csv:
            raise click.UsageError(message("--no-bom needs --csv"))
        if xlsx:
            refuse_terminal()
        file: TableFormat | None = None
        if csv:
            separated = Delimiter(delimiter or Delimiter.COMMA)
            file = TableFormat(FileFormat.CSV, separated, bom)
        elif xlsx:
            file = TableFormat(FileFormat.XLSX)
        command(form=OutputFormat(json, file), **given)

    for option in (terminal.as_json, XLSX, NO_BOM, DELIMITER, CSV):
        gathered = option(gathered)
    return gathered


CSV = click.option("--csv", is_flag=True, help="Print CSV, for a spreadsheet.")
DELIMITER = click.option(
    "--delimiter",
    type=click.Choice([one.value for one in Delimiter]),
    help="With --csv: field separator; semicolon for a spreadsheet with an Indonesian "
    "locale [default: comma].",
)
NO_BOM = click.option(
    "--bom/--no-bom",
    default=True,
    help="With --csv: begin with a byte order mark, by which Excel recognises UTF-8 "
    "[default: --bom].",
)


async def write(output: TableOutput, parts: AsyncIterator[Iterable[Any]]) -> None:
    """Print a file of the items in *parts*, while they are read."""
    _print(output.head())
    async for items in parts:
        _print(output.rows(items))
    _print(output.end())


def write_whole(output: TableOutput, items: Iterable[Any]) -> None:
    """Print a file of *items*."""
    _print(output.head() + output.rows(items) + output.end())


def _print(part: bytes) -> None:
    click.echo(part, nl=False)
