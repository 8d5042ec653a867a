"""`iku replay`: the way to a figure, movement by movement."""

from collections.abc import AsyncIterator

import click
import msgspec

from iku import labels
from iku.cli import figures, tables, terminal
from iku.cli.options import options
from iku.cli.tables import exact, number, text
from iku.domain.figure import Figure
from iku.exchange import formats
from iku.queries import journey
from iku.queries.journey import Line, Order, ReplayQuestion

ORDERS = {
    Order.KNOWN: "menurut urutan diketahui",
    Order.HAPPENED: "menurut urutan kejadian",
}
COLUMNS = (
    *(number("Posisi"), exact("Berlaku"), exact("Diketahui"), text("Peristiwa")),
    *(exact("Nomor"), text("Bagian", optional=True)),
    *(number("± Pembilang", "±"), number("Pembilang", "Pemb.")),
    *(number("± Penyebut", "±"), number("Penyebut", "Peny.")),
)


@click.command(short_help="Show what moved a figure, event by event.")
@options(ReplayQuestion, arguments={"code": "CODE"})
@terminal.as_json
def replay(question: ReplayQuestion, *, json: bool) -> None:
    """Show every movement of a figure's counts, and where they stood after it.

    The last line is the figure. With --json a movement a line (NDJSON).
    """
    terminal.run(_replay(question, json=json))


async def _replay(question: ReplayQuestion, *, json: bool) -> None:
    async with (
        terminal.house(terminal.settings()) as house,
        house.pool.acquire() as connection,
    ):
        order = question.order
        [figure] = await figures.answer(house, [question.on(house.office.today())])
        pages = journey.pages(house.view(connection), figure, order)
        if json:
            async for page in pages:
                click.echo(b"\n".join(msgspec.json.encode(line) for line in page))
        else:
            await _show(figure, order, pages)


async def _show(figure: Figure, order: Order, pages: AsyncIterator[list[Line]]) -> None:
    out = tables.Printer()
    out.say(
        f"{figure.indicator}, {figures.where(figure)}, definisi {figure.definition}, "
        f"{ORDERS[order]}"
    )
    listing = tables.Listing(COLUMNS, out)
    async for page in pages:
        listing.add([_cells(line) for line in page])
    listing.close()
    out.say(f"\n{figure.indicator}: {figures.counts(figure)}, nomor {figure.number}")


def _cells(line: Line) -> tuple[str, ...]:
    return (
        formats.number(line.position),
        formats.day(line.effective_on),
        formats.day(line.known_on),
        labels.EVENTS[line.type].id,
        line.subject.number,
        line.part,
        _signed(line.moved.numerator),
        formats.number(line.numerator),
        _signed(line.moved.denominator),
        formats.number(line.denominator),
    )


def _signed(moved: int) -> str:
    return formats.signed(moved) if moved else ""
