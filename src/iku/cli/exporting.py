"""`iku export`: what is taken away."""

from pathlib import Path

import click

from iku.cli import terminal
from iku.cli.signing import ALONE
from iku.exchange import bundle as bundles
from iku.exchange import formats
from iku.exchange.bundle import Bundle
from iku.ledger.checkpoints import Assurance
from iku.wiring import assurance


@click.group(short_help="Write files that are taken away.")
def export() -> None:
    """Write files that others take away."""


@export.command(short_help="The log, for an auditor.")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@terminal.as_json
def bundle(folder: Path, *, json: bool) -> None:
    """Write the log up to its last checkpoint into FOLDER, to be verified without us.

    `iku-verify bundle FOLDER --policy POLICY` verifies it; the policy has to come by
    another way than the bundle.
    """
    chosen = terminal.settings()

    async def work() -> tuple[Bundle, Assurance]:
        async with terminal.house(chosen) as house, house.pool.acquire() as connection:
            with terminal.progress("peristiwa") as tell:
                written = await bundles.export(
                    connection, house.witnesses, folder, tell
                )
            return written, await assurance(chosen, house.witnesses, connection)

    written, found = terminal.run(work())
    if json:
        terminal.emit(written)
    else:
        _show(written, found)


def _show(written: Bundle, found: Assurance) -> None:
    click.echo(
        f"{formats.number(written.size)} peristiwa dan "
        f"{formats.number(written.checkpoints)} checkpoint ditulis ke "
        f"{written.folder} ({formats.number(written.files)} berkas)."
    )
    click.echo(f"Periksa: iku-verify bundle {written.folder} --policy KEBIJAKAN")
    if not found.witnesses:
        click.echo(ALONE)
