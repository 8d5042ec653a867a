"""`iku figure`: an indicator on a day, as known on another."""

from collections.abc import Sequence

import click
from msgspec import Struct, structs

from iku.app import House
from iku.cli import figures, terminal
from iku.cli.options import options
from iku.domain.figure import Figure
from iku.domain.question import Question, Unknown, numbered
from iku.queries.parameters import FigureQuestion, parts

ANY = FigureQuestion(code="")  # of which indicators is said by the arguments


class FiguresResult(Struct, frozen=True):
    """Several figures, counted from one snapshot of the log."""

    figures: tuple[Figure, ...]


@click.command(short_help="Show what indicators were on a day.")
@click.argument("codes", metavar="[CODE]...", nargs=-1)
@options(FigureQuestion, "asked", given={"code": ANY.code})
@click.option(
    "--replay", is_flag=True, help="Count anew from the log alone, event by event."
)
@click.option("--number", help="The figure that bears this number, as printed.")
@terminal.as_json
def figure(
    codes: tuple[str, ...],
    asked: FigureQuestion,
    number: str | None,
    *,
    replay: bool,
    json: bool,
) -> None:
    """Show what indicators were on a day; without CODE, all of them."""
    if number is not None and (codes or structs.replace(asked, breakdown=None) != ANY):
        raise click.UsageError("--number says all: give no CODE, day or size beside it")

    async def ask() -> tuple[House, list[Figure]]:
        async with terminal.house(terminal.settings()) as house:
            questions = await _questions(house, codes, asked, number)
            return house, await figures.answer(house, questions, replay=replay)

    house, found = terminal.run(ask())
    if json:
        alone = len(codes) == 1 or number is not None
        terminal.emit(found[0] if alone else FiguresResult(tuple(found)))
    else:
        figures.show(found, {area.code: area.name for area in house.agency.areas})


async def _questions(
    house: House, codes: Sequence[str], asked: FigureQuestion, number: str | None
) -> list[Question]:
    if number is not None:
        return [structs.replace(numbered(number), breakdown=parts(asked.breakdown))]
    today = house.office.today()
    return [asked.of(code, today) for code in await _codes(house, codes)]


async def _codes(house: House, codes: Sequence[str]) -> Sequence[str]:
    async with house.pool.acquire() as connection:
        known = list(await house.figures.indicators(connection))
    for code in codes:
        if code not in known:
            raise Unknown(f"there is no indicator {code}; there are {', '.join(known)}")
    return codes or known
