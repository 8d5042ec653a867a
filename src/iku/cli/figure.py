"""`iku figure`: an indicator on a day, as known on another."""

from collections.abc import Iterable, Sequence
from typing import Literal

import click
from msgspec import Struct, structs
from rich.console import Console

from iku import replay as replaying
from iku.cli import asking, terminal
from iku.cli.asking import Asked
from iku.domain.figure import Figure
from iku.domain.question import Question, Unknown
from iku.exchange import formats
from iku.wiring import House

NUMBERS = ("Pembilang", "Penyebut", "Realisasi", "Target", "Capaian")
HEADINGS = ("Indikator", *NUMBERS, "Predikat")
TEXTS = ("Predikat", "Bagian")
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
@terminal.as_json
def figure(
    codes: tuple[str, ...],
    asked: Asked,
    breakdown: str | None,
    *,
    replay: bool,
    json: bool,
) -> None:
    """Show what indicators were on a day; without CODE, all of them."""

    async def ask() -> tuple[House, list[Figure]]:
        async with terminal.house(terminal.settings()) as house:
            questions = [
                structs.replace(
                    asked.of(code, house.office.today()), breakdown=PARTS[breakdown]
                )
                for code in await _codes(house, codes)
            ]
            return house, await answer(house, questions, replay=replay)

    house, figures = terminal.run(ask())
    if json:
        alone = len(codes) == 1
        terminal.emit(figures[0] if alone else Figures(tuple(figures)))
    else:
        show(figures, {area.code: area.name for area in house.agency.areas})


async def answer(
    house: House, questions: Sequence[Question], *, replay: bool = False
) -> list[Figure]:
    """The figures asked for; by *replay* from the log alone."""
    today = house.office.today()
    async with house.pool.acquire() as connection:
        if not replay:
            return await house.figures.answer(connection, questions, today)
        return [await replaying.recount(connection, q, today) for q in questions]


def show(figures: Sequence[Figure], areas: dict[str, str]) -> None:
    """Print a table of *figures* that share their coordinates, and their parts."""
    out = terminal.console()
    if figures:
        out.print(coordinates(figures[0]))
    rows = [cells(figure) for figure in figures]
    out.print(terminal.table(HEADINGS, rows, right=NUMBERS, wrap=TEXTS))
    _show_parts(out, figures, areas)
    for figure in figures:
        out.print(f"{figure.indicator}: nomor {figure.number}{_remark(figure)}")


def coordinates(at: Figure) -> str:
    """Which day and whose knowledge a figure is of."""
    return (
        f"{formats.period(at.period)}, per {formats.day(at.as_of)}, "
        f"diketahui per {formats.day(at.known_on)}, "
        f"dari {formats.number(at.size)} peristiwa"
    )


def cells(figure: Figure) -> tuple[str, ...]:
    """A figure as a row under `HEADINGS`."""
    return (
        figure.indicator,
        formats.number(figure.numerator),
        formats.number(figure.denominator),
        formats.percent(figure.percentage),
        formats.percent(figure.target),
        formats.percent(figure.achievement),
        figure.rating or formats.NOTHING,
    )


async def _codes(house: House, codes: Sequence[str]) -> Sequence[str]:
    async with house.pool.acquire() as connection:
        known = list(await house.figures.indicators(connection))
    for code in codes:
        if code not in known:
            raise Unknown(f"there is no indicator {code}; there are {', '.join(known)}")
    return codes or known


def _show_parts(out: Console, figures: Iterable[Figure], areas: dict[str, str]) -> None:
    rows = [
        (
            figure.indicator,
            areas.get(part.key, part.key) or "tidak diketahui",
            formats.number(part.numerator),
            formats.number(part.denominator),
            formats.percent(part.percentage),
        )
        for figure in figures
        for part in figure.parts or ()
    ]
    if rows:
        headings = ("Indikator", "Bagian", *NUMBERS[:3])
        out.print(terminal.table(headings, rows, right=NUMBERS, wrap=TEXTS))


def _remark(figure: Figure) -> str:
    if figure.empty:
        return "; tidak ada yang dihitung"
    if figure.expired:
        return f"; {figure.expired} di antaranya SKT-nya kedaluwarsa"
    return ""
