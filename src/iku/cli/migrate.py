"""`iku migrate`, `iku guard`: migrate the schema, and protect it from changes."""

import click
from msgspec import Struct

from iku.cli import tables, terminal
from iku.messages import message
from iku.postgres import schema_guard
from iku.postgres.database import migrate_database, open_database
from iku.postgres.pool import connect_as_owner


class MigrationResult(Struct, frozen=True):
    """The applied migrations, and whether event triggers now guard the schema."""

    applied: list[str]
    guarded: bool


@click.command(short_help="Migrate the database to the current schema.")
@terminal.as_json
def migrate(*, json: bool) -> None:
    """Apply pending migrations to the database; other commands do so, too."""
    done = terminal.run(_migrate())
    if json:
        terminal.emit(done)
        return
    if done.applied:
        tables.say(message("Applied: {migrations}.", migrations=done.applied))
    else:
        tables.say(message("The schema is up to date."))
    if not done.guarded:
        tables.say(
            message(
                "The guard of the schema is not installed; {remedy}",
                remedy=terminal.UNGUARDED,
            )
        )


async def _migrate() -> MigrationResult:
    async with open_database(terminal.settings()) as database:
        with terminal.hide_addresses_in_errors():
            applied = await migrate_database(database)
            owner = await connect_as_owner(database.owner_dsn)
        try:
            guarded = await schema_guard.install(owner)
        finally:
            await owner.close()
        return MigrationResult([str(migration) for migration in applied], guarded)


@click.command(
    short_help="Print the SQL that guards the schema, for a superuser to run."
)
def guard() -> None:
    """Print the SQL statements that guard the ledger's schema.

    A superuser runs them in the register's database: iku guard | psql --dbname=URI. On
    the embedded server, every command that migrates runs them itself.
    """
    click.echo(schema_guard.SQL, nl=False)
