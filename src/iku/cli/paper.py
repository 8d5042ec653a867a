"""`iku paper`: the papers, and the data of the agency that they print."""

import click

from iku.cli import paper_data, paper_print, terminal


@click.group(
    cls=terminal.OrderedGroup,
    short_help="Print and issue papers, and enter the data that they print.",
)
def paper() -> None:
    """Print and issue papers; enter what they print and the register cannot count.

    `iku paper NAME PUBLICATION` writes a paper of a publication, such as `iku paper
    lkjip 2021`; a paper without a publication takes --as-of, --known-on and --size.
    Until a paper is issued and a quorum of witnesses
    has cosigned the log, it is a draft, marked KONSEP.
    """


for _command in (*paper_print.COMMANDS, *paper_data.COMMANDS):
    paper.add_command(_command)
