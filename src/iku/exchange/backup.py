"""Backup of the register to one file, and restore.

A backup never contains the keys of texts, which would undo erasures, or the signer's
state, an older version of which would sign a shorter log.
"""

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import IO, TypeAlias

from msgspec import Struct, structs

import iku
from iku.exchange import archive
from iku.exchange.archive import Archive, Manifest, Writer
from iku.ledger import durable_files, integrity_check, log
from iku.messages import message
from iku.postgres import database_switch, dump, migrations
from iku.postgres.database import Database
from iku.postgres.pool import Plain, connect_as_owner
from iku.settings import Settings
from iku.vault import store
from iku.vault.files import QUARANTINE, SUFFIX, Files

Tell: TypeAlias = Callable[[int, int], None]


class NotRestorable(Exception):
    """The backup cannot be restored; the message states the reason and the remedy."""


class BackupResult(Struct, frozen=True):
    """A completed backup.

    Attributes:
        bytes: Size of the file.
        digest: SHA-256 of its manifest, which identifies the backup.
        size: Number of events in the log.
        attachments: Number of attached files.
        keys: The key folder, which is not included.
        epochs: The epochs whose keys decrypt its texts.
    """

    file: str
    bytes: int
    digest: str
    size: int
    attachments: int
    keys: str
    epochs: list[str]


class RestoredRegister(Struct, frozen=True):
    """A restored register.

    Attributes:
        digest: SHA-256 of the backup's manifest.
        made_at: Time of the backup.
        size: Number of events in the log, all of them verified.
        attachments: Number of restored files.
        kept: New name of the replaced database; None if there was none.
        replaced: Number of events in the replaced database; None if there was none.
        lost_keys: Epochs whose key is missing from the key folder, or differs.
    """

    digest: str
    made_at: datetime
    database: str
    size: int
    attachments: int
    kept: str | None
    replaced: int | None
    lost_keys: list[str]


async def save(settings: Settings, database: Database, path: Path) -> BackupResult:
    """Write a backup to *path* atomically, while the register is in use.

    Raises:
        NotRestorable: The database holds no register.
        PostgresError: The login may not read everything, or the server is newer than
            the included programs.
    """
    superuser = settings.superuser_url or database.owner_dsn
    connection = await connect_as_owner(superuser)
    try:
        await database_switch.require_superuser(connection)
        await dump.refuse_other_major(connection)
        # One snapshot for both, so that the manifest describes the dump.
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            described = await _build_manifest(connection)
            snapshot = await connection.fetchval("select pg_export_snapshot()")
            files = Files(settings.attachments_folder)

            def write() -> tuple[Manifest, str, int]:
                with (
                    durable_files.naming_file_in_errors(path),
                    durable_files.atomic_writer(path) as file,
                ):
                    writer = Writer(file)
                    with writer.member(archive.DUMP) as take:
                        dump.dump(superuser, snapshot, take)
                    # A file is written before its event, so files are copied last.
                    _add_files(writer, files)
                    whole = structs.replace(described, members=dict(writer.members))
                    digest = writer.close(whole)
                    return whole, digest, file.tell()

            manifest, digest, length = await asyncio.to_thread(write)
    finally:
        await connection.close()
    return BackupResult(
        file=str(path),
        bytes=length,
        digest=digest,
        size=manifest.size,
        attachments=len(manifest.files),
        keys=str(settings.keys_folder.absolute()),
        epochs=manifest.epochs,
    )


def read(file: IO[bytes]) -> Archive:
    """The backup in *file*, with every byte verified against its manifest.

    Raises:
        UnreadableBackup: The file is not a backup, or is damaged.
        NotRestorable: A newer program wrote the backup.
    """
    found = Archive(file)
    known = [str(migration) for migration in migrations.load()]
    made = found.manifest.migrations
    if made != known[: len(made)]:
        raise NotRestorable(
            message(
                "the backup was made by iku {program} and its last migration is "
                "{made}, but the last migration of iku {version} is {known}: restore "
                "it with the version that made it",
                program=found.manifest.iku,
                made=made[-1],
                version=iku.__version__,
                known=known[-1],
            )
        )
    return found


