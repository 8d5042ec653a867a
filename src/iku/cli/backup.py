"""`iku backup`, `iku restore`: write the register to one file, and restore it."""

from pathlib import Path

import click
from msgspec import Struct

from iku import messages
from iku.cli import standard_streams, tables, terminal
from iku.cli.errors import CommandFailed
from iku.cli.terminal_language import formats, translated
from iku.exchange import backup as backups
from iku.exchange.archive import Archive
from iku.exchange.backup import BackupResult, RestoredRegister
from iku.ledger import witness
from iku.ledger.signer_folder import SignerFolder, SignerNotReady
from iku.messages import message
from iku.postgres.database import open_database
from iku.settings import Settings


class RestoreResult(Struct, frozen=True):
    """The outcome of a restore, as JSON output.

    Attributes:
        known: The largest log size that the signer or a witness on this machine has
            signed; None if neither has signed any. If it exceeds the size of the
            restored log, signed events are lost.
    """

    restored: RestoredRegister
    known: int | None


@click.command(short_help="Back up the register to a file.")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--replace", is_flag=True, help="Overwrite FILE if it exists.")
@terminal.as_json
def backup(file: Path, *, replace: bool, json: bool) -> None:
    """Write the database and the attached files to FILE, atomically.

    The register can be used during the backup. FILE does not contain the keys of texts,
    and must not be stored together with them: copy their folder to another place. A
    server named by IKU_DATABASE_URL requires a superuser's login in IKU_SUPERUSER_URL.
    """
    chosen = terminal.settings()
    _refuse_bad_destination(chosen, file, replace=replace)

    async def execute() -> BackupResult:
        async with open_database(chosen) as database:
            with terminal.hide_addresses_in_errors():
                return await backups.save(chosen, database, file)

    done = terminal.run(execute())
    if json:
        terminal.emit(done)
        return
    tables.say(
        message(
            "Backup written to {file}: {events} events, {attachments} attachments, "
            "{bytes} bytes.",
            file=done.file,
            events=formats.number(done.size),
            attachments=formats.number(done.attachments),
            bytes=formats.number(done.bytes),
        )
    )
    tables.say(message("SHA-256 of the manifest: {digest}", digest=done.digest))
    tables.say(
        message(
            "The backup does NOT contain the keys of texts: copy "
            "{folder} (epoch {epochs}) to another medium at another "
            "place.",
            folder=done.keys,
            epochs=[*done.epochs] or message("none yet"),
        )
    )


def _refuse_bad_destination(chosen: Settings, file: Path, *, replace: bool) -> None:
    if file.exists() and not replace:
        raise CommandFailed(
            message("{file} already exists; add --replace to overwrite it", file=file)
        )
    keys = chosen.keys_folder.resolve()
    if file.resolve().is_relative_to(keys):
        raise CommandFailed(
            message(
                "{file} is inside the key folder {keys}: a backup stored with the "
                "keys would make erased texts recoverable; choose another folder",
                file=file,
                keys=keys,
            )
        )


@click.command(short_help="Restore the register from a backup.")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option(
    "--replace",
    is_flag=True,
    help="Restore even if there is a register, which is kept under another name.",
)
@terminal.as_json
def restore(file: Path, *, replace: bool, json: bool) -> None:
    """Restore the register from FILE, which `iku backup` wrote.

    FILE is verified first, then every record of the restored log; only then does it
    replace the present register. Stop all other processes that use the register first.
    """
    chosen = terminal.settings()
    known = _last_signed_size(chosen)

    async def execute(found: Archive) -> RestoredRegister:
        async with open_database(chosen) as database:
            with (
                terminal.hide_addresses_in_errors(),
                terminal.progress(message("events")) as tell,
            ):
                return await backups.restore(
                    chosen, database, found, tell, replace=replace
                )

    with file.open("rb") as opened:
        done = terminal.run(execute(backups.read(opened)))
    if json:
        terminal.emit(RestoreResult(done, known))
    else:
        _show(done, chosen)
    _warn(done, known)


def _show(done: RestoredRegister, chosen: Settings) -> None:
    tables.say(
        message(
            "Restored from the backup of {instant}: {events} events, all verified; "
            "{attachments} attachments.",
            instant=formats.instant(done.made_at, chosen.timezone),
            events=formats.number(done.size),
            attachments=formats.number(done.attachments),
        )
    )
    tables.say(message("SHA-256 of the manifest: {digest}", digest=done.digest))
    if done.kept is not None:
        tables.say(
            message(
                "The previous database is kept as {name} ({events} events).",
                name=done.kept,
                events=formats.number(done.replaced),
            )
        )
    if not done.lost_keys:
        tables.say(message("Encryption keys of texts: complete."))


def _warn(done: RestoredRegister, known: int | None) -> None:
    """Report on standard error the losses that are known on this machine."""
    if done.lost_keys:
        lost = message(
            "Encryption keys of texts: {lost_keys}",
            lost_keys=terminal.lost_keys_message(done.lost_keys),
        )
        standard_streams.say(translated(lost))
    if known is not None and known > done.size:
        standard_streams.say(
            translated(
                message(
                    "WARNING: the log has {size} events, but a checkpoint of size "
                    "{signed} was signed. Record nothing before you have read "
                    '"A restore that lost signed events" in docs/operating.md.',
                    size=formats.number(done.size),
                    signed=formats.number(known),
                )
            )
        )
    elif done.replaced is not None and done.replaced > done.size:
        standard_streams.say(
            translated(
                message(
                    "WARNING: the restored log has {size} events, but the previous "
                    "database had {replaced}.",
                    size=formats.number(done.size),
                    replaced=formats.number(done.replaced),
                )
            )
        )


def _last_signed_size(chosen: Settings) -> int | None:
    """The largest log size that the signer or a witness on this machine has signed."""
    try:
        state = SignerFolder(chosen.signer_home).state()
    except SignerNotReady as error:
        standard_streams.say(translated(messages.error_message(error)))
        state = None
    last = witness.WitnessFolder(chosen.witness_home).last_cosigned(chosen.origin)
    sizes = (
        [state.checkpoint.size]
        if state is not None and not state.has_signed_nothing
        else []
    )
    return max([*sizes, *([last.size] if last is not None else [])], default=None)
