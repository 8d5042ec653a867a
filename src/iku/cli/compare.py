"""`iku compare`: one indicator under several versions of its definition."""

import click

from iku.cli import tables, terminal
from iku.cli.comparison_table import COUNTS, cells, show_subjects
from iku.cli.options import options, trial_option
from iku.cli.tables import text_column, unwrapped_column
from iku.cli.terminal_language import formats
from iku.cli.workbook_output import workbook_option
from iku.domain import comparison
from iku.domain.comparison import Comparison, ComparisonColumn
from iku.domain.indicator import Amendment
from iku.messages import message
from iku.queries import definition_comparison
from iku.queries.comparison_questions import ComparisonQuestion

COLUMNS = (
    *(unwrapped_column(message("Definition")), *COUNTS),
    *(text_column(message("Rating")), text_column(message("Differing options"))),
)


@click.command(short_help="Compare definitions of an indicator.")
@options(ComparisonQuestion, arguments={"code": "CODE"}, limit="200")
@trial_option
@workbook_option
@terminal.as_json
def compare(question: ComparisonQuestion, amendment: Amendment, *, json: bool) -> None:
    """Show an indicator under several definitions, and the subjects that differ.

    --option adds a column: the last definition named, with this option replaced.
    Nothing is recorded.
    """

    async def execute() -> Comparison:
        async with terminal.opened_view() as (app, view):
            today = app.commands.today()
            tried = question.comparison_request(amendment, today)
            return await definition_comparison.compare(view, tried, today)

    found = terminal.run(execute())
    if json:
        terminal.emit(found)
    else:
        show(found)


def show(found: Comparison) -> None:
    """Print a row for each definition, then the subjects that count differently."""
    out = tables.Printer()
    out.say(
        message(
            "{indicator}: {period}, as of {day}, as known on {known}, from {size} "
            "events, target {target}",
            indicator=found.indicator,
            period=formats.period(found.period),
            day=formats.day(found.as_of),
            known=formats.day(found.known_on),
            size=formats.number(found.size),
            target=formats.percent(found.target),
        )
    )
    first = found.columns[0]
    rows = [
        (column_name(one), *cells(one), changed_options_text(first, one))
        for one in found.columns
    ]
    out.table(COLUMNS, rows)
    out.say(
        message(
            "Cases or organisations that count differently: {count}.",
            count=formats.number(found.differing),
        )
    )
    if found.items:
        show_subjects(out, [column_name(one) for one in found.columns], found.items)
    if found.next:
        out.say(message("More results: --cursor {cursor}", cursor=found.next))


def column_name(one: ComparisonColumn) -> str:
    """The name of a column: ``version 1``, or ``trial`` for a trial definition."""
    if one.definition is None:
        return message("trial")
    return message("version {version}", version=one.definition)


def changed_options_text(first: ComparisonColumn, one: ComparisonColumn) -> str:
    """The options in which *one* differs from *first*, as ``name=value``."""
    told = comparison.changed_options(first.options, one.options)
    return "; ".join(f"{name}={value}" for name, value in told.items())
