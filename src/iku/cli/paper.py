"""`iku paper`: the papers, and the data of the agency that they print."""

import click

from iku.cli import paper_data, terminal


@click.group(
    cls=terminal.OrderedGroup,
    short_help="Enter the data of the agency that papers print.",
)
def paper() -> None:
    """Enter and show what papers print and the register cannot count."""


for _command in paper_data.COMMANDS:
    paper.add_command(_command)
