"""`iku difference`: why two figures of one indicator are not the same."""

from collections.abc import Sequence

import click

from iku import texts
from iku.cli import asking, figures, terminal
from iku.cli.asking import Asked
from iku.cli.columns import share
from iku.cli.terminal import Drawn
from iku.domain import difference as telling
from iku.domain import place
from iku.domain.difference import (
    Against,
    Cause,
    Difference,
    Item,
    Step,
    Stride,
)
from iku.domain.figure import Figure
from iku.exchange import formats
from iku.projections import differences
from iku.projections.differences import Compared

STEPS = {
    Step.KNOWLEDGE: "Pengetahuan",
    Step.DEFINITION: "Definisi",
    Step.TIME: "Waktu",
    Step.TARGET: "Target",
}
CAUSES = {
    Cause.LATE_DATA: "data terlambat",
    Cause.VERIFICATION: "verifikasi",
    Cause.CORRECTION: "koreksi",
    Cause.ANNULMENT: "pembatalan",
    Cause.REJECTION: "penolakan",
    Cause.MERGER: "penggabungan",
    Cause.DEFINITION: "definisi",
    Cause.TARGET: "target",
    Cause.TIME: "waktu",
}
AT = ("Angka", "Periode", "Per", "Diketahui", "Log", "Definisi")
CHANGE = ("Pembilang", "Penyebut")
WAY = ("Langkah", *CHANGE, "Menjadi", *figures.HEADINGS[3:])
MOVED = (
    *("Sebab", "Nomor", "Judul", *CHANGE, "Dari", "Menjadi"),
    *("Peristiwa", "Efektif", "Diketahui", "Oleh", "Alasan"),
)


@click.command(short_help="Show why two figures of an indicator differ.")
@click.argument("code", metavar="CODE")
@asking.coordinates
@asking.compared_with
@asking.pages
@terminal.as_json
def difference(
    code: str,
    asked: Asked,
    against: Against,
    *,
    limit: int,
    cursor: str | None,
    json: bool,
) -> None:
    """Show what lies between two figures of CODE, step by step and case by case.

    What --against-… leaves out is as in the figure asked for.
    """

    async def ask() -> Difference:
        async with terminal.house(terminal.settings()) as house:
            today = house.office.today()
            against.refuse_future(today)
            after = telling.place(cursor)
            of = place.resume(asked.of(code, today), after, today)
            compared = Compared(of, against.beside(of), after, limit)
            async with house.pool.acquire() as connection:
                found = await differences.answer(
                    connection, house.figures, compared, today
                )
                return await texts.reveal(connection, house.vault, found)

    found = terminal.run(ask())
    if json:
        terminal.emit(found)
    else:
        show(found)


def show(found: Difference) -> None:
    """Print both figures, the steps between them, and what moved in each."""
    out = terminal.console()
    out.print(found.indicator)
    out.print(_figures(("Dibandingkan", found.against), ("Diminta", found.figure)))
    out.print(
        f"Selisih: pembilang {signed(found.numerator)}, "
        f"penyebut {signed(found.denominator)}"
    )
    out.print(_way(found.steps))
    if found.items:
        out.print(_moved(found.items))
    else:
        out.print("Tidak ada kasus atau organisasi yang berubah hitungannya.")
    if found.next:
        out.print(f"Masih ada lanjutannya: --cursor {found.next}")


def _figures(*named: tuple[str, Figure]) -> Drawn:
    """A table of figures, each with its own coordinates."""
    rows = [(name, *_at(one), *figures.cells(one)[1:]) for name, one in named]
    headings = (*AT, *figures.HEADINGS[1:])
    right = ("Log", "Definisi", *figures.NUMBERS)
    wrap = ("Periode", "Per", "Diketahui", "Predikat")
    return terminal.table(headings, rows, right=right, wrap=wrap)


def _way(steps: Sequence[Stride]) -> Drawn:
    """A table of what each step changes, and where it leads."""
    rows = [_stride(stride) for stride in steps]
    right = (*CHANGE, "Menjadi", *figures.NUMBERS)
    return terminal.table(WAY, rows, right=right, wrap=("Predikat",))


def _moved(items: Sequence[Item]) -> Drawn:
    """A table of what moved, each with its cause."""
    rows = [_item(item) for item in items]
    right = (*CHANGE, "Dari", "Menjadi", "Peristiwa")
    return terminal.table(MOVED, rows, right=right, wrap=("Judul", "Oleh", "Alasan"))


def signed(number: int) -> str:
    """``+3``, ``-1``, ``0``."""
    return f"{number:+}" if number else "0"


def _at(one: Figure) -> tuple[str, ...]:
    return (
        formats.period(one.period),
        formats.day(one.as_of),
        formats.day(one.known_on),
        formats.number(one.size),
        formats.number(one.definition),
    )


def _stride(stride: Stride) -> tuple[str, ...]:
    after = stride.after
    return (
        STEPS[stride.step],
        signed(stride.numerator),
        signed(stride.denominator),
        f"{after.numerator}/{after.denominator}",
        formats.percent(after.percentage),
        formats.percent(after.target),
        formats.percent(after.achievement),
        after.rating or formats.NOTHING,
    )


def _item(item: Item) -> tuple[str, ...]:
    moved, why = item.event, item.after.why
    event = ("", "", "", "", why.id if why else "")
    if moved is not None:
        event = (
            formats.number(moved.position),
            formats.short_day(moved.effective_on),
            formats.short_day(moved.known_on),
            moved.actor,
            moved.reason or "",
        )
    return (
        CAUSES[item.cause],
        item.number,
        item.title,
        signed(item.numerator),
        signed(item.denominator),
        share(item.before),
        share(item.after),
        *event,
    )
