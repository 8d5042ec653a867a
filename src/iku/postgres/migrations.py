"""Schema migrations: SQL files that are applied once each, in order, and never edited.

`public.schema_migration` records each applied file with its hash. A file that was
edited since, or an applied migration that this program does not have, is refused before
any change. If the ledger's schema is guarded, each migration is announced first.
"""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import NamedTuple

import asyncpg

import iku
from iku import messages
from iku.messages import message
from iku.postgres import schema_guard
from iku.postgres.pool import Connection, Queryable

LOCK = 0x696B75  # "iku"; advisory lock: two deployments must not migrate at once
PATIENCE_S = 120
LOCK_TIMEOUT_MS = 5_000
OLDEST_SERVER = 18
# Applied by no release: the schema was rewritten as one baseline before the first.
BEFORE_THE_BASELINE = frozenset({"0002_projections", "0003_numbering", "0004_journey"})
FILE = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")


class MigrationError(Exception):
    """The schema cannot be migrated; the message has the reason."""


@dataclass(frozen=True, slots=True)
class Migration:
    """A migration file: `0001_ledger.sql` has version 1 and name `ledger`."""

    version: int
    name: str
    sql: str

    def __str__(self) -> str:
        return f"{self.version:04}_{self.name}"

    @property
    def sha256(self) -> bytes:
        """The hash of the file, by which an edited file is recognised."""
        return hashlib.sha256(self.sql.encode()).digest()


def load(folder: Traversable | None = None) -> list[Migration]:
    """All migrations in order, by default those shipped with the program."""
    files = (folder or _migrations_folder()).iterdir()
    found = [_parse_file(file) for file in files if file.name.endswith(".sql")]
    found.sort(key=lambda migration: migration.version)
    if [m.version for m in found] != list(range(1, len(found) + 1)):
        raise MigrationError(
            message(
                "migrations must be numbered 0001, 0002, … without gaps or "
                "duplicates, not {found}",
                found=[*map(str, found)],
            )
        )
    return found


async def migrate(
    connection: Connection, migrations: Iterable[Migration] | None = None
) -> list[Migration]:
    """Apply the pending migrations and return them; `[]` if the schema is current.

    The connection must be the owner's. Several processes may call this at once: one
    migrates, the others wait for it.
    """
    wanted = load() if migrations is None else list(migrations)
    _refuse_old_server(connection)
    # An application login without DDL privileges may start on a current schema.
    if not await pending_migrations(connection, wanted):
        return []
    try:
        async with _migration_lock(connection):
            return await _apply_pending(connection, wanted)
    except asyncpg.InsufficientPrivilegeError as error:
        raise MigrationError(
            message(
                "the schema has pending migrations, but this login may not apply "
                "them: {error}; run `iku migrate` with the owner's login in "
                "IKU_OWNER_URL",
                error=messages.error_message(error),
            )
        ) from error


async def _apply_pending(
    connection: Connection, wanted: list[Migration]
) -> list[Migration]:
    await connection.execute(
        """
        create table if not exists public.schema_migration (
          version integer primary key,
          name text not null,
          sha256 bytea not null,
          applied_at timestamptz not null default clock_timestamp()
        );
        grant select on public.schema_migration to public;
        """
    )
    missing = await pending_migrations(connection, wanted)
    for migration in missing:
        await _apply(connection, migration)
    return missing


async def pending_migrations(
    reader: Queryable, migrations: Iterable[Migration] | None = None
) -> list[Migration]:
    """The migrations that are not yet applied.

    Raises:
        MigrationError: The applied migrations are not those of this program.
    """
    wanted = load() if migrations is None else list(migrations)
    applied = await _applied_migrations(reader)
    names = {str(migration) for migration in wanted}
    for one in applied.values():
        if str(one) in BEFORE_THE_BASELINE - names:
            raise MigrationError(
                message(
                    "the database has migration {migration} of a version that was "
                    "never released; this program requires a new, empty database",
                    migration=one,
                )
            )
    for migration in wanted:
        found = applied.get(migration.version)
        if found is not None and found.sha256 != migration.sha256:
            raise MigrationError(
                message(
                    "migration {migration} was edited after it was applied; restore "
                    "the original file and write a new migration",
                    migration=migration,
                )
            )
    if newest := max(applied.keys() - {m.version for m in wanted}, default=None):
        raise MigrationError(
            message(
                "the last migration of the database is {newest}, but this program "
                "knows only migrations up to {known}; install the newer program",
                newest=f"{newest:04}",
                known=f"{len(wanted):04}",
            )
        )
    return [m for m in wanted if m.version not in applied]


class AppliedMigration(NamedTuple):
    """A migration that was applied to the database."""

    version: int
    name: str
    sha256: bytes

    def __str__(self) -> str:
        return f"{self.version:04}_{self.name}"


async def _applied_migrations(reader: Queryable) -> dict[int, AppliedMigration]:
    """The applied migrations by version; empty for a new database."""
    if await reader.fetchval("select to_regclass('public.schema_migration')"):
        rows = await reader.fetch(
            "select version, name, sha256 from public.schema_migration order by version"
        )
        return {row["version"]: AppliedMigration(*row) for row in rows}
    return {}


async def _apply(connection: Connection, migration: Migration) -> None:
    async with connection.transaction():
        # A longer wait for a lock would block every reader that queues behind it.
        await connection.execute(
            "select set_config('lock_timeout', $1, true)", str(LOCK_TIMEOUT_MS)
        )
        await schema_guard.announce(connection, str(migration), migration.sha256)
        await connection.execute(migration.sql)
        await connection.execute(
            """
            insert into public.schema_migration (version, name, sha256)
            values ($1, $2, $3)
            """,
            migration.version,
            migration.name,
            migration.sha256,
        )


@asynccontextmanager
async def _migration_lock(connection: Connection) -> AsyncIterator[None]:
    clock = asyncio.get_running_loop().time
    give_up = clock() + PATIENCE_S
    # Polled, because a waiting query would hold a snapshot, for which a concurrent
    # `create index concurrently` would wait: a deadlock.
    while not await connection.fetchval("select pg_try_advisory_lock($1)", LOCK):
        if clock() > give_up:
            raise MigrationError(
                message("another process has held the migration lock for two minutes")
            )
        await asyncio.sleep(0.1)
    try:
        yield
    finally:
        await connection.execute("select pg_advisory_unlock($1)", LOCK)


def _refuse_old_server(connection: Connection) -> None:
    major = connection.get_server_version().major
    if major < OLDEST_SERVER:
        raise MigrationError(
            message(
                "the server is PostgreSQL {found}, but version {oldest} or newer is "
                "required",
                found=major,
                oldest=OLDEST_SERVER,
            )
        )


def _migrations_folder() -> Traversable:
    """The folder of migrations in the wheel; in a checkout, the one next to `src`."""
    installed = resources.files(iku) / "migrations"
    if installed.is_dir():
        return installed
    return Path(iku.__file__).parents[2] / "migrations"


def _parse_file(file: Traversable) -> Migration:
    match = FILE.fullmatch(file.name)
    if match is None:
        raise MigrationError(
            message(
                '"{name}" must be named in the form 0001_ledger.sql', name=file.name
            )
        )
    # Line endings are normalised, so that a checkout on Windows has the same hash.
    sql = file.read_text(encoding="utf-8").replace("\r\n", "\n")
    return Migration(int(match[1]), match[2], sql)
