"""`iku migrate`, `iku guard`: bring the schema up to date, and keep it as it is."""

import click
from msgspec import Struct

from iku.cli import tables, terminal
from iku.postgres import schema_guard
from iku.postgres.database import migrate_database, open_database
from iku.postgres.pool import connect_as_owner


class MigrationResult(Struct, frozen=True):
    """What was applied, and whether event triggers guard the schema now."""

    applied: list[str]
    guarded: bool


@click.command(short_help="Bring the schema of the database up to date.")
@terminal.as_json
def migrate(*, json: bool) -> None:
    """Bring the database's schema up to date; the other commands do so, too."""
    done = terminal.run(_migrate())
    if json:
        terminal.emit(done)
        return
    if done.applied:
        tables.say(f"Diterapkan: {', '.join(done.applied)}.")
    else:
        tables.say("Skema sudah mutakhir.")
    if not done.guarded:
        tables.say(f"Skema belum dijaga; {terminal.UNGUARDED}")


async def _migrate() -> MigrationResult:
    async with open_database(terminal.settings()) as database:
        with terminal.plain_address():
            applied = await migrate_database(database)
            owner = await connect_as_owner(database.owner_dsn)
        try:
            guarded = await schema_guard.arm(owner)
        finally:
            await owner.close()
        return MigrationResult([str(migration) for migration in applied], guarded)


@click.command(short_help="Print what guards the schema, for a superuser to run.")
def guard() -> None:
    """Print the statements that guard the ledger's schema.

    A superuser runs them in the register's database: iku guard | psql --dbname=ADDRESS.
    The embedded server needs none of it: there every command that migrates does so.
    """
    click.echo(schema_guard.SQL, nl=False)
