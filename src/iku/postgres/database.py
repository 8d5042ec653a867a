"""The database in use: the embedded server, or an external one."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import asyncpg

from iku.messages import message
from iku.postgres import embedded, migrations, pool, schema_guard
from iku.postgres.embedded import Lease
from iku.postgres.migrations import Migration, MigrationError
from iku.postgres.programs import PostgresError
from iku.settings import Settings

_logger = logging.getLogger(__name__)

WATCH_S = 0.5  # longest time in which a killed embedded server is not noticed
LONGEST_PAUSE_S = 30.0  # between two failing attempts to restart it
# What the owner would change: migrations, the guard and the signer's role. It raises an
# error if a table, a function or a role is missing.
PREPARED = """
    select array(
             select encode(sha256, 'hex')
               from public.schema_migration
              order by version
           ) = $1::text[]
       and guard.version() >= $2
       and ($3::text is null or pg_has_role($3, $4, 'set'))
    """


@dataclass(frozen=True, slots=True)
class Database:
    """The logins of one database; only the owner migrates and rebuilds.

    `signer_dsn` is None if this process has no login of the signer.
    """

    owner_dsn: str = field(repr=False)
    application_dsn: str = field(repr=False)
    signer_dsn: str | None = field(default=None, repr=False)


@asynccontextmanager
async def open_database(settings: Settings) -> AsyncIterator[Database]:
    """The database in the settings, open while the context lasts.

    Without a `database_url` it starts the embedded server, and restarts it after a
    crash. The schema is not migrated.

    Raises:
        PostgresError: The embedded server cannot be started.
    """
    if settings.database_url is not None:
        owner_url = settings.owner_url or settings.database_url
        yield Database(owner_url, settings.database_url, settings.signer_url)
        return
    # Starting and stopping would block the event loop, so they run in a thread.
    lease = embedded.lease(settings.home)
    held = await asyncio.to_thread(lease.__enter__)
    try:
        async with _supervision(held):
            yield Database(held.owner_dsn, held.application_dsn, held.signer_dsn)
    finally:
        await asyncio.to_thread(lease.__exit__, None, None, None)


@asynccontextmanager
async def _supervision(held: Lease) -> AsyncIterator[None]:
    stopped = asyncio.Event()
    watch = asyncio.create_task(_supervise(held, stopped))
    try:
        yield
    finally:
        # Awaited, not cancelled: a restart in progress would outlive the lease.
        stopped.set()
        await watch


async def _supervise(held: Lease, stopped: asyncio.Event) -> None:
    """Restart the server after a crash, until *stopped* is set."""
    pause = WATCH_S
    while not await _is_set_within(stopped, pause):
        try:
            if await asyncio.to_thread(held.restart):
                _logger.error("the embedded server was killed; it is started again")
            pause = WATCH_S
        except PostgresError as error:
            pause = min(2 * pause, LONGEST_PAUSE_S)
            _logger.error("the embedded server was killed; %s", error)  # noqa: TRY400 - a sentence


async def _is_set_within(event: asyncio.Event, within_s: float) -> bool:
    with suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), within_s)
    return event.is_set()


async def migrate_database(database: Database) -> list[Migration]:
    """Migrate the schema, prepare the logins, and return the applied migrations.

    A superuser also installs the schema guard, which another owner cannot
    (`iku.postgres.schema_guard`). Does nothing on a replica, whose primary is migrated.

    Raises:
        MigrationError: The schema cannot be migrated, or the replica's is not current.
    """
    owner = await pool.connect_as_owner(database.owner_dsn)
    try:
        if await pool.is_read_only(owner):
            await _refuse_unmigrated_replica(owner)
            return []
        applied = await migrations.migrate(owner)
        await pool.prepare_application_login(owner, database.application_dsn)
        if database.signer_dsn is not None:
            await pool.prepare_signer_login(owner, database.signer_dsn)
        await schema_guard.install(owner)
    finally:
        await owner.close()
    return applied


async def _refuse_unmigrated_replica(replica: pool.Connection) -> None:
    if missing := await migrations.pending_migrations(replica):
        raise MigrationError(
            message(
                "the database is a replica, and the primary is not yet migrated, or "
                "its migrations are not yet replicated: {missing}",
                missing=[*map(str, missing)],
            )
        )


async def open_migrated_pool(database: Database, size: int) -> pool.Pool:
    """A pool of the application's connections to the migrated schema.

    The owner connects only if `migrate_database` has something to do. Most programs
    find nothing, and its connection costs as much as that of the application.

    Raises:
        MigrationError: As `migrate_database`.
    """
    try:
        opened = await pool.create_pool(database.application_dsn, size)
    except asyncpg.PostgresError:  # before the first migration, its role is missing
        await migrate_database(database)
        return await pool.create_pool(database.application_dsn, size)
    try:
        if not await _is_prepared(opened, database):
            await migrate_database(database)
    except BaseException:
        await opened.close()
        raise
    return opened


async def _is_prepared(application: pool.Pool, database: Database) -> bool:
    """Whether `migrate_database` would change nothing, asked as the application.

    That its login has the role of the application is known: it is connected.
    """
    signer = database.signer_dsn and pool.login_name(database.signer_dsn)
    try:
        prepared: bool = await application.fetchval(
            PREPARED,
            [migration.sha256.hex() for migration in migrations.load()],
            schema_guard.VERSION,
            signer,
            pool.SIGNER_ROLE,
        )
    except asyncpg.PostgresError:
        return False
    return prepared
