"""`iku explain`: the explanation of a figure, case by case."""

from collections.abc import AsyncIterator

import click
from msgspec import Struct, structs

from iku.app import App
from iku.cli import ambiguous_number, tables, terminal
from iku.cli.errors import CommandFailed
from iku.cli.figure_table import coordinates_in_words
from iku.cli.options import options
from iku.cli.output_format import OutputFormat, output_options, write
from iku.cli.tables import text_column, unwrapped_column
from iku.cli.terminal_language import formats, language, translated
from iku.domain.figure import Counts, Figure
from iku.domain.question import Question
from iku.exchange import explanation_table
from iku.exchange.table_output import table_output
from iku.messages import message
from iku.queries import explanation
from iku.queries.explanation import (
    ExplainedSubject,
    ExplanationPage,
    ExplanationQuestion,
    SubjectFilter,
)
from iku.queries.subject_lookup import identify

COLUMNS = (
    *(unwrapped_column(message("Number")), text_column(message("Title"))),
    *(
        unwrapped_column(message("Denominator"), message("Denom.")),
        unwrapped_column(message("Numerator"), message("Num.")),
        text_column(message("Reason")),
    ),
)
MARKS = {True: "✓", False: formats.NOTHING}


class ExplainedFigure(Struct, frozen=True):
    """A figure with its whole explanation, in the shape of the API's response."""

    figure: Figure
    items: tuple[ExplainedSubject, ...]
    examined: int
    next: None = None


@click.command(short_help="Explain a figure of an indicator, case by case.")
@options(ExplanationQuestion, arguments={"code": "CODE"})
@output_options
def explain(question: ExplanationQuestion, form: OutputFormat) -> None:
    """Show how each case or organisation counts in the indicator CODE, and why.

    A mark shows that it is in the denominator or numerator. The reason names the
    deciding events by their positions in the log. The total is the indicator's figure.
    """

    async def execute() -> None:
        async with terminal.opened_app(terminal.settings()) as app:
            today, wanted = app.commands.today(), question.subject_filter
            of = question.question(today)
            async with app.pool.acquire() as connection:
                view = terminal.view(app, connection)
                figure, asked, _ = await explanation.pinned_figure(
                    view, app.figures, of, None, today
                )
            subject = await _find_subject(app, wanted.subject)
            meant = structs.replace(wanted, subject=subject)
            pages = _pages(app, asked, meant)
            if form.file is not None:
                shape = explanation_table.shape(figure, language())
                parts = (page.items async for page in pages)
                await write(table_output(shape, form.file, figure.number), parts)
            elif form.json:
                await _as_json(figure, pages)
            else:
                await _as_tables(figure, pages, wanted)

    terminal.run(execute())


async def _find_subject(app: App, typed: str | None) -> str | None:
    """The identifier of the subject with the number or identifier *typed*."""
    if typed is None:
        return None
    async with app.pool.acquire() as connection:
        found = await identify(terminal.view(app, connection), typed)
    subjects = {one.subject: one for one in found}
    ambiguous_number.refuse_ambiguous([*subjects.values()], typed)
    return found[0].subject if found else typed


async def _pages(
    app: App, question: Question, wanted: SubjectFilter
) -> AsyncIterator[ExplanationPage]:
    """All pages of the explanation, in order."""
    after: str | None = ""
    while after is not None:
        async with app.pool.acquire() as connection:
            view = terminal.view(app, connection)
            page = await explanation.page(view, question, wanted, after=after)
        yield page
        after = page.next


async def _as_json(figure: Figure, pages: AsyncIterator[ExplanationPage]) -> None:
    found = [page async for page in pages]
    items = tuple(item for page in found for item in page.items)
    examined = sum(page.examined for page in found)
    terminal.emit(ExplainedFigure(figure, items, examined))


async def _as_tables(
    figure: Figure, pages: AsyncIterator[ExplanationPage], wanted: SubjectFilter
) -> None:
    """Print one table for each page, as it is read, and then the total."""
    out = tables.Printer()
    out.say(f"{figure.indicator}, {coordinates_in_words(figure)}")
    shown, examined, counts = 0, 0, Counts()
    async for page in pages:
        if page.items:
            out.table(COLUMNS, map(_row_cells, page.items))
        shown += len(page.items)
        examined += page.examined
        counts += page.counts
    out.say(
        message(
            "Shown: {shown} of {examined} examined.",
            shown=formats.number(shown),
            examined=formats.number(examined),
        )
    )
    out.say(
        message(
            "Total: {numerator} of {denominator} ({percentage}), number {number}",
            numerator=formats.number(figure.numerator),
            denominator=formats.number(figure.denominator),
            percentage=formats.percent(figure.percentage),
            number=figure.number,
        )
    )
    if wanted.subject is None:
        _refuse_wrong_total(figure, counts)


def _refuse_wrong_total(figure: Figure, counts: Counts) -> None:
    told = (counts.numerator, counts.denominator)
    if told != (figure.numerator, figure.denominator):
        raise CommandFailed(
            message(
                "the figure is {numerator} of {denominator}, but the sum over the "
                "cases is {counted} of {existing}: run iku rebuild, and report this "
                "error",
                numerator=figure.numerator,
                denominator=figure.denominator,
                counted=told[0],
                existing=told[1],
            )
        )


def _row_cells(item: ExplainedSubject) -> tuple[str, ...]:
    return (
        item.number,
        item.title,
        MARKS[item.denominator],
        MARKS[item.numerator],
        translated(item.why_numerator)
        if item.why_numerator == item.why_denominator
        else f"{translated(item.why_denominator)}; {translated(item.why_numerator)}",
    )
