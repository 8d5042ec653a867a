"""The output formats of a command: tables, JSON or CSV."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import click
from msgspec import Struct

from iku.cli import terminal
from iku.exchange.csv_output import Delimiter
from iku.messages import message


class OutputFormat(Struct, frozen=True):
    """The requested output format; tables if it is neither JSON nor CSV.

    Attributes:
        csv: The delimiter of CSV; None if CSV is not requested.
    """

    json: bool
    csv: Delimiter | None


def output_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give *command* the options of the format, passed as its parameter *form*."""

    @wraps(command)
    def gathered(*, csv: bool, delimiter: str | None, json: bool, **given: Any) -> None:
        if csv and json:
            raise click.UsageError(message("--csv and --json exclude each other"))
        if delimiter and not csv:
            raise click.UsageError(message("--delimiter needs --csv"))
        separated = Delimiter(delimiter or Delimiter.COMMA) if csv else None
        command(form=OutputFormat(json, separated), **given)

    for option in (terminal.as_json, DELIMITER, CSV):
        gathered = option(gathered)
    return gathered


CSV = click.option("--csv", is_flag=True, help="Print CSV, for a spreadsheet.")
DELIMITER = click.option(
    "--delimiter",
    type=click.Choice([one.value for one in Delimiter]),
    help="With --csv: field separator; semicolon for a spreadsheet with an Indonesian "
    "locale [default: comma].",
)


def write(text: str) -> None:
    """Print part of a CSV file."""
    click.echo(text.encode(), nl=False)  # bytes, so that line ends are not translated
