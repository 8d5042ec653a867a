"""`iku keys`: the key-encryption keys of texts, which are kept outside the database."""

import click
from msgspec import Struct

from iku.access.secrets import Secrets
from iku.app import App
from iku.cli import tables, terminal
from iku.cli.errors import CommandFailed
from iku.cli.tables import number_column, unwrapped_column
from iku.cli.terminal_language import formats
from iku.cli.workbook_output import workbook_option
from iku.commands import text_erasure
from iku.messages import message
from iku.vault.store import WrapCounts

EPOCHS = (
    *(unwrapped_column(message("Epoch")), number_column(message("Data keys"))),
    *(number_column(message("Locked")), unwrapped_column(message("File"))),
)


class KeyEpoch(Struct, frozen=True):
    """An epoch of the key folder.

    Attributes:
        wraps: Number of data keys in the database that the epoch's key wraps.
        locked: Number of these that cannot be unwrapped, because the epoch's key is
            missing or differs.
        here: Whether the folder has a key of that epoch.
    """

    epoch: str
    wraps: int
    locked: int
    here: bool


class KeysReport(Struct, frozen=True):
    """The key folder: its epochs, and the number of erasures recorded in it."""

    folder: str
    epochs: list[KeyEpoch]
    erasures: int


access_option = click.option(
    "--access",
    is_flag=True,
    help="Use the key that encrypts authenticator seeds (TOTP), not those of texts.",
)


@click.group(
    cls=terminal.OrderedGroup, short_help="Show, rotate and destroy the keys of texts."
)
def keys() -> None:
    """Show, rotate and destroy the keys outside the database that decrypt texts.

    Figures need no key.
    """


@keys.command()
@workbook_option
@terminal.as_json
def show(*, json: bool) -> None:
    """Show the epochs: whether the key is present, and how many data keys it wraps."""

    async def execute() -> KeysReport:
        async with terminal.opened_app(terminal.settings()) as app:
            return await keys_report(app)

    found = terminal.run(execute())
    if json:
        terminal.emit(found)
        return
    out = tables.Printer()
    out.say(
        message(
            "Folder of the keys: {folder}; erasures recorded in it: {count}",
            folder=found.folder,
            count=formats.number(found.erasures),
        )
    )
    rows = [
        (
            one.epoch,
            formats.number(one.wraps),
            formats.number(one.locked),
            message("key in the folder") if one.here else message("KEY LOST"),
        )
        for one in found.epochs
    ]
    out.table(EPOCHS, rows)


async def keys_report(app: App) -> KeysReport:
    """The report of `iku keys show`."""
    async with app.pool.acquire() as connection:
        found = await app.vault.epochs(connection)
    here = app.vault.keys.epochs()
    none = WrapCounts(0, 0)
    names = sorted({*here, *found})
    epochs = [KeyEpoch(n, *found.get(n, none), here=n in here) for n in names]
    folder = app.vault.keys
    return KeysReport(str(folder.folder), epochs, len(folder.erasures()))


@keys.command()
@click.option(
    "--new",
    is_flag=True,
    help="Begin a new epoch first, even if the current month already has one.",
)
@access_option
@terminal.as_json
def rotate(*, new: bool, access: bool, json: bool) -> None:
    """Rewrap all data keys under the current epoch's key.

    The keys of older epochs can then be destroyed.
    """
    if access:
        rotate_access(json=json)
        return

    async def execute() -> tuple[str, int]:
        async with terminal.opened_app(terminal.settings()) as app:
            app.commands.refuse_replica()
            vault, today = app.vault, app.commands.today()
            if new:
                vault.keys.start_epoch(today)
            epoch, _ = vault.keys.current_epoch(today)
            async with app.pool.acquire() as connection:
                with terminal.progress(message("keys")) as tell:
                    return epoch, await vault.rotate(connection, tell)

    epoch, locked = terminal.run(execute())
    if json:
        terminal.emit({"epoch": epoch, "locked": locked})
    else:
        tables.say(
            message(
                "All readable data keys are now wrapped by the key of epoch {epoch}.",
                epoch=epoch,
            )
        )
    if locked:
        raise CommandFailed(
            message(
                "data keys not rewrapped: {count}; the keys of their epochs are "
                "missing from the folder, or are not the keys that wrapped them",
                count=locked,
            )
        )


def rotate_access(*, json: bool) -> None:
    """Start a new key epoch for authenticator seeds, and re-encrypt every seed."""

    async def execute() -> tuple[str, int, list[str]]:
        async with (
            terminal.opened_app(terminal.settings()) as app,
            app.pool.acquire() as connection,
        ):
            app.commands.refuse_replica()
            secrets = _secrets(app)
            epoch, sealed = await secrets.rotate(connection)
            return epoch, sealed, [e for e in secrets.keys.epochs() if e != epoch]

    epoch, sealed, older = terminal.run(execute())
    if json:
        terminal.emit({"epoch": epoch, "authenticators": sealed, "older": older})
        return
    tables.say(
        message(
            "Authenticator seeds now encrypted with the key of epoch {epoch}: {count}.",
            count=formats.number(sealed),
            epoch=epoch,
        )
    )
    if older:
        tables.say(message("Keys that can be destroyed: {epochs}", epochs=older))


@keys.command()
@click.argument("epoch")
@access_option
@terminal.as_json
def destroy(epoch: str, *, access: bool, json: bool) -> None:
    """Destroy the key of EPOCH, which must no longer wrap any data key."""

    async def execute() -> None:
        async with (
            terminal.opened_app(terminal.settings()) as app,
            app.pool.acquire() as connection,
        ):
            app.commands.refuse_replica()
            if access:
                await _secrets(app).destroy(connection, epoch)
            else:
                await app.vault.destroy(connection, epoch)

    terminal.run(execute())
    if json:
        terminal.emit({"destroyed": epoch})
    else:
        tables.say(message("The key of epoch {epoch} is destroyed.", epoch=epoch))


def _secrets(app: App) -> Secrets:
    return Secrets(app.vault.keys.folder, app.commands.today)


@keys.command()
@terminal.as_json
def reconcile(*, json: bool) -> None:
    """Repeat erasures that a restored backup has undone.

    Every command that opens the register does so, too.
    """

    async def execute() -> text_erasure.ReconciliationResult:
        async with (
            terminal.opened_app(terminal.settings()) as app,
            app.pool.acquire() as connection,
        ):
            app.commands.refuse_replica()
            return app.reconciled + await text_erasure.reconcile(
                app.commands, connection
            )

    found = terminal.run(execute())
    if json:
        terminal.emit(found)
    else:
        tables.say(
            message(
                "Restored texts erased again: {texts}; decisions recorded again: "
                "{decisions}.",
                texts=formats.number(found.texts),
                decisions=formats.number(found.decisions),
            )
        )
