"""`iku serve`: serve the API and the pages."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from functools import partial

import asyncpg
import click

from iku import messages
from iku.access import accounts, audit
from iku.app import App
from iku.cli import attachments, standard_streams, terminal
from iku.cli.errors import DEBUG, CommandFailed
from iku.cli.terminal_language import formats, translated
from iku.domain.access import Mode
from iku.exchange import example
from iku.messages import message
from iku.vault import quarantine
from iku.vault.files import FilesError
from iku.web.listening import ListeningRefused
from iku.web.tls import CertificateError

DAY_S = 24 * 3600


@click.command(short_help="Serve the API and the pages.")
@click.option("--host", help="Address to listen on [default: IKU_HOST, or 127.0.0.1].")
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    help="Port; 0 selects a free port [default: IKU_PORT, or 8000].",
)
def serve(host: str | None, port: int | None) -> None:
    """Serve the API and the pages until SIGINT or SIGTERM."""
    asked = terminal.settings()
    chosen = replace(
        asked,
        host=host or asked.host,
        port=asked.port if port is None else port,
    )
    _log_errors()
    # Importing Litestar takes longer than most commands take to run.
    from iku.web import server  # noqa: PLC0415

    async def execute() -> None:
        # Each request brings its own session or API key.
        async with terminal.opened_app(replace(chosen, api_key=None)) as app:
            await _warn_of_lost_keys(app)
            await _sweep(app)
            try:
                mode = await _mode(app)
                shown = chosen.public_url if mode is Mode.ACCOUNTS else None
                ready = partial(_print_address, mode, shown)
                async with _daily_purge(app):
                    await server.serve(app, chosen.host, chosen.port, ready, mode)
            except (ListeningRefused, CertificateError) as error:
                raise CommandFailed(messages.error_message(error)) from error
            except OSError as error:
                raise CommandFailed(
                    message(
                        "cannot listen on {host}, port {port}: {error}",
                        error=messages.error_message(error),
                        host=chosen.host,
                        port=chosen.port,
                    )
                ) from error

    server.run(execute())


@asynccontextmanager
async def _daily_purge(app: App) -> AsyncIterator[None]:
    """Delete expired sessions and old attempts now and each day; not on a replica."""
    if app.commands.is_read_only:
        yield
        return
    task = asyncio.create_task(_purge_each_day(app))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _purge_each_day(app: App) -> None:
    while True:
        try:
            async with app.pool.acquire() as connection:
                await accounts.purge_expired_records(connection)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            # It is done again tomorrow; the server must not stop for it.
            logging.getLogger("iku").warning("cannot purge sessions: %r", error)
        await asyncio.sleep(DAY_S)


async def _mode(app: App) -> Mode:
    """The mode of use, from the events of the log."""
    async with app.pool.acquire() as connection:
        return (await app.commands.access.cached(connection)).value.mode


async def _warn_of_lost_keys(app: App) -> None:
    async with app.pool.acquire() as connection:
        lost = await app.vault.find_lost_epochs(connection)
    if lost:
        said = message(
            "Encryption keys of texts: {lost_keys}",
            lost_keys=terminal.lost_keys_message(lost),
        )
        standard_streams.say(translated(said))


async def _sweep(app: App) -> None:
    """Sweep the attached files, and report the moved ones; not on a replica.

    Figures need no file, so an unusable folder is reported and does not stop the start.
    """
    if app.commands.is_read_only:
        return
    try:
        async with app.pool.acquire() as connection:
            swept = await quarantine.sweep(app.vault, connection)
        aside = app.vault.files.summary()
    except FilesError as error:
        standard_streams.say(f"iku: {translated(messages.error_message(error))}")
        return
    if swept.restored:
        restored = message(
            "Attachments: {count} files restored from quarantine",
            count=formats.number(swept.restored),
        )
        standard_streams.say(translated(restored))
    if aside.files:
        said = message(
            "Quarantine of attachments: {contents}; files moved there now: {moved}",
            contents=attachments.summary(aside, app.settings.timezone),
            moved=formats.number(swept.quarantined),
        )
        standard_streams.say(translated(said))


def _print_address(mode: Mode, public_url: str | None, address: str) -> None:
    said = message(
        "iku serves at {address}; API documentation: {address}/docs",
        address=public_url or address,
    )
    click.echo(translated(said))
    if mode is Mode.DEMONSTRATION:
        said = message(
            "Open the example register: {address}",
            address=f"{address}/?per={example.AS_OF}",
        )
        click.echo(translated(said))


def _log_errors() -> None:
    """Log server errors, for which clients get status 500, on standard error."""
    shown = logging.StreamHandler()
    shown.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    shown.setLevel(logging.WARNING if os.environ.get(DEBUG) else logging.ERROR)
    logging.getLogger("iku").addHandler(shown)
    _log_audit_trail()


def _log_audit_trail() -> None:
    """Write the audit trail, which is JSON, line by line on standard error."""
    lines = logging.StreamHandler()
    lines.setFormatter(logging.Formatter("%(message)s"))
    audit.logger.setLevel(logging.INFO)
    audit.logger.propagate = False
    audit.logger.addHandler(lines)
