"""`iku figure`: an indicator on a day, as known on another."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Literal

import click
from msgspec import Struct
from rich.console import Console

from iku import replay as replaying
from iku.cli import terminal
from iku.domain.figure import Figure
from iku.domain.period import Kind
from iku.domain.question import Question, Unknown
from iku.exchange import formats
from iku.wiring import House

NUMBERS = ("Pembilang", "Penyebut", "Realisasi", "Target", "Capaian")
HEADINGS = ("Indikator", *NUMBERS, "Predikat")
TEXTS = ("Predikat", "Bagian")
LARGEST = 2**53 - 1
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
@click.option(
    "--as-of", type=terminal.Day(), help="The day asked about [default: today]."
)
@click.option(
    "--known-on",
    type=terminal.Day(),
    help="Whose knowledge: that of the end of this day [default: all there is].",
)
@click.option(
    "--size",
    type=click.IntRange(0, LARGEST),
    help="Count the log's first so many events only [default: all].",
)
@click.option(
    "--period",
    type=click.Choice([kind.value for kind in Kind]),
    default=Kind.YEAR.value,
    show_default=True,
    help="The period counted is the one the day lies in.",
)
@click.option(
    "--definition",
    type=click.IntRange(1, 2**31 - 1),
    help="Version of the definition [default: the one in force].",
)
@click.option(
    "--breakdown",
    type=click.Choice(["dimension", "district"]),
    help="Show the parts, too: by dimension (organisations: by kind) or by district.",
)
@click.option(
    "--replay", is_flag=True, help="Count anew from the log alone, event by event."
)
@terminal.as_json
def figure(  # noqa: PLR0917 - click hands them over by name
    codes: tuple[str, ...],
    as_of: date | None,
    known_on: date | None,
    size: int | None,
    period: str,
    definition: int | None,
    breakdown: str | None,
    *,
    replay: bool,
    json: bool,
) -> None:
    """Show what indicators were on a day; without CODE, all of them."""

    async def ask() -> tuple[House, list[Figure]]:
        async with terminal.house(terminal.settings()) as house:
            questions = [
                Question(
                    code,
                    as_of or house.office.today(),
                    known_on=known_on,
                    size=size,
                    period=Kind(period),
                    definition=definition,
                    breakdown=PARTS[breakdown],
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
        at = figures[0]
        out.print(
            f"{formats.period(at.period)}, per {formats.day(at.as_of)}, "
            f"diketahui per {formats.day(at.known_on)}, "
            f"dari {formats.number(at.size)} peristiwa"
        )
    rows = [cells(figure) for figure in figures]
    out.print(terminal.table(HEADINGS, rows, right=NUMBERS, wrap=TEXTS))
    _show_parts(out, figures, areas)
    for figure in figures:
        out.print(f"{figure.indicator}: nomor {figure.number}{_remark(figure)}")


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
