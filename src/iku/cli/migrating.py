"""`iku migrate`: bring the schema up to date."""

import click

from iku.cli import terminal
from iku.postgres.database import migrate_database, open_database


@click.command(short_help="Bring the schema of the database up to date.")
@terminal.as_json
def migrate(*, json: bool) -> None:
    """Bring the database's schema up to date; the other commands do so, too."""

    async def work() -> list[str]:
        async with open_database(terminal.settings()) as database:
            with terminal.plain_address():
                return [str(applied) for applied in await migrate_database(database)]

    applied = terminal.run(work())
    if json:
        terminal.emit({"applied": applied})
    elif applied:
        click.echo(f"Diterapkan: {', '.join(applied)}.")
    else:
        click.echo("Skema sudah mutakhir.")
