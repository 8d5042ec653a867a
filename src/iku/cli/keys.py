"""`iku keys`: the keys outside the database, without which no text is read."""

import click
from msgspec import Struct

from iku.app import App
from iku.cli import tables, terminal
from iku.cli.errors import CommandFailed
from iku.cli.tables import exact, number
from iku.commands import text_erasure
from iku.exchange import formats
from iku.vault.store import Wrapped

EPOCHS = (
    *(exact("Epoch"), number("Kunci data")),
    *(number("Terkunci"), exact("Berkas")),
)


class KeyEpoch(Struct, frozen=True):
    """An epoch of keys.

    Attributes:
        wraps: How many of the database's keys its key wraps.
        locked: How many of them it does not open, being another or not there.
        here: Whether a key of that name is in the folder.
    """

    epoch: str
    wraps: int
    locked: int
    here: bool


class KeysReport(Struct, frozen=True):
    """The folder of keys, and what hangs on it."""

    folder: str
    epochs: list[KeyEpoch]
    erasures: int


@click.group(
    cls=terminal.OrderedGroup, short_help="Show, renew and destroy the keys of texts."
)
def keys() -> None:
    """Keys outside the database, without which no text can be read.

    Figures need none of them.
    """


@keys.command()
@terminal.as_json
def show(*, json: bool) -> None:
    """Show the epochs: whose key is here, and how many keys it wraps."""

    async def work() -> KeysReport:
        async with terminal.opened_app(terminal.settings()) as app:
            return await shown(app)

    found = terminal.run(work())
    if json:
        terminal.emit(found)
        return
    out = tables.Printer()
    erasures = formats.number(found.erasures)
    out.say(f"Kunci di {found.folder}, {erasures} penghapusan tercatat di sana")
    rows = [
        (
            one.epoch,
            formats.number(one.wraps),
            formats.number(one.locked),
            "ada" if one.here else "HILANG",
        )
        for one in found.epochs
    ]
    out.table(EPOCHS, rows)


async def shown(app: App) -> KeysReport:
    """What `iku keys show` tells."""
    async with app.pool.acquire() as connection:
        found = await app.vault.epochs(connection)
    here = app.vault.keys.epochs()
    none = Wrapped(0, 0)
    names = sorted({*here, *found})
    epochs = [KeyEpoch(n, *found.get(n, none), here=n in here) for n in names]
    folder = app.vault.keys
    return KeysReport(str(folder.folder), epochs, len(folder.erased()))


@keys.command()
@click.option("--new", is_flag=True, help="Begin a new epoch first, even this month.")
@terminal.as_json
def rotate(*, new: bool, json: bool) -> None:
    """Wrap all keys by that of the current epoch; older ones may then be destroyed."""

    async def work() -> tuple[str, int]:
        async with terminal.opened_app(terminal.settings()) as app:
            app.commands.refuse_replica()
            vault, today = app.vault, app.commands.today()
            if new:
                vault.keys.begin(today)
            epoch, _ = vault.keys.current(today)
            async with app.pool.acquire() as connection:
                with terminal.progress("kunci") as tell:
                    return epoch, await vault.rotate(connection, tell)

    epoch, locked = terminal.run(work())
    if json:
        terminal.emit({"epoch": epoch, "locked": locked})
    else:
        tables.say(f"Semua kunci yang terbuka kini di epoch {epoch}.")
    if locked:
        raise CommandFailed(
            f"{locked} keys stay as they are: the keys of their epochs are not in the "
            "folder, or are others"
        )


@keys.command()
@click.argument("epoch")
@terminal.as_json
def destroy(epoch: str, *, json: bool) -> None:
    """Destroy the key of EPOCH, by which nothing is wrapped any more."""

    async def work() -> None:
        async with (
            terminal.opened_app(terminal.settings()) as app,
            app.pool.acquire() as connection,
        ):
            app.commands.refuse_replica()
            await app.vault.destroy(connection, epoch)

    terminal.run(work())
    if json:
        terminal.emit({"destroyed": epoch})
    else:
        tables.say(f"Kunci epoch {epoch} dimusnahkan.")


@keys.command()
@terminal.as_json
def reconcile(*, json: bool) -> None:
    """Erase again what was erased before; every start of the program does so."""

    async def work() -> text_erasure.ReconciliationResult:
        async with (
            terminal.opened_app(terminal.settings()) as app,
            app.pool.acquire() as connection,
        ):
            app.commands.refuse_replica()
            return app.reconciled + await text_erasure.reconcile(
                app.commands, connection
            )

    found = terminal.run(work())
    if json:
        terminal.emit(found)
    else:
        tables.say(
            f"{formats.number(found.texts)} teks yang kembali dihapus lagi; "
            f"{formats.number(found.decisions)} keputusan dicatat lagi."
        )
