"""`iku replay`: the movements of a figure's counts, in order."""

from collections.abc import AsyncIterator

import click
import msgspec

from iku import labels
from iku.cli import figure_table, tables, terminal
from iku.cli.options import options
from iku.cli.tables import number_column, text_column, unwrapped_column
from iku.cli.terminal_language import formats, translated
from iku.cli.workbook_output import workbook_option
from iku.domain.figure import Figure
from iku.messages import message
from iku.queries import figure_replay
from iku.queries.figure_replay import ReplayLine, ReplayOrder, ReplayQuestion

ORDERS = {
    ReplayOrder.KNOWN: message("in the order in which events became known"),
    ReplayOrder.HAPPENED: message("in the order of their effective dates"),
}
COLUMNS = (
    *(
        number_column(message("Position")),
        unwrapped_column(message("Effective on")),
        unwrapped_column(message("Known on")),
        text_column(message("Event")),
    ),
    *(unwrapped_column(message("Number")), text_column(message("Part"), optional=True)),
    *(
        number_column(message("± Numerator"), message("± Num.")),
        number_column(message("Numerator"), message("Num.")),
    ),
    *(
        number_column(message("± Denominator"), message("± Denom.")),
        number_column(message("Denominator"), message("Denom.")),
    ),
)


@click.command(short_help="Show how a figure was formed, event by event.")
@options(ReplayQuestion, arguments={"code": "CODE"})
@workbook_option
@terminal.as_json
def replay(question: ReplayQuestion, *, json: bool) -> None:
    """Show every change of a figure's numerator and denominator, and both after it.

    The last line is the figure. With --json, each change is one line (NDJSON).
    """
    terminal.run(_replay(question, json=json))


async def _replay(question: ReplayQuestion, *, json: bool) -> None:
    async with (
        terminal.opened_app(terminal.settings()) as app,
        app.pool.acquire() as connection,
    ):
        order = question.order
        [figure] = await figure_table.compute_figures(
            app, [question.question(app.commands.today())]
        )
        pages = figure_replay.pages(terminal.view(app, connection), figure, order)
        if json:
            async for page in pages:
                click.echo(b"\n".join(msgspec.json.encode(line) for line in page))
        else:
            await _show(figure, order, pages)


async def _show(
    figure: Figure, order: ReplayOrder, pages: AsyncIterator[list[ReplayLine]]
) -> None:
    out = tables.Printer()
    out.say(
        message(
            "{indicator}, {coordinates}, definition {definition}, {order}",
            indicator=figure.indicator,
            coordinates=figure_table.coordinates_in_words(figure),
            definition=figure.definition,
            order=ORDERS[order],
        )
    )
    listing = tables.Listing(COLUMNS, out)
    async for page in pages:
        listing.add([_cells(line) for line in page])
    listing.close()
    total = message(
        "{indicator}: {counts}, number {number}",
        indicator=figure.indicator,
        counts=figure_table.counts(figure),
        number=figure.number,
    )
    out.say(f"\n{translated(total)}")


def _cells(line: ReplayLine) -> tuple[str, ...]:
    return (
        formats.number(line.position),
        formats.day(line.effective_on),
        formats.day(line.known_on),
        translated(labels.EVENTS[line.type]),
        line.subject.number,
        line.part,
        _signed_number(line.moved.numerator),
        formats.number(line.numerator),
        _signed_number(line.moved.denominator),
        formats.number(line.denominator),
    )


def _signed_number(moved: int) -> str:
    return formats.signed_number(moved) if moved else ""
