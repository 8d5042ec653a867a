"""`iku figure`: an indicator on a day, as known on another."""

from collections.abc import Sequence
from typing import Literal

import click
from msgspec import Struct, structs

from iku.app import House
from iku.cli import asking, figures, terminal
from iku.cli.asking import Asked
from iku.domain.figure import Figure
from iku.domain.question import Question, Unknown, numbered

PARTS: dict[str | None, Literal["part", "district"] | None] = {
    None: None,
    "dimension": "part",
    "district": "district",
}


class Figures(Struct, frozen=True):
    """Several figures, counted from one snapshot of the log."""

    figures: tuple[Figure, ...]


@click.command(short_help="Show what indicators were on a day.")
@click.argument("codes", metavar="[CODE]...", nargs=-1)
@asking.coordinates
@click.option(
    "--breakdown",
    type=click.Choice(["dimension", "district"]),
    help="Show the parts, too: by dimension (organisations: by kind) or by district.",
)
@click.option(
    "--replay", is_flag=True, help="Count anew from the log alone, event by event."
)
@click.option("--number", help="The figure that bears this number, as printed.")
@terminal.as_json
def figure(
    codes: tuple[str, ...],
    asked: Asked,
    breakdown: str | None,
    number: str | None,
    *,
    replay: bool,
    json: bool,
) -> None:
    """Show what indicators were on a day; without CODE, all of them."""
    if number is not None and (codes or asked != Asked()):
        raise click.UsageError("--number says all: give no CODE, day or size beside it")

    async def ask() -> tuple[House, list[Figure]]:
        async with terminal.house(terminal.settings()) as house:
            questions = [
                structs.replace(question, breakdown=PARTS[breakdown])
                for question in await _questions(house, codes, asked, number)
            ]
            return house, await figures.answer(house, questions, replay=replay)

    house, found = terminal.run(ask())
    if json:
        alone = len(codes) == 1 or number is not None
        terminal.emit(found[0] if alone else Figures(tuple(found)))
    else:
        figures.show(found, {area.code: area.name for area in house.agency.areas})


async def _questions(
    house: House, codes: Sequence[str], asked: Asked, number: str | None
) -> list[Question]:
    if number is not None:
        return [numbered(number)]
    today = house.office.today()
    return [asked.of(code, today) for code in await _codes(house, codes)]


async def _codes(house: House, codes: Sequence[str]) -> Sequence[str]:
    async with house.pool.acquire() as connection:
        known = list(await house.figures.indicators(connection))
    for code in codes:
        if code not in known:
            raise Unknown(f"there is no indicator {code}; there are {', '.join(known)}")
    return codes or known