async def restore(
    settings: Settings,
    database: Database,
    backup: Archive,
    tell: Tell,
    *,
    replace: bool = False,
) -> RestoredRegister:
    """Restore *backup* into a new database and rename it into place.

    The existing database is unchanged until everything is restored and verified; it is
    then kept under another name.

    Raises:
        NotRestorable: A register exists and replacing it was not requested, the login
            lacks the privilege, or the restored log does not verify.
        PostgresError: pg_restore failed.
    """
    superuser = settings.superuser_url or database.owner_dsn
    name = dump.database_name(database.application_dsn)
    _refuse_differing_names(database, superuser, name)
    files = Files(settings.attachments_folder)
    await asyncio.to_thread(_refuse_conflicting_files, files, backup)
    async with database_switch.connect_for_maintenance(superuser) as control:
        await _refuse_older_server(control, backup.manifest)
        await database_switch.refuse_connected_clients(control, name)
        there = await _event_count(control, dump.uri_of_database(superuser, name), name)
        if there is not None and not replace:
            raise NotRestorable(
                message(
                    "the database {name} has {size} events: restore into an empty "
                    "database, or add --replace to keep this one under another name",
                    name=name,
                    size=there,
                )
            )
        part = await database_switch.create(
            control,
            name,
            owner=dump.login_name(database.owner_dsn),
            wanted=backup.manifest.owner,
            logins=_logins(settings),
        )
        await asyncio.to_thread(
            dump.load,
            dump.uri_of_database(superuser, part),
            backup.blocks(archive.DUMP),
        )
        restored_dsn = dump.uri_of_database(database.owner_dsn, part)
        size, lost = await _verify(settings, restored_dsn, backup.manifest, tell)
        # A file is written before its event.
        await asyncio.to_thread(_restore_files, files, backup)
        kept = await database_switch.switch(control, name, keep=there is not None)
    return RestoredRegister(
        digest=backup.digest,
        made_at=backup.manifest.made_at,
        database=name,
        size=size,
        attachments=len(backup.manifest.files),
        kept=kept,
        replaced=there,
        lost_keys=lost,
    )


def _refuse_differing_names(database: Database, superuser: str, name: str) -> None:
    for dsn in (database.owner_dsn, superuser):
        if (other := dump.database_name(dsn)) != name:
            raise NotRestorable(
                message(
                    "IKU_DATABASE_URL names the database {name}, but IKU_OWNER_URL or "
                    "IKU_SUPERUSER_URL names {other}: all must name the database to "
                    "restore",
                    name=name,
                    other=other,
                )
            )


async def _refuse_older_server(control: Plain, manifest: Manifest) -> None:
    await dump.refuse_other_major(control)
    made, here = int(manifest.server.split(".")[0]), control.get_server_version().major
    if here < made:
        raise NotRestorable(
            message(
                "the backup was made on PostgreSQL {made}, which PostgreSQL {here} "
                "cannot read: restore it on PostgreSQL {made} or newer",
                made=made,
                here=here,
            )
        )


async def _event_count(control: Plain, dsn: str, name: str) -> int | None:
    """Number of events in database *name*; None if it is empty or missing."""
    if not await database_switch.exists(
        control, name
    ) or await database_switch.is_empty(dsn):
        return None
    connection = await connect_as_owner(dsn)
    try:
        ours = await connection.fetchval(
            "select to_regclass('ledger.head') is not null"
        )
        return (await log.head(connection)).size if ours else 0
    finally:
        await connection.close()


def _logins(settings: Settings) -> list[str]:
    """Roles that may connect on an external server, as in docker/logins.sql."""
    if settings.database_url is None:
        return []
    urls = (settings.database_url, settings.owner_url, settings.signer_url)
    named = [dump.login_name(url) for url in urls if url is not None]
    return [*dict.fromkeys((*named, "iku_auditor"))]


