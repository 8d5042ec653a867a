"""`iku define`: a new version of a definition, once its effect has been seen."""

from dataclasses import replace
from datetime import date

import click
from msgspec import Struct, structs

from iku import comparing, handling, texts
from iku.cli import tables, terminal
from iku.cli.asking import tried_out
from iku.cli.columns import COUNTS, cells, show_subjects
from iku.cli.edge import Failed
from iku.cli.tables import exact, text
from iku.domain import comparison
from iku.domain.comparison import Effect, Year
from iku.domain.decider import Refused
from iku.domain.fact import Line, Reason
from iku.domain.indicator import Defined, Redefinition
from iku.exchange import formats
from iku.handling import Command, Missing, Outcome
from iku.wiring import House

NAMES = ("Berlaku", "Diusulkan")
COLUMNS = (exact("Per"), exact("Definisi"), *COUNTS, text("Predikat"))


class Recorded(Struct, frozen=True):
    """What was recorded, and the effect that was shown before.

    Attributes:
        definition: The number of the new version.
        version: Of the indicator's history, which it stands at the end of.
        position: Of the event in the log.
        size: Of the log once the event was in it.
    """

    indicator: str
    definition: int
    version: int
    position: int
    size: int
    effect: Effect


@click.command(short_help="Add a version of a definition, its effect seen first.")
@click.argument("code", metavar="CODE")
@click.option(
    "--effective-on",
    type=terminal.Day(),
    required=True,
    help="It counts periods that start on this day or later.",
)
@click.option(
    "--basis",
    type=terminal.Words("text", Line, 500),
    required=True,
    help="The decree it rests on.",
)
@click.option(
    "--reason",
    type=terminal.Words("text", Reason, 2000),
    required=True,
    help="Why it is changed.",
)
@tried_out
@click.option("--preview", is_flag=True, help="Show the effect, and record nothing.")
@click.option("--yes", is_flag=True, help="Record it without asking.")
@terminal.actor
@terminal.as_json
def define(
    code: str,
    effective_on: date,
    basis: str,
    reason: str,
    tried: dict[str, list[str]],
    *,
    preview: bool,
    yes: bool,
    actor: str,
    json: bool,
) -> None:
    """Add a version of the definition of CODE, after its effect has been shown.

    Options that are left out stay as they were. The effect is shown on the last two
    complete years, by all that is known today.
    """
    amended = structs.asdict(comparison.amendment(tried))
    proposed = Redefinition(
        **amended, effective_on=effective_on, basis=basis, reason=reason
    )
    command = Command("indicator", code, proposed, actor)

    async def work() -> tuple[Effect, Outcome | None]:
        async with terminal.house(terminal.settings()) as house:
            # What is recorded must be what was shown.
            expected = await _version(house, command)
            pinned = replace(command, expected=expected)
            effect = await _foresee(house, pinned)
            if not json:
                show(effect)
            if preview:
                return effect, None
            if not yes and not click.confirm("Catat definisi ini?", err=json):
                raise Failed("nothing was recorded")
            async with house.pool.acquire() as connection:
                return effect, await house.office.handle(connection, pinned)

    effect, done = terminal.run(work())
    if done is not None:
        _tell(effect, done, json=json)
    elif json:
        terminal.emit(effect)


def _tell(effect: Effect, done: Outcome, *, json: bool) -> None:
    given = done.receipt
    if json:
        at = (given.version, given.position, given.size)
        terminal.emit(Recorded(effect.indicator, effect.definition, *at, effect))
    else:
        tables.say(
            f"Dicatat: definisi versi {effect.definition} {effect.indicator}, "
            f"peristiwa {formats.number(given.position)}."
        )


async def _version(house: House, command: Command) -> int:
    """Where the history of the indicator stands."""
    async with house.pool.acquire() as connection:
        streams = [command.stream]
        found = await handling.read_histories(connection, house.vault, streams)
    if command.stream not in found:
        raise Missing(f"there is no indicator {command.subject}")
    return found[command.stream].version


async def _foresee(house: House, command: Command) -> Effect:
    """What the definition would change.

    Raises:
        Refused: The rules do not allow it, or it is so already.
    """
    today = house.office.today()
    async with house.pool.acquire() as connection:
        facts = await house.office.foresee(connection, command)
        if not facts:
            code = command.subject
            raise Refused(f"indicator {code} says just this already; it adds nothing")
        proposed: Defined = facts[0]
        code = command.subject
        found = await comparing.foresee(connection, code, proposed, today)
        return await texts.reveal(connection, house.vault, found)


def show(effect: Effect) -> None:
    """Print what would change in each year, and who makes the difference."""
    out = tables.Printer()
    out.say(
        f"{effect.indicator}: definisi versi {effect.definition} yang diusulkan, "
        f"berlaku sejak {formats.day(effect.effective_on)}, "
        f"dari {formats.number(effect.size)} peristiwa"
    )
    for year in effect.years:
        out.say(f"\nTahun {year.year}, kini menurut definisi versi {year.definition}")
        rows = [row for point in year.points for row in _rows(point)]
        out.table(COLUMNS, rows)
        out.say(_differing(year))
        if year.items:
            show_subjects(out, NAMES, year.items)
        if year.more:
            out.say(f"Selebihnya: GET …/comparison?{year.more}")


def _rows(point: comparison.Point) -> list[tuple[str, ...]]:
    outcomes = zip(NAMES, (point.in_force, point.proposed), strict=True)
    day = formats.day(point.as_of)
    return [(day, name, *cells(outcome)) for name, outcome in outcomes]


def _differing(year: Year) -> str:
    number = formats.number(year.differing)
    return f"{number} kasus atau organisasi dihitung berbeda pada akhir tahun."
