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
from iku.domain.question import Question, Unknown, numbered
from iku.exchange import formats
from iku.verifying import Recounted
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
            if number is not None:
                questions = [numbered(number)]
            else:
                today = house.office.today()
                questions = [asked.of(c, today) for c in await _codes(house, codes)]
            parted = [structs.replace(q, breakdown=PARTS[breakdown]) for q in questions]
            return house, await answer(house, parted, replay=replay)

    house, figures = terminal.run(ask())
    if json:
        alone = len(codes) == 1 or number is not None
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
        out.print(where(figures[0]))
    rows = [cells(figure) for figure in figures]
    out.print(terminal.table(HEADINGS, rows, right=NUMBERS, wrap=TEXTS))
    _show_parts(out, figures, areas)
    for figure in figures:
        out.print(f"{figure.indicator}: nomor {figure.number}{_remark(figure)}")


def where(at: Figure) -> str:
    """The coordinates of a figure, but for its indicator, in words."""
    return (
        f"{formats.period(at.period)}, per {formats.day(at.as_of)}, "
        f"diketahui per {formats.day(at.known_on)}, "
        f"dari {formats.number(at.size)} peristiwa"
    )


def counts(figure: Figure | Recounted) -> str:
    """``7/9 (77,78%)``."""
    share = formats.percent(figure.percentage)
    return (
        f"{formats.number(figure.numerator)}/{formats.number(figure.denominator)} "
        f"({share})"
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
