"""`iku series`: the figures of an indicator at regular steps."""

import click

from iku.cli import figure_table, tables, terminal
from iku.cli.options import options
from iku.cli.output_format import OutputFormat, output_options, write_whole
from iku.cli.tables import number_column, text_column, unwrapped_column
from iku.cli.terminal_language import formats
from iku.domain.figure import Figure
from iku.domain.publication import FrozenValue
from iku.exchange import series_table
from iku.exchange.table_output import table_output
from iku.messages import message
from iku.queries import series as serial
from iku.queries.series import Series, SeriesQuestion

COLUMNS = (
    *(
        unwrapped_column(message("As-of day")),
        *figure_table.COUNTS,
        number_column(message("Actual")),
    ),
    *(
        number_column(message("As known on that day")),
        number_column(message("Published")),
        text_column(message("Series break")),
    ),
)


@click.command(short_help="Show an indicator as a time series.")
@options(SeriesQuestion, arguments={"code": "CODE"})
@output_options
def series(question: SeriesQuestion, form: OutputFormat) -> None:
    """Show an indicator at the end of each interval, up to the last day.

    Each line has the figure as known now, as known on its own day, and as first
    published. A mark shows where another version of the definition begins to apply.
    """

    async def execute() -> Series:
        async with (
            terminal.opened_app(terminal.settings()) as app,
            app.pool.acquire() as connection,
        ):
            today = app.commands.today()
            asked, span = question.question_for(today), question.range_of_days
            return await serial.series(connection, app.figures, asked, span, today)

    found = terminal.run(execute())
    if form.file is not None:
        shape = series_table.shape(found.figures[-1].indicator)
        write_whole(table_output(shape, form.file), series_table.rows(found))
    elif form.json:
        terminal.emit(found)
    else:
        _show(found)


def _show(found: Series) -> None:
    last = found.figures[-1]
    out = tables.Printer()
    out.say(
        message(
            "{indicator}, as known on {known}, from {size} events",
            indicator=last.indicator,
            known=formats.day(last.known_on),
            size=formats.number(last.size),
        )
    )
    marks = {
        one.as_of: message(
            "◂ definition {before} → {after}: {basis}",
            before=one.before,
            after=one.after,
            basis=one.basis,
        )
        for one in found.breaks
    }
    rows = [
        (
            formats.day(now.as_of),
            *figure_table.cells(now)[1:4],
            _counts_text(then),
            _counts_text(None if printed is None else printed.figure),
            marks.get(now.as_of, ""),
        )
        for now, then, printed in zip(
            found.figures, found.then, found.published, strict=True
        )
    ]
    out.table(COLUMNS, rows)


def _counts_text(figure: Figure | FrozenValue | None) -> str:
    return formats.NOTHING if figure is None else figure_table.counts(figure)
