"""`iku serve`: the API and the pages, on this machine only."""

import logging
import os
from dataclasses import replace

import click

from iku.app import House
from iku.cli import attaching, terminal
from iku.cli.edge import DEBUG, Failed
from iku.exchange import formats
from iku.settings import is_loopback
from iku.vault import quarantine
from iku.vault.files import FilesError


@click.command(short_help="Serve the API and the pages.")
@click.option("--host", help="Where to listen [default: IKU_HOST, or 127.0.0.1].")
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    help="The port, 0 for any that is free [default: IKU_PORT, or 8000].",
)
def serve(host: str | None, port: int | None) -> None:
    """Serve the API and the pages until interrupted."""
    asked = terminal.settings()
    chosen = replace(
        asked,
        host=host or asked.host,
        port=asked.port if port is None else port,
    )
    if not is_loopback(chosen.host):
        raise Failed(
            "until there are accounts, iku listens to this machine only: "
            f"127.0.0.1, ::1 or localhost, not {chosen.host}"
        )
    _show_faults()
    # Litestar takes longer to import than most commands take altogether.
    from iku.web import serving  # noqa: PLC0415

    async def work() -> None:
        async with terminal.house(chosen) as house:
            await _warn(house)
            await _sweep(house)
            try:
                await serving.serve(house, chosen.host, chosen.port, _ready)
            except OSError as error:
                place = f"{chosen.host}, port {chosen.port}"
                raise Failed(f"cannot listen on {place}: {error}") from error

    serving.run(work())


async def _warn(house: House) -> None:
    async with house.pool.acquire() as connection:
        lost = await house.vault.lost(connection)
    if lost:
        said = terminal.LOST.format(", ".join(lost))
        click.echo(f"Kunci teks {said}", err=True)


async def _sweep(house: House) -> None:
    """Look after the attached files, and say what was moved; not over a replica.

    Figures need no file: a folder that cannot be used is told, and does not stop us.
    """
    if house.office.only_reads:
        return
    try:
        async with house.pool.acquire() as connection:
            swept = await quarantine.sweep(house.vault, connection)
        aside = house.vault.files.look()
    except FilesError as error:
        click.echo(f"iku: {error}", err=True)
        return
    if swept.restored:
        click.echo(
            f"Lampiran: {formats.number(swept.restored)} berkas dikembalikan dari "
            "karantina",
            err=True,
        )
    if aside.files:
        said = attaching.summary(aside, house.settings.timezone)
        moved = formats.number(swept.quarantined)
        click.echo(f"Karantina lampiran: {said}; {moved} baru dipindahkan", err=True)


def _ready(address: str) -> None:
    click.echo(f"iku melayani di {address}; halaman API: {address}/docs")


def _show_faults() -> None:
    """Write down on the error stream what is answered with 500, with its traceback."""
    shown = logging.StreamHandler()
    shown.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    shown.setLevel(logging.WARNING if os.environ.get(DEBUG) else logging.ERROR)
    logging.getLogger("iku").addHandler(shown)
