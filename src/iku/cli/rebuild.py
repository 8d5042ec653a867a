"""`iku rebuild`: rebuild the projections from the log."""

import click

from iku.cli import tables, terminal
from iku.cli.errors import CommandFailed
from iku.messages import message
from iku.postgres.migrations import migrate
from iku.projections import rebuild as rebuilding


@click.command(short_help="Rebuild the counts and lists from the log.")
@terminal.as_json
def rebuild(*, json: bool) -> None:
    """Rebuild counts and lists from the log, and compare them with the present ones.

    The new ones replace the present ones in either case. The exit code is 1 if they
    differ. The register can be used during the rebuild.
    """

    async def execute() -> list[str]:
        async with terminal.owner_connection(terminal.settings()) as owner:
            await migrate(owner)
            with terminal.progress(message("events")) as tell:
                return await rebuilding.rebuild(owner, tell)

    findings = terminal.run(execute())
    if json:
        terminal.emit({"findings": findings})
    else:
        for finding in findings:
            tables.say(finding)
    if findings:
        raise CommandFailed(
            message("the projections did not match the log; they were rebuilt")
        )
    if not json:
        tables.say(message("Rebuilt; the new projections equal the previous ones."))
