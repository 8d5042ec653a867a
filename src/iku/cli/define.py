"""`iku define`: a version of a definition is added, corrected or annulled.

Each once its effect has been seen.
"""

from datetime import date

import click
from msgspec import Struct, structs

from iku.app import App
from iku.cli import revision, tables, terminal
from iku.cli.columns import COUNTS, cells, show_subjects
from iku.cli.errors import CommandFailed
from iku.cli.options import tried_out
from iku.cli.tables import exact, text
from iku.commands.command import Command, CommandResult
from iku.domain import comparison
from iku.domain.comparison import RedefinitionEffect, YearEffect
from iku.domain.fact import Line, Reason
from iku.domain.indicator import Amendment, Redefinition
from iku.exchange import formats
from iku.queries import definition_comparison

NAMES = ("Berlaku", "Diusulkan")
COLUMNS = (exact("Per"), exact("Definisi"), *COUNTS, text("Predikat"))


class RecordedDefinition(Struct, frozen=True):
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
    effect: RedefinitionEffect


@click.command(short_help="Add, correct or annul a version of a definition.")
@click.argument("code", metavar="CODE")
@click.option(
    "--effective-on",
    type=terminal.DayType(),
    help="It counts periods that start on this day or later.",
)
@click.option(
    "--basis", type=terminal.LineType("text", Line, 500), help="The decree it rests on."
)
@click.option(
    "--reason",
    type=terminal.LineType("text", Reason, 2000),
    required=True,
    help="Why it is changed, corrected or annulled.",
)
@tried_out
@revision.revision
@revision.accepted
@terminal.actor
@terminal.as_json
def define(
    code: str,
    effective_on: date | None,
    basis: str | None,
    reason: str,
    amendment: Amendment,
    *,
    corrects: int | None,
    annuls: int | None,
    preview: bool,
    yes: bool,
    actor: str,
    json: bool,
) -> None:
    """Add a version of the definition of CODE, after its effect has been shown.

    Options that are left out stay as in the version in force on its day. The effect is
    shown on the last two complete years, by all that is known today.

    With --corrects a version that was recorded wrongly is replaced by a new one; with
    --annuls it is taken out of force. Both name its place in `iku history CODE`.
    """
    amended = structs.asdict(amendment)
    given = {"effective_on": effective_on, "basis": basis, **amended}
    if corrects is not None or annuls is not None:
        proposed = revision.proposed(corrects, annuls, reason, given)
        command = Command("indicator", code, proposed, actor)
        revision.revise(command, preview=preview, yes=yes, json=json)
        return
    if effective_on is None or basis is None:
        missing = "--effective-on" if effective_on is None else "--basis"
        raise click.UsageError(f"Missing option '{missing}'.")
    redefinition = Redefinition(
        **amended, effective_on=effective_on, basis=basis, reason=reason
    )
    command = Command("indicator", code, redefinition, actor)
    _define(command, preview=preview, yes=yes, json=json)


def _define(command: Command, *, preview: bool, yes: bool, json: bool) -> None:
    """Show the effect of a new version, and record it once that is accepted."""

    async def work() -> tuple[RedefinitionEffect, CommandResult | None]:
        async with terminal.opened_app(terminal.settings()) as app:
            # What is recorded must be what was shown.
            expected = await revision.version(app, command)
            pinned = structs.replace(command, expected=expected)
            effect = await _preview(app, pinned)
            if not json:
                show(effect)
            if preview:
                return effect, None
            if not yes and not click.confirm("Catat definisi ini?", err=json):
                raise CommandFailed("nothing was recorded")
            async with app.pool.acquire() as connection:
                return effect, await app.commands.handle(connection, pinned)

    effect, done = terminal.run(work())
    if done is not None:
        _tell(effect, done, json=json)
    elif json:
        terminal.emit(effect)


def _tell(effect: RedefinitionEffect, done: CommandResult, *, json: bool) -> None:
    given = done.receipt
    if json:
        at = (given.version, given.position, given.size)
        terminal.emit(
            RecordedDefinition(effect.indicator, effect.definition, *at, effect)
        )
    else:
        tables.say(
            f"Dicatat: definisi versi {effect.definition} {effect.indicator}, "
            f"peristiwa {formats.number(given.position)}."
        )


async def _preview(app: App, command: Command) -> RedefinitionEffect:
    """What the definition would change.

    Raises:
        Refused: The rules do not allow it, or it is so already.
    """
    today = app.commands.today()
    async with app.pool.acquire() as connection:
        [proposed] = await app.commands.preview(connection, command)
        code = command.subject
        return await definition_comparison.preview_definition(
            app.view(connection), code, proposed, today
        )


def show(effect: RedefinitionEffect) -> None:
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


def _rows(point: comparison.ComparedPoint) -> list[tuple[str, ...]]:
    outcomes = zip(NAMES, (point.in_force, point.proposed), strict=True)
    day = formats.day(point.as_of)
    return [(day, name, *cells(outcome)) for name, outcome in outcomes]


def _differing(year: YearEffect) -> str:
    number = formats.number(year.differing)
    return f"{number} kasus atau organisasi dihitung berbeda pada akhir tahun."
