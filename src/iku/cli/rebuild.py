"""`iku rebuild`: derive counts and lists from the log anew."""

import click

from iku.cli import tables, terminal
from iku.cli.errors import CommandFailed
from iku.postgres.migrations import migrate
from iku.projections import rebuild as rebuilding


@click.command(short_help="Derive counts and lists anew from the log.")
@terminal.as_json
def rebuild(*, json: bool) -> None:
    """Build counts and lists anew from the log, and compare them with the old.

    Ends with 1 where the old ones were not what the log says; the new ones are in
    place either way. The office may go on working meanwhile.
    """

    async def work() -> list[str]:
        async with terminal.owner(terminal.settings()) as owner:
            await migrate(owner)
            with terminal.progress("peristiwa") as tell:
                return await rebuilding.rebuild(owner, tell)

    findings = terminal.run(work())
    if json:
        terminal.emit({"findings": findings})
    else:
        for finding in findings:
            tables.say(finding)
    if findings:
        raise CommandFailed("the projections were not what the log says; now they are")
    if not json:
        tables.say("Selesai dibangun ulang; semuanya sama seperti semula.")
