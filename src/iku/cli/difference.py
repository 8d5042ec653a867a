"""`iku difference`: the causes that separate two figures of one indicator."""

import click

from iku import labels
from iku.cli import figure_table, tables, terminal
from iku.cli.comparison_table import fraction
from iku.cli.options import options
from iku.cli.tables import Printer, exact, number, text
from iku.domain.difference import (
    Difference,
    DifferenceItem,
    Interval,
)
from iku.domain.figure import Figure
from iku.exchange import formats
from iku.queries import figure_difference
from iku.queries.figure_difference import DifferenceQuestion

AT = ("Periode", "Per", "Diketahui", "Log", "Definisi")
BOTH = (exact("Angka"), number("Dibandingkan"), number("Diminta"))
WAY = (exact("Langkah"), *figure_table.COUNTS, number("Menjadi"), *figure_table.REACHED)
MOVED = (
    *(text("Sebab"), exact("Nomor"), text("Judul"), *figure_table.COUNTS),
    *(number("Dari"), number("Menjadi"), number("Peristiwa")),
    *(exact("Efektif"), exact("Diketahui"), text("Oleh"), text("Alasan")),
)


@click.command(short_help="Show why two figures of an indicator differ.")
@options(DifferenceQuestion, arguments={"code": "CODE"}, limit="200")
@terminal.as_json
def difference(question: DifferenceQuestion, *, json: bool) -> None:
    """Show the difference between two figures of CODE, by step and by case.

    Omitted --against-… options have the values of the figure requested.
    """

    async def ask() -> Difference:
        async with terminal.opened_view() as (app, view):
            today = app.commands.today()
            compared = question.compared(today)
            return await figure_difference.answer(view, app.figures, compared, today)

    found = terminal.run(ask())
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
        f"Selisih: pembilang {formats.signed(found.numerator)}, "
        f"penyebut {formats.signed(found.denominator)}"
    )
    out.table(WAY, map(_interval, found.steps))
    if found.items:
        out.table(MOVED, map(_item, found.items))
    else:
        out.say("Tidak ada kasus atau organisasi yang berubah hitungannya.")
    if found.next:
        out.say(f"Masih ada lanjutannya: --cursor {found.next}")


def _show_both(out: Printer, *both: Figure) -> None:
    """Print both figures side by side, a line for each of their coordinates."""
    names = (*AT, *(column.heading for column in figure_table.COLUMNS[1:]))
    cells = [(*_at(one), *figure_table.cells(one)[1:]) for one in both]
    out.table(BOTH, zip(names, *cells, strict=True))


def _at(one: Figure) -> tuple[str, ...]:
    return (
        formats.period(one.period),
        formats.day(one.as_of),
        formats.day(one.known_on),
        formats.number(one.size),
        formats.number(one.definition),
    )


def _interval(interval: Interval) -> tuple[str, ...]:
    after = interval.after
    return (
        labels.STEPS[interval.step].id,
        formats.signed(interval.numerator),
        formats.signed(interval.denominator),
        formats.fraction(after.numerator, after.denominator),
        formats.percent(after.percentage),
        formats.percent(after.target),
        formats.percent(after.achievement),
        after.rating or formats.NOTHING,
    )


def _item(item: DifferenceItem) -> tuple[str, ...]:
    moved, why = item.event, item.after.why
    event = ("", "", "", "", why.id if why else "")
    if moved is not None:
        event = (
            formats.number(moved.position),
            formats.day(moved.effective_on),
            formats.day(moved.known_on),
            moved.actor,
            moved.reason or "",
        )
    return (
        labels.CAUSES[item.cause].id,
        item.number,
        item.title,
        formats.signed(item.numerator),
        formats.signed(item.denominator),
        fraction(item.before),
        fraction(item.after),
        *event,
    )