async def _verify(
    settings: Settings, dsn: str, manifest: Manifest, tell: Tell
) -> tuple[int, list[str]]:
    """Number of events in the restored log, and lost keys of its texts.

    Raises:
        NotRestorable: The log does not verify, or differs from the manifest.
    """
    connection = await connect_as_owner(dsn)
    try:
        await migrations.migrate(connection)
        findings = await integrity_check.check_ledger(connection, tell)
        size = (await log.head(connection)).size
        if size != manifest.size:
            findings.append(
                message(
                    "the log has {size} events, but the manifest of the backup states "
                    "{stated}",
                    size=size,
                    stated=manifest.size,
                )
            )
        if findings:
            raise NotRestorable(
                message(
                    "the log of the backup does not verify, so the current database "
                    "was not replaced: {finding}",
                    finding=findings[0],
                )
            )
        # The sessions, links and codes of that time may have been ended since.
        await connection.execute("select access.end_all()")
        return size, await store.lost_epochs(connection, settings.keys_folder)
    finally:
        await connection.close()


async def _build_manifest(connection: Plain) -> Manifest:
    """The manifest of the database, still without members."""
    row = await connection.fetchrow(
        """
        select to_regclass('public.schema_migration') is not null as migrated,
               to_regclass('vault.dek') is not null as sealed,
               (
                 select r.rolname
                   from pg_namespace n
                   join pg_roles r on r.oid = n.nspowner
                  where n.nspname = 'ledger'
               ) as owner
        """
    )
    if row is None or not row["migrated"] or row["owner"] is None:
        raise NotRestorable(
            message(
                "the database does not contain a register, so there is nothing to "
                "back up"
            )
        )
    applied = await connection.fetch(
        "select version, name from public.schema_migration order by version"
    )
    epochs = (
        await connection.fetch("select distinct epoch from vault.dek order by epoch")
        if row["sealed"]
        else []
    )
    version = connection.get_server_version()
    return Manifest(
        version=archive.VERSION,
        iku=iku.__version__,
        made_at=datetime.now(UTC),
        server=f"{version.major}.{version.micro}",
        migrations=[f"{one['version']:04}_{one['name']}" for one in applied],
        owner=row["owner"],
        size=(await log.head(connection)).size,
        epochs=[one["epoch"] for one in epochs],
        members={},
    )


def _add_files(writer: Writer, files: Files) -> None:
    """Add every sealed file, including those in quarantine."""
    for name, path in _sealed_files(files):
        if name in writer.members:
            continue
        try:
            file = path.open("rb")
        except FileNotFoundError:  # moved, or erased by a decision
            continue
        with file, writer.member(name) as take:
            while block := file.read(archive.BLOCK):
                take(block)


def _sealed_files(files: Files) -> Iterator[tuple[str, Path]]:
    """Each sealed file, with the name of its member in the archive.

    The folder is listed a second time at the end, because a file may have been moved
    back in the meantime.
    """
    for folder in (files.folder, files.quarantine, files.folder):
        place = (
            f"attachments/{QUARANTINE}" if folder == files.quarantine else "attachments"
        )
        pages = (
            files.list_quarantined()
            if folder == files.quarantine
            else files.list_stored()
        )
        for page in pages:
            for one in page:
                name = f"{one.name}{SUFFIX}"
                yield f"{place}/{name}", folder / name


def _refuse_conflicting_files(files: Files, backup: Archive) -> None:
    """Refuse if an existing file differs from the file of its name in the backup."""
    for name in backup.manifest.files:
        path = _path(files, name)
        if path.exists() and _digest(path) != backup.manifest.members[name].sha256:
            raise NotRestorable(
                message(
                    "{path} differs from the file of the same name in the backup: "
                    "move it away, or set IKU_ATTACHMENTS to another folder",
                    path=path,
                )
            )


def _digest(path: Path) -> str:
    digest = sha256()
    with path.open("rb") as file:
        while block := file.read(archive.BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _restore_files(files: Files, backup: Archive) -> None:
    """Store the missing files; no file is overwritten."""
    for name in backup.manifest.files:
        path = _path(files, name)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if path.exists():
            continue
        with (
            durable_files.naming_file_in_errors(path),
            durable_files.atomic_writer(path) as file,
        ):
            for block in backup.blocks(name):
                file.write(block)


def _path(files: Files, name: str) -> Path:
    return files.folder.joinpath(*name.split("/")[1:])
