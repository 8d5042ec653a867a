"""`iku example`: a register to try things on, and what it teaches."""

from collections.abc import Sequence
from datetime import date

import click
from msgspec import Struct

from iku.app import House
from iku.cli import figures, importing, tables, terminal
from iku.cli.importing import ImportedFile
from iku.cli.tables import exact
from iku.domain.figure import Figure
from iku.domain.question import Question
from iku.exchange import example as files
from iku.exchange import formats
from iku.exchange.importing import Importer
from iku.queries import records

AS_OF = date(2021, 12, 31)
KNOWN_ON = date(2022, 1, 15)  # about when the yearly report was printed
NOW = "hari ini"  # no date: so it reads the same on any day, as in the README
ACTOR = "contoh"
COLUMNS = (figures.COLUMNS[0], exact("Diketahui"), *figures.COLUMNS[1:])


class Example(Struct, frozen=True):
    """What was imported, and the figures: now and then of each indicator in turn."""

    files: tuple[ImportedFile, ...]
    figures: tuple[Figure, ...]


@click.command(short_help="Import the example register and show its figures.")
@terminal.as_json
def example(*, json: bool) -> None:
    """Import the example register, if there is none, and show its figures of 2021."""

    async def work() -> tuple[list[ImportedFile], list[Figure]]:
        async with terminal.house(terminal.settings()) as house:
            done = await _fill(house, quiet=json)
            return done, await _now_and_then(house)

    done, found = terminal.run(work())
    if json:
        terminal.emit(Example(tuple(done), tuple(found)))
    else:
        _show(found)


async def _fill(house: House, *, quiet: bool) -> list[ImportedFile]:
    contents = files.read()
    async with house.pool.acquire() as connection:
        importer = Importer(connection, house.office, house.books.project, ACTOR)
        ours = [i for content in contents.values() for i in await importer.ids(content)]
        # What of the example is there already is passed over by the import.
        alone = not await records.holds_others(connection, ours)
    if alone:
        return await importing.bring_in(house, contents, ACTOR, quiet=quiet)
    if not quiet:
        tables.say("Register sudah berisi data sendiri: contoh tidak diimpor.")
    return []


async def _now_and_then(house: House) -> list[Figure]:
    """Of each indicator the figure of 2021 as it is known now, then as it was."""
    async with house.pool.acquire() as connection:
        codes = list(await house.figures.indicators(connection))
    return await figures.answer(
        house,
        [Question(c, AS_OF, known_on=k) for c in codes for k in (None, KNOWN_ON)],
    )


def _show(found: Sequence[Figure]) -> None:
    out = tables.Printer()
    pairs = list(zip(found[::2], found[1::2], strict=True))
    out.say(f"\nTahun 2021, per {formats.day(AS_OF)}")
    rows = [
        (row[0], known, *row[1:])
        for pair in pairs
        for figure, known in zip(pair, (NOW, formats.day(KNOWN_ON)), strict=True)
        for row in [figures.cells(figure)]
    ]
    out.table(COLUMNS, rows)
    for now, then in pairs:
        out.say(_difference(now, then))


def _difference(now: Figure, then: Figure) -> str:
    """Whether the figure has moved since, and from what to what."""
    if figures.counts(now) == figures.counts(then):
        return f"{now.indicator} tetap: {figures.counts(now)}."
    return (
        f"{now.indicator} berubah: {figures.counts(then)} menurut yang diketahui per "
        f"{formats.day(KNOWN_ON)}, kini {figures.counts(now)}."
    )
