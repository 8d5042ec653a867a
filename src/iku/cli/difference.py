"""`iku difference`: the causes of a difference between two figures."""

import click

from iku import labels
from iku.cli import figure_table, tables, terminal
from iku.cli.comparison_table import counts_cell
from iku.cli.options import options
from iku.cli.tables import Printer, number_column, text_column, unwrapped_column
from iku.cli.terminal_language import formats, translated
from iku.cli.workbook_output import workbook_option
from iku.domain.difference import (
    Difference,
    DifferenceItem,
    StepChange,
)
from iku.domain.figure import Figure
from iku.messages import message
from iku.queries import figure_difference
from iku.queries.figure_difference import DifferenceQuestion

AT = (
    *(message("Period"), message("As-of day"), message("Known on")),
    *(message("Log size"), message("Definition")),
)
BOTH = (
    unwrapped_column(message("Figure")),
    number_column(message("Compared figure")),
    number_column(message("Requested figure")),
)
WAY = (
    unwrapped_column(message("Step")),
    *figure_table.COUNTS,
    number_column(message("After")),
    *figure_table.REACHED,
)
MOVED = (
    *(
        text_column(message("Cause")),
        unwrapped_column(message("Number")),
        text_column(message("Title")),
        *figure_table.COUNTS,
    ),
    *(
        number_column(message("Before")),
        number_column(message("After")),
        number_column(message("Event")),
    ),
    *(
        unwrapped_column(message("Effective on")),
        unwrapped_column(message("Known on")),
        text_column(message("Actor")),
        text_column(message("Reason")),
    ),
)


@click.command(short_help="Explain the difference between two figures of an indicator.")
@options(DifferenceQuestion, arguments={"code": "CODE"}, limit="200")
@workbook_option
@terminal.as_json
def difference(question: DifferenceQuestion, *, json: bool) -> None:
    """Show the difference between two figures of CODE, by step and by case.

    Omitted --against-… options have the values of the requested figure.
    """

    async def execute() -> Difference:
        async with terminal.opened_view() as (app, view):
            today = app.commands.today()
            compared = question.compared_questions(today)
            return await figure_difference.compute_difference(
                view, app.figures, compared, today
            )

    found = terminal.run(execute())
    if json:
        terminal.emit(found)
    else:
        show(found)


def show(found: Difference) -> None:
    """Print both figures, the steps between them, and the changes in each step."""
    out = tables.Printer()
    out.say(found.indicator)
    _show_both(out, found.against, found.figure)
    out.say(
        message(
            "Difference: numerator {numerator}, denominator {denominator}",
            numerator=formats.signed_number(found.numerator),
            denominator=formats.signed_number(found.denominator),
        )
    )
    out.table(WAY, map(_step_row, found.steps))
    if found.items:
        out.table(MOVED, map(_item_row, found.items))
    else:
        out.say(message("No case or organisation counts differently."))
    if found.next:
        out.say(message("More results: --cursor {cursor}", cursor=found.next))


def _show_both(out: Printer, *both: Figure) -> None:
    """Print both figures side by side, a line for each of their coordinates."""
    names = (*AT, *(column.heading for column in figure_table.COLUMNS[1:]))
    cells = [(*_coordinates_row(one), *figure_table.cells(one)[1:]) for one in both]
    out.table(BOTH, zip(map(translated, names), *cells, strict=True))


def _coordinates_row(one: Figure) -> tuple[str, ...]:
    return (
        formats.period(one.period),
        formats.day(one.as_of),
        formats.day(one.known_on),
        formats.number(one.size),
        formats.number(one.definition),
    )


def _step_row(change: StepChange) -> tuple[str, ...]:
    after = change.after
    return (
        translated(labels.STEPS[change.step]),
        formats.signed_number(change.numerator),
        formats.signed_number(change.denominator),
        formats.fraction(after.numerator, after.denominator),
        formats.percent(after.percentage),
        formats.percent(after.target),
        formats.percent(after.achievement),
        after.rating or formats.NOTHING,
    )


def _item_row(item: DifferenceItem) -> tuple[str, ...]:
    moved, why = item.event, item.after.why
    event = ("", "", "", "", translated(why) if why else "")
    if moved is not None:
        event = (
            formats.number(moved.position),
            formats.day(moved.effective_on),
            formats.day(moved.known_on),
            moved.actor,
            moved.reason or "",
        )
    return (
        translated(labels.CAUSES[item.cause]),
        item.number,
        item.title,
        formats.signed_number(item.numerator),
        formats.signed_number(item.denominator),
        counts_cell(item.before),
        counts_cell(item.after),
        *event,
    )
