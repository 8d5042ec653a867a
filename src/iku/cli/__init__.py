"""The command line, with the terms of the API.

Output is in Indonesian, or in English if IKU_LANGUAGE selects it. An error is one
sentence on standard error, never a traceback. Exit codes: 0 success, 1 refused or
different, 2 usage error; `monitor` has further ones.
"""

import resource
from collections.abc import Sequence

import click

import iku
from iku.cli import (
    account,
    attachments,
    backup,
    compare,
    continue_log,
    define,
    difference,
    erase,
    errors,
    example,
    explain,
    export,
    figure,
    history,
    import_,
    keys,
    lists,
    migrate,
    monitor,
    policy,
    proposal,
    publication,
    rebuild,
    record,
    replay,
    series,
    serve,
    show,
    signer,
    status,
    target,
    terminal,
    verify,
    witness,
)


@click.group(
    cls=terminal.OrderedGroup, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(iku.__version__, prog_name="iku", message="%(prog)s %(version)s")
def commands() -> None:
    """Register of conflict cases, and the key performance indicators counted from it.

    Data are stored in an embedded PostgreSQL in ./var, or on the server that
    IKU_DATABASE_URL names. docs/cli.md describes every command.
    """


for command in (
    *(example.example, serve.serve, import_.import_),
    *(record.report, record.register, record.record),
    *(lists.list_, show.show),
    *(
        figure.figure,
        series.series,
        explain.explain,
        replay.replay,
        difference.difference,
        compare.compare,
        history.history,
        verify.verify,
    ),
    *(publication.publication, define.define, target.target),
    *(proposal.proposal, account.account, policy.access),
    *(erase.erase, keys.keys, attachments.attachments),
    *(backup.backup, backup.restore),
    *(
        status.status,
        migrate.migrate,
        migrate.guard,
        rebuild.rebuild,
        signer.signer,
        witness.witness,
        monitor.monitor,
        continue_log.continue_log,
        export.export,
    ),
):
    commands.add_command(command)


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
