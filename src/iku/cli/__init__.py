"""The command line: the words of the API, typed.

What it shows is Indonesian, as on paper; what it refuses it says in the API's words,
one sentence on the error stream and never a traceback. Exit codes: 0 done, 1 refused
or different, 2 the command was not understood.
"""

from collections.abc import Sequence

import click

import iku
from iku.cli import edge, terminal
from iku.cli.attaching import attachments
from iku.cli.backup import backup, restore
from iku.cli.compare import compare
from iku.cli.continuing import continue_log
from iku.cli.define import define
from iku.cli.difference import difference
from iku.cli.erasing import erase
from iku.cli.example import example
from iku.cli.explaining import explain
from iku.cli.exporting import export
from iku.cli.figure import figure
from iku.cli.history import history
from iku.cli.importing import import_
from iku.cli.keys import keys
from iku.cli.lists import list_
from iku.cli.migrating import guard, migrate
from iku.cli.publication import publication
from iku.cli.rebuilding import rebuild
from iku.cli.recording import record, register, report
from iku.cli.replaying import replay
from iku.cli.series import series
from iku.cli.serving import serve
from iku.cli.showing import show
from iku.cli.signing import signer
from iku.cli.status import status
from iku.cli.target import target
from iku.cli.verifying import verify
from iku.cli.witnessing import witness


@click.group(
    cls=terminal.InOrder, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(iku.__version__, prog_name="iku", message="%(prog)s %(version)s")
def commands() -> None:
    """Register of conflict cases, and the key performance indicators counted from it.

    Data lie in an embedded PostgreSQL in ./var, or on the server that IKU_DATABASE_URL
    names. docs/cli.md tells more.
    """


for command in (
    *(example, serve, import_),
    *(report, register, record),
    *(list_, show),
    *(figure, series, explain, replay, difference, compare, history, verify),
    *(publication, define, target),
    *(erase, keys, attachments),
    *(backup, restore),
    *(status, migrate, guard, rebuild, signer, witness, continue_log, export),
):
    commands.add_command(command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and end the process with its exit code."""
    edge.run(commands, arguments)
