"""`iku verify`: a printed figure, or the whole log, held against what was recorded."""

import click

from iku.cli import figures, terminal
from iku.cli.edge import Failed
from iku.exchange import formats
from iku.ledger.checking import check_ledger
from iku.postgres import migrations
from iku.postgres.pool import Connection
from iku.verifying import Verified
from iku.verifying import verify as recounting

VERDICTS = {"same": "sama", "differs": "berbeda"}


@click.group(short_help="Hold a figure, or the log, against what was recorded.")
def verify() -> None:
    """Hold a printed figure, or the whole log, against what was recorded."""


@verify.command("figure", short_help="Count a printed figure again.")
@click.argument("number")
@terminal.as_json
def figure(number: str, *, json: bool) -> None:
    """Count the figure that bears NUMBER again, from the log alone.

    Blanks and lower case in NUMBER do not matter. Ends with 1 where the recount is not
    the figure.
    """

    async def work() -> Verified:
        async with (
            terminal.house(terminal.settings()) as house,
            house.pool.acquire() as connection,
        ):
            today = house.office.today()
            return await recounting(connection, house.figures, number, today)

    found = terminal.run(work())
    if json:
        terminal.emit(found)
    else:
        _show(found)
    if found.verdict == "differs":
        raise Failed("the figure is not what the log gives; iku rebuild mends it")


def _show(found: Verified) -> None:
    click.echo(f"{found.indicator}, {figures.where(found)}")
    click.echo(f"  angka ini      {figures.counts(found)}")
    click.echo(f"  dari log saja  {figures.counts(found.recounted)}")
    click.echo(VERDICTS[found.verdict])


@verify.command("log", short_help="Verify every record of the log.")
@terminal.as_json
def log(*, json: bool) -> None:
    """Read every record of the log and hold it against the rules of the ledger.

    Ends with 1 and names the first position at which each rule is broken.
    """

    async def work() -> tuple[int, list[str]]:
        async with terminal.owner(terminal.settings()) as connection:
            if await migrations.pending(connection):
                raise Failed(
                    "the schema is not up to date; iku migrate brings it there"
                )
            size = await connection.fetchval("select size from ledger.head")
            return size, await checked(connection)

    size, findings = terminal.run(work())
    if json:
        terminal.emit({"size": size, "findings": findings})
    else:
        for finding in findings:
            click.echo(finding)
    if findings:
        raise Failed("the ledger does not verify; the first findings are above")
    if not json:
        click.echo(f"baik: {formats.number(size)} peristiwa diperiksa.")


async def checked(connection: Connection) -> list[str]:
    """What is wrong with the ledger, with a bar while it is read."""
    with terminal.progress("peristiwa") as tell:
        return await check_ledger(connection, tell)
