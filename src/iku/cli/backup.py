"""`iku backup`, `iku restore`: the register in one file, and back from it."""

from pathlib import Path

import click
from msgspec import Struct

from iku.cli import standard_streams, tables, terminal
from iku.cli.errors import CommandFailed
from iku.exchange import backup as backups
from iku.exchange import formats
from iku.exchange.archive import Archive
from iku.exchange.backup import BackupResult, RestoredRegister
from iku.ledger import checkpoint_signing, witness
from iku.ledger.checkpoint_signing import SignerNotReady
from iku.postgres.database import open_database
from iku.settings import Settings


class RestoreResult(Struct, frozen=True):
    """What was restored, for programs.

    Attributes:
        known: The largest size that the signer or a witness on this machine knows of
            the log; None where neither knows any. One beyond the size of the restored
            log means that signed events are lost.
    """

    restored: RestoredRegister
    known: int | None


@click.command(short_help="Write the register into one file.")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--replace", is_flag=True, help="Write over FILE if it is there.")
@terminal.as_json
def backup(file: Path, *, replace: bool, json: bool) -> None:
    """Write database and attached files into FILE, whole or not at all.

    The register may be used meanwhile. The keys of texts are not in FILE, and must not
    lie where it lies: copy their folder to another place. On a server of your own it
    takes a superuser's login, in IKU_SUPERUSER_URL.
    """
    chosen = terminal.settings()
    _refuse_place(chosen, file, replace=replace)

    async def work() -> BackupResult:
        async with open_database(chosen) as database:
            with terminal.plain_address():
                return await backups.save(chosen, database, file)

    done = terminal.run(work())
    if json:
        terminal.emit(done)
        return
    tables.say(
        f"Cadangan ditulis ke {done.file}: {formats.number(done.size)} peristiwa, "
        f"{formats.number(done.attachments)} lampiran, {formats.number(done.bytes)} "
        "bita."
    )
    tables.say(f"SHA-256 manifes: {done.digest}")
    epochs = ", ".join(done.epochs) or "belum ada"
    tables.say(
        f"Kunci teks TIDAK ada di dalamnya: salin {done.keys} (epoch {epochs}) ke "
        "media lain, di tempat lain."
    )


def _refuse_place(chosen: Settings, file: Path, *, replace: bool) -> None:
    if file.exists() and not replace:
        raise CommandFailed(f"{file} is there already; --replace writes over it")
    keys = chosen.keys_folder.resolve()
    if file.resolve().is_relative_to(keys):
        raise CommandFailed(
            f"{file} would lie in {keys}, with the keys of texts: anyone who has both "
            "could bring back what was erased; write it elsewhere"
        )


@click.command(short_help="Make the register again from a backup.")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option(
    "--replace",
    is_flag=True,
    help="Restore although there is a register; it is kept under another name.",
)
@terminal.as_json
def restore(file: Path, *, replace: bool, json: bool) -> None:
    """Make the register again from FILE, which `iku backup` wrote.

    FILE is verified first, then the log that was restored from it, record by record;
    only then it takes the place of what is there. Stop whatever else uses the register.
    """
    chosen = terminal.settings()
    known = _known(chosen)

    async def work(found: Archive) -> RestoredRegister:
        async with open_database(chosen) as database:
            with terminal.plain_address(), terminal.progress("peristiwa") as tell:
                return await backups.restore(
                    chosen, database, found, tell, replace=replace
                )

    with file.open("rb") as opened:
        done = terminal.run(work(backups.read(opened)))
    if json:
        terminal.emit(RestoreResult(done, known))
    else:
        _show(done, chosen)
    _warn(done, known)


def _show(done: RestoredRegister, chosen: Settings) -> None:
    tables.say(
        f"Dipulihkan dari cadangan {formats.instant(done.made_at, chosen.timezone)}: "
        f"{formats.number(done.size)} peristiwa, semuanya diperiksa; "
        f"{formats.number(done.attachments)} lampiran."
    )
    tables.say(f"SHA-256 manifes: {done.digest}")
    if done.kept is not None:
        tables.say(
            f"Basis data sebelumnya disimpan sebagai {done.kept} "
            f"({formats.number(done.replaced)} peristiwa)."
        )
    if not done.lost_keys:
        tables.say("Kunci teks: baik.")


def _warn(done: RestoredRegister, known: int | None) -> None:
    """Say on the error stream what is lost, as far as it is known here."""
    if done.lost_keys:
        standard_streams.say(
            f"Kunci teks {terminal.LOST.format(', '.join(done.lost_keys))}"
        )
    if known is not None and known > done.size:
        standard_streams.say(
            f"PERINGATAN: log berisi {formats.number(done.size)} peristiwa, tetapi "
            f"{formats.number(known)} sudah ditandatangani. Jangan mencatat apa pun "
            "sebelum membaca docs/operating.md, A restore that lost signed events."
        )
    elif done.replaced is not None and done.replaced > done.size:
        standard_streams.say(
            f"PERINGATAN: log berisi {formats.number(done.size)} peristiwa, basis data "
            f"sebelumnya {formats.number(done.replaced)}."
        )


def _known(chosen: Settings) -> int | None:
    """The largest size that somebody on this machine knows the log to have had."""
    try:
        state = checkpoint_signing.SignerFolder(chosen.signer_home).state()
    except SignerNotReady as error:
        standard_streams.say(str(error))
        state = None
    last = witness.WitnessFolder(chosen.witness_home).last(chosen.origin)
    sizes = [state.checkpoint.size] if state is not None else []
    return max([*sizes, *([last.size] if last is not None else [])], default=None)
