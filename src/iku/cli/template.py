"""`iku template`: the workbook into which entries are typed, to be imported."""

from pathlib import Path

import click

from iku import agency
from iku.cli import tables, terminal
from iku.exchange import entry_template
from iku.messages import message


@click.command(short_help="Write the workbook (XLSX) for entries, to be imported.")
@click.option(
    "-o",
    "--output",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    default="iku-templat.xlsx",
    help="File to write [default: iku-templat.xlsx].",
)
def template(path: Path) -> None:
    """Write a workbook with sheets for cases, organisations and participations.

    Its cells offer the words of each column. iku import imports the filled workbook.
    """
    areas = agency.load_agency(terminal.settings().agency).areas
    path.write_bytes(entry_template.write(areas))
    tables.say(message("Template written to {file}.", file=path))
