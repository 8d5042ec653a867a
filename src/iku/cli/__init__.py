"""The command line, with the terms of the API.

Output is in Indonesian, or in English if IKU_LANGUAGE selects it. An error is one
sentence on standard error, never a traceback. Exit codes: 0 success, 1 refused or
different, 2 usage error; `monitor` has further ones.
"""

import resource
from collections.abc import Sequence

import click

import iku
from iku.cli import errors, terminal
from iku.cli.lazy_commands import LazyCommands

# The module and the attribute of each command, in the order of the help.
PLACES = {
    "example": "example:example",
    "serve": "serve:serve",
    "import": "import_:import_",
    "template": "template:template",
    "mapping": "mapping:mapping",
    "report": "record:report",
    "register": "record:register",
    "record": "record:record",
    "list": "lists:list_",
    "show": "show:show",
    "figure": "figure:figure",
    "series": "series:series",
    "explain": "explain:explain",
    "replay": "replay:replay",
    "difference": "difference:difference",
    "compare": "compare:compare",
    "history": "history:history",
    "verify": "verify:verify",
    "publication": "publication:publication",
    "paper": "paper:paper",
    "define": "define:define",
    "target": "target:target",
    "proposal": "proposal:proposal",
    "account": "account:account",
    "access": "policy:access",
    "erase": "erase:erase",
    "keys": "keys:keys",
    "attachments": "attachments:attachments",
    "backup": "backup:backup",
    "restore": "backup:restore",
    "status": "status:status",
    "migrate": "migrate:migrate",
    "guard": "migrate:guard",
    "rebuild": "rebuild:rebuild",
    "signer": "signer:signer",
    "witness": "witness:witness",
    "monitor": "monitor:monitor",
    "continue-log": "continue_log:continue_log",
    "export": "export:export",
}
COMMANDS = LazyCommands("iku.cli", PLACES)


@click.group(
    cls=terminal.OrderedGroup,
    commands=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(iku.__version__, prog_name="iku", message="%(prog)s %(version)s")
def commands() -> None:
    """Register of conflict cases, and the key performance indicators counted from it.

    Data are stored in an embedded PostgreSQL in ./var, or on the server that
    IKU_DATABASE_URL names. docs/cli.md describes every command.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit the process with its exit code."""
    _write_no_core_files()
    errors.run(commands, arguments)


def _write_no_core_files() -> None:
    """Write no core file after a crash, since it would hold keys, passwords and texts.

    An embedded PostgreSQL that the command starts inherits the limit.
    """
    _, largest = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, largest))
