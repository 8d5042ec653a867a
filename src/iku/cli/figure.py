"""`iku figure`: indicators as of a day, with a knowledge cut-off."""

from collections.abc import Sequence

import click
from msgspec import Struct, structs

from iku.app import App
from iku.cli import figure_table, terminal
from iku.cli.options import options
from iku.cli.workbook_output import workbook_option
from iku.domain.figure import Figure
from iku.domain.question import Question, UnknownReference, from_number
from iku.messages import message
from iku.queries.figure_parameters import FigureQuestion, breakdown_name

ANY = FigureQuestion(code="")  # the arguments name the indicators


class FiguresResult(Struct, frozen=True):
    """Figures counted from one snapshot of the log."""

    figures: tuple[Figure, ...]


@click.command(short_help="Show the figures of indicators as of a day.")
@click.argument("codes", metavar="[CODE]...", nargs=-1)
@options(FigureQuestion, "asked", given={"code": ANY.code})
@click.option(
    "--replay", is_flag=True, help="Recount from the log alone, event by event."
)
@click.option("--number", help="Show the figure with this number, as printed.")
@workbook_option
@terminal.as_json
def figure(
    codes: tuple[str, ...],
    asked: FigureQuestion,
    number: str | None,
    *,
    replay: bool,
    json: bool,
) -> None:
    """Show the figures of indicators as of a day; without CODE, of all indicators."""
    if number is not None and (codes or structs.replace(asked, breakdown=None) != ANY):
        raise click.UsageError(
            message(
                "--number already identifies the figure: do not add CODE, day or size"
            )
        )

    async def execute() -> tuple[App, list[Figure]]:
        async with terminal.opened_app(terminal.settings()) as app:
            questions = await _questions(app, codes, asked, number)
            return app, await figure_table.compute_figures(
                app, questions, replay=replay
            )

    app, found = terminal.run(execute())
    if json:
        alone = len(codes) == 1 or number is not None
        terminal.emit(found[0] if alone else FiguresResult(tuple(found)))
    else:
        figure_table.show(found, app.agency.area_names)


async def _questions(
    app: App, codes: Sequence[str], asked: FigureQuestion, number: str | None
) -> list[Question]:
    if number is not None:
        return [
            structs.replace(
                from_number(number), breakdown=breakdown_name(asked.breakdown)
            )
        ]
    today = app.commands.today()
    return [asked.question_for(code, today) for code in await _codes(app, codes)]


async def _codes(app: App, codes: Sequence[str]) -> Sequence[str]:
    async with app.pool.acquire() as connection:
        known = list(await app.figures.indicators(connection))
    for code in codes:
        if code not in known:
            raise UnknownReference(
                message(
                    "indicator {indicator} does not exist; known indicators: {known}",
                    indicator=code,
                    known=[*known],
                )
            )
    return codes or known
