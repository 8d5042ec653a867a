"""`iku mapping`: mappings of the columns of an agency's own registers."""

from pathlib import Path
from typing import BinaryIO

import click

from iku.cli import tables, terminal
from iku.exchange import column_mapping, kept_mappings
from iku.messages import message


@click.group(
    cls=terminal.OrderedGroup,
    short_help="Map the columns of the agency's own register.",
)
def mapping() -> None:
    """Save mappings of the columns of the agency's own registers, by name.

    iku import --mapping NAME imports a workbook or CSV file with these columns.
    """


@mapping.command("set", short_help="Save a mapping.")
@click.argument("name")
@click.argument("file", type=click.File("rb"))
def set_(name: str, file: BinaryIO) -> None:
    """Save the mapping in FILE, a JSON document, under NAME.

    docs/importing.md describes the document.
    """
    found = column_mapping.decode(file.read())
    kept_mappings.keep(_home(), name, found)
    tables.say(
        message(
            "Mapping {name} of journal {journal} was saved.",
            name=name,
            journal=found.journal,
        )
    )


@mapping.command(short_help="Print a mapping.")
@click.argument("name")
def show(name: str) -> None:
    """Print the mapping NAME as JSON."""
    found = kept_mappings.find(_home(), name)
    click.echo(column_mapping.encode(found).decode(), nl=False)


@mapping.command("list", short_help="List the mappings.")
def list_() -> None:
    """List the names of the mappings."""
    for name in kept_mappings.names(_home()):
        click.echo(name)


def _home() -> Path:
    return terminal.settings().home
